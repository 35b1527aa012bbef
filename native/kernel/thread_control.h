/*
 * A thread's conversation with the domain: requests that block or end in a notice, and the events
 * that the domain sends. Used by the thread alone.
 */
#ifndef LITEIPC_KERNEL_THREAD_CONTROL_H
#define LITEIPC_KERNEL_THREAD_CONTROL_H

#include "kernel/control_blocks.h"

/*
 * Sends a request and remembers who waits for the answer: `pending` is copied, its requestID and
 * type are filled in. 0, -ENODEV, -ENOMEM.
 */
int ThreadControlStart(struct LiteIpcThread *thread, struct ControlMessage *message,
                       const int *descriptors, unsigned count, struct ControlPending pending);

/*
 * Sends a request and waits for its answer, which replaces *message. Returns the answer's status.
 * Events that come meanwhile are handled. -ENODEV, also when the domain does not answer in time.
 */
int ThreadControlCall(struct LiteIpcThread *thread, struct ControlMessage *message);

/*
 * The same for an answer that may bring a descriptor, which then becomes the caller's; else
 * *descriptor is left as it is.
 */
int ThreadControlCallFor(struct LiteIpcThread *thread, struct ControlMessage *message,
                         int *descriptor);

/* Sends a message that has no answer. 0 or -ENODEV. */
int ThreadControlSend(struct LiteIpcThread *thread, struct ControlMessage *message,
                      const int *descriptors, unsigned count);

/* Handles every message that has come. Sets thread->lost when the domain is gone. */
void ThreadControlDrain(struct LiteIpcThread *thread);

/* Waits until something has come or the time is up, then handles it. 0 or -ENODEV. */
int ThreadControlWait(struct LiteIpcThread *thread, int timeoutMs);

/* Adds a notice for the event face. Without memory for it: the thread counts as lost. */
void ThreadNotice(struct LiteIpcThread *thread, struct IpcNotice notice);
/* Takes the oldest notice; false if there is none. */
bool ThreadNoticeTake(struct LiteIpcThread *thread, struct IpcNotice *notice);
/* A task ends: notices that were not taken yet and answers to come do not name it any more. */
void ThreadControlDisown(struct LiteIpcThread *thread, const struct LiteIpcTask *task);

#endif
