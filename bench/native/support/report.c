#include "support/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define NS_PER_SECOND 1e9
#define MEDIAN        0.5
#define P99           0.99

void RoundTripMeterStart(struct RoundTripMeter *meter, const struct BenchOptions *options)
{
    HistogramReset(&meter->histogram);
    meter->clockCostNs = ClockCostNs();
    meter->lastNs = ClockNs();
    meter->measureFromNs = meter->lastNs + options->warmUpNs;
    meter->endNs = meter->measureFromNs + options->measureNs;
}

bool RoundTripMeterStep(struct RoundTripMeter *meter)
{
    uint64_t now = ClockNs();
    uint64_t elapsed = now - meter->lastNs;

    if (meter->lastNs >= meter->measureFromNs) {
        HistogramAdd(&meter->histogram,
                     elapsed > meter->clockCostNs ? elapsed - meter->clockCostNs : 0);
    }
    meter->lastNs = now;
    /* On a busy machine, one round trip may take the whole time. */
    return now < meter->endNs || meter->histogram.count == 0;
}

void RateMeterStart(struct RateMeter *meter, const struct BenchOptions *options)
{
    HistogramReset(&meter->histogram);
    meter->measuredNs = 0;
    meter->measured = 0;
    meter->warmUpNs = options->warmUpNs;
    meter->firstNs = 0;
    meter->lastNs = 0;
    meter->inBlock = 0;
}

void RateMeterArrived(struct RateMeter *meter, uint32_t messages)
{
    meter->inBlock += messages;
    if (meter->firstNs != 0 && meter->inBlock < BENCH_RATE_BLOCK) {
        return;
    }
    uint64_t now = ClockNs();
    if (meter->firstNs == 0) {
        meter->firstNs = now;
        meter->lastNs = now;
        meter->inBlock = 0;
        return;
    }
    if (meter->lastNs - meter->firstNs >= meter->warmUpNs) {
        /* One read may complete several blocks: the sample is an average, the sums are exact. */
        uint64_t elapsed = now - meter->lastNs;
        HistogramAdd(&meter->histogram, elapsed * BENCH_RATE_BLOCK / meter->inBlock);
        meter->measuredNs += elapsed;
        meter->measured += meter->inBlock;
    }
    meter->lastNs = now;
    meter->inBlock = 0;
}

static int Print(const char *name, const char *measure, const struct BenchOptions *options,
                 uint64_t count, double perSecond, double medianNs, double p99Ns)
{
    if (count == 0) {
        return -ENODATA;
    }
    int printed = printf("{\"name\":\"%s\",\"measure\":\"%s\",\"bytes\":%zu,\"clientCpu\":%d,"
                         "\"serverCpu\":%d,\"count\":%" PRIu64 ",\"perSecond\":%.0f,"
                         "\"medianNs\":%.1f,\"p99Ns\":%.1f}\n",
                         name, measure, options->bytes, options->clientCpu, options->serverCpu,
                         count, perSecond, medianNs, p99Ns);
    return printed > 0 && fflush(stdout) == 0 ? 0 : -EIO;
}

int RoundTripReport(const struct RoundTripMeter *meter, const char *name,
                    const struct BenchOptions *options)
{
    const struct Histogram *histogram = &meter->histogram;
    double perSecond = histogram->sumNs == 0
                           ? 0
                           : NS_PER_SECOND * (double)histogram->count / (double)histogram->sumNs;

    return Print(name, "round-trip", options, histogram->count, perSecond,
                 (double)HistogramQuantile(histogram, MEDIAN),
                 (double)HistogramQuantile(histogram, P99));
}

int RateReport(const struct RateMeter *meter, const char *name, const struct BenchOptions *options)
{
    const struct Histogram *histogram = &meter->histogram;
    double perSecond = meter->measuredNs == 0
                           ? 0
                           : NS_PER_SECOND * (double)meter->measured / (double)meter->measuredNs;

    return Print(name, "one-way", options, meter->measured, perSecond,
                 (double)HistogramQuantile(histogram, MEDIAN) / BENCH_RATE_BLOCK,
                 (double)HistogramQuantile(histogram, P99) / BENCH_RATE_BLOCK);
}
