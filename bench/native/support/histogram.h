/*
 * Durations, counted rather than kept.
 *
 * A round trip of 250 ns happens a million times while we watch: a list of them would cost page
 * faults and cache misses that belong to nobody's message. The histogram is exact to 1 ns below
 * HISTOGRAM_LINEAR_NS and to 0.4 % above, and touches only the few lines its values fall into.
 *
 * One thread uses a histogram; it lies wherever the caller puts it and owns nothing.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_LINEAR_BITS 12
#define HISTOGRAM_LINEAR_NS   (1U << HISTOGRAM_LINEAR_BITS)
#define HISTOGRAM_STEP_BITS   8
#define HISTOGRAM_OCTAVES     28 /* 4096 ns << 28: 18 minutes, longer than any benchmark runs */
#define HISTOGRAM_BUCKETS     (HISTOGRAM_LINEAR_NS + (HISTOGRAM_OCTAVES << HISTOGRAM_STEP_BITS))

struct Histogram {
    uint64_t count; /* values added */
    uint64_t sumNs; /* their sum */
    uint32_t buckets[HISTOGRAM_BUCKETS];
};

/* CLOCK_MONOTONIC in ns. */
uint64_t ClockNs(void);

/*
 * What one ClockNs costs, in ns: the mean of many calls in a row, the best of some repetitions.
 * Programs that read the clock once per round trip take this off each sample.
 */
uint64_t ClockCostNs(void);

/* Empties it and touches its pages, so that the first samples pay no page fault. */
void HistogramReset(struct Histogram *histogram);

void HistogramAdd(struct Histogram *histogram, uint64_t ns);

/* The smallest value that at least `fraction` (0 to 1) of all values do not exceed; 0 if empty. */
uint64_t HistogramQuantile(const struct Histogram *histogram, double fraction);

#endif
