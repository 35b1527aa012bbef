/*
 * Manages the sending ends of lanes: made on demand through the domain, leased to one thread,
 * returned to the device's idle lanes when the thread ends. Used only by the leasing thread, except
 * the idle lanes, which the device's lock guards.
 */
#ifndef LITEIPC_KERNEL_OUTBOUND_H
#define LITEIPC_KERNEL_OUTBOUND_H

#include "kernel/control_blocks.h"

/*
 * Returns the lane from this thread to the thread of task `target` (whose facts were just read).
 * `sourceTask` requests it; `isReply` states that it is for an answer. 0: *lane is ready.
 * -EINPROGRESS: it is being made; with `wait` the call waits for it instead, up to the kernel's 5
 * s, then returns -ENOMEM. Else the domain's answer: -EACCES, -EINVAL, -ENOMEM.
 */
int OutboundLaneGet(struct LiteIpcThread *thread, uint32_t taskID,
                    const struct ControlTaskFacts *target, uint32_t sourceTask, bool isReply,
                    bool wait, struct OutboundLane **lane);

/* Handles the domain's answer to CONTROL_LANE_OPEN. Used descriptors are set to -1 in the array. */
void OutboundLaneAnswered(struct OutboundLane *lane, struct LiteIpcThread *thread,
                          const struct ControlMessage *answer, int *descriptors, unsigned count);

/* Ends the lane of this ID, if it belongs to this thread. */
void OutboundLaneEnd(struct LiteIpcThread *thread, uint32_t laneID);

/*
 * Sets the socket for descriptors of one of this thread's lanes; *descriptor is set to -1 if it is
 * taken.
 */
void OutboundLaneSocket(struct LiteIpcThread *thread, uint32_t laneID, int *descriptor);

/* Frees the lanes whose receiver is gone. */
void OutboundScan(struct LiteIpcThread *thread);

/* Publishes the reserved record and rings if the receiver asked for it. */
void OutboundLanePublish(struct LiteIpcThread *thread, struct OutboundLane *lane);

/*
 * Moves the lanes of a thread that ends to the device's idle lanes. Frees them if the domain is
 * lost.
 */
void OutboundRelease(struct LiteIpcThread *thread);
/* Frees every idle lane. */
void OutboundIdleFree(struct LiteIpcDevice *device);

#endif
