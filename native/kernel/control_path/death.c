#include <errno.h>

#include "domain/death.h"
#include "kernel/access.h"
#include "kernel/control_path/control_paths.h"
#include "kernel/los_liteipc.h"

int SetIpcTask(struct Domain *domain, struct DomainTask *caller)
{
    struct ControlProcess *entry = DomainProcessEntry(domain, caller->process);
    int status = CheckCaller(domain, caller);
    if (status != 0) {
        return status;
    }
    /* As in the kernel, a ServiceManager that ended counts: only its own role is missing then. */
    if (!WasCmsSet(domain->table) || IsIpcTaskSet(domain->table, caller->process->id)) {
        return -EINVAL;
    }
    /* release: pairs with the readers' acquire in ControlProcessRead */
    atomic_store_explicit(&entry->ipcTask, caller->id, memory_order_release);
    return 0;
}

int SendDeathMsg(struct Domain *domain, uint32_t processID, struct DomainTask *task)
{
    struct DomainProcess *process = &domain->processes[processID];
    const struct ControlProcess *entry = DomainProcessEntry(domain, process);

    ControlAccessSet(DomainTaskEntry(domain, task), processID, false);
    /* relaxed: only this thread writes it */
    if (atomic_load_explicit(&entry->opened, memory_order_relaxed) == 0) {
        return -EINVAL;
    }
    if (process->state == CONTROL_ALIVE && IsIpcTaskSet(domain->table, processID)) {
        DomainDeathNotice(domain, process, task);
    }
    return 0;
}

void LiteIpcRemoveServiceHandle(struct Domain *domain, uint32_t taskID)
{
    struct DomainTask *task = DomainTaskFind(domain, taskID, 0);
    if (task == NULL) {
        return;
    }
    struct ControlTask *entry = DomainTaskEntry(domain, task);
    ControlAccessSet(entry, task->process->id, false);
    for (uint32_t word = 0; word < domain->table->accessWords; word++) {
        /* relaxed: only this thread writes it */
        uint64_t bits = atomic_load_explicit(&entry->access[word], memory_order_relaxed);
        for (; bits != 0; bits &= bits - 1) {
            uint32_t processID = word * 64 + (uint32_t)__builtin_ctzll(bits);
            DomainRelate(domain, &domain->processes[processID]);
            (void)SendDeathMsg(domain, processID, task);
        }
    }
}

void ReleaseRoles(struct Domain *domain, const struct DomainTask *task)
{
    struct ControlProcess *entry = DomainProcessEntry(domain, task->process);

    if (IsCmsTask(domain->table, task->id)) {
        /* release: a reader that sees the role gone also sees what came before its end */
        atomic_store_explicit(&domain->table->cms, 0, memory_order_release);
    }
    if (GetIpcTaskID(domain->table, task->process->id) == task->id) {
        DomainDeathForget(domain, task->process);
        /* release: as above */
        atomic_store_explicit(&entry->ipcTask, 0, memory_order_release);
    }
}
