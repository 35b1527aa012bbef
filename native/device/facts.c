/* Implements the queries that need no request: they read the control table and the counters. */
#include <errno.h>
#include <string.h>

#include "kernel/access.h"
#include "kernel/control_blocks.h"
#include "liteipc/liteipc.h"
#include "mem/slab_pool.h"

int LiteIpcTaskQuery(const struct LiteIpcDevice *device, uint32_t taskID,
                     struct LiteIpcTaskInfo *info)
{
    struct ControlTaskFacts task;
    struct ControlProcessFacts process;
    int status = ControlTaskRead(device->table, taskID, &task);
    if (status != 0) {
        return status;
    }
    if (ControlProcessRead(device->table, task.processID, &process) != 0 ||
        process.generation != task.processGeneration) {
        return -ESRCH;
    }
    *info = (struct LiteIpcTaskInfo){
        .taskID = taskID,
        .generation = task.generation,
        .processID = task.processID,
        .processGeneration = task.processGeneration,
        .pid = process.pid,
        .uid = process.uid,
        .gid = process.gid,
        .alive = task.state == CONTROL_ALIVE,
    };
    return 0;
}

bool LiteIpcHasAccess(const struct LiteIpcDevice *device, uint32_t handle)
{
    return HasServiceAccess(device->table, device->identity.processID, handle);
}

uint32_t LiteIpcRevocations(const struct LiteIpcDevice *device, uint32_t taskID)
{
    bool inRange = taskID < device->table->limits.taskLimit;
    return inRange ? ControlRevocations(ControlTaskAt(device->table, taskID)) : 0;
}

int LiteIpcCallerStatus(const struct LiteIpcDevice *device, uint32_t taskID, uint32_t callerTaskID,
                        uint32_t callerGeneration, uint32_t revocations)
{
    const struct ControlTable *table = device->table;
    struct ControlTaskFacts caller;
    if (ControlTaskRead(table, callerTaskID, &caller) != 0 || caller.state != CONTROL_ALIVE ||
        caller.generation != callerGeneration) {
        return -EPIPE;
    }
    if (IsCmsTask(table, taskID) || caller.processID == device->identity.processID) {
        return 0;
    }
    return HasServiceAccess(table, caller.processID, taskID) &&
                   !ControlRevokedSince(table, taskID, caller.processID, revocations)
               ? 0
               : -EACCES;
}

uint32_t LiteIpcDataLimit(const struct LiteIpcDevice *device)
{
    return device->table->limits.dataLimit;
}

size_t LiteIpcPoolDefault(const struct LiteIpcDevice *device)
{
    return device->table->limits.poolDefault;
}

const void *LiteIpcPoolView(const struct LiteIpcDevice *device, size_t *size)
{
    if (device->ipcInfo.slab == NULL) {
        return NULL;
    }
    *size = SlabPoolCapacity(device->ipcInfo.slab);
    return device->ipcInfo.pool.uvaddr;
}

void LiteIpcPoolCount(const struct LiteIpcDevice *device, size_t *nodes, size_t *bytes)
{
    struct SlabPool *slab = device->ipcInfo.slab;
    *nodes = slab == NULL ? 0 : SlabPoolUsedNodes(slab);
    *bytes = slab == NULL ? 0 : SlabPoolUsed(slab);
}

size_t LiteIpcPoolSize(const struct LiteIpcDevice *device)
{
    return device->ipcInfo.pool.poolSize;
}

void LiteIpcTaskCount(const struct LiteIpcTask *task, struct LiteIpcTaskStatistics *statistics)
{
    const struct LiteIpcThread *thread = task->thread;
    *statistics = (struct LiteIpcTaskStatistics){
        .received = task->counters.received,
        .queued = task->counters.queued,
    };
    memcpy(statistics->dropped, task->counters.dropped, sizeof(statistics->dropped));
    for (const LOS_DL_LIST *link = thread->lanes.pstNext; link != &thread->lanes;
         link = link->pstNext) {
        const struct InboundLane *lane = LOS_DL_LIST_ENTRY(link, struct InboundLane, listNode);
        bool live = lane->state == LANE_LIVE || lane->state == LANE_DRAINING;
        statistics->waitingLanes += live && !RingReaderEmpty(&lane->reader);
    }
}

static uint32_t PendingCalls(const struct LiteIpcThread *thread)
{
    uint32_t pending = 0;
    for (const LOS_DL_LIST *link = thread->tasks.pstNext; link != &thread->tasks;
         link = link->pstNext) {
        pending += LOS_DL_LIST_ENTRY(link, struct LiteIpcTask, listNode)->calls.used;
    }
    return pending;
}

static uint32_t OutboundLanes(const struct LiteIpcThread *thread)
{
    uint32_t lanes = 0;
    for (const LOS_DL_LIST *link = thread->outboundLanes.pstNext; link != &thread->outboundLanes;
         link = link->pstNext) {
        lanes++;
    }
    return lanes;
}

void LiteIpcThreadCount(const struct LiteIpcThread *thread, struct LiteIpcThreadCounters *counters)
{
    const struct ThreadCounters *counted = &thread->counters;
    *counters = (struct LiteIpcThreadCounters){
        .sent = counted->sent,
        .received = counted->received,
        .dropped = counted->dropped,
        .malformed = counted->malformed,
        .bellsRung = counted->bellsRung,
        .sleeps = counted->sleeps,
        .spinsHit = counted->spinsHit,
        .spinsMissed = counted->spinsMissed,
        .lanesIn = thread->liveCount,
        .lanesOut = OutboundLanes(thread),
        .lanesClosedForGarbage = counted->lanesClosedForGarbage,
        .pendingCalls = PendingCalls(thread),
    };
}
