/*
 * Exchanges messages between a thread and the domain: requests that block or end in a notice, and
 * the events of the domain. Used only by the thread.
 */
#ifndef LITEIPC_KERNEL_THREAD_CONTROL_H
#define LITEIPC_KERNEL_THREAD_CONTROL_H

#include "kernel/control_blocks.h"

/*
 * Sends a request and registers what waits for the answer: `pending` is copied, its requestID and
 * type are filled in. 0, -ENODEV, -ENOMEM.
 */
int ThreadControlStart(struct LiteIpcThread *thread, struct ControlMessage *message,
                       const int *descriptors, unsigned count, struct ControlPending pending);

/*
 * Sends a request and waits for its answer, which replaces *message. Returns the answer's status.
 * Events that come meanwhile are handled. -ENODEV, also if the domain does not answer in time.
 */
int ThreadControlCall(struct LiteIpcThread *thread, struct ControlMessage *message);

/*
 * Does the same for an answer that may carry a descriptor, which then belongs to the caller;
 * otherwise *descriptor does not change.
 */
int ThreadControlCallFor(struct LiteIpcThread *thread, struct ControlMessage *message,
                         int *descriptor);

/* Sends a message that has no answer. 0 or -ENODEV. */
int ThreadControlSend(struct LiteIpcThread *thread, struct ControlMessage *message,
                      const int *descriptors, unsigned count);

/* Handles every message that has come. Sets thread->lost if the domain is gone. */
void ThreadControlDrain(struct LiteIpcThread *thread);

/* Waits until something has come or the time is over, then handles it. 0 or -ENODEV. */
int ThreadControlWait(struct LiteIpcThread *thread, int timeoutMs);

/* Adds a notice for the event face. Without memory for it the thread counts as lost. */
void ThreadNotice(struct LiteIpcThread *thread, struct IpcNotice notice);
/* Takes the oldest notice. Returns false if there is none. */
bool ThreadNoticeTake(struct LiteIpcThread *thread, struct IpcNotice *notice);
/* Removes a task that ends from notices that were not taken yet and from answers to come. */
void ThreadControlDisown(struct LiteIpcThread *thread, const struct LiteIpcTask *task);

#endif
