/*
 * Making a domain before it runs, and freeing it after it has ended.
 */
#ifndef LITEIPC_HOST_DOMAIN_SETUP_H
#define LITEIPC_HOST_DOMAIN_SETUP_H

#include "domain/state.h"

/*
 * Checks and copies the options, makes table and slots, starts the module. Errors as DomainStart.
 */
int DomainMake(const struct DomainOptions *options, struct Domain **domain);
/* The epoll set, with the listening socket, and the descriptors that the domain's thread needs. */
int DomainMakeEvents(struct Domain *domain);
/* Frees everything that was made, also of a domain that was made in part. */
void DomainFree(struct Domain *domain);

#endif
