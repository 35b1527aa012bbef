/* Turns records into messages in the queues of tasks, and deaths into death notices. */
#ifndef LITEIPC_KERNEL_ARRIVAL_H
#define LITEIPC_KERNEL_ARRIVAL_H

#include "kernel/control_blocks.h"

/*
 * Takes a peeked record: copies it, checks the copy, queues it for its task or drops it. Returns 0;
 * -ENOMEM: the record waits in its lane (thread->poolFull is set); -EAGAIN: a message of the domain
 * comes first, in the next look; -EPROTO: one malformed record too many.
 */
int InboundTake(struct LiteIpcThread *thread, struct InboundLane *lane,
                const struct RingRecord *record, uint32_t size);

/* Stores a death that the domain reported. The next look queues its notice by time stamp. */
void InboundDeathStore(struct LiteIpcThread *thread, const struct ControlDeath *death);
/* Queues a death notice for the IPC task. Returns false if there is no memory for it. */
bool InboundDeathQueue(struct LiteIpcThread *thread, const struct ControlDeath *death);

#endif
