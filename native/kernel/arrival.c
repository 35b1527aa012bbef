/* Moves a record in a lane to a message in the queue of a task. */
#include "kernel/arrival.h"

#include <errno.h>
#include <string.h>

#include "kernel/array.h"
#include "kernel/node.h"
#include "kernel/object.h"
#include "kernel/pool.h"
#include "kernel/task.h"

/*
 * Returns whether the sizes match, are within the domain's limits, and the charge is within the
 * sender's allowance, which an honest sender respects. The ring has checked `size`.
 */
static bool SizesAreSound(const struct LiteIpcThread *thread, const struct InboundLane *lane,
                          const struct IpcRecord *copy, uint32_t size)
{
    const struct ControlLimits *limits = &thread->device->table->limits;
    if (copy->dataSz > limits->dataLimit || copy->spObjNum > limits->objectLimit ||
        (uint64_t)copy->spObjNum * sizeof(SpecialObj) > copy->dataSz ||
        size != (uint64_t)IpcRecordSize(copy->dataSz, copy->spObjNum) + copy->buffersSize) {
        return false;
    }
    /* relaxed: messages freed later only make more room */
    uint64_t freed = lane->reader.freed +
                     atomic_load_explicit(&lane->cursors->freedElsewhere, memory_order_relaxed);
    return lane->takenCharge - freed + IpcCharge(copy->dataSz, copy->spObjNum) +
               copy->buffersSize <=
           thread->device->ipcInfo.pool.poolSize;
}

/*
 * Returns the size that the ServiceManager receives at handle 0. An honest sender has checked it.
 */
static uint32_t ManagerLimit(const struct ControlTable *table)
{
    /* acquire: pairs with the domain's release when it gives the role */
    return atomic_load_explicit(&table->cmsMaxMsgSize, memory_order_acquire);
}

static uint64_t HeaderAndData(const struct IpcRecord *copy)
{
    return sizeof(IpcMsg) + (uint64_t)copy->dataSz + sizeof(uint32_t) * (uint64_t)copy->spObjNum;
}

/*
 * Checks the identity that the copy claims. The lane determines the process; the claimed source
 * task must belong to it, and the destination task to this thread.
 */
static enum IpcDropReason Judge(const struct LiteIpcThread *thread, const struct InboundLane *lane,
                                const struct IpcRecord *copy)
{
    const struct ControlTable *table = thread->device->table;
    if (copy->type > MT_FAILED_REPLY) {
        return IPC_DROP_MALFORMED;
    }
    struct ControlTaskFacts source;
    if (ControlTaskRead(table, copy->sourceTask, &source) != 0 ||
        source.generation != copy->sourceGeneration) {
        /* The task ended and its slot is in use again, so the sender is unknown. */
        return copy->sourceTask == 0 || copy->sourceTask >= table->limits.taskLimit
                   ? IPC_DROP_MALFORMED
                   : IPC_DROP_SENDER_UNKNOWN;
    }
    if (source.processID != lane->processID ||
        source.processGeneration != lane->processGeneration) {
        return IPC_DROP_MALFORMED;
    }
    if (copy->destinationTask >= table->limits.taskLimit) {
        return IPC_DROP_MALFORMED;
    }
    const struct LiteIpcTask *task = thread->taskByID[copy->destinationTask];
    if (task == NULL || task->generation != copy->destinationGeneration) {
        return IPC_DROP_TASK_ENDED; /* the task ended while the message was in flight */
    }
    if ((copy->bits & IPC_RECORD_TO_CMS) != 0 && HeaderAndData(copy) > ManagerLimit(table)) {
        return IPC_DROP_MALFORMED;
    }
    return IPC_DROP_NONE;
}

/*
 * Fills in the header as the kernel would have stamped it, without addresses, which are the
 * receiver's.
 */
