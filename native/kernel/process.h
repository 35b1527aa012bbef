/* The process socket of a device: requests about the process itself, rare and blocking. */
#ifndef LITEIPC_KERNEL_PROCESS_H
#define LITEIPC_KERNEL_PROCESS_H

#include "kernel/control_blocks.h"

/*
 * Sends a request on the process socket and waits for its answer, which replaces *message. With
 * `descriptor` not NULL the answer brings one, which becomes the caller's. Any thread; takes the
 * device's lock. Returns the answer's status, or -ENODEV.
 */
int ProcessControlCall(struct LiteIpcDevice *device, struct ControlMessage *message,
                       int *descriptor);

#endif
