#include "kernel/nudge.h"

#include <unistd.h>

void ThreadNudge(struct LiteIpcThread *thread)
{
    uint64_t one = 1;
    (void)!write(thread->nudge, &one, sizeof(one));
}

void DeviceNudgeAll(struct LiteIpcDevice *device)
{
    (void)pthread_mutex_lock(&device->lock);
    /* relaxed: a thread that runs out of memory after this sets it again and is nudged again */
    atomic_store_explicit(&device->poolFull, false, memory_order_relaxed);
    for (LOS_DL_LIST *link = device->threads.pstNext; link != &device->threads;
         link = link->pstNext) {
        ThreadNudge(LOS_DL_LIST_ENTRY(link, struct LiteIpcThread, listNode));
    }
    (void)pthread_mutex_unlock(&device->lock);
}
