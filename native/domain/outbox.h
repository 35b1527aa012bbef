/*
 * Control messages in and out of a domain's sockets. Domain's thread only. Nothing here waits.
 */
#ifndef LITEIPC_HOST_DOMAIN_MESSAGE_H
#define LITEIPC_HOST_DOMAIN_MESSAGE_H

#include <sys/socket.h>

#include "domain/state.h"

/* One message as it came. Its descriptors belong to it until they are taken. */
struct DomainInput {
    struct ControlMessage message;
    int descriptors[CONTROL_DESCRIPTORS_MAX]; /* -1: none */
    bool descriptorsLost;                     /* sent, but this process had no room for them */
    struct ucred credentials;
};

/*
 * Takes one message. 1; 0: end of file; -EAGAIN: none there; -EBADMSG: not a control message (its
 * descriptors are closed already); other errors end the connection too.
 */
int DomainReceive(int descriptor, struct DomainInput *input);
/* Closes the descriptors that nobody took. */
void DomainInputClose(struct DomainInput *input);
/* Takes one: the caller owns it now. -1 if there is none. */
int DomainInputTake(struct DomainInput *input, uint32_t index);

/* Sends one message at once. 0; -EAGAIN: no room; or what sendmsg(2) says. */
int DomainTransmit(int descriptor, const struct ControlMessage *message, const int *descriptors,
                   uint32_t descriptorCount);

/*
 * Sends, or queues while there is no room; a process whose queue is full is doomed, and so is one
 * that sends descriptors faster than they are taken. `descriptors` are duplicated if they must
 * wait.
 */
void DomainSend(struct Domain *domain, struct DomainProcess *process, struct DomainSocket *socket,
                const struct ControlMessage *message, const int *descriptors,
                uint32_t descriptorCount);
/* The same to a thread, which is told to look at its socket. */
void DomainSendThread(struct Domain *domain, struct DomainThread *thread,
                      const struct ControlMessage *message, const int *descriptors,
                      uint32_t descriptorCount);
int DomainSocketInit(struct Domain *domain, struct DomainSocket *socket, int descriptor,
                     uint64_t key, bool known);
/*
 * Ends the connection for whoever holds an end of it, forked children of the host program included.
 */
void DomainSocketClose(struct Domain *domain, struct DomainSocket *socket);
/* In a forked child: closes the descriptors, and the parent's connection goes on. */
void DomainSocketAbandon(struct DomainSocket *socket);
/* Takes the descriptor out, for a last answer with DomainLastAnswer; what waited is dropped. */
int DomainSocketDetach(struct Domain *domain, struct DomainSocket *socket);
void DomainLastAnswer(int descriptor, const struct ControlMessage *answer);
/* There is room again. False while something still waits. */
bool DomainSocketFlush(struct Domain *domain, struct DomainProcess *process,
                       struct DomainSocket *socket);
/* Asks for EPOLLOUT, or no longer. */
void DomainSocketWatchRoom(struct Domain *domain, struct DomainSocket *socket, bool watch);

#endif
