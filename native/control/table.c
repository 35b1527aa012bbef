#include "control/table.h"

#include <errno.h>
#include <string.h>

static size_t RoundUp(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

static uint32_t AccessWords(const struct ControlLimits *limits)
{
    return (limits->processLimit + 63) / 64;
}

static size_t TaskStride(const struct ControlLimits *limits)
{
    return RoundUp(sizeof(struct ControlTask) + AccessWords(limits) * sizeof(uint64_t) +
                       limits->processLimit * sizeof(uint32_t),
                   64);
}

static void Layout(const struct ControlLimits *limits, struct ControlTable *table)
{
    table->accessWords = AccessWords(limits);
    table->processOffset = RoundUp(sizeof(struct ControlTable), 128);
    table->threadOffset =
        RoundUp(table->processOffset + limits->processLimit * sizeof(struct ControlProcess), 128);
    table->taskOffset = table->threadOffset + limits->threadLimit * sizeof(struct ControlThread);
    table->taskStride = TaskStride(limits);
    table->size = RoundUp(table->taskOffset + limits->taskLimit * table->taskStride, 4096);
    table->limits = *limits;
}

size_t ControlTableSize(const struct ControlLimits *limits)
{
    struct ControlTable table;
    Layout(limits, &table);
    return table.size;
}

void ControlTableInit(struct ControlTable *table, const struct ControlLimits *limits,
                      uint64_t epoch)
{
    Layout(limits, table);
    table->epoch = epoch;
    table->version = CONTROL_TABLE_VERSION;
    table->magic = CONTROL_TABLE_MAGIC;
    /* release: no process reads the table before the domain sends its descriptor */
    atomic_store_explicit(&table->running, 1, memory_order_release);
}

int ControlTableCheck(const struct ControlTable *table, size_t size)
{
    if (size < sizeof(*table) || table->magic != CONTROL_TABLE_MAGIC ||
        table->version != CONTROL_TABLE_VERSION || table->size != size) {
        return -EPROTO;
    }
    const struct ControlLimits *limits = &table->limits;
    if (limits->processLimit < 2 || limits->processLimit > (1U << 16) || limits->taskLimit < 2 ||
        limits->taskLimit > (1U << 16) || limits->threadLimit < 2 ||
        limits->threadLimit > (1U << 16)) {
        return -EPROTO;
    }
    struct ControlTable expected;
    Layout(limits, &expected);
    if (expected.size != table->size || expected.accessWords != table->accessWords ||
        expected.processOffset != table->processOffset ||
        expected.threadOffset != table->threadOffset || expected.taskOffset != table->taskOffset ||
        expected.taskStride != table->taskStride) {
        return -EPROTO;
    }
    return 0;
}

struct ControlProcess *ControlProcessAt(const struct ControlTable *table, uint32_t processID)
{
    return (struct ControlProcess *)((uintptr_t)table + table->processOffset) + processID;
}

struct ControlThread *ControlThreadAt(const struct ControlTable *table, uint32_t threadID)
{
    return (struct ControlThread *)((uintptr_t)table + table->threadOffset) + threadID;
}

struct ControlTask *ControlTaskAt(const struct ControlTable *table, uint32_t taskID)
{
    uintptr_t address = (uintptr_t)table + table->taskOffset + (size_t)taskID * table->taskStride;
    return (struct ControlTask *)address;
}

int ControlProcessRead(const struct ControlTable *table, uint32_t processID,
                       struct ControlProcessFacts *facts)
{
    if (processID == 0 || processID >= table->limits.processLimit) {
        return -EINVAL;
    }
    const struct ControlProcess *entry = ControlProcessAt(table, processID);
    /* acquire: pairs with the domain's release store that published the entry */
    uint64_t before = atomic_load_explicit(&entry->state, memory_order_acquire);
    if (ControlStateOf(before) == CONTROL_FREE) {
        return -ESRCH;
    }
    facts->generation = ControlGenerationOf(before);
    facts->state = ControlStateOf(before);
    /*
     * acquire on the fields: the second load of the state word stays after them. (A fence has the
     * same effect, but the thread sanitizer does not model fences.)
     */
    facts->pid = atomic_load_explicit(&entry->pid, memory_order_acquire);
    facts->uid = atomic_load_explicit(&entry->uid, memory_order_acquire);
    facts->gid = atomic_load_explicit(&entry->gid, memory_order_acquire);
    facts->opened = atomic_load_explicit(&entry->opened, memory_order_acquire) != 0;
    facts->poolSize = atomic_load_explicit(&entry->poolSize, memory_order_acquire);
    facts->ipcTask = atomic_load_explicit(&entry->ipcTask, memory_order_acquire);
    uint64_t after = atomic_load_explicit(&entry->state, memory_order_relaxed);
    return ControlGenerationOf(after) == facts->generation ? 0 : -ESRCH;
}

int ControlTaskRead(const struct ControlTable *table, uint32_t taskID,
                    struct ControlTaskFacts *facts)
{
    if (taskID == 0 || taskID >= table->limits.taskLimit) {
        return -EINVAL;
    }
    const struct ControlTask *entry = ControlTaskAt(table, taskID);
    /* acquire: pairs with the domain's release store that published the entry */
    uint64_t before = atomic_load_explicit(&entry->state, memory_order_acquire);
    if (ControlStateOf(before) == CONTROL_FREE) {
        return -ESRCH;
    }
    facts->generation = ControlGenerationOf(before);
    facts->state = ControlStateOf(before);
    /* acquire on the fields: see ControlProcessRead */
    facts->processID = atomic_load_explicit(&entry->processID, memory_order_acquire);
    facts->processGeneration =
        atomic_load_explicit(&entry->processGeneration, memory_order_acquire);
    facts->threadID = atomic_load_explicit(&entry->threadID, memory_order_acquire);
    facts->threadGeneration = atomic_load_explicit(&entry->threadGeneration, memory_order_acquire);
    facts->queueMade = atomic_load_explicit(&entry->queueMade, memory_order_acquire) != 0;
    uint64_t after = atomic_load_explicit(&entry->state, memory_order_relaxed);
    return ControlGenerationOf(after) == facts->generation ? 0 : -ESRCH;
}

/* Returns the place of the number of the last revocation for a process. */
static _Atomic uint32_t *LastRevocation(const struct ControlTable *table,
                                        const struct ControlTask *task, uint32_t processID)
{
    return (_Atomic uint32_t *)(uintptr_t)(task->access + table->accessWords) + processID;
}

bool ControlRevokedSince(const struct ControlTable *table, uint32_t taskID, uint32_t processID,
                         uint32_t revocations)
{
    const struct ControlTask *task = ControlTaskAt(table, taskID);
    if (ControlRevocations(task) == revocations) {
        return false; /* no revocation at all; the other cache line is not read */
    }
    /* relaxed: ordered by the count that was read before */
    uint32_t last =
        atomic_load_explicit(LastRevocation(table, task, processID), memory_order_relaxed);
    return (int32_t)(last - revocations) > 0;
}

void ControlAccessRevoke(const struct ControlTable *table, struct ControlTask *task,
                         uint32_t processID)
{
    if (!ControlAccessTest(task, processID)) {
        return;
    }
    /* relaxed: only this thread writes it */
    uint32_t count = atomic_load_explicit(&task->revocations, memory_order_relaxed) + 1;
    ControlAccessSet(task, processID, false);
    /* relaxed: ordered by the release below */
    atomic_store_explicit(LastRevocation(table, task, processID), count, memory_order_relaxed);
    /* release: pairs with ControlRevocations; a reader of the count sees both stores above */
    atomic_store_explicit(&task->revocations, count, memory_order_release);
}

uint32_t ControlStatePublish(_Atomic uint64_t *state)
{
    uint32_t generation = ControlGenerationOf(atomic_load_explicit(state, memory_order_relaxed));
    if (generation == 0) {
        generation = 1; /* the first use of the slot */
    }
    /* release: pairs with the readers' acquire; a reader that sees ALIVE sees the fields */
    atomic_store_explicit(state, ControlStateWord(generation, CONTROL_ALIVE), memory_order_release);
    return generation;
}

void ControlStateMarkDead(_Atomic uint64_t *state)
{
    uint32_t generation = ControlGenerationOf(atomic_load_explicit(state, memory_order_relaxed));
    /* release: a reader that sees DEAD sees that rights and roles were cleared before */
    atomic_store_explicit(state, ControlStateWord(generation, CONTROL_DEAD), memory_order_release);
}

void ControlStateFree(_Atomic uint64_t *state)
{
    uint32_t generation = ControlGenerationOf(atomic_load_explicit(state, memory_order_relaxed));
    generation = generation == UINT32_MAX ? 1 : generation + 1;
    /*
     * release: as above. The fields of the next use are stored with release order after this: a
     * reader that sees one of them sees this generation in its second load of the state word.
     */
    atomic_store_explicit(state, ControlStateWord(generation, CONTROL_FREE), memory_order_release);
}

/* release: orders the field after ControlStateFree, for the readers' second load of the state. */
static void Fill(_Atomic uint32_t *field, uint32_t value)
{
    atomic_store_explicit(field, value, memory_order_release);
}

void ControlProcessFill(struct ControlProcess *entry, uint32_t pid, uint32_t uid, uint32_t gid)
{
    Fill(&entry->pid, pid);
    Fill(&entry->uid, uid);
    Fill(&entry->gid, gid);
    Fill(&entry->opened, 0);
    /* release: as in Fill */
    atomic_store_explicit(&entry->poolSize, 0, memory_order_release);
    Fill(&entry->ipcTask, 0);
}

void ControlThreadFill(struct ControlThread *entry, uint32_t processID, uint32_t processGeneration)
{
    Fill(&entry->processID, processID);
    Fill(&entry->processGeneration, processGeneration);
    /* `attention` is not reset: only changes of it have a meaning */
}

void ControlTaskFill(const struct ControlTable *table, struct ControlTask *entry,
                     uint32_t processID, uint32_t processGeneration, uint32_t threadID,
                     uint32_t threadGeneration)
{
    Fill(&entry->processID, processID);
    Fill(&entry->processGeneration, processGeneration);
    Fill(&entry->threadID, threadID);
    Fill(&entry->threadGeneration, threadGeneration);
    Fill(&entry->queueMade, 0);
    for (uint32_t word = 0; word < table->accessWords; word++) {
        /* release: as in Fill */
        atomic_store_explicit(&entry->access[word], 0, memory_order_release);
    }
}

void ControlThreadNotify(struct ControlThread *entry)
{
    uint32_t attention = atomic_load_explicit(&entry->attention, memory_order_relaxed);
    /* release: pairs with the thread's acquire; a thread that sees the number sees the change */
    atomic_store_explicit(&entry->attention, attention + 1, memory_order_release);
}
