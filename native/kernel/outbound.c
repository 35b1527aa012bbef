#include "kernel/outbound.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "kernel/array.h"
#include "kernel/descriptors.h"
#include "kernel/thread_control.h"
#include "platform/clock.h"
#include "platform/shared_memory.h"

static void LaneFree(struct OutboundLane *lane)
{
    SharedMemoryUnmap(lane->ring, lane->ringSize);
    SharedMemoryUnmap(lane->cursors, RING_CURSORS_SIZE);
    BellCloseOwned(lane->owned, &lane->bell);
    OwnedClose(lane->owned, lane->socket);
    free(lane->waiters);
    free(lane);
}

static void LaneRemove(struct LiteIpcThread *thread, struct OutboundLane *lane)
{
    if (thread->outbound[lane->threadID] == lane) {
        thread->outbound[lane->threadID] = NULL;
    }
    LOS_ListDelete(&lane->listNode);
    LaneFree(lane);
}

/* Returns whether the receiving thread is still the one that the lane was made for. */
static bool ReceiverAlive(const struct LiteIpcDevice *device, const struct OutboundLane *lane)
{
    const struct ControlThread *entry = ControlThreadAt(device->table, lane->threadID);
    /* acquire: pairs with the domain's release store of a thread's end */
    uint64_t state = atomic_load_explicit(&entry->state, memory_order_acquire);
    return state == ControlStateWord(lane->threadGeneration, CONTROL_ALIVE);
}

static int LaneCreate(struct LiteIpcThread *thread, const struct ControlTaskFacts *target,
                      struct OutboundLane **created, int *ringDescriptor)
{
    struct ControlProcessFacts process;
    if (ControlProcessRead(thread->device->table, target->processID, &process) != 0 ||
        process.generation != target->processGeneration) {
        return -EINVAL;
    }
    if (process.poolSize == 0) {
        return -ENOMEM;
    }
    struct OutboundLane *lane = calloc(1, sizeof(*lane));
    if (lane == NULL) {
        return -ENOMEM;
    }
    lane->owned = &thread->device->owned;
    lane->bell = (struct Bell){.listen = -1, .ring = -1};
    lane->socket = -1;
    lane->state = LANE_OPENING;
    lane->threadID = target->threadID;
    lane->threadGeneration = target->threadGeneration;
    lane->allowance = process.poolSize;
    lane->ringSize = RingMemorySize(lane->allowance);
    LOS_ListInit(&lane->listNode);
    uint64_t firstSequence = 0;
    while (firstSequence == 0) {
        if (getrandom(&firstSequence, sizeof(firstSequence), 0) != sizeof(firstSequence)) {
            firstSequence = 0;
        }
    }
    OwnedEnter(lane->owned);
    int status = SharedMemoryCreate("liteipc-ring", lane->ringSize, &lane->ring, ringDescriptor);
    if (status == 0) {
        OwnedAdd(lane->owned, ringDescriptor, 1);
    }
    OwnedLeave(lane->owned);
    if (status == 0) {
        status = RingFormat(lane->ring, lane->ringSize, firstSequence);
    }
    if (status != 0) {
        LaneFree(lane);
        return status == -EMFILE || status == -ENFILE ? -ENOMEM : status;
    }
    *created = lane;
    return 0;
}

/* Takes an idle lane of this process that leads to the same receiver. */
static struct OutboundLane *IdleLaneTake(struct LiteIpcThread *thread,
                                         const struct ControlTaskFacts *target)
{
    struct LiteIpcDevice *device = thread->device;
    struct OutboundLane *found = NULL;
    (void)pthread_mutex_lock(&device->lock);
    LOS_DL_LIST *link = device->idleLanes.pstNext;
    while (link != &device->idleLanes) {
        struct OutboundLane *lane = LOS_DL_LIST_ENTRY(link, struct OutboundLane, listNode);
        link = link->pstNext;
        if (!ReceiverAlive(device, lane)) {
            LOS_ListDelete(&lane->listNode);
            LaneFree(lane);
        } else if (found == NULL && lane->threadID == target->threadID) {
            LOS_ListDelete(&lane->listNode);
            found = lane;
        }
    }
    (void)pthread_mutex_unlock(&device->lock);
    return found;
}

/* Gives the lane to the thread, or frees it if `status` is an error. Returns `status`. */
static int LaneInstall(struct LiteIpcThread *thread, struct OutboundLane *lane, int status)
{
    if (status != 0) {
        LaneFree(lane);
        return status;
    }
    thread->outbound[lane->threadID] = lane;
    LOS_ListTailInsert(&thread->outboundLanes, &lane->listNode);
    return 0;
}

