#include "domain/process.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "domain/death.h"
#include "domain/outbox.h"
#include "domain/reclaim.h"
#include "domain/task.h"
#include "domain/user.h"

int DomainProcessCreate(struct Domain *domain, const struct DomainConnection *connection,
                        int pidDescriptor, struct DomainProcess **result)
{
    if (ListIsEmpty(&domain->freeProcesses) ||
        !DomainUserCharge(domain, connection->user, RESOURCE_PROCESS)) {
        return -EAGAIN;
    }
    struct DomainProcess *process =
        LIST_ENTRY(domain->freeProcesses.next, struct DomainProcess, link);
    struct ControlProcess *entry = DomainProcessEntry(domain, process);
    /* The generation that the slot will have. After an error nothing has to be undone. */
    uint32_t generation =
        /* relaxed: only this thread writes it */
        ControlGenerationOf(atomic_load_explicit(&entry->state, memory_order_relaxed));
    generation = generation == 0 ? 1 : generation;
    struct epoll_event event = {.events = EPOLLIN,
                                .data.u64 = DomainEventKey(EVENT_PID, process->id, generation)};
    int status = epoll_ctl(domain->epoll, EPOLL_CTL_ADD, pidDescriptor, &event) == 0 ? 0 : -errno;
    if (status == 0) {
        status = DomainSocketInit(domain, &process->socket, connection->descriptor,
                                  DomainEventKey(EVENT_PROCESS, process->id, generation), true);
    }
    if (status != 0) {
        process->socket.descriptor = -1;
        DomainUserRefund(domain, connection->user, RESOURCE_PROCESS);
        return status;
    }
    ListRemove(&process->link);
    process->state = CONTROL_ALIVE;
    process->terminating = false;
    process->pid = connection->pid;
    process->uid = connection->uid;
    process->gid = connection->gid;
    process->user = connection->user;
    process->pidDescriptor = pidDescriptor;
    process->pendingDeaths = 0;
    process->parked = 0;
    ControlProcessFill(entry, (uint32_t)process->pid, process->uid, process->gid);
    process->generation = ControlStatePublish(&entry->state);
    *result = process;
    return 0;
}

void DomainProcessEnd(struct Domain *domain, struct DomainProcess *process)
{
    uint64_t now = ClockNow();

    ListRemove(&process->link);
    DomainDeathForget(domain, process);
    DomainRelateProcess(domain, process);
    LIST_EACH (node, &process->threads) {
        struct DomainThread *thread = LIST_ENTRY(node, struct DomainThread, inProcess);
        LIST_EACH (taskNode, &thread->tasks) {
            DomainTaskExit(domain, LIST_ENTRY(taskNode, struct DomainTask, inThread), now);
        }
    }
    process->state = CONTROL_DEAD;
    LIST_EACH (node, &process->threads) {
        struct DomainThread *thread = LIST_ENTRY(node, struct DomainThread, inProcess);
        LIST_EACH_REMOVABLE (taskNode, &thread->tasks) {
            DomainTaskMarkDead(domain, LIST_ENTRY(taskNode, struct DomainTask, inThread));
        }
    }
    ControlStateMarkDead(&DomainProcessEntry(domain, process)->state);
    LIST_EACH_REMOVABLE (node, &process->threads) {
        DomainThreadClose(domain, LIST_ENTRY(node, struct DomainThread, inProcess));
    }
    DomainSocketClose(domain, &process->socket);
    (void)epoll_ctl(domain->epoll, EPOLL_CTL_DEL, process->pidDescriptor, NULL);
    close(process->pidDescriptor);
    process->pidDescriptor = -1;
    DomainWakeRelated(domain);
    DomainProcessReclaim(domain, process);
}

void DomainProcessReap(struct Domain *domain)
{
    while (!ListIsEmpty(&domain->terminating)) {
        DomainProcessEnd(domain, LIST_ENTRY(domain->terminating.next, struct DomainProcess, link));
    }
}

void DomainProcessCheckReaders(struct Domain *domain)
{
    uint64_t now = DomainNowMs();

    if (domain->pendingDeaths == 0) {
        return;
    }
    for (uint32_t processID = 1; processID < domain->limits.processLimit; processID++) {
        struct DomainProcess *process = &domain->processes[processID];
        if (process->state == CONTROL_ALIVE && process->pendingDeaths > 0 &&
            now - process->deathsPendingSinceMs >= DOMAIN_DEATHS_TIMEOUT_MS) {
            DomainProcessTerminate(domain, process);
        }
    }
}
