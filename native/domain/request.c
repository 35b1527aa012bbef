#include "domain/request.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "domain/death.h"
#include "domain/lane.h"
#include "domain/lane_open.h"
#include "domain/outbox.h"
#include "domain/process.h"
#include "domain/task.h"

#define POOL_SIZE_UNIT 4096U

/* Returns false for another process that got the socket, for instance a forked child. */
static bool IsSender(const struct DomainProcess *process, const struct DomainInput *input)
{
    return input->credentials.pid == process->pid && input->credentials.uid == process->uid &&
           input->credentials.gid == process->gid;
}

static void ThreadCreate(struct Domain *domain, struct DomainProcess *process,
                         const struct ControlMessage *request)
{
    struct ControlMessage answer = *request;
    struct DomainThread *thread;
    int clientEnd;

    answer.status = DomainThreadCreate(domain, process, &thread, &clientEnd);
    if (answer.status != 0) {
        DomainSend(domain, process, &process->socket, &answer, NULL, 0);
        return;
    }
    answer.object = (struct ControlObject){.id = thread->id, .generation = thread->generation};
    DomainSend(domain, process, &process->socket, &answer, &clientEnd, 1);
    close(clientEnd);
}

static void ProcessExit(struct Domain *domain, struct DomainProcess *process,
                        const struct ControlMessage *request)
{
    /* The answer follows when everything has been done, so the socket outlives the process. */
    int descriptor = DomainSocketDetach(domain, &process->socket);
    DomainProcessEnd(domain, process);
    DomainLastAnswer(descriptor, request);
}

static int ProcessOpen(struct Domain *domain, struct DomainProcess *process)
{
    /* release: pairs with the readers' acquire in ControlProcessRead */
    atomic_store_explicit(&DomainProcessEntry(domain, process)->opened, 1, memory_order_release);
    return 0;
}

/* Returns false for a message that is not a request on this socket. */
static bool ProcessRequest(struct Domain *domain, struct DomainProcess *process,
                           const struct DomainInput *input)
{
    if (input->message.requestID == 0 || input->descriptors[0] >= 0) {
        return false;
    }
    switch (input->message.type) {
        case CONTROL_THREAD_CREATE:
            ThreadCreate(domain, process, &input->message);
            return true;
        case CONTROL_PROCESS_OPEN: {
            struct ControlMessage answer = input->message;
            answer.status = ProcessOpen(domain, process);
            DomainSend(domain, process, &process->socket, &answer, NULL, 0);
            return true;
        }
        case CONTROL_PROCESS_EXIT:
            ProcessExit(domain, process, &input->message);
            return true;
        default:
            return false;
    }
}

void DomainProcessEvent(struct Domain *domain, uint32_t slot, uint32_t generation, uint32_t events)
{
    struct DomainProcess *process = &domain->processes[slot];
    struct DomainInput input;

    for (int turn = 0; turn < DOMAIN_BATCH; turn++) {
        if (process->state != CONTROL_ALIVE || process->generation != generation ||
            process->terminating) {
            return;
        }
        if (turn == 0 && (events & EPOLLOUT)) {
            (void)DomainSocketFlush(domain, process, &process->socket);
        }
        int status = DomainReceive(process->socket.descriptor, &input);
        if (status == -EAGAIN) {
            return;
        }
        bool fits = status == 1 && IsSender(process, &input);
        if (!fits || !ProcessRequest(domain, process, &input)) {
            DomainProcessTerminate(domain, process);
        }
        DomainInputClose(&input);
    }
}

static int ProcessMap(struct Domain *domain, struct DomainProcess *process, uint64_t size)
{
    struct ControlProcess *entry = DomainProcessEntry(domain, process);
    /* relaxed: only this thread writes it */
    uint32_t opened = atomic_load_explicit(&entry->opened, memory_order_relaxed);
    uint64_t current = atomic_load_explicit(&entry->poolSize, memory_order_relaxed);
    if (opened == 0 || size > domain->limits.poolMaximum || size % POOL_SIZE_UNIT != 0) {
        return -EINVAL;
    }
    if (size != 0 && current != 0) {
        return -EEXIST;
    }
    /* release: pairs with the readers' acquire in ControlProcessRead */
    atomic_store_explicit(&entry->poolSize, size, memory_order_release);
    return 0;
}

static int TaskInit(struct Domain *domain, struct DomainThread *thread,
                    const struct ControlObject *object)
{
    struct DomainTask *task = DomainTaskFind(domain, object->id, object->generation);
    /* relaxed: only this thread writes it */
    uint32_t cms = (uint32_t)atomic_load_explicit(&domain->table->cms, memory_order_relaxed);

    /* Tasks of the process, and the ServiceManager's, to which any process may send first. */
    if (task == NULL || (task->process != thread->process && task->id != cms)) {
        return -EINVAL;
    }
    domain->kernel->taskInit(domain, task);
    return 0;
}

/* Returns the living task of this thread that makes the call, or null. */
static struct DomainTask *Caller(struct Domain *domain, const struct DomainThread *thread,
                                 uint32_t taskID)
{
    struct DomainTask *task = DomainTaskFind(domain, taskID, 0);
    return task != NULL && task->thread == thread ? task : NULL;
}

