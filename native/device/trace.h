/* Sets up and frees the trace of a device. */
#ifndef LITEIPC_DEVICE_TRACE_H
#define LITEIPC_DEVICE_TRACE_H

struct LiteIpcDevice;

/* Initialises the lock of the trace, when the device is created. */
void DeviceTraceInit(struct LiteIpcDevice *device);
/* Frees the trace. No thread of the device may be left. */
void DeviceTraceFree(struct LiteIpcDevice *device);

#endif
