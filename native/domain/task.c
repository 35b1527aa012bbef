#include "domain/task.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "domain/death.h"
#include "domain/lane.h"
#include "domain/outbox.h"
#include "domain/reclaim.h"
#include "domain/user.h"

/* The domain's end is non-blocking and receives credentials. The client sets up its own end. */
static int MakeSockets(int ends[2])
{
    int on = 1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return -errno;
    }
    if (setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0 ||
        fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
        int status = -errno;
        close(ends[0]);
        close(ends[1]);
        return status;
    }
    return 0;
}

int DomainThreadCreate(struct Domain *domain, struct DomainProcess *process,
                       struct DomainThread **result, int *clientEnd)
{
    int ends[2];

    if (ListIsEmpty(&domain->freeThreads) ||
        !DomainUserCharge(domain, process->user, RESOURCE_THREAD)) {
        return -EAGAIN;
    }
    int status = MakeSockets(ends);
    if (status != 0) {
        DomainUserRefund(domain, process->user, RESOURCE_THREAD);
        return status;
    }
    struct DomainThread *thread = LIST_ENTRY(domain->freeThreads.next, struct DomainThread, link);
    struct ControlThread *entry = ControlThreadAt(domain->table, thread->id);
    ControlThreadFill(entry, process->id, process->generation);
    thread->generation = ControlStatePublish(&entry->state);
    status = DomainSocketInit(domain, &thread->socket, ends[0],
                              DomainEventKey(EVENT_THREAD, thread->id, thread->generation), false);
    if (status != 0) {
        ControlStateFree(&entry->state);
        close(ends[0]);
        close(ends[1]);
        DomainUserRefund(domain, process->user, RESOURCE_THREAD);
        return status;
    }
    ListRemove(&thread->link);
    thread->process = process;
    thread->laneEndCount = 0;
    thread->restockRequested = false;
    ListAppend(&process->threads, &thread->inProcess);
    *result = thread;
    *clientEnd = ends[1];
    return 0;
}

void DomainThreadClose(struct Domain *domain, struct DomainThread *thread)
{
    struct DomainProcess *process = thread->process;

    DomainLanesOfThreadEnd(domain, thread);
    DomainSocketClose(domain, &thread->socket);
    ControlStateFree(&ControlThreadAt(domain->table, thread->id)->state);
    ListRemove(&thread->inProcess);
    thread->process = NULL;
    ListAppend(&domain->freeThreads, &thread->link);
    DomainUserRefund(domain, process->user, RESOURCE_THREAD);
}

void DomainThreadEnd(struct Domain *domain, struct DomainThread *thread)
{
    uint64_t now = ClockNow();

    DomainRelateThread(domain, thread);
    LIST_EACH (node, &thread->tasks) {
        DomainTaskExit(domain, LIST_ENTRY(node, struct DomainTask, inThread), now);
    }
    LIST_EACH_REMOVABLE (node, &thread->tasks) {
        DomainTaskMarkDead(domain, LIST_ENTRY(node, struct DomainTask, inThread));
    }
    DomainThreadClose(domain, thread);
    DomainWakeRelated(domain);
}

int DomainTaskCreate(struct Domain *domain, struct DomainThread *thread, struct DomainTask **result)
{
    struct DomainProcess *process = thread->process;

    if (ListIsEmpty(&domain->freeTasks) ||
        !DomainUserCharge(domain, process->user, RESOURCE_TASK)) {
        return -EAGAIN;
    }
    struct DomainTask *task = LIST_ENTRY(ListTake(&domain->freeTasks), struct DomainTask, link);
    struct ControlTask *entry = DomainTaskEntry(domain, task);
    if (task->state == CONTROL_DEAD) {
        DomainTaskRelease(domain, task);
    }
    ControlTaskFill(domain->table, entry, process->id, process->generation, thread->id,
                    thread->generation);
    task->generation = ControlStatePublish(&entry->state);
    task->state = CONTROL_ALIVE;
    task->user = process->user;
    task->process = process;
    task->thread = thread;
    ListAppend(&process->tasks, &task->inProcess);
    ListAppend(&thread->tasks, &task->inThread);
    *result = task;
    return 0;
}

void DomainTaskExit(struct Domain *domain, struct DomainTask *task, uint64_t timestamp)
{
    task->death = (struct ControlDeath){
        .deadTaskID = task->id,
        .deadGeneration = task->generation,
        .deadProcessID = task->process->id,
        .uid = task->process->uid,
        .gid = task->process->gid,
        .timestamp = timestamp,
    };
    ListAppend(&domain->heldTasks, &task->link);
    domain->kernel->taskExit(domain, task);
}

void DomainTaskMarkDead(struct Domain *domain, struct DomainTask *task)
{
    task->state = CONTROL_DEAD;
    task->thread = NULL;
    ListRemove(&task->inThread);
    ControlStateMarkDead(&DomainTaskEntry(domain, task)->state);
    DomainTaskReclaim(domain, task);
}

void DomainTaskEnd(struct Domain *domain, struct DomainTask *task)
{
    DomainRelateThread(domain, task->thread);
    LIST_EACH (node, &task->process->outbound) {
        DomainRelate(domain, LIST_ENTRY(node, struct DomainLane, inSender)->receiver->process);
    }
    DomainTaskExit(domain, task, ClockNow());
    DomainTaskMarkDead(domain, task);
    DomainWakeRelated(domain);
}