static int IdleLaneLease(struct LiteIpcThread *thread, struct OutboundLane *lane)
{
    struct ControlMessage message = {.type = CONTROL_LANE_LEASE, .object = {.id = lane->laneID}};
    int status = ThreadControlCall(thread, &message);
    return LaneInstall(thread, lane, status);
}

static int LaneAsk(struct LiteIpcThread *thread, uint32_t taskID,
                   const struct ControlTaskFacts *target, uint32_t sourceTask, bool isReply)
{
    struct OutboundLane *lane;
    int ringDescriptor;
    int status = LaneCreate(thread, target, &lane, &ringDescriptor);
    if (status != 0) {
        return status;
    }
    struct ControlMessage message = {.type = CONTROL_LANE_OPEN,
                                     .lane = {.taskID = taskID,
                                              .generation = target->generation,
                                              .sourceTaskID = sourceTask,
                                              .isReply = isReply,
                                              .ringSize = lane->ringSize}};
    struct ControlPending pending = {.kind = PENDING_LANE, .lane = lane};
    status = ThreadControlStart(thread, &message, &ringDescriptor, 1, pending);
    OwnedClose(&thread->device->owned, ringDescriptor);
    return LaneInstall(thread, lane, status);
}

/*
 * Registers a task to be notified when the lane is ready. Without memory for it: -ENOMEM, try
 * again.
 */
static int WaiterAdd(struct OutboundLane *lane, uint32_t taskID, uint32_t generation)
{
    for (unsigned i = 0; i < lane->waiterCount; i++) {
        if (lane->waiters[i].taskID == taskID && lane->waiters[i].generation == generation) {
            return 0;
        }
    }
    struct LaneWaiter *waiters =
        ArrayGrow(lane->waiters, lane->waiterCount + 1, &lane->waiterCapacity, sizeof(*waiters));
    if (waiters == NULL) {
        return -ENOMEM;
    }
    lane->waiters = waiters;
    lane->waiters[lane->waiterCount++] =
        (struct LaneWaiter){.taskID = taskID, .generation = generation};
    return 0;
}

static int LaneAwait(struct LiteIpcThread *thread, uint32_t threadID, struct OutboundLane **ready)
{
    uint64_t deadline = ClockNow() + LITEIPC_TIMEOUT_NS;
    for (;;) {
        struct OutboundLane *lane = thread->outbound[threadID];
        if (lane == NULL) {
            return thread->lost
                       ? -ENODEV
                       : -ENOMEM; /* refused meanwhile; the first requester got the reason */
        }
        if (lane->state == LANE_READY) {
            *ready = lane;
            return 0;
        }
        uint64_t now = ClockNow();
        if (now >= deadline) {
            return -ENOMEM;
        }
        int status =
            ThreadControlWait(thread, (int)((deadline - now) / NANOSECONDS_PER_MILLISECOND) + 1);
        if (status != 0 && status != -ETIMEDOUT) {
            return status;
        }
    }
}

int OutboundLaneGet(struct LiteIpcThread *thread, uint32_t taskID,
                    const struct ControlTaskFacts *target, uint32_t sourceTask, bool isReply,
                    bool wait, struct OutboundLane **found)
{
    struct OutboundLane *lane = thread->outbound[target->threadID];
    if (lane != NULL && lane->state == LANE_READY) {
        if (lane->threadGeneration == target->threadGeneration) {
            *found = lane;
            return 0;
        }
        LaneRemove(thread, lane);
        lane = NULL;
    }
    if (lane == NULL) {
        lane = IdleLaneTake(thread, target);
        if (lane != NULL && IdleLaneLease(thread, lane) == 0) {
            *found = lane;
            return 0;
        }
        int status = LaneAsk(thread, taskID, target, sourceTask, isReply);
        if (status != 0) {
            return status;
        }
        lane = thread->outbound[target->threadID];
    }
    if (!wait) {
        int status = WaiterAdd(lane, taskID, target->generation);
        return status != 0 ? status : -EINPROGRESS;
    }
    thread->laneStatus = 0;
    int status = LaneAwait(thread, target->threadID, found);
    return status == -ENOMEM && thread->laneStatus != 0 ? thread->laneStatus : status;
}

