/*
 * Descriptors on their way: one datagram per message over the lane's socketpair, sent before the record
 * is published, with the number that the record carries. What is on its way is counted in the lane's
 * cursors page, so that an idle receiver cannot exhaust the sender's limit.
 * Source: unix(7) SCM_RIGHTS.
 */
#ifndef LITEIPC_KERNEL_DESCRIPTORS_H
#define LITEIPC_KERNEL_DESCRIPTORS_H

#include <stdint.h>

#include "queue/ring.h"

/*
 * Descriptors that the receiver has taken out of the socket, ever. Written by the receiver, in the part
 * of the cursors page that the ring leaves free.
 */
uint64_t DescriptorsTaken(const void *cursors);
void DescriptorsTakenAdd(void *cursors, uint64_t count);

/* Sends `count` descriptors, which stay the caller's. 0, -EBADF, -ENOMEM (no room, or too many). */
int DescriptorsTransmit(int socket, uint16_t number, const int *descriptors, uint32_t count);

/*
 * Takes the next datagram: 1 with *number, *count and descriptors (close-on-exec, the caller's); 0 if
 * there is none; -EMFILE if this process had no room for all of them (they are closed); -EPROTO.
 */
int DescriptorsTake(int socket, uint16_t *number, int *descriptors, uint32_t *count);

#endif
