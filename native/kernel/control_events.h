/*
 * Handles what the domain sends to a thread: answers to its requests, and events. Used by the
 * thread alone.
 */
#ifndef LITEIPC_KERNEL_CONTROL_EVENTS_H
#define LITEIPC_KERNEL_CONTROL_EVENTS_H

#include "kernel/control_blocks.h"

/*
 * Handles one message of the domain; the `controlHandler` of every thread. Takes the
 * descriptors that it uses and sets them to -1 in the array.
 */
void ThreadControlHandle(struct LiteIpcThread *thread, const struct ControlMessage *message,
                         int *descriptors, unsigned count);

/* Fails every pending request with -ENODEV: the domain is gone. */
void ThreadControlFailAll(struct LiteIpcThread *thread);

#endif
