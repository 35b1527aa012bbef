/*
 * Starts agents, reports how they ended, and leaves none behind.
 *   torture_nursery DOMAIN (NAME REGISTRATION-HEX LOOKUP-HEX)...
 * Standard input, one line each:
 *   start ROLE SERVICE SEED     ROLE: serve, call, flicker
 * Standard output, one line each:
 *   started PID ROLE SERVICE
 *   ended PID exit|signal NUMBER
 *   and the reports of the agents (support/agent.h)
 * At the end of its input it kills all agents and exits.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/agent.h"

static struct AgentService services[AGENT_SERVICES_MAX];

static bool DecodeHex(const char *text, struct AgentMessage *message)
{
    size_t length = strlen(text) / 2;
    if (length > sizeof(message->bytes)) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned byte;
        if (sscanf(&text[i * 2], "%2x", &byte) != 1) {
            return false;
        }
        message->bytes[i] = (unsigned char)byte;
    }
    message->size = length;
    return true;
}

static void Say(const char *line)
{
    if (write(STDOUT_FILENO, line, strlen(line)) < 0) {
        _exit(3);
    }
}

static void Start(struct AgentOptions *options, const char *role, pid_t parent)
{
    char line[160];
    sigset_t terminate, before;
    /* The agent unblocks the signal when it can handle it. */
    sigemptyset(&terminate);
    sigaddset(&terminate, SIGTERM);
    sigprocmask(SIG_BLOCK, &terminate, &before);
    pid_t pid = fork();
    if (pid < 0) {
        perror("fork");
        exit(3);
    }
    if (pid > 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        snprintf(line, sizeof(line), "started %d %s %u\n", pid, role, options->serve);
        Say(line);
        return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(3);
    }
    close(STDIN_FILENO);
    int (*run)(const struct AgentOptions *) = strcmp(role, "serve") == 0  ? AgentServe
                                              : strcmp(role, "call") == 0 ? AgentCall
                                                                          : AgentFlicker;
    exit(run(options)); /* not _exit, so that leaks are detected at exit */
}

static bool Obey(char *line, struct AgentOptions *options, pid_t parent)
{
    char role[16];
    unsigned serve;
    unsigned long long seed;
    if (sscanf(line, "start %15s %u %llu", role, &serve, &seed) != 3 ||
        serve >= options->serviceCount) {
        fprintf(stderr, "not a command: %s\n", line);
        return false;
    }
    options->serve = serve;
    options->seed = seed;
    Start(options, role, parent);
    return true;
}

static void Reap(void)
{
    int status;
    pid_t pid;
    char line[96];
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        snprintf(line, sizeof(line), "ended %d %s %d\n", pid, WIFEXITED(status) ? "exit" : "signal",
                 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        Say(line);
    }
}

/* Executes commands until the end of the input. */
static int Loop(struct AgentOptions *options, int signals)
{
    static char buffer[4096];
    size_t used = 0;
    pid_t self = getpid();
    for (;;) {
        struct pollfd ready[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                  {.fd = signals, .events = POLLIN}};
        if (poll(ready, 2, -1) < 0) {
            return 3;
        }
        if (ready[1].revents != 0) {
            struct signalfd_siginfo information;
            (void)!read(signals, &information, sizeof(information));
            Reap();
        }
        if (ready[0].revents == 0) {
            continue;
        }
        ssize_t got = read(STDIN_FILENO, &buffer[used], sizeof(buffer) - used - 1);
        if (got <= 0) {
            return 0;
        }
        used += (size_t)got;
        buffer[used] = '\0';
        char *line = buffer;
        for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
            *end = '\0';
            if (!Obey(line, options, self)) {
                return 2;
            }
        }
        used = strlen(line);
        memmove(buffer, line, used + 1);
    }
}

int main(int argc, char **argv)
{
    struct AgentOptions options = {.services = services};
    sigset_t children;

    if (argc < 5 || (argc - 2) % 3 != 0 || (argc - 2) / 3 > AGENT_SERVICES_MAX) {
        fprintf(stderr, "usage: torture_nursery DOMAIN (NAME REGISTRATION-HEX LOOKUP-HEX)...\n");
        return 2;
    }
    options.domain = argv[1];
    for (int i = 2; i < argc; i += 3) {
        struct AgentService *service = &services[options.serviceCount++];
        snprintf(service->name, sizeof(service->name), "%s", argv[i]);
        if (!DecodeHex(argv[i + 1], &service->registration) ||
            !DecodeHex(argv[i + 2], &service->lookup)) {
            fprintf(stderr, "not a message in hexadecimal digits: %s\n", argv[i]);
            return 2;
        }
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, NULL);
    int signals = signalfd(-1, &children, SFD_CLOEXEC);
    if (signals < 0) {
        perror("signalfd");
        return 3;
    }
    return Loop(&options, signals); /* PR_SET_PDEATHSIG kills the agents */
}
