/*
 * Meters that follow one measurement, and the one line of JSON that each ends in.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>

#include "support/histogram.h"
#include "support/options.h"

/* Messages of one sample of a rate: few enough for many samples, enough to hide the clock. */
#define BENCH_RATE_BLOCK 1024

/*
 * Follows round trips at the client: one clock reading per round trip, taken off each sample.
 * Starts with the warm-up.
 */
struct RoundTripMeter {
    struct Histogram histogram;
    uint64_t clockCostNs;
    uint64_t lastNs; /* end of the previous round trip, which begins this one */
    uint64_t measureFromNs;
    uint64_t endNs;
};

void RoundTripMeterStart(struct RoundTripMeter *meter, const struct BenchOptions *options);

/* Call after each round trip. False when the time is over and something was measured. */
bool RoundTripMeterStep(struct RoundTripMeter *meter);

/*
 * Follows arriving messages at the server: the time of each block of BENCH_RATE_BLOCK messages.
 * Starts at the first message; the blocks of the warm-up are left out.
 */
struct RateMeter {
    struct Histogram histogram; /* ns per block */
    uint64_t measuredNs;        /* all measured blocks together */
    uint64_t measured;          /* their messages */
    uint64_t warmUpNs;
    uint64_t firstNs; /* first message, 0 before it */
    uint64_t lastNs;  /* end of the last whole block */
    uint32_t inBlock; /* messages of the block that is under way */
};

void RateMeterStart(struct RateMeter *meter, const struct BenchOptions *options);

/* Call with the number of messages that just arrived. */
void RateMeterArrived(struct RateMeter *meter, uint32_t messages);

/*
 * Print one JSON object and a newline to stdout. Times in ns; `p99Ns` of a rate is per message,
 * of the slowest hundredth of the blocks. -ENODATA if nothing was measured, -EIO if
 * stdout is closed.
 */
int RoundTripReport(const struct RoundTripMeter *meter, const char *name,
                    const struct BenchOptions *options);
int RateReport(const struct RateMeter *meter, const char *name, const struct BenchOptions *options);

#endif
