/*
 * What processes and threads ask for: reads their sockets, checks who sends, calls what is meant.
 * Domain's thread only.
 */
#ifndef LITEIPC_HOST_DOMAIN_REQUEST_H
#define LITEIPC_HOST_DOMAIN_REQUEST_H

#include "domain/state.h"

/* `events` as of epoll_wait(2). A slot that holds another generation by now is ignored. */
void DomainProcessEvent(struct Domain *domain, uint32_t slot, uint32_t generation, uint32_t events);
void DomainThreadEvent(struct Domain *domain, uint32_t slot, uint32_t generation, uint32_t events);

#endif
