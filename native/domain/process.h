/*
 * Processes of a domain: from HELLO to the day when the last lane of the dead is drained.
 * Domain's thread only.
 */
#ifndef LITEIPC_HOST_DOMAIN_PROCESS_H
#define LITEIPC_HOST_DOMAIN_PROCESS_H

#include "domain/state.h"

/*
 * The connection becomes a process: on success the process owns `descriptor` and `pidDescriptor`.
 * -EAGAIN: no slot, or the user has its share.
 */
int DomainProcessCreate(struct Domain *domain, const struct DomainConnection *connection,
                        int pidDescriptor, struct DomainProcess **process);

/* Ends it once the current event has been handled. Idempotent. */
void DomainProcessDoom(struct Domain *domain, struct DomainProcess *process);

/* Notices, mark, then wakes everyone concerned. */
void DomainProcessEnd(struct Domain *domain, struct DomainProcess *process);

/* Ends the doomed, until there are none. */
void DomainProcessReap(struct Domain *domain);

/* Frees the slot of a dead process that has no lanes left. */
void DomainProcessSettle(struct Domain *domain, struct DomainProcess *process);

/* Dooms who leaves a socket full of death notices unread for too long. */
void DomainProcessCheckReaders(struct Domain *domain);

uint64_t DomainNowMs(void);

#endif
