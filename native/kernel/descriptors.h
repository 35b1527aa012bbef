/*
 * Sends and receives descriptors: one datagram per message over the lane's socketpair, sent before
 * the record is published, with the number that the record carries. The lane's cursors page counts
 * the descriptors in flight, so that a receiver that never reads cannot exhaust the sender's limit.
 * Source: unix(7) SCM_RIGHTS.
 */
#ifndef LITEIPC_KERNEL_DESCRIPTORS_H
#define LITEIPC_KERNEL_DESCRIPTORS_H

#include "kernel/control_blocks.h"

/*
 * Returns the number of descriptors that the receiver delivered or closed, in total. The receiver
 * writes it, in the part of the cursors page that the ring does not use.
 */
uint64_t DescriptorsTaken(const void *cursors);
void DescriptorsTakenAdd(void *cursors, uint64_t count);

/*
 * Returns the number of descriptors of this lane in flight: the receiver's count or the kernel's
 * count of the socket, whichever is larger, because the receiver may lie.
 */
uint64_t DescriptorsInFlight(const struct OutboundLane *lane);

/* Returns the bytes that one datagram takes in a socket's send buffer, or 0 if unknown. */
uint32_t DescriptorDatagramSize(void);

/*
 * Sends `count` descriptors (1 to IPC_DESCRIPTORS_MAX), which the caller continues to own. 0,
 * -EBADF, -ENOMEM (no room, or too many).
 */
int DescriptorsTransmit(int socket, uint16_t number, const int *descriptors, uint32_t count);

/*
 * Takes the next datagram. Returns 1 with the batch, whose descriptors are close-on-exec, belong to
 * the caller and are entered in `owned`; 0 if there is none. A batch with count < sent lost its
 * descriptors because this process had no room for them. A batch with number 0 does not come from
 * DescriptorsTransmit. In both cases count is 0.
 */
int DescriptorsTake(struct OwnedDescriptors *owned, int socket, struct DescriptorBatch *batch);

/*
 * Closes the descriptors without waiting. A fork while one of them waits to be closed
 * (DescriptorDiscard) leaves the child a copy.
 */
void DescriptorsDiscard(struct OwnedDescriptors *owned, const int *descriptors, uint32_t count);

#endif
