/*
 * What the hooks of a device say, kept for a test to look at. Never asserts in the thread that
 * calls a hook.
 */
#ifndef LITEIPC_TEST_HOOK_LOG_H
#define LITEIPC_TEST_HOOK_LOG_H

#include <pthread.h>
#include <stdint.h>

#include "kernel/hooks.h"
#include "liteipc/liteipc.h"

#define HOOK_LOG_MAX 256

struct HookEntry {
    struct IpcHookEvent event; /* its msg points nowhere any more */
    IpcMsg msg;                /* zero when there was none */
    unsigned char data[16];    /* the first bytes of the message */
};

struct HookLog {
    struct LiteIpcDevice *device;
    pthread_mutex_t lock;
    unsigned count; /* under lock, as the entries; those above HOOK_LOG_MAX are only counted */
    struct HookEntry entries[HOOK_LOG_MAX];
};

/* Registers for all seven. */
void HookLogStart(struct HookLog *log, struct LiteIpcDevice *device);
void HookLogStop(struct HookLog *log);
/* How many there were since the last clearing. */
unsigned HookLogTotal(struct HookLog *log);
unsigned HookLogCount(struct HookLog *log, enum LosHookType type);
void HookLogClear(struct HookLog *log);
/* The only one of its type, which must be there; waits for it up to 2 s. */
struct HookEntry HookLogOnly(struct HookLog *log, enum LosHookType type);
/*
 * The same for a drop of this reason; clears the log, which must hold nothing else that is a drop.
 */
struct HookEntry HookLogDrop(struct HookLog *log, enum LosHookType type, int reason);

#endif
