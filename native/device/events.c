/* Implements the functions for event loops. Only LiteIpcWait blocks. */
#include <errno.h>

#include "kernel/call.h"
#include "kernel/control_events.h"
#include "kernel/inbound_lanes.h"
#include "kernel/inbound_look.h"
#include "kernel/message.h"
#include "kernel/node.h"
#include "kernel/pool.h"
#include "kernel/sleep.h"
#include "kernel/task.h"
#include "kernel/thread_control.h"
#include "liteipc/liteipc.h"
#include "platform/clock.h"

/* The most records that one look at the lanes takes; it bounds the work of one LiteIpcReceive. */
#define LOOK_BUDGET 64
/* The most looks of one LiteIpcReceive if every message has to be dropped. */
#define LOOKS_FOR_NOTHING 4

static IpcMsg MessageOf(const struct LiteIpcOutgoing *out, MsgType type)
{
    return (IpcMsg){
        .type = type,
        .target = {.handle = out->handle, .token = out->token, .cookie = out->cookie},
        .code = out->code,
        .flag = out->flag,
        .dataSz = out->dataSz,
        .data = (void *)(uintptr_t)out->data,
        .spObjNum = out->spObjNum,
        .offsets = (void *)(uintptr_t)out->offsets,
    };
}

int LiteIpcSendRequest(struct LiteIpcTask *task, const struct LiteIpcOutgoing *out,
                       uint64_t userData, uint32_t *callID)
{
    if (out->dataSz > task->thread->device->table->limits.dataLimit) {
        return -EMSGSIZE;
    }
    IpcMsg msg = MessageOf(out, MT_REQUEST);
    struct IpcSend send = {
        .msg = &msg, .generation = out->generation, .deadlineMs = out->deadlineMs};
    if (out->flag == LITEIPC_FLAG_ONEWAY) {
        return LiteIpcWrite(task, &send);
    }
    struct IpcCall *call;
    int status = CallBegin(&task->calls, &call, &send.callIndex);
    if (status != 0) {
        return status;
    }
    status = LiteIpcWrite(task, &send);
    if (status != 0) {
        CallEnd(&task->calls, call);
        return status;
    }
    call->timestamp = send.timestamp;
    call->userData = userData;
    call->targetTask = send.targetTask;
    call->targetGeneration = send.target.generation;
    call->targetProcess = send.target.processID;
    call->targetProcessGeneration = send.target.processGeneration;
    call->revocations = send.revocations;
    call->byRight = out->handle != CMS_HANDLE &&
                    send.target.processID != task->thread->device->identity.processID;
    if (callID != NULL) {
        *callID = CallID(&task->calls, call);
    }
    if (CallLoss(task->thread->device, call) != 0) {
        task->thread->scanNeeded = true; /* the call failed already, perhaps before the last scan */
    }
    return 0;
}

int LiteIpcSendReply(struct LiteIpcTask *task, const IpcMsg *request,
                     const struct LiteIpcOutgoing *out)
{
    struct LiteIpcDevice *device = task->thread->device;
    if (out->dataSz > device->table->limits.dataLimit) {
        return -EMSGSIZE;
    }
    struct IpcNode *node;
    int status = CheckUsedBuffer(&device->ipcInfo, request, &node);
    if (status != 0) {
        return status;
    }
    IpcMsg msg = MessageOf(out, out->failed ? MT_FAILED_REPLY : MT_REPLY);
    struct IpcSend send = {.msg = &msg, .buffToFree = node};
    if (IpcNodeIsMessage(node)) {
        msg.target.handle = node->node.msg.taskID;
        msg.timestamp = node->node.msg.timestamp;
        status = LiteIpcWrite(task, &send);
    } else {
        /* not a message: the buffer is freed, like any request that cannot be answered */
        status = -EINVAL;
    }
    /* If an object cannot be sent, the program must be able to send another answer. */
    bool stays = status == -EINPROGRESS || status == -ENOMEM || (status != 0 && out->spObjNum > 0);
    if (stays) {
        UndoCheckUsedBuffer(&device->ipcInfo, node);
    } else {
        IpcNodeRelease(device, task->thread, node);
    }
    return status;
}

/* Ends a call without an answer. */
static void CancelCall(struct LiteIpcTask *task, struct IpcCall *call, enum LosHookType type,
                       int status)
{
    CallEndHook(task, call, type, status);
    CallEnd(&task->calls, call);
}

int LiteIpcCancelCall(struct LiteIpcTask *task, uint32_t callID)
{
    struct IpcCall *call = CallByID(&task->calls, callID);
    if (call == NULL) {
        return -ENOENT;
    }
    CancelCall(task, call, LOS_HOOK_TYPE_IPC_READ_TIMEOUT, -ECANCELED);
    return 0;
}

