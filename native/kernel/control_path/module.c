#include <errno.h>
#include <stddef.h>

#include "domain/state.h"
#include "kernel/access.h"
#include "kernel/control_path/control_paths.h"
#include "kernel/los_liteipc.h"

int OsLiteIpcInit(struct Domain *domain)
{
    return IsCmsSet(domain->table) ? -EBUSY : 0;
}

static void TaskExit(struct Domain *domain, struct DomainTask *task)
{
    LiteIpcRemoveServiceHandle(domain, task->id);
    ReleaseRoles(domain, task);
}

const struct DomainKernelOperations LITEIPC_KERNEL_OPERATIONS = {
    .init = OsLiteIpcInit,
    .taskInit = ServiceQueueMake,
    .taskExit = TaskExit,
    .setCms = SetCms,
    .setIpcTask = SetIpcTask,
    .handleCmsCmd = HandleCmsCmd,
    .removeAccess = RemoveServiceAccess,
    .grantAccess = GrantServiceAccess,
};
