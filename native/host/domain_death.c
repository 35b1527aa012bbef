#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "host/domain_message.h"
#include "host/domain_process.h"
#include "host/domain_task.h"

/* So many unread bytes in a thread's socket say "look" as well as another message would. */
#define UNREAD_ENOUGH (32 * 1024)

void DomainRelate(struct Domain *domain, const struct DomainProcess *process)
{
    domain->related[process->id / 64] |= 1ULL << (process->id % 64);
}

void DomainRelateThread(struct Domain *domain, const struct DomainThread *thread)
{
    DomainRelate(domain, thread->process);
    LIST_EACH(node, &thread->inbound)
    {
        DomainRelate(domain, LIST_ENTRY(node, struct DomainLane, inReceiver)->sender);
    }
}

void DomainRelateProcess(struct Domain *domain, const struct DomainProcess *process)
{
    DomainRelate(domain, process);
    LIST_EACH(node, &process->threads)
    {
        DomainRelateThread(domain, LIST_ENTRY(node, struct DomainThread, inProcess));
    }
    LIST_EACH(node, &process->outbound)
    {
        DomainRelate(domain, LIST_ENTRY(node, struct DomainLane, inSender)->receiver->process);
    }
}

void DomainWakeThread(struct Domain *domain, struct DomainThread *thread)
{
    struct ControlMessage message = {.type = CONTROL_EVENT_WAKE};
    int unread = 0;

    /*
     * May be dropped when the socket is full: then there is something to read, and whoever reads looks
     * at the attention word afterwards.
     */
    if (thread->socket.waiting == 0 && !domain->stopping &&
        (ioctl(thread->socket.descriptor, SIOCOUTQ, &unread) != 0 || unread < UNREAD_ENOUGH)) {
        (void)DomainTransmit(thread->socket.descriptor, &message, NULL, 0);
    }
    ControlThreadAttend(ControlThreadAt(domain->table, thread->id));
}

void DomainWakeRelated(struct Domain *domain)
{
    for (uint32_t word = 0; word < domain->table->accessWords; word++) {
        while (domain->related[word] != 0) {
            uint32_t bit = (uint32_t)__builtin_ctzll(domain->related[word]);
            struct DomainProcess *process = &domain->processes[word * 64 + bit];
            domain->related[word] &= domain->related[word] - 1;
            LIST_EACH(node, &process->threads)
            {
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

void DomainDeathNotice(struct Domain *domain, struct DomainProcess *process,
                       struct DomainTask *task)
{
    if (PendingTest(task, process) || process->state != CONTROL_ALIVE || domain->stopping) {
        return;
    }
    task->toldPending[process->id / 64] |= 1ULL << (process->id % 64);
    task->pendingCount++;
    if (process->pendingDeaths++ == 0) {
        process->deathsWaitSinceMs = DomainNowMs();
    }
    domain->pendingDeaths++;
    DomainDeathFlush(domain, process);
}

void DomainDeathFlush(struct Domain *domain, struct DomainProcess *process)
{
    uint32_t ipcTaskID =
        /* relaxed: only this thread writes it */
        atomic_load_explicit(&DomainProcessEntry(domain, process)->ipcTask, memory_order_relaxed);
    struct DomainTask *ipcTask = DomainTaskFind(domain, ipcTaskID, 0);
    if (process->pendingDeaths == 0) {
        return;
    }
    if (ipcTask == NULL) {
        DomainDeathForget(domain, process);
        return;
    }
    struct DomainSocket *socket = &ipcTask->thread->socket;
    LIST_EACH_REMOVABLE(node, &domain->heldTasks)
    {
        struct DomainTask *task = LIST_ENTRY(node, struct DomainTask, link);
        if (!PendingTest(task, process)) {
            continue;
        }
        struct ControlMessage message = {.type = CONTROL_EVENT_DEATH, .death = task->death};
        message.death.ipcTaskID = ipcTaskID;
        int status =
            socket->waiting > 0 ? -EAGAIN : DomainTransmit(socket->descriptor, &message, NULL, 0);
        if (status != 0) {
            /* No room (or a closed end, whose own event ends this): the bit stays. */
            DomainSocketWatchRoom(domain, socket, true);
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
    LIST_EACH_REMOVABLE(node, &domain->heldTasks)
    {
        struct DomainTask *task = LIST_ENTRY(node, struct DomainTask, link);
        if (PendingTest(task, process)) {
            PendingClear(domain, task, process);
        }
    }
}
