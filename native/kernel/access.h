/*
 * Answers questions about handles, tasks and roles from the control table. The domain server and
 * every process of the domain call the same functions on their own read-only mapping of the table.
 *
 * Threads: every function may run in any thread, concurrently, and never waits. `table` has passed
 * ControlTableCheck(). IDs may have any value.
 */
#ifndef LITEIPC_KERNEL_ACCESS_H
#define LITEIPC_KERNEL_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "control/table.h"

/*
 * HasServiceAccess: returns true if the process may send requests to `handle`. True for handle 0
 * (the ServiceManager) and for a living task of the same process. False for a task that is unknown,
 * has ended or has no queue. Otherwise the task's access bit decides. `processID` is the slot of a
 * process that is in use.
 */
bool HasServiceAccess(const struct ControlTable *table, uint32_t processID, uint32_t handle);

/* IsTaskAlive: returns true if the ID is in range and its task has not ended. */
bool IsTaskAlive(const struct ControlTable *table, uint32_t taskID);

/* IsCmsSet: returns true if there is a ServiceManager. */
bool IsCmsSet(const struct ControlTable *table);

/*
 * Returns true if there is or ever was a ServiceManager. Messages and IPC tasks use this in place
 * of the kernel's IsCmsSet: when the ServiceManager ends, only handle 0 and its commands fail.
 */
bool WasCmsSet(const struct ControlTable *table);

/* IsCmsTask: returns true if this task is the ServiceManager. */
bool IsCmsTask(const struct ControlTable *table, uint32_t taskID);

/*
 * Returns the ServiceManager's task ID, or 0. Stores its task's generation in `*generation` unless
 * that is NULL.
 */
uint32_t GetCmsTaskID(const struct ControlTable *table, uint32_t *generation);

/* IsIpcTaskSet: returns true if the process has a task that receives its death notices. */
bool IsIpcTaskSet(const struct ControlTable *table, uint32_t processID);

/* GetIpcTaskID: returns that task's ID, or 0. */
uint32_t GetIpcTaskID(const struct ControlTable *table, uint32_t processID);

#endif
