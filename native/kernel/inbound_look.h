/* Looks at the lanes of a thread. Used by the owning thread alone. */
#ifndef LITEIPC_KERNEL_INBOUND_LOOK_H
#define LITEIPC_KERNEL_INBOUND_LOOK_H

#include "kernel/control_blocks.h"

/*
 * One look: handles what the domain says, collects rings, and moves what was published before it
 * began into the queues of the tasks, by time stamp across lanes, at most `budget` records. Death
 * notices are sorted in, so that nothing that the dead had sent before comes after them.
 * Returns how many were moved or dropped.
 */
unsigned InboundLook(struct LiteIpcThread *thread, unsigned budget);

#endif
