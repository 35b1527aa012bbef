/*
 * Lanes of a domain: deposited ends, requests for a lane, leases, and their end. The domain hands
 * over memory and bells, it keeps none. Domain's thread only.
 */
#ifndef LITEIPC_HOST_DOMAIN_LANE_H
#define LITEIPC_HOST_DOMAIN_LANE_H

#include "domain/outbox.h"
#include "domain/state.h"

/* CONTROL_LANE_DEPOSIT. */
void DomainLaneDeposit(struct Domain *domain, struct DomainThread *thread,
                       struct DomainInput *input);

/* CONTROL_LANE_OPEN, answered now or when the receiver has deposited another end. */
void DomainLaneOpen(struct Domain *domain, struct DomainThread *thread, struct DomainInput *input);

/* CONTROL_LANE_LEASE, CONTROL_LANE_CLOSE: 0 or -ENOENT, no such lane of this process or thread. */
int DomainLaneLease(struct Domain *domain, struct DomainThread *thread, uint32_t laneID);
int DomainLaneClose(struct Domain *domain, struct DomainThread *thread, uint32_t laneID);

/* CONTROL_LANE_DRAINED: ignored unless the lane leads from a dead process to this thread. */
void DomainLaneDrained(struct Domain *domain, struct DomainThread *thread, uint32_t laneID);

/* Everything about lanes that a thread leaves behind when it ends, except its outbound lanes. */
void DomainLanesOfThreadEnd(struct Domain *domain, struct DomainThread *thread);

/*
 * LANE_SOCKET: makes a socketpair for the descriptors that travel with a lane's records, hands one
 * end to the receiver and then answers `request` with the other. The domain keeps neither. -EEXIST:
 * once in a lane's life; -ENOMEM: no descriptors, or the receiver does not read what the domain
 * tells it.
 */
void DomainLaneSocket(struct Domain *domain, struct DomainThread *thread,
                      const struct ControlMessage *request);

#endif
