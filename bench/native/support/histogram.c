#include "support/histogram.h"

#include <string.h>
#include <time.h>

#define NS_PER_SECOND     UINT64_C(1000000000)
#define CLOCK_REPETITIONS 16
#define CLOCK_CALLS       1000

uint64_t ClockNs(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

uint64_t ClockCostNs(void)
{
    uint64_t best = UINT64_MAX;

    for (int repetition = 0; repetition < CLOCK_REPETITIONS; repetition++) {
        uint64_t start = ClockNs();
        uint64_t last = start;
        for (int call = 0; call < CLOCK_CALLS; call++) {
            last = ClockNs();
        }
        uint64_t cost = (last - start) / CLOCK_CALLS;
        best = cost < best ? cost : best;
    }
    return best;
}

void HistogramReset(struct Histogram *histogram)
{
    memset(histogram, 0, sizeof(*histogram));
}

static uint32_t BucketOf(uint64_t ns)
{
    if (ns < HISTOGRAM_LINEAR_NS) {
        return (uint32_t)ns;
    }
    uint32_t octave = 63U - (uint32_t)__builtin_clzll(ns) - HISTOGRAM_LINEAR_BITS;
    if (octave >= HISTOGRAM_OCTAVES) {
        return HISTOGRAM_BUCKETS - 1;
    }
    uint32_t shift = octave + HISTOGRAM_LINEAR_BITS - HISTOGRAM_STEP_BITS;
    uint32_t step = (uint32_t)(ns >> shift) & ((1U << HISTOGRAM_STEP_BITS) - 1);
    return HISTOGRAM_LINEAR_NS + (octave << HISTOGRAM_STEP_BITS) + step;
}

static uint64_t ValueOf(uint32_t bucket)
{
    if (bucket < HISTOGRAM_LINEAR_NS) {
        return bucket;
    }
    uint32_t octave = (bucket - HISTOGRAM_LINEAR_NS) >> HISTOGRAM_STEP_BITS;
    uint64_t step = (bucket - HISTOGRAM_LINEAR_NS) & ((1U << HISTOGRAM_STEP_BITS) - 1);
    uint32_t shift = octave + HISTOGRAM_LINEAR_BITS - HISTOGRAM_STEP_BITS;
    uint64_t lowest = ((UINT64_C(1) << HISTOGRAM_STEP_BITS) + step) << shift;
    return lowest + (UINT64_C(1) << shift) / 2;
}

void HistogramAdd(struct Histogram *histogram, uint64_t ns)
{
    histogram->buckets[BucketOf(ns)]++;
    histogram->count++;
    histogram->sumNs += ns;
}

uint64_t HistogramQuantile(const struct Histogram *histogram, double fraction)
{
    uint64_t wanted = (uint64_t)(fraction * (double)histogram->count);
    uint64_t seen = 0;

    if (wanted == 0) {
        wanted = 1;
    }
    for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        seen += histogram->buckets[bucket];
        if (seen >= wanted) {
            return ValueOf(bucket);
        }
    }
    return 0;
}
