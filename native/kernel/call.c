#include "kernel/call.h"

#include <errno.h>
#include <stdlib.h>

static int CallTableGrow(struct IpcCallTable *table)
{
    if (table->capacity >= CALLS_MAX) {
        return -EAGAIN;
    }
    uint32_t wanted = table->capacity == 0 ? 64 : table->capacity * 2;
    if (wanted > CALLS_MAX) {
        wanted = CALLS_MAX;
    }
    struct IpcCall *larger = realloc(table->calls, wanted * sizeof(*larger));
    if (larger == NULL) {
        return -ENOMEM;
    }
    for (uint32_t index = wanted; index > table->capacity; index--) {
        larger[index - 1] = (struct IpcCall){.next = table->free};
        table->free = index;
    }
    table->calls = larger;
    table->capacity = wanted;
    return 0;
}

int CallBegin(struct IpcCallTable *table, struct IpcCall **call, uint32_t *callIndex)
{
    if (table->free == 0) {
        int status = CallTableGrow(table);
        if (status != 0) {
            return status;
        }
    }
    struct IpcCall *found = &table->calls[table->free - 1];
    *callIndex = table->free;
    table->free = found->next;
    table->used++;
    found->used = true;
    found->failure = 0;
    found->byRight = false;
    found->serial++;
    *call = found;
    return 0;
}

void CallEnd(struct IpcCallTable *table, struct IpcCall *call)
{
    call->used = false;
    call->next = table->free;
    table->free = (uint32_t)(call - table->calls) + 1;
    table->used--;
}

struct IpcCall *CallFind(struct IpcCallTable *table, const struct IpcNode *reply)
{
    uint32_t callIndex = reply->prefix.callIndex;
    if (callIndex == 0 || callIndex > table->capacity) {
        return NULL;
    }
    struct IpcCall *call = &table->calls[callIndex - 1];
    return call->used ? call : NULL;
}

uint32_t CallID(const struct IpcCallTable *table, const struct IpcCall *call)
{
    return ((uint32_t)call->serial << 16) | (uint32_t)(call - table->calls);
}

struct IpcCall *CallByID(struct IpcCallTable *table, uint32_t callID)
{
    uint32_t index = callID & 0xFFFFU;
    if (index >= table->capacity || !table->calls[index].used ||
        table->calls[index].serial != callID >> 16) {
        return NULL;
    }
    return &table->calls[index];
}

void CallTableFree(struct IpcCallTable *table)
{
    free(table->calls);
    *table = (struct IpcCallTable){0};
}

bool CallTargetGone(const struct LiteIpcDevice *device, const struct IpcCall *call)
{
    struct ControlTaskFacts facts;
    return ControlTaskRead(device->table, call->targetTask, &facts) != 0 ||
           facts.state != CONTROL_ALIVE || facts.generation != call->targetGeneration;
}

int CallLoss(const struct LiteIpcDevice *device, const struct IpcCall *call)
{
    if (CallTargetGone(device, call)) {
        return -EPIPE;
    }
    bool revoked =
        call->byRight && ControlRevokedSince(device->table, call->targetTask,
                                             device->identity.processID, call->revocations);
    return revoked ? -EACCES : 0;
}
