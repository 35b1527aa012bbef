#include "kernel/access.h"

bool HasServiceAccess(const struct ControlTable *table, uint32_t processID, uint32_t handle)
{
    struct ControlTaskFacts facts;

    if (handle == 0) {
        return true;
    }
    if (processID == 0 || processID >= table->limits.processLimit ||
        ControlTaskRead(table, handle, &facts) != 0 || facts.state != CONTROL_ALIVE) {
        return false;
    }
    if (facts.processID == processID) {
        return true;
    }
    const struct ControlTask *task = ControlTaskAt(table, handle);
    if (!facts.queueMade || !ControlAccessTest(task, processID)) {
        return false;
    }
    /*
     * The bit was read after the facts: it counts only if the slot still holds the same task.
     * relaxed: ordered after the bit by ControlAccessTest's acquire.
     */
    uint64_t state = atomic_load_explicit(&task->state, memory_order_relaxed);
    return state == ControlStateWord(facts.generation, CONTROL_ALIVE);
}

bool IsTaskAlive(const struct ControlTable *table, uint32_t taskID)
{
    struct ControlTaskFacts facts;
    return ControlTaskRead(table, taskID, &facts) == 0 && facts.state == CONTROL_ALIVE;
}

uint32_t GetCmsTaskID(const struct ControlTable *table, uint32_t *generation)
{
    /* acquire: pairs with the release in SetCms; a reader of the role sees its message size */
    uint64_t cms = atomic_load_explicit(&table->cms, memory_order_acquire);
    if (generation != NULL) {
        *generation = (uint32_t)(cms >> 32);
    }
    return (uint32_t)cms;
}

bool IsCmsSet(const struct ControlTable *table)
{
    return GetCmsTaskID(table, NULL) != 0;
}

bool WasCmsSet(const struct ControlTable *table)
{
    /* acquire: pairs with the domain's release when it gives the role; the size is never 0 again */
    return atomic_load_explicit(&table->cmsMaxMsgSize, memory_order_acquire) != 0;
}

bool IsCmsTask(const struct ControlTable *table, uint32_t taskID)
{
    return taskID != 0 && GetCmsTaskID(table, NULL) == taskID;
}

uint32_t GetIpcTaskID(const struct ControlTable *table, uint32_t processID)
{
    struct ControlProcessFacts facts;
    return ControlProcessRead(table, processID, &facts) == 0 ? facts.ipcTask : 0;
}

bool IsIpcTaskSet(const struct ControlTable *table, uint32_t processID)
{
    return GetIpcTaskID(table, processID) != 0;
}
