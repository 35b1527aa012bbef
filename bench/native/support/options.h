/*
 * Parses the command line that all benchmark programs share:
 *
 *   --measure round-trip|one-way   what to measure (default round-trip)
 *   --bytes N                      size of one message, 8 to 4096 bytes (default 16)
 *   --client-cpu N --server-cpu N  CPU of each end; without the option the end is not pinned
 *   --milliseconds N               measured time, 1 to 60000 ms (default 300); the warm-up before
 *                                  it takes a fifth of this time
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
 * Handles one option of the program. Returns true if the program knows `name` (with its two dashes)
 * and accepts `value`.
 */
typedef bool (*BenchExtraOption)(void *context, const char *name, const char *value);

/*
 * Parses the command line. Writes an error to stderr and returns -EINVAL if an argument is invalid.
 * `extra` may be NULL and is called with `context`.
 */
int BenchOptionsParse(struct BenchOptions *options, int argumentCount, char **arguments,
                      BenchExtraOption extra, void *context);

/*
 * Parses an integer from `low` to `high`. Returns false for all other texts, also for trailing
 * characters.
 */
bool BenchParseNumber(const char *text, uint64_t low, uint64_t high, uint64_t *number);

#endif
