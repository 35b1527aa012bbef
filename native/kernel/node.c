#include "kernel/node.h"

#include "kernel/nudge.h"

int ArrivalAllocAgain(struct LiteIpcThread *thread, uint32_t size, struct IpcNode **node)
{
    struct LiteIpcDevice *device = thread->device;
    /*
     * seq_cst: set before the pool is tried again, so that a thread that freed too early to see it
     * is seen here
     */
    atomic_store_explicit(&device->poolFull, true, memory_order_seq_cst);
    int status = LiteIpcNodeAlloc(&device->ipcInfo, size, node);
    thread->poolFull = status != 0;
    return status;
}

void IpcNodeRelease(struct LiteIpcDevice *device, struct LiteIpcThread *thread,
                    struct IpcNode *node)
{
    struct InboundLane *lane = node->prefix.lane;
    uint32_t charge = node->prefix.charge;
    LiteIpcNodeFree(&device->ipcInfo, node);
    if (lane != NULL) {
        /*
         * relaxed: a thread finds its own pointer here only if it stored it itself; any other value
         * means "elsewhere"
         */
        if (thread != NULL && atomic_load_explicit(&lane->thread, memory_order_relaxed) == thread) {
            RingFree(&lane->reader, charge);
        } else {
            RingFreeElsewhere(&lane->reader, charge);
        }
    }
    /* relaxed: a hint; the thread that set it retries by itself soon, see ThreadSleep */
    if (atomic_load_explicit(&device->poolFull, memory_order_relaxed)) {
        DeviceNudgeAll(device);
    }
}