int LiteIpcFree(struct LiteIpcThread *thread, const void *message)
{
    struct IpcNode *node;
    int status = CheckUsedBuffer(&thread->device->ipcInfo, message, &node);
    if (status == 0) {
        IpcNodeRelease(thread->device, thread, node);
    }
    return status;
}

static bool EventFromNotice(struct LiteIpcThread *thread, struct LiteIpcEvent *event)
{
    static const enum LiteIpcEventKind KINDS[] = {
        [NOTICE_CALL] = LITEIPC_EVENT_CALL,
        [NOTICE_CONTROL] = LITEIPC_EVENT_CONTROL,
        [NOTICE_LANE] = LITEIPC_EVENT_LANE,
        [NOTICE_LOST] = LITEIPC_EVENT_LOST,
    };
    struct IpcNotice notice;
    if (!ThreadNoticeTake(thread, &notice)) {
        return false;
    }
    *event = (struct LiteIpcEvent){
        .kind = KINDS[notice.kind],
        .status = notice.status,
        .task = notice.task,
        .userData = notice.userData,
        .value0 = notice.value0,
        .value1 = notice.value1,
    };
    return true;
}

static int FillMessage(struct LiteIpcEvent *event, struct LiteIpcTask *task, struct IpcNode *node)
{
    *event = (struct LiteIpcEvent){
        .kind = LITEIPC_EVENT_MESSAGE,
        .task = task,
        .callerPid = node->prefix.lane == NULL ? 0 : node->prefix.lane->pid,
        .callerGeneration = node->prefix.sourceGeneration,
        .deadlineMs = node->prefix.deadlineMs,
    };
    IpcMsg *message = NULL;
    int status = IpcDeliver(task, node, &message);
    event->message = message;
    return status;
}

/* Ends the call that waits for an answer. Drops the answer and returns false if there is none. */
static bool EventFromReply(struct LiteIpcTask *task, struct IpcNode *node,
                           struct LiteIpcEvent *event)
{
    struct IpcCall *call = CallFind(&task->calls, node);
    enum IpcDropReason reason;
    int verdict = CheckReceivedMsg(task, node, call, &reason);
    if (call == NULL || verdict > 0) {
        IpcNodeDrop(task, node, reason);
        return false;
    }
    uint64_t userData = call->userData;
    CallEnd(&task->calls, call);
    /* A failed reply may have data that explains it. Its objects are ignored. */
    const IpcMsg *reply = &node->node.msg;
    bool explained = verdict == -ENOENT && reply->dataSz > 0 && reply->spObjNum == 0;
    int status = verdict;
    if (verdict == 0 || explained) {
        status = FillMessage(event, task, node);
        reason = IpcUndeliverable(status);
    }
    if (status != 0) {
        IpcNodeDiscard(task, node, reason);
        *event = (struct LiteIpcEvent){.task = task};
        verdict = status;
    }
    event->kind = LITEIPC_EVENT_CALL;
    event->status = verdict;
    event->userData = userData;
    return true;
}

/* Delivers a request or a death notice. Returns false if it has to be dropped. */
static bool EventFromMessage(struct LiteIpcTask *task, struct IpcNode *node,
                             struct LiteIpcEvent *event)
{
    enum IpcDropReason reason;
    if (CheckReceivedMsg(task, node, NULL, &reason) == 0) {
        int status = FillMessage(event, task, node);
        if (status == 0) {
            return true;
        }
        reason = IpcUndeliverable(status);
    }
    IpcNodeDrop(task, node, reason);
    return false;
}

static bool EventFromQueue(struct LiteIpcThread *thread, struct LiteIpcEvent *event)
{
    while (!LOS_ListEmpty(&thread->ready)) {
        struct LiteIpcTask *task =
            LOS_DL_LIST_ENTRY(thread->ready.pstNext, struct LiteIpcTask, readyNode);
        struct IpcNode *node = TaskQueueTake(task);
        MsgType type = node->node.msg.type;
        bool isReply = type == MT_REPLY || type == MT_FAILED_REPLY;
        if (isReply ? EventFromReply(task, node, event) : EventFromMessage(task, node, event)) {
            return true;
        }
    }
    return false;
}

/*
 * Ends the failing calls or, with a `status`, all calls. The caller has looked at every message
 * that was published before the failure.
 */
