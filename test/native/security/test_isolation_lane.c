/*
 * Tests invalid data in a lane, written by a peer with the real ring: it is dropped and counted,
 * the lane is closed if it continues, and other clients are not affected.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/control_blocks.h"
#include "support/endpoint.h"
#include "support/hostile.h"

static struct Endpoint *const client = &trio.client;
static struct Endpoint *const service = &trio.service;
static struct Hostile hostile;

static struct LiteIpcThreadCounters CountersOf(const struct Endpoint *endpoint)
{
    struct LiteIpcThreadCounters counters;
    LiteIpcThreadCount(endpoint->thread, &counters);
    return counters;
}

static size_t PoolOf(const struct Endpoint *endpoint)
{
    return endpoint->device->ipcInfo.pool.poolSize;
}

static int SetUp(void **state)
{
    TrioSetUp(state);
    HostileOpen(LiteIpcDomainPath(trio.stage.domain), &hostile);
    struct Endpoint as = {.taskID = hostile.process.taskID};
    EndpointGrant(&trio.manager, &as, service);
    assert_int_equal(HostileLaneOpen(&hostile, service->taskID, PoolOf(service), false), 0);
    assert_int_equal(EndpointSendOneWay(client, service, 1), 0);
    assert_true(EndpointGets(service, 1));
    return 0;
}

/* The client can still call, and no memory of the service is lost. */
static int TearDown(void **state)
{
    struct LiteIpcOutgoing out = EndpointRequest(service, 2, LITEIPC_FLAG_DEFAULT);
    struct LiteIpcOutgoing answer = {.code = 3};
    assert_int_equal(EndpointSend(client, &out, 4, NULL), 0);
    struct LiteIpcEvent event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
    assert_int_equal(event.message->code, 2);
    assert_int_equal(EndpointReply(service, event.message, &answer), 0);
    event = EndpointExpect(client, LITEIPC_EVENT_CALL);
    assert_int_equal(event.userData, 4);
    assert_int_equal(LiteIpcFree(client->thread, event.message), 0);
    assert_true(EndpointPoolIsEmpty(service) && EndpointPoolIsEmpty(client));
    HostileClose(&hostile);
    return TrioTearDown(state);
}

static struct IpcRecord Good(void)
{
    return HostileRequest(&hostile, service->taskID, 66, 8);
}

static void ValidRecordsAreDelivered(void **state)
{
    struct IpcRecord record = Good();
    (void)state;

    assert_int_equal(HostileSend(&hostile.lane, &record), 0);
    struct LiteIpcEvent event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
    assert_int_equal(event.message->code, 66);
    assert_int_equal(event.message->taskID, hostile.process.taskID);
    assert_int_equal(event.message->processID, hostile.process.client.identity.processID);
    assert_int_equal(LiteIpcFree(service->thread, event.message), 0);
}

/* A malformed record is dropped and counted, and the next valid one is delivered. */
static void Malformed(const struct IpcRecord *record, uint32_t size)
{
    struct LiteIpcThreadCounters before = CountersOf(service);
    assert_int_equal(HostilePublish(&hostile.lane, record, size), 0);
    assert_true(EndpointIsQuiet(service));
    struct LiteIpcThreadCounters after = CountersOf(service);
    assert_int_equal(after.malformed, before.malformed + 1);
    assert_int_equal(after.lanesClosedForGarbage, 0);
    struct IpcRecord good = Good();
    assert_int_equal(HostileSend(&hostile.lane, &good), 0);
    assert_true(EndpointGets(service, 66));
}

static void WrongSizesAreMalformed(void **state)
{
    uint32_t limit = LiteIpcDataLimit(service->device);
    struct IpcRecord record = Good();
    (void)state;

    Malformed(&record, sizeof(record)); /* less than declared */
    Malformed(&record, sizeof(record) + 4);
    Malformed(&record, sizeof(record) + 12); /* more than declared */
    record.dataSz = UINT32_MAX;
    Malformed(&record, sizeof(record) + 8);
    record.dataSz = UINT32_MAX - 2; /* 0 if it is rounded up */
    Malformed(&record, sizeof(record));
    record.dataSz = limit + 1;
    Malformed(&record, sizeof(record) + limit + 4);
    record.dataSz = 0;
    record.spObjNum = UINT16_MAX;
    Malformed(&record, sizeof(record));
}

/* Zero bytes are descriptors that were never sent, all at the same offset. */
static void ObjectsOfZeroesAreMalformed(void **state)
{
    struct IpcRecord record = Good();
    (void)state;

    record.dataSz = sizeof(SpecialObj);
    record.spObjNum = 1;
    Malformed(&record, IpcRecordSize(record.dataSz, record.spObjNum));
    record.dataSz = 256 * sizeof(SpecialObj);
    record.spObjNum = 256;
    Malformed(&record, IpcRecordSize(record.dataSz, record.spObjNum));
}