/* Handles requests that a task makes. */
static int TaskRequest(struct Domain *domain, struct DomainThread *thread,
                       struct ControlMessage *message)
{
    const struct DomainKernelOperations *kernel = domain->kernel;
    uint32_t taskID = message->type == CONTROL_SET_CMS         ? message->cms.taskID
                      : message->type == CONTROL_CMS_COMMAND   ? message->cmsCommand.callerTaskID
                      : message->type == CONTROL_REMOVE_ACCESS ? message->access.callerTaskID
                      : message->type == CONTROL_GRANT_ACCESS  ? message->access.callerTaskID
                                                               : message->object.id;
    struct DomainTask *caller = Caller(domain, thread, taskID);

    if (caller == NULL) {
        return -EINVAL;
    }
    switch (message->type) {
        case CONTROL_SET_CMS:
            return kernel->setCms(domain, caller, message->cms.maxMsgSize);
        case CONTROL_SET_IPC_TASK:
            return kernel->setIpcTask(domain, caller);
        case CONTROL_CMS_COMMAND:
            return kernel->handleCmsCmd(domain, caller, &message->cmsCommand);
        case CONTROL_REMOVE_ACCESS:
            return kernel->removeAccess(domain, caller, &message->access);
        case CONTROL_GRANT_ACCESS:
            return kernel->grantAccess(domain, caller, &message->access);
        default: /* CONTROL_TASK_EXIT */
            DomainTaskEnd(domain, caller);
            return 0;
    }
}

static void ThreadExit(struct Domain *domain, struct DomainThread *thread,
                       const struct ControlMessage *request)
{
    int descriptor = DomainSocketDetach(domain, &thread->socket);
    DomainThreadEnd(domain, thread);
    DomainLastAnswer(descriptor, request);
}

/*
 * Handles requests without descriptors. Returns the status of the answer, which is `message`;
 * -EBADMSG: no such request.
 */
static int PlainRequest(struct Domain *domain, struct DomainThread *thread,
                        struct ControlMessage *message)
{
    struct DomainTask *task;
    int status;

    switch (message->type) {
        case CONTROL_PROCESS_OPEN:
            return ProcessOpen(domain, thread->process);
        case CONTROL_PROCESS_MAP:
            return ProcessMap(domain, thread->process, message->map.poolSize);
        case CONTROL_TASK_CREATE:
            status = DomainTaskCreate(domain, thread, &task);
            if (status == 0) {
                message->object =
                    (struct ControlObject){.id = task->id, .generation = task->generation};
            }
            return status;
        case CONTROL_TASK_INIT:
            return TaskInit(domain, thread, &message->object);
        case CONTROL_TASK_EXIT:
        case CONTROL_SET_CMS:
        case CONTROL_SET_IPC_TASK:
        case CONTROL_CMS_COMMAND:
        case CONTROL_REMOVE_ACCESS:
        case CONTROL_GRANT_ACCESS:
            return TaskRequest(domain, thread, message);
        case CONTROL_LANE_LEASE:
            return DomainLaneLease(domain, thread, message->object.id);
        case CONTROL_LANE_CLOSE:
            return DomainLaneClose(domain, thread, message->object.id);
        default:
            return -EBADMSG;
    }
}

/* Returns false for a message that is not a request on this socket. */
static bool ThreadRequest(struct Domain *domain, struct DomainThread *thread,
                          struct DomainInput *input)
{
    struct ControlMessage *message = &input->message;

    if (message->type == CONTROL_LANE_DEPOSIT) {
        DomainLaneDeposit(domain, thread, input);
        return true;
    }
    if (message->type == CONTROL_LANE_DRAINED) {
        DomainLaneDrained(domain, thread, message->object.id);
        return true;
    }
    if (message->requestID == 0) {
        return false;
    }
    if (message->type == CONTROL_LANE_OPEN) {
        DomainLaneOpen(domain, thread, input);
        return true;
    }
    if (input->descriptors[0] >= 0) {
        return false;
    }
    if (message->type == CONTROL_THREAD_EXIT) {
        ThreadExit(domain, thread, message);
        return true;
    }
    if (message->type == CONTROL_LANE_SOCKET) {
        DomainLaneSocket(domain, thread, message);
        return true;
    }
    int status = PlainRequest(domain, thread, message);
    if (status == -EBADMSG) {
        return false;
    }
    message->status = status;
    DomainSendThread(domain, thread, message, NULL, 0);
    return true;
}

void DomainThreadEvent(struct Domain *domain, uint32_t slot, uint32_t generation, uint32_t events)
{
    struct DomainThread *thread = &domain->threads[slot];
    struct DomainProcess *process = thread->process;
    struct DomainInput input;

    for (int turn = 0; turn < DOMAIN_BATCH; turn++) {
        if (thread->process == NULL || thread->generation != generation || process->terminating) {
            return;
        }
        if (turn == 0 && (events & EPOLLOUT) &&
            DomainSocketFlush(domain, process, &thread->socket)) {
            DomainDeathFlush(domain, process);
        }
        int status = DomainReceive(thread->socket.descriptor, &input);
        if (status == -EAGAIN) {
            return;
        }
        if (status == 0) {
            DomainThreadEnd(domain, thread); /* closed without THREAD_EXIT */
            return;
        }
        bool fits = status == 1 && IsSender(process, &input);
        if (!fits || !ThreadRequest(domain, thread, &input)) {
            DomainProcessTerminate(domain, process);
        }
        DomainInputClose(&input);
    }
}
