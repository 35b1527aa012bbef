/*
 * Reads the sockets of processes and threads, checks the sender, and calls the function that
 * handles the request. Domain's thread only.
 */
#ifndef LITEIPC_DOMAIN_REQUEST_H
#define LITEIPC_DOMAIN_REQUEST_H

#include "domain/state.h"

/*
 * Handle an event of a socket. `events` comes from epoll_wait(2). An event of another generation of
 * the slot is ignored.
 */
void DomainProcessEvent(struct Domain *domain, uint32_t slot, uint32_t generation, uint32_t events);
void DomainThreadEvent(struct Domain *domain, uint32_t slot, uint32_t generation, uint32_t events);

#endif
