/*
 * Tests messages of scenarios: layout, snapshots of received messages, and comparison with readable
 * differences.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "conformance/compare.h"
#include "conformance/compose.h"
#include "conformance/exchange.h"
#include "conformance/snapshot.h"

#define NUMBER(n)    ((struct Value){.kind = VALUE_NUMBER, .number = (n)})
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct ScenarioProcess processes[] = {{.name = "C", .firstTask = 0, .taskCount = 1}};
static struct ScenarioTask tasks[] = {{.name = "cli", .process = 0}, {.name = "svc", .process = 0}};
/* Tasks 5 and 6, process 3. */
static const uint64_t environment[] = {5, 6, 3};
static const struct Scenario scenario = {
    .processes = processes, .tasks = tasks, .processCount = 1, .taskCount = 2};

static const uint8_t text[] = "three";
static const struct Part inner[] = {{.kind = PART_FILL, .detail = 9, .size = 100}};
static const struct Part sent[] = {
    {.kind = PART_U32, .value = {{.kind = VALUE_TASK_ID, .index = 1, .number = 1}}},
    {.kind = PART_PTR, .inner = {inner, 1}},
    {.kind = PART_BYTES, .bytes = text, .size = 5},
    {.kind = PART_FD, .detail = DESCRIPTOR_FILE},
    {.kind = PART_SVC, .value = {{.number = 7}, {.number = 8}, {.number = 9}}},
};

static int Source(void *context, enum PartDescriptor kind)
{
    (void)kind;
    return *(int *)context;
}

static struct OutMessage Out(void)
{
    return (struct OutMessage){.handle = NUMBER(2),
                               .code = NUMBER(11),
                               .timestamp = NUMBER(1234567890123),
                               .data = {sent, COUNT(sent)}};
}

static void Make(const struct OutMessage *out, struct Composition *composition)
{
    int descriptor = STDIN_FILENO;
    assert_int_equal(Compose(&scenario, environment, out, Source, &descriptor, composition), 0);
}

/* Returns the snapshot that a receiver of a composed message would take. */
static struct Snapshot Receive(struct Composition *composition)
{
    uint8_t *blob;
    uint32_t size;
    struct Snapshot snapshot;
    composition->message.taskID = 5;
    composition->message.processID = 3;
    assert_int_equal(SnapshotTake(&composition->message, &blob, &size), 0);
    assert_int_equal(SnapshotParse(blob, size, &snapshot), 0);
    free(blob);
    return snapshot;
}

static void TestLayout(void **state)
{
    (void)state;
    struct OutMessage out = Out();
    struct Composition composition;
    Make(&out, &composition);
    const IpcMsg *message = &composition.message;
    const uint32_t *offsets = message->offsets;
    uint32_t first;
    memcpy(&first, message->data, sizeof(first));
    assert_int_equal(first, 7); /* the task's ID, 6, and 1 */
    assert_int_equal(message->dataSz, 8 + 24 + 8 + 24 + 24);
    assert_int_equal(message->spObjNum, 3);
    assert_int_equal(offsets[0], 8);
    assert_int_equal(offsets[1], 40);
    assert_int_equal(offsets[2], 64);
    assert_int_equal(message->target.handle, 2);
    assert_true(message->timestamp == 1234567890123);
    SpecialObj object;
    memcpy(&object, (const uint8_t *)message->data + 8, sizeof(object));
    assert_int_equal(object.type, OBJ_PTR);
    assert_int_equal(object.content.ptr.buffSz, 100);
    assert_int_equal(((const uint8_t *)object.content.ptr.buff)[99], 9);
    ComposeFree(&composition);
}

