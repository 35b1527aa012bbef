/* Implements LiteIpcRead: waits for a message and decides what it means to the waiting task. */
#include <errno.h>

#include "kernel/access.h"
#include "kernel/call.h"
#include "kernel/inbound_look.h"
#include "kernel/message.h"
#include "kernel/object.h"
#include "kernel/pool.h"
#include "kernel/sleep.h"
#include "kernel/task.h"
#include "platform/clock.h"

#define READ_BUDGET 64

/* Checks at delivery whether the sender may send this: a revoked right counts at once. */
static enum IpcDropReason RequestCheck(const struct LiteIpcTask *task, const struct IpcNode *node)
{
    const struct ControlTable *table = task->thread->device->table;
    const IpcMsg *msg = &node->node.msg;
    if (msg->target.handle == CMS_HANDLE) {
        uint32_t generation;
        bool manager =
            GetCmsTaskID(table, &generation) == task->taskID && generation == task->generation;
        return manager ? IPC_DROP_NONE : IPC_DROP_NOT_MANAGER;
    }
    return HasServiceAccess(table, msg->processID, msg->target.handle) ? IPC_DROP_NONE
                                                                       : IPC_DROP_NO_RIGHT;
}

static enum IpcDropReason ReplyCheck(const struct IpcNode *node, const struct IpcCall *call)
{
    const struct InboundLane *lane = node->prefix.lane;
    if (call == NULL || !call->used || node->node.msg.timestamp != call->timestamp) {
        return IPC_DROP_NOT_ASKED;
    }
    bool asked = lane != NULL && lane->processID == call->targetProcess &&
                 lane->processGeneration == call->targetProcessGeneration;
    return asked ? IPC_DROP_NONE : IPC_DROP_OTHER_PROCESS;
}

int CheckReceivedMsg(const struct LiteIpcTask *task, const struct IpcNode *node,
                     const struct IpcCall *call, enum IpcDropReason *reason)
{
    switch (node->node.msg.type) {
        case MT_REQUEST:
            *reason = call == NULL ? RequestCheck(task, node) : IPC_DROP_NOT_RECEIVING;
            break;
        case MT_REPLY:
        case MT_FAILED_REPLY:
            *reason = ReplyCheck(node, call);
            if (*reason == IPC_DROP_NONE && node->node.msg.type == MT_FAILED_REPLY) {
                *reason = IPC_DROP_CALL_FAILED;
                return -ENOENT;
            }
            break;
        case MT_DEATH_NOTIFY:
            *reason = IPC_DROP_NONE;
            break;
        default:
            *reason = IPC_DROP_MALFORMED;
            break;
    }
    return *reason == IPC_DROP_NONE ? 0 : 1;
}

int IpcDeliver(struct LiteIpcTask *task, struct IpcNode *node, IpcMsg **msg)
{
    struct LiteIpcThread *thread = task->thread;
    struct ProcIpcInfo *ipcInfo = &thread->device->ipcInfo;
    int status = node->node.msg.spObjNum > 0 ? ObjectsDeliver(thread, node) : 0;
    if (status != 0) {
        return status;
    }
    thread->counters.received++;
    task->counters.received++;
    LOS_ListInit(&node->node.listNode);
    EnableIpcNodeFreeByUser(ipcInfo, node);
    const struct IpcNode *user = GetIpcUserAddr(ipcInfo, node);
    *msg = (IpcMsg *)(uintptr_t)&user->node.msg;
    OsHookCall(thread, LOS_HOOK_TYPE_IPC_READ, .task = task->taskID, .msg = *msg,
               .waitState = task->waitState);
    return 0;
}

enum IpcDropReason IpcUndeliverable(int status)
{
    return status == -EMFILE ? IPC_DROP_NO_ROOM_FOR_DESCRIPTORS : IPC_DROP_DESCRIPTORS_MISSING;
}

/*
 * Takes messages from the queue until one is for the caller: 1 = *inMsg is set, 0 = none, or an
 * error.
 */
static int TakeQueued(struct LiteIpcTask *task, const struct IpcCall *call, IpcMsg **inMsg)
{
    struct IpcNode *node;
    while ((node = TaskQueueTake(task)) != NULL) {
        enum IpcDropReason reason;
        int verdict = CheckReceivedMsg(task, node, call, &reason);
        if (verdict == 0) {
            int status = IpcDeliver(task, node, inMsg);
            if (status == 0) {
                return 1;
            }
            reason = IpcUndeliverable(status);
            /* Without its answer the call has failed; a dropped request fails no call. */
            verdict = node->node.msg.type == MT_REPLY ? status : 1;
        }
        IpcNodeDrop(task, node, reason);
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

/* Reports a wait of a read to the hooks. */
static void WaitHook(struct LiteIpcTask *task, enum LosHookType type, const struct IpcCall *call,
                     int reason)
{
    bool asked = call != NULL && call->used;
    OsHookCall(
        task->thread, type, .task = task->taskID, .msgType = call == NULL ? MT_REQUEST : MT_REPLY,
        .dstTask = asked ? call->targetTask : 0, .dstProcess = asked ? call->targetProcess : 0,
        .timestamp = asked ? call->timestamp : 0, .waitState = task->waitState, .reason = reason);
}

static int WaitForMessage(struct LiteIpcTask *task, const struct IpcCall *call, uint64_t deadline,
                          IpcMsg **inMsg)
{
    struct LiteIpcThread *thread = task->thread;
    bool moved = false;
    for (;;) {
        int taken = TakeQueued(task, call, inMsg);
        if (taken != 0) {
            return taken > 0 ? 0 : taken;
        }
        if (moved && deadline != UINT64_MAX && ClockNow() >= deadline) {
            WaitHook(task, LOS_HOOK_TYPE_IPC_READ_TIMEOUT, call, -ETIME);
            return -ETIME; /* a stream of junk must not block the caller */
        }
        /*
         * Read before the look, which then finds everything that the service published while it
         * lived.
         */
        bool gone = call != NULL && call->used && CallTargetGone(thread->device, call);
        bool lost = thread->lost;
        thread->scanNeeded |= gone;
        moved = InboundLook(thread, READ_BUDGET) > 0 || !LOS_ListEmpty(&task->msgListHead);
        if (moved || thread->lost != lost) {
            continue; /* just lost: nothing would end a sleep; look once more, then end */
        }
        if (lost) {
            int status = Lost(thread);
            WaitHook(task, LOS_HOOK_TYPE_IPC_KILL, call, status);
            return status;
        }
        if (gone && !thread->poolFull) {
            WaitHook(task, LOS_HOOK_TYPE_IPC_READ_TIMEOUT, call, -ENOENT);
            return -ENOENT;
        }
        if (task->waitState == IPC_WAIT_NONE) {
            task->waitState = IPC_WAIT_LITEIPC;
            WaitHook(task, LOS_HOOK_TYPE_IPC_TRY_READ, call, 0);
        }
        if (ThreadSleep(thread, deadline) == -ETIME) {
            WaitHook(task, LOS_HOOK_TYPE_IPC_READ_TIMEOUT, call, -ETIME);
            return -ETIME;
        }
    }
}

int LiteIpcRead(struct LiteIpcTask *task, const struct IpcCall *call, uint64_t deadline,
                IpcMsg **inMsg)
{
    int status = TaskQueueMake(task);
    if (status != 0) {
        return task->thread->lost ? Lost(task->thread) : status;
    }
    status = WaitForMessage(task, call, deadline, inMsg);
    task->waitState = IPC_WAIT_NONE;
    return status;
}
