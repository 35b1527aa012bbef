/*
 * Performs one look: messages of the domain, rings, and the records in the order of their time
 * stamps.
 */
#include "kernel/inbound_look.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "kernel/arrival.h"
#include "kernel/call.h"
#include "kernel/inbound_lanes.h"
#include "kernel/outbound.h"
#include "kernel/sleep.h"
#include "kernel/thread_control.h"
#include "platform/clock.h"

static void LaneDrained(struct LiteIpcThread *thread, struct InboundLane *lane)
{
    struct ControlMessage message = {.type = CONTROL_LANE_DRAINED, .object = {.id = lane->laneID}};
    (void)ThreadControlSend(thread, &message, NULL, 0);
    InboundLaneClose(thread, lane);
}

static void CallsMarkFailing(struct LiteIpcThread *thread)
{
    for (LOS_DL_LIST *link = thread->tasks.pstNext; link != &thread->tasks; link = link->pstNext) {
        struct LiteIpcTask *task = LOS_DL_LIST_ENTRY(link, struct LiteIpcTask, listNode);
        for (uint32_t i = 0; task->calls.used > 0 && i < task->calls.capacity; i++) {
            struct IpcCall *call = &task->calls.calls[i];
            if (call->used && call->failure == 0) {
                call->failure = CallLoss(thread->device, call);
                thread->failingCalls |= call->failure != 0;
            }
        }
    }
}

/*
 * Handles an end or a revocation. First the calls that are lost are marked. Then, in the look that
 * this is part of, the records that terminated processes had published are taken, with or without a
 * ring. A call fails only if it is still pending after that.
 */
static void Scan(struct LiteIpcThread *thread)
{
    thread->scanNeeded = false;
    thread->sweepNeeded = true;
    CallsMarkFailing(thread);
    OutboundScan(thread);
    LOS_DL_LIST *link = thread->lanes.pstNext;
    while (link != &thread->lanes) {
        struct InboundLane *lane = LOS_DL_LIST_ENTRY(link, struct InboundLane, listNode);
        link = link->pstNext;
        if (lane->state != LANE_LIVE && lane->state != LANE_DRAINING) {
            continue;
        }
        const struct ControlProcess *process =
            ControlProcessAt(thread->device->table, lane->processID);
        /* acquire: pairs with the domain's release store of the process's end */
        uint64_t state = atomic_load_explicit(&process->state, memory_order_acquire);
        if (thread->lost || state != ControlStateWord(lane->processGeneration, CONTROL_ALIVE)) {
            lane->state = LANE_DRAINING;
            if (!lane->hot && LOS_ListEmpty(&lane->rangNode)) {
                LOS_ListTailInsert(&thread->rang, &lane->rangNode);
            }
        }
    }
}

static void AttentionCheck(struct LiteIpcThread *thread)
{
    /* acquire: pairs with the domain's release after the change that has to be visible */
    uint32_t attention = atomic_load_explicit(&thread->entry->attention, memory_order_acquire);
    if (attention != thread->attentionSeen || thread->controlReady) {
        thread->attentionSeen = attention;
        thread->controlReady = false;
        thread->scanNeeded = true;
        ThreadControlDrain(thread);
    }
    if (thread->lost && !thread->lostHandled) {
        thread->lostHandled = true;
        (void)epoll_ctl(thread->epoll, EPOLL_CTL_DEL, thread->controlSocket, NULL);
        thread->scanNeeded = true;
    }
    if (thread->scanNeeded) {
        Scan(thread);
    }
}

/*
 * Returns the earliest time at which the record at the head can have been published: not before the
 * lane was seen empty, nor before it was a whole ring behind. Otherwise a lane that is never empty
 * and whose clock is slow would always come first.
 */
static uint64_t EarliestStamp(struct InboundLane *lane, uint64_t now)
{
    if (now != UINT64_MAX && lane->reader.taken - lane->markTaken >= lane->reader.capacity) {
        lane->floorStamp = lane->markTime;
        lane->markTime = now;
        lane->markTaken = lane->reader.taken;
    }
    return lane->floorStamp > lane->lastEmpty ? lane->floorStamp : lane->lastEmpty;
}

/*
 * Computes the stamp by which the head of a lane is sorted: the sender's, clamped to what is
 * possible. A stamp later than this look belongs to the next one. If the same record then still
 * claims the future, its sender's clock lies, and "now" is used.
 */
