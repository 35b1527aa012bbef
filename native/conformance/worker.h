/*
 * A worker plays one process of a scenario: a control thread that executes the director's orders,
 * and one thread per task. The platform defines a process: a device in this OS process, or an OS
 * process that uses /dev/lite_ipc.
 *
 * The platform starts the process and its worker. WorkerRun is the control loop, and returns when
 * the process has ended. The thread of a task begins the task, performs steps one at a time, and
 * ends the task.
 */
#ifndef CONFORMANCE_WORKER_H
#define CONFORMANCE_WORKER_H

#include <pthread.h>

#include "conformance/exchange.h"
#include "conformance/table.h"

struct Actor;
struct Worker;
struct WorkerGroup;

#define END_TEXT_SIZE 48

/* The ends of the pipes of every process; -1: closed. */
struct Pipes {
    int orderWrite[TABLE_PROCESSES_MAX], orderRead[TABLE_PROCESSES_MAX];
    int reportWrite[TABLE_PROCESSES_MAX], reportRead[TABLE_PROCESSES_MAX];
};

/*
 * Implements steps. Functions that return `int` return 0, the result of the device, or a negative
 * errno. Functions with an actor run in the thread of its task, unless stated.
 */
struct Platform {
    /* Director: starts a process and its worker. *pid 0: not an OS process of its own. */
    int (*processStart)(struct WorkerGroup *group, uint32_t process, int64_t *pid);
    /* Director: called when all initial processes have been started. */
    void (*allStarted)(struct WorkerGroup *group);
    /*
     * Director: waits for a started process whose pipe has ended. With `byForce` terminates it, and
     * waits only briefly. Writes to `how` how the process ended; "": as expected.
     */
    void (*processCollect)(struct WorkerGroup *group, uint32_t process, int64_t pid, bool byForce,
                           char how[END_TEXT_SIZE]);
    /* Begins the task and returns its IDs. */
    int (*taskBegin)(struct Actor *actor, uint32_t *taskID, uint32_t *processID);
    /* Ends the task. Its thread ends afterwards. */
    void (*taskEnd)(struct Actor *actor);
    /* Control thread: ends the process, or wakes its tasks so that they end. It may not return. */
    void (*processEnd)(struct Worker *worker);
    /* Control thread: called when the tasks' threads have ended. */
    void (*processFree)(struct Worker *worker);
    int (*open)(struct Actor *actor);
    int (*close)(struct Actor *actor);
    int (*map)(struct Actor *actor, size_t size, int protection, int flags);
    int (*control)(struct Actor *actor, unsigned int command, unsigned long argument);
    /* Counts the nodes in use in the pool. -ENOTSUP: this platform cannot count them. */
    int (*pool)(struct Actor *actor, size_t *nodes, size_t *bytes);
    /* Starts the process `child` and its worker. *pid 0: not an OS process of its own. */
    int (*fork)(struct Actor *actor, uint32_t child, int64_t *pid);
    /* Control thread: waits until a forked child has ended. */
    void (*reap)(int64_t pid);
    /* Returns true if the device can be called although the process has not opened it. */
    bool (*canCall)(struct Actor *actor);
};

/* The platform of a file that names its functions like the members, in their order. */
#define PLATFORM_OF_FILE                                                                           \
    {                                                                                              \
        ProcessStart, AllStarted, ProcessCollect, TaskBegin, TaskEnd, ProcessEnd, ProcessFree,     \
            Open, Close, Map, Control, Pool, Fork, Reap, CanCall                                   \
    }

/* The workers of an OS process. */
struct WorkerGroup {
    const struct Scenario *scenario;
    const struct Platform *platform;
    struct Pipes *pipes;
    void *own; /* state of the platform */
};

struct Actor {
    struct Worker *worker;
    uint32_t task;
    void *own; /* state of the platform */
    pthread_t thread;
    bool isStarted; /* control thread: `thread` has to be joined */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    long systemID; /* under lock, like the following; 0 until the thread runs */
    bool hasOrder, ends;
    struct Order order;
    uint64_t *environment; /* owned by the actor while it has an order */
};

struct Worker {
    struct WorkerGroup *group;
    uint32_t process;
    void *own; /* state of the platform */
    int orders, reports;
    pthread_mutex_t reportLock;        /* one report at a time */
    int descriptors[DESCRIPTOR_COUNT]; /* for parts; -1: not opened yet. Under reportLock */
    struct Actor *actors;
    uint32_t actorCount;
};

/* Creates a worker, which owns its ends of the pipes. NULL: out of memory. */
struct Worker *WorkerCreate(struct WorkerGroup *group, uint32_t process);
/*
 * Starts threads for all tasks, except for `except` (an actor or NULL), and executes orders until
 * the process ends.
 */
void WorkerRun(struct Worker *worker, struct Actor *except);
/* Runs the thread of a task, and returns when the task has ended. */
void ActorRun(struct Actor *actor);
/* Frees a worker, which no thread may use any more. */
void WorkerFree(struct Worker *worker);

/*
 * Sends a report with its blob. If the director has ended, nothing happens: the worker notices the
 * end of its pipe.
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

/* A step that takes longer counts as hanging, ms. */
#define STEP_TIMEOUT_MS 15000U

#endif
