/*
 * Declares the kernel paths that change the system: the role of ServiceManager, access rights,
 * death notices. They run in the domain's thread, on the domain's own structures. The data path
 * (send, receive, free) runs in the caller's process and only reads what these paths have written.
 *
 * `caller` is a living task of the requesting process. Status: 0 or a negative errno. Functions
 * without another note are defined in service.c.
 */
#ifndef LITEIPC_KERNEL_CONTROL_PATHS_H
#define LITEIPC_KERNEL_CONTROL_PATHS_H

#include "domain/options.h"

/* Lists the functions below for a domain: `kernel` of struct DomainOptions. Defined in module.c. */
extern const struct DomainKernelOperations LITEIPC_KERNEL_OPERATIONS;

/*
 * Checks what every ioctl of the kernel checks first. Returns -EINVAL if the caller's process has
 * not opened the device, -ENOMEM if its pool is not mapped. Domain's thread only.
 */
int CheckCaller(const struct Domain *domain, const struct DomainTask *caller);

/*
 * Does the domain's half of LiteIpcTaskInit: the task has a queue from now on. Called at its first
 * receive, when a lane to it is opened, and when a process is granted access to it by a message.
 * Idempotent.
 */
void ServiceQueueMake(struct Domain *domain, struct DomainTask *task);

/*
 * SetCms: makes the caller the ServiceManager, which receives messages of at most `maxMsgSize`
 * bytes. Returns -EINVAL if the process has not opened the device or the size is below that of a
 * header, -ENOMEM if it has no pool, -EEXIST if there is a ServiceManager, -EPERM if this uid or
 * program is not allowed (the kernel allows any process). Defined in cms.c.
 */
int SetCms(struct Domain *domain, struct DomainTask *caller, uint32_t maxMsgSize);

/*
 * HandleCmsCmd: executes CMS_GEN_HANDLE, CMS_REMOVE_HANDLE or CMS_ADD_ACCESS. Returns -EACCES if
 * the caller's process is not the ServiceManager's or there is none, -EINVAL as the kernel. Defined
 * in cms.c.
 */
int HandleCmsCmd(struct Domain *domain, struct DomainTask *caller,
                 struct ControlCmsCommand *command);

/*
 * SetIpcTask: lets the caller receive its process's death notices. Returns -EINVAL without a
 * ServiceManager, or if the process has an IPC task. Defined in death.c.
 */
int SetIpcTask(struct Domain *domain, struct DomainTask *caller);

/*
 * GenerateServiceHandle: makes task `taskID` (0: the caller) a service whose handle is its ID.
 * Returns -EINVAL if the task has ended or is the ServiceManager. Grants access to the
 * ServiceManager's process if the task has a queue.
 */
int GenerateServiceHandle(struct Domain *domain, struct DomainTask *caller, uint32_t taskID,
                          uint32_t *handle);

/* RefreshServiceHandle: checks the range of the handle. Task handles need no registration. */
int RefreshServiceHandle(struct Domain *domain, uint32_t handle);

/*
 * AddServiceAccess: lets the process of task `taskID` call `handle` (0: the ServiceManager).
 * Returns -EINVAL if an ID is out of range, the service has ended or has no queue, or the process
 * has not opened the device.
 */
int AddServiceAccess(struct Domain *domain, uint32_t taskID, uint32_t handle);

/*
 * Revokes a right. Not in the kernel. Returns -EACCES if the caller's process is not the
 * ServiceManager's, -EINVAL if there is no such process or service of this generation. The
 * processes concerned are notified when this returns. A right that did not exist is no error.
 * Defined in cms.c.
 */
int RemoveServiceAccess(struct Domain *domain, struct DomainTask *caller,
                        const struct ControlAccess *access);

/*
 * GrantServiceAccess: does the domain's half of HandleSvc. The process named in `access` may call
 * the service, which has a queue from now on. Returns -EINVAL if the service has ended, or the
 * process does not exist or has not opened the device; -EACCES if the caller has no right to pass
 * on.
 */
int GrantServiceAccess(struct Domain *domain, struct DomainTask *caller,
                       const struct ControlAccess *access);

/*
 * SendDeathMsg: revokes the right of a process to `task`, and sends a death notice if the process
 * has an IPC task. Defined in death.c.
 */
int SendDeathMsg(struct Domain *domain, uint32_t processID, struct DomainTask *task);

/*
 * Ends the roles of a task that ends: ServiceManager, and IPC task of its process. Defined in
 * death.c.
 */
void ReleaseRoles(struct Domain *domain, const struct DomainTask *task);

#endif
