#include "support/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/deadline.h"

#define CHILD_MARK     "--child"
#define CHILD_OUTPUT   3
#define CHILD_INPUT    4
#define CHILD_WORD_MAX 64

void ChildReport(const char *word)
{
    char line[CHILD_WORD_MAX];
    int length = snprintf(line, sizeof(line), "%s\n", word);
    (void)!write(CHILD_OUTPUT, line, (size_t)length);
}

void ChildReportNumber(uint32_t number)
{
    char word[16];
    snprintf(word, sizeof(word), "%u", number);
    ChildReport(word);
}

void ChildAwaitResume(void)
{
    char byte;
    (void)!read(CHILD_INPUT, &byte, 1);
}

static int BecomeUser(uint32_t uid)
{
    if (uid == CHILD_SAME_USER) {
        return 0;
    }
    if (setgroups(0, NULL) != 0 || setgid(uid) != 0 || setuid(uid) != 0) {
        return -errno;
    }
    /* A changed uid makes a process undumpable, and then it may not read its own /proc/self/fd. */
    return prctl(PR_SET_DUMPABLE, 1) == 0 ? prctl(PR_SET_PDEATHSIG, SIGKILL) : -errno;
}

void ChildRunIfAsked(int count, char **arguments, const struct ChildRole *roles)
{
    if (count != 6 || strcmp(arguments[1], CHILD_MARK) != 0) {
        return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(TEST_ALARM_S);
    if (BecomeUser((uint32_t)strtoul(arguments[5], NULL, 10)) != 0) {
        fprintf(stderr, "cannot become user %s\n", arguments[5]);
        exit(99);
    }
    for (; roles->name != NULL; roles++) {
        if (strcmp(roles->name, arguments[2]) == 0) {
            exit(roles->main(arguments[3], arguments[4]));
        }
    }
    fprintf(stderr, "unknown role %s\n", arguments[2]);
    exit(98);
}

void ChildRequire(uint32_t uid)
{
    if (uid != CHILD_SAME_USER && getuid() != 0) {
        print_message("needs root\n"); /* scripts/test-native.mjs reads the reason */
        skip();
    }
}

void ChildStart(struct Child *child, const char *role, const char *domain, const char *argument,
                uint32_t uid)
{
    char user[16];
    int output[2];
    int input[2];
    snprintf(user, sizeof(user), "%u", uid);
    char *const arguments[] = {"/proc/self/exe",
                               CHILD_MARK,
                               (char *)(uintptr_t)role,
                               (char *)(uintptr_t)domain,
                               (char *)(uintptr_t)argument,
                               user,
                               NULL};
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    assert_int_equal(pipe2(input, O_CLOEXEC), 0);
    fflush(NULL);
    child->pid = fork();
    assert_true(child->pid >= 0);
    if (child->pid == 0) {
        /*
         * Move the descriptors out of each other's way first. dup2 onto the same number would leave
         * close-on-exec set.
         */
        int from = fcntl(output[1], F_DUPFD, 10);
        int to = fcntl(input[0], F_DUPFD, 10);
        if (dup2(from, CHILD_OUTPUT) < 0 || dup2(to, CHILD_INPUT) < 0 || close(from) != 0 ||
            close(to) != 0) {
            _exit(97);
        }
        execv(arguments[0], arguments);
        _exit(96);
    }
    close(output[1]);
    close(input[0]);
    child->output = output[0];
    child->input = input[1];
}

/* Reads a line from the child; empty if none arrives in time. */
static void Line(struct Child *child, char line[CHILD_WORD_MAX])
{
    uint64_t end = TestDeadline();
    size_t length = 0;
    for (;;) {
        struct pollfd wait = {.fd = child->output, .events = POLLIN};
        uint64_t now = NowMs();
        if (length + 1 == CHILD_WORD_MAX || now >= end || poll(&wait, 1, (int)(end - now)) != 1 ||
            read(child->output, &line[length], 1) != 1) {
            line[0] = '\0';
            return;
        }
        if (line[length] == '\n') {
            line[length] = '\0';
            return;
        }
        length++;
    }
}

bool ChildReports(struct Child *child, const char *word)
{
    char line[CHILD_WORD_MAX];
    Line(child, line);
    if (strcmp(line, word) != 0) {
        print_error("expected '%s' from the child, got '%s'\n", word, line);
        return false;
    }
    return true;
}

uint32_t ChildNumber(struct Child *child)
{
    char line[CHILD_WORD_MAX];
    Line(child, line);
    return (uint32_t)strtoul(line, NULL, 10);
}

void ChildResume(struct Child *child)
{
    assert_int_equal(write(child->input, "\n", 1), 1);
}

void ChildKill(struct Child *child)
{
    assert_int_equal(kill(child->pid, SIGKILL), 0);
}

bool ChildHasExited(struct Child *child)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == child->pid;
}

int ChildEnd(struct Child *child)
{
    int status = 0;
    uint64_t deadline = TestDeadline();
    while (!ChildHasExited(child) && TestRetry(deadline)) {
    }
    if (!ChildHasExited(child)) {
        print_error("the child has not exited\n");
        ChildKill(child);
    }
    assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
    close(child->output);
    close(child->input);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
