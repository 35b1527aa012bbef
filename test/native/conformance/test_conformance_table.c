/*
 * Tests tables of scenarios: a valid table is decoded completely; every invalid one is refused with
 * a message.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conformance/table.h"

#define WORDS_MAX 512

/* A table that is being written. */
struct Draft {
    uint32_t words[WORDS_MAX];
    size_t count;
};

static void Word(struct Draft *draft, uint32_t word)
{
    assert_true(draft->count < WORDS_MAX);
    draft->words[draft->count++] = word;
}

static void Words(struct Draft *draft, size_t count, ...)
{
    va_list arguments;
    va_start(arguments, count);
    for (size_t i = 0; i < count; i++) {
        Word(draft, va_arg(arguments, uint32_t));
    }
    va_end(arguments);
}

static void String(struct Draft *draft, const char *text)
{
    size_t length = strlen(text);
    Word(draft, (uint32_t)length);
    for (size_t i = 0; i < length; i += 4) {
        uint32_t word = 0;
        for (size_t byte = 0; byte < 4 && i + byte < length; byte++) {
            word |= (uint32_t)(unsigned char)text[i + byte] << (byte * 8);
        }
        Word(draft, word);
    }
}

static void Value(struct Draft *draft, enum ValueKind kind, uint32_t index, uint32_t number)
{
    Words(draft, 3, (uint32_t)kind | index << 8, number, 0U);
}

static void Head(struct Draft *draft, uint32_t labels, uint32_t steps)
{
    draft->count = 0;
    Words(draft, 4, TABLE_MAGIC, TABLE_VERSION, 0U, 0U);
    String(draft, "everything");
    String(draft, "");
    Word(draft, 3); /* processes */
    String(draft, "M");
    Word(draft, 2);
    String(draft, "cms");
    String(draft, "sibling");
    String(draft, "K");
    Word(draft, 1);
    String(draft, "kid");
    String(draft, "L");
    Word(draft, 1);
    String(draft, "grandchild");
    Word(draft, 1);
    String(draft, "handle");
    Word(draft, 2);
    String(draft, "m1");
    String(draft, "m2");
    Words(draft, 2, labels, steps);
}

static void Finish(struct Draft *draft)
{
    draft->words[2] = (uint32_t)draft->count;
}

/* Writes the head of a step without a label. */
static void Begin(struct Draft *draft, uint32_t number, uint32_t task, enum Action action)
{
    Words(draft, 5, number, task, (uint32_t)action, (uint32_t)WANT_OK, TABLE_NONE);
}

static void NothingWanted(struct Draft *draft)
{
    Word(draft, 0);
}

static void AllParts(struct Draft *draft, bool wanted)
{
    Word(draft, 8);
    Word(draft, PART_U32);
    Value(draft, VALUE_TASK_ID, 1, 0);
    Word(draft, PART_U64);
    Value(draft, VALUE_TIMESTAMP, 1, 7);
    Word(draft, PART_BYTES);
    String(draft, "abcde");
    Words(draft, 3, (uint32_t)PART_FILL, 9U, 100U);
    Words(draft, 2, (uint32_t)PART_FD, (uint32_t)DESCRIPTOR_FILE);
    Words(draft, 2, (uint32_t)PART_PTR, 1U);
    Word(draft, PART_U32);
    Value(draft, VALUE_NUMBER, 0, 5);
    Word(draft, PART_SVC);
    Value(draft, VALUE_HANDLE, 0, 0);
    Value(draft, VALUE_PROCESS_ID, 2, 0);
    Value(draft, VALUE_NUMBER, 0, 0xFFFFFFFFU);
    if (wanted) {
        Words(draft, 2, (uint32_t)PART_ANY, 12U);
    } else {
        Words(draft, 2, (uint32_t)PART_OBJECT, 77U);
    }
}

static void MessageStep(struct Draft *draft, uint32_t number)
{
    Words(draft, 5, number, 0U, (uint32_t)ACTION_MESSAGE, (uint32_t)WANT_OK, 0U /* label */);
    Words(draft, 2, 7U, 1U); /* flag, a message follows */
    for (uint32_t i = 0; i < 7; i++) {
        Value(draft, VALUE_NUMBER, 0, i);
    }
    Words(draft, 3, (uint32_t)OVERRIDE_ALL, 1000U, 2U);
    Words(draft, 3, 2U, 0U, 24U); /* offsets */
    AllParts(draft, false);
    Words(draft, 4, (uint32_t)FREE_MESSAGE, 1U, 8U, 0U);
    Word(draft, 0); /* saved as m1 */
    Words(draft, 2, 1U, (1U << FIELD_COUNT) - 1);
    for (uint32_t i = 0; i < FIELD_VALUE_COUNT; i++) {
        Value(draft, VALUE_NUMBER, 0, 10 + i);
    }
    Words(draft, 3, 64U, 3U, 2U); /* dataSz, spObjNum, from */
    AllParts(draft, true);
}

