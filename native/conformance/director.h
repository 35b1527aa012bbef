/* What the director knows of a running scenario, and how it talks to the workers. */
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
    bool endIsWanted; /* or it ended by itself */
    bool wasLeft;     /* the platform has taken leave of it */
    int64_t pid;
};

/* What became of a step. */
struct Outcome {
    const struct Step *step; /* NULL: not begun */
    bool isDone, isAsleep;
    struct Report report;
    struct Snapshot message; /* if report.hasMessage */
};

struct TaskState {
    bool isReady, hasEnded;
    struct Outcome *busyWith;
};

struct Director {
    struct Troupe troupe;
    struct Pipes pipes;
    struct RunResult *result;
    struct Channel channels[TABLE_PROCESSES_MAX];
    struct TaskState *tasks;
    struct Outcome *outcomes;     /* one per step */
    struct Outcome **labels;      /* the step that was started under each */
    const struct Outcome **saved; /* the last step that saved each message */
    uint64_t *environment;
    bool isBroken; /* a worker said so, or one ended by itself: `result` tells */
    bool wasReaped;
};

/*
 * Starts all processes; `director` is zeroed. False: the result has the error. DirectorEnd follows
 * anyway.
 */
bool DirectorBegin(struct Director *director, const struct Scenario *scenario,
                   const struct Platform *platform, void *own, struct RunResult *result);
/* Ends all processes and frees everything. */
void DirectorEnd(struct Director *director);

void DirectorOrder(struct Director *director, const struct Step *step, const struct Order *order,
                   struct Outcome *outcome);
/*
 * Until the step is over, or with `orAsleep` waits in the device. False: too late, or a process
 * broke.
 */
bool DirectorAwait(struct Director *director, const struct Outcome *outcome, bool orAsleep);
/* Until all tasks of a process are there. */
bool DirectorAwaitReady(struct Director *director, uint32_t process);
/* Until the process is gone. Steps that were blocked in it have come to ERFKILL. */
bool DirectorAwaitEnd(struct Director *director, uint32_t process);

#endif
