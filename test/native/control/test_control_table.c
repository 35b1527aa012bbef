/*
 * Tests the control table: layout, states of a slot, and readers against a writer that reuses
 * slots.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/table.h"
#include "kernel/access.h"

#define ROUNDS 200000U

static const struct ControlLimits limits = {.processLimit = 70,
                                            .taskLimit = 40,
                                            .threadLimit = 30,
                                            .laneLimit = 10,
                                            .dataLimit = 6144,
                                            .objectLimit = 256,
                                            .poolDefault = 65536,
                                            .poolMaximum = 262144};

static struct ControlTable *Make(void)
{
    size_t size = ControlTableSize(&limits);
    struct ControlTable *table = aligned_alloc(4096, size);
    assert_non_null(table);
    memset(table, 0, size);
    ControlTableInit(table, &limits, 42);
    return table;
}

static void LayoutIsCheckedByReaders(void **state)
{
    (void)state;
    struct ControlTable *table = Make();
    size_t size = ControlTableSize(&limits);

    assert_int_equal(size % 4096, 0);
    assert_int_equal(table->accessWords, 2); /* 70 processes */
    assert_int_equal(table->epoch, 42);
    assert_int_equal(atomic_load(&table->running), 1);
    assert_int_equal(ControlTableCheck(table, size), 0);
    assert_int_equal(ControlTableCheck(table, size - 4096), -EPROTO);
    assert_int_equal(ControlTableCheck(table, 8), -EPROTO);
    assert_true((char *)ControlTaskAt(table, 39) + table->taskStride <= (char *)table + size);
    assert_true((char *)ControlThreadAt(table, 30) <= (char *)ControlTaskAt(table, 0));
    assert_true((char *)ControlProcessAt(table, 70) <= (char *)ControlThreadAt(table, 0));

    uint64_t *words = (uint64_t *)(void *)table;
    size_t checked[] = {offsetof(struct ControlTable, magic),
                        offsetof(struct ControlTable, version),
                        offsetof(struct ControlTable, accessWords),
                        offsetof(struct ControlTable, size),
                        offsetof(struct ControlTable, processOffset),
                        offsetof(struct ControlTable, threadOffset),
                        offsetof(struct ControlTable, taskOffset),
                        offsetof(struct ControlTable, taskStride),
                        offsetof(struct ControlTable, limits.processLimit),
                        offsetof(struct ControlTable, limits.threadLimit)};
    for (size_t index = 0; index < sizeof(checked) / sizeof(checked[0]); index++) {
        uint64_t saved = words[checked[index] / 8];
        words[checked[index] / 8] ^= 0x100000001ULL << (checked[index] % 8 == 0 ? 0 : 6);
        assert_int_equal(ControlTableCheck(table, size), -EPROTO);
        words[checked[index] / 8] = saved;
    }
    assert_int_equal(ControlTableCheck(table, size), 0);
    free(table);
}

static void ProcessSlotPassesThroughItsStates(void **state)
{
    (void)state;
    struct ControlTable *table = Make();
    struct ControlProcess *entry = ControlProcessAt(table, 3);
    struct ControlProcessFacts facts;

    assert_int_equal(ControlProcessRead(table, 0, &facts), -EINVAL);
    assert_int_equal(ControlProcessRead(table, 70, &facts), -EINVAL);
    assert_int_equal(ControlProcessRead(table, 3, &facts), -ESRCH);
    ControlProcessFill(entry, 100, 1000, 50);
    assert_int_equal(ControlProcessRead(table, 3, &facts), -ESRCH);
    assert_int_equal(ControlStatePublish(&entry->state), 1);
    assert_int_equal(ControlProcessRead(table, 3, &facts), 0);
    assert_int_equal(facts.generation, 1);
    assert_int_equal(facts.state, CONTROL_ALIVE);
    assert_true(facts.pid == 100 && facts.uid == 1000 && facts.gid == 50);
    assert_true(!facts.opened && facts.poolSize == 0 && facts.ipcTask == 0);
    atomic_store(&entry->opened, 1);
    atomic_store(&entry->poolSize, 4096);
    atomic_store(&entry->ipcTask, 9);
    ControlStateMarkDead(&entry->state);
    assert_int_equal(ControlProcessRead(table, 3, &facts), 0);
    assert_int_equal(facts.state, CONTROL_DEAD);
    assert_int_equal(facts.generation, 1);
    ControlStateFree(&entry->state);
    assert_int_equal(ControlProcessRead(table, 3, &facts), -ESRCH);
    ControlProcessFill(entry, 200, 1, 2);
    assert_int_equal(ControlStatePublish(&entry->state), 2);
    assert_int_equal(ControlProcessRead(table, 3, &facts), 0);
    assert_true(facts.pid == 200 && !facts.opened && facts.poolSize == 0 && facts.ipcTask == 0);
    free(table);
}