static void TestMalformed(void **state)
{
    (void)state;
    static const uint32_t offsets[] = {4, 8};
    struct OutMessage out = Out();
    struct Composition composition;
    out.overrides = OVERRIDE_DATA_SIZE | OVERRIDE_OBJECT_COUNT | OVERRIDE_OFFSETS;
    out.dataSz = UINT32_MAX;
    out.spObjNum = UINT32_MAX;
    out.offsets = offsets;
    out.offsetCount = 2;
    Make(&out, &composition);
    assert_int_equal(composition.message.dataSz, UINT32_MAX);
    assert_int_equal(composition.message.spObjNum, UINT32_MAX);
    assert_int_equal(((uint32_t *)composition.message.offsets)[1], 8);
    assert_non_null(composition.message.data);
    ComposeFree(&composition);

    out.overrides = OVERRIDE_DATA_NULL | OVERRIDE_OFFSETS_NULL;
    Make(&out, &composition);
    assert_null(composition.message.data);
    assert_null(composition.message.offsets);
    assert_int_equal(composition.message.dataSz, 88);
    assert_int_equal(composition.message.spObjNum, 3);
    ComposeFree(&composition);

    /*
     * More bytes than the declared ones are readable, so a device that copies before it checks is
     * harmless.
     */
    out.overrides = OVERRIDE_DATA_SIZE;
    out.dataSz = 6145;
    Make(&out, &composition);
    const uint8_t *data = composition.message.data;
    assert_int_equal(data[6144], 0);
    ComposeFree(&composition);
}

static void TestNoDescriptor(void **state)
{
    (void)state;
    struct OutMessage out = Out();
    struct Composition composition;
    int descriptor = -1;
    assert_int_equal(Compose(&scenario, environment, &out, Source, &descriptor, &composition),
                     -EMFILE);
    ComposeFree(&composition);
}

static void TestSnapshot(void **state)
{
    (void)state;
    struct OutMessage out = Out();
    struct Composition composition;
    Make(&out, &composition);
    struct Snapshot snapshot = Receive(&composition);
    assert_string_equal(snapshot.fault, "");
    assert_memory_equal(snapshot.data, composition.message.data, composition.message.dataSz);
    assert_int_equal(snapshot.objects[0].type, OBJ_PTR);
    assert_int_equal(snapshot.buffers[0][50], 9);
    assert_int_equal(snapshot.objects[1].isOpen, 1);
    assert_int_equal(snapshot.objects[2].type, OBJ_SVC);
    SnapshotFree(&snapshot);

    /* A truncated or extended blob is no snapshot. */
    uint8_t *blob;
    uint32_t size;
    assert_int_equal(SnapshotTake(&composition.message, &blob, &size), 0);
    for (uint32_t length = 0; length < size; length++) {
        uint8_t *copy = malloc(length + 1);
        assert_non_null(copy);
        memcpy(copy, blob, length);
        assert_int_equal(SnapshotParse(copy, length, &snapshot), -EINVAL);
        free(copy);
    }
    free(blob);
    ComposeFree(&composition);
}

