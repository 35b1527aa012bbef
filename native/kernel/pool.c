#include "kernel/pool.h"

#include <errno.h>

#include "mem/slab_pool.h"

/* Limit of address space: 64 GiB. Beyond it records wait in their lanes. */
#define POOL_CAPACITY_MAX (64ULL << 30)
/*
 * A message takes up to 2.97 times its charge. Alone it is 1.75: the charge of an empty one is 96
 * bytes, its node is 128, and the slab's classes round up by another fifth. The worst case is many
 * OBJ_PTR buffers of a byte: 64 bytes each, with a charge of 32 for object and offset.
 */
#define POOL_SLACK 3U

int LiteIpcPoolInit(struct ProcIpcInfo *ipcInfo)
{
    if (ipcInfo == NULL) {
        return -EINVAL;
    }
    *ipcInfo = (struct ProcIpcInfo){0};
    return 0;
}

int LiteIpcPoolReInit(struct ProcIpcInfo *child, const struct ProcIpcInfo *parent)
{
    if (child == NULL || parent == NULL) {
        return -EINVAL;
    }
    const void *userAddress = parent->pool.uvaddr;
    *child = (struct ProcIpcInfo){.pool = {.uvaddr = userAddress}};
    return 0;
}

int LiteIpcPoolDelete(struct ProcIpcInfo *ipcInfo)
{
    if (ipcInfo == NULL) {
        return -EINVAL;
    }
    if (ipcInfo->slab != NULL) {
        SlabPoolDestroy(ipcInfo->slab);
    }
    return LiteIpcPoolInit(ipcInfo);
}

int DoIpcMmap(struct ProcIpcInfo *ipcInfo, uint32_t poolSize, uint32_t senders)
{
    uint64_t capacity = (uint64_t)poolSize * senders * POOL_SLACK;
    if (capacity > POOL_CAPACITY_MAX) {
        capacity = POOL_CAPACITY_MAX;
    }
    struct SlabPool *slab;
    int status = SlabPoolCreate(capacity, &slab);
    if (status != 0) {
        return status;
    }
    ipcInfo->slab = slab;
    ipcInfo->pool.kvaddr = SlabPoolKernelBase(slab);
    ipcInfo->pool.uvaddr = SlabPoolUserBase(slab);
    ipcInfo->pool.poolSize = poolSize;
    return 0;
}

bool IsPoolMapped(const struct ProcIpcInfo *ipcInfo)
{
    return ipcInfo->slab != NULL;
}

int LiteIpcNodeAlloc(struct ProcIpcInfo *ipcInfo, uint32_t size, struct IpcNode **node)
{
    void *memory;
    int status = SlabPoolAllocate(ipcInfo->slab, size, &memory);
    if (status == 0) {
        *node = memory;
    }
    return status;
}

void LiteIpcNodeFree(struct ProcIpcInfo *ipcInfo, struct IpcNode *node)
{
    (void)SlabPoolFree(ipcInfo->slab, node);
}

void EnableIpcNodeFreeByUser(struct ProcIpcInfo *ipcInfo, struct IpcNode *node)
{
    (void)SlabPoolDeliver(ipcInfo->slab, node);
}

int CheckUsedBuffer(struct ProcIpcInfo *ipcInfo, const void *userAddress, struct IpcNode **node)
{
    uintptr_t address = (uintptr_t)userAddress;
    uintptr_t base = (uintptr_t)SlabPoolUserBase(ipcInfo->slab);
    if (address < base || address - base >= SlabPoolCapacity(ipcInfo->slab)) {
        return -EINVAL;
    }
    if (address - base < offsetof(struct IpcNode, node)) {
        return -EFAULT;
    }
    void *memory;
    int status = SlabPoolTakeUser(
        ipcInfo->slab, (const void *)(address - offsetof(struct IpcNode, node)), &memory);
    if (status == 0) {
        *node = memory;
    }
    return status;
}

void UndoCheckUsedBuffer(struct ProcIpcInfo *ipcInfo, struct IpcNode *node)
{
    (void)SlabPoolDeliver(ipcInfo->slab, node);
}

const void *GetIpcUserAddr(const struct ProcIpcInfo *ipcInfo, const void *kernelAddress)
{
    return SlabPoolUserAddress(ipcInfo->slab, kernelAddress);
}

void *GetIpcKernelAddr(const struct ProcIpcInfo *ipcInfo, const void *userAddress)
{
    return SlabPoolKernelAddress(ipcInfo->slab, userAddress);
}
