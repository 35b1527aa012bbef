/* Holds the director's state of a running scenario, and declares how it talks to the workers. */
#ifndef CONFORMANCE_DIRECTOR_H
#define CONFORMANCE_DIRECTOR_H

#include "conformance/run.h"

enum ChannelState {
    CHANNEL_UNUSED,  /* a process that was not forked yet */
    CHANNEL_RUNNING, /* started */
    CHANNEL_ENDED,   /* its pipe has ended */
};

struct Channel {
    enum ChannelState state;
    bool endIsWanted;  /* false: the process ended by itself */
    bool wasCollected; /* processCollect was called */
    int64_t pid;
};

/* The result of a step. */
struct Outcome {
    const struct Step *step; /* NULL: not begun */
    bool isDone, isAsleep;
    struct Report report;
    struct Snapshot message; /* valid if report.hasMessage */
};

struct TaskState {
    bool isReady, hasEnded;
    struct Outcome *busyWith;
};

struct Director {
    struct WorkerGroup group;
    struct Pipes pipes;
    struct RunResult *result;
    struct Channel channels[TABLE_PROCESSES_MAX];
    struct TaskState *tasks;
    struct Outcome *outcomes;     /* one for each step */
    struct Outcome **labels;      /* the step that was started under each label */
    const struct Outcome **saved; /* the last step that saved each message */
    uint64_t *environment;
    bool isBroken; /* a worker failed or ended by itself; `result` states which */
    bool wasReaped;
};

/*
 * Starts all processes. `director` is zeroed by the caller. Returns false if it fails; `result`
 * then holds the error. The caller calls DirectorEnd in both cases.
 */
bool DirectorBegin(struct Director *director, const struct Scenario *scenario,
                   const struct Platform *platform, void *own, struct RunResult *result);
/* Ends all processes and frees everything. */
void DirectorEnd(struct Director *director);

void DirectorOrder(struct Director *director, const struct Step *step, const struct Order *order,
                   struct Outcome *outcome);
/*
 * Waits until the step is over or, with `orAsleep`, until it waits in the device. Returns false if
 * it is too late or a process broke.
 */
bool DirectorAwait(struct Director *director, const struct Outcome *outcome, bool orAsleep);
/* Waits until all tasks of a process are ready. */
bool DirectorAwaitReady(struct Director *director, uint32_t process);
/* Waits until the process has ended. Steps that were blocked in it end with ERFKILL. */
bool DirectorAwaitEnd(struct Director *director, uint32_t process);

#endif