static bool HeadStamp(struct InboundLane *lane, const struct RingRecord *ring, uint64_t now)
{
    if (lane->headKnown) {
        return true;
    }
    uint64_t stamp = ((const struct IpcRecord *)ring)->sentAt;
    if (stamp > now) {
        if (!lane->headFuture) {
            lane->headFuture = true;
            return false;
        }
        stamp = now;
    }
    uint64_t earliest = EarliestStamp(lane, now);
    lane->headStamp = stamp < earliest ? earliest : stamp;
    lane->headKnown = true;
    return true;
}

enum HeadState { HEAD_NONE, HEAD_READY, HEAD_BROKEN };

static enum HeadState Head(struct InboundLane *lane, uint64_t now)
{
    const struct RingRecord *record;
    uint32_t size;
    int found = RingPeek(&lane->reader, &record, &size);
    if (found == 1) {
        return size < sizeof(struct IpcRecord) ? HEAD_BROKEN
               : HeadStamp(lane, record, now)  ? HEAD_READY
                                               : HEAD_NONE;
    }
    if (now != UINT64_MAX) {
        lane->lastEmpty = now;
    }
    return found == 0 ? HEAD_NONE : HEAD_BROKEN;
}

/* Queues the notices of the deaths before `stamp`, as far as there is memory. */
static void DeathsBefore(struct LiteIpcThread *thread, uint64_t stamp)
{
    unsigned queued = 0;
    while (queued < thread->deathCount && thread->deaths[queued].timestamp < stamp &&
           InboundDeathQueue(thread, &thread->deaths[queued])) {
        queued++;
    }
    if (queued > 0) {
        thread->deathCount -= queued;
        memmove(thread->deaths, &thread->deaths[queued],
                thread->deathCount * sizeof(thread->deaths[0]));
    }
}

static uint64_t EarlierHead(const struct InboundLane *lane, uint64_t stamp)
{
    return lane->headKnown && lane->headStamp < stamp ? lane->headStamp : stamp;
}

/*
 * Queues the notices that are due at the end of a look. Notices of a process whose earlier records
 * are still in its lane wait, because this look was full or a message of the domain comes first. A
 * full pool does not hold notices up: the pool's owner may be waiting for just this notice.
 */
static void DeathsAfterLook(struct LiteIpcThread *thread)
{
    uint64_t first = UINT64_MAX;
    for (unsigned i = 0; i < thread->hotCount && !thread->poolFull; i++) {
        first = EarlierHead(thread->hot[i], first);
    }
    for (LOS_DL_LIST *link = thread->rang.pstNext; link != &thread->rang && !thread->poolFull;
         link = link->pstNext) {
        first = EarlierHead(LOS_DL_LIST_ENTRY(link, struct InboundLane, rangNode), first);
    }
    DeathsBefore(thread, first);
    thread->scanNeeded |= thread->deathCount > 0 && first != UINT64_MAX;
}

/* Takes the head. Returns false if the lane is out of this look. */
static bool TakeHead(struct LiteIpcThread *thread, struct InboundLane *lane)
{
    const struct RingRecord *record;
    uint32_t size;
    if (RingPeek(&lane->reader, &record, &size) != 1) {
        return false;
    }
    int status = InboundTake(thread, lane, record, size);
    if (status == -EPROTO) {
        InboundLaneRefuse(thread, lane);
    }
    if (status == 0) {
        lane->headKnown = false;
        lane->headFuture = false;
        lane->emptyRings = 0;
    }
    return status == 0;
}

/* The common case: all records come through one lane, so their order is the lane's. */
static unsigned TakeFromOne(struct LiteIpcThread *thread, struct InboundLane *lane, uint64_t now,
                            unsigned budget)
{
    unsigned taken = 0;
    while (taken < budget) {
        if (thread->deathCount > 0) {
            DeathsBefore(thread, lane->headStamp);
        }
        if (!TakeHead(thread, lane)) {
            break;
        }
        taken++;
        enum HeadState state = Head(lane, now);
        if (state != HEAD_READY) {
            if (state == HEAD_BROKEN) {
                InboundLaneRefuse(thread, lane);
            }
            break;
        }
    }
    return taken;
}

