#include "conformance/portable.h"

#include "conformance/exchange.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

size_t EnvironmentCount(const struct Scenario *scenario)
{
    return (size_t)scenario->taskCount + scenario->processCount + scenario->handleCount +
           scenario->messageCount;
}

uint64_t *EnvironmentTask(const struct Scenario *scenario, uint64_t *environment, uint32_t task)
{
    (void)scenario;
    return environment + task;
}

uint64_t *EnvironmentProcess(const struct Scenario *scenario, uint64_t *environment,
                             uint32_t process)
{
    return environment + scenario->taskCount + process;
}

uint64_t *EnvironmentHandle(const struct Scenario *scenario, uint64_t *environment, uint32_t handle)
{
    return environment + scenario->taskCount + scenario->processCount + handle;
}

uint64_t *EnvironmentTimestamp(const struct Scenario *scenario, uint64_t *environment,
                               uint32_t message)
{
    return environment + scenario->taskCount + scenario->processCount + scenario->handleCount +
           message;
}

uint64_t EnvironmentValue(const struct Scenario *scenario, const uint64_t *environment,
                          const struct Value *value)
{
    size_t first[VALUE_KIND_COUNT] = {
        [VALUE_TASK_ID] = 0,
        [VALUE_PROCESS_ID] = scenario->taskCount,
        [VALUE_HANDLE] = (size_t)scenario->taskCount + scenario->processCount,
        [VALUE_TIMESTAMP] =
            (size_t)scenario->taskCount + scenario->processCount + scenario->handleCount,
    };
    uint64_t base =
        value->kind == VALUE_NUMBER ? 0 : environment[first[value->kind] + value->index];
    return base + value->number;
}

static int Transfer(int descriptor, char *place, size_t size, bool isRead)
{
    while (size > 0) {
        ssize_t length = isRead ? read(descriptor, place, size) : write(descriptor, place, size);
        if (isRead && length == 0) {
            return -EPIPE;
        }
        if (length < 0 && errno != EINTR) {
            return -errno;
        }
        if (length > 0) {
            place += length;
            size -= (size_t)length;
        }
    }
    return 0;
}

int ReadAll(int descriptor, void *bytes, size_t size)
{
    return Transfer(descriptor, bytes, size, true);
}

int WriteAll(int descriptor, const void *bytes, size_t size)
{
    return Transfer(descriptor, (char *)(uintptr_t)bytes, size, false);
}

uint64_t NowMs(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void SleepUs(unsigned long us)
{
    struct timespec time = {.tv_sec = (time_t)(us / 1000000),
                            .tv_nsec = (long)(us % 1000000) * 1000};
    while (nanosleep(&time, &time) != 0 && errno == EINTR) {
    }
}
