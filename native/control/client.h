/*
 * Sends and receives the messages of control/message.h on the client's end of a control socket. One
 * thread at a time uses a socket.
 */
#ifndef LITEIPC_CONTROL_CLIENT_H
#define LITEIPC_CONTROL_CLIENT_H

#include "control/message.h"
#include "platform/owned_descriptors.h"

/* Longest wait for an answer of the domain, in ms. A typical answer takes 50 us. */
#define CONTROL_ANSWER_TIMEOUT_MS 5000

/*
 * Connects to the domain with this name or absolute socket path. *descriptor is close-on-exec and
 * belongs to the caller. -ENODEV: no such domain runs; -EACCES: this user may not connect; -EINVAL:
 * bad name.
 */
int ControlConnect(const char *domain, int *descriptor);

/*
 * Sends a message with `count` descriptors, which the caller still owns. Waits at most
 * CONTROL_ANSWER_TIMEOUT_MS for room in the socket. -ENODEV: the other end is gone.
 */
int ControlSend(int socket, const struct ControlMessage *message, const int *descriptors,
                unsigned count);

/*
 * Receives the next message. 1: *message and *count descriptors, which are close-on-exec, belong to
 * the caller, and are in `owned`; 0: no message within `timeoutMs` (0 = do not wait); -ENODEV: the
 * other end is gone; -EPROTO: not a control message.
 */
int ControlReceive(struct OwnedDescriptors *owned, int socket, struct ControlMessage *message,
                   int descriptors[CONTROL_DESCRIPTORS_MAX], unsigned *count, int timeoutMs);

#endif
