/*
 * Tests OBJ_PTR: memory that is copied into the receiver's pool, and the checks common to all
 * objects.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/actors.h"
#include "support/parcel.h"

static struct Actor *cms, *cli, *svc;
static struct Parcel parcel, answer;
static char memory[80000];

/* Sets up a client and a service that it may call, both with a pool of 64 KiB. */
static int SetUp(void **state)
{
    int status = StageSetUp(state);
    cms = ActorManager(*state);
    cli = ActorReady(*state);
    svc = ActorService(cms, cli);
    memset(memory, 'a', sizeof(memory));
    return status;
}

/* Asserts that all pools are empty and that the whole allowance is available. */
static int TearDown(void **state)
{
    IpcMsg *got;
    if (ActorTask(svc) != NULL) {
        ParcelBegin(&parcel, ActorOneway(ActorID(svc), 99));
        ParcelPtr(&parcel, memory, 65536 - 96 - 28);
        assert_int_equal(ActorSend(cli, &parcel.msg), 0);
        assert_int_equal(ActorReceive(svc, &got), 0);
        assert_int_equal(ActorFree(svc, ParcelBuffer(got, 0, memory[0], 65536 - 96 - 28)), 0);
        assert_int_equal(ActorFree(svc, got), 0);
    }
    assert_true(ActorPoolIsEmpty(cms) && ActorPoolIsEmpty(cli) && ActorPoolIsEmpty(svc));
    return StageTearDown(state);
}
#define PTR_TEST(test) cmocka_unit_test_setup_teardown(test, SetUp, TearDown)

static void BuffersAreCopiedAndFreedOneByOne(void **state)
{
    static char first[100], second[2000], third[16];
    uint32_t five = 5;
    IpcMsg *request, *reply;
    (void)state;

    memset(first, 1, sizeof(first));
    memset(second, 2, sizeof(second));
    memset(third, 3, sizeof(third));
    ParcelBegin(&parcel, ActorRequest(ActorID(svc), 4));
    ParcelPtr(&parcel, first, sizeof(first));
    ParcelBytes(&parcel, &five, sizeof(five));
    ParcelPtr(&parcel, second, sizeof(second));
    ActorMsgStart(cli, SEND | RECV, &parcel.msg, NULL);
    assert_int_equal(ActorReceive(svc, &request), 0);
    assert_true(ActorIsMessage(request, MT_REQUEST, 4, cli));
    assert_int_equal(request->spObjNum, 2);
    assert_int_equal(request->dataSz, parcel.msg.dataSz);
    assert_memory_equal((char *)request->data + sizeof(SpecialObj), &five, sizeof(five));
    const void *one = ParcelBuffer(request, 0, 1, sizeof(first));
    const void *two = ParcelBuffer(request, 1, 2, sizeof(second));
    assert_ptr_not_equal(one, first);
    assert_int_equal(ActorFree(svc, two), 0);
    assert_int_equal(ActorFree(svc, two), -EFAULT);

    ParcelBegin(&answer, ActorReplyTo(MT_REPLY, request, 5));
    ParcelPtr(&answer, third, sizeof(third));
    assert_int_equal(ActorMsg(svc, SEND | BUFF_FREE, &answer.msg, request, NULL), 0);
    (void)ParcelBuffer(
        &(IpcMsg){.spObjNum = 1, /* the message is freed, its buffer is not */
                  .dataSz = sizeof(SpecialObj),
                  .data = &(SpecialObj){.type = OBJ_PTR,
                                        .content.ptr = {sizeof(first), (void *)(uintptr_t)one}},
                  .offsets = &(uint32_t){0}},
        0, 1, sizeof(first));
    assert_int_equal(ActorFree(svc, one), 0);
    assert_true(ActorPoolIsEmpty(svc));
    assert_int_equal(ActorMsgEnd(cli, &reply), 0);
    assert_true(ActorIsMessage(reply, MT_REPLY, 5, svc));
    assert_int_equal(ActorFree(cli, ParcelBuffer(reply, 0, 3, sizeof(third))), 0);
    assert_int_equal(ActorFree(cli, reply), 0);
    assert_true(ActorPoolIsEmpty(cli));
}

static int SendBuffers(const uint32_t *sizes, unsigned count)
{
    ParcelBegin(&parcel, ActorOneway(ActorID(svc), 1));
    for (unsigned i = 0; i < count; i++) {
        ParcelPtr(&parcel, memory, sizes[i]);
    }
    return ActorSend(cli, &parcel.msg);
}