static void ForgedSendersAreMalformed(void **state)
{
    struct IpcRecord record = Good();
    (void)state;

    record.sourceTask = client->taskID;
    record.sourceGeneration = LiteIpcTaskGeneration(client->task);
    Malformed(&record, IpcRecordSize(8, 0));
    record.sourceTask = trio.manager.taskID;
    record.sourceGeneration = LiteIpcTaskGeneration(trio.manager.task);
    Malformed(&record, IpcRecordSize(8, 0));
    record.sourceTask = service->taskID;
    record.sourceGeneration = LiteIpcTaskGeneration(service->task);
    Malformed(&record, IpcRecordSize(8, 0));
    record.sourceTask = 0;
    Malformed(&record, IpcRecordSize(8, 0));
    record.sourceTask = 4096;
    Malformed(&record, IpcRecordSize(8, 0));
    record.sourceTask = UINT32_MAX;
    Malformed(&record, IpcRecordSize(8, 0));
}

static void OtherTypesAreMalformed(void **state)
{
    static const uint8_t types[] = {MT_DEATH_NOTIFY, MT_NUM, 200, UINT8_MAX};
    (void)state;

    for (size_t i = 0; i < sizeof(types); i++) {
        struct IpcRecord record = Good();
        record.type = types[i];
        Malformed(&record, IpcRecordSize(8, 0));
    }
}

/*
 * Well-formed, but without recipient: dropped, like messages of correct senders that arrive too
 * late. This never closes a lane.
 */
static void MessagesWithoutRecipientAreDropped(void **state)
{
    uint64_t dropped = CountersOf(service).dropped;
    struct LiteIpcThreadCounters counters;
    (void)state;

    for (int i = 0; i < 50; i++) {
        struct IpcRecord record = Good();
        switch (i % 6) {
            case 0:
                record.destinationGeneration++;
                break;
            case 1:
                record.destinationTask = client->taskID; /* belongs to another thread */
                record.destinationGeneration = LiteIpcTaskGeneration(client->task);
                break;
            case 2:
                record.destinationTask = 4000;
                break;
            case 3:
                record.bits = IPC_RECORD_TO_CMS; /* the service is not the manager */
                break;
            case 4:
                record.sourceGeneration++; /* a task that has exited */
                break;
            default:
                record.type = i % 2 == 0 ? MT_REPLY : MT_FAILED_REPLY; /* unrequested */
                record.callIndex = (uint32_t)i;
                break;
        }
        assert_int_equal(HostileSend(&hostile.lane, &record), 0);
        dropped++;
    }
    assert_true(EndpointIsQuiet(service));
    counters = CountersOf(service);
    assert_int_equal(counters.dropped, dropped);
    assert_int_equal(counters.malformed, 0);
    assert_int_equal(counters.lanesClosedForGarbage, 0);
    assert_true(EndpointPoolIsEmpty(service));
}

static void RepeatedGarbageClosesTheLane(void **state)
{
    struct IpcRecord record = Good();
    struct TestMessage event;
    (void)state;

    record.type = MT_NUM;
    for (int i = 0; i < LANE_GARBAGE_MAX + 10; i++) {
        assert_int_equal(HostileSend(&hostile.lane, &record), 0);
    }
    assert_true(EndpointIsQuiet(service));
    assert_int_equal(CountersOf(service).malformed, LANE_GARBAGE_MAX + 1);
    assert_int_equal(CountersOf(service).lanesClosedForGarbage, 1);
    assert_int_equal(CountersOf(service).lanesIn, 1);
    assert_true(TestEventOf(&hostile.process.thread.socket, CONTROL_EVENT_LANE_CLOSED, &event));
    assert_int_equal(event.message.object.id, hostile.lane.laneID);

    /* Records that remain in the lane do not reach the service. */
    record = Good();
    for (int i = 0; i < 20; i++) {
        assert_int_equal(HostileSend(&hostile.lane, &record), 0);
    }
    assert_true(EndpointIsQuiet(service));
    assert_int_equal(HostileLaneOpen(&hostile, service->taskID, PoolOf(service), false), 0);
    record = Good();
    assert_int_equal(HostileSend(&hostile.lane, &record), 0);
    assert_true(EndpointGets(service, 66));
}

/* A violation of the ring's format closes the lane at once. */
static void BrokenRingClosesTheLane(void **state)
{
    (void)state;
    for (int variant = 0; variant < 5; variant++) {
        struct LiteIpcThreadCounters before = CountersOf(service);
        struct RingRecord *next =
            (struct RingRecord *)(hostile.lane.writer.data + hostile.lane.writer.offset);
        static const struct {
            uint32_t size, skipTo;
        } broken[] = {{15, 0}, {UINT32_MAX, 0}, {0, 0}, {0, UINT32_MAX}, {1U << 30, 0}};
        next->size = broken[variant].size;
        next->skipTo = broken[variant].skipTo;
        atomic_store(&next->sequence, hostile.lane.writer.sequence);
        HostileRing(&hostile.lane);
        assert_true(EndpointIsQuiet(service));
        assert_int_equal(CountersOf(service).lanesClosedForGarbage,
                         before.lanesClosedForGarbage + 1);
        assert_int_equal(HostileLaneOpen(&hostile, service->taskID, PoolOf(service), false), 0);
        struct IpcRecord record = Good();
        assert_int_equal(HostileSend(&hostile.lane, &record), 0);
        assert_true(EndpointGets(service, 66));
    }
}

