/*
 * Connections between connect(2) and HELLO: accepts them, checks their credentials, and turns them
 * into processes. Domain's thread only.
 */
#ifndef LITEIPC_DOMAIN_CONNECTION_H
#define LITEIPC_DOMAIN_CONNECTION_H

#include "domain/state.h"

/* Accepts pending connections. */
void DomainConnectionsAccept(struct Domain *domain);
/* Handles input of a socket that is not a process yet. */
void DomainConnectionEvent(struct Domain *domain, uint32_t slot, uint32_t serial);
/* Closes connections that did not send HELLO before their deadline. */
void DomainConnectionsExpire(struct Domain *domain);
/*
 * Returns the milliseconds until the next deadline of a connection or of unread death notices; -1:
 * none.
 */
int DomainConnectionsTimeout(const struct Domain *domain);
/* Closes a connection. */
void DomainConnectionDrop(struct Domain *domain, struct DomainConnection *connection);

#endif
