/*
 * Special objects inside a message: descriptors, memory blocks and services that travel with it.
 * Kernel functions HandleSpecialObjects, HandleObj, HandleFd, HandlePtr, HandleSvc.
 */
#ifndef LITEIPC_KERNEL_OBJECT_H
#define LITEIPC_KERNEL_OBJECT_H

#include "kernel/control_blocks.h"

/*
 * Checks the offsets of a message's objects and passes each object on.
 *
 * Passing objects is not supported yet: a message that has any is refused with -EINVAL, whatever
 * their type, and nothing of it is sent. A message without objects: 0.
 */
int HandleSpecialObjects(struct LiteIpcTask *task, const IpcMsg *msg);

#endif
