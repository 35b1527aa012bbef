#include "support/pair.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NS_PER_SECOND          UINT64_C(1000000000)
#define WATCHDOG_FACTOR        10
#define WATCHDOG_EXTRA_SECONDS 5

int BenchPin(int cpu)
{
    cpu_set_t set;

    if (cpu == BENCH_CPU_ANY) {
        return 0;
    }
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return sched_setaffinity(0, sizeof(set), &set) == 0 ? 0 : -errno;
}

void BenchArmWatchdog(const struct BenchOptions *options)
{
    uint64_t wholeNs = (options->measureNs + options->warmUpNs) * WATCHDOG_FACTOR;

    alarm((unsigned int)(wholeNs / NS_PER_SECOND) + WATCHDOG_EXTRA_SECONDS);
}

int BenchFork(const char *name, BenchEnd end, int cpu, void *context,
              const struct BenchOptions *options)
{
    pid_t parent = getpid();

    fflush(NULL);
    pid_t child = fork();
    if (child != 0) {
        return child > 0 ? child : -errno;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) {
        _exit(EXIT_FAILURE); /* the parent exited before the line above took effect */
    }
    BenchArmWatchdog(options);
    int status = BenchPin(cpu);
    if (status == 0) {
        status = end(context, options);
    }
    if (status != 0) {
        fprintf(stderr, "%s failed: %s\n", name, strerror(-status));
    }
    fflush(NULL);
    _exit(status == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

int BenchWait(int processId)
{
    int status = 0;

    while (waitpid(processId, &status, 0) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "process %d was ended by signal %d\n", processId, WTERMSIG(status));
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS ? 0 : -ECHILD;
}

int BenchPairRun(BenchEnd server, BenchEnd client, void *context,
                 const struct BenchOptions *options)
{
    int serverId = BenchFork("server", server, options->serverCpu, context, options);
    if (serverId < 0) {
        return serverId;
    }
    int clientId = BenchFork("client", client, options->clientCpu, context, options);
    int status = clientId < 0 ? clientId : BenchWait(clientId);
    if (status != 0) {
        kill(serverId, SIGKILL);
    }
    int serverStatus = BenchWait(serverId);
    return status != 0 ? status : serverStatus;
}
