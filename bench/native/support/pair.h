/*
 * Two fresh processes, a client and a server, each pinned where the options say.
 */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H

#include "support/options.h"

/* One end. Returns 0 or a negative errno, which becomes the end's exit status. */
typedef int (*BenchEnd)(void *context, const struct BenchOptions *options);

/* Pins the calling thread to `cpu`; BENCH_CPU_ANY leaves it alone. 0 or a negative errno. */
int BenchPin(int cpu);

/*
 * Forks a process that gets SIGTERM when its parent ends, is pinned to `cpu` and runs `end`. `name`
 * is for its complaint. Returns its pid or a negative errno.
 */
int BenchFork(const char *name, BenchEnd end, int cpu, void *context,
              const struct BenchOptions *options);

/* Waits for a process of BenchFork; 0 if its end returned 0, else -ECHILD or another errno. */
int BenchWait(int processId);

/*
 * Runs `server` in one new process and `client` in another and waits for both. If the client
 * fails, the server is killed. The whole is killed by SIGALRM if it takes ten times as long as
 * the options allow, so that a broken benchmark ends. Returns 0 or the first error.
 */
int BenchPairRun(BenchEnd server, BenchEnd client, void *context,
                 const struct BenchOptions *options);

/* Arms that alarm for the calling process. */
void BenchArmWatchdog(const struct BenchOptions *options);

#endif
