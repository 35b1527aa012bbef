/* Which lanes are looked at, and how the others make themselves heard. */
#include <errno.h>
#include <sys/epoll.h>

#include "kernel/inbound.h"
#include "kernel/inbound_hot.h"
#include "kernel/thread_control.h"

#define EVENTS_AT_ONCE 64

void HotLaneRemove(struct LiteIpcThread *thread, struct InboundLane *lane)
{
    LOS_ListDelete(&lane->rangNode);
    if (!lane->hot) {
        return;
    }
    for (unsigned i = 0; i < thread->hotCount; i++) {
        if (thread->hot[i] == lane) {
            thread->hot[i] = thread->hot[--thread->hotCount];
            break;
        }
    }
    lane->hot = false;
}

/*
 * Asks the lane's sender to ring. It rings at most once for each time it was asked, so emptying the
 * bell before it can be full takes a system call in a thousand of them.
 */
static void LaneArm(struct InboundLane *lane)
{
    RingArm(&lane->reader);
    if (lane->reader.epoch - lane->drainedEpoch >= BELL_CAPACITY / 2) {
        lane->drainedEpoch = lane->reader.epoch;
        BellDrain(lane->bell.listen);
    }
}

/* Makes room: the next lane in turn has to ring again. It keeps its claim if it has a record. */
static void HotLaneEvict(struct LiteIpcThread *thread)
{
    unsigned index = thread->evictNext++ % HOT_LANES_MAX;
    struct InboundLane *victim = thread->hot[index];
    thread->hot[index] = thread->hot[--thread->hotCount];
    victim->hot = false;
    LaneArm(victim);
    if (RingLookAfterArm(&victim->reader)) {
        LOS_ListTailInsert(&thread->rang, &victim->rangNode);
    }
}

void HotLaneAdd(struct LiteIpcThread *thread, struct InboundLane *lane)
{
    LOS_ListDelete(&lane->rangNode);
    if (lane->hot) {
        return;
    }
    if (thread->hotCount == HOT_LANES_MAX) {
        HotLaneEvict(thread);
    }
    lane->hot = true;
    thread->hot[thread->hotCount++] = lane;
    if (!thread->armed) {
        RingDisarm(&lane->reader);
    }
}

static void LaneRang(struct LiteIpcThread *thread, struct InboundLane *lane)
{
    if (lane->state != LANE_LIVE && lane->state != LANE_DRAINING) {
        return; /* spare: the domain's message is on its way; closed: too late */
    }
    if (RingReaderEmpty(&lane->reader)) {
        /* An honest sender rings at most once for something that was taken already. */
        if (++lane->emptyRings > LANE_EMPTY_RINGS_MAX) {
            InboundLaneRefuse(thread, lane);
            return;
        }
    } else {
        lane->emptyRings = 0;
    }
    if (!lane->hot && LOS_ListEmpty(&lane->rangNode)) {
        LOS_ListTailInsert(&thread->rang, &lane->rangNode);
    }
}

int InboundCollect(struct LiteIpcThread *thread, int timeoutMs)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int count;
    do {
        count = epoll_wait(thread->epoll, events, EVENTS_AT_ONCE, timeoutMs);
        if (count < 0) {
            return -errno;
        }
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == thread) {
                thread->controlReady = true;
            } else if (events[i].data.ptr != NULL) {
                LaneRang(thread, events[i].data.ptr);
            }
        }
        timeoutMs = 0;
    } while (count == EVENTS_AT_ONCE);
    return 0;
}

bool InboundVisible(const struct LiteIpcThread *thread)
{
    for (unsigned i = 0; i < thread->hotCount; i++) {
        if (!RingReaderEmpty(&thread->hot[i]->reader)) {
            return !thread->poolFull;
        }
    }
    /* acquire: pairs with the domain's release; what it changed before is then visible */
    return !LOS_ListEmpty(&thread->rang) || thread->controlReady || thread->scanNeeded ||
           atomic_load_explicit(&thread->entry->attention, memory_order_acquire) !=
               thread->attentionSeen;
}

bool InboundArm(struct LiteIpcThread *thread)
{
    if (InboundVisible(thread)) {
        return true;
    }
    thread->armed = true;
    for (unsigned i = 0; i < thread->hotCount; i++) {
        LaneArm(thread->hot[i]);
    }
    bool found = false;
    for (unsigned i = 0; i < thread->hotCount && !found; i++) {
        found = RingLookAfterArm(&thread->hot[i]->reader) && !thread->poolFull;
    }
    /*
     * The domain needs no arming: it always sends a message after it changed the attention word,
     * and the control socket is in the epoll set.
     */
    if (found) {
        InboundDisarm(thread);
    }
    return found;
}

void InboundDisarm(struct LiteIpcThread *thread)
{
    if (!thread->armed) {
        return;
    }
    thread->armed = false;
    for (unsigned i = 0; i < thread->hotCount; i++) {
        RingDisarm(&thread->hot[i]->reader);
    }
}
