#include "mem/unit_runs.h"

#include <stddef.h>

static void BinAdd(struct UnitRuns *self, uint32_t first)
{
    struct UnitRun *run = &self->runs[first];
    uint32_t bin = SizeClassAtMost(run->length);
    run->previousFree = NO_UNIT;
    run->nextFree = self->bins[bin];
    if (run->nextFree != NO_UNIT) {
        self->runs[run->nextFree].previousFree = first;
    }
    self->bins[bin] = first;
    self->binsInUse[bin / 64] |= UINT64_C(1) << (bin % 64);
    run->free = true;
}

static void BinRemove(struct UnitRuns *self, uint32_t first)
{
    struct UnitRun *run = &self->runs[first];
    uint32_t bin = SizeClassAtMost(run->length);
    if (run->nextFree != NO_UNIT) {
        self->runs[run->nextFree].previousFree = run->previousFree;
    }
    if (run->previousFree != NO_UNIT) {
        self->runs[run->previousFree].nextFree = run->nextFree;
    } else {
        self->bins[bin] = run->nextFree;
        if (run->nextFree == NO_UNIT) {
            self->binsInUse[bin / 64] &= ~(UINT64_C(1) << (bin % 64));
        }
    }
    run->free = false;
}

/* Returns the lowest used bin that is not below `bin`, or SIZE_CLASS_COUNT. */
static uint32_t BinInUse(const struct UnitRuns *self, uint32_t bin)
{
    uint32_t word = bin / 64;
    uint64_t bits = self->binsInUse[word] & (UINT64_MAX << (bin % 64));
    if (bits == 0 && word == 0) {
        word = 1;
        bits = self->binsInUse[1];
    }
    return (bits == 0) ? SIZE_CLASS_COUNT : word * 64 + (uint32_t)__builtin_ctzll(bits);
}

/*
 * Every run in a bin from SizeClassAtLeast(length) up is long enough, so the first one will do. If
 * there is none, the bin below may still hold one: its runs are longer than its own amount.
 */
static uint32_t FindFree(const struct UnitRuns *self, uint32_t length)
{
    uint32_t sufficient = SizeClassAtLeast(length);
    uint32_t bin = BinInUse(self, sufficient);
    if (bin < SIZE_CLASS_COUNT) {
        return self->bins[bin];
    }
    uint32_t first = (sufficient > 0) ? self->bins[sufficient - 1] : NO_UNIT;
    while (first != NO_UNIT && self->runs[first].length < length) {
        first = self->runs[first].nextFree;
    }
    return first;
}

/* Updates the run above the run at `first`, which changed its length. */
static void LinkAbove(struct UnitRuns *self, uint32_t first)
{
    uint32_t above = UnitRunsAbove(self, first);
    if (above != NO_UNIT) {
        self->runs[above].before = first;
    }
}

void UnitRunsInit(struct UnitRuns *self, struct UnitRun *runs, uint32_t unitCount)
{
    *self = (struct UnitRuns){.runs = runs, .unitCount = unitCount};
    for (uint32_t bin = 0; bin < SIZE_CLASS_COUNT; bin++) {
        self->bins[bin] = NO_UNIT;
    }
    runs[0] = (struct UnitRun){.length = unitCount, .before = NO_UNIT};
    BinAdd(self, 0);
}

uint32_t UnitRunsTake(struct UnitRuns *self, uint32_t length)
{
    if (length > self->unitCount) {
        return NO_UNIT;
    }
    uint32_t first = FindFree(self, length);
    if (first == NO_UNIT) {
        return NO_UNIT;
    }
    BinRemove(self, first);
    struct UnitRun *run = &self->runs[first];
    if (run->length > length) {
        uint32_t rest = first + length;
        self->runs[rest] = (struct UnitRun){
            .length = run->length - length,
            .before = first,
            .touched = run->touched,
        };
        run->length = length;
        LinkAbove(self, rest);
        BinAdd(self, rest);
    }
    return first;
}

void UnitRunsGive(struct UnitRuns *self, uint32_t first)
{
    struct UnitRun *run = &self->runs[first];
    run->touched = true;
    uint32_t above = UnitRunsAbove(self, first);
    if (above != NO_UNIT && self->runs[above].free) {
        BinRemove(self, above);
        run->length += self->runs[above].length;
    }
    uint32_t before = run->before;
    if (before != NO_UNIT && self->runs[before].free) {
        BinRemove(self, before);
        self->runs[before].length += run->length;
        self->runs[before].touched = true;
        first = before;
    }
    LinkAbove(self, first);
    BinAdd(self, first);
}

int UnitRunsVisitTouched(struct UnitRuns *self, UnitRunsVisitor *visitor, void *context)
{
    for (uint32_t bin = BinInUse(self, 0); bin < SIZE_CLASS_COUNT; bin = BinInUse(self, bin + 1)) {
        for (uint32_t first = self->bins[bin]; first != NO_UNIT;
             first = self->runs[first].nextFree) {
            struct UnitRun *run = &self->runs[first];
            if (!run->touched) {
                continue;
            }
            int status = visitor(context, first, run->length);
            if (status != 0) {
                return status;
            }
            run->touched = false;
        }
    }
    return 0;
}

/* Walks one bin and adds its runs to `*freeRuns`. */
static const char *CheckBin(const struct UnitRuns *self, uint32_t bin, uint32_t *freeRuns)
{
    bool inUse = ((self->binsInUse[bin / 64] >> (bin % 64)) & 1) != 0;
    if (inUse != (self->bins[bin] != NO_UNIT)) {
        return "unit runs: the bit map does not say whether a bin has runs";
    }
    uint32_t previous = NO_UNIT;
    for (uint32_t first = self->bins[bin]; first != NO_UNIT; first = self->runs[first].nextFree) {
        if (first >= self->unitCount) {
            return "unit runs: a bin leads out of the pool";
        }
        if (++*freeRuns > self->unitCount) {
            return "unit runs: a bin runs in a circle";
        }
        const struct UnitRun *run = &self->runs[first];
        if (!run->free) {
            return "unit runs: a used run is in a bin";
        }
        if (run->length == 0 || SizeClassAtMost(run->length) != bin) {
            return "unit runs: a run is in the bin of another length";
        }
        if (run->previousFree != previous) {
            return "unit runs: a bin is not linked backwards as it is forwards";
        }
        previous = first;
    }
    return NULL;
}

const char *UnitRunsCheck(const struct UnitRuns *self)
{
    uint32_t freeRuns = 0;
    uint32_t before = NO_UNIT;
    for (uint32_t first = 0; first != NO_UNIT; first = UnitRunsAbove(self, first)) {
        const struct UnitRun *run = &self->runs[first];
        if (run->length == 0 || run->length > self->unitCount - first) {
            return "unit runs: a run has no length or ends outside the pool";
        }
        if (run->before != before) {
            return "unit runs: a run does not know the run below it";
        }
        if (run->free && before != NO_UNIT && self->runs[before].free) {
            return "unit runs: two free runs are neighbours";
        }
        freeRuns += run->free ? 1 : 0;
        before = first;
    }
    uint32_t binned = 0;
    for (uint32_t bin = 0; bin < SIZE_CLASS_COUNT; bin++) {
        const char *broken = CheckBin(self, bin, &binned);
        if (broken != NULL) {
            return broken;
        }
    }
    return (binned == freeRuns) ? NULL : "unit runs: a free run is in no bin";
}
