/* Allocates a domain before it runs, and frees it after it has ended. */
#ifndef LITEIPC_DOMAIN_SETUP_H
#define LITEIPC_DOMAIN_SETUP_H

#include "domain/state.h"

/* Checks and copies the options, creates table and slots, calls `init`. Errors: DomainStart. */
int DomainMake(const struct DomainOptions *options, struct Domain **domain);
/* Creates the epoll set, which has the listening socket, and the descriptors of the thread. */
int DomainMakeEvents(struct Domain *domain);
/* Frees a domain, also one that was created in part. */
void DomainFree(struct Domain *domain);

#endif
