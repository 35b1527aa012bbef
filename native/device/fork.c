/* Implements fork(2) for a device, in the parent and in the child. */
#include <errno.h>

#include "device/process.h"
#include "kernel/pool.h"
#include "liteipc/liteipc.h"
#include "mem/slab_pool.h"

void LiteIpcForkPrepare(struct LiteIpcDevice *device)
{
    OwnedEnter(&device->owned);
}

void LiteIpcForkParent(struct LiteIpcDevice *device)
{
    OwnedLeave(&device->owned);
}

void LiteIpcForkChild(struct LiteIpcDevice *device)
{
    if (IsPoolMapped(&device->ipcInfo)) {
        SlabPoolForked(device->ipcInfo.slab);
    }
    OwnedCloseAll(&device->owned);
}

/* Opens the child's device if the parent's was open, and informs the domain. */
static int Inherit(struct LiteIpcDevice *child, const struct ProcIpcInfo *parent, bool opened)
{
    if (!opened) {
        return 0;
    }
    struct ControlMessage message = {.type = CONTROL_PROCESS_OPEN};
    int status = ProcessControlCall(child, &message, NULL);
    if (status == 0) {
        status = LiteIpcPoolReInit(&child->ipcInfo, parent);
    }
    if (status == 0) {
        /* release: a thread that sees `opened` sees the initialised ipcInfo */
        atomic_store_explicit(&child->opened, true, memory_order_release);
    }
    return status;
}

int LiteIpcDeviceForked(struct LiteIpcDevice *parent, struct LiteIpcDevice **child)
{
    if (parent == NULL || child == NULL) {
        return -EINVAL;
    }
    OwnedEnter(&parent->owned);
    /* acquire: pairs with the release in LiteIpcOpen */
    bool opened = atomic_load_explicit(&parent->opened, memory_order_acquire);
    struct ProcIpcInfo ipcInfo = parent->ipcInfo;
    OwnedLeave(&parent->owned);

    struct LiteIpcDevice *created;
    int status = DeviceAttach(parent->address, &created);
    if (status != 0) {
        return status;
    }
    status = created->epoch == parent->epoch ? Inherit(created, &ipcInfo, opened) : -ENODEV;
    if (status != 0) {
        LiteIpcDeviceDetach(created);
        return status;
    }
    *child = created;
    return 0;
}
