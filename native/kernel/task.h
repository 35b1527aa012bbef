/*
 * Tasks of a thread: making and ending them, and their queues. Used by the owning thread alone.
 */
#ifndef LITEIPC_KERNEL_TASK_H
#define LITEIPC_KERNEL_TASK_H

#include "kernel/control_blocks.h"

/*
 * The private side of a task that the domain has just made. 0, or -ENOMEM and the task is
 * abandoned.
 */
int TaskAdopt(struct LiteIpcThread *thread, uint32_t taskID, uint32_t generation,
              struct LiteIpcTask **task);
/* Has the domain end a task that it has made and this process has no memory for. Does not wait. */
void TaskAbandon(struct LiteIpcThread *thread, uint32_t taskID);

/*
 * Takes down the private side of a task that the domain has ended: queued messages, pending calls.
 * The object itself lives until TasksFreeEnded.
 */
void TaskForget(struct LiteIpcTask *task);
void TasksFreeEnded(struct LiteIpcThread *thread);

/*
 * Asks the domain for LiteIpcTaskInit: the task has a queue from now on, so that it can be given
 * callers. Blocks for one exchange the first time, does nothing later. 0 or -ENODEV.
 */
int TaskQueueMake(struct LiteIpcTask *task);
/* The same without waiting; a control notice with userData reports it. */
int TaskInitStart(struct LiteIpcTask *task, uint64_t userData);

/* Appends a message to its task's queue. */
void TaskQueueAppend(struct LiteIpcTask *task, struct IpcNode *node);
/* Takes the head of the queue, NULL when it is empty. */
struct IpcNode *TaskQueueTake(struct LiteIpcTask *task);

/* Tells the hooks how the wait for the answer to a pending call ended without one. */
void CallEndHook(struct LiteIpcTask *task, const struct IpcCall *call, enum LosHookType type,
                 int reason);

/* A message of the task's is not wanted: its memory and its charge go back. Counted as dropped. */
void IpcNodeDrop(struct LiteIpcTask *task, struct IpcNode *node, enum IpcDropReason reason);
/* An undelivered message whose meaning was understood: the same, not counted. */
void IpcNodeDiscard(struct LiteIpcTask *task, struct IpcNode *node, enum IpcDropReason reason);

#endif
