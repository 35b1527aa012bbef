/*
 * What a domain is made of. For host/domain_*.c and the kernel's control paths only; everything
 * here is used by the domain's thread alone, except the counters and `stopDescriptor`.
 *
 * Glossary (more in control/table.h)
 *   slot     a process, thread, task or lane of a fixed array; its index is its ID
 *   user     all that belongs to one uid: who pays for a slot
 *   doomed   a process that is to be ended as soon as the current event has been handled. A failing
 *            send dooms its receiver instead of ending it, so that nothing vanishes under the feet
 *            of whoever is walking a list
 *   related  processes that have to look again after the change that is being made
 *
 * Invariants
 *   - Every lane hangs in its sender's `outbound` and in its receiver's `inbound`.
 *   - A process is ALIVE until DomainProcessEnd, then DEAD while `outbound` is not empty, then
 *     FREE.
 *   - A task is ALIVE, then DEAD. A DEAD task lies in `freeTasks` (it may be reused) once its
 *     process is not DEAD and no notice of its death is waiting; until then it is held.
 *   - Free lists are queues: the slot that has been free longest is used first.
 *   - Slots of a uid are counted in its user from allocation until they are free again.
 */
#ifndef LITEIPC_HOST_DOMAIN_STATE_H
#define LITEIPC_HOST_DOMAIN_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "domain/server.h"
#include "platform/bell.h"
#include "platform/list.h"
#include "platform/runtime_directory.h"

#define DOMAIN_CONNECTIONS_MAX      256 /* sockets that have not said HELLO yet */
#define DOMAIN_CONNECTIONS_PER_USER 64  /* of these, of one uid */
#define DOMAIN_HELLO_TIMEOUT_MS     5000
#define DOMAIN_DEATHS_TIMEOUT_MS    10000 /* for reading a socket full of unread death notices */
#define DOMAIN_OUTBOX_MAX           256   /* messages that wait for room in one socket */
#define DOMAIN_PARKED_PER_PROCESS   64
/* messages taken from one socket before others get their turn */
#define DOMAIN_BATCH       32
#define DOMAIN_LANES_MAX   65534 /* their slots fit 16 bits of a lane ID */
#define DOMAIN_LOCK_SUFFIX ".lock"

/* What a user pays for. */
enum DomainGood {
    GOOD_CONNECTION,
    GOOD_PROCESS,
    GOOD_THREAD,
    GOOD_TASK,
    GOOD_LANE,
    GOOD_LANE_END,
    GOOD_PARKED,
    GOODS,
};

struct DomainUser {
    struct List link; /* in domain->users */
    uint32_t uid;
    bool exempt; /* the user that started the domain */
    uint32_t used[GOODS];
};

/* A control socket and what could not be sent yet. */
struct DomainSocket {
    int descriptor; /* -1: none */
    uint64_t key;   /* as in epoll_event.data */
    struct List outbox;
    uint32_t waiting; /* messages in the outbox */
    bool watchesRoom; /* EPOLLOUT is asked for */
};

/* An accepted socket before HELLO. */
struct DomainConnection {
    int descriptor; /* -1: slot free */
    uint32_t serial;
    uint64_t deadlineMs; /* CLOCK_MONOTONIC */
    pid_t pid;
    uint32_t uid, gid;
    struct DomainUser *user;
};

struct DomainProcess {
    struct List link; /* in domain->freeProcesses when FREE, in domain->doomed when doomed */
    uint32_t id, generation;
    enum ControlState state;
    bool doomed;
    pid_t pid;
    uint32_t uid, gid;
    struct DomainUser *user;
    int pidDescriptor;
    struct DomainSocket socket;
    struct List threads;        /* DomainThread.inProcess */
    struct List tasks;          /* DomainTask.inProcess: alive, and dead ones */
    struct List outbound;       /* DomainLane.inSender */
    uint32_t pendingDeaths;     /* notices that wait for room in the IPC task's socket */
    uint64_t deathsWaitSinceMs; /* since when none of them could be sent */
    uint32_t parked;            /* lane requests of its threads */
};

struct DomainThread {
    struct List link; /* in domain->freeThreads when free */
    uint32_t id, generation;
    struct DomainProcess *process; /* null: slot free */
    struct List inProcess;
    struct List tasks;    /* DomainTask.inThread, alive */
    struct List inbound;  /* DomainLane.inReceiver */
    struct List leased;   /* DomainLane.inLease: outbound lanes that this thread uses */
    struct List laneEnds; /* DomainLaneEnd.link: the stock */
    uint32_t laneEndCount;
    bool restockAsked;
    struct List parkedHere; /* DomainParked.inReceiver: waiting for a lane end of this thread */
    struct List parkedByUs; /* DomainParked.inAsker */
    struct DomainSocket socket;
};

struct DomainTask {
    struct List link; /* in domain->freeTasks, or domain->heldTasks */
    uint32_t id, generation;
    enum ControlState state;
    struct DomainUser *user;       /* who pays for it; null when it lies in freeTasks */
    struct DomainProcess *process; /* null: its process is gone */
    struct DomainThread *thread;   /* null: not alive */
    struct List inProcess, inThread;
    /* Of a dead task: who still has to be told (one bit per process), and what. */
    uint64_t *toldPending;
    uint32_t pendingCount;
    struct ControlDeath death;
};

