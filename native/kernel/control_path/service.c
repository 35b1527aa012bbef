#include <errno.h>

#include "domain/state.h"
#include "kernel/access.h"
#include "kernel/control_path/control_paths.h"

int CheckCaller(const struct Domain *domain, const struct DomainTask *caller)
{
    const struct ControlProcess *entry = DomainProcessEntry(domain, caller->process);
    /* relaxed: only this thread writes them */
    if (atomic_load_explicit(&entry->opened, memory_order_relaxed) == 0) {
        return -EINVAL;
    }
    return atomic_load_explicit(&entry->poolSize, memory_order_relaxed) == 0 ? -ENOMEM : 0;
}

int GenerateServiceHandle(struct Domain *domain, struct DomainTask *caller, uint32_t taskID,
                          uint32_t *handle)
{
    if (taskID != 0 && !IsTaskAlive(domain->table, taskID)) {
        return -EINVAL;
    }
    uint32_t service = taskID != 0 ? taskID : caller->id;
    if (IsCmsTask(domain->table, service)) {
        return -EINVAL;
    }
    *handle = service;
    /* A task that never used IPC has no queue to call yet; that is no error here. */
    (void)AddServiceAccess(domain, GetCmsTaskID(domain->table, NULL), service);
    return 0;
}

int RefreshServiceHandle(struct Domain *domain, uint32_t handle)
{
    return handle < domain->limits.taskLimit ? 0 : -EINVAL;
}

int AddServiceAccess(struct Domain *domain, uint32_t taskID, uint32_t handle)
{
    struct DomainTask *task = DomainTaskFind(domain, taskID, 0);
    /*
     * Handle 0 means the ServiceManager's task here as well: its holders receive its death notice.
     */
    uint32_t serviceID = handle == 0 ? GetCmsTaskID(domain->table, NULL) : handle;
    struct DomainTask *service = DomainTaskFind(domain, serviceID, 0);

    if (task == NULL || service == NULL) {
        return -EINVAL;
    }
    struct ControlTask *entry = DomainTaskEntry(domain, service);
    /* relaxed: only this thread writes them */
    if (atomic_load_explicit(&entry->queueMade, memory_order_relaxed) == 0 ||
        atomic_load_explicit(&DomainProcessEntry(domain, task->process)->opened,
                             memory_order_relaxed) == 0) {
        return -EINVAL;
    }
    ControlAccessSet(entry, task->process->id, true);
    return 0;
}

void ServiceQueueMake(struct Domain *domain, struct DomainTask *task)
{
    /* release: pairs with ControlTaskRead's acquire */
    atomic_store_explicit(&DomainTaskEntry(domain, task)->queueMade, 1, memory_order_release);
}

int GrantServiceAccess(struct Domain *domain, struct DomainTask *caller,
                       const struct ControlAccess *access)
{
    struct DomainTask *service =
        DomainTaskFind(domain, access->serviceHandle, access->serviceGeneration);

    if (service == NULL || access->processID == 0 ||
        access->processID >= domain->limits.processLimit) {
        return -EINVAL;
    }
    if (!HasServiceAccess(domain->table, caller->process->id, service->id) &&
        caller->process != service->process) {
        return -EACCES;
    }
    const struct DomainProcess *process = &domain->processes[access->processID];
    const struct ControlProcess *entry = DomainProcessEntry(domain, process);
    if (process->state != CONTROL_ALIVE ||
        (access->processGeneration != 0 && access->processGeneration != process->generation) ||
        /* relaxed: only this thread writes it */
        atomic_load_explicit(&entry->opened, memory_order_relaxed) == 0) {
        return -EINVAL;
    }
    ServiceQueueMake(domain, service);
    ControlAccessSet(DomainTaskEntry(domain, service), process->id, true);
    return 0;
}
