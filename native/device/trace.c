/* Implements the trace of a device: records the seven hooks in a ring. */
#include <errno.h>

#include "device/trace.h"
#include "kernel/control_blocks.h"
#include "kernel/hooks.h"
#include "kernel/trace.h"
#include "liteipc/liteipc.h"
#include "platform/clock.h"

static void Record(void *context, const struct IpcHookEvent *event)
{
    struct LiteIpcTraceRecord record = {
        .time = ClockNow(),
        .timestamp = event->timestamp,
        .hook = (uint32_t)event->type,
        .reason = event->reason,
        .process = event->process,
        .task = event->task,
        .peerProcess = event->dstProcess,
        .peerTask = event->dstTask,
        .type = (uint32_t)event->msgType,
        .waitState = event->waitState,
    };
    const IpcMsg *msg = event->msg;
    if (msg != NULL) {
        record.timestamp = msg->timestamp;
        record.type = (uint32_t)msg->type;
        record.code = msg->code;
        record.handle = msg->target.handle;
        record.size = msg->dataSz;
        record.flag = msg->flag;
    }
    if (msg != NULL &&
        (event->type == LOS_HOOK_TYPE_IPC_READ || event->type == LOS_HOOK_TYPE_IPC_READ_DROP)) {
        record.peerProcess = msg->processID;
        record.peerTask = msg->taskID;
    }
    TracePut(context, &record);
}

/* 0; -EDEADLK: called from a hook; nothing has changed. */
static int HooksRemove(struct LiteIpcDevice *device)
{
    for (uint32_t type = 0; type < LOS_HOOK_TYPE_NUM; type++) {
        if (LOS_HookUnReg(device, (enum LosHookType)type, Record, device->trace) == -EDEADLK) {
            return -EDEADLK;
        }
    }
    return 0;
}

static uint32_t PowerOfTwo(uint32_t least)
{
    uint32_t power = 1;
    while (power < least) {
        power *= 2;
    }
    return power;
}

static int Start(struct LiteIpcDevice *device, uint32_t records)
{
    if (device->tracing) {
        return -EALREADY;
    }
    struct IpcTrace *trace;
    int status = TraceCreate(PowerOfTwo(records), &trace);
    if (status != 0) {
        return status;
    }
    TraceFree(device->trace); /* of the previous trace, which has no writers left */
    device->trace = trace;
    for (uint32_t type = 0; status == 0 && type < LOS_HOOK_TYPE_NUM; type++) {
        status = LOS_HookReg(device, (enum LosHookType)type, Record, trace);
    }
    device->tracing = true;
    if (status != 0) {
        /* if so, LiteIpcTraceStop can remove them later */
        device->tracing = HooksRemove(device) != 0;
    }
    return status;
}

int LiteIpcTraceStart(struct LiteIpcDevice *device, uint32_t records)
{
    if (device == NULL || records == 0 || records > LITEIPC_TRACE_RECORDS_MAX) {
        return -EINVAL;
    }
    (void)pthread_mutex_lock(&device->traceLock);
    int status = Start(device, records);
    (void)pthread_mutex_unlock(&device->traceLock);
    return status;
}

int LiteIpcTraceStop(struct LiteIpcDevice *device)
{
    if (device == NULL) {
        return -EINVAL;
    }
    (void)pthread_mutex_lock(&device->traceLock);
    int status = device->tracing ? 0 : -EALREADY;
    if (status == 0) {
        status = HooksRemove(device);
        device->tracing = status != 0;
    }
    (void)pthread_mutex_unlock(&device->traceLock);
    return status;
}

int LiteIpcTraceRead(struct LiteIpcDevice *device, struct LiteIpcTraceRecord *records,
                     size_t maximum, uint64_t *lost)
{
    if (device == NULL || (records == NULL && maximum > 0) || lost == NULL || maximum > INT32_MAX) {
        return -EINVAL;
    }
    (void)pthread_mutex_lock(&device->traceLock);
    int status = -ENODATA;
    if (device->trace != NULL) {
        status = (int)TraceTake(device->trace, records, maximum, lost);
    }
    (void)pthread_mutex_unlock(&device->traceLock);
    return status;
}

void DeviceTraceInit(struct LiteIpcDevice *device)
{
    (void)pthread_mutex_init(&device->traceLock, NULL);
}

void DeviceTraceFree(struct LiteIpcDevice *device)
{
    TraceFree(device->trace);
    (void)pthread_mutex_destroy(&device->traceLock);
}
