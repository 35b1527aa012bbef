/* From a record in a lane to a message in the queue of a task. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/clock.h"
#include "kernel/inbound.h"
#include "kernel/inbound_hot.h"
#include "kernel/pool.h"
#include "kernel/task.h"
#include "kernel/thread_control.h"

enum Verdict { VERDICT_GOOD, VERDICT_DROP, VERDICT_MALFORMED };

/*
 * Sizes that belong together and lie within the domain's limits, and a charge within the sender's
 * allowance, which an honest sender keeps by itself. `size` was checked by the ring. Objects cannot
 * be passed yet: no honest sender has any, and whoever reads them here would believe the numbers.
 */
static bool SizesAreSound(const struct LiteIpcThread *thread, const struct InboundLane *lane,
                          const struct IpcRecord *copy, uint32_t size)
{
    const struct ControlLimits *limits = &thread->device->table->limits;
    if (copy->dataSz > limits->dataLimit || copy->spObjNum != 0 ||
        size != IpcRecordSize(copy->dataSz, copy->spObjNum)) {
        return false;
    }
    /* relaxed: what is freed later only makes more room */
    uint64_t freed = lane->reader.freed +
                     atomic_load_explicit(&lane->cursors->freedElsewhere, memory_order_relaxed);
    return lane->takenCharge - freed + IpcCharge(copy->dataSz, copy->spObjNum) <=
           thread->device->ipcInfo.pool.poolSize;
}

/* What the ServiceManager is willing to receive at handle 0; the sender has checked it, or lies. */
static uint32_t ManagerLimit(const struct ControlTable *table)
{
    /* acquire: pairs with the domain's release when it gives the role */
    return atomic_load_explicit(&table->cmsMaxMsgSize, memory_order_acquire);
}

/*
 * Does the copy say what its sender may say? Its process is what the lane says; the task it claims
 * to be must belong to that process, and the one it addresses to this thread.
 */
static enum Verdict Judge(const struct LiteIpcThread *thread, const struct InboundLane *lane,
                          const struct IpcRecord *copy)
{
    const struct ControlTable *table = thread->device->table;
    if (copy->type > MT_FAILED_REPLY) {
        return VERDICT_MALFORMED;
    }
    struct ControlTaskFacts source;
    if (ControlTaskRead(table, copy->sourceTask, &source) != 0 ||
        source.generation != copy->sourceGeneration) {
        /* Ended, and its slot is in use again: nobody can tell any more whose it was. */
        return copy->sourceTask == 0 || copy->sourceTask >= table->limits.taskLimit
                   ? VERDICT_MALFORMED
                   : VERDICT_DROP;
    }
    if (source.processID != lane->processID ||
        source.processGeneration != lane->processGeneration) {
        return VERDICT_MALFORMED;
    }
    if (copy->destinationTask >= table->limits.taskLimit) {
        return VERDICT_MALFORMED;
    }
    const struct LiteIpcTask *task = thread->taskByID[copy->destinationTask];
    if (task == NULL || task->generation != copy->destinationGeneration) {
        return VERDICT_DROP; /* it ended while the message was on its way */
    }
    if ((copy->bits & IPC_RECORD_TO_CMS) != 0 &&
        sizeof(IpcMsg) + (uint64_t)copy->dataSz > ManagerLimit(table)) {
        return VERDICT_MALFORMED;
    }
    return VERDICT_GOOD;
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
        .destinationTask = copy->destinationTask,
        .destinationGeneration = copy->destinationGeneration,
    };
    uint32_t handle = copy->bits & IPC_RECORD_TO_CMS ? CMS_HANDLE : copy->destinationTask;
    uint32_t tail = IpcAlign4(copy->dataSz) + 4U * copy->spObjNum;
    const char *payload = GetIpcUserAddr(&thread->device->ipcInfo, node);
    payload += sizeof(*node);
    node->node.msg = (IpcMsg){
        .type = (MsgType)copy->type,
        .target = {.handle = handle, .token = copy->token, .cookie = copy->cookie},
        .code = copy->code,
        .flag = copy->flag,
        .timestamp = copy->timestamp,
        .dataSz = copy->dataSz,
        .data = copy->dataSz > 0 ? (void *)(uintptr_t)payload : NULL,
        .spObjNum = copy->spObjNum,
        .offsets =
            copy->spObjNum > 0 ? (void *)(uintptr_t)(payload + IpcAlign4(copy->dataSz)) : NULL,
        .processID = lane->processID,
        .taskID = copy->sourceTask,
        .userID = lane->uid,
        .gid = lane->gid,
    };
    if (tail > 0) {
        memcpy(node + 1, (const char *)record + sizeof(struct IpcRecord), tail);
    }
}

