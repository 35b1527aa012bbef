/* Allocates the nodes of arriving messages and gives nodes back with their charge. */
#ifndef LITEIPC_KERNEL_NODE_H
#define LITEIPC_KERNEL_NODE_H

#include "kernel/control_blocks.h"
#include "kernel/pool.h"

/* Retries an allocation that failed because the pool was full; see ArrivalAlloc. */
int ArrivalAllocAgain(struct LiteIpcThread *thread, uint32_t size, struct IpcNode **node);

/*
 * Allocates a node of `size` bytes for what a record brings. If the pool is full, sets
 * thread->poolFull, has the thread woken when a node is freed, and returns -ENOMEM.
 */
static inline int ArrivalAlloc(struct LiteIpcThread *thread, uint32_t size, struct IpcNode **node)
{
    int status = LiteIpcNodeAlloc(&thread->device->ipcInfo, size, node);
    return status == 0 ? 0 : ArrivalAllocAgain(thread, size, node);
}

/*
 * Frees the node of a message and gives its charge back to the lane. `thread` is the calling
 * thread, or NULL. Wakes the threads that wait for memory. Any thread of the process.
 */
void IpcNodeRelease(struct LiteIpcDevice *device, struct LiteIpcThread *thread,
                    struct IpcNode *node);

#endif
