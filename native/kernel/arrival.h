/*
 * Turns records into messages in the queues of tasks, and deaths into death notices. Used by the
 * owning thread alone.
 */
#ifndef LITEIPC_KERNEL_ARRIVAL_H
#define LITEIPC_KERNEL_ARRIVAL_H

#include "kernel/control_blocks.h"

/*
 * Takes a peeked record: copies it, checks the copy, and queues it for its task or drops it.
 * Returns 0; -ENOMEM if it has to wait in its lane (thread->poolFull is set); -EAGAIN if the
 * domain's messages have to be read first, in the next look; -EPROTO for one malformed record too
 * many.
 */
int InboundTake(struct LiteIpcThread *thread, struct InboundLane *lane,
                const struct RingRecord *record, uint32_t size);

/*
 * Stores a death that the domain reports. The next look queues the notice where its time stamp
 * belongs. Without memory the thread counts as lost.
 */
void InboundDeathStore(struct LiteIpcThread *thread, const struct ControlDeath *death);

/*
 * Queues a death notice for the IPC task. Returns false if there is no memory for it; true also if
 * the IPC task has ended.
 */
bool InboundDeathQueue(struct LiteIpcThread *thread, const struct ControlDeath *death);

#endif