/* Writes a table that has one of everything. */
static void Everything(struct Draft *draft)
{
    Head(draft, 1, 15);
    const enum Action plain[] = {ACTION_OPEN, ACTION_CLOSE, ACTION_SET_IPC_THREAD, ACTION_EXIT_TASK,
                                 ACTION_EXIT_PROCESS};
    for (uint32_t i = 0; i < 5; i++) {
        Begin(draft, i + 1, 0, plain[i]);
        NothingWanted(draft);
    }
    Begin(draft, 6, 1, ACTION_MMAP);
    Words(draft, 3, 65536U, 1U, 0U);
    NothingWanted(draft);
    Begin(draft, 7, 1, ACTION_SET_CMS);
    Word(draft, 8192);
    NothingWanted(draft);
    Begin(draft, 8, 1, ACTION_VERSION);
    Words(draft, 3, 1U, 2U, 0U);
    NothingWanted(draft);
    Begin(draft, 9, 1, ACTION_CMS_COMMAND);
    Word(draft, 0xFFFFFFFFU);
    Value(draft, VALUE_TASK_ID, 2, 0);
    Value(draft, VALUE_NUMBER, 0, 128);
    Word(draft, 0);
    NothingWanted(draft);
    Begin(draft, 10, 1, ACTION_IOCTL);
    Words(draft, 3, 0x6907U, 1U, 2U);
    NothingWanted(draft);
    MessageStep(draft, 11);
    Begin(draft, 12, 0, ACTION_FORK);
    Word(draft, 1);
    NothingWanted(draft);
    Begin(draft, 13, 2, ACTION_FORK);
    Word(draft, 2);
    NothingWanted(draft);
    Begin(draft, 14, 3, ACTION_POOL);
    Word(draft, TABLE_NONE);
    NothingWanted(draft);
    Begin(draft, 15, TABLE_NONE, ACTION_JOIN);
    Word(draft, 0);
    NothingWanted(draft);
    Finish(draft);
}

/* Decodes a copy of the exact length, so that a sanitizer detects any access beyond it. */
static int Decode(const uint32_t *words, size_t count, struct Scenario *scenario,
                  char error[TABLE_ERROR_SIZE])
{
    uint32_t *copy = malloc(count * sizeof(*copy) + 1);
    assert_non_null(copy);
    memcpy(copy, words, count * sizeof(*copy));
    int status = ScenarioDecode(copy, count, scenario, error);
    free(copy);
    if (status == 0) {
        assert_string_equal(error, "");
    } else {
        assert_int_equal(status, -EINVAL);
        assert_true(strlen(error) > 0 && strlen(error) < TABLE_ERROR_SIZE);
        assert_null(scenario->blocks);
        assert_int_equal(scenario->stepCount, 0);
    }
    return status;
}

static void Refuse(const struct Draft *draft, const char *expected)
{
    struct Scenario scenario;
    char error[TABLE_ERROR_SIZE];
    assert_int_equal(Decode(draft->words, draft->count, &scenario, error), -EINVAL);
    if (strstr(error, expected) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error, expected);
    }
}

static void TestEverything(void **state)
{
    (void)state;
    struct Draft draft;
    struct Scenario scenario;
    char error[TABLE_ERROR_SIZE];
    Everything(&draft);
    assert_int_equal(Decode(draft.words, draft.count, &scenario, error), 0);
    assert_string_equal(scenario.name, "everything");
    assert_int_equal(scenario.processCount, 3);
    assert_int_equal(scenario.taskCount, 4);
    assert_int_equal(scenario.stepCount, 15);
    assert_string_equal(scenario.tasks[3].name, "grandchild");
    assert_int_equal(scenario.tasks[3].process, 2);
    assert_int_equal(scenario.processes[0].forker, TABLE_NONE);
    assert_int_equal(scenario.processes[1].forker, 0);
    assert_int_equal(scenario.processes[2].forker, 1);
    assert_string_equal(scenario.messages[1], "m2");

    const struct Step *step = &scenario.steps[5];
    assert_true(step->isWritable && !step->isShared && step->size == 65536);
    step = &scenario.steps[8];
    assert_int_equal(step->command, 0xFFFFFFFFU);
    assert_int_equal(step->of.kind, VALUE_TASK_ID);
    assert_int_equal(step->of.index, 2);
    assert_int_equal(step->handle.number, 128);
    assert_true(scenario.steps[9].argument == ((uint64_t)2 << 32 | 1));

    step = &scenario.steps[10];
    assert_int_equal(step->start, 0);
    assert_int_equal(step->save, 0);
    assert_int_equal(step->toFree.kind, FREE_MESSAGE);
    assert_int_equal(step->toFree.number, 8);
    assert_int_equal(step->out->timestamp.number, 6);
    assert_int_equal(step->out->offsets[1], 24);
    assert_int_equal(step->out->data.count, 8);
    assert_memory_equal(step->out->data.parts[2].bytes, "abcde", 5);
    assert_int_equal(step->out->data.parts[5].inner.count, 1);
    assert_int_equal(step->wanted->value[FIELD_FLAG].number, 15);
    assert_int_equal(step->wanted->from, 2);
    assert_int_equal(step->wanted->data.parts[7].kind, PART_ANY);
    ScenarioFree(&scenario);
    ScenarioFree(&scenario);
}

