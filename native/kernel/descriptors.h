/*
 * Transfers file descriptors: one datagram for each message, over the lane's socketpair, sent
 * before the record is published, with the number that the record carries. The lane's cursors page
 * counts the descriptors in flight, so that a receiver that never reads cannot exhaust the sender's
 * limit. Source: unix(7) SCM_RIGHTS.
 */
#ifndef LITEIPC_KERNEL_DESCRIPTORS_H
#define LITEIPC_KERNEL_DESCRIPTORS_H

#include "kernel/control_blocks.h"

/*
 * Returns the number of descriptors that the receiver has ever delivered or closed. The receiver
 * writes it in the part of the cursors page that the ring leaves free.
 */
uint64_t DescriptorsTaken(const void *cursors);
/* Adds to that number. Receiving thread only. */
void DescriptorsTakenAdd(void *cursors, uint64_t count);

/*
 * Returns how many descriptors of this lane are in flight: the larger of what the receiver reports
 * and what Linux reports for the socket, because the receiver may lie.
 */
uint64_t DescriptorsInFlight(const struct OutboundLane *lane);

/* Returns the bytes that one datagram takes of a socket's send buffer; 0 if that is unknown. */
uint32_t DescriptorDatagramSize(void);

/*
 * Sends `count` descriptors (1 to IPC_DESCRIPTORS_MAX), which the caller continues to own. Returns
 * 0, -EBADF, or -ENOMEM (no room, or too many).
 */
int DescriptorsTransmit(int socket, uint16_t number, const int *descriptors, uint32_t count);

/*
 * Receives the next datagram. Returns 1 with the batch, or 0 if there is none. The caller owns the
 * descriptors, which are close-on-exec and entered in `owned`. In a batch with count < sent, count
 * is 0: this process had no room for the descriptors, and they are lost. A batch with number 0 does
 * not come from DescriptorsTransmit; its count is 0, too.
 */
int DescriptorsTake(struct OwnedDescriptors *owned, int socket, struct DescriptorBatch *batch);

/*
 * Closes descriptors, whatever they refer to. A fork(2) while one of them waits to be closed
 * (DescriptorDiscard) leaves the child a copy.
 */
void DescriptorsDiscard(struct OwnedDescriptors *owned, const int *descriptors, uint32_t count);

#endif
