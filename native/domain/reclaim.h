/* Makes the slots of dead tasks and processes available again. Domain's thread only. */
#ifndef LITEIPC_DOMAIN_RECLAIM_H
#define LITEIPC_DOMAIN_RECLAIM_H

#include "domain/state.h"

/* Frees a dead task's slot if its process is not DEAD and no notice of its death is pending. */
void DomainTaskReclaim(struct Domain *domain, struct DomainTask *task);

/* Removes a dead task from its process, which is gone, and frees its entry in the table. */
void DomainTaskRelease(struct Domain *domain, struct DomainTask *task);

/* Frees the slot of a dead process that has no lanes left. */
void DomainProcessReclaim(struct Domain *domain, struct DomainProcess *process);

#endif