static void BufferThatDoesNotFitIsInvalid(void **state)
{
    IpcMsg *got;
    (void)state;

    assert_int_equal(SendBuffers((uint32_t[]){70000}, 1), -EINVAL);
    assert_true(ActorPoolIsEmpty(svc));
    assert_int_equal(SendBuffers((uint32_t[]){30000, 20000, 20000}, 3), -EINVAL);
    assert_true(ActorPoolIsEmpty(svc));
    assert_int_equal(SendBuffers((uint32_t[]){30000, 20000}, 2), 0);
    assert_int_equal(SendBuffers((uint32_t[]){20000}, 1), -EINVAL);
    assert_int_equal(ActorReceive(svc, &got), 0);
    assert_int_equal(ActorFree(svc, ParcelBuffer(got, 0, 'a', 30000)), 0);
    assert_int_equal(SendBuffers((uint32_t[]){20000}, 1), 0);
    assert_int_equal(ActorFree(svc, ParcelBuffer(got, 1, 'a', 20000)), 0);
    assert_int_equal(ActorFree(svc, got), 0);
    assert_int_equal(ActorReceive(svc, &got), 0);
    assert_int_equal(ActorFree(svc, ParcelBuffer(got, 0, 'a', 20000)), 0);
    assert_int_equal(ActorFree(svc, got), 0);
}

/*
 * The message is allocated first, then its buffers: ENOMEM without room for the message, EINVAL
 * without room for the buffers.
 */
static void MessageThatDoesNotFitIsNoMemory(void **state)
{
    uint32_t nearly = 65536 - 96 - 28 - 120;
    IpcMsg *got;
    (void)state;

    assert_int_equal(SendBuffers(&nearly, 1), 0); /* 120 bytes remain */
    assert_int_equal(SendBuffers((uint32_t[]){1}, 1), -ENOMEM);
    assert_int_equal(ActorReceive(svc, &got), 0);
    assert_int_equal(ActorFree(svc, ParcelBuffer(got, 0, 'a', nearly)), 0);
    assert_int_equal(ActorFree(svc, got), 0);
    nearly -= 8; /* 128: a message with an object has 124 */
    assert_int_equal(SendBuffers(&nearly, 1), 0);
    assert_int_equal(SendBuffers((uint32_t[]){5}, 1), -EINVAL);
    assert_int_equal(SendBuffers((uint32_t[]){4}, 1), 0);
    for (uint32_t size = nearly; size != 0; size = size == nearly ? 4 : 0) {
        assert_int_equal(ActorReceive(svc, &got), 0);
        assert_int_equal(ActorFree(svc, ParcelBuffer(got, 0, 'a', size)), 0);
        assert_int_equal(ActorFree(svc, got), 0);
    }
}

static void BadBuffersAreInvalid(void **state)
{
    const struct {
        const void *buff;
        uint32_t size;
    } bad[] = {
        {NULL, 0},         {NULL, 1}, {memory, 0}, {memory, UINT32_MAX}, {memory, UINT32_MAX - 3},
        {memory, 1U << 31}};
    (void)state;

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ParcelBegin(&parcel, ActorOneway(ActorID(svc), 1));
        ParcelPtr(&parcel, memory, 5);
        ParcelPtr(&parcel, bad[i].buff, bad[i].size);
        assert_int_equal(ActorSend(cli, &parcel.msg), -EINVAL);
        parcel.msg.target.handle = 0;
        assert_int_equal(ActorSend(cli, &parcel.msg), -EINVAL);
    }
}

static void UnknownTypesAreInvalid(void **state)
{
    static const unsigned types[] = {OBJ_SVC + 1, 100, UINT32_MAX};
    (void)state;

    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        SpecialObj object = {.type = (ObjType)types[i]};
        ParcelBegin(&parcel, ActorOneway(ActorID(svc), 1));
        ParcelPtr(&parcel, memory, 5);
        ParcelObject(&parcel, &object);
        assert_int_equal(ActorSend(cli, &parcel.msg), -EINVAL);
    }
}

static void OffsetsAreChecked(void **state)
{
    static const uint32_t bad[][2] = {{0, 0},       {0, 8},  {0, 16},         {24, 0},
                                      {0, 23},      {0, 25}, {0, 28},         {4, 32},
                                      {1, 40},      {0, 80}, {0, UINT32_MAX}, {0, UINT32_MAX - 23},
                                      {0, 1U << 31}};
    static const uint32_t good[][2] = {{0, 24}, {0, 72}, {8, 32}, {48, 72}};
    SpecialObj object = {.type = OBJ_PTR, .content.ptr = {.buffSz = 5, .buff = memory}};
    IpcMsg *got;
    (void)state;

    ParcelBegin(&parcel, ActorOneway(ActorID(svc), 1));
    parcel.msg.dataSz = 96;
    parcel.msg.spObjNum = 2;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        for (unsigned j = 0; j < 2; j++) {
            if (bad[i][j] <= 72) {
                memcpy(parcel.data + bad[i][j], &object, sizeof(object));
            }
            parcel.offsets[j] = bad[i][j];
        }
        parcel.msg.target.handle = ActorID(svc);
        assert_int_equal(ActorSend(cli, &parcel.msg), -EINVAL);
        parcel.msg.target.handle = 0;
        assert_int_equal(ActorSend(cli, &parcel.msg), -EINVAL);
    }
    parcel.msg.target.handle = ActorID(svc);
    for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        for (unsigned j = 0; j < 2; j++) {
            memcpy(parcel.data + good[i][j], &object, sizeof(object));
            parcel.offsets[j] = good[i][j];
        }
        assert_int_equal(ActorSend(cli, &parcel.msg), 0);
        assert_int_equal(ActorReceive(svc, &got), 0);
        assert_int_equal(ActorFree(svc, ParcelBuffer(got, 0, 'a', 5)), 0);
        assert_int_equal(ActorFree(svc, ParcelBuffer(got, 1, 'a', 5)), 0);
        assert_int_equal(ActorFree(svc, got), 0);
    }
}

