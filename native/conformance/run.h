/*
 * The director of a scenario: has its steps done strictly in order and compares. It never hangs:
 * whatever a process does or fails to do, the run ends in bounded time, and nothing that it started
 * is left.
 */
#ifndef CONFORMANCE_RUN_H
#define CONFORMANCE_RUN_H

#include "conformance/compare.h"
#include "conformance/worker.h"

enum Verdict {
    VERDICT_PASSED,
    VERDICT_FAILED,
    VERDICT_ERROR,   /* the scenario could not be run: `message` */
    VERDICT_SKIPPED, /* not for this program: `message` */
};

struct RunResult {
    enum Verdict verdict;
    uint32_t step; /* FAILED: its number in the scenario */
    struct Difference difference;
    char message[TABLE_ERROR_SIZE];
    uint32_t notChecked; /* steps that this platform cannot do or look at */
    bool isStuck;        /* threads of this process are left that cannot be ended but with it */
};

/* `own` is the platform's, see struct Troupe. */
void Run(const struct Scenario *scenario, const struct Platform *platform, void *own,
         struct RunResult *result);

#endif
