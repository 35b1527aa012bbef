/* Creates and ends the processes of a domain. Domain's thread only. */
#ifndef LITEIPC_DOMAIN_PROCESS_H
#define LITEIPC_DOMAIN_PROCESS_H

#include "domain/state.h"

/*
 * Turns a connection into a process, which then owns `pidDescriptor` and the connection's
 * descriptor. After an error the caller owns both. -EAGAIN: no slot is free, or the quota is used
 * up.
 */
int DomainProcessCreate(struct Domain *domain, const struct DomainConnection *connection,
                        int pidDescriptor, struct DomainProcess **process);

/*
 * Ends a process: sends death notices of its tasks, marks it dead, then wakes all related
 * processes.
 */
void DomainProcessEnd(struct Domain *domain, struct DomainProcess *process);

/* Ends the processes that are scheduled for termination, until there are none. */
void DomainProcessReap(struct Domain *domain);

/* Terminates processes that leave a socket full of death notices unread for too long. */
void DomainProcessCheckReaders(struct Domain *domain);

#endif