static void FailCalls(struct LiteIpcThread *thread, int status)
{
    enum LosHookType type = status != 0 ? LOS_HOOK_TYPE_IPC_KILL : LOS_HOOK_TYPE_IPC_READ_TIMEOUT;
    for (LOS_DL_LIST *link = thread->tasks.pstNext; link != &thread->tasks; link = link->pstNext) {
        struct LiteIpcTask *task = LOS_DL_LIST_ENTRY(link, struct LiteIpcTask, listNode);
        for (uint32_t i = 0; task->calls.used > 0 && i < task->calls.capacity; i++) {
            struct IpcCall *call = &task->calls.calls[i];
            int end = status != 0 ? status : call->failure;
            if (call->used && end != 0) {
                ThreadNotice(thread, (struct IpcNotice){.kind = NOTICE_CALL,
                                                        .status = end,
                                                        .task = task,
                                                        .userData = call->userData});
                CancelCall(task, call, type, end);
            }
        }
    }
}

/* Reports failed calls and the loss of the domain. Lanes and queues are empty. */
static bool ReportFailures(struct LiteIpcThread *thread)
{
    if (thread->failingCalls && !thread->scanNeeded && !thread->poolFull) {
        thread->failingCalls = false;
        FailCalls(thread, 0);
    }
    if (thread->lost && thread->lostHandled && !thread->lostReported) {
        thread->lostReported = true;
        FailCalls(thread, -ENODEV);
        ThreadControlFailAll(thread);
        ThreadNotice(thread, (struct IpcNotice){.kind = NOTICE_LOST, .status = -ENODEV});
    }
    return thread->notices.count > 0;
}

int LiteIpcReceive(struct LiteIpcThread *thread, struct LiteIpcEvent *events, size_t maximum)
{
    TasksFreeEnded(thread);
    size_t count = 0;
    unsigned looks = 0;
    bool looked = false;
    while (count < maximum) {
        if (EventFromNotice(thread, &events[count]) || EventFromQueue(thread, &events[count])) {
            count++;
            continue;
        }
        if (looked) {
            break; /* later messages are left to the next LiteIpcReceive: its work is bounded */
        }
        if (InboundLook(thread, LOOK_BUDGET) == 0) {
            looked = !ReportFailures(thread) && thread->notices.count == 0;
        } else {
            looked = count > 0 || ++looks == LOOKS_FOR_NOTHING;
        }
    }
    return (int)count;
}

static bool WorkIsQueued(const struct LiteIpcThread *thread)
{
    return thread->notices.count > 0 || !LOS_ListEmpty(&thread->ready) ||
           (thread->failingCalls && !thread->poolFull) || (thread->lost && !thread->lostReported);
}

/* Calls a hook for the wait of an event loop, for a message to any of its tasks. */
static void WaitHook(struct LiteIpcThread *thread, enum LosHookType type, int reason)
{
    OsHookCall(thread, type, .msgType = MT_REQUEST, .waitState = IPC_WAIT_LITEIPC,
               .reason = reason);
}

int LiteIpcPrepareSleep(struct LiteIpcThread *thread)
{
    if (WorkIsQueued(thread) || InboundArm(thread)) {
        return 1;
    }
    thread->counters.sleeps++;
    WaitHook(thread, LOS_HOOK_TYPE_IPC_TRY_READ, 0);
    return 0;
}

void LiteIpcAwake(struct LiteIpcThread *thread)
{
    InboundDisarm(thread);
}

void LiteIpcCollect(struct LiteIpcThread *thread)
{
    thread->collectBells = true;
}

int LiteIpcSpin(struct LiteIpcThread *thread, uint64_t limitNs)
{
    return WorkIsQueued(thread) || ThreadSpin(thread, limitNs);
}

int LiteIpcWait(struct LiteIpcThread *thread, int timeoutMs)
{
    if (WorkIsQueued(thread)) {
        return 1;
    }
    if (thread->lostReported) {
        return -ENODEV;
    }
    uint64_t deadline =
        timeoutMs < 0 ? UINT64_MAX : ClockNow() + (uint64_t)timeoutMs * NANOSECONDS_PER_MILLISECOND;
    int status;
    WaitHook(thread, LOS_HOOK_TYPE_IPC_TRY_READ, 0);
    do {
        status = ThreadSleep(thread, deadline);
        /* While the pool was full, the wake-up may mean that there is room: look again. */
    } while (status == 0 && !thread->poolFull && !WorkIsQueued(thread) && !InboundVisible(thread));
    if (status == -ETIME) {
        WaitHook(thread, LOS_HOOK_TYPE_IPC_READ_TIMEOUT, -ETIME);
        return 0;
    }
    return status == 0 ? 1 : status;
}
