#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "domain/outbox.h"
#include "domain/process.h"
#include "domain/task.h"

/* So many unread bytes in a thread's socket say "look" as well as another message would. */
#define UNREAD_ENOUGH (32 * 1024)

void DomainRelate(struct Domain *domain, const struct DomainProcess *process)
{
    domain->related[process->id / 64] |= 1ULL << (process->id % 64);
}

void DomainRelateThread(struct Domain *domain, const struct DomainThread *thread)
{
    DomainRelate(domain, thread->process);
    LIST_EACH (node, &thread->inbound) {
        DomainRelate(domain, LIST_ENTRY(node, struct DomainLane, inReceiver)->sender);
    }
}

void DomainRelateProcess(struct Domain *domain, const struct DomainProcess *process)
{
    DomainRelate(domain, process);
    LIST_EACH (node, &process->threads) {
        DomainRelateThread(domain, LIST_ENTRY(node, struct DomainThread, inProcess));
    }
    LIST_EACH (node, &process->outbound) {
        DomainRelate(domain, LIST_ENTRY(node, struct DomainLane, inSender)->receiver->process);
    }
}

void DomainWakeThread(struct Domain *domain, struct DomainThread *thread)
{
    struct ControlMessage message = {.type = CONTROL_EVENT_WAKE};
    int unread = 0;

    /*
     * May be dropped when the socket is full: then there is something to read, and whoever reads
     * looks at the attention word afterwards.
     */
    if (thread->socket.descriptor >= 0 && thread->socket.waiting == 0 && !domain->stopping &&
        (ioctl(thread->socket.descriptor, SIOCOUTQ, &unread) != 0 || unread < UNREAD_ENOUGH)) {
        (void)DomainTransmit(thread->socket.descriptor, &message, NULL, 0);
    }
    ControlThreadNotify(ControlThreadAt(domain->table, thread->id));
}

void DomainWakeRelated(struct Domain *domain)
{
    for (uint32_t word = 0; word < domain->table->accessWords; word++) {
        while (domain->related[word] != 0) {
            uint32_t bit = (uint32_t)__builtin_ctzll(domain->related[word]);
            struct DomainProcess *process = &domain->processes[word * 64 + bit];
            domain->related[word] &= domain->related[word] - 1;
            LIST_EACH (node, &process->threads) {
                DomainWakeThread(domain, LIST_ENTRY(node, struct DomainThread, inProcess));
            }
        }
    }
}

static bool PendingTest(const struct DomainTask *task, const struct DomainProcess *process)
{
    return (task->toldPending[process->id / 64] >> (process->id % 64)) & 1U;
}

static void PendingClear(struct Domain *domain, struct DomainTask *task,
                         struct DomainProcess *process)
{
    task->toldPending[process->id / 64] &= ~(1ULL << (process->id % 64));
    task->pendingCount--;
    process->pendingDeaths--;
    domain->pendingDeaths--;
    DomainTaskSettle(domain, task);
}

/* Sends one notice. False: no room (or a closed end, whose own event ends this). */
static bool Tell(struct Domain *domain, struct DomainThread *thread, uint32_t ipcTaskID,
                 const struct DomainTask *task)
{
    struct ControlMessage message = {.type = CONTROL_EVENT_DEATH, .death = task->death};

    message.death.ipcTaskID = ipcTaskID;
    if (thread->socket.waiting > 0 ||
        DomainTransmit(thread->socket.descriptor, &message, NULL, 0) != 0) {
        DomainSocketWatchRoom(domain, &thread->socket, true);
        return false;
    }
    ControlThreadNotify(ControlThreadAt(domain->table, thread->id));
    return true;
}

static struct DomainTask *IpcTask(struct Domain *domain, const struct DomainProcess *process)
{
    uint32_t taskID =
        /* relaxed: only this thread writes it */
        atomic_load_explicit(&DomainProcessEntry(domain, process)->ipcTask, memory_order_relaxed);
    return DomainTaskFind(domain, taskID, 0);
}

void DomainDeathNotice(struct Domain *domain, struct DomainProcess *process,
                       struct DomainTask *task)
{
    struct DomainTask *ipcTask = IpcTask(domain, process);

    if (ipcTask == NULL || process->state != CONTROL_ALIVE || domain->stopping ||
        PendingTest(task, process)) {
        return;
    }
    /* Behind others that wait already, it waits too. */
    if (process->pendingDeaths == 0 && Tell(domain, ipcTask->thread, ipcTask->id, task)) {
        return;
    }
    if (process->pendingDeaths == 0) {
        process->deathsWaitSinceMs = DomainNowMs();
    }
    task->toldPending[process->id / 64] |= 1ULL << (process->id % 64);
    task->pendingCount++;
    process->pendingDeaths++;
    domain->pendingDeaths++;
}

void DomainDeathFlush(struct Domain *domain, struct DomainProcess *process)
{
    struct DomainTask *ipcTask = IpcTask(domain, process);

    if (process->pendingDeaths == 0 || ipcTask == NULL) {
        return;
    }
    LIST_EACH_REMOVABLE (node, &domain->heldTasks) {
        struct DomainTask *task = LIST_ENTRY(node, struct DomainTask, link);
        if (!PendingTest(task, process)) {
            continue;
        }
        if (!Tell(domain, ipcTask->thread, ipcTask->id, task)) {
            return;
        }
        process->deathsWaitSinceMs = DomainNowMs();
        PendingClear(domain, task, process);
    }
}

void DomainDeathForget(struct Domain *domain, struct DomainProcess *process)
{
    if (process->pendingDeaths == 0) {
        return;
    }
    LIST_EACH_REMOVABLE (node, &domain->heldTasks) {
        struct DomainTask *task = LIST_ENTRY(node, struct DomainTask, link);
        if (PendingTest(task, process)) {
            PendingClear(domain, task, process);
        }
    }
}
