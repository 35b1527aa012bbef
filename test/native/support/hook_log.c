#include "support/hook_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "support/actors.h"

static void Note(void *context, const struct IpcHookEvent *event)
{
    struct HookLog *log = context;
    pthread_mutex_lock(&log->lock);
    if (log->count < HOOK_LOG_MAX) {
        struct HookEntry *entry = &log->entries[log->count];
        *entry = (struct HookEntry){.event = *event};
        if (event->msg != NULL) {
            entry->msg = *event->msg;
            if (event->msg->data != NULL) {
                uint32_t size = event->msg->dataSz;
                memcpy(entry->data, event->msg->data,
                       size < sizeof(entry->data) ? size : sizeof(entry->data));
            }
        }
    }
    log->count++;
    pthread_mutex_unlock(&log->lock);
}

void HookLogStart(struct HookLog *log, struct LiteIpcDevice *device)
{
    log->device = device;
    log->count = 0;
    pthread_mutex_init(&log->lock, NULL);
    for (unsigned type = 0; type < LOS_HOOK_TYPE_NUM; type++) {
        assert_int_equal(LOS_HookReg(device, (enum LosHookType)type, Note, log), 0);
    }
}

void HookLogStop(struct HookLog *log)
{
    for (unsigned type = 0; type < LOS_HOOK_TYPE_NUM; type++) {
        assert_int_equal(LOS_HookUnReg(log->device, (enum LosHookType)type, Note, log), 0);
    }
    pthread_mutex_destroy(&log->lock);
}

unsigned HookLogTotal(struct HookLog *log)
{
    pthread_mutex_lock(&log->lock);
    unsigned count = log->count;
    pthread_mutex_unlock(&log->lock);
    return count;
}

/* Returns the number of events of this type and stores the last one. */
static unsigned Find(struct HookLog *log, enum LosHookType type, struct HookEntry *found)
{
    unsigned count = 0;
    pthread_mutex_lock(&log->lock);
    for (unsigned i = 0; i < log->count && i < HOOK_LOG_MAX; i++) {
        if (log->entries[i].event.type == type) {
            *found = log->entries[i];
            count++;
        }
    }
    pthread_mutex_unlock(&log->lock);
    return count;
}

unsigned HookLogCount(struct HookLog *log, enum LosHookType type)
{
    struct HookEntry found;
    return Find(log, type, &found);
}

void HookLogClear(struct HookLog *log)
{
    pthread_mutex_lock(&log->lock);
    log->count = 0;
    pthread_mutex_unlock(&log->lock);
}

struct HookEntry HookLogOnly(struct HookLog *log, enum LosHookType type)
{
    struct HookEntry found = {0};
    unsigned count = 0;
    uint64_t deadline = TestDeadline();
    while ((count = Find(log, type, &found)) == 0 && TestRetry(deadline)) {
    }
    if (count != 1) {
        print_error("%s: called %u times\n", LosHookName(type), count);
    }
    assert_int_equal(count, 1);
    return found;
}

struct HookEntry HookLogDrop(struct HookLog *log, enum LosHookType type, int reason)
{
    struct HookEntry found = HookLogOnly(log, type);
    assert_int_equal(found.event.reason, reason);
    unsigned drops = HookLogCount(log, LOS_HOOK_TYPE_IPC_READ_DROP) +
                     HookLogCount(log, LOS_HOOK_TYPE_IPC_WRITE_DROP);
    assert_int_equal(drops, 1);
    HookLogClear(log);
    return found;
}