/* A received message with invalid sizes or pointers is reported, not read. */
static void TestFaultyMessages(void **state)
{
    (void)state;
    struct OutMessage out = Out();
    struct WantedMessage wanted = {.fields = 0};
    struct Composition composition;
    struct Difference difference;
    Make(&out, &composition);
    const IpcMsg good = composition.message;
    const struct {
        IpcMsg message;
        const char *fault;
    } cases[] = {
        {{.dataSz = 0x7FFFFFFF, .data = good.data}, "2147483647 bytes of data"},
        {{.dataSz = 8}, "8 bytes of data at a null pointer"},
        {{.spObjNum = 70000, .offsets = good.offsets}, "70000 objects"},
        {{.spObjNum = 1}, "1 objects with offsets at a null pointer"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        composition.message = cases[i].message;
        struct Snapshot snapshot = Receive(&composition);
        assert_string_equal(snapshot.fault, cases[i].fault);
        assert_false(CompareMessage(&scenario, environment, &wanted, &snapshot, &difference));
        assert_string_equal(difference.wanted, "a message");
        assert_string_equal(difference.came, cases[i].fault);
        SnapshotFree(&snapshot);
    }
    composition.message = good;
    ((uint32_t *)composition.message.offsets)[2] = UINT32_MAX - 3;
    struct Snapshot snapshot = Receive(&composition);
    assert_int_equal(snapshot.objects[2].state, OBJECT_OUTSIDE);
    SnapshotFree(&snapshot);
    ComposeFree(&composition);
}

/* ---- differences ----------------------------------------------------------------------------- */

static void Differs(const struct WantedMessage *wanted, const struct Snapshot *came,
                    const char *wantedText, const char *cameText)
{
    struct Difference difference;
    assert_false(CompareMessage(&scenario, environment, wanted, came, &difference));
    assert_string_equal(difference.wanted, wantedText);
    assert_string_equal(difference.came, cameText);
}

static struct WantedMessage WantValue(enum TableField field, uint64_t number)
{
    struct WantedMessage wanted = {.fields = 1U << field};
    wanted.value[field] = NUMBER(number);
    return wanted;
}

static void TestFields(void **state)
{
    (void)state;
    struct OutMessage out = Out();
    struct Composition composition;
    struct Difference difference;
    Make(&out, &composition);
    struct Snapshot came = Receive(&composition);
    struct WantedMessage wanted = {.fields = 0};
    assert_true(CompareMessage(&scenario, environment, &wanted, &came, &difference));
    wanted = WantValue(FIELD_TYPE, MT_DEATH_NOTIFY);
    Differs(&wanted, &came, "type DEATH_NOTIFY", "type REQUEST");
    wanted = WantValue(FIELD_TYPE, 1000);
    Differs(&wanted, &came, "type 1000", "type REQUEST");
    wanted = WantValue(FIELD_HANDLE, 3);
    Differs(&wanted, &came, "handle 3", "handle 2");
    wanted = WantValue(FIELD_CODE, 2);
    Differs(&wanted, &came, "code 2", "code 11");
    wanted = WantValue(FIELD_FLAG, 1);
    Differs(&wanted, &came, "flag 1", "flag 0");
    wanted = (struct WantedMessage){.fields = 1U << FIELD_DATA_SIZE, .dataSz = 89};
    Differs(&wanted, &came, "dataSz 89", "dataSz 88");
    wanted = (struct WantedMessage){.fields = 1U << FIELD_OBJECT_COUNT, .spObjNum = 4};
    Differs(&wanted, &came, "spObjNum 4", "spObjNum 3");
    wanted = (struct WantedMessage){.fields = 1U << FIELD_FROM, .from = 0};
    assert_true(CompareMessage(&scenario, environment, &wanted, &came, &difference));
    wanted.from = 1;
    Differs(&wanted, &came, "from task svc (6) of process 3", "from task cli (5) of process 3");
    came.head.taskID = 99;
    Differs(&wanted, &came, "from task svc (6) of process 3",
            "from task unknown (99) of process 3");
    SnapshotFree(&came);
    ComposeFree(&composition);
}

/* Asserts that one part of the sent message differs from another, expected part. */
static void PartDiffers(const struct Snapshot *came, unsigned index, struct Part part,
                        const char *wantedText, const char *cameText)
{
    struct Part parts[COUNT(sent)];
    struct WantedMessage wanted = {.fields = 1U << FIELD_DATA, .data = {parts, COUNT(sent)}};
    struct Difference difference;
    memcpy(parts, sent, sizeof(sent));
    assert_true(CompareMessage(&scenario, environment, &wanted, came, &difference));
    parts[index] = part;
    Differs(&wanted, came, wantedText, cameText);
}

static void TestParts(void **state)
{
    (void)state;
    static const struct Part otherInner[] = {{.kind = PART_FILL, .detail = 9, .size = 40},
                                             {.kind = PART_FILL, .detail = 8, .size = 10}};
    static const struct Part longInner[] = {{.kind = PART_ANY, .size = 101}};
    struct OutMessage out = Out();
    struct Composition composition;
    Make(&out, &composition);
    struct Snapshot came = Receive(&composition);
    PartDiffers(&came, 0, (struct Part){.kind = PART_U32, .value = {NUMBER(8)}},
                "data at byte 0: 08 00 00 00", "data at byte 0: 07 00 00 00");
    PartDiffers(&came, 1, (struct Part){.kind = PART_PTR, .inner = {otherInner, 2}},
                "buffer of object 0 at byte 40: 08", "buffer of object 0 at byte 40: 09");
    PartDiffers(&came, 1, (struct Part){.kind = PART_PTR, .inner = {longInner, 1}},
                "buffer of object 0 of at least 101 bytes", "100 bytes");
    PartDiffers(&came, 1, (struct Part){.kind = PART_FD}, "object FD at byte 8", "object type 1");
    PartDiffers(&came, 2,
                (struct Part){.kind = PART_BYTES, .bytes = (const uint8_t *)"thrEe", .size = 5},
                "data at byte 35: 45 65", "data at byte 35: 65 65");
    PartDiffers(&came, 4,
                (struct Part){.kind = PART_SVC, .value = {NUMBER(7), NUMBER(8), NUMBER(1)}},
                "object's cookie 1", "object's cookie 9");
    PartDiffers(&came, 4, (struct Part){.kind = PART_ANY, .size = 25}, "data of at least 89 bytes",
                "88 bytes");
    came.objects[1].isOpen = 0;
    PartDiffers(&(struct Snapshot){.head = came.head,
                                   .data = came.data,
                                   .objects = (struct SnapshotObject[]){came.objects[0],
                                                                        {.offset = 40, .isOpen = 1},
                                                                        came.objects[2]},
                                   .buffers = came.buffers},
                3, (struct Part){.kind = PART_PTR}, "object PTR at byte 40", "object type 0");
    struct WantedMessage wanted = {.fields = 1U << FIELD_DATA, .data = {sent, COUNT(sent)}};
    Differs(&wanted, &came, "an open descriptor", "descriptor 0 is not open");
    came.objects[1].offset = 48;
    Differs(&wanted, &came, "an object at byte 40", "no offset names it");
    SnapshotFree(&came);
    ComposeFree(&composition);
}

static void ResultDiffers(uint32_t want, int32_t result, const char *wantedText,
                          const char *cameText)
{
    struct Difference difference;
    assert_false(CompareResult(want, result, 0, &difference));
    assert_string_equal(difference.wanted, wantedText);
    assert_string_equal(difference.came, cameText);
}

static void TestResults(void **state)
{
    (void)state;
    struct Difference difference;
    uint32_t einval = WANT_FIRST_ERROR;
    assert_true(CompareResult(WANT_OK, 0, 0, &difference));
    assert_true(CompareResult(WANT_OK, 7, 7, &difference));
    assert_true(CompareResult(WANT_FAIL, -EBADF, 0, &difference));
    assert_true(CompareResult(einval, -EINVAL, 0, &difference));
    ResultDiffers(WANT_OK, -ETIME, "OK", "ETIME");
    ResultDiffers(einval, 0, "EINVAL", "OK");
    ResultDiffers(einval, -EBADF, "EINVAL", "EBADF");
    ResultDiffers(WANT_FAIL, 0, "FAIL", "OK");
    ResultDiffers(WANT_OK, 12, "result 0", "result 12");
    ResultDiffers(WANT_OK, -EXDEV, "OK", "errno 18");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(TestLayout),         cmocka_unit_test(TestMalformed),
        cmocka_unit_test(TestNoDescriptor),   cmocka_unit_test(TestSnapshot),
        cmocka_unit_test(TestFaultyMessages), cmocka_unit_test(TestFields),
        cmocka_unit_test(TestParts),          cmocka_unit_test(TestResults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
