#include "kernel/control_events.h"

#include <errno.h>

#include "kernel/arrival.h"
#include "kernel/inbound_lanes.h"
#include "kernel/outbound.h"
#include "kernel/task.h"
#include "kernel/thread_control.h"

static void FinishEvent(struct LiteIpcThread *thread, const struct ControlPending *pending,
                        const struct ControlMessage *answer)
{
    struct IpcNotice notice = {.kind = NOTICE_CONTROL,
                               .status = answer->status,
                               .task = pending->task,
                               .userData = pending->userData};
    if (answer->status == 0) {
        switch (pending->type) {
            case CONTROL_TASK_CREATE:
                notice.status =
                    TaskAdopt(thread, answer->object.id, answer->object.generation, &notice.task);
                if (notice.status == 0) {
                    notice.status = TaskInitStart(notice.task, pending->userData);
                    if (notice.status == 0) {
                        return; /* the answer to CONTROL_TASK_INIT reports it */
                    }
                    TaskForget(notice.task);
                    TaskAbandon(thread, answer->object.id);
                    notice.task = NULL;
                }
                break;
            case CONTROL_TASK_INIT:
                notice.value0 = notice.task->taskID;
                notice.value1 = notice.task->generation;
                break;
            case CONTROL_TASK_EXIT:
                TaskForget(pending->task);
                notice.task = NULL;
                break;
            case CONTROL_CMS_COMMAND:
                notice.value0 = answer->cmsCommand.serviceHandle;
                break;
            default:
                break;
        }
    }
    ThreadNotice(thread, notice);
}

/* Notifies the tasks that could not send before this was answered. */
static void StepNotice(struct LiteIpcThread *thread, const struct ControlPending *pending,
                       int status)
{
    ThreadNotice(thread, (struct IpcNotice){.kind = NOTICE_LANE,
                                            .status = status,
                                            .value0 = (uint32_t)(pending->userData >> 32),
                                            .value1 = (uint32_t)pending->userData});
}

static void HandleAnswer(struct LiteIpcThread *thread, const struct ControlMessage *answer,
                         int *descriptors, unsigned count)
{
    for (unsigned i = 0; i < thread->pendingCount; i++) {
        if (thread->pending[i].requestID != answer->requestID) {
            continue;
        }
        struct ControlPending pending = thread->pending[i];
        thread->pending[i] = thread->pending[--thread->pendingCount];
        switch (pending.kind) {
            case PENDING_CALL:
                *pending.answer = *answer;
                *pending.answered = true;
                if (pending.descriptor != NULL && count > 0) {
                    *pending.descriptor = descriptors[0];
                    descriptors[0] = -1;
                }
                break;
            case PENDING_LANE:
                OutboundLaneAnswered(pending.lane, thread, answer, descriptors, count);
                break;
            case PENDING_EVENT:
                FinishEvent(thread, &pending, answer);
                break;
            case PENDING_SOCKET:
                if (answer->status == 0 && count == 1) {
                    OutboundLaneSocket(thread, answer->object.id, &descriptors[0]);
                }
                /* It was requested twice, and the first answer brought it. */
                StepNotice(thread, &pending, answer->status == -EEXIST ? 0 : answer->status);
                break;
            case PENDING_STEP:
                StepNotice(thread, &pending, answer->status);
                break;
            case PENDING_IGNORED:
                break;
        }
        return;
    }
}

static void HandleEvent(struct LiteIpcThread *thread, const struct ControlMessage *event,
                        int *descriptors, unsigned count)
{
    switch (event->type) {
        case CONTROL_EVENT_LANE:
            InboundLaneBegin(thread, &event->laneNew, descriptors, count);
            break;
        case CONTROL_EVENT_LANE_SOCKET:
            if (count == 1) {
                InboundLaneSocket(thread, event->object.id, &descriptors[0]);
            }
            break;
        case CONTROL_EVENT_LANE_CLOSED:
            InboundLaneEnd(thread, event->object.id);
            OutboundLaneEnd(thread, event->object.id);
            break;
        case CONTROL_EVENT_DEATH:
            InboundDeathStore(thread, &event->death);
            break;
        case CONTROL_EVENT_RESTOCK:
            InboundRestock(thread, event->object.id);
            break;
        case CONTROL_EVENT_WAKE:
        default:
            thread->scanNeeded = true;
            break;
    }
}

void ThreadControlHandle(struct LiteIpcThread *thread, const struct ControlMessage *message,
                         int *descriptors, unsigned count)
{
    if (message->requestID != 0) {
        HandleAnswer(thread, message, descriptors, count);
    } else {
        HandleEvent(thread, message, descriptors, count);
    }
}

void ThreadControlFailAll(struct LiteIpcThread *thread)
{
    while (thread->pendingCount > 0) {
        struct ControlMessage answer = {.status = -ENODEV};
        answer.requestID = thread->pending[thread->pendingCount - 1].requestID;
        HandleAnswer(thread, &answer, NULL, 0);
    }
}
