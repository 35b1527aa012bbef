/* Makes, begins and ends the receiving ends of lanes, and selects the polled ones. */
#include "kernel/inbound_lanes.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "kernel/array.h"
#include "kernel/object.h"
#include "kernel/thread_control.h"
#include "platform/shared_memory.h"

#define EVENTS_AT_ONCE 64

/* Frees the remains of a lane. */
static void LaneFree(struct InboundLane *lane)
{
    DescriptorsFree(lane);
    SharedMemoryUnmap(lane->ring, lane->ringSize);
    SharedMemoryUnmap(lane->cursors, RING_CURSORS_SIZE);
    BellCloseOwned(lane->owned, &lane->bell);
    free(lane);
}

/* Returns whether every message of the lane was freed. */
static bool LaneSettled(const struct InboundLane *lane)
{
    if (lane->cursors == NULL) {
        return true;
    }
    /* acquire: pairs with RingFreeElsewhere; the cursors are not touched after its last call */
    uint64_t elsewhere = atomic_load_explicit(&lane->cursors->freedElsewhere, memory_order_acquire);
    return lane->reader.freed + elsewhere == lane->takenCharge;
}

/* Makes the receiver's part of a lane. `descriptor` becomes that of the memory, -1 on failure. */
static int EndsMake(struct InboundLane *lane, int *descriptor)
{
    void *cursors = NULL;
    OwnedEnter(lane->owned);
    int status = SharedMemoryCreate("liteipc-cursors", RING_CURSORS_SIZE, &cursors, descriptor);
    lane->cursors = cursors;
    if (status == 0) {
        OwnedAdd(lane->owned, descriptor, 1);
        status = BellCreate(&lane->bell);
    }
    if (status == 0) {
        OwnedAdd(lane->owned, (int[]){lane->bell.listen, lane->bell.ring}, 2);
    }
    OwnedLeave(lane->owned);
    return status;
}

static int SpareDeposit(struct LiteIpcThread *thread)
{
    /* Every lane can be a candidate of a look: there must be room before the lane exists. */
    struct InboundLane **candidates =
        ArrayGrow(thread->candidates, thread->liveCount + thread->spareCount + 1,
                  &thread->candidateCapacity, sizeof(*candidates));
    if (candidates == NULL) {
        return -ENOMEM;
    }
    thread->candidates = candidates;
    struct InboundLane *lane = calloc(1, sizeof(*lane));
    if (lane == NULL) {
        return -ENOMEM;
    }
    LOS_ListInit(&lane->listNode);
    LOS_ListInit(&lane->rangNode);
    int descriptors[3] = {-1, -1, -1};
    lane->owned = &thread->device->owned;
    lane->socket = -1;
    lane->bell = (struct Bell){.listen = -1, .ring = -1};
    int status = EndsMake(lane, &descriptors[0]);
    if (status == 0) {
        /* Edge-triggered: every write is an edge, even if the bell is never drained. */
        struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = lane};
        status =
            epoll_ctl(thread->epoll, EPOLL_CTL_ADD, lane->bell.listen, &event) == 0 ? 0 : -errno;
    }
    if (status == 0) {
        lane->endID = ++thread->nextEndID;
        atomic_init(&lane->thread, thread);
        struct ControlMessage message = {.type = CONTROL_LANE_DEPOSIT,
                                         .object = {.id = lane->endID}};
        descriptors[1] = lane->bell.listen;
        descriptors[2] = lane->bell.ring;
        status = ThreadControlSend(thread, &message, descriptors, 3);
    }
    OwnedClose(lane->owned, descriptors[0]);
    if (status != 0) {
        LaneFree(lane);
        return status;
    }
    OwnedClose(lane->owned, lane->bell.ring); /* the sender owns it */
    lane->bell.ring = -1;
    LOS_ListTailInsert(&thread->lanes, &lane->listNode);
    thread->spareCount++;
    return 0;
}

