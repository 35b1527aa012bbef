/*
 * What the control table says about handles, tasks and roles. Read-only: the domain server and
 * every process of the domain use the same functions on their own mapping of the table.
 *
 * All functions: any thread, any number at a time, never wait. `table` has passed
 * ControlTableCheck(). IDs may be anything.
 */
#ifndef LITEIPC_KERNEL_ACCESS_H
#define LITEIPC_KERNEL_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "control/table.h"

/*
 * HasServiceAccess: may this process send requests to this handle. Handle 0 (the ServiceManager):
 * true. A living task of the same process: true. A task without a queue, dead or unknown: false.
 * Otherwise the task's access bit. `processID` is the slot of a process that is in use.
 */
bool HasServiceAccess(const struct ControlTable *table, uint32_t processID, uint32_t handle);

/* IsTaskAlive: in range, in use and not ended. */
bool IsTaskAlive(const struct ControlTable *table, uint32_t taskID);

/* IsCmsSet: is there a ServiceManager. */
bool IsCmsSet(const struct ControlTable *table);

/*
 * Was there ever one. The kernel's IsCmsSet as messages and IPC tasks see it: when the
 * ServiceManager dies only handle 0 and its commands fail, everyone else goes on.
 */
bool WasCmsSet(const struct ControlTable *table);

/* IsCmsTask: is this living task the ServiceManager. */
bool IsCmsTask(const struct ControlTable *table, uint32_t taskID);

/* The ServiceManager's task ID, or 0. With `generation` not null also its task's generation. */
uint32_t GetCmsTaskID(const struct ControlTable *table, uint32_t *generation);

/* IsIpcTaskSet: has the process a task that gets its death notices. */
bool IsIpcTaskSet(const struct ControlTable *table, uint32_t processID);

/* GetIpcTaskID: that task, or 0. */
uint32_t GetIpcTaskID(const struct ControlTable *table, uint32_t processID);

#endif