struct DomainLane {
    struct List link;             /* in domain->freeLanes when free */
    uint32_t id;                  /* {use count: 16, index + 1: 16} */
    struct DomainProcess *sender; /* null: slot free */
    struct DomainThread *lease;   /* null: nobody uses it now */
    struct DomainThread *receiver;
    bool socketMade; /* at most once: it costs the receiver's attention */
    struct List inSender, inReceiver, inLease;
};

struct DomainLaneEnd {
    struct List link;
    uint32_t endID;
    int cursors;
    struct Bell bell;
};

struct DomainParked {
    struct List inReceiver, inAsker;
    struct DomainThread *asker;
    uint32_t requestID;
    struct ControlLaneOpen request;
    int ring;
};

enum DomainEventKind {
    EVENT_STOP,
    EVENT_LISTENER,
    EVENT_CONNECTION,
    EVENT_PROCESS,
    EVENT_PID,
    EVENT_THREAD,
};

struct Domain {
    /* options */
    struct ControlLimits limits;
    uint32_t *cmsUids;
    size_t cmsUidCount;
    char *cmsProgram;
    const struct DomainKernelOperations *kernel;
    uint32_t ownerUid;
    uint32_t quotas[GOODS]; /* of each uid that is not exempt */

    /* domain/address.c */
    char path[RUNTIME_PATH_SIZE];
    char lockPath[RUNTIME_PATH_SIZE + sizeof(DOMAIN_LOCK_SUFFIX)];
    int lockDescriptor;
    struct List inExitList;
    pid_t ownerPid;

    int listener, epoll, stopDescriptor, endedDescriptor;
    int spareDescriptor; /* given up for a moment to refuse a connection when there are no others */
    pthread_t thread;
    pthread_mutex_t
        turn; /* held by the thread while it does anything but wait; see DomainForkPrepare */
    bool stopping;

    struct ControlTable *table;
    size_t tableSize;
    int tableDescriptor;

    struct List users;
    struct DomainConnection connections[DOMAIN_CONNECTIONS_MAX];
    uint32_t connectionSerial;
    struct DomainProcess *processes;
    struct DomainThread *threads;
    struct DomainTask *tasks;
    struct DomainLane *lanes;
    struct List freeProcesses, freeThreads, freeTasks, freeLanes;
    struct List heldTasks; /* dead, not to be reused yet; oldest death first */
    struct List doomed;
    uint32_t pendingDeaths; /* notices that wait, of all processes */
    uint64_t *related;      /* one bit per process */
    uint64_t *toldPending;

    _Atomic uint32_t counts[GOODS];
};

/*
 * {kind: 8, slot: 24, generation: 32}: an event of something that is gone finds another generation.
 */
static inline uint64_t DomainEventKey(enum DomainEventKind kind, uint32_t slot, uint32_t generation)
{
    return ((uint64_t)kind << 56) | ((uint64_t)slot << 32) | generation;
}

static inline struct ControlProcess *DomainProcessEntry(const struct Domain *domain,
                                                        const struct DomainProcess *process)
{
    return ControlProcessAt(domain->table, process->id);
}

static inline struct ControlTask *DomainTaskEntry(const struct Domain *domain,
                                                  const struct DomainTask *task)
{
    return ControlTaskAt(domain->table, task->id);
}

/* The living task of this ID, or null. Generation 0 means whichever. */
struct DomainTask *DomainTaskFind(struct Domain *domain, uint32_t taskID, uint32_t generation);

/* Has this process a right to some task of that one. */
bool DomainHasRight(const struct Domain *domain, const struct DomainProcess *process,
                    const struct DomainProcess *of);

/* domain/user.c: who pays. */
struct DomainUser *DomainUserGet(struct Domain *domain, uint32_t uid); /* null: no memory */
bool DomainUserCharge(struct Domain *domain, struct DomainUser *user, enum DomainGood good);
/* Forgets the user when it has nothing left. */
void DomainUserRefund(struct Domain *domain, struct DomainUser *user, enum DomainGood good);
void DomainUserForget(struct DomainUser *user);

/* domain/death.c: who is told, and who has to look again. */
void DomainRelate(struct Domain *domain, const struct DomainProcess *process);
/* Relates everyone that a lane of this thread, or of this process, leads to or comes from. */
void DomainRelateThread(struct Domain *domain, const struct DomainThread *thread);
void DomainRelateProcess(struct Domain *domain, const struct DomainProcess *process);
void DomainWakeThread(struct Domain *domain, struct DomainThread *thread);
void DomainWakeRelated(struct Domain *domain);
/* `process`, which has an IPC task, is to be told that `task` dies: at once or when it reads. */
void DomainDeathNotice(struct Domain *domain, struct DomainProcess *process,
                       struct DomainTask *task);
/* Sends what waits, as far as there is room. */
void DomainDeathFlush(struct Domain *domain, struct DomainProcess *process);
/* Nobody of this process is to be told any more. */
void DomainDeathForget(struct Domain *domain, struct DomainProcess *process);

#endif
