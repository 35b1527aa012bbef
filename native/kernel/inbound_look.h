/* Looks at the lanes of a thread. Used by the owning thread alone. */
#ifndef LITEIPC_KERNEL_INBOUND_LOOK_H
#define LITEIPC_KERNEL_INBOUND_LOOK_H

#include "kernel/control_blocks.h"

/*
 * Performs one look: handles messages of the domain, collects rings, and moves the records
 * published before it began into the queues of the tasks, by time stamp across lanes, at most
 * `budget` records. Death notices are sorted in, so that nothing that a terminated process had
 * published comes after them. Returns the number of records moved or dropped.
 */
unsigned InboundLook(struct LiteIpcThread *thread, unsigned budget);

#endif
