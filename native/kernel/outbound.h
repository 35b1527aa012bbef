/*
 * Manages the sending ends of lanes: opened on demand through the domain, leased to one thread, and
 * passed to the process when the thread ends. Used by the leasing thread alone, except the idle
 * lanes, which the device's lock guards.
 */
#ifndef LITEIPC_KERNEL_OUTBOUND_H
#define LITEIPC_KERNEL_OUTBOUND_H

#include "kernel/control_blocks.h"

/*
 * Finds or opens the lane from this thread to the thread of task `taskID`, whose facts were just
 * read as `target`. `sourceTask` requests it; `isReply` if it is for a reply. Returns 0 if *lane is
 * ready. Returns -EINPROGRESS while it is being opened; with `wait` the call waits up to the
 * kernel's 5 s instead, then returns -ENOMEM. Else returns the domain's answer: -EACCES, -EINVAL or
 * -ENOMEM.
 */
int OutboundLaneGet(struct LiteIpcThread *thread, uint32_t taskID,
                    const struct ControlTaskFacts *target, uint32_t sourceTask, bool isReply,
                    bool wait, struct OutboundLane **lane);

/* Handles the answer to CONTROL_LANE_OPEN. Sets used descriptors in the array to -1. */
void OutboundLaneAnswered(struct OutboundLane *lane, struct LiteIpcThread *thread,
                          const struct ControlMessage *answer, int *descriptors, unsigned count);

/* Frees the lane of this ID, if it belongs to this thread. */
void OutboundLaneEnd(struct LiteIpcThread *thread, uint32_t laneID);

/*
 * Sets the socket for descriptors of one of this thread's lanes. Sets *descriptor to -1 if taken.
 */
void OutboundLaneSocket(struct LiteIpcThread *thread, uint32_t laneID, int *descriptor);

/* Frees the lanes whose receiver has ended. */
void OutboundScan(struct LiteIpcThread *thread);

/* Publishes the reserved record, and rings if the receiver armed the lane. */
void OutboundLanePublish(struct LiteIpcThread *thread, struct OutboundLane *lane);

/* Passes the lanes of a thread that ends to the device's idle lanes; frees them if it is lost. */
void OutboundRelease(struct LiteIpcThread *thread);
/* Frees every idle lane. */
void OutboundIdleFree(struct LiteIpcDevice *device);

#endif
