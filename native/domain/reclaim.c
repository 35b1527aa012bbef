#include "domain/reclaim.h"

#include "domain/user.h"

void DomainTaskReclaim(struct Domain *domain, struct DomainTask *task)
{
    if (task->user == NULL || task->state == CONTROL_ALIVE || task->noticeTargetCount > 0 ||
        (task->process != NULL && task->process->state == CONTROL_DEAD)) {
        return;
    }
    ListRemove(&task->link);
    ListAppend(&domain->freeTasks, &task->link);
    struct DomainUser *user = task->user;
    task->user = NULL;
    DomainUserRefund(domain, user, RESOURCE_TASK);
}

void DomainTaskRelease(struct Domain *domain, struct DomainTask *task)
{
    ControlStateFree(&DomainTaskEntry(domain, task)->state);
    task->state = CONTROL_FREE;
    task->process = NULL;
    ListRemove(&task->inProcess);
    DomainTaskReclaim(domain, task);
}

void DomainProcessReclaim(struct Domain *domain, struct DomainProcess *process)
{
    if (process->state != CONTROL_DEAD || !ListIsEmpty(&process->outbound) ||
        !ListIsEmpty(&process->threads)) {
        return;
    }
    LIST_EACH_REMOVABLE (node, &process->tasks) {
        DomainTaskRelease(domain, LIST_ENTRY(node, struct DomainTask, inProcess));
    }
    for (uint32_t taskID = 1; taskID < domain->limits.taskLimit; taskID++) {
        struct ControlTask *entry = ControlTaskAt(domain->table, taskID);
        if (domain->tasks[taskID].state == CONTROL_ALIVE && ControlAccessTest(entry, process->id)) {
            ControlAccessSet(entry, process->id, false);
        }
    }
    ControlStateFree(&DomainProcessEntry(domain, process)->state);
    process->state = CONTROL_FREE;
    ListAppend(&domain->freeProcesses, &process->link);
    struct DomainUser *user = process->user;
    process->user = NULL;
    DomainUserRefund(domain, user, RESOURCE_PROCESS);
}
