#include "domain/server.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "domain/address.h"
#include "domain/connection.h"
#include "domain/process.h"
#include "domain/request.h"
#include "domain/setup.h"

#define EVENTS_MAX 64

static void Handle(struct Domain *domain, uint64_t key, uint32_t events)
{
    enum DomainEventKind kind = (enum DomainEventKind)(key >> 56);
    uint32_t slot = (uint32_t)(key >> 32) & 0xFFFFFF;
    uint32_t generation = (uint32_t)key;

    switch (kind) {
        case EVENT_STOP:
            domain->stopping = true;
            break;
        case EVENT_LISTENER:
            DomainConnectionsAccept(domain);
            break;
        case EVENT_CONNECTION:
            DomainConnectionEvent(domain, slot, generation);
            break;
        case EVENT_PROCESS:
            DomainProcessEvent(domain, slot, generation, events);
            break;
        case EVENT_PID:
            if (domain->processes[slot].generation == generation) {
                DomainProcessTerminate(domain, &domain->processes[slot]);
            }
            break;
        case EVENT_THREAD:
            DomainThreadEvent(domain, slot, generation, events);
            break;
    }
    DomainProcessReap(domain);
}

static void *Run(void *argument)
{
    struct Domain *domain = argument;
    struct epoll_event events[EVENTS_MAX];

    while (!domain->stopping) {
        int count = epoll_wait(domain->epoll, events, EVENTS_MAX, DomainConnectionsTimeout(domain));
        if (count < 0 && errno != EINTR) {
            break;
        }
        (void)pthread_mutex_lock(&domain->turn);
        for (int index = 0; index < count && !domain->stopping; index++) {
            Handle(domain, events[index].data.u64, events[index].events);
        }
        DomainConnectionsExpire(domain);
        DomainProcessCheckReaders(domain);
        DomainProcessReap(domain);
        (void)pthread_mutex_unlock(&domain->turn);
    }
    (void)eventfd_write(domain->endedDescriptor, 1);
    return NULL;
}

static int StartThread(struct Domain *domain)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int status = -pthread_create(&domain->thread, NULL, Run, domain);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status == 0) {
        (void)pthread_setname_np(domain->thread, "liteipc-domain");
    }
    return status;
}

int DomainStart(const struct DomainOptions *options, struct Domain **result)
{
    struct Domain *domain;
    int status = DomainMake(options, &domain);
    if (status != 0) {
        return status;
    }
    status = DomainAddressTake(domain, options->socketMode, options->socketGid);
    if (status == 0) {
        status = DomainMakeEvents(domain);
    }
    if (status == 0) {
        status = StartThread(domain);
    }
    if (status != 0) {
        DomainFree(domain);
        return status;
    }
    *result = domain;
    return 0;
}

/* Ends all connections and processes. Clients see only the end of their sockets. */
static void EndAll(struct Domain *domain)
{
    for (uint32_t slot = 0; slot < DOMAIN_CONNECTIONS_MAX; slot++) {
        if (domain->connections[slot].descriptor >= 0) {
            DomainConnectionDrop(domain, &domain->connections[slot]);
        }
    }
    for (uint32_t id = 1; id < domain->limits.processLimit; id++) {
        if (domain->processes[id].state == CONTROL_ALIVE) {
            DomainProcessEnd(domain, &domain->processes[id]);
        }
    }
    for (uint32_t resource = 0; resource < RESOURCE_COUNT; resource++) {
        assert(atomic_load_explicit(&domain->counts[resource], memory_order_relaxed) == 0);
    }
    assert(ListIsEmpty(&domain->users) && ListIsEmpty(&domain->heldTasks));
}

void DomainStop(struct Domain *domain)
{
    (void)eventfd_write(domain->stopDescriptor, 1);
    (void)pthread_join(domain->thread, NULL);
    domain->stopping = true;
    /* release: pairs with the clients' acquire; a client that finds its socket closed sees this */
    atomic_store_explicit(&domain->table->running, 0, memory_order_release);
    /*
     * From here on the table is a private copy: clients must not mistake the clean-up for deaths of
     * processes and tasks.
     */
    void *copy = mmap(domain->table, domain->tableSize, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_FIXED, domain->tableDescriptor, 0);
    assert(copy == (void *)domain->table);
    (void)copy;
    EndAll(domain);
    DomainFree(domain);
}

void DomainCount(const struct Domain *domain, struct DomainCounters *counters)
{
    /* relaxed: counters, which order nothing */
    counters->connections =
        atomic_load_explicit(&domain->counts[RESOURCE_CONNECTION], memory_order_relaxed);
    counters->processes =
        atomic_load_explicit(&domain->counts[RESOURCE_PROCESS], memory_order_relaxed);
    counters->threads =
        atomic_load_explicit(&domain->counts[RESOURCE_THREAD], memory_order_relaxed);
    counters->tasks = atomic_load_explicit(&domain->counts[RESOURCE_TASK], memory_order_relaxed);
    counters->lanes = atomic_load_explicit(&domain->counts[RESOURCE_LANE], memory_order_relaxed);
    counters->laneEnds =
        atomic_load_explicit(&domain->counts[RESOURCE_LANE_END], memory_order_relaxed);
    counters->parked = atomic_load_explicit(&domain->counts[RESOURCE_PARKED], memory_order_relaxed);
}

const char *DomainPath(const struct Domain *domain)
{
    return domain->path;
}

int DomainDescriptor(const struct Domain *domain)
{
    return domain->endedDescriptor;
}
