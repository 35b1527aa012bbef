/*
 * Waits: a short, adaptive spin, then a sleep in the thread's epoll set.
 *
 * A thread spins only while that pays: its recent waits would have ended within the spin, and the
 * peer runs on another core. The time that a wait would have taken is read from the time stamp of
 * the record that ended it, so that slow wake-ups do not hide a fast peer.
 */
#ifndef LITEIPC_KERNEL_SLEEP_H
#define LITEIPC_KERNEL_SLEEP_H

#include "kernel/control_blocks.h"

/* Default of the longest spin, ns: about the cost of waking a sleeper on another core. */
#define SPIN_LIMIT_DEFAULT 50000U

/*
 * Waits until something may have come, or until `deadline` (CLOCK_MONOTONIC ns, UINT64_MAX = none).
 * 0: look. -ETIME: the deadline has passed. -EINTR: a signal handler ran.
 */
int ThreadSleep(struct LiteIpcThread *thread, uint64_t deadline);

/* Spins up to `limit` ns if that seems worth it. Returns true if something is visible. */
bool ThreadSpin(struct LiteIpcThread *thread, uint64_t limit);

/* Adapts to a wait that ended. Called after the look that follows it. */
void ThreadWaited(struct LiteIpcThread *thread);

#endif
