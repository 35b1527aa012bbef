/*
 * Reads CLOCK_MONOTONIC, in ns. It is the same for every process of a machine. Source:
 * clock_gettime(2).
 */
#ifndef LITEIPC_PLATFORM_CLOCK_H
#define LITEIPC_PLATFORM_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NANOSECONDS_PER_SECOND      1000000000ULL
#define NANOSECONDS_PER_MILLISECOND 1000000ULL

static inline uint64_t ClockNow(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)now.tv_nsec;
}

#endif
