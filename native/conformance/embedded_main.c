/*
 * liteipc-conformance: runs one scenario against the core, with all of its processes in this OS
 * process.
 *
 *   liteipc-conformance < TABLE      one JSON object on standard output; exit status 0, 1 or 2
 */
#include "conformance/portable.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "conformance/embedded.h"
#include "conformance/program.h"

struct Guard {
    sigset_t signals;
    struct Embedded *embedded;
};

/* Removes the folder if a signal ends the program before the scenario is over. */
static void *AwaitSignal(void *argument)
{
    struct Guard *guard = argument;
    int number = SIGTERM;
    (void)sigwait(&guard->signals, &number);
    EmbeddedRemoveFolder(guard->embedded);
    _exit(128 + number);
    return NULL;
}

static enum ProgramStatus RunScenario(const struct Scenario *scenario, struct Embedded *embedded)
{
    struct RunResult result;
    Run(scenario, &EMBEDDED_PLATFORM, embedded, &result);
    enum ProgramStatus status = ProgramPrint(&result);
    if (result.isStuck) {
        (void)fprintf(stderr, "liteipc-conformance: a task does not end\n");
        EmbeddedRemoveFolder(embedded);
        _exit(status); /* threads that cannot be joined use memory that exit(3) would release */
    }
    EmbeddedFree(embedded);
    return status;
}

int main(int argc, char **argv)
{
    struct Scenario scenario;
    char error[TABLE_ERROR_SIZE];
    char text[64];
    if (argc != 1) {
        (void)fprintf(stderr, "usage: %s < TABLE\n", argv[0]);
        return PROGRAM_ERROR;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)signal(SIGPIPE, SIG_IGN);
    if (ProgramReadScenario(&scenario, error) != 0) {
        return ProgramPrintError(error);
    }
    struct Guard guard;
    (void)sigemptyset(&guard.signals);
    (void)sigaddset(&guard.signals, SIGTERM);
    (void)sigaddset(&guard.signals, SIGINT);
    (void)sigaddset(&guard.signals, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &guard.signals, NULL);
    int status = EmbeddedCreate(&guard.embedded);
    if (status != 0) {
        char name[32];
        (void)snprintf(text, sizeof(text), "no domain: %s", ErrorName(-status, name));
        ScenarioFree(&scenario);
        return ProgramPrintError(text);
    }
    pthread_t thread;
    if (pthread_create(&thread, NULL, AwaitSignal, &guard) != 0) {
        EmbeddedFree(guard.embedded);
        ScenarioFree(&scenario);
        return ProgramPrintError("no thread for signals");
    }
    enum ProgramStatus result = RunScenario(&scenario, guard.embedded);
    ScenarioFree(&scenario);
    return result;
}
