/*
 * Makes and ends the tasks of a thread, and manages their queues. Used only by the owning thread.
 */
#ifndef LITEIPC_KERNEL_TASK_H
#define LITEIPC_KERNEL_TASK_H

#include "kernel/control_blocks.h"

/*
 * Makes the private side of a task that the domain has just made. 0, or -ENOMEM, and the task is
 * abandoned.
 */
int TaskAdopt(struct LiteIpcThread *thread, uint32_t taskID, uint32_t generation,
              struct LiteIpcTask **task);
/*
 * Asks the domain to end a task that it has made and this process has no memory for. Does not wait.
 */
void TaskAbandon(struct LiteIpcThread *thread, uint32_t taskID);

/*
 * Releases the private side of a task that the domain has ended: queued messages, pending calls.
 * The object itself lives until TasksFreeEnded.
 */
void TaskForget(struct LiteIpcTask *task);
void TasksFreeEnded(struct LiteIpcThread *thread);

/*
 * Asks the domain for LiteIpcTaskInit: the task has a queue from now on, so that it can have
 * callers. Blocks for one exchange the first time, does nothing later. 0 or -ENODEV.
 */
int TaskQueueMake(struct LiteIpcTask *task);
/* Does the same without waiting. A control notice with userData reports the result. */
int TaskInitStart(struct LiteIpcTask *task, uint64_t userData);

/* Appends a message to its task's queue. */
void TaskQueueAppend(struct LiteIpcTask *task, struct IpcNode *node);
/* Takes the head of the queue, NULL when it is empty. */
struct IpcNode *TaskQueueTake(struct LiteIpcTask *task);

/* Reports to the hooks how the wait for an answer ended without one. */
void CallEndHook(struct LiteIpcTask *task, const struct IpcCall *call, enum LosHookType type,
                 int reason);

/* Drops a message of the task: its memory and its charge are given back. Counted as dropped. */
void IpcNodeDrop(struct LiteIpcTask *task, struct IpcNode *node, enum IpcDropReason reason);
/*
 * Discards an undelivered message whose meaning was understood. Like IpcNodeDrop, but not counted.
 */
void IpcNodeDiscard(struct LiteIpcTask *task, struct IpcNode *node, enum IpcDropReason reason);

#endif
