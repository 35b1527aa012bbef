/* Meters that record one measurement and print it as one line of JSON. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>

#include "support/histogram.h"
#include "support/options.h"

/* Messages per rate sample: few enough for many samples, enough to hide the cost of the clock. */
#define BENCH_RATE_BLOCK 1024

/*
 * Records round trips at the client. The clock is read once per round trip and its cost is
 * subtracted from each sample. The meter starts with the warm-up.
 */
struct RoundTripMeter {
    struct Histogram histogram;
    uint64_t clockCostNs;
    uint64_t lastNs; /* end of the previous round trip and start of the current one */
    uint64_t measureFromNs;
    uint64_t endNs;
};

void RoundTripMeterStart(struct RoundTripMeter *meter, const struct BenchOptions *options);

/*
 * Records a round trip; call it after each one. Returns false when the time is over and there is at
 * least one sample.
 */
bool RoundTripMeterStep(struct RoundTripMeter *meter);

/*
 * Records arriving messages at the server: the time of each block of BENCH_RATE_BLOCK messages. The
 * meter starts at the first message and excludes the blocks of the warm-up.
 */
struct RateMeter {
    struct Histogram histogram; /* ns per block */
    uint64_t measuredNs;        /* total time of the measured blocks */
    uint64_t measured;          /* messages in the measured blocks */
    uint64_t warmUpNs;
    uint64_t firstNs; /* time of the first message, 0 before it */
    uint64_t lastNs;  /* end of the last complete block */
    uint32_t inBlock; /* messages in the current block */
};

void RateMeterStart(struct RateMeter *meter, const struct BenchOptions *options);

/* Records the number of messages that have just arrived. */
void RateMeterArrived(struct RateMeter *meter, uint32_t messages);

/*
 * Print one JSON object and a newline to stdout. Times are in ns. `p99Ns` of a rate is the time per
 * message in the slowest hundredth of the blocks. Return -ENODATA if there are no samples, -EIO if
 * stdout is closed.
 */
int RoundTripReport(const struct RoundTripMeter *meter, const char *name,
                    const struct BenchOptions *options);
int RateReport(const struct RateMeter *meter, const char *name, const struct BenchOptions *options);

#endif