static int Malformed(struct LiteIpcThread *thread, struct InboundLane *lane)
{
    thread->counters.malformed++;
    return ++lane->garbage > LANE_GARBAGE_MAX ? -EPROTO : 0;
}

/* Without memory: asks to be woken when there is some, then tries once more. */
static int NodeAlloc(struct LiteIpcThread *thread, uint32_t size, struct IpcNode **node)
{
    struct LiteIpcDevice *device = thread->device;
    int status = LiteIpcNodeAlloc(&device->ipcInfo, size, node);
    if (status != 0) {
        /* seq_cst: set before the pool is tried again; whoever freed too early to see it is seen */
        atomic_store_explicit(&device->poolFull, true, memory_order_seq_cst);
        status = LiteIpcNodeAlloc(&device->ipcInfo, size, node);
        thread->poolFull = status != 0;
    }
    return status;
}

int InboundTake(struct LiteIpcThread *thread, struct InboundLane *lane,
                const struct RingRecord *record, uint32_t size)
{
    /* The sender can go on writing: nothing is looked at but this copy. */
    struct IpcRecord copy;
    if (size < sizeof(copy)) {
        RingTake(&lane->reader);
        return Malformed(thread, lane);
    }
    memcpy(&copy, record, sizeof(copy));
    if (!SizesAreSound(thread, lane, &copy, size)) {
        RingTake(&lane->reader);
        return Malformed(thread, lane);
    }
    uint32_t charge = (uint32_t)IpcCharge(copy.dataSz, copy.spObjNum);
    enum Verdict verdict = Judge(thread, lane, &copy);
    struct IpcNode *node = NULL;
    if (verdict == VERDICT_GOOD) {
        if (NodeAlloc(thread, IpcNodeSize(copy.dataSz, copy.spObjNum), &node) != 0) {
            return -ENOMEM;
        }
        Fill(thread, lane, &copy, record, node);
    }
    RingTake(&lane->reader);
    lane->takenCharge += charge;
    if (verdict != VERDICT_GOOD) {
        RingFree(&lane->reader, charge);
        if (verdict == VERDICT_MALFORMED) {
            return Malformed(thread, lane);
        }
        thread->counters.dropped++;
        return 0;
    }
    thread->peerProcessor = copy.processor;
    thread->lastSentAt = copy.sentAt;
    TaskQueueAppend(thread->taskByID[copy.destinationTask], node);
    return 0;
}

static bool DeathKeep(struct LiteIpcThread *thread, const struct ControlDeath *death)
{
    if (thread->deathCount == thread->deathCapacity) {
        unsigned wanted = thread->deathCapacity == 0 ? 8 : thread->deathCapacity * 2;
        struct ControlDeath *larger = realloc(thread->deaths, wanted * sizeof(*larger));
        if (larger == NULL) {
            thread->lost = true; /* no memory at all: better a clear end than a lost notice */
            return false;
        }
        thread->deaths = larger;
        thread->deathCapacity = wanted;
    }
    thread->deaths[thread->deathCount++] = *death;
    return false;
}

bool InboundDeath(struct LiteIpcThread *thread, const struct ControlDeath *death)
{
    struct LiteIpcDevice *device = thread->device;
    if (death->ipcTaskID >= device->table->limits.taskLimit) {
        return true;
    }
    struct LiteIpcTask *task = thread->taskByID[death->ipcTaskID];
    if (task == NULL) {
        return true; /* the IPC task ended, and the role with it */
    }
    struct IpcNode *node;
    if (LiteIpcNodeAlloc(&device->ipcInfo, IpcNodeSize(0, 0), &node) != 0) {
        return DeathKeep(thread, death);
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
