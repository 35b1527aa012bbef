/*
 * The pending calls of a task. A call is named by {serial: 16, index: 16}; its index + 1 travels
 * with the request and comes back with the reply, so that finding it takes no search. The reply is
 * believed only if timestamp and process fit, too.
 */
#ifndef LITEIPC_KERNEL_CALL_H
#define LITEIPC_KERNEL_CALL_H

#include "kernel/control_blocks.h"

#define CALLS_MAX 65535U

/* A free slot, filled in by the caller. 0, -EAGAIN (too many calls), -ENOMEM. */
int CallBegin(struct IpcCallTable *table, struct IpcCall **call, uint32_t *callIndex);
/* The slot is free again. */
void CallEnd(struct IpcCallTable *table, struct IpcCall *call);
/* The pending call that this reply names, or NULL. Whether it answers it: CheckReceivedMsg. */
struct IpcCall *CallFind(struct IpcCallTable *table, const struct IpcNode *reply);
/* The call's public name, and back (NULL when it has ended). */
uint32_t CallID(const struct IpcCallTable *table, const struct IpcCall *call);
struct IpcCall *CallByID(struct IpcCallTable *table, uint32_t callID);
void CallTableFree(struct IpcCallTable *table);

/* Is the service of this call dead, or its task another one by now. */
bool CallTargetGone(const struct LiteIpcDevice *device, const struct IpcCall *call);
/*
 * Why a call will get no answer: -EPIPE, its service is gone; -EACCES, the right to call it was
 * taken away since, even if it was given again. 0: it may get one.
 */
int CallLoss(const struct LiteIpcDevice *device, const struct IpcCall *call);

#endif
