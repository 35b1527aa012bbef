#include "domain/death.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "domain/outbox.h"
#include "domain/reclaim.h"

/* With so many unread bytes in its socket, a thread needs no further message to wake it. */
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
     * The message may be dropped when the socket is full: the thread then has something to read,
     * and checks the attention word afterwards.
     */
    if (thread->socket.descriptor >= 0 && thread->socket.queued == 0 && !domain->stopping &&
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
    return (task->noticeTargets[process->id / 64] >> (process->id % 64)) & 1U;
}

static void PendingClear(struct Domain *domain, struct DomainTask *task,
                         struct DomainProcess *process)
{
    task->noticeTargets[process->id / 64] &= ~(1ULL << (process->id % 64));
    task->noticeTargetCount--;
    process->pendingDeaths--;
    domain->pendingDeaths--;
    DomainTaskReclaim(domain, task);
}

/*
 * Sends one notice. Returns false without room. A closed end also returns false, and causes an
 * event that ends its thread.
 */
static bool SendNotice(struct Domain *domain, struct DomainThread *thread, uint32_t ipcTaskID,
                       const struct DomainTask *task)
{
    struct ControlMessage message = {.type = CONTROL_EVENT_DEATH, .death = task->death};

    message.death.ipcTaskID = ipcTaskID;
    if (thread->socket.queued > 0 ||
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
    /* Earlier notices that are pending go first. */
    if (process->pendingDeaths == 0 && SendNotice(domain, ipcTask->thread, ipcTask->id, task)) {
        return;
    }
    if (process->pendingDeaths == 0) {
        process->deathsPendingSinceMs = DomainNowMs();
    }
    task->noticeTargets[process->id / 64] |= 1ULL << (process->id % 64);
    task->noticeTargetCount++;
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
        if (!SendNotice(domain, ipcTask->thread, ipcTask->id, task)) {
            return;
        }
        process->deathsPendingSinceMs = DomainNowMs();
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
