#include "support/deadline.h"

#include <time.h>

void SleepMs(unsigned ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

uint64_t NowMs(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t TestDeadline(void)
{
    return NowMs() + TEST_DEADLINE_MS;
}

bool TestRetry(uint64_t deadline)
{
    if (NowMs() >= deadline) {
        return false;
    }
    SleepMs(1);
    return true;
}
