/* Implements the operations of the device for the interposed functions. */
#include <errno.h>
#include <fcntl.h>

#include "preload/shim.h"

int DeviceOpen(int flags)
{
    /* The device exists and is not a folder. Other flags have no effect. */
    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) {
        return -EEXIST;
    }
    if ((flags & O_DIRECTORY) != 0) {
        return -ENOTDIR;
    }
    struct ShimOperation operation;
    int status = ShimEnter(SHIM_ATTACHED, &operation);
    if (status != 0) {
        return status;
    }
    status = LiteIpcOpen(operation.task);
    ShimLeave(status);
    return status == 0 ? NodeOpen(flags) : status;
}

int DeviceMap(size_t size, int prot, int flags, void **address)
{
    struct ShimOperation operation;
    int status = ShimEnter(SHIM_OPENED, &operation);
    if (status != 0) {
        return status;
    }
    status = LiteIpcMmap(operation.task, size, prot, flags, address);
    if (status == 0) {
        size_t viewSize = 0;
        const void *view = LiteIpcPoolView(operation.device, &viewSize);
        PoolViewSet(view, viewSize);
    }
    ShimLeave(status);
    if (status == 0) {
        ShimFreeRetired();
    }
    return status;
}

/* Returns true for a wait without a timeout, which pthread_cancel(3) may end. */
static bool WaitsForever(unsigned int request, unsigned long argument)
{
    if (request != IPC_SEND_RECV_MSG || argument == 0) {
        return false;
    }
    uint32_t flag = ((const IpcContent *)argument)->flag;
    return (flag & (SEND | RECV)) == RECV;
}

int DeviceControl(unsigned int request, unsigned long argument)
{
    struct ShimOperation operation;
    int status = ShimEnter(SHIM_OPENED, &operation);
    if (status != 0) {
        return status;
    }
    ShimAllowCancel(WaitsForever(request, argument));
    status = LiteIpcIoctl(operation.task, request, argument);
    ShimLeave(status);
    return status;
}

/* ---- for tests and tools, which find these functions with dlsym(3) --------------------------- */

#define EXPORTED __attribute__((visibility("default")))

/*
 * Returns the calling thread's task ID; 0: no domain. Creates the task if necessary, and does not
 * open the device.
 */
EXPORTED uint32_t LiteIpcShimTaskID(void);
EXPORTED uint32_t LiteIpcShimProcessID(void);
/* Counts the nodes in use in this process's pool. -EINVAL: before the first operation. */
EXPORTED int LiteIpcShimPoolCount(size_t *nodes, size_t *bytes);

uint32_t LiteIpcShimTaskID(void)
{
    struct ShimOperation operation;
    if (ShimEnter(SHIM_ATTACHED, &operation) != 0) {
        return 0;
    }
    uint32_t taskID = LiteIpcTaskID(operation.task);
    ShimLeave(0);
    return taskID;
}

uint32_t LiteIpcShimProcessID(void)
{
    struct ShimOperation operation;
    if (ShimEnter(SHIM_ATTACHED, &operation) != 0) {
        return 0;
    }
    uint32_t processID = LiteIpcDeviceProcessID(operation.device);
    ShimLeave(0);
    return processID;
}

int LiteIpcShimPoolCount(size_t *nodes, size_t *bytes)
{
    struct LiteIpcDevice *device = ShimCurrentDevice();
    if (device == NULL || nodes == NULL || bytes == NULL) {
        return -EINVAL;
    }
    LiteIpcPoolCount(device, nodes, bytes);
    return 0;
}
