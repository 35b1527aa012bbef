#include "kernel/sleep.h"

#include <errno.h>
#include <sched.h>

#include "kernel/inbound_lanes.h"
#include "platform/clock.h"

#define SPIN_SCORE_MAX  8
#define SPIN_SCORE_MISS 2
/*
 * Number of waits after which spinning is retried although it did not pay: the peer may have become
 * faster.
 */
#define SPIN_RETRY_WAITS 64
/* Looks between two readings of the clock. */
#define LOOKS_PER_CLOCK 16

static inline void ProcessorRelax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

static bool SpinPays(struct LiteIpcThread *thread)
{
    int processor = sched_getcpu();
    if (processor >= 0 && (uint32_t)processor == thread->peerProcessor) {
        return false; /* the peer needs this core */
    }
    return thread->spinScore > 0 || ++thread->waits % SPIN_RETRY_WAITS == 0;
}

void ThreadWaited(struct LiteIpcThread *thread)
{
    if (thread->waitStart == 0) {
        return;
    }
    uint64_t start = thread->waitStart;
    thread->waitStart = 0;
    if (thread->lastSentAt < start) {
        return; /* the record came before the wait, or another event ended it */
    }
    if (thread->lastSentAt - start <= thread->spinLimit) {
        thread->spinScore += thread->spinScore < SPIN_SCORE_MAX;
    } else {
        thread->spinScore -= SPIN_SCORE_MISS;
        if (thread->spinScore < 0) {
            thread->spinScore = 0;
        }
    }
}

bool ThreadSpin(struct LiteIpcThread *thread, uint64_t limit)
{
    uint64_t start = ClockNow();
    if (thread->waitStart == 0) {
        thread->waitStart = start;
    }
    if (limit == 0 || thread->liveCount == 0 || !SpinPays(thread)) {
        return false;
    }
    do {
        for (int i = 0; i < LOOKS_PER_CLOCK; i++) {
            if (InboundVisible(thread)) {
                thread->counters.spinsHit++;
                return true;
            }
            ProcessorRelax();
        }
    } while (ClockNow() - start < limit);
    thread->counters.spinsMissed++;
    return false;
}

int ThreadSleep(struct LiteIpcThread *thread, uint64_t deadline)
{
    if (ThreadSpin(thread, thread->spinLimit)) {
        return 0;
    }
    int timeoutMs = -1;
    if (deadline != UINT64_MAX) {
        uint64_t now = ClockNow();
        if (now >= deadline) {
            return -ETIME;
        }
        timeoutMs = (int)((deadline - now) / NANOSECONDS_PER_MILLISECOND) + 1;
    }
    if (InboundArm(thread)) {
        return 0;
    }
    if (thread->poolFull && (timeoutMs < 0 || timeoutMs > 10)) {
        timeoutMs = 10; /* a thread that frees memory nudges, but its load of the flag may come
                           before our store */
    }
    thread->counters.sleeps++;
    int status = InboundCollect(thread, timeoutMs);
    InboundDisarm(thread);
    return status;
}
