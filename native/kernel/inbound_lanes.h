/*
 * Manages the receiving ends of lanes. Used by the owning thread alone.
 *
 * Glossary
 *   spare   deposited with the domain, for a sender that opens a lane
 *   hot     looked at on every read; at most HOT_LANES_MAX. A lane that rings becomes hot. A lane
 *           that leaves the hot set is armed and looked at once more
 *   armed   its sender rings the bell after the next record; a lane that is not armed is polled
 */
#ifndef LITEIPC_KERNEL_INBOUND_LANES_H
#define LITEIPC_KERNEL_INBOUND_LANES_H

#include "kernel/control_blocks.h"

/* Deposits spare ends with the domain until it has `wanted` (at most CONTROL_LANE_ENDS_MAX). */
void InboundRestock(struct LiteIpcThread *thread, uint32_t wanted);

/* Starts a lane: a sender received a spare end. Sets used descriptors in the array to -1. */
void InboundLaneBegin(struct LiteIpcThread *thread, const struct ControlLaneNew *begin,
                      int *descriptors, unsigned count);

/* Sets the socket for the descriptors of a lane. Sets *descriptor to -1 if it takes it. */
void InboundLaneSocket(struct LiteIpcThread *thread, uint32_t laneID, int *descriptor);

/* Closes the lane of this ID if it belongs to this thread: nothing more is taken from it. */
void InboundLaneEnd(struct LiteIpcThread *thread, uint32_t laneID);

/*
 * Returns true if a hot lane has a record or the domain has sent something. Cheap enough for a spin
 * loop.
 */
bool InboundVisible(const struct LiteIpcThread *thread);

/* Collects rings from the epoll set. Waits for one up to `timeoutMs`. Returns 0 or -EINTR. */
int InboundCollect(struct LiteIpcThread *thread, int timeoutMs);

/*
 * Arms the hot lanes, then looks at them again. Returns true if something is there; no lane is
 * armed then.
 */
bool InboundArm(struct LiteIpcThread *thread);
/* Disarms the hot lanes, if they are armed. */
void InboundDisarm(struct LiteIpcThread *thread);

/* Makes a live lane hot. If HOT_LANES_MAX are hot already, one of them becomes cold. */
void HotLaneAdd(struct LiteIpcThread *thread, struct InboundLane *lane);
void HotLaneRemove(struct LiteIpcThread *thread, struct InboundLane *lane);

/* Closes a lane. Its cursors live until every message that was taken from it is freed. */
void InboundLaneClose(struct LiteIpcThread *thread, struct InboundLane *lane);
/* Closes a lane whose sender breaks the rules, and reports that to the domain. */
void InboundLaneRefuse(struct LiteIpcThread *thread, struct InboundLane *lane);
/* Frees closed lanes whose messages are all freed. */
void InboundSweep(struct LiteIpcThread *thread);

/* Frees the lanes of a thread that ends. Lanes with messages in use pass to the device. */
void InboundRelease(struct LiteIpcThread *thread);
/* Frees the lanes that passed to the device. */
void InboundOrphansFree(struct LiteIpcDevice *device);

#endif
