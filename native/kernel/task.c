#include "kernel/task.h"

#include <errno.h>
#include <stdlib.h>

#include "kernel/call.h"
#include "kernel/node.h"
#include "kernel/object.h"
#include "kernel/thread_control.h"

static struct IpcNode *NodeOf(LOS_DL_LIST *link)
{
    IpcListNode *node = LOS_DL_LIST_ENTRY(link, IpcListNode, listNode);
    return LOS_DL_LIST_ENTRY(node, struct IpcNode, node);
}

void TaskAbandon(struct LiteIpcThread *thread, uint32_t taskID)
{
    struct ControlMessage message = {
        .type = CONTROL_TASK_EXIT, .requestID = CONTROL_REQUEST_IGNORED, .object = {.id = taskID}};
    (void)ThreadControlSend(thread, &message, NULL, 0);
}

int TaskAdopt(struct LiteIpcThread *thread, uint32_t taskID, uint32_t generation,
              struct LiteIpcTask **task)
{
    struct LiteIpcTask *created = calloc(1, sizeof(*created));
    if (created == NULL) {
        TaskAbandon(thread, taskID);
        return -ENOMEM;
    }
    created->thread = thread;
    created->taskID = taskID;
    created->generation = generation;
    LOS_ListInit(&created->msgListHead);
    LOS_ListInit(&created->readyNode);
    LOS_ListTailInsert(&thread->tasks, &created->listNode);
    thread->taskByID[taskID] = created;
    *task = created;
    return 0;
}

void CallEndHook(struct LiteIpcTask *task, const struct IpcCall *call, enum LosHookType type,
                 int reason)
{
    OsHookCall(task->thread, type, .task = task->taskID, .msgType = MT_REPLY,
               .dstTask = call->targetTask, .dstProcess = call->targetProcess,
               .timestamp = call->timestamp, .waitState = IPC_WAIT_LITEIPC, .reason = reason);
}

void TaskForget(struct LiteIpcTask *task)
{
    struct LiteIpcThread *thread = task->thread;
    for (uint32_t i = 0; task->calls.used > 0 && i < task->calls.capacity; i++) {
        if (task->calls.calls[i].used) {
            CallEndHook(task, &task->calls.calls[i], LOS_HOOK_TYPE_IPC_KILL, -ERFKILL);
        }
    }
    struct IpcNode *node;
    while ((node = TaskQueueTake(task)) != NULL) {
        IpcNodeDrop(task, node, IPC_DROP_TASK_ENDED);
    }
    if (thread->taskByID[task->taskID] == task) {
        thread->taskByID[task->taskID] = NULL;
    }
    LOS_ListDelete(&task->listNode);
    LOS_ListDelete(&task->readyNode);
    CallTableFree(&task->calls);
    ThreadControlDisown(thread, task);
    LOS_ListTailInsert(&thread->endedTasks, &task->listNode);
}

void TasksFreeEnded(struct LiteIpcThread *thread)
{
    while (!LOS_ListEmpty(&thread->endedTasks)) {
        struct LiteIpcTask *task =
            LOS_DL_LIST_ENTRY(thread->endedTasks.pstNext, struct LiteIpcTask, listNode);
        LOS_ListDelete(&task->listNode);
        free(task);
    }
}

int TaskQueueMake(struct LiteIpcTask *task)
{
    if (task->queueMade) {
        return 0;
    }
    struct ControlMessage message = {
        .type = CONTROL_TASK_INIT, .object = {.id = task->taskID, .generation = task->generation}};
    int status = ThreadControlCall(task->thread, &message);
    task->queueMade = status == 0;
    return status;
}

int TaskInitStart(struct LiteIpcTask *task, uint64_t userData)
{
    struct ControlMessage message = {
        .type = CONTROL_TASK_INIT, .object = {.id = task->taskID, .generation = task->generation}};
    struct ControlPending pending = {.kind = PENDING_EVENT, .task = task, .userData = userData};
    task->queueMade = true;
    return ThreadControlStart(task->thread, &message, NULL, 0, pending);
}

void TaskQueueAppend(struct LiteIpcTask *task, struct IpcNode *node)
{
    LOS_ListTailInsert(&task->msgListHead, &node->node.listNode);
    task->counters.queued++;
    if (node->prefix.lane != NULL) {
        node->prefix.lane->queued++;
    }
    if (!task->ready) {
        task->ready = true;
        LOS_ListTailInsert(&task->thread->ready, &task->readyNode);
    }
}

struct IpcNode *TaskQueueTake(struct LiteIpcTask *task)
{
    if (LOS_ListEmpty(&task->msgListHead)) {
        return NULL;
    }
    LOS_DL_LIST *link = task->msgListHead.pstNext;
    LOS_ListDelete(link);
    task->counters.queued--;
    if (LOS_ListEmpty(&task->msgListHead) && task->ready) {
        task->ready = false;
        LOS_ListDelete(&task->readyNode);
    }
    struct IpcNode *node = NodeOf(link);
    struct InboundLane *lane = node->prefix.lane;
    if (lane != NULL && --lane->queued == 0) {
        if (lane->state == LANE_DRAINING) {
            task->thread->scanNeeded = true; /* the domain waits for the report */
        } else if (lane->state == LANE_CLOSED) {
            task->thread->sweepNeeded = true; /* its descriptors are not needed any more */
        }
    }
    return node;
}

void IpcNodeDiscard(struct LiteIpcTask *task, struct IpcNode *node, enum IpcDropReason reason)
{
    OsHookCall(task->thread, LOS_HOOK_TYPE_IPC_READ_DROP, .task = task->taskID,
               .msg = &node->node.msg, .waitState = task->waitState, .reason = (int)reason);
    ObjectsRollback(task->thread, node);
    IpcNodeRelease(task->thread->device, task->thread, node);
}

void IpcNodeDrop(struct LiteIpcTask *task, struct IpcNode *node, enum IpcDropReason reason)
{
    task->thread->counters.dropped++;
    task->counters.dropped[reason]++;
    IpcNodeDiscard(task, node, reason);
}
