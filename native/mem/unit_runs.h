/*
 * Runs of units: which stretches of the pool are in use and which are free.
 *
 * The pool is a row of units of equal size, divided without gaps into runs. A run is used or free;
 * two free runs are never neighbours. Free runs hang in bins by length (size_classes.h), newest
 * first, and a bit map says which bins have any, so that taking and giving cost the same however
 * many runs there are. Taking prefers a close fit and cuts from the low end: memory that was used
 * lately is used again before memory that never was.
 *
 * Not thread-safe: the caller holds its lock around every call. All state lies in an array that the
 * caller supplies, one entry per unit, of which only the entries of first units are ever touched.
 */
#ifndef LITEIPC_MEM_UNIT_RUNS_H
#define LITEIPC_MEM_UNIT_RUNS_H

#include <stdbool.h>
#include <stdint.h>

#include "mem/size_classes.h"

#define NO_UNIT UINT32_MAX

/* Not more units than this, so that every length has a size class. */
#define UNIT_RUNS_MAX (1U << 30)

/* Belongs to the unit of the same index; means something only for the first unit of a run. */
struct UnitRun {
    uint32_t length;   /* in units, at least 1 */
    uint32_t before;   /* first unit of the run just below, NO_UNIT for the lowest run */
    uint32_t nextFree; /* its bin, in both directions; free runs only */
    uint32_t previousFree;
    bool free;
    bool touched; /* free runs only: may hold memory that could be given back to the system */
};

struct UnitRuns {
    struct UnitRun *runs;
    uint32_t unitCount;
    uint64_t binsInUse[2]; /* bit b: bins[b] is not empty */
    uint32_t bins[SIZE_CLASS_COUNT];
};

/* One free run over all of `unitCount` (1 .. UNIT_RUNS_MAX) units. `runs` is zeroed memory. */
void UnitRunsInit(struct UnitRuns *self, struct UnitRun *runs, uint32_t unitCount);

/* Takes `length` (at least 1) units in a row: their first, or NO_UNIT if there are none. */
uint32_t UnitRunsTake(struct UnitRuns *self, uint32_t length);

/* Gives back what UnitRunsTake returned, and joins it with free neighbours. */
void UnitRunsGive(struct UnitRuns *self, uint32_t first);

/* Called with the first unit and the length of a free run. Returns 0 or a negative errno. */
typedef int UnitRunsVisitor(void *context, uint32_t first, uint32_t length);

/*
 * Shows every free run that was used since it was last shown; one that the visitor accepts counts
 * as Returns 0 or the first error of the visitor, at which it stops.
 */
int UnitRunsVisitTouched(struct UnitRuns *self, UnitRunsVisitor *visitor, void *context);

/* First unit of the run just above the run at `first`, NO_UNIT above the highest one. */
static inline uint32_t UnitRunsAbove(const struct UnitRuns *self, uint32_t first)
{
    uint32_t above = first + self->runs[first].length;
    return (above < self->unitCount) ? above : NO_UNIT;
}

/* Tests every invariant named above. NULL, or a sentence that says which one is broken. */
const char *UnitRunsCheck(const struct UnitRuns *self);

#endif
