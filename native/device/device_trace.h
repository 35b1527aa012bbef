/* The part of a device's life that is its trace. */
#ifndef LITEIPC_DEVICE_DEVICE_TRACE_H
#define LITEIPC_DEVICE_DEVICE_TRACE_H

struct LiteIpcDevice;

/* With the device's other locks, when it is made. */
void DeviceTraceInit(struct LiteIpcDevice *device);
/* When no thread of the device is left. */
void DeviceTraceFree(struct LiteIpcDevice *device);

#endif
