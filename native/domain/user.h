/* Counts the resources of each user and enforces the quotas. Domain's thread only. */
#ifndef LITEIPC_DOMAIN_USER_H
#define LITEIPC_DOMAIN_USER_H

#include "domain/state.h"

/* Returns the user of this uid, which is created if necessary. NULL: no memory. */
struct DomainUser *DomainUserGet(struct Domain *domain, uint32_t uid);
/* Returns false if the quota is used up. */
bool DomainUserCharge(struct Domain *domain, struct DomainUser *user, enum DomainResource resource);
/* Also frees the user when nothing is charged to it any more. */
void DomainUserRefund(struct Domain *domain, struct DomainUser *user, enum DomainResource resource);
/* Frees the user if nothing is charged to it. */
void DomainUserRelease(struct DomainUser *user);

#endif