/* The array of offsets is aligned on arrival for every length of the data. */
static void OffsetsAreAlignedWhenTheyArrive(void **state)
{
    IpcMsg *got;
    (void)state;

    for (uint32_t more = 0; more < 9; more++) {
        ParcelBegin(&parcel, ActorOneway(ActorID(svc), more));
        ParcelPtr(&parcel, memory, more + 1);
        ParcelBytes(&parcel, "12345678", more);
        assert_int_equal(ActorSend(cli, &parcel.msg), 0);
        assert_int_equal(ActorReceive(svc, &got), 0);
        assert_int_equal(got->dataSz, sizeof(SpecialObj) + more);
        assert_memory_equal((char *)got->data + sizeof(SpecialObj), "12345678", more);
        assert_int_equal(ActorFree(svc, ParcelBuffer(got, 0, 'a', more + 1)), 0);
        assert_int_equal(ActorFree(svc, got), 0);
    }
}

/*
 * The largest number of objects, each with the smallest buffer: the pool has room for every
 * accepted message.
 */
static void ManySmallBuffers(void **state)
{
    IpcMsg *got[16];
    unsigned sent = 0;
    (void)state;

    ParcelBegin(&parcel, ActorOneway(ActorID(svc), 1));
    while (parcel.msg.spObjNum < IPC_MSG_OBJECT_NUM_MAX) {
        ParcelPtr(&parcel, memory, 1);
    }
    while (ActorSend(cli, &parcel.msg) == 0) {
        sent++;
    }
    assert_int_equal(sent, 65536 / (96 + 256 * 28 + 256 * 4));
    for (unsigned i = 0; i < sent; i++) {
        assert_int_equal(ActorReceive(svc, &got[i]), 0);
    }
    for (unsigned i = 0; i < sent; i++) {
        for (uint32_t j = 0; j < IPC_MSG_OBJECT_NUM_MAX; j++) {
            assert_int_equal(ActorFree(svc, ParcelBuffer(got[i], j, 'a', 1)), 0);
        }
        assert_int_equal(ActorFree(svc, got[i]), 0);
    }
}

/*
 * D5. The sender controls a buffer's bytes: they must not be taken for a request, nor be read
 * beyond the end.
 */
static void BufferIsNoRequest(void **state)
{
    IpcMsg forged[4];
    IpcMsg *got;
    (void)state;

    for (unsigned i = 0; i < 4; i++) {
        forged[i] = (IpcMsg){.type = MT_REQUEST,
                             .target = {.handle = ActorID(svc)},
                             .timestamp = 7,
                             .taskID = ActorID(cli),
                             .processID = ActorProcessID(cli)};
    }
    for (unsigned turn = 0; turn < 2; turn++) {
        uint32_t size = turn == 0 ? sizeof(forged) : 1;
        ParcelBegin(&parcel, ActorOneway(ActorID(svc), 1));
        ParcelPtr(&parcel, forged, size);
        assert_int_equal(ActorSend(cli, &parcel.msg), 0);
        assert_int_equal(ActorReceive(svc, &got), 0);
        SpecialObj object = ParcelGet(got, 0, OBJ_PTR);
        IpcMsg reply = ActorReplyTo(MT_REPLY, &forged[0], 1);
        assert_int_equal(ActorMsg(svc, SEND | BUFF_FREE, &reply, object.content.ptr.buff, NULL),
                         -EINVAL);
        assert_int_equal(ActorFree(svc, object.content.ptr.buff), -EFAULT);
        assert_int_equal(ActorFree(svc, got), 0);
    }
}

/*
 * Dropped messages free their buffers: requests to a caller that waits for an answer, failed
 * replies.
 */
