/*
 * Sends a thread's requests to the domain and receives what the domain sends: answers, which end a
 * blocking request or become notices, and events. Used by the thread alone.
 */
#ifndef LITEIPC_KERNEL_THREAD_CONTROL_H
#define LITEIPC_KERNEL_THREAD_CONTROL_H

#include "kernel/control_blocks.h"

/*
 * Sends a request and records how its answer is used: copies `pending` and fills in its requestID
 * and type. Returns 0, -ENODEV or -ENOMEM.
 */
int ThreadControlStart(struct LiteIpcThread *thread, struct ControlMessage *message,
                       const int *descriptors, unsigned count, struct ControlPending pending);

/*
 * Sends a request and waits for its answer, which replaces *message. Returns the answer's
 * status, or -ENODEV, also when the domain does not answer in time. Handles events that arrive
 * meanwhile.
 */
int ThreadControlCall(struct LiteIpcThread *thread, struct ControlMessage *message);

/*
 * The same for an answer that may bring a descriptor, which the caller then owns; else *descriptor
 * is unchanged.
 */
int ThreadControlCallFor(struct LiteIpcThread *thread, struct ControlMessage *message,
                         int *descriptor);

/* Sends a message that has no answer. Returns 0 or -ENODEV. */
int ThreadControlSend(struct LiteIpcThread *thread, struct ControlMessage *message,
                      const int *descriptors, unsigned count);

/* Handles every message that has arrived. Sets thread->lost when the domain is gone. */
void ThreadControlDrain(struct LiteIpcThread *thread);

/* Waits for a message and handles it. Returns 0, -ETIMEDOUT or -ENODEV. */
int ThreadControlWait(struct LiteIpcThread *thread, int timeoutMs);

/* Adds a notice for the event interface. Without memory the thread counts as lost. */
void ThreadNotice(struct LiteIpcThread *thread, struct IpcNotice notice);
/* Takes the oldest notice. Returns false if there is none. */
bool ThreadNoticeTake(struct LiteIpcThread *thread, struct IpcNotice *notice);
/* Removes a task that ends from pending notices and from pending answers. */
void ThreadControlDisown(struct LiteIpcThread *thread, const struct LiteIpcTask *task);

#endif
