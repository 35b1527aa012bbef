/*
 * The receiving ends of lanes and what comes out of them: which lanes are looked at, which ring,
 * and how records become messages in the queues of tasks. Used by the owning thread alone.
 */
#ifndef LITEIPC_KERNEL_INBOUND_LANES_H
#define LITEIPC_KERNEL_INBOUND_LANES_H

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

/* Is anything visible in a hot lane, or has the domain called. Cheap, for spinning. */
bool InboundVisible(const struct LiteIpcThread *thread);

/* Collects rings from the epoll set; waits for one up to `timeoutMs`. 0, -EINTR. */
int InboundCollect(struct LiteIpcThread *thread, int timeoutMs);

/* Asks all lanes to ring, then looks again: true if something is there (and then none is asked). */
bool InboundArm(struct LiteIpcThread *thread);
void InboundDisarm(struct LiteIpcThread *thread);

/* Makes a live lane hot; if 16 are hot already, one of them becomes cold. */
void HotLaneAdd(struct LiteIpcThread *thread, struct InboundLane *lane);
void HotLaneRemove(struct LiteIpcThread *thread, struct InboundLane *lane);

/* Closes a lane: what was taken from it lives on until freed. */
void InboundLaneClose(struct LiteIpcThread *thread, struct InboundLane *lane);
/* Closes a lane whose sender breaks the rules, and says so to the domain. */
void InboundLaneRefuse(struct LiteIpcThread *thread, struct InboundLane *lane);
/* Frees closed lanes whose messages have all been freed. */
void InboundSweep(struct LiteIpcThread *thread);

/* The thread ends: frees its lanes; those whose messages are still held go to the device. */
void InboundRelease(struct LiteIpcThread *thread);
/* Frees the lanes that were waiting for their messages. */
void InboundOrphansFree(struct LiteIpcDevice *device);

#endif