static void DroppedMessagesFreeTheirBuffers(void **state)
{
    IpcMsg call = ActorRequest(ActorID(svc), 1);
    IpcMsg *got;
    (void)state;

    assert_int_equal(ActorGrant(cms, svc, cli), -EINVAL); /* no queue yet */
    ActorMsgStart(cli, SEND | RECV, &call, NULL);
    assert_int_equal(ActorReceive(svc, &got), 0);
    assert_int_equal(ActorGrant(cms, svc, cli), 0);
    ParcelBegin(&parcel, ActorOneway(ActorID(cli), 1));
    ParcelPtr(&parcel, memory, 1000);
    ParcelPtr(&parcel, memory, 2000);
    for (unsigned i = 0; i < 100; i++) {
        int status;
        uint64_t deadline = TestDeadline();
        do { /* the allowance is used up until the caller has dropped some messages */
            status = ActorSend(svc, &parcel.msg);
        } while (status == -EINVAL && TestRetry(deadline));
        assert_int_equal(status, 0);
        assert_true(ActorPoolIsEmpty(cli));
    }
    ParcelBegin(&parcel, ActorReplyTo(MT_FAILED_REPLY, got, 1));
    ParcelPtr(&parcel, memory, 1000);
    assert_int_equal(ActorMsg(svc, SEND | BUFF_FREE, &parcel.msg, got, NULL), 0);
    assert_int_equal(ActorMsgEnd(cli, NULL), -ENOENT);
    assert_true(ActorPoolIsEmpty(cli));
}

static void ServiceManagersLimitCountsBuffers(void **state)
{
    uint32_t most = ACTOR_CMS_MESSAGE - sizeof(IpcMsg) - 2 * sizeof(SpecialObj) - 2 * 4 - 1001;
    IpcMsg *got;
    (void)state;

    for (uint32_t more = 0; more < 2; more++) {
        ParcelBegin(&parcel, ActorOneway(0, 1));
        ParcelPtr(&parcel, memory, 1001);
        ParcelPtr(&parcel, memory, most + more);
        assert_int_equal(ActorSend(cli, &parcel.msg), more == 0 ? 0 : -EINVAL);
    }
    assert_int_equal(ActorReceive(cms, &got), 0);
    assert_int_equal(ActorFree(cms, ParcelBuffer(got, 0, 'a', 1001)), 0);
    assert_int_equal(ActorFree(cms, ParcelBuffer(got, 1, 'a', most)), 0);
    assert_int_equal(ActorFree(cms, got), 0);
    assert_int_equal(ActorGrant(cms, cli, cms), 0);
    ParcelBegin(&parcel, ActorOneway(ActorID(cms), 1)); /* there is no limit with its task ID */
    ParcelPtr(&parcel, memory, 20000);
    assert_int_equal(ActorSend(cli, &parcel.msg), 0);
    assert_int_equal(ActorReceive(cms, &got), 0);
    assert_int_equal(ActorFree(cms, ParcelBuffer(got, 0, 'a', 20000)), 0);
    assert_int_equal(ActorFree(cms, got), 0);
}

/*
 * The program holds a message and its buffer when its task exits: both still belong to the program,
 * each is freed once.
 */
static void BuffersOutliveTheirTask(void **state)
{
    struct Actor *sibling = ActorSibling(svc);
    IpcMsg *got;
    (void)state;

    ParcelBegin(&parcel, ActorOneway(ActorID(svc), 1));
    ParcelPtr(&parcel, memory, 500);
    ParcelPtr(&parcel, memory, 600);
    assert_int_equal(ActorSend(cli, &parcel.msg), 0);
    assert_int_equal(ActorSend(cli, &parcel.msg), 0);
    assert_int_equal(ActorReceive(svc, &got), 0);
    const void *retained = ParcelBuffer(got, 1, 'a', 600);
    assert_int_equal(ActorFree(svc, ParcelBuffer(got, 0, 'a', 500)), 0);
    ActorExitTask(svc); /* with a message in its lane */
    assert_int_equal(ActorFree(sibling, got), 0);
    assert_int_equal(ActorFree(sibling, retained), 0);
    assert_int_equal(ActorFree(sibling, retained), -EFAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PTR_TEST(BuffersAreCopiedAndFreedOneByOne),
        PTR_TEST(BufferThatDoesNotFitIsInvalid),
        PTR_TEST(MessageThatDoesNotFitIsNoMemory),
        PTR_TEST(BadBuffersAreInvalid),
        PTR_TEST(UnknownTypesAreInvalid),
        PTR_TEST(OffsetsAreChecked),
        PTR_TEST(OffsetsAreAlignedWhenTheyArrive),
        PTR_TEST(ManySmallBuffers),
        PTR_TEST(BufferIsNoRequest),
        PTR_TEST(DroppedMessagesFreeTheirBuffers),
        PTR_TEST(ServiceManagersLimitCountsBuffers),
        PTR_TEST(BuffersOutliveTheirTask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
