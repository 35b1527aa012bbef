/* Records the hook calls of a device for tests. Never asserts in the thread that calls a hook. */
#ifndef LITEIPC_TEST_HOOK_LOG_H
#define LITEIPC_TEST_HOOK_LOG_H

#include <pthread.h>
#include <stdint.h>

#include "kernel/hooks.h"
#include "liteipc/liteipc.h"

#define HOOK_LOG_MAX 256

struct HookEntry {
    struct IpcHookEvent event; /* its msg is no longer valid */
    IpcMsg msg;                /* zero if the event has no message */
    unsigned char data[16];    /* the first bytes of the message */
};

struct HookLog {
    struct LiteIpcDevice *device;
    pthread_mutex_t lock;
    /* Protected by lock, like the entries; calls beyond HOOK_LOG_MAX are only counted. */
    unsigned count;
    struct HookEntry entries[HOOK_LOG_MAX];
};

/* Registers for all seven hooks. */
void HookLogStart(struct HookLog *log, struct LiteIpcDevice *device);
void HookLogStop(struct HookLog *log);
/* Return the number of calls since the last HookLogClear. */
unsigned HookLogTotal(struct HookLog *log);
unsigned HookLogCount(struct HookLog *log, enum LosHookType type);
void HookLogClear(struct HookLog *log);
/* Returns the only call of its type, which must exist. Waits for it up to TEST_DEADLINE_MS. */
struct HookEntry HookLogOnly(struct HookLog *log, enum LosHookType type);
/* Does the same for a drop with this reason and clears the log, which must hold no other drop. */
struct HookEntry HookLogDrop(struct HookLog *log, enum LosHookType type, int reason);

#endif
