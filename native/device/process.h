/* The process itself: its place in the domain, and its process socket, whose requests are rare and
 * block. */
#ifndef LITEIPC_DEVICE_PROCESS_H
#define LITEIPC_DEVICE_PROCESS_H

#include "kernel/control_blocks.h"

/*
 * Sends a request on the process socket and waits for its answer, which replaces *message. With
 * `descriptor` not NULL the answer brings one, which becomes the caller's. Any thread; takes the
 * device's lock. Returns the answer's status, or -ENODEV.
 */
int ProcessControlCall(struct LiteIpcDevice *device, struct ControlMessage *message,
                       int *descriptor);

/* As LiteIpcDeviceAttach, for the path of a control socket. */
int DeviceAttach(const char *address, struct LiteIpcDevice **device);

#endif
