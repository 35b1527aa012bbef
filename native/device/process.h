/* Attaches a device to a domain, and sends requests on its process socket (defined in device.c). */
#ifndef LITEIPC_DEVICE_PROCESS_H
#define LITEIPC_DEVICE_PROCESS_H

#include "kernel/control_blocks.h"

/*
 * Sends a request on the process socket and waits for the answer, which replaces *message. If
 * `descriptor` is not NULL the answer must have a descriptor, which then belongs to the caller. Any
 * thread; takes the device's lock. Returns the status of the answer; -ENODEV; -EPROTO: no
 * descriptor.
 */
int ProcessControlCall(struct LiteIpcDevice *device, struct ControlMessage *message,
                       int *descriptor);

/* Like LiteIpcDeviceAttach, for the path of a control socket. */
int DeviceAttach(const char *address, struct LiteIpcDevice **device);

#endif
