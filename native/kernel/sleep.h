/*
 * Waits: a short adaptive spin, then a sleep in the thread's epoll set.
 *
 * A thread spins only while that pays: its recent waits would have ended within the spin, and the
 * peer runs on another core. The time stamp of the record that ended a wait shows how long the wait
 * would have taken, so that a slow wake-up does not hide a fast peer.
 */
#ifndef LITEIPC_KERNEL_SLEEP_H
#define LITEIPC_KERNEL_SLEEP_H

#include "kernel/control_blocks.h"

/* Default for the longest spin, ns: about the cost of waking a thread on another core. */
#define SPIN_LIMIT_DEFAULT 50000U

/*
 * Waits until something may have arrived, or until `deadline` (CLOCK_MONOTONIC ns, UINT64_MAX =
 * none). Returns 0 if the caller should look, -ETIME at the deadline, -EINTR after a signal
 * handler.
 */
int ThreadSleep(struct LiteIpcThread *thread, uint64_t deadline);

/* Spins up to `limit` ns if that is likely to pay. Returns true if something is visible. */
bool ThreadSpin(struct LiteIpcThread *thread, uint64_t limit);

/* Adapts the spin to a wait that ended. Called after the look that follows the wait. */
void ThreadWaited(struct LiteIpcThread *thread);

#endif
