/*
 * Real processes for tests: the test program runs itself again with a role. A child says what it
 * has to say on a pipe, a line at a time, and its exit status is its verdict.
 */
#ifndef LITEIPC_TEST_CHILD_H
#define LITEIPC_TEST_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* For the `uid` of ChildStart. */
#define CHILD_SAME_USER  UINT32_MAX
#define CHILD_OTHER_USER 65534U

struct Child {
    pid_t pid;
    int output; /* what it writes with ChildSay */
    int input;  /* what it reads with ChildHear */
};

/* What a child does: returns its exit status. `argument` is what ChildStart was given. */
typedef int (*ChildMain)(const char *domain, const char *argument);
struct ChildRole {
    const char *name;
    ChildMain main;
};

/*
 * For the test's main(): if the program was started as a child, does what the role says and exits.
 * `roles` ends with an empty one. The child dies with its parent, and by SIGALRM after 20 s.
 */
void ChildRunIfAsked(int count, char **arguments, const struct ChildRole *roles);

/* Skips the running test if this process cannot start children of that user. */
void ChildRequire(uint32_t uid);
/* Starts one, as this user or another (which only root can). */
void ChildStart(struct Child *child, const char *role, const char *domain, const char *argument,
                uint32_t uid);
/* Is the next thing it says this word? Waits up to 10 s. */
bool ChildSays(struct Child *child, const char *word);
/* The next thing it says, a number; 0 if it says nothing within 10 s. */
uint32_t ChildNumber(struct Child *child);
/* Tells it to go on. */
void ChildTell(struct Child *child);
/* SIGKILL. */
void ChildKill(struct Child *child);
/* Waits up to 10 s for its end; its exit status, or minus the signal that ended it. */
int ChildEnd(struct Child *child);
/* Has it ended? */
bool ChildIsGone(struct Child *child);

/* In a child. */
void ChildSay(const char *word);
void ChildSayNumber(uint32_t number);
void ChildHear(void);

#endif
