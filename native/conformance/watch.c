/*
 * Detects whether a task waits inside LiteIpcRead. On Linux the kernel reports the system call in
 * which a thread sleeps; the core sleeps only in epoll_wait, and only for messages. On other
 * systems a step that is not over after a while counts as waiting.
 */
#include "conformance/portable.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif

#include "conformance/worker.h"

#define SETTLE_MS 100U

/*
 * Numbers of epoll_wait and epoll_pwait on x86-64, arm64 and arm. An emulated program sees the
 * numbers of its host. On none of these systems does another sleeping call have one of these
 * numbers.
 */
static const long SLEEP_CALLS[] = {232, 281, 22, 252, 346};

long SystemThreadID(void)
{
#if defined(__linux__) && defined(SYS_gettid)
    return syscall(SYS_gettid);
#else
    return 0;
#endif
}

/* Returns 1 if asleep, 0 if not, -1 if the system does not report it. */
static int IsAsleep(struct Actor *actor)
{
    char path[64];
    char text[64] = "";
    (void)pthread_mutex_lock(&actor->lock);
    long systemID = actor->systemID;
    (void)pthread_mutex_unlock(&actor->lock);
    if (systemID == 0) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "/proc/self/task/%ld/syscall", systemID);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = descriptor < 0 ? -1 : read(descriptor, text, sizeof(text) - 1);
    if (descriptor >= 0) {
        (void)close(descriptor);
    }
    if (length <= 0) {
        return -1;
    }
    char *end;
    long number = strtol(text, &end, 10);
    for (size_t i = 0; end != text && i < sizeof(SLEEP_CALLS) / sizeof(SLEEP_CALLS[0]); i++) {
        if (number == SLEEP_CALLS[i]) {
            return 1;
        }
    }
    return 0;
}

bool WatchActor(struct Actor *actor)
{
    uint64_t begin = NowMs();
    unsigned seen = 0; /* twice in a row: the thread is not just passing through */
    while (!ActorIsIdle(actor)) {
        int asleep = IsAsleep(actor);
        uint64_t waited = NowMs() - begin;
        seen = asleep == 1 ? seen + 1 : 0;
        if (seen == 2 || (asleep < 0 && waited >= SETTLE_MS) || waited >= STEP_TIMEOUT_MS) {
            return true;
        }
        SleepUs(100);
    }
    return false;
}
