/*
 * The pool of a process: mapping it, and the nodes in it. Kernel functions of the same names, on an
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
 * DoIpcMmap: gets the memory for a pool of `poolSize` bytes (whole pages) per sender, for up to
 * `senders` of them. 0, -ENOMEM, or the errors of SlabPoolCreate.
 */
int DoIpcMmap(struct ProcIpcInfo *ipcInfo, uint32_t poolSize, uint32_t senders);

/* IsPoolMapped: has the process memory for messages. */
bool IsPoolMapped(const struct ProcIpcInfo *ipcInfo);

/* LiteIpcNodeAlloc: a node of `size` bytes (IpcNodeSize), contents undefined. 0 or -ENOMEM. */
int LiteIpcNodeAlloc(struct ProcIpcInfo *ipcInfo, uint32_t size, struct IpcNode **node);

/* LiteIpcNodeFree: a node in the hands of the core goes back to the pool. */
void LiteIpcNodeFree(struct ProcIpcInfo *ipcInfo, struct IpcNode *node);

/* EnableIpcNodeFreeByUser: the program may give the node back, once. */
void EnableIpcNodeFreeByUser(struct ProcIpcInfo *ipcInfo, struct IpcNode *node);

/*
 * CheckUsedBuffer and IsIpcNode: takes back the node whose message the program calls `userAddress`;
 * of several threads that try, one succeeds. -EINVAL outside the pool, -EFAULT not a message that
 * was delivered and is still there.
 */
int CheckUsedBuffer(struct ProcIpcInfo *ipcInfo, const void *userAddress, struct IpcNode **node);

/* The same, the other way round, for a call that turned out not to happen. */
void UndoCheckUsedBuffer(struct ProcIpcInfo *ipcInfo, struct IpcNode *node);

/* GetIpcUserAddr, GetIpcKernelAddr: an address in the pool as the other view has it. */
const void *GetIpcUserAddr(const struct ProcIpcInfo *ipcInfo, const void *kernelAddress);
void *GetIpcKernelAddr(const struct ProcIpcInfo *ipcInfo, const void *userAddress);

#endif
