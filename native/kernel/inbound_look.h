/* Looks at the lanes of a thread. Used by the owning thread alone. */
#ifndef LITEIPC_KERNEL_INBOUND_LOOK_H
#define LITEIPC_KERNEL_INBOUND_LOOK_H

#include "kernel/control_blocks.h"

/*
 * Does one look: handles the domain's messages, collects rings, and moves the records that were
 * published before the look began into the queues of the tasks, by time stamp across lanes, at most
 * `budget` records. Death notices are sorted in, so that every message that a terminated process
 * published comes before the notice. Returns how many records were moved or dropped.
 */
unsigned InboundLook(struct LiteIpcThread *thread, unsigned budget);

#endif
