/*
 * The data structures of a domain, for native/domain and the kernel's control paths only. Only the
 * domain's thread uses them, except for the counters and `stopDescriptor`.
 *
 * Glossary (more in control/table.h)
 *   slot         a process, thread, task or lane of a fixed array; its index is its ID
 *   user         everything that belongs to one uid; its quotas are charged for slots
 *   terminating  a process that ends as soon as the current event has been handled. A send that
 *                fails marks its receiver instead of ending it at once, so that no structure is
 *                freed while a caller iterates over it
 *   related      processes that have to look again after the change that is being made
 *   held         a dead task whose ID cannot be reused yet
 *
 * Invariants
 *   - Every lane is in the `outbound` list of its sender and in the `inbound` list of its receiver.
 *   - A process is ALIVE until DomainProcessEnd, then DEAD while `outbound` is not empty, then
 *     FREE.
 *   - A task is ALIVE, then DEAD. A DEAD task moves from `heldTasks` to `freeTasks` once its
 *     process is not DEAD and no notice of its death is pending.
 *   - Free lists are queues: the slot that has been free longest is used first.
 *   - A slot is charged to its user from its allocation until it is free again.
 *
 * Layers, each calls only those below it: server; request, connection, setup; process; task; lane;
 * lane_open; lane_end, death; outbox, reclaim; user; state. address and fork use state and outbox.
 */
#ifndef LITEIPC_DOMAIN_STATE_H
#define LITEIPC_DOMAIN_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "domain/options.h"
#include "platform/bell.h"
#include "platform/clock.h"
#include "platform/list.h"
#include "platform/runtime_directory.h"

#define DOMAIN_CONNECTIONS_MAX      256 /* sockets that have not sent HELLO yet */
#define DOMAIN_CONNECTIONS_PER_USER 64  /* of these, those of one uid */
#define DOMAIN_HELLO_TIMEOUT_MS     5000
#define DOMAIN_DEATHS_TIMEOUT_MS    10000 /* for reading a socket full of unread death notices */
#define DOMAIN_OUTBOX_MAX           256   /* messages that wait for room in one socket */
#define DOMAIN_PARKED_PER_PROCESS   64
#define DOMAIN_BATCH                32    /* messages read from one socket in a row */
#define DOMAIN_LANES_MAX            65534 /* lane slots fit 16 bits of a lane ID */
#define DOMAIN_LOCK_SUFFIX          ".lock"

/* The resources that are counted and limited for each user. */
enum DomainResource {
    RESOURCE_CONNECTION,
    RESOURCE_PROCESS,
    RESOURCE_THREAD,
    RESOURCE_TASK,
    RESOURCE_LANE,
    RESOURCE_LANE_END,
    RESOURCE_PARKED,
    RESOURCE_COUNT,
};

struct DomainUser {
    struct List link; /* in domain->users */
    uint32_t uid;
    bool exempt; /* the user that started the domain has no quotas */
    uint32_t used[RESOURCE_COUNT];
};

/* A control socket and its queue of unsent messages. */
struct DomainSocket {
    int descriptor; /* -1: none */
    uint64_t key;   /* value of epoll_event.data */
    struct List outbox;
    uint32_t queued;  /* messages in the outbox */
    bool watchesRoom; /* EPOLLOUT is requested */
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
    struct List link; /* in domain->freeProcesses when FREE, in domain->terminating if so marked */
    uint32_t id, generation;
    enum ControlState state;
    bool terminating;
    pid_t pid;
    uint32_t uid, gid;
    struct DomainUser *user;
    int pidDescriptor;
    struct DomainSocket socket;
    struct List threads;           /* DomainThread.inProcess */
    struct List tasks;             /* DomainTask.inProcess: alive and dead tasks */
    struct List outbound;          /* DomainLane.inSender */
    uint32_t pendingDeaths;        /* notices that wait for room in the IPC task's socket */
    uint64_t deathsPendingSinceMs; /* CLOCK_MONOTONIC; since when no pending notice was sent */
    uint32_t parked;               /* lane requests of its threads */
};

