/* LiteIpcRead: waiting for a message, and deciding what it means to the waiting task. */
#include <errno.h>

#include "host/clock.h"
#include "kernel/access.h"
#include "kernel/call.h"
#include "kernel/inbound.h"
#include "kernel/message.h"
#include "kernel/object.h"
#include "kernel/pool.h"
#include "kernel/sleep.h"
#include "kernel/task.h"

#define READ_BUDGET 64

/* Is the sender still allowed to say this. Decided at delivery: a revoked right counts at once. */
static bool RequestAllowed(const struct LiteIpcTask *task, const struct IpcNode *node)
{
    const struct ControlTable *table = task->thread->device->table;
    const IpcMsg *msg = &node->node.msg;
    if (msg->target.handle == CMS_HANDLE) {
        uint32_t generation;
        return GetCmsTaskID(table, &generation) == task->taskID && generation == task->generation;
    }
    return HasServiceAccess(table, msg->processID, msg->target.handle);
}

int CheckReceivedMsg(const struct LiteIpcTask *task, const struct IpcNode *node,
                     const struct IpcCall *call)
{
    const IpcMsg *msg = &node->node.msg;
    switch (msg->type) {
        case MT_REQUEST:
            return call == NULL && RequestAllowed(task, node) ? 0 : 1;
        case MT_REPLY:
        case MT_FAILED_REPLY: {
            const struct InboundLane *lane = node->prefix.lane;
            if (call == NULL || !call->used || msg->timestamp != call->timestamp || lane == NULL ||
                lane->processID != call->targetProcess ||
                lane->processGeneration != call->targetProcessGeneration) {
                return 1;
            }
            return msg->type == MT_REPLY ? 0 : -ENOENT;
        }
        case MT_DEATH_NOTIFY:
            return 0;
        default:
            return 1;
    }
}

int IpcDeliver(struct LiteIpcThread *thread, struct IpcNode *node, IpcMsg **msg)
{
    struct ProcIpcInfo *ipcInfo = &thread->device->ipcInfo;
    int status = node->node.msg.spObjNum > 0 ? ObjectsDeliver(thread, node) : 0;
    if (status != 0) {
        return status;
    }
    thread->counters.received++;
    LOS_ListInit(&node->node.listNode);
    EnableIpcNodeFreeByUser(ipcInfo, node);
    const struct IpcNode *user = GetIpcUserAddr(ipcInfo, node);
    *msg = (IpcMsg *)(uintptr_t)&user->node.msg;
    return 0;
}

/* Takes the queue's messages until one is for the caller: 1 = *inMsg is set, 0 = none, or an error. */
static int TakeQueued(struct LiteIpcTask *task, const struct IpcCall *call, IpcMsg **inMsg)
{
    struct IpcNode *node;
    while ((node = TaskQueueTake(task)) != NULL) {
        int verdict = CheckReceivedMsg(task, node, call);
        if (verdict == 0) {
            int status = IpcDeliver(task->thread, node, inMsg);
            if (status == 0) {
                return 1;
            }
            /* Without its answer the call has failed; without a request there is none. */
            verdict = node->node.msg.type == MT_REPLY ? status : 1;
        }
        IpcNodeDrop(task->thread, node);
        if (verdict < 0) {
            return verdict;
        }
    }
    return 0;
}

static int Lost(const struct LiteIpcThread *thread)
{
    /* acquire: pairs with the store in LiteIpcDeviceShutdown */
    bool shutdown = atomic_load_explicit(&thread->device->shutdown, memory_order_acquire);
    return shutdown ? -ERFKILL : -ENODEV;
}

int LiteIpcRead(struct LiteIpcTask *task, const struct IpcCall *call, uint64_t deadline,
                IpcMsg **inMsg)
{
    struct LiteIpcThread *thread = task->thread;
    int status = TaskQueueMake(task);
    if (status != 0) {
        return thread->lost ? Lost(thread) : status;
    }
    bool moved = false;
    for (;;) {
        int taken = TakeQueued(task, call, inMsg);
        if (taken != 0) {
            return taken > 0 ? 0 : taken;
        }
        if (moved && deadline != UINT64_MAX && ClockNow() >= deadline) {
            return -ETIME; /* a stream of junk holds nobody */
        }
        /* Seen before the look: what the service published while it lived is found by the look. */
        bool gone = call != NULL && call->used && CallTargetGone(thread->device, call);
        bool lost = thread->lost;
        thread->scanNeeded |= gone;
        moved = InboundLook(thread, READ_BUDGET) > 0 || !LOS_ListEmpty(&task->msgListHead);
        if (moved || thread->lost != lost) {
            continue; /* just lost: nothing would end a sleep; one more look, then the end */
        }
        if (lost) {
            return Lost(thread);
        }
        if (gone && !thread->poolFull) {
            return -ENOENT;
        }
        if (ThreadSleep(thread, deadline) == -ETIME) {
            return -ETIME;
        }
    }
}
