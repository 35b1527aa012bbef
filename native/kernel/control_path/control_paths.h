/*
 * The kernel paths that change the system: the role of the ServiceManager, rights, and death
 * notices. They run in the domain's thread, on the domain's own structures. The data path (send,
 * receive, free) runs in the caller's process and only reads what they have written.
 *
 * `caller` is a living task of the requesting process. Status: 0 or a negative errno.
 */
#ifndef LITEIPC_KERNEL_CONTROL_PATHS_H
#define LITEIPC_KERNEL_CONTROL_PATHS_H

#include "domain/options.h"

/* The functions below as a table: the `kernel` of struct DomainOptions. */
extern const struct DomainKernelOperations LITEIPC_KERNEL_OPERATIONS;

/*
 * Checks what every ioctl of the kernel checks first. Returns -EINVAL if the caller's process has
 * not opened the device, -ENOMEM if its pool is not mapped. Domain's thread only.
 */
int CheckCaller(const struct Domain *domain, const struct DomainTask *caller);

/*
 * The domain's half of LiteIpcTaskInit: the task has a queue from now on. Called at its first
 * receive, or the first message sent to it. Idempotent.
 */
void ServiceQueueMake(struct Domain *domain, struct DomainTask *task);

/*
 * SetCms: the caller becomes the ServiceManager, which receives messages of at most `maxMsgSize`
 * bytes. -EINVAL: the process has not opened, or less than a header; -ENOMEM: it has no pool;
 * -EEXIST: there is one already; -EPERM: this uid or program may not (not in the kernel, where any
 * task may be the first).
 */
int SetCms(struct Domain *domain, struct DomainTask *caller, uint32_t maxMsgSize);

/*
 * HandleCmsCmd: CMS_GEN_HANDLE, CMS_REMOVE_HANDLE, CMS_ADD_ACCESS. -EACCES: the caller's process is
 * not the ServiceManager's, or there is none; -EINVAL: as kernel.
 */
int HandleCmsCmd(struct Domain *domain, struct DomainTask *caller,
                 struct ControlCmsCommand *command);

/*
 * SetIpcTask: the caller receives its process's death notices. -EINVAL: no CMS, or one is set
 * already.
 */
int SetIpcTask(struct Domain *domain, struct DomainTask *caller);

/*
 * GenerateServiceHandle: makes the task `taskID` a service whose handle is its ID; 0 is the caller.
 * -EINVAL: not alive, or the ServiceManager itself. The ServiceManager's process gets access if the
 * task has a queue.
 */
int GenerateServiceHandle(struct Domain *domain, struct DomainTask *caller, uint32_t taskID,
                          uint32_t *handle);

/* RefreshServiceHandle: task handles need no registration; only the range is checked. */
int RefreshServiceHandle(struct Domain *domain, uint32_t handle);

/*
 * AddServiceAccess: the process of task `taskID` may call `handle` (0: the ServiceManager).
 * -EINVAL: out of range, the service has no queue or is dead, or the process has not opened.
 */
int AddServiceAccess(struct Domain *domain, uint32_t taskID, uint32_t handle);

/*
 * Revokes a right. Not in the kernel. -EACCES: the caller's process is not the ServiceManager's;
 * -EINVAL: no such process or service, or not of this generation. All affected processes have been
 * notified when this returns; revoking a missing right is no error.
 */
int RemoveServiceAccess(struct Domain *domain, struct DomainTask *caller,
                        const struct ControlAccess *access);

/*
 * GrantServiceAccess: the domain's half of HandleSvc. The process named in `access` may call the
 * service, which has a queue from now on. -EINVAL: the service is not alive, the process does not
 * exist or has not opened. -EACCES: the caller has no right that it could pass on.
 */
int GrantServiceAccess(struct Domain *domain, struct DomainTask *caller,
                       const struct ControlAccess *access);

/*
 * SendDeathMsg: the process loses its right to `task`, and receives a death notice if it has an IPC
 * task.
 */
int SendDeathMsg(struct Domain *domain, uint32_t processID, struct DomainTask *task);

/* Ends the roles of a task: ServiceManager and IPC task of its process. */
void ReleaseRoles(struct Domain *domain, const struct DomainTask *task);

#endif