struct DomainThread {
    struct List link; /* in domain->freeThreads when free */
    uint32_t id, generation;
    struct DomainProcess *process; /* null: slot free */
    struct List inProcess;
    struct List tasks;    /* DomainTask.inThread, alive */
    struct List inbound;  /* DomainLane.inReceiver */
    struct List leased;   /* DomainLane.inLease: outbound lanes that this thread uses */
    struct List laneEnds; /* DomainLaneEnd.link: deposited, not in use */
    uint32_t laneEndCount;
    bool restockRequested;
    /* DomainParked.inReceiver: requests for a lane end of this thread */
    struct List parkedInbound;
    struct List parkedOutbound; /* DomainParked.inRequester: requests of this thread */
    struct DomainSocket socket;
};

struct DomainTask {
    struct List link; /* in domain->freeTasks or domain->heldTasks */
    uint32_t id, generation;
    enum ControlState state;
    struct DomainUser *user;       /* charged for the slot; null when in freeTasks */
    struct DomainProcess *process; /* null: its process is gone */
    struct DomainThread *thread;   /* null: not alive */
    struct List inProcess, inThread;
    /* Of a dead task: the processes (one bit each) that still wait for the notice `death`. */
    uint64_t *noticeTargets;
    uint32_t noticeTargetCount;
    struct ControlDeath death;
};

struct DomainLane {
    struct List link;             /* in domain->freeLanes when free */
    uint32_t id;                  /* {use count: 16, index + 1: 16} */
    struct DomainProcess *sender; /* null: slot free */
    struct DomainThread *lease;   /* the sender's thread that uses the lane; null: none */
    struct DomainThread *receiver;
    bool socketMade; /* at most once, because it makes the receiver read its control socket */
    struct List inSender, inReceiver, inLease;
};

/* The receiver's half of a lane, deposited before a sender asks for it. */
struct DomainLaneEnd {
    struct List link;
    uint32_t endID;
    int cursors;
    struct Bell bell;
};

/* A lane request that waits for a lane end. */
struct DomainParked {
    struct List inReceiver, inRequester;
    struct DomainThread *requester;
    uint32_t requestID;
    struct ControlLaneOpen request;
    int ring; /* owned */
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
    uint32_t quotas[RESOURCE_COUNT]; /* of each uid that is not exempt */

    /* domain/address.c */
    char path[RUNTIME_PATH_SIZE];
    char lockPath[RUNTIME_PATH_SIZE + sizeof(DOMAIN_LOCK_SUFFIX)];
    int lockDescriptor;
    struct List inExitList;
    pid_t ownerPid;

    int listener, epoll, stopDescriptor, endedDescriptor;
    int spareDescriptor; /* closed for a moment to refuse a connection when no other is left */
    pthread_t thread;
    /* The thread holds it except while it waits for events. See DomainForkPrepare. */
    pthread_mutex_t turn;
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
    struct List heldTasks;   /* oldest death first */
    struct List terminating; /* DomainProcess.link */
    uint32_t pendingDeaths;  /* pending notices of all processes */
    uint64_t *related;       /* one bit per process */
    uint64_t *noticeTargets; /* memory of the tasks' noticeTargets */

    _Atomic uint32_t counts[RESOURCE_COUNT];
};

/*
 * Returns {kind: 8, slot: 24, generation: 32}. An event for a slot that has been reused carries an
 * old generation.
 */
static inline uint64_t DomainEventKey(enum DomainEventKind kind, uint32_t slot, uint32_t generation)
{
    return ((uint64_t)kind << 56) | ((uint64_t)slot << 32) | generation;
}

static inline uint64_t DomainNowMs(void)
{
    return ClockNow() / NANOSECONDS_PER_MILLISECOND;
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

/* Returns the living task of this ID, or null. Generation 0 matches any. */
struct DomainTask *DomainTaskFind(struct Domain *domain, uint32_t taskID, uint32_t generation);

/* Returns true if `process` may call a task of `callee`. */
bool DomainHasRight(const struct Domain *domain, const struct DomainProcess *process,
                    const struct DomainProcess *callee);

/* Schedules the end of a process for when the current event has been handled. Idempotent. */
void DomainProcessTerminate(struct Domain *domain, struct DomainProcess *process);

#endif
