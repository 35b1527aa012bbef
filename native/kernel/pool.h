/*
 * Maps the pool of a process and manages the nodes in it: kernel functions of the same names, on an
 * explicit ProcIpcInfo. Addresses that the program sees are in the user view (`uvaddr`), the core
 * works in the kernel view (`kvaddr`).
 *
 * Threads: any, except LiteIpcPoolMap, which the device's lock guards.
 */
#ifndef LITEIPC_KERNEL_POOL_H
#define LITEIPC_KERNEL_POOL_H

#include "kernel/los_liteipc.h"
#include "kernel/record.h"

#define LITEIPC_PAGE_SIZE 4096U

/*
 * DoIpcMmap: makes the memory for a pool of `poolSize` bytes (whole pages) per sender, for up to
 * `senders` of them. 0, -ENOMEM, or the errors of SlabPoolCreate.
 */
int DoIpcMmap(struct ProcIpcInfo *ipcInfo, uint32_t poolSize, uint32_t senders);

/* IsPoolMapped: returns whether the process has memory for messages. */
bool IsPoolMapped(const struct ProcIpcInfo *ipcInfo);

/*
 * LiteIpcNodeAlloc: allocates a node of `size` bytes (IpcNodeSize), contents undefined. 0 or
 * -ENOMEM.
 */
int LiteIpcNodeAlloc(struct ProcIpcInfo *ipcInfo, uint32_t size, struct IpcNode **node);

/* LiteIpcNodeFree: frees a node that the core holds. */
void LiteIpcNodeFree(struct ProcIpcInfo *ipcInfo, struct IpcNode *node);

/* EnableIpcNodeFreeByUser: lets the program free the node, once. */
void EnableIpcNodeFreeByUser(struct ProcIpcInfo *ipcInfo, struct IpcNode *node);

/*
 * CheckUsedBuffer and IsIpcNode: take back the node whose message has the program's address
 * `userAddress`; of several threads that try, one succeeds. -EINVAL outside the pool, -EFAULT not a
 * message that was delivered and not freed.
 */
int CheckUsedBuffer(struct ProcIpcInfo *ipcInfo, const void *userAddress, struct IpcNode **node);

/* Reverts CheckUsedBuffer for a call that does not take place. */
void UndoCheckUsedBuffer(struct ProcIpcInfo *ipcInfo, struct IpcNode *node);

/* GetIpcUserAddr, GetIpcKernelAddr: convert an address in the pool to the other view. */
const void *GetIpcUserAddr(const struct ProcIpcInfo *ipcInfo, const void *kernelAddress);
void *GetIpcKernelAddr(const struct ProcIpcInfo *ipcInfo, const void *userAddress);

#endif
