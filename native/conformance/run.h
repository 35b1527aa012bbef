/*
 * Runs a scenario: performs its steps strictly in order and compares the results. A run ends in
 * bounded time whatever a process does, and nothing that it started remains.
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
    uint32_t step; /* FAILED: number of the step in the scenario */
    struct Difference difference;
    char message[TABLE_ERROR_SIZE];
    uint32_t notChecked; /* checks that this platform cannot make */
    bool isStuck;        /* threads of this process remain that only its end can end */
};

/* `own` is the platform's, see struct WorkerGroup. */
void Run(const struct Scenario *scenario, const struct Platform *platform, void *own,
         struct RunResult *result);

#endif
