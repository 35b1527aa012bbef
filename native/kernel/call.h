/*
 * Holds the pending calls of a task. A call is named by {serial: 16, index: 16}. Its index + 1 is
 * sent with the request and comes back with the reply, so no search is needed. A reply is accepted
 * only if timestamp and process match as well.
 */
#ifndef LITEIPC_KERNEL_CALL_H
#define LITEIPC_KERNEL_CALL_H

#include "kernel/control_blocks.h"

#define CALLS_MAX 65535U

/* Returns a free slot, which the caller fills in. 0, -EAGAIN (too many calls), -ENOMEM. */
int CallBegin(struct IpcCallTable *table, struct IpcCall **call, uint32_t *callIndex);
/* Frees the slot. */
void CallEnd(struct IpcCallTable *table, struct IpcCall *call);
/*
 * Returns the pending call that this reply names, or NULL. CheckReceivedMsg decides whether it
 * answers the call.
 */
struct IpcCall *CallFind(struct IpcCallTable *table, const struct IpcNode *reply);
/* Returns the call's public name, or the call of a name (NULL if it has ended). */
uint32_t CallID(const struct IpcCallTable *table, const struct IpcCall *call);
struct IpcCall *CallByID(struct IpcCallTable *table, uint32_t callID);
void CallTableFree(struct IpcCallTable *table);

/* Returns whether the service of this call has ended, or its task ID belongs to another task. */
bool CallTargetGone(const struct LiteIpcDevice *device, const struct IpcCall *call);
/*
 * Returns why a call will get no answer: -EPIPE, its service is gone; -EACCES, the right to call it
 * was revoked since, even if it was granted again. 0: it may get an answer.
 */
int CallLoss(const struct LiteIpcDevice *device, const struct IpcCall *call);

#endif
