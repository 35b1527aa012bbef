/*
 * Sends and receives control messages on a domain's sockets. Nothing here waits. Domain's thread
 * only.
 */
#ifndef LITEIPC_DOMAIN_OUTBOX_H
#define LITEIPC_DOMAIN_OUTBOX_H

#include <sys/socket.h>

#include "domain/state.h"

/* A received message. It owns its descriptors until they are taken. */
struct DomainInput {
    struct ControlMessage message;
    int descriptors[CONTROL_DESCRIPTORS_MAX]; /* -1: none */
    bool descriptorsLost;                     /* sent, but this process had no room for them */
    struct ucred credentials;
};

/*
 * Receives one message. 1; 0: end of file; -EAGAIN: no message; -EBADMSG: not a control message
 * (its descriptors are closed); other errors end the connection too.
 */
int DomainReceive(int descriptor, struct DomainInput *input);
/* Closes the descriptors that were not taken. */
void DomainInputClose(struct DomainInput *input);
/* Returns a descriptor, which belongs to the caller from now on. -1 if there is none. */
int DomainInputTake(struct DomainInput *input, uint32_t index);

/* Sends one message. 0; -EAGAIN: no room; or the error of sendmsg(2). */
int DomainTransmit(int descriptor, const struct ControlMessage *message, const int *descriptors,
                   uint32_t descriptorCount);

/*
 * Sends a message, or queues it with copies of `descriptors` while there is no room. Terminates a
 * process whose queue is full, or for which too many descriptors are in flight (ETOOMANYREFS).
 */
void DomainSend(struct Domain *domain, struct DomainProcess *process, struct DomainSocket *socket,
                const struct ControlMessage *message, const int *descriptors,
                uint32_t descriptorCount);
/* Calls DomainSend for the socket of a thread, and notifies the thread. */
void DomainSendThread(struct Domain *domain, struct DomainThread *thread,
                      const struct ControlMessage *message, const int *descriptors,
                      uint32_t descriptorCount);

/* Adds `descriptor` to the epoll set; `known` if it is in the set already. */
int DomainSocketInit(struct Domain *domain, struct DomainSocket *socket, int descriptor,
                     uint64_t key, bool known);
/* Ends the connection for all holders of the client's end, also in forked children of the host. */
void DomainSocketClose(struct Domain *domain, struct DomainSocket *socket);
/* In a forked child: closes the child's descriptors. The parent's connection continues. */
void DomainSocketAbandon(struct DomainSocket *socket);
/*
 * Drops the queued messages and returns the descriptor, to be passed to DomainLastAnswer. -1: the
 * socket is closed.
 */
int DomainSocketDetach(struct Domain *domain, struct DomainSocket *socket);
/* Sends an answer and closes the connection. */
void DomainLastAnswer(int descriptor, const struct ControlMessage *answer);
/* Sends queued messages. Returns false while some are still queued. */
bool DomainSocketFlush(struct Domain *domain, struct DomainProcess *process,
                       struct DomainSocket *socket);
/* Requests EPOLLOUT events, or ends the request. */
void DomainSocketWatchRoom(struct Domain *domain, struct DomainSocket *socket, bool watch);

#endif
