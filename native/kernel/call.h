/*
 * Manages the pending calls of a task. The name of a call is {serial: 16, index: 16}. Its index + 1
 * travels with the request and returns with the reply, so that finding the call takes no search. A
 * reply is accepted only if its timestamp and process fit, too.
 */
#ifndef LITEIPC_KERNEL_CALL_H
#define LITEIPC_KERNEL_CALL_H

#include "kernel/control_blocks.h"

#define CALLS_MAX 65535U

/* Takes a free slot, which the caller fills in. Returns 0, -EAGAIN (too many calls) or -ENOMEM. */
int CallBegin(struct IpcCallTable *table, struct IpcCall **call, uint32_t *callIndex);
/* Frees the slot. */
void CallEnd(struct IpcCallTable *table, struct IpcCall *call);
/* Returns the pending call that this reply names, or NULL. CheckReceivedMsg checks the rest. */
struct IpcCall *CallFind(struct IpcCallTable *table, const struct IpcNode *reply);
/* Returns the call's public name. */
uint32_t CallID(const struct IpcCallTable *table, const struct IpcCall *call);
/* Returns the pending call of this name, or NULL when it has ended. */
struct IpcCall *CallByID(struct IpcCallTable *table, uint32_t callID);
void CallTableFree(struct IpcCallTable *table);

/* Returns true if the service of this call has ended or its task ID belongs to another task. */
bool CallTargetGone(const struct LiteIpcDevice *device, const struct IpcCall *call);
/*
 * Returns why a call will get no reply: -EPIPE if its service has ended, -EACCES if the right to
 * call it was revoked since, even if it was granted again. Returns 0 if a reply may still come.
 */
int CallLoss(const struct LiteIpcDevice *device, const struct IpcCall *call);

#endif
