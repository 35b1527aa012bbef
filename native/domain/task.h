/* Creates and ends the threads and tasks of a domain. Domain's thread only. */
#ifndef LITEIPC_DOMAIN_TASK_H
#define LITEIPC_DOMAIN_TASK_H

#include "domain/state.h"

/*
 * Creates a thread and its socket. The caller passes `*clientEnd` to the client and closes it.
 * -EAGAIN: no slot is free, or the quota is used up; or the error of socketpair(2).
 */
int DomainThreadCreate(struct Domain *domain, struct DomainProcess *process,
                       struct DomainThread **thread, int *clientEnd);
/* Ends one thread and its tasks, drops its inbound lanes, and wakes all related processes. */
void DomainThreadEnd(struct Domain *domain, struct DomainThread *thread);
/* Frees the slot, socket, lane ends and inbound lanes of a thread whose tasks have ended. */
void DomainThreadClose(struct Domain *domain, struct DomainThread *thread);

/* Creates a task. -EAGAIN: no slot is free, or the quota is used up. */
int DomainTaskCreate(struct Domain *domain, struct DomainThread *thread, struct DomainTask **task);
/* Ends one task: DomainTaskExit, DomainTaskMarkDead, then wakes all related processes. */
void DomainTaskEnd(struct Domain *domain, struct DomainTask *task);
/* Holds the task and sends its death notices. `timestamp`: CLOCK_MONOTONIC in ns. */
void DomainTaskExit(struct Domain *domain, struct DomainTask *task, uint64_t timestamp);
/* Marks a task dead after DomainTaskExit. */
void DomainTaskMarkDead(struct Domain *domain, struct DomainTask *task);

#endif