void InboundRestock(struct LiteIpcThread *thread, uint32_t wanted)
{
    if (wanted > thread->spareTarget) {
        thread->spareTarget = wanted < CONTROL_LANE_ENDS_MAX ? wanted : CONTROL_LANE_ENDS_MAX;
    }
    while (thread->spareCount < thread->spareTarget && SpareDeposit(thread) == 0) {
    }
}

static struct InboundLane *LaneFind(struct LiteIpcThread *thread, enum InboundLaneState state,
                                    uint32_t id)
{
    for (LOS_DL_LIST *link = thread->lanes.pstNext; link != &thread->lanes; link = link->pstNext) {
        struct InboundLane *lane = LOS_DL_LIST_ENTRY(link, struct InboundLane, listNode);
        bool spare = lane->state == LANE_SPARE;
        if (state == LANE_SPARE ? spare && lane->endID == id
                                : !spare && lane->state != LANE_CLOSED && lane->laneID == id) {
            return lane;
        }
    }
    return NULL;
}

/* Maps the ring. The domain is trusted, but the sender owns the ring: a bad one is refused here. */
static int LaneMap(struct InboundLane *lane, int ringDescriptor)
{
    OwnedEnter(lane->owned);
    int status = SharedMemoryMap(ringDescriptor, lane->ringSize, &lane->ring);
    OwnedLeave(lane->owned);
    if (status != 0) {
        return status;
    }
    return RingReaderInit(&lane->reader, lane->ring, lane->ringSize, lane->cursors);
}

void InboundLaneBegin(struct LiteIpcThread *thread, const struct ControlLaneNew *begin,
                      int *descriptors, unsigned count)
{
    struct InboundLane *lane = LaneFind(thread, LANE_SPARE, begin->endID);
    if (lane == NULL) {
        return;
    }
    thread->spareCount--;
    lane->state = LANE_LIVE;
    lane->laneID = begin->laneID;
    lane->ringSize = begin->ringSize;
    lane->processID = begin->processID;
    lane->processGeneration = begin->processGeneration;
    struct ControlProcessFacts facts = {0};
    (void)ControlProcessRead(thread->device->table, begin->processID, &facts);
    lane->pid = facts.pid;
    lane->uid = facts.uid;
    lane->gid = facts.gid;
    thread->liveCount++;
    if (count != 1 || LaneMap(lane, descriptors[0]) != 0) {
        InboundLaneRefuse(thread, lane);
    } else {
        HotLaneAdd(thread, lane); /* its sender is about to write */
    }
    InboundRestock(thread, 0);
}

void InboundLaneClose(struct LiteIpcThread *thread, struct InboundLane *lane)
{
    HotLaneRemove(thread, lane);
    thread->liveCount--;
    /* Closing is not enough: the sender's copy would keep the bell in the epoll set. */
    (void)epoll_ctl(thread->epoll, EPOLL_CTL_DEL, lane->bell.listen, NULL);
    BellCloseOwned(lane->owned, &lane->bell);
    SharedMemoryUnmap(lane->ring, lane->ringSize);
    lane->ring = NULL;
    lane->state = LANE_CLOSED;
    thread->closedCount++;
    thread->sweepNeeded = true; /* later, because a caller may be walking the list */
}

void InboundSweep(struct LiteIpcThread *thread)
{
    thread->sweepNeeded = false;
    LOS_DL_LIST *link = thread->lanes.pstNext;
    while (thread->closedCount > 0 && link != &thread->lanes) {
        struct InboundLane *lane = LOS_DL_LIST_ENTRY(link, struct InboundLane, listNode);
        link = link->pstNext;
        if (lane->state == LANE_CLOSED && lane->queued == 0) {
            DescriptorsFree(lane); /* no remaining message needs them */
        }
        if (lane->state == LANE_CLOSED && LaneSettled(lane)) {
            LOS_ListDelete(&lane->listNode);
            thread->closedCount--;
            LaneFree(lane);
        }
    }
}

