/*
 * The hot set: lanes that are looked at on every read. A lane that rings becomes hot; one that
 * falls out is set to "ring" and looked at once more. Used by the owning thread alone.
 */
#ifndef LITEIPC_KERNEL_INBOUND_HOT_H
#define LITEIPC_KERNEL_INBOUND_HOT_H

#include "kernel/control_blocks.h"

/* Makes a live lane hot; if 16 are hot already, one of them becomes cold. */
void HotLaneAdd(struct LiteIpcThread *thread, struct InboundLane *lane);
void HotLaneRemove(struct LiteIpcThread *thread, struct InboundLane *lane);

/* Closes a lane: what was taken from it lives on until freed. */
void InboundLaneClose(struct LiteIpcThread *thread, struct InboundLane *lane);
/* Closes a lane whose sender breaks the rules, and says so to the domain. */
void InboundLaneRefuse(struct LiteIpcThread *thread, struct InboundLane *lane);
/* Frees closed lanes whose messages have all been freed. */
void InboundSweep(struct LiteIpcThread *thread);

#endif
