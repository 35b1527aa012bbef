/*
 * Sends death notices, and wakes the threads that have to look at the table again. Domain's thread
 * only.
 */
#ifndef LITEIPC_DOMAIN_DEATH_H
#define LITEIPC_DOMAIN_DEATH_H

#include "domain/state.h"

/* Marks `process` as related to the current change. */
void DomainRelate(struct Domain *domain, const struct DomainProcess *process);
/* Marks the process of the thread, and the sender of each of its inbound lanes. */
void DomainRelateThread(struct Domain *domain, const struct DomainThread *thread);
/* Marks the process, and every process that shares a lane with it. */
void DomainRelateProcess(struct Domain *domain, const struct DomainProcess *process);

/* Makes a thread look at its control socket and at the table. */
void DomainWakeThread(struct Domain *domain, struct DomainThread *thread);
/* Wakes all threads of the marked processes, and removes the marks. */
void DomainWakeRelated(struct Domain *domain);

/*
 * Notifies the IPC task of `process`, if it has one, of the death of `task`. The notice is pending
 * while the socket has no room.
 */
void DomainDeathNotice(struct Domain *domain, struct DomainProcess *process,
                       struct DomainTask *task);
/* Sends the pending notices of a process as far as there is room. */
void DomainDeathFlush(struct Domain *domain, struct DomainProcess *process);
/* Discards the pending notices of a process. */
void DomainDeathForget(struct Domain *domain, struct DomainProcess *process);

#endif
