/*
 * Making a lane: who may have one, and the requests that wait for a lane end. Between
 * domain/lane.c and domain/lane_open.c only.
 */
#ifndef LITEIPC_HOST_DOMAIN_LANE_OPEN_H
#define LITEIPC_HOST_DOMAIN_LANE_OPEN_H

#include "domain/state.h"

#define CURSORS_SIZE 4096U /* bytes of a lane's cursors */

/* A memfd of this size that only its maker can write: seals SHRINK, GROW, FUTURE_WRITE, SEAL. */
bool DomainIsSealedMemory(int descriptor, uint64_t size);

struct DomainLane *DomainLaneFind(struct Domain *domain, uint32_t laneID);
void DomainLaneDrop(struct Domain *domain, struct DomainLane *lane);
void DomainLaneEndFree(struct Domain *domain, struct DomainThread *thread,
                       struct DomainLaneEnd *end);

/*
 * `receiver` has (status 0) another lane end: requests that wait for one are looked at again. Any
 * other status refuses those that find none.
 */
void DomainParkedResume(struct Domain *domain, struct DomainThread *receiver, int status);
/* `asker` ends: nobody waits for the answers to its requests. */
void DomainParkedForget(struct Domain *domain, struct DomainThread *asker);

#endif
