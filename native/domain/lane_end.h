/*
 * Lane ends: the cursors and the bell that a receiver deposits before a sender asks for a lane.
 * Domain's thread only.
 */
#ifndef LITEIPC_DOMAIN_LANE_END_H
#define LITEIPC_DOMAIN_LANE_END_H

#include "domain/outbox.h"

/*
 * Returns true for a memfd of `size` bytes that only its creator can write: the seals SHRINK, GROW,
 * FUTURE_WRITE and SEAL are set.
 */
bool DomainIsSealedMemory(int descriptor, uint64_t size);

/*
 * Adds the lane end of a deposit to the thread and takes its descriptors. -EINVAL: not the
 * descriptors of a lane end; -EMFILE: they were lost on the way; -ENOMEM: no memory, or too many.
 */
int DomainLaneEndAdd(struct Domain *domain, struct DomainThread *thread, struct DomainInput *input);

/* Closes the descriptors of a lane end and frees it. */
void DomainLaneEndFree(struct Domain *domain, struct DomainThread *thread,
                       struct DomainLaneEnd *end);

#endif
