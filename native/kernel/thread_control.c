#include "kernel/thread_control.h"

#include <errno.h>
#include <stdlib.h>

#include "control/client.h"
#include "kernel/array.h"

int ThreadControlStart(struct LiteIpcThread *thread, struct ControlMessage *message,
                       const int *descriptors, unsigned count, struct ControlPending pending)
{
    if (thread->lost) {
        return -ENODEV;
    }
    struct ControlPending *array = ArrayGrow(thread->pending, thread->pendingCount + 1,
                                             &thread->pendingCapacity, sizeof(pending));
    if (array == NULL) {
        return -ENOMEM;
    }
    thread->pending = array;
    if (++thread->nextRequestID == CONTROL_REQUEST_IGNORED) {
        thread->nextRequestID = 1;
    }
    message->requestID = thread->nextRequestID;
    int status = ControlSend(thread->controlSocket, message, descriptors, count);
    if (status != 0) {
        return status;
    }
    pending.requestID = message->requestID;
    pending.type = message->type;
    thread->pending[thread->pendingCount++] = pending;
    return 0;
}

int ThreadControlSend(struct LiteIpcThread *thread, struct ControlMessage *message,
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
            thread->lost = true; /* a domain that does not answer counts as gone */
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

/* Receives and handles one message. Returns 1, 0 for none, -ENODEV. */
static int ReceiveOne(struct LiteIpcThread *thread, int timeoutMs)
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
    thread->controlHandler(thread, &message, descriptors, count);
    for (unsigned i = 0; i < count; i++) {
        /* a handler that needed a descriptor has taken it and set it to -1 */
        OwnedClose(&thread->device->owned, descriptors[i]);
    }
    return 1;
}

void ThreadControlDrain(struct LiteIpcThread *thread)
{
    while (!thread->lost && ReceiveOne(thread, 0) > 0) {
    }
}

int ThreadControlWait(struct LiteIpcThread *thread, int timeoutMs)
{
    if (thread->lost) {
        return -ENODEV;
    }
    int handled = ReceiveOne(thread, timeoutMs);
    if (handled == 0) {
        return -ETIMEDOUT;
    }
    return handled > 0 ? 0 : handled;
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
