/*
 * Descriptors on their way: one datagram per message over the lane's socketpair, sent before the
 * record is published, with the number that the record carries. What is on its way is counted in
 * the lane's cursors page, so that a receiver that never looks cannot exhaust the sender's limit.
 * Source: unix(7) SCM_RIGHTS.
 */
#ifndef LITEIPC_KERNEL_DESCRIPTORS_H
#define LITEIPC_KERNEL_DESCRIPTORS_H

#include "kernel/control_blocks.h"

/*
 * Descriptors that were delivered or closed by the receiver, ever. Written by the receiver, in the
 * part of the cursors page that the ring leaves free.
 */
uint64_t DescriptorsTaken(const void *cursors);
void DescriptorsTakenAdd(void *cursors, uint64_t count);

/*
 * How many descriptors of this lane are on their way: as the receiver says or as the kernel says of
 * the socket, whichever is more, for the receiver may lie.
 */
uint64_t DescriptorsInFlight(const struct OutboundLane *lane);

/* What one datagram weighs in a socket's send buffer, bytes; 0 if it cannot be found out. */
uint32_t DescriptorDatagramSize(void);

/*
 * Sends `count` descriptors (1 to IPC_DESCRIPTORS_MAX), which stay the caller's. 0, -EBADF, -ENOMEM
 * (no room, or too many).
 */
int DescriptorsTransmit(int socket, uint16_t number, const int *descriptors, uint32_t count);

/*
 * Takes the next datagram: 1 with the batch, whose descriptors are close-on-exec, the caller's and
 * entered in `owned`; 0 if there is none. A batch with count < sent lost its descriptors: this
 * process had no room for them. A batch with number 0 is not one of DescriptorsTransmit. In both
 * cases count is 0.
 */
int DescriptorsTake(struct OwnedDescriptors *owned, int socket, struct DescriptorBatch *batch);

/*
 * Closes them, wherever they lead. A fork in the moment when one of them waits to be closed
 * (DescriptorDiscard) leaves the child a copy.
 */
void DescriptorsDiscard(struct OwnedDescriptors *owned, const int *descriptors, uint32_t count);

#endif
