/*
 * The receiving ends of lanes and what comes out of them: which lanes are looked at, which ring,
 * and how records become messages in the queues of tasks. Used by the owning thread alone.
 */
#ifndef LITEIPC_KERNEL_INBOUND_H
#define LITEIPC_KERNEL_INBOUND_H

#include "kernel/control_blocks.h"

/* Deposits spare ends with the domain until it has `wanted` (at most CONTROL_LANE_ENDS_MAX). */
void InboundRestock(struct LiteIpcThread *thread, uint32_t wanted);

/* A sender got one of the spare ends. Descriptors that are used are set to -1 in the array. */
void InboundLaneBegin(struct LiteIpcThread *thread, const struct ControlLaneNew *begin,
                      int *descriptors, unsigned count);

/* The way for descriptors of a lane; *descriptor is set to -1 when it is taken. */
void InboundLaneSocket(struct LiteIpcThread *thread, uint32_t laneID, int *descriptor);

/* The lane of this ID is closed, if it is one of this thread's: nothing more is taken from it. */
void InboundLaneEnd(struct LiteIpcThread *thread, uint32_t laneID);

/* The domain tells of a death: the next look puts the notice where its time stamp belongs. */
void InboundDeathKeep(struct LiteIpcThread *thread, const struct ControlDeath *death);
/* Queues a death notice for the IPC task; false: there is no memory for it. */
bool InboundDeath(struct LiteIpcThread *thread, const struct ControlDeath *death);

/*
 * One look: handles what the domain says, collects rings, and moves what was published before it
 * began into the queues of the tasks, by time stamp across lanes, at most `budget` records. Death
 * notices are sorted in, so that nothing that the dead had sent before comes after them.
 * Returns how many were moved or dropped.
 */
unsigned InboundLook(struct LiteIpcThread *thread, unsigned budget);

/* Is anything visible in a hot lane, or has the domain called. Cheap, for spinning. */
bool InboundVisible(const struct LiteIpcThread *thread);

/* Collects rings from the epoll set; waits for one up to `timeoutMs`. 0, -EINTR. */
int InboundCollect(struct LiteIpcThread *thread, int timeoutMs);

/* Asks all lanes to ring, then looks again: true if something is there (and then none is asked). */
bool InboundArm(struct LiteIpcThread *thread);
void InboundDisarm(struct LiteIpcThread *thread);

/*
 * A node for what a record brings. Without memory: asks to be woken when there is some, sets
 * thread->poolFull, -ENOMEM.
 */
int ArrivalAlloc(struct LiteIpcThread *thread, uint32_t size, struct IpcNode **node);

/*
 * Takes a peeked record: copies it, checks the copy, queues it for its task or drops it.
 * 0; -ENOMEM: it has to wait in its lane (thread->poolFull is set); -EAGAIN: the domain has to be
 * heard first, in the next look; -EPROTO: one malformed record too many.
 */
int InboundTake(struct LiteIpcThread *thread, struct InboundLane *lane,
                const struct RingRecord *record, uint32_t size);

/* The thread ends: frees its lanes; those whose messages are still held go to the device. */
void InboundRelease(struct LiteIpcThread *thread);
/* Frees the lanes that were waiting for their messages. */
void InboundOrphansFree(struct LiteIpcDevice *device);

#endif
