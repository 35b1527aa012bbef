/* Creates and ends the tasks of a thread, and manages their queues. Used by the owning thread. */
#ifndef LITEIPC_KERNEL_TASK_H
#define LITEIPC_KERNEL_TASK_H

#include "kernel/control_blocks.h"

/*
 * Creates the private side of a task that the domain has just created. Returns 0, or -ENOMEM, in
 * which case the domain ends the task.
 */
int TaskAdopt(struct LiteIpcThread *thread, uint32_t taskID, uint32_t generation,
              struct LiteIpcTask **task);
/* Asks the domain to end a task that this process has no memory for. Does not wait. */
void TaskAbandon(struct LiteIpcThread *thread, uint32_t taskID);

/*
 * Releases the private side of a task that the domain has ended: queued messages and pending calls.
 * The object itself lives until TasksFreeEnded.
 */
void TaskForget(struct LiteIpcTask *task);
/* Frees the tasks that TaskForget released. */
void TasksFreeEnded(struct LiteIpcThread *thread);

/*
 * Requests LiteIpcTaskInit from the domain: the task has a queue from then on, so that others can
 * be granted access to it. Blocks for one exchange the first time, and does nothing later. Returns
 * 0 or -ENODEV.
 */
int TaskQueueMake(struct LiteIpcTask *task);
/* The same without waiting. A control notice with userData reports the result. */
int TaskInitStart(struct LiteIpcTask *task, uint64_t userData);

/* Appends a message to its task's queue. */
void TaskQueueAppend(struct LiteIpcTask *task, struct IpcNode *node);
/* Takes the head of the queue, NULL when it is empty. */
struct IpcNode *TaskQueueTake(struct LiteIpcTask *task);

/* Reports to the hooks how the wait for the reply to a pending call ended without one. */
void CallEndHook(struct LiteIpcTask *task, const struct IpcCall *call, enum LosHookType type,
                 int reason);

/*
 * Frees a message that the task does not accept, and gives its charge back. Counts it as dropped.
 */
void IpcNodeDrop(struct LiteIpcTask *task, struct IpcNode *node, enum IpcDropReason reason);
/* The same without counting, for an undelivered message that was understood. */
void IpcNodeDiscard(struct LiteIpcTask *task, struct IpcNode *node, enum IpcDropReason reason);

#endif
