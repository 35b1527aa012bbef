/* Wakes threads of this process that sleep in their epoll sets. Any thread of the process. */
#ifndef LITEIPC_KERNEL_NUDGE_H
#define LITEIPC_KERNEL_NUDGE_H

#include "kernel/control_blocks.h"

/* Wakes one thread. */
void ThreadNudge(struct LiteIpcThread *thread);
/* Wakes every thread of the device. Takes the device's lock. */
void DeviceNudgeAll(struct LiteIpcDevice *device);

#endif
