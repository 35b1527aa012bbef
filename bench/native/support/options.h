/*
 * The command line that all benchmark programs share:
 *
 *   --measure round-trip|one-way   what to measure (default round-trip)
 *   --bytes N                      size of one message, 8 to 4096 bytes (default 16)
 *   --client-cpu N --server-cpu N  where each end is pinned; without it the end is not pinned
 *   --milliseconds N               measured time, 1 to 60000 ms; a fifth of it is run before as
 *                                  warm-up (default 300)
 *
 * A program may add options of its own, see BenchOptionsParse.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_MIN_BYTES 8
#define BENCH_MAX_BYTES 4096
#define BENCH_CPU_ANY   (-1)

enum BenchMeasure {
    BENCH_ROUND_TRIP,
    BENCH_ONE_WAY,
};

struct BenchOptions {
    enum BenchMeasure measure;
    size_t bytes;
    int clientCpu; /* BENCH_CPU_ANY: not pinned */
    int serverCpu;
    uint64_t measureNs;
    uint64_t warmUpNs;
};

/*
 * One option of the program itself. Returns true if `name` (with its two dashes) is known and
 * `value` is right for it.
 */
typedef bool (*BenchExtraOption)(void *context, const char *name, const char *value);

/*
 * Reads the command line. On a mistake it says on stderr what is wrong and returns -EINVAL.
 * `extra` may be NULL; `context` is handed to it.
 */
int BenchOptionsParse(struct BenchOptions *options, int argumentCount, char **arguments,
                      BenchExtraOption extra, void *context);

/* A whole number from `low` to `high`; false for anything else, also for trailing characters. */
bool BenchParseNumber(const char *text, uint64_t low, uint64_t high, uint64_t *number);

#endif
