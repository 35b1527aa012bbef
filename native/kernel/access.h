/*
 * Answers questions about handles, tasks and roles from the control table. Read-only: the domain
 * server and every process of the domain use the same functions on their own mapping of the table.
 *
 * All functions: any thread, any number at a time, without waiting. `table` has passed
 * ControlTableCheck(). IDs may have any value.
 */
#ifndef LITEIPC_KERNEL_ACCESS_H
#define LITEIPC_KERNEL_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "control/table.h"

/*
 * HasServiceAccess: returns whether this process may send requests to this handle. Handle 0 (the
 * ServiceManager): true. A living task of the same process: true. A task without a queue, ended or
 * unknown: false. Otherwise the task's access bit. `processID` is the slot of a process that is in
 * use.
 */
bool HasServiceAccess(const struct ControlTable *table, uint32_t processID, uint32_t handle);

/* IsTaskAlive: returns whether the ID is in range and its task is in use and has not ended. */
bool IsTaskAlive(const struct ControlTable *table, uint32_t taskID);

/* IsCmsSet: returns whether there is a ServiceManager. */
bool IsCmsSet(const struct ControlTable *table);

/*
 * Returns whether there ever was a ServiceManager. This is the kernel's IsCmsSet for messages and
 * IPC tasks: after the end of the ServiceManager only handle 0 and its commands fail.
 */
bool WasCmsSet(const struct ControlTable *table);

/* IsCmsTask: returns whether this living task is the ServiceManager. */
bool IsCmsTask(const struct ControlTable *table, uint32_t taskID);

/*
 * Returns the ServiceManager's task ID, or 0. With `generation` not null also its task's
 * generation.
 */
uint32_t GetCmsTaskID(const struct ControlTable *table, uint32_t *generation);

/* IsIpcTaskSet: returns whether the process has a task that receives its death notices. */
bool IsIpcTaskSet(const struct ControlTable *table, uint32_t processID);

/* GetIpcTaskID: returns that task, or 0. */
uint32_t GetIpcTaskID(const struct ControlTable *table, uint32_t processID);

#endif