static int LaneComplete(struct OutboundLane *lane, const struct ControlMessage *answer,
                        int *descriptors, unsigned count)
{
    if (answer->status != 0) {
        return answer->status;
    }
    if (count != 3 || answer->laneOpened.threadID != lane->threadID ||
        answer->laneOpened.threadGeneration != lane->threadGeneration) {
        return -EINVAL;
    }
    OwnedEnter(lane->owned);
    int status = SharedMemoryMap(descriptors[0], RING_CURSORS_SIZE, &lane->cursors);
    OwnedLeave(lane->owned);
    if (status == 0) {
        status = RingWriterInit(&lane->writer, lane->ring, lane->ringSize, lane->cursors,
                                lane->allowance);
    }
    if (status == 0) {
        lane->bell = (struct Bell){.listen = descriptors[1], .ring = descriptors[2]};
        descriptors[1] = -1;
        descriptors[2] = -1;
        lane->laneID = answer->laneOpened.laneID;
        lane->state = LANE_READY;
    }
    return status;
}

void OutboundLaneAnswered(struct OutboundLane *lane, struct LiteIpcThread *thread,
                          const struct ControlMessage *answer, int *descriptors, unsigned count)
{
    int status = LaneComplete(lane, answer, descriptors, count);
    if (status == 0 && !ReceiverAlive(thread->device, lane)) {
        status = -EINVAL;
    }
    for (unsigned i = 0; i < lane->waiterCount; i++) {
        ThreadNotice(thread, (struct IpcNotice){.kind = NOTICE_LANE,
                                                .status = status,
                                                .value0 = lane->waiters[i].taskID,
                                                .value1 = lane->waiters[i].generation});
    }
    lane->waiterCount = 0;
    thread->laneStatus = status;
    if (status != 0) {
        LaneRemove(thread, lane);
    }
}

void OutboundLaneEnd(struct LiteIpcThread *thread, uint32_t laneID)
{
    for (LOS_DL_LIST *link = thread->outboundLanes.pstNext; link != &thread->outboundLanes;
         link = link->pstNext) {
        struct OutboundLane *lane = LOS_DL_LIST_ENTRY(link, struct OutboundLane, listNode);
        if (lane->state == LANE_READY && lane->laneID == laneID) {
            LaneRemove(thread, lane);
            return;
        }
    }
}

void OutboundScan(struct LiteIpcThread *thread)
{
    LOS_DL_LIST *link = thread->outboundLanes.pstNext;
    while (link != &thread->outboundLanes) {
        struct OutboundLane *lane = LOS_DL_LIST_ENTRY(link, struct OutboundLane, listNode);
        link = link->pstNext;
        /* The domain refuses a lane that is being opened if its receiver is gone. */
        if (lane->state == LANE_READY && !ReceiverAlive(thread->device, lane)) {
            LaneRemove(thread, lane);
        }
    }
}

void OutboundLanePublish(struct LiteIpcThread *thread, struct OutboundLane *lane)
{
    thread->counters.sent++;
    if (RingPublish(&lane->writer)) {
        thread->counters.bellsRung++;
        BellRing(lane->bell.ring);
    }
}

void OutboundRelease(struct LiteIpcThread *thread)
{
    struct LiteIpcDevice *device = thread->device;
    (void)pthread_mutex_lock(&device->lock);
    while (!LOS_ListEmpty(&thread->outboundLanes)) {
        struct OutboundLane *lane =
            LOS_DL_LIST_ENTRY(thread->outboundLanes.pstNext, struct OutboundLane, listNode);
        LOS_ListDelete(&lane->listNode);
        if (lane->state == LANE_READY && !thread->lost) {
            LOS_ListTailInsert(&device->idleLanes, &lane->listNode);
        } else {
            LaneFree(lane);
        }
    }
    (void)pthread_mutex_unlock(&device->lock);
}

void OutboundIdleFree(struct LiteIpcDevice *device)
{
    while (!LOS_ListEmpty(&device->idleLanes)) {
        struct OutboundLane *lane =
            LOS_DL_LIST_ENTRY(device->idleLanes.pstNext, struct OutboundLane, listNode);
        LOS_ListDelete(&lane->listNode);
        LaneFree(lane);
    }
}

void OutboundLaneSocket(struct LiteIpcThread *thread, uint32_t laneID, int *descriptor)
{
    for (LOS_DL_LIST *link = thread->outboundLanes.pstNext; link != &thread->outboundLanes;
         link = link->pstNext) {
        struct OutboundLane *lane = LOS_DL_LIST_ENTRY(link, struct OutboundLane, listNode);
        if (lane->state == LANE_READY && lane->laneID == laneID && lane->socket < 0) {
            lane->socket = *descriptor;
            OwnedEnter(lane->owned);
            lane->datagramSize = DescriptorDatagramSize();
            OwnedLeave(lane->owned);
            *descriptor = -1;
            return;
        }
    }
}