static unsigned TakeInOrder(struct LiteIpcThread *thread, struct InboundLane **candidates,
                            unsigned count, uint64_t now, unsigned budget)
{
    unsigned taken = 0;
    while (count > 1 && taken < budget) {
        unsigned first = 0;
        for (unsigned i = 1; i < count; i++) {
            if (candidates[i]->headStamp < candidates[first]->headStamp) {
                first = i;
            }
        }
        struct InboundLane *lane = candidates[first];
        if (thread->deathCount > 0) {
            DeathsBefore(thread, lane->headStamp);
        }
        bool on = TakeHead(thread, lane);
        taken += on;
        enum HeadState state = on ? Head(lane, now) : HEAD_NONE;
        if (state == HEAD_BROKEN) {
            InboundLaneRefuse(thread, lane);
        }
        if (state != HEAD_READY) {
            candidates[first] = candidates[--count];
        }
    }
    if (count == 1 && taken < budget) {
        taken += TakeFromOne(thread, candidates[0], now, budget - taken);
    }
    return taken;
}

/*
 * Returns whether everything that a terminated process had published was delivered or dropped.
 * Until then the domain preserves its identity and its rights, by which messages in the queues are
 * still checked.
 */
static bool IsDrained(const struct InboundLane *lane)
{
    return lane->state == LANE_DRAINING && lane->queued == 0 && RingReaderEmpty(&lane->reader);
}

/* Collects lanes with a record, among those that are hot or have rung. */
static unsigned Candidates(struct LiteIpcThread *thread, uint64_t now)
{
    unsigned count = 0;
    for (unsigned i = 0; i < thread->hotCount;) {
        struct InboundLane *lane = thread->hot[i];
        enum HeadState state = Head(lane, now);
        if (state == HEAD_BROKEN) {
            InboundLaneRefuse(thread, lane); /* leaves the hot set; another takes its place */
            continue;
        }
        if (state == HEAD_NONE && IsDrained(lane)) {
            LaneDrained(thread, lane);
            continue;
        }
        if (state == HEAD_READY) {
            thread->candidates[count++] = lane;
        }
        i++;
    }
    LOS_DL_LIST *link = thread->rang.pstNext;
    while (link != &thread->rang) {
        struct InboundLane *lane = LOS_DL_LIST_ENTRY(link, struct InboundLane, rangNode);
        link = link->pstNext;
        enum HeadState state = Head(lane, now);
        if (state == HEAD_BROKEN) {
            InboundLaneRefuse(thread, lane);
        } else if (state == HEAD_READY) {
            thread->candidates[count++] = lane;
        } else if (IsDrained(lane)) {
            LaneDrained(thread, lane);
        }
    }
    return count;
}

/*
 * Moves lanes that rang to the hot set, at most as many as there are places. The others stay in
 * line.
 */
static void PromoteRang(struct LiteIpcThread *thread)
{
    for (unsigned i = 0; i < HOT_LANES_MAX && !LOS_ListEmpty(&thread->rang); i++) {
        HotLaneAdd(thread, LOS_DL_LIST_ENTRY(thread->rang.pstNext, struct InboundLane, rangNode));
    }
}

unsigned InboundLook(struct LiteIpcThread *thread, unsigned budget)
{
    thread->poolFull = false;
    if (thread->liveCount > thread->hotCount || thread->collectBells) {
        thread->collectBells = false;
        (void)InboundCollect(thread, 0);
    }
    AttentionCheck(thread);
    if (thread->deathCount > 0) {
        /* Messages sent before a death have rung before the domain reported it. */
        (void)InboundCollect(thread, 0);
    }
    if (thread->sweepNeeded) {
        InboundSweep(thread);
    }
    /* Read before the lanes are polled: a later stamp belongs to the next look. */
    bool sort = thread->liveCount > 1 || thread->deathCount > 0;
    uint64_t now = sort ? ClockNow() : UINT64_MAX;
    unsigned count = Candidates(thread, now);
    if (count == 0) {
        if (thread->deathCount > 0) {
            DeathsAfterLook(thread);
        }
        PromoteRang(thread); /* also lanes that rang without a record: on the list they would count
                                as work */
        return 0;
    }
    unsigned taken = TakeInOrder(thread, thread->candidates, count, now, budget);
    if (thread->deathCount > 0) {
        DeathsAfterLook(thread);
    }
    PromoteRang(thread);
    ThreadWaited(thread);
    return taken;
}
