#include "domain/state.h"

struct DomainTask *DomainTaskFind(struct Domain *domain, uint32_t taskID, uint32_t generation)
{
    if (taskID == 0 || taskID >= domain->limits.taskLimit) {
        return NULL;
    }
    struct DomainTask *task = &domain->tasks[taskID];
    if (task->state != CONTROL_ALIVE || (generation != 0 && generation != task->generation)) {
        return NULL;
    }
    return task;
}

bool DomainHasRight(const struct Domain *domain, const struct DomainProcess *process,
                    const struct DomainProcess *of)
{
    LIST_EACH (node, &of->tasks) {
        const struct DomainTask *task = LIST_ENTRY(node, struct DomainTask, inProcess);
        if (task->state == CONTROL_ALIVE &&
            ControlAccessTest(DomainTaskEntry(domain, task), process->id)) {
            return true;
        }
    }
    return false;
}

void DomainProcessTerminate(struct Domain *domain, struct DomainProcess *process)
{
    if (process->state == CONTROL_ALIVE && !process->terminating) {
        process->terminating = true;
        ListAppend(&domain->terminating, &process->link);
    }
}
