/*
 * Allocates runs of units: tracks which parts of the pool are used and which are free.
 *
 * The pool is a row of units of equal size, divided without gaps into runs. A run is used or free;
 * two free runs are never neighbours. Free runs are listed in bins by length (size_classes.h),
 * newest first, and a bit map marks the bins in use. So taking and giving cost the same for any
 * number of runs. Taking prefers a close fit and cuts from the low end: recently used memory is
 * reused before unused memory.
 *
 * Not thread-safe: the caller holds its lock around every call. All state is in an array that the
 * caller supplies, one entry per unit, of which only the entries of first units are ever touched.
 */
#ifndef LITEIPC_MEM_UNIT_RUNS_H
#define LITEIPC_MEM_UNIT_RUNS_H

#include <stdbool.h>
#include <stdint.h>

#include "mem/size_classes.h"

#define NO_UNIT UINT32_MAX

/* Most units, so that every length has a size class. */
#define UNIT_RUNS_MAX (1U << 30)

/* Belongs to the unit of the same index. Valid only for the first unit of a run. */
struct UnitRun {
    uint32_t length;   /* in units, at least 1 */
    uint32_t before;   /* first unit of the run just below, NO_UNIT for the lowest run */
    uint32_t nextFree; /* its bin, in both directions; free runs only */
    uint32_t previousFree;
    bool free;
    bool touched; /* free runs only: may hold memory that could be returned to the system */
};

struct UnitRuns {
    struct UnitRun *runs;
    uint32_t unitCount;
    uint64_t binsInUse[2]; /* bit b: bins[b] is not empty */
    uint32_t bins[SIZE_CLASS_COUNT];
};

/* Makes one free run of all `unitCount` (1 .. UNIT_RUNS_MAX) units. `runs` is zeroed memory. */
void UnitRunsInit(struct UnitRuns *self, struct UnitRun *runs, uint32_t unitCount);

/*
 * Takes `length` (at least 1) units in a row. Returns the first one, or NO_UNIT if there are none.
 */
uint32_t UnitRunsTake(struct UnitRuns *self, uint32_t length);

/* Gives back what UnitRunsTake returned, and joins it with free neighbours. */
void UnitRunsGive(struct UnitRuns *self, uint32_t first);

/* Called with the first unit and the length of a free run. Returns 0 or a negative errno. */
typedef int UnitRunsVisitor(void *context, uint32_t first, uint32_t length);

/*
 * Visits every free run that was used since the last visit. A run that the visitor accepts counts
 * as returned. Returns 0 or the first error of the visitor, at which it stops.
 */
int UnitRunsVisitTouched(struct UnitRuns *self, UnitRunsVisitor *visitor, void *context);

/* Returns the first unit of the run above the run at `first`, or NO_UNIT above the highest one. */
static inline uint32_t UnitRunsAbove(const struct UnitRuns *self, uint32_t first)
{
    uint32_t above = first + self->runs[first].length;
    return (above < self->unitCount) ? above : NO_UNIT;
}

/* Tests every invariant named above. Returns NULL, or a sentence that names the broken one. */
const char *UnitRunsCheck(const struct UnitRuns *self);

#endif
