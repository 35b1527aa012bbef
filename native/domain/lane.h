/*
 * Lanes after they are connected: leases, descriptor sockets, and their end. The domain passes
 * memory and bells on and keeps no copy of them. Domain's thread only.
 */
#ifndef LITEIPC_DOMAIN_LANE_H
#define LITEIPC_DOMAIN_LANE_H

#include "domain/outbox.h"

/*
 * Handles CONTROL_LANE_DEPOSIT: stores the lane end and serves requests that wait for one.
 */
void DomainLaneDeposit(struct Domain *domain, struct DomainThread *thread,
                       struct DomainInput *input);

/*
 * Handle CONTROL_LANE_LEASE and CONTROL_LANE_CLOSE. 0 or -ENOENT: the process or thread has no such
 * lane.
 */
int DomainLaneLease(struct Domain *domain, struct DomainThread *thread, uint32_t laneID);
int DomainLaneClose(struct Domain *domain, struct DomainThread *thread, uint32_t laneID);

/*
 * Handles CONTROL_LANE_DRAINED. Ignored unless the lane leads from a dead process to this thread.
 */
void DomainLaneDrained(struct Domain *domain, struct DomainThread *thread, uint32_t laneID);

/* Releases all lanes, lane ends and requests of a thread that ends, except its outbound lanes. */
void DomainLanesOfThreadEnd(struct Domain *domain, struct DomainThread *thread);

/*
 * Handles CONTROL_LANE_SOCKET: creates a socketpair for the descriptors that travel with a lane's
 * records, sends one end to the receiver, and then answers `request` with the other. The domain
 * closes its copies. -EEXIST: the lane has one already; -ENOMEM: no descriptors, or the receiver
 * does not read its control socket.
 */
void DomainLaneSocket(struct Domain *domain, struct DomainThread *thread,
                      const struct ControlMessage *request);

#endif
