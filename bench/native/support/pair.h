/* Runs a client and a server in two fresh processes, each pinned as the options say. */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H

#include "support/options.h"

/* Runs one end. Returns 0 or a negative errno, which becomes the exit status of the end. */
typedef int (*BenchEnd)(void *context, const struct BenchOptions *options);

/*
 * Pins the calling thread to `cpu`; BENCH_CPU_ANY changes nothing. Returns 0 or a negative errno.
 */
int BenchPin(int cpu);

/*
 * Forks a process that receives SIGTERM when its parent exits, is pinned to `cpu` and runs `end`.
 * Error messages contain `name`. Returns the pid or a negative errno.
 */
int BenchFork(const char *name, BenchEnd end, int cpu, void *context,
              const struct BenchOptions *options);

/*
 * Waits for a process of BenchFork. Returns 0 if its end returned 0, else -ECHILD or another errno.
 */
int BenchWait(int processId);

/*
 * Runs `server` in one new process and `client` in another and waits for both. If the client fails,
 * the server is killed. SIGALRM kills all processes after ten times the time that the options
 * allow, so that a broken benchmark ends. Returns 0 or the first error.
 */
int BenchPairRun(BenchEnd server, BenchEnd client, void *context,
                 const struct BenchOptions *options);

/* Arms this SIGALRM for the calling process. */
void BenchArmWatchdog(const struct BenchOptions *options);

#endif
