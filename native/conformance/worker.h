/*
 * A worker plays one process of a scenario: a control thread that obeys the director, and one
 * thread per task. What "process" means is the platform's business: a device in this OS process, or
 * an OS process that uses /dev/lite_ipc.
 *
 * Life: the platform starts the process and its worker; WorkerRun is its control loop and returns
 * when the process has ended. A task's thread makes the task, performs steps one at a time and ends
 * it.
 */
#ifndef CONFORMANCE_WORKER_H
#define CONFORMANCE_WORKER_H

#include <pthread.h>

#include "conformance/exchange.h"
#include "conformance/table.h"

struct Actor;
struct Worker;
struct Troupe;

#define LEAVE_SIZE 48

/* The ends of the pipes of every process; -1 where there is none (any more). */
struct Pipes {
    int orderWrite[TABLE_PROCESSES_MAX], orderRead[TABLE_PROCESSES_MAX];
    int reportWrite[TABLE_PROCESSES_MAX], reportRead[TABLE_PROCESSES_MAX];
};

/*
 * How steps are done. Functions that return `int` return 0 or what the device returned, or a
 * negative errno. Those with an actor run in the thread of its task, but where said.
 */
struct Platform {
    /* Director: starts a process and its worker. *pid 0 if it is none of the system's. */
    int (*processStart)(struct Troupe *troupe, uint32_t process, int64_t *pid);
    /* Director: all processes that are there from the beginning have been started. */
    void (*allStarted)(struct Troupe *troupe);
    /*
     * Director: takes leave of a process that was started and whose pipe has ended, or that is to
     * be ended by force; then without waiting long. Writes how it ended to `how`, "" if in an
     * orderly way.
     */
    void (*processLeave)(struct Troupe *troupe, uint32_t process, int64_t pid, bool byForce,
                         char how[LEAVE_SIZE]);
    /* The task begins: its IDs. */
    int (*taskBegin)(struct Actor *actor, uint32_t *taskID, uint32_t *processID);
    /* It ends, and its thread with it. */
    void (*taskEnd)(struct Actor *actor);
    /* Control thread: ends the process, or wakes its tasks so that they end. It may not return. */
    void (*processEnd)(struct Worker *worker);
    /* Control thread: the tasks' threads are over. */
    void (*processFree)(struct Worker *worker);
    int (*open)(struct Actor *actor);
    int (*close)(struct Actor *actor);
    int (*map)(struct Actor *actor, size_t size, int protection, int flags);
    int (*control)(struct Actor *actor, unsigned int command, unsigned long argument);
    /* -ENOTSUP: there is no gauge here. */
    int (*pool)(struct Actor *actor, size_t *nodes, size_t *bytes);
    /* Starts the process `child` and its worker; *pid 0 if it is none of the system's. */
    int (*fork)(struct Actor *actor, uint32_t child, int64_t *pid);
    /* Control thread: waits until a forked child is gone. */
    void (*reap)(int64_t pid);
    /* Can a call be made before the process opened the device? */
    bool (*canCall)(struct Actor *actor);
};

/* One for all workers of an OS process. */
struct Troupe {
    const struct Scenario *scenario;
    const struct Platform *platform;
    struct Pipes *pipes;
    void *own; /* the platform's */
};

struct Actor {
    struct Worker *worker;
    uint32_t task;
    void *own; /* the platform's */
    pthread_t thread;
    bool isStarted; /* control thread: `thread` is to be joined */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    long systemID; /* under lock, as all that follows; 0 until the thread runs */
    bool hasOrder, ends;
    struct Order order;
    uint64_t *environment; /* the actor's while it has an order */
};

struct Worker {
    struct Troupe *troupe;
    uint32_t process;
    void *own; /* the platform's */
    int orders, reports;
    pthread_mutex_t reportLock;        /* one report at a time */
    int descriptors[DESCRIPTOR_COUNT]; /* for parts; -1: not made yet. Under reportLock */
    struct Actor *actors;
    uint32_t actorCount;
};

/* Takes its ends of the pipes. NULL: out of memory. */
struct Worker *WorkerCreate(struct Troupe *troupe, uint32_t process);
/*
 * Starts threads for all tasks, except for `except` (an actor or NULL), and obeys until the process
 * ends.
 */
void WorkerRun(struct Worker *worker, struct Actor *except);
/* What the thread of a task does; returns at its end. */
void ActorRun(struct Actor *actor);
/* Only when no thread uses it any more. */
void WorkerFree(struct Worker *worker);

/*
 * Sends a report with its blob. The director being gone is no error: the end of its pipe will tell.
 */
void WorkerReport(struct Worker *worker, const struct Report *report, const void *blob);

/*
 * Defined in perform.c. Performs the step of an order in the task's thread. The caller frees *blob,
 * which may be NULL.
 */
void Perform(struct Actor *actor, const struct Order *order, struct Report *report, uint8_t **blob);

/*
 * Defined in watch.c. Waits until the actor's step is over (returns false) or sleeps in the device
 * (returns true).
 */
bool WatchActor(struct Actor *actor);
/* Returns the system's ID of the calling thread, or 0 if the system has none. */
long SystemThreadID(void);

/* Returns whether the actor's step is over. */
bool ActorIsIdle(struct Actor *actor);

/* A step that takes longer hangs, ms. */
#define PATIENCE_MS 15000U

#endif