static void GenerationsSkipZero(void **state)
{
    (void)state;
    _Atomic uint64_t word = ControlStateWord(UINT32_MAX, CONTROL_ALIVE);
    ControlStateFree(&word);
    assert_int_equal(ControlGenerationOf(word), 1);
    assert_int_equal(ControlStateOf(word), CONTROL_FREE);
    assert_int_equal(ControlStatePublish(&word), 1);
}

static uint32_t MakeTask(struct ControlTable *table, uint32_t taskID, uint32_t processID)
{
    struct ControlTask *entry = ControlTaskAt(table, taskID);
    ControlTaskFill(table, entry, processID, 1, 5, 1);
    return ControlStatePublish(&entry->state);
}

static void AccessFollowsTheTable(void **state)
{
    (void)state;
    struct ControlTable *table = Make();
    struct ControlTask *entry = ControlTaskAt(table, 7);

    assert_true(HasServiceAccess(table, 1, 0));
    assert_false(HasServiceAccess(table, 1, 7)); /* unused */
    assert_false(HasServiceAccess(table, 1, 40) || HasServiceAccess(table, 1, UINT32_MAX));
    assert_false(IsTaskAlive(table, 7) || IsTaskAlive(table, 0) || IsTaskAlive(table, 40));
    MakeTask(table, 7, 2);
    assert_true(IsTaskAlive(table, 7));
    assert_true(HasServiceAccess(table, 2, 7)); /* its own process, without a queue */
    ControlAccessSet(entry, 69, true);
    assert_false(HasServiceAccess(table, 69, 7)); /* no queue yet */
    atomic_store(&entry->queueMade, 1);
    assert_true(HasServiceAccess(table, 69, 7));
    assert_false(HasServiceAccess(table, 68, 7) || HasServiceAccess(table, 5, 7));
    assert_false(HasServiceAccess(table, 0, 7) || HasServiceAccess(table, 70, 7) ||
                 HasServiceAccess(table, UINT32_MAX, 7));
    ControlAccessSet(entry, 68, true);
    ControlAccessSet(entry, 69, false);
    assert_true(HasServiceAccess(table, 68, 7) && !HasServiceAccess(table, 69, 7));
    ControlStateMarkDead(&entry->state);
    assert_false(HasServiceAccess(table, 68, 7) || HasServiceAccess(table, 2, 7));
    assert_false(IsTaskAlive(table, 7));
    ControlStateFree(&entry->state);
    assert_int_equal(MakeTask(table, 7, 3), 2);
    atomic_store(&entry->queueMade, 1);
    /* Rights of the previous task are not inherited. */
    assert_false(HasServiceAccess(table, 68, 7));
    free(table);
}

struct Race {
    struct ControlTable *table;
    _Atomic bool stop;
};

/* All fields of one use of the slot differ by the same number, so a mixture of uses is detected. */
static void *Reuse(void *argument)
{
    struct Race *race = argument;
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        struct ControlTask *task = ControlTaskAt(race->table, 7);
        ControlTaskFill(race->table, task, round, round + 1, round + 2, round + 3);
        ControlStatePublish(&task->state);
        if (round % 2 == 0) {
            ControlStateMarkDead(&task->state);
        }
        ControlStateFree(&task->state);
    }
    atomic_store(&race->stop, true);
    return NULL;
}

static void ReadersSeeConsistentEntries(void **state)
{
    (void)state;
    struct Race race = {.table = Make()};
    pthread_t writer;
    struct ControlTaskFacts facts;
    uint32_t last = 0;

    assert_int_equal(pthread_create(&writer, NULL, Reuse, &race), 0);
    while (!atomic_load(&race.stop)) {
        if (ControlTaskRead(race.table, 7, &facts) != 0) {
            continue;
        }
        assert_int_equal(facts.generation, facts.processID);
        assert_int_equal(facts.processGeneration, facts.processID + 1);
        assert_int_equal(facts.threadID, facts.processID + 2);
        assert_int_equal(facts.threadGeneration, facts.processID + 3);
        assert_true(facts.generation >= last);
        last = facts.generation;
    }
    pthread_join(writer, NULL);
    free(race.table);
}

static void AttentionIsNeverReset(void **state)
{
    (void)state;
    struct ControlTable *table = Make();
    struct ControlThread *thread = ControlThreadAt(table, 2);
    ControlThreadNotify(thread);
    ControlThreadNotify(thread);
    ControlThreadFill(thread, 4, 5);
    assert_int_equal(atomic_load(&thread->attention), 2);
    assert_int_equal(atomic_load(&thread->processID), 4);
    free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(LayoutIsCheckedByReaders),
        cmocka_unit_test(ProcessSlotPassesThroughItsStates),
        cmocka_unit_test(GenerationsSkipZero),
        cmocka_unit_test(AccessFollowsTheTable),
        cmocka_unit_test(ReadersSeeConsistentEntries),
        cmocka_unit_test(AttentionIsNeverReset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
