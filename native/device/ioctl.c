/* Implements the device's file operations, with the kernel's checks in the kernel's order. */
#include <errno.h>
#include <sys/mman.h>

#include "kernel/access.h"
#include "kernel/message.h"
#include "kernel/pool.h"
#include "kernel/thread_control.h"
#include "liteipc/liteipc.h"
#include "mem/slab_pool.h"

static struct LiteIpcDevice *DeviceOf(struct LiteIpcTask *task)
{
    return task->thread->device;
}

int LiteIpcOpen(struct LiteIpcTask *task)
{
    struct LiteIpcDevice *device = DeviceOf(task);
    int status = 0;
    (void)pthread_mutex_lock(&device->setupLock);
    /* relaxed: written under this lock */
    if (!atomic_load_explicit(&device->opened, memory_order_relaxed)) {
        struct ControlMessage message = {.type = CONTROL_PROCESS_OPEN};
        status = ThreadControlCall(task->thread, &message);
        if (status == 0) {
            status = LiteIpcPoolInit(&device->ipcInfo);
        }
        if (status == 0) {
            /* release: a thread that sees `opened` sees the initialised ipcInfo */
            atomic_store_explicit(&device->opened, true, memory_order_release);
        }
    }
    (void)pthread_mutex_unlock(&device->setupLock);
    return status;
}

int LiteIpcClose(struct LiteIpcTask *task)
{
    (void)task;
    return 0;
}

static bool IsOpened(struct LiteIpcDevice *device)
{
    /* acquire: pairs with the release in LiteIpcOpen */
    return atomic_load_explicit(&device->opened, memory_order_acquire);
}

static int PoolMap(struct LiteIpcTask *task, uint32_t poolSize)
{
    struct LiteIpcDevice *device = DeviceOf(task);
    OwnedEnter(&device->owned);
    int status = DoIpcMmap(&device->ipcInfo, poolSize, device->table->limits.processLimit);
    OwnedLeave(&device->owned);
    if (status != 0) {
        return status;
    }
    struct ControlMessage message = {.type = CONTROL_PROCESS_MAP, .map = {.poolSize = poolSize}};
    status = ThreadControlCall(task->thread, &message);
    if (status != 0) {
        OwnedEnter(&device->owned);
        (void)LiteIpcPoolDelete(&device->ipcInfo);
        OwnedLeave(&device->owned);
    }
    return status;
}

int LiteIpcMmap(struct LiteIpcTask *task, size_t size, int prot, int flags, void **address)
{
    struct LiteIpcDevice *device = DeviceOf(task);
    const struct ControlLimits *limits = &device->table->limits;
    if (!IsOpened(device) || size == 0 || size > limits->poolMaximum || (prot & PROT_WRITE) ||
        !(prot & PROT_READ) || !(flags & MAP_PRIVATE) || address == NULL) {
        return -EINVAL;
    }
    int status = -EEXIST;
    (void)pthread_mutex_lock(&device->setupLock);
    if (!IsPoolMapped(&device->ipcInfo)) {
        size_t pages = (size + LITEIPC_PAGE_SIZE - 1) / LITEIPC_PAGE_SIZE;
        status = PoolMap(task, (uint32_t)(pages * LITEIPC_PAGE_SIZE));
    }
    if (status == 0) {
        *address = (void *)(uintptr_t)device->ipcInfo.pool.uvaddr;
    }
    (void)pthread_mutex_unlock(&device->setupLock);
    return status;
}

void LiteIpcMunmap(struct LiteIpcDevice *device)
{
    (void)pthread_mutex_lock(&device->setupLock);
    if (IsPoolMapped(&device->ipcInfo)) {
        SlabPoolDisownUserView(device->ipcInfo.slab);
    }
    (void)pthread_mutex_unlock(&device->setupLock);
}

static int SetCms(struct LiteIpcTask *task, unsigned long maxMsgSize)
{
    if (maxMsgSize < sizeof(IpcMsg)) {
        return -EINVAL;
    }
    struct ControlMessage message = {
        .type = CONTROL_SET_CMS,
        .cms = {.taskID = task->taskID,
                .maxMsgSize = maxMsgSize > UINT32_MAX ? UINT32_MAX : (uint32_t)maxMsgSize}};
    return ThreadControlCall(task->thread, &message);
}

static int SetIpcTask(struct LiteIpcTask *task)
{
    struct ControlMessage message = {.type = CONTROL_SET_IPC_TASK, .object = {.id = task->taskID}};
    int status = ThreadControlCall(task->thread, &message);
    return status == 0 ? (int)task->taskID : status;
}

static int HandleCmsCmd(struct LiteIpcTask *task, CmsCmdContent *content)
{
    if (content == NULL) {
        return -EINVAL;
    }
    struct ControlMessage message = {.type = CONTROL_CMS_COMMAND,
                                     .cmsCommand = {.callerTaskID = task->taskID,
                                                    .cmd = content->cmd,
                                                    .taskID = content->taskID,
                                                    .serviceHandle = content->serviceHandle}};
    int status = ThreadControlCall(task->thread, &message);
    if (status == 0 && content->cmd == CMS_GEN_HANDLE) {
        content->serviceHandle = message.cmsCommand.serviceHandle;
    }
    return status;
}

static int HandleGetVersion(IpcVersion *version)
{
    if (version == NULL) {
        return -EINVAL;
    }
    version->driverVersion = DRIVER_VERSION;
    return 0;
}

int LiteIpcIoctl(struct LiteIpcTask *task, unsigned int cmd, unsigned long arg)
{
    struct LiteIpcDevice *device = DeviceOf(task);
    if (!IsOpened(device)) {
        return -EINVAL;
    }
    if (!IsPoolMapped(&device->ipcInfo)) {
        return -ENOMEM;
    }
    switch (cmd) {
        case IPC_SET_CMS:
            return SetCms(task, arg);
        case IPC_CMS_CMD:
            return HandleCmsCmd(task, (CmsCmdContent *)arg);
        case IPC_GET_VERSION:
            return HandleGetVersion((IpcVersion *)arg);
        case IPC_SET_IPC_THREAD:
            return WasCmsSet(device->table) ? SetIpcTask(task) : -EINVAL;
        case IPC_SEND_RECV_MSG:
            /* D7: without a ServiceManager only handle 0 and its commands fail */
            return arg == 0 || !WasCmsSet(device->table)
                       ? -EINVAL
                       : LiteIpcMsgHandle(task, (IpcContent *)arg);
        default:
            return -EINVAL;
    }
}
