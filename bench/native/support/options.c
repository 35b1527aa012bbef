#include "support/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MILLISECOND   UINT64_C(1000000)
#define DEFAULT_MILLISECONDS 300
#define DEFAULT_BYTES        16
#define MAX_MILLISECONDS     60000
#define MAX_CPU              1023
#define WARM_UP_PART         5

bool BenchParseNumber(const char *text, uint64_t low, uint64_t high, uint64_t *number)
{
    char *end = NULL;

    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    unsigned long long parsed = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || parsed < low || parsed > high) {
        return false;
    }
    *number = parsed;
    return true;
}

static bool ParseMeasure(struct BenchOptions *options, const char *value)
{
    if (strcmp(value, "round-trip") == 0) {
        options->measure = BENCH_ROUND_TRIP;
        return true;
    }
    if (strcmp(value, "one-way") == 0) {
        options->measure = BENCH_ONE_WAY;
        return true;
    }
    return false;
}

static bool ParseShared(struct BenchOptions *options, const char *name, const char *value)
{
    uint64_t number = 0;

    if (strcmp(name, "--measure") == 0) {
        return ParseMeasure(options, value);
    }
    if (strcmp(name, "--bytes") == 0 &&
        BenchParseNumber(value, BENCH_MIN_BYTES, BENCH_MAX_BYTES, &number)) {
        options->bytes = (size_t)number;
        return true;
    }
    if (strcmp(name, "--client-cpu") == 0 && BenchParseNumber(value, 0, MAX_CPU, &number)) {
        options->clientCpu = (int)number;
        return true;
    }
    if (strcmp(name, "--server-cpu") == 0 && BenchParseNumber(value, 0, MAX_CPU, &number)) {
        options->serverCpu = (int)number;
        return true;
    }
    if (strcmp(name, "--milliseconds") == 0 &&
        BenchParseNumber(value, 1, MAX_MILLISECONDS, &number)) {
        options->measureNs = number * NS_PER_MILLISECOND;
        return true;
    }
    return false;
}

int BenchOptionsParse(struct BenchOptions *options, int argumentCount, char **arguments,
                      BenchExtraOption extra, void *context)
{
    *options = (struct BenchOptions){
        .measure = BENCH_ROUND_TRIP,
        .bytes = DEFAULT_BYTES,
        .clientCpu = BENCH_CPU_ANY,
        .serverCpu = BENCH_CPU_ANY,
        .measureNs = DEFAULT_MILLISECONDS * NS_PER_MILLISECOND,
    };
    for (int index = 1; index < argumentCount; index += 2) {
        const char *name = arguments[index];
        if (index + 1 >= argumentCount) {
            fprintf(stderr, "%s: %s needs a value\n", arguments[0], name);
            return -EINVAL;
        }
        const char *value = arguments[index + 1];
        if (!ParseShared(options, name, value) && (extra == NULL || !extra(context, name, value))) {
            fprintf(stderr, "%s: unknown option or wrong value: %s %s\n", arguments[0], name,
                    value);
            return -EINVAL;
        }
    }
    options->warmUpNs = options->measureNs / WARM_UP_PART;
    return 0;
}