static void TestTruncated(void **state)
{
    (void)state;
    struct Draft draft;
    struct Scenario scenario;
    char error[TABLE_ERROR_SIZE];
    Everything(&draft);
    for (size_t length = 0; length < draft.count; length++) {
        assert_int_equal(Decode(draft.words, length, &scenario, error), -EINVAL);
        /* Also if the table itself declares the short length. */
        struct Draft lie = draft;
        lie.words[2] = (uint32_t)length;
        assert_int_equal(Decode(lie.words, length, &scenario, error), -EINVAL);
    }
    Word(&draft, 0);
    Refuse(&draft, "words has");
    Finish(&draft);
    Refuse(&draft, "1 words are left over");
}

/* Each word in turn is changed: the table is refused or is another valid table. */
static void TestDamaged(void **state)
{
    (void)state;
    static const uint32_t OTHERS[] = {
        0,   1,    2,      3,       4,          14,         15,         16,         255,       256,
        511, 1023, 0xFFFF, 0x10000, 0x00FFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF};
    struct Draft draft;
    struct Scenario scenario;
    char error[TABLE_ERROR_SIZE];
    Everything(&draft);
    unsigned good = 0, refused = 0;
    for (size_t place = 0; place < draft.count; place++) {
        for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++) {
            struct Draft damaged = draft;
            damaged.words[place] = OTHERS[i];
            if (Decode(damaged.words, damaged.count, &scenario, error) == 0) {
                good++;
                ScenarioFree(&scenario);
            } else {
                refused++;
            }
        }
    }
    assert_true(good > 0);
    assert_true(refused > good / 2);
}

static uint32_t Random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(*seed >> 33);
}

/* Many words are changed at once, most of them to small numbers, which pass more checks. */
static void TestGarbage(void **state)
{
    (void)state;
    struct Draft draft;
    struct Scenario scenario;
    char error[TABLE_ERROR_SIZE];
    uint64_t seed = 20;
    Everything(&draft);
    for (unsigned round = 0; round < 50000; round++) {
        struct Draft damaged = draft;
        uint32_t changes = 1 + Random(&seed) % 16;
        for (uint32_t i = 0; i < changes; i++) {
            size_t place = 3 + Random(&seed) % (damaged.count - 3);
            uint32_t word = Random(&seed);
            damaged.words[place] = word % 4 == 0 ? word : word % 20;
        }
        if (Decode(damaged.words, damaged.count, &scenario, error) == 0) {
            ScenarioFree(&scenario);
        }
    }
}

static void TestHead(void **state)
{
    (void)state;
    struct Draft draft;
    Everything(&draft);
    draft.words[0]++;
    Refuse(&draft, "not a scenario table");
    Everything(&draft);
    draft.words[1] = 2;
    Refuse(&draft, "version 2; this program reads version 1");
    Everything(&draft);
    draft.words[2]++;
    Refuse(&draft, "words has");
    Everything(&draft);
    draft.words[4] = 0x00FFFFFF; /* the name's length */
    Refuse(&draft, "length");
    Everything(&draft);
    draft.words[4] = 4096;
    Refuse(&draft, "beyond the end");
}

static void TestProcesses(void **state)
{
    (void)state;
    struct Draft draft = {.count = 0};
    Words(&draft, 6, TABLE_MAGIC, TABLE_VERSION, 0U, 0U, 0U, 0U);
    Word(&draft, 1);
    String(&draft, "M");
    Word(&draft, 0);
    Finish(&draft);
    Refuse(&draft, "process M has no task");
    draft.words[6] = TABLE_PROCESSES_MAX + 1;
    Refuse(&draft, "processes 64 of 64");
}

