#ifndef LOSCFG_SECURITY_CAPABILITY
#define LOSCFG_SECURITY_CAPABILITY /* IpcMsg with uid and gid, as it is delivered */
#endif
#include "liteipc/hm_liteipc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "domain/death.h"
#include "kernel/access.h"
#include "kernel/control_path/control_paths.h"

/*
 * Returns whether the domain's options admit the process. The program is the one that the pid runs
 * now.
 */
static bool MayBecomeCms(const struct Domain *domain, const struct DomainProcess *process)
{
    char link[32];
    char program[4096];
    bool listed = false;

    for (size_t index = 0; index < domain->cmsUidCount; index++) {
        listed = listed || domain->cmsUids[index] == process->uid;
    }
    if (!listed || domain->cmsProgram == NULL) {
        return listed;
    }
    snprintf(link, sizeof(link), "/proc/%d/exe", (int)process->pid);
    ssize_t length = readlink(link, program, sizeof(program));
    return length > 0 && (size_t)length == strlen(domain->cmsProgram) &&
           memcmp(program, domain->cmsProgram, (size_t)length) == 0;
}

int SetCms(struct Domain *domain, struct DomainTask *caller, uint32_t maxMsgSize)
{
    int status = CheckCaller(domain, caller);
    if (status != 0) {
        return status;
    }
    if (maxMsgSize < sizeof(IpcMsg)) {
        return -EINVAL;
    }
    if (IsCmsSet(domain->table)) {
        return -EEXIST;
    }
    if (!MayBecomeCms(domain, caller->process)) {
        return -EPERM;
    }
    /* relaxed: ordered by the release below */
    atomic_store_explicit(&domain->table->cmsMaxMsgSize, maxMsgSize, memory_order_relaxed);
    /* release: pairs with the acquire in GetCmsTaskID; a reader of the role sees the size */
    atomic_store_explicit(&domain->table->cms, ((uint64_t)caller->generation << 32) | caller->id,
                          memory_order_release);
    return 0;
}

static bool IsCmsProcess(const struct Domain *domain, const struct DomainProcess *process)
{
    uint32_t cms = GetCmsTaskID(domain->table, NULL);
    return cms != 0 && domain->tasks[cms].process == process;
}

/* Returns false if the task has ended and its ID may belong to another task. */
static bool IsStillThere(struct Domain *domain, uint32_t taskID, uint32_t generation)
{
    return generation == 0 || DomainTaskFind(domain, taskID, generation) != NULL;
}

int HandleCmsCmd(struct Domain *domain, struct DomainTask *caller,
                 struct ControlCmsCommand *command)
{
    int status = CheckCaller(domain, caller);
    if (status != 0) {
        return status;
    }
    if (!IsCmsProcess(domain, caller->process)) {
        return -EACCES;
    }
    if (!IsStillThere(domain, command->taskID, command->taskGeneration) ||
        !IsStillThere(domain, command->serviceHandle, command->serviceGeneration)) {
        return -EINVAL;
    }
    switch (command->cmd) {
        case CMS_GEN_HANDLE:
            return GenerateServiceHandle(domain, caller, command->taskID, &command->serviceHandle);
        case CMS_REMOVE_HANDLE:
            return RefreshServiceHandle(domain, command->serviceHandle);
        case CMS_ADD_ACCESS:
            return IsTaskAlive(domain->table, command->taskID)
                       ? AddServiceAccess(domain, command->taskID, command->serviceHandle)
                       : -EINVAL;
        default:
            return -EINVAL;
    }
}

int RemoveServiceAccess(struct Domain *domain, struct DomainTask *caller,
                        const struct ControlAccess *access)
{
    int status = CheckCaller(domain, caller);
    if (status != 0) {
        return status;
    }
    if (!IsCmsProcess(domain, caller->process)) {
        return -EACCES;
    }
    struct DomainTask *service =
        DomainTaskFind(domain, access->serviceHandle, access->serviceGeneration);
    if (service == NULL || access->processID == 0 ||
        access->processID >= domain->limits.processLimit) {
        return -EINVAL;
    }
    /* Also for a terminated process: what it had published must not be delivered any more. */
    struct DomainProcess *process = &domain->processes[access->processID];
    if (process->state == CONTROL_FREE ||
        (access->processGeneration != 0 && access->processGeneration != process->generation)) {
        return -EINVAL;
    }
    ControlAccessRevoke(domain->table, DomainTaskEntry(domain, service), process->id);
    DomainWakeThread(domain, service->thread);
    DomainRelate(domain, process);
    DomainWakeRelated(domain);
    return 0;
}
