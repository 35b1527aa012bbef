/*
 * Sockets between connect(2) and HELLO: who is there, and may it become a process. Domain's thread
 * only.
 */
#ifndef LITEIPC_HOST_DOMAIN_CONNECTION_H
#define LITEIPC_HOST_DOMAIN_CONNECTION_H

#include "domain/state.h"

/* Takes what waits on the listening socket. */
void DomainConnectionsAccept(struct Domain *domain);
/* Something came on a socket that is not a process yet. */
void DomainConnectionEvent(struct Domain *domain, uint32_t slot, uint32_t serial);
/* Cuts off those that said nothing for too long. */
void DomainConnectionsExpire(struct Domain *domain);
/* Milliseconds until there is something to expire; -1: nothing. */
int DomainConnectionsTimeout(const struct Domain *domain);
void DomainConnectionDrop(struct Domain *domain, struct DomainConnection *connection);

#endif
