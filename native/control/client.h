/*
 * The client's end of a control socket: sending and receiving control/message.h. It knows the
 * wire, not the meaning. A socket is used by one thread at a time.
 */
#ifndef LITEIPC_CONTROL_CLIENT_H
#define LITEIPC_CONTROL_CLIENT_H

#include "control/message.h"
#include "platform/owned_descriptors.h"

/* Longest time that the domain's thread may take to answer, ms. It needs some 50 us. */
#define CONTROL_ANSWER_TIMEOUT_MS 5000

/*
 * Connects to the domain of this name (or absolute socket path). *descriptor is close-on-exec and
 * the caller's. -ENODEV: none runs; -EACCES: not for this user; -EINVAL: bad name.
 */
int ControlConnect(const char *domain, int *descriptor);

/*
 * Sends a message with `count` descriptors, which stay the caller's. Waits at most
 * CONTROL_ANSWER_TIMEOUT_MS for room in the socket. -ENODEV when the other end is gone.
 */
int ControlSend(int socket, const struct ControlMessage *message, const int *descriptors,
                unsigned count);

/*
 * Receives the next message. 1: *message and *count descriptors, which are close-on-exec, the
 * caller's, and entered in `owned`; 0: none within `timeoutMs` (0 = do not wait); -ENODEV: the
 * other end is gone; -EPROTO: not one of our messages.
 */
int ControlReceive(struct OwnedDescriptors *owned, int socket, struct ControlMessage *message,
                   int descriptors[CONTROL_DESCRIPTORS_MAX], unsigned *count, int timeoutMs);

#endif