/* Records too small for a message. */
static void RepeatedShortRecordsCloseTheLane(void **state)
{
    struct IpcRecord record = Good();
    (void)state;

    for (int i = 0; i < LANE_GARBAGE_MAX + 10; i++) {
        assert_int_equal(HostilePublish(&hostile.lane, &record, 16 + (uint32_t)i), 0);
    }
    assert_true(EndpointIsQuiet(service));
    assert_int_equal(CountersOf(service).lanesClosedForGarbage, 1);
}

/* Forged timestamps reorder only the messages of their sender and delay no other. */
static void ForgedTimestampsDelayNoOthers(void **state)
{
    static const uint64_t stamps[] = {0, 1, UINT64_MAX, UINT64_MAX / 2, 1};
    (void)state;

    for (int round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < 5; i++) {
            struct IpcRecord record = Good();
            record.code = 100 + i;
            record.sentAt = stamps[i];
            record.timestamp = stamps[i];
            assert_int_equal(HostileSend(&hostile.lane, &record), 0);
            assert_int_equal(EndpointSendOneWay(client, service, i), 0);
        }
        uint32_t nextLie = 100;
        uint32_t nextTruth = 0;
        for (uint32_t i = 0; i < 10; i++) {
            struct LiteIpcEvent event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
            uint32_t code = event.message->code;
            assert_int_equal(code, code >= 100 ? nextLie++ : nextTruth++);
            assert_int_equal(LiteIpcFree(service->thread, event.message), 0);
        }
    }
}

/* A sender that ignores its allowance gets no more of the service's memory than a correct one. */
static void AllowanceIsEnforcedByTheReceiver(void **state)
{
    const IpcMsg *held[8];
    size_t pool = PoolOf(service);
    struct IpcRecord record = Good();
    size_t nodes;
    size_t bytes;
    (void)state;

    record.dataSz = 60000;
    uint32_t fit = (uint32_t)(pool / IpcCharge(record.dataSz, 0));
    assert_true(fit <= 8);
    for (uint32_t i = 0; i < fit + 5; i++) {
        assert_int_equal(HostileSend(&hostile.lane, &record), 0);
        if (i < fit) {
            held[i] = EndpointExpect(service, LITEIPC_EVENT_MESSAGE).message;
        } else {
            assert_true(EndpointIsQuiet(service));
        }
    }
    LiteIpcPoolCount(service->device, &nodes, &bytes);
    assert_int_equal(nodes, fit);
    assert_int_equal(CountersOf(service).malformed, 5);
    for (uint32_t i = 0; i < fit; i++) {
        assert_int_equal(LiteIpcFree(service->thread, held[i]), 0);
    }
    assert_int_equal(HostileSend(&hostile.lane, &record), 0);
    assert_true(EndpointGets(service, 66));
}

/* The manager's limit for handle 0 also applies to senders that do not check it. */
static void ManagersLimitIsEnforcedByTheReceiver(void **state)
{
    struct Endpoint *manager = &trio.manager;
    (void)state;

    assert_int_equal(HostileLaneOpen(&hostile, manager->taskID, PoolOf(manager), false), 0);
    struct IpcRecord record = HostileRequest(&hostile, manager->taskID, 66, 65536 - 80);
    record.bits = IPC_RECORD_TO_CMS;
    assert_int_equal(HostileSend(&hostile.lane, &record), 0);
    assert_true(EndpointGets(manager, 66));
    record.dataSz++;
    assert_int_equal(HostileSend(&hostile.lane, &record), 0);
    assert_true(EndpointIsQuiet(manager));
    assert_int_equal(CountersOf(manager).malformed, 1);
    record.dataSz--;
    record.bits = 0; /* with its task ID it would need a right */
    assert_int_equal(HostileSend(&hostile.lane, &record), 0);
    assert_true(EndpointIsQuiet(manager));
    assert_int_equal(CountersOf(manager).dropped, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ValidRecordsAreDelivered, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(WrongSizesAreMalformed, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(ObjectsOfZeroesAreMalformed, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(ForgedSendersAreMalformed, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(OtherTypesAreMalformed, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(MessagesWithoutRecipientAreDropped, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(RepeatedGarbageClosesTheLane, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(BrokenRingClosesTheLane, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(RepeatedShortRecordsCloseTheLane, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(ForgedTimestampsDelayNoOthers, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(AllowanceIsEnforcedByTheReceiver, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(ManagersLimitIsEnforcedByTheReceiver, SetUp, TearDown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
