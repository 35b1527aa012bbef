/*
 * The sending ends of lanes: made on demand through the domain, leased to one thread, kept by the
 * process when the thread ends. Used by the leasing thread alone, except the shelf, which the
 * device's lock guards.
 */
#ifndef LITEIPC_KERNEL_OUTBOUND_H
#define LITEIPC_KERNEL_OUTBOUND_H

#include "kernel/control_blocks.h"

/*
 * The lane from this thread to the thread of task `target` (whose facts were just read).
 * `sourceTask` asks for it; `isReply` when it is for an answer.
 * 0: *lane is ready. -EINPROGRESS: it is being made; with `wait` the call waits for it instead, up
 * to the kernel's 5 s, then -ENOMEM. Else what the domain answered: -EACCES, -EINVAL, -ENOMEM.
 */
int OutboundLaneGet(struct LiteIpcThread *thread, uint32_t taskID,
                    const struct ControlTaskFacts *target, uint32_t sourceTask, bool isReply,
                    bool wait, struct OutboundLane **lane);

/* The domain answered CONTROL_LANE_OPEN. Descriptors that are used are set to -1 in the array. */
void OutboundLaneAnswered(struct OutboundLane *lane, struct LiteIpcThread *thread,
                          const struct ControlMessage *answer, int *descriptors, unsigned count);

/* The lane of this ID is closed, if it is one of this thread's. */
void OutboundLaneEnd(struct LiteIpcThread *thread, uint32_t laneID);

/* The way for descriptors of one of this thread's lanes; *descriptor is set to -1 when taken. */
void OutboundLaneSocket(struct LiteIpcThread *thread, uint32_t laneID, int *descriptor);

/* Frees the lanes whose receiver is gone. */
void OutboundScan(struct LiteIpcThread *thread);

/* Publishes the reserved record and rings if the receiver asked for it. */
void OutboundLanePublish(struct LiteIpcThread *thread, struct OutboundLane *lane);

/* The thread ends: its lanes go to the device's shelf. With the domain lost they are freed. */
void OutboundRelease(struct LiteIpcThread *thread);
/* Frees every lane on the shelf. */
void OutboundIdleFree(struct LiteIpcDevice *device);

#endif