void InboundLaneRefuse(struct LiteIpcThread *thread, struct InboundLane *lane)
{
    struct ControlMessage message = {.type = CONTROL_LANE_CLOSE, .object = {.id = lane->laneID}};
    thread->counters.lanesClosedForGarbage++;
    /* The contents are unknown; the process is known. */
    OsHookCall(thread, LOS_HOOK_TYPE_IPC_READ_DROP,
               .msg =
                   &(IpcMsg){.processID = lane->processID, .userID = lane->uid, .gid = lane->gid},
               .reason = IPC_DROP_LANE_CLOSED);
    struct ControlPending pending = {.kind = PENDING_IGNORED};
    (void)ThreadControlStart(thread, &message, NULL, 0, pending);
    InboundLaneClose(thread, lane);
}

void InboundLaneSocket(struct LiteIpcThread *thread, uint32_t laneID, int *descriptor)
{
    struct InboundLane *lane = LaneFind(thread, LANE_LIVE, laneID);
    if (lane == NULL) {
        return;
    }
    DescriptorsFree(lane);
    if (lane->batches == NULL) {
        lane->batches = calloc(IPC_DESCRIPTORS_MAX, sizeof(*lane->batches));
    }
    if (lane->batches != NULL) {
        lane->socket = *descriptor;
        *descriptor = -1;
    }
}

void InboundLaneEnd(struct LiteIpcThread *thread, uint32_t laneID)
{
    struct InboundLane *lane = LaneFind(thread, LANE_LIVE, laneID);
    if (lane != NULL) {
        InboundLaneClose(thread, lane);
    }
}

void InboundRelease(struct LiteIpcThread *thread)
{
    struct LiteIpcDevice *device = thread->device;
    while (!LOS_ListEmpty(&thread->lanes)) {
        struct InboundLane *lane =
            LOS_DL_LIST_ENTRY(thread->lanes.pstNext, struct InboundLane, listNode);
        LOS_ListDelete(&lane->listNode);
        if (lane->state == LANE_SPARE || LaneSettled(lane)) {
            LaneFree(lane);
            continue;
        }
        BellCloseOwned(lane->owned, &lane->bell);
        DescriptorsFree(lane);
        /* relaxed: a thread that frees a message of this lane from now on is "elsewhere" */
        atomic_store_explicit(&lane->thread, NULL, memory_order_relaxed);
        (void)pthread_mutex_lock(&device->lock);
        LOS_ListTailInsert(&device->orphans, &lane->listNode);
        (void)pthread_mutex_unlock(&device->lock);
    }
}

void InboundOrphansFree(struct LiteIpcDevice *device)
{
    while (!LOS_ListEmpty(&device->orphans)) {
        struct InboundLane *lane =
            LOS_DL_LIST_ENTRY(device->orphans.pstNext, struct InboundLane, listNode);
        LOS_ListDelete(&lane->listNode);
        LaneFree(lane);
    }
}

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
 * Asks the lane's sender to ring. It rings at most once each time, so emptying the bell before it
 * can be full takes one system call in a thousand.
 */
static void LaneArm(struct InboundLane *lane)
{
    RingArm(&lane->reader);
    if (lane->reader.epoch - lane->drainedEpoch >= BELL_CAPACITY / 2) {
        lane->drainedEpoch = lane->reader.epoch;
        BellDrain(lane->bell.listen);
    }
}

/*
 * Makes room in the hot set: the next lane in turn has to ring again. If it has a record, it stays
 * in line.
 */
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
        return; /* spare: the domain's message is about to come; closed: too late */
    }
    if (RingReaderEmpty(&lane->reader)) {
        /* An honest sender rings at most once for a record that was taken already. */
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
    /* acquire: pairs with the domain's release; its changes before are then visible */
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