static inline void HeaderFill(const struct InboundLane *lane, const struct IpcRecord *copy,
                              IpcMsg *msg)
{
    uint32_t handle = copy->bits & IPC_RECORD_TO_CMS ? CMS_HANDLE : copy->destinationTask;
    *msg = (IpcMsg){
        .type = (MsgType)copy->type,
        .target = {.handle = handle, .token = copy->token, .cookie = copy->cookie},
        .code = copy->code,
        .flag = copy->flag,
        .timestamp = copy->timestamp,
        .dataSz = copy->dataSz,
        .spObjNum = copy->spObjNum,
        .processID = lane->processID,
        .taskID = copy->sourceTask,
        .userID = lane->uid,
        .gid = lane->gid,
    };
}

static void Fill(const struct LiteIpcThread *thread, struct InboundLane *lane,
                 const struct IpcRecord *copy, const struct RingRecord *record,
                 struct IpcNode *node)
{
    node->prefix = (struct IpcNodePrefix){
        .lane = lane,
        .charge = (uint32_t)IpcCharge(copy->dataSz, copy->spObjNum),
        .sourceGeneration = copy->sourceGeneration,
        .callIndex = copy->callIndex,
        .deadlineMs = copy->deadlineMs,
        .destinationTask = (uint16_t)copy->destinationTask,
        .destinationGeneration = copy->destinationGeneration,
        .descriptors = copy->descriptors,
    };
    uint32_t tail = IpcAlign4(copy->dataSz) + 4U * copy->spObjNum;
    const char *payload = GetIpcUserAddr(&thread->device->ipcInfo, node);
    payload += sizeof(*node);
    IpcMsg *msg = &node->node.msg;
    HeaderFill(lane, copy, msg);
    msg->data = copy->dataSz > 0 ? (void *)(uintptr_t)payload : NULL;
    msg->offsets =
        copy->spObjNum > 0 ? (void *)(uintptr_t)(payload + IpcAlign4(copy->dataSz)) : NULL;
    if (tail > 0) {
        memcpy(node + 1, (const char *)record + sizeof(struct IpcRecord), tail);
    }
}

/*
 * Drops a record. `copy` is NULL if it was too small for a header. 0, or -EPROTO: its sender has
 * broken the rules too often.
 */
HOOK_COLD static int Refuse(struct LiteIpcThread *thread, struct InboundLane *lane,
                            const struct IpcRecord *copy, enum IpcDropReason reason)
{
    if (HookIsOn(&thread->device->hooks, LOS_HOOK_TYPE_IPC_READ_DROP)) {
        static const struct IpcRecord NOTHING;
        const struct IpcRecord *said = copy == NULL ? &NOTHING : copy;
        IpcMsg msg;
        HeaderFill(lane, said, &msg);
        OsHookCall(thread, LOS_HOOK_TYPE_IPC_READ_DROP, .task = said->destinationTask, .msg = &msg,
                   .reason = (int)reason);
    }
    if (copy != NULL && copy->destinationTask < thread->device->table->limits.taskLimit &&
        thread->taskByID[copy->destinationTask] != NULL) {
        thread->taskByID[copy->destinationTask]->counters.dropped[reason]++;
    }
    if (reason != IPC_DROP_MALFORMED) {
        thread->counters.dropped++;
        return 0;
    }
    thread->counters.malformed++;
    return ++lane->garbage > LANE_GARBAGE_MAX ? -EPROTO : 0;
}

/*
 * Allocates a node for a message, and for each of its buffers. 0, -ENOMEM (it has to wait),
 * -EPROTO.
 */
static int Accept(struct LiteIpcThread *thread, struct InboundLane *lane,
                  const struct IpcRecord *copy, const struct RingRecord *record,
                  struct IpcNode **accepted)
{
    struct IpcNode *node;
    if (ArrivalAlloc(thread, IpcNodeSize(copy->dataSz, copy->spObjNum), &node) != 0) {
        return -ENOMEM;
    }
    Fill(thread, lane, copy, record, node);
    if (copy->spObjNum > 0 || copy->descriptors != 0 || copy->buffersSize != 0) {
        const char *buffers = (const char *)record + IpcRecordSize(copy->dataSz, copy->spObjNum);
        /* Judge has subtracted the message itself from what the ServiceManager allows. */
        uint64_t maximum = (copy->bits & IPC_RECORD_TO_CMS) == 0
                               ? UINT64_MAX
                               : ManagerLimit(thread->device->table) - HeaderAndData(copy);
        int status = ObjectsArrive(thread, node, buffers, copy->buffersSize, maximum);
        if (status != 0) {
            LiteIpcNodeFree(&thread->device->ipcInfo, node);
            return status;
        }
    }
    *accepted = node;
    return 0;
}

