/*
 * Defines the time limits of the C tests. A limit only ends a test that has already failed, so it
 * is far longer than a slow machine needs.
 */
#ifndef LITEIPC_TEST_DEADLINE_H
#define LITEIPC_TEST_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

/* Longest wait for an event that must occur. */
#define TEST_DEADLINE_MS 30000
/* Upper bound for an event that must not wait for LITEIPC_TIMEOUT_MS. */
#define TEST_PROMPT_MS 4000
/* SIGALRM ends the child process of a test after this time. */
#define TEST_ALARM_S 90

void SleepMs(unsigned ms);
uint64_t NowMs(void);

/* Returns the end of a wait that starts now, for TestRetry. */
uint64_t TestDeadline(void);
/* Sleeps 1 ms and returns true. Returns false at once if the deadline has passed. */
bool TestRetry(uint64_t deadline);

#endif
