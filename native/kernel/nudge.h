/* Wakes threads of this process that sleep in their epoll sets. */
#ifndef LITEIPC_KERNEL_NUDGE_H
#define LITEIPC_KERNEL_NUDGE_H

#include "kernel/control_blocks.h"

/* Wakes a thread from its sleep. Any thread of the process. */
void ThreadNudge(struct LiteIpcThread *thread);
/* Wakes every thread of the device. Any thread of the process; takes the device's lock. */
void DeviceNudgeAll(struct LiteIpcDevice *device);

#endif