int InboundTake(struct LiteIpcThread *thread, struct InboundLane *lane,
                const struct RingRecord *record, uint32_t size)
{
    /* The sender can continue to write, so only this copy is read. */
    struct IpcRecord copy;
    if (size < sizeof(copy)) {
        RingTake(&lane->reader);
        return Refuse(thread, lane, NULL, IPC_DROP_MALFORMED);
    }
    memcpy(&copy, record, sizeof(copy));
    if (!SizesAreSound(thread, lane, &copy, size)) {
        RingTake(&lane->reader);
        return Refuse(thread, lane, &copy, IPC_DROP_MALFORMED);
    }
    if (copy.descriptors != 0 && lane->socket < 0 && !lane->socketAwaited) {
        /* The domain announced the socket before the sender could use it: read that first. */
        lane->socketAwaited = true;
        thread->controlReady = true;
        return -EAGAIN;
    }
    uint64_t charge = IpcCharge(copy.dataSz, copy.spObjNum) + copy.buffersSize;
    bool broken = copy.descriptors != 0 && lane->socket < 0;
    enum IpcDropReason reason = broken ? IPC_DROP_MALFORMED : Judge(thread, lane, &copy);
    struct IpcNode *node = NULL;
    if (reason == IPC_DROP_NONE) {
        int status = Accept(thread, lane, &copy, record, &node);
        if (status == -ENOMEM) {
            return status;
        }
        reason = status == 0 ? IPC_DROP_NONE : IPC_DROP_MALFORMED;
    }
    RingTake(&lane->reader);
    lane->takenCharge += charge;
    if (reason != IPC_DROP_NONE) {
        DescriptorsDrop(lane, copy.descriptors);
        RingFree(&lane->reader, charge);
        return Refuse(thread, lane, &copy, reason);
    }
    thread->peerProcessor = copy.processor;
    thread->lastSentAt = copy.sentAt;
    TaskQueueAppend(thread->taskByID[copy.destinationTask], node);
    return 0;
}

void InboundDeathStore(struct LiteIpcThread *thread, const struct ControlDeath *death)
{
    struct ControlDeath *deaths =
        ArrayGrow(thread->deaths, thread->deathCount + 1, &thread->deathCapacity, sizeof(*deaths));
    if (deaths == NULL) {
        thread->lost = true; /* no memory at all: a clear end is better than a lost notice */
        return;
    }
    thread->deaths = deaths;
    thread->deaths[thread->deathCount++] = *death;
    thread->scanNeeded = true;
}

bool InboundDeathQueue(struct LiteIpcThread *thread, const struct ControlDeath *death)
{
    struct LiteIpcDevice *device = thread->device;
    if (death->ipcTaskID >= device->table->limits.taskLimit) {
        return true;
    }
    struct LiteIpcTask *task = thread->taskByID[death->ipcTaskID];
    if (task == NULL) {
        return true; /* the IPC task ended, and its role with it */
    }
    struct IpcNode *node;
    if (LiteIpcNodeAlloc(&device->ipcInfo, IpcNodeSize(0, 0), &node) != 0) {
        return false;
    }
    node->prefix = (struct IpcNodePrefix){.sourceGeneration = death->deadGeneration};
    node->node.msg = (IpcMsg){
        .type = MT_DEATH_NOTIFY,
        .target = {.handle = death->ipcTaskID, .token = death->deadTaskID},
        .timestamp = death->timestamp,
        .processID = death->deadProcessID,
        .taskID = death->deadTaskID,
        .userID = death->uid,
        .gid = death->gid,
    };
    TaskQueueAppend(task, node);
    return true;
}
