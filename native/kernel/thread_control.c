#include "kernel/thread_control.h"

#include <errno.h>
#include <stdlib.h>

#include "control/client.h"
#include "kernel/inbound.h"
#include "kernel/outbound.h"
#include "kernel/task.h"

/* Makes room for one more element; 0 or -ENOMEM. */
static int Grow(void **array, unsigned count, unsigned *capacity, size_t elementSize)
{
    if (count < *capacity) {
        return 0;
    }
    unsigned wanted = *capacity == 0 ? 8 : *capacity * 2;
    void *larger = realloc(*array, wanted * elementSize);
    if (larger == NULL) {
        return -ENOMEM;
    }
    *array = larger;
    *capacity = wanted;
    return 0;
}

int ThreadControlStart(struct LiteIpcThread *thread, struct ControlMessage *message,
                       const int *descriptors, unsigned count, struct ControlPending pending)
{
    if (thread->lost) {
        return -ENODEV;
    }
    void *array = thread->pending;
    int status = Grow(&array, thread->pendingCount, &thread->pendingCapacity, sizeof(pending));
    thread->pending = array;
    if (status != 0) {
        return status;
    }
    if (++thread->nextRequestID == CONTROL_REQUEST_NOBODYS) {
        thread->nextRequestID = 1;
    }
    message->requestID = thread->nextRequestID;
    status = ControlSend(thread->controlSocket, message, descriptors, count);
    if (status != 0) {
        return status;
    }
    pending.requestID = message->requestID;
    pending.type = message->type;
    thread->pending[thread->pendingCount++] = pending;
    return 0;
}

int ThreadControlTell(struct LiteIpcThread *thread, struct ControlMessage *message,
                      const int *descriptors, unsigned count)
{
    if (thread->lost) {
        return -ENODEV;
    }
    return ControlSend(thread->controlSocket, message, descriptors, count);
}

int ThreadControlCall(struct LiteIpcThread *thread, struct ControlMessage *message)
{
    return ThreadControlCallFor(thread, message, NULL);
}

int ThreadControlCallFor(struct LiteIpcThread *thread, struct ControlMessage *message,
                         int *descriptor)
{
    struct ControlMessage answer = {.status = -ENODEV};
    bool answered = false;
    struct ControlPending pending = {
        .kind = PENDING_CALL, .answer = &answer, .answered = &answered};
    pending.descriptor = descriptor;
    int status = ThreadControlStart(thread, message, NULL, 0, pending);
    if (status != 0) {
        return status; /* it was not sent */
    }
    while (status == 0 && !answered) {
        status = ThreadControlWait(thread, CONTROL_ANSWER_TIMEOUT_MS);
        if (status == -ETIMEDOUT) {
            thread->lost = true; /* a domain that does not answer is as good as gone */
        }
    }
    if (!answered) {
        for (unsigned i = 0; i < thread->pendingCount; i++) {
            if (thread->pending[i].answered == &answered) {
                thread->pending[i] = thread->pending[--thread->pendingCount];
                break;
            }
        }
        return -ENODEV;
    }
    *message = answer;
    return answer.status;
}

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

/* Whoever could not send before this was answered may send again now. */
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
                /* Asked twice: the first answer brought it. */
                StepNotice(thread, &pending, answer->status == -EEXIST ? 0 : answer->status);
                break;
            case PENDING_STEP:
                StepNotice(thread, &pending, answer->status);
                break;
            case PENDING_NOBODY:
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
            InboundDeathKeep(thread, &event->death);
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

/* Handles one message; 1, 0 for none, -ENODEV. */
static int HandleOne(struct LiteIpcThread *thread, int timeoutMs)
{
    struct ControlMessage message;
    int descriptors[CONTROL_DESCRIPTORS_MAX];
    unsigned count;
    int received = ControlReceive(&thread->device->owned, thread->controlSocket, &message,
                                  descriptors, &count, timeoutMs);
    if (received == 0) {
        return 0;
    }
    if (received < 0) {
        thread->lost = true;
        return -ENODEV;
    }
    if (message.requestID != 0) {
        HandleAnswer(thread, &message, descriptors, count);
    } else {
        HandleEvent(thread, &message, descriptors, count);
    }
    for (unsigned i = 0; i < count; i++) {
        /* whoever wanted a descriptor has taken it and set it to -1 */
        OwnedClose(&thread->device->owned, descriptors[i]);
    }
    return 1;
}

void ThreadControlDrain(struct LiteIpcThread *thread)
{
    while (!thread->lost && HandleOne(thread, 0) > 0) {
    }
}

int ThreadControlWait(struct LiteIpcThread *thread, int timeoutMs)
{
    if (thread->lost) {
        return -ENODEV;
    }
    int handled = HandleOne(thread, timeoutMs);
    if (handled == 0) {
        return -ETIMEDOUT;
    }
    return handled > 0 ? 0 : handled;
}

void ThreadControlFailAll(struct LiteIpcThread *thread)
{
    while (thread->pendingCount > 0) {
        struct ControlMessage answer = {.status = -ENODEV};
        answer.requestID = thread->pending[thread->pendingCount - 1].requestID;
        HandleAnswer(thread, &answer, NULL, 0);
    }
}

void ThreadNotice(struct LiteIpcThread *thread, struct IpcNotice notice)
{
    struct IpcNoticeQueue *queue = &thread->notices;
    if (queue->count == queue->capacity) {
        size_t wanted = queue->capacity == 0 ? 64 : queue->capacity * 2;
        struct IpcNotice *larger = malloc(wanted * sizeof(*larger));
        if (larger == NULL) {
            thread->lost = true;
            return;
        }
        for (size_t i = 0; i < queue->count; i++) {
            larger[i] = queue->notices[(queue->head + i) % queue->capacity];
        }
        free(queue->notices);
        *queue =
            (struct IpcNoticeQueue){.notices = larger, .count = queue->count, .capacity = wanted};
    }
    queue->notices[(queue->head + queue->count) % queue->capacity] = notice;
    queue->count++;
}

bool ThreadNoticeTake(struct LiteIpcThread *thread, struct IpcNotice *notice)
{
    struct IpcNoticeQueue *queue = &thread->notices;
    if (queue->count == 0) {
        return false;
    }
    *notice = queue->notices[queue->head];
    queue->head = (queue->head + 1) % queue->capacity;
    queue->count--;
    return true;
}

void ThreadControlDisown(struct LiteIpcThread *thread, const struct LiteIpcTask *task)
{
    struct IpcNoticeQueue *queue = &thread->notices;
    for (size_t i = 0; i < queue->count; i++) {
        struct IpcNotice *notice = &queue->notices[(queue->head + i) % queue->capacity];
        if (notice->task == task) {
            notice->task = NULL;
        }
    }
    for (unsigned i = 0; i < thread->pendingCount; i++) {
        if (thread->pending[i].task == task) {
            thread->pending[i].task = NULL;
        }
    }
}
