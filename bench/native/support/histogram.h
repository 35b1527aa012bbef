/*
 * Counts durations in a histogram.
 *
 * A measurement has millions of round trips of about 250 ns. A list of all durations would add page
 * faults and cache misses to the measured time. The histogram is exact to 1 ns below
 * HISTOGRAM_LINEAR_NS and to 0.4 % above it, and touches only the cache lines that its values use.
 *
 * A histogram is used by one thread. The caller provides its memory; it owns no other resources.
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
    uint64_t count; /* number of values */
    uint64_t sumNs; /* sum of the values */
    uint32_t buckets[HISTOGRAM_BUCKETS];
};

/* Returns CLOCK_MONOTONIC in ns. */
uint64_t ClockNs(void);

/*
 * Returns the cost of one ClockNs call in ns: the mean over many consecutive calls, the minimum
 * over some repetitions. Programs that read the clock once per round trip subtract it from each
 * sample.
 */
uint64_t ClockCostNs(void);

/* Empties the histogram and touches its pages, so that the first samples cause no page fault. */
void HistogramReset(struct Histogram *histogram);

void HistogramAdd(struct Histogram *histogram, uint64_t ns);

/*
 * Returns the smallest value that at least `fraction` (0 to 1) of all values do not exceed; 0 if
 * the histogram is empty.
 */
uint64_t HistogramQuantile(const struct Histogram *histogram, double fraction);

#endif
