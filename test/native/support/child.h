/*
 * Runs real processes for tests: the test program starts itself again with a role. A child reports
 * on a pipe, one line at a time, and its exit status is its result.
 */
#ifndef LITEIPC_TEST_CHILD_H
#define LITEIPC_TEST_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Values for the `uid` of ChildStart. */
#define CHILD_SAME_USER  UINT32_MAX
#define CHILD_OTHER_USER 65534U

struct Child {
    pid_t pid;
    int output; /* read end of the pipe that the child writes with ChildReport */
    int input;  /* write end of the pipe that the child reads with ChildAwaitResume */
};

/* Runs a child and returns its exit status. `argument` is the argument of ChildStart. */
typedef int (*ChildMain)(const char *domain, const char *argument);
struct ChildRole {
    const char *name;
    ChildMain main;
};

/*
 * For the test's main(): if the program was started as a child, runs the role and exits. An empty
 * entry ends `roles`. The child dies with its parent, and by SIGALRM after TEST_ALARM_S.
 */
void ChildRunIfAsked(int count, char **arguments, const struct ChildRole *roles);

/* Skips the running test if this process cannot start children of that user. */
void ChildRequire(uint32_t uid);
/* Starts a child as this user or as another user (only root can). */
void ChildStart(struct Child *child, const char *role, const char *domain, const char *argument,
                uint32_t uid);
/* Returns true if the child's next line is this word. Waits up to TEST_DEADLINE_MS. */
bool ChildReports(struct Child *child, const char *word);
/* Returns the number in the child's next line, or 0 if no line arrives within TEST_DEADLINE_MS. */
uint32_t ChildNumber(struct Child *child);
/* Lets the child continue. */
void ChildResume(struct Child *child);
/* Sends SIGKILL. */
void ChildKill(struct Child *child);
/*
 * Waits up to TEST_DEADLINE_MS for the child to exit. Returns its exit status, or minus the signal
 * that ended it.
 */
int ChildEnd(struct Child *child);
/* Returns true if the child has exited. */
bool ChildHasExited(struct Child *child);

/* For the child. */
void ChildReport(const char *word);
void ChildReportNumber(uint32_t number);
void ChildAwaitResume(void);

#endif
