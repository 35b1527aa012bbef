/*
 * Threads and tasks of a domain. Domain's thread only.
 */
#ifndef LITEIPC_HOST_DOMAIN_TASK_H
#define LITEIPC_HOST_DOMAIN_TASK_H

#include "domain/state.h"

/*
 * A new thread and its socket; `*clientEnd` is the caller's to hand over and close. -EAGAIN: no
 * slot, or the user has its share; or what socketpair(2) says.
 */
int DomainThreadCreate(struct Domain *domain, struct DomainProcess *process,
                       struct DomainThread **thread, int *clientEnd);
/*
 * The thread ends alone: its tasks end, its inbound lanes are dropped, those concerned are woken.
 */
void DomainThreadEnd(struct Domain *domain, struct DomainThread *thread);
/* Frees slot, socket, lane ends and inbound lanes of a thread whose tasks have ended. */
void DomainThreadClose(struct Domain *domain, struct DomainThread *thread);

/* -EAGAIN: no slot, or the user has its share. */
int DomainTaskCreate(struct Domain *domain, struct DomainThread *thread, struct DomainTask **task);
/* The task ends alone: notices, mark, wakes. */
void DomainTaskEnd(struct Domain *domain, struct DomainTask *task);
/* The two halves, for whoever ends several at once: notices, then the mark. */
void DomainTaskLeave(struct Domain *domain, struct DomainTask *task, uint64_t timestamp);
void DomainTaskMark(struct Domain *domain, struct DomainTask *task);
/* Lets a dead task's slot be reused if nothing needs it any more. */
void DomainTaskSettle(struct Domain *domain, struct DomainTask *task);
/* Its process is gone: nothing of it may be readable any more. */
void DomainTaskRelease(struct Domain *domain, struct DomainTask *task);

uint64_t DomainNowNs(void);

#endif