/* Steps that are well-formed, but invalid. */
static void TestSteps(void **state)
{
    (void)state;
    struct Draft draft;
    Head(&draft, 1, 1);
    Begin(&draft, 1, TABLE_NONE, ACTION_OPEN);
    Refuse((Finish(&draft), &draft), "a task is needed");
    Head(&draft, 1, 1);
    Begin(&draft, 1, 0, ACTION_JOIN);
    Refuse((Finish(&draft), &draft), "a task is needed");
    Head(&draft, 1, 1);
    Begin(&draft, 1, 4, ACTION_OPEN);
    Refuse((Finish(&draft), &draft), "task 4 of 4");
    Head(&draft, 1, 1);
    Words(&draft, 5, 1U, 0U, (uint32_t)ACTION_FORK, 0U, 0U);
    Refuse((Finish(&draft), &draft), "may be started");
    Head(&draft, 1, 1);
    Begin(&draft, 1, 0, ACTION_OPEN);
    Words(&draft, 2, 1U, 0U);
    Refuse((Finish(&draft), &draft), "receives no message");
}

static void Fork(struct Draft *draft, uint32_t task, uint32_t child)
{
    Begin(draft, 1, task, ACTION_FORK);
    Word(draft, child);
    NothingWanted(draft);
}

static void TestForks(void **state)
{
    (void)state;
    struct Draft draft;
    Head(&draft, 0, 1);
    Fork(&draft, 2, 0);
    Refuse((Finish(&draft), &draft), "several tasks");
    Head(&draft, 0, 2);
    Fork(&draft, 0, 1);
    Fork(&draft, 0, 1);
    Refuse((Finish(&draft), &draft), "forked already");
    Head(&draft, 0, 1);
    Fork(&draft, 2, 1);
    Refuse((Finish(&draft), &draft), "own descendant");
    Head(&draft, 0, 2);
    Fork(&draft, 2, 2); /* K forks L */
    Fork(&draft, 3, 1); /* L forks K */
    Refuse((Finish(&draft), &draft), "own descendant");
}

static void TestParts(void **state)
{
    (void)state;
    struct Draft draft;
    Head(&draft, 0, 1);
    Begin(&draft, 1, 0, ACTION_MESSAGE);
    Words(&draft, 2, 1U, 1U);
    for (uint32_t i = 0; i < 7; i++) {
        Value(&draft, VALUE_NUMBER, 0, 0);
    }
    Words(&draft, 4, 0U, 0U, 0U, 0U);
    size_t parts = draft.count;
    for (uint32_t i = 0; i < TABLE_DEPTH_MAX + 1; i++) {
        Words(&draft, 2, 1U, (uint32_t)PART_PTR);
    }
    Word(&draft, 0);
    Refuse((Finish(&draft), &draft), "buffers inside buffers");
    draft.count = parts;
    Words(&draft, 3, 1U, (uint32_t)PART_ANY, 8U);
    Refuse((Finish(&draft), &draft), "part 8 in a message that is sent");
    draft.count = parts;
    Words(&draft, 7, 2U, (uint32_t)PART_FILL, 0U, TABLE_DATA_MAX / 2, (uint32_t)PART_FILL, 0U,
          TABLE_DATA_MAX / 2);
    Refuse((Finish(&draft), &draft), "bytes of data");
    draft.count = parts;
    Words(&draft, 2, 1U, (uint32_t)PART_U32);
    Value(&draft, VALUE_TIMESTAMP, 2, 0);
    Refuse((Finish(&draft), &draft), "a value of kind 4, number 2");
}

static void TestWants(void **state)
{
    (void)state;
    char text[32];
    assert_int_equal(WantCount(), 16);
    assert_string_equal(WantName(WANT_OK), "OK");
    assert_string_equal(WantName(WANT_FAIL), "FAIL");
    for (uint32_t want = WANT_FIRST_ERROR; want < WantCount(); want++) {
        assert_string_equal(ErrorName(WantErrno(want), text), WantName(want));
    }
    assert_string_equal(ErrorName(9999, text), "errno 9999");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(TestEverything), cmocka_unit_test(TestTruncated),
        cmocka_unit_test(TestDamaged),    cmocka_unit_test(TestGarbage),
        cmocka_unit_test(TestHead),       cmocka_unit_test(TestProcesses),
        cmocka_unit_test(TestSteps),      cmocka_unit_test(TestForks),
        cmocka_unit_test(TestParts),      cmocka_unit_test(TestWants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
