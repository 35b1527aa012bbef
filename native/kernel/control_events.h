/* Handles what the domain sends to a thread: answers to its requests, and events. */
#ifndef LITEIPC_KERNEL_CONTROL_EVENTS_H
#define LITEIPC_KERNEL_CONTROL_EVENTS_H

#include "kernel/control_blocks.h"

/*
 * Handles one message of the domain; the `controlHandler` of every thread. A descriptor that is
 * used becomes the receiver's and is set to -1 in the array.
 */
void ThreadControlHandle(struct LiteIpcThread *thread, const struct ControlMessage *message,
                         int *descriptors, unsigned count);

/* Fails everything that awaits an answer, with -ENODEV: the domain is gone. */
void ThreadControlFailAll(struct LiteIpcThread *thread);

#endif
