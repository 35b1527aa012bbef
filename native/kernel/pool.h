/*
 * Maps the pool of a process and manages its nodes: kernel functions of the same names, on an
 * explicit ProcIpcInfo. The program sees addresses of the user view (`uvaddr`); the core works in
 * the kernel view (`kvaddr`).
 *
 * Threads: any, except for DoIpcMmap, LiteIpcPoolInit, LiteIpcPoolReInit and LiteIpcPoolDelete,
 * which run while no other thread uses the pool.
 */
#ifndef LITEIPC_KERNEL_POOL_H
#define LITEIPC_KERNEL_POOL_H

#include "kernel/los_liteipc.h"
#include "kernel/record.h"

#define LITEIPC_PAGE_SIZE 4096U

/*
 * DoIpcMmap: maps memory for a pool of `poolSize` bytes (whole pages) for each sender, for up to
 * `senders` of them. Returns 0, -ENOMEM, or the errors of SlabPoolCreate.
 */
int DoIpcMmap(struct ProcIpcInfo *ipcInfo, uint32_t poolSize, uint32_t senders);

/* IsPoolMapped: returns true if the process has memory for messages. */
bool IsPoolMapped(const struct ProcIpcInfo *ipcInfo);

/*
 * LiteIpcNodeAlloc: allocates a node of `size` bytes (IpcNodeSize) with undefined contents. Returns
 * 0 or -ENOMEM.
 */
int LiteIpcNodeAlloc(struct ProcIpcInfo *ipcInfo, uint32_t size, struct IpcNode **node);

/* LiteIpcNodeFree: returns a node that the core holds to the pool. */
void LiteIpcNodeFree(struct ProcIpcInfo *ipcInfo, struct IpcNode *node);

/* EnableIpcNodeFreeByUser: lets the program free the node, once. */
void EnableIpcNodeFreeByUser(struct ProcIpcInfo *ipcInfo, struct IpcNode *node);

/*
 * CheckUsedBuffer and IsIpcNode: takes back the node whose message the program names by
 * `userAddress`. Of several threads that try, one succeeds. Returns -EINVAL outside the pool, and
 * -EFAULT if it is not a delivered message that is still there.
 */
int CheckUsedBuffer(struct ProcIpcInfo *ipcInfo, const void *userAddress, struct IpcNode **node);

/* Reverts CheckUsedBuffer for a call that does not take place. */
void UndoCheckUsedBuffer(struct ProcIpcInfo *ipcInfo, struct IpcNode *node);

/* GetIpcUserAddr: returns the address in the user view of an address in the kernel view. */
const void *GetIpcUserAddr(const struct ProcIpcInfo *ipcInfo, const void *kernelAddress);
/* GetIpcKernelAddr: the reverse. */
void *GetIpcKernelAddr(const struct ProcIpcInfo *ipcInfo, const void *userAddress);

#endif
