/* Turns records into messages in the queues of tasks, and deaths into death notices. */
#ifndef LITEIPC_KERNEL_ARRIVAL_H
#define LITEIPC_KERNEL_ARRIVAL_H

#include "kernel/control_blocks.h"

/*
 * Takes a peeked record: copies it, checks the copy, queues it for its task or drops it.
 * 0; -ENOMEM: it has to wait in its lane (thread->poolFull is set); -EAGAIN: the domain has to be
 * heard first, in the next look; -EPROTO: one malformed record too many.
 */
int InboundTake(struct LiteIpcThread *thread, struct InboundLane *lane,
                const struct RingRecord *record, uint32_t size);

/* The domain tells of a death: the next look puts the notice where its time stamp belongs. */
void InboundDeathStore(struct LiteIpcThread *thread, const struct ControlDeath *death);
/* Queues a death notice for the IPC task; false: there is no memory for it. */
bool InboundDeathQueue(struct LiteIpcThread *thread, const struct ControlDeath *death);

#endif
