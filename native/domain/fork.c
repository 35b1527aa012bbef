/* Implements the fork functions of domain/server.h: a forked child must not keep a domain alive. */
#include <unistd.h>

#include "domain/outbox.h"
#include "domain/server.h"

void DomainForkPrepare(struct Domain *domain)
{
    (void)pthread_mutex_lock(&domain->turn);
}

void DomainForkParent(struct Domain *domain)
{
    (void)pthread_mutex_unlock(&domain->turn);
}

static void CloseOne(int *descriptor)
{
    if (*descriptor >= 0) {
        (void)close(*descriptor);
        *descriptor = -1;
    }
}

static void ThreadClose(struct DomainThread *thread)
{
    DomainSocketAbandon(&thread->socket);
    LIST_EACH (node, &thread->laneEnds) {
        struct DomainLaneEnd *end = LIST_ENTRY(node, struct DomainLaneEnd, link);
        CloseOne(&end->cursors);
        BellClose(&end->bell);
    }
    LIST_EACH (node, &thread->parkedInbound) {
        CloseOne(&LIST_ENTRY(node, struct DomainParked, inReceiver)->ring);
    }
}

/*
 * The domain's thread is not handling an event, so all structures are consistent. Only close(2) is
 * called: the epoll set, the sockets and the lock on the file are shared with the parent.
 */
void DomainForkChild(struct Domain *domain)
{
    int *own[] = {&domain->listener,       &domain->lockDescriptor,  &domain->epoll,
                  &domain->stopDescriptor, &domain->endedDescriptor, &domain->spareDescriptor,
                  &domain->tableDescriptor};
    for (size_t index = 0; index < sizeof(own) / sizeof(own[0]); index++) {
        CloseOne(own[index]);
    }
    for (uint32_t slot = 0; slot < DOMAIN_CONNECTIONS_MAX; slot++) {
        CloseOne(&domain->connections[slot].descriptor);
    }
    for (uint32_t id = 1; id < domain->limits.processLimit; id++) {
        CloseOne(&domain->processes[id].pidDescriptor);
        DomainSocketAbandon(&domain->processes[id].socket);
    }
    for (uint32_t id = 1; id < domain->limits.threadLimit; id++) {
        ThreadClose(&domain->threads[id]);
    }
    (void)pthread_mutex_unlock(&domain->turn);
}
