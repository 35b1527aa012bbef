/*
 * Manages the receiving ends of lanes: which lanes are polled, which ring, and when they end. Used
 * only by the owning thread.
 */
#ifndef LITEIPC_KERNEL_INBOUND_LANES_H
#define LITEIPC_KERNEL_INBOUND_LANES_H

#include "kernel/control_blocks.h"

/* Deposits spare ends with the domain until there are `wanted` (at most CONTROL_LANE_ENDS_MAX). */
void InboundRestock(struct LiteIpcThread *thread, uint32_t wanted);

/*
 * Begins a lane: a sender got one of the spare ends. Used descriptors are set to -1 in the array.
 */
void InboundLaneBegin(struct LiteIpcThread *thread, const struct ControlLaneNew *begin,
                      int *descriptors, unsigned count);

/* Sets the socket for descriptors of a lane; *descriptor is set to -1 if it is taken. */
void InboundLaneSocket(struct LiteIpcThread *thread, uint32_t laneID, int *descriptor);

/* Ends the lane of this ID, if it belongs to this thread: nothing more is taken from it. */
void InboundLaneEnd(struct LiteIpcThread *thread, uint32_t laneID);

/*
 * Returns whether a hot lane has a record, or the domain has sent something. Cheap, for spinning.
 */
bool InboundVisible(const struct LiteIpcThread *thread);

/* Collects rings from the epoll set; waits for one up to `timeoutMs`. 0, -EINTR. */
int InboundCollect(struct LiteIpcThread *thread, int timeoutMs);

/*
 * Asks all lanes to ring, then looks again. Returns true if something has come (no lane is then
 * armed).
 */
bool InboundArm(struct LiteIpcThread *thread);
void InboundDisarm(struct LiteIpcThread *thread);

/* Makes a live lane hot. If 16 are hot already, one of them is evicted. */
void HotLaneAdd(struct LiteIpcThread *thread, struct InboundLane *lane);
void HotLaneRemove(struct LiteIpcThread *thread, struct InboundLane *lane);

/* Closes a lane. Its messages live on until they are freed. */
void InboundLaneClose(struct LiteIpcThread *thread, struct InboundLane *lane);
/* Closes a lane whose sender breaks the rules, and reports it to the domain. */
void InboundLaneRefuse(struct LiteIpcThread *thread, struct InboundLane *lane);
/* Frees closed lanes whose messages were all freed. */
void InboundSweep(struct LiteIpcThread *thread);

/*
 * Frees the lanes of a thread that ends. Lanes whose messages are not freed yet move to the device.
 */
void InboundRelease(struct LiteIpcThread *thread);
/* Frees the lanes that were waiting for their messages. */
void InboundOrphansFree(struct LiteIpcDevice *device);

#endif
