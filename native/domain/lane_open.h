/*
 * Connects lanes: checks a request, joins the ring of the sender with a lane end of the receiver,
 * and parks requests that find no lane end. Domain's thread only.
 */
#ifndef LITEIPC_DOMAIN_LANE_OPEN_H
#define LITEIPC_DOMAIN_LANE_OPEN_H

#include "domain/outbox.h"

/*
 * Handles CONTROL_LANE_OPEN. The request is answered now, or when the receiver has deposited
 * another lane end.
 */
void DomainLaneOpen(struct Domain *domain, struct DomainThread *thread, struct DomainInput *input);

/*
 * Handles the requests that wait for a lane end of `receiver`. Status 0: it has deposited one. With
 * any other status, requests that find no lane end are refused with it.
 */
void DomainParkedResume(struct Domain *domain, struct DomainThread *receiver, int status);

/* Drops the requests of a thread that ends. */
void DomainParkedForget(struct Domain *domain, struct DomainThread *requester);

#endif
