/*
 * Tests peers that never stop: floods of records that are dropped, and memory that changes while it
 * is read.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
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
static atomic_bool running;

static int SetUp(void **state)
{
    TrioSetUp(state);
    HostileOpen(LiteIpcDomainPath(trio.stage.domain), &hostile);
    struct Endpoint as = {.taskID = hostile.process.taskID};
    EndpointGrant(&trio.manager, &as, service);
    assert_int_equal(HostileLaneOpen(&hostile, service->taskID, 256 * 1024, false), 0);
    assert_int_equal(EndpointSendOneWay(client, service, 1), 0);
    assert_true(EndpointGets(service, 1));
    atomic_store(&running, true);
    return 0;
}

static int TearDown(void **state)
{
    HostileClose(&hostile);
    return TrioTearDown(state);
}

/* Sends unrequested answers at full speed. */
static void *Flood(void *argument)
{
    struct IpcRecord record = HostileRequest(&hostile, service->taskID, 66, 0);
    uint64_t end = NowMs() + 5000;
    record.type = MT_REPLY;
    while (atomic_load(&running) && NowMs() < end) {
        for (int i = 0; i < 256; i++) {
            (void)HostileSend(&hostile.lane, &record);
        }
    }
    return argument;
}

/* The work of one receive is bounded, and other senders are served. */
static void FloodDoesNotDelayOthers(void **state)
{
    pthread_t system;
    uint32_t got = 0;
    (void)state;

    assert_int_equal(pthread_create(&system, NULL, Flood, NULL), 0);
    uint64_t end = NowMs() + 700;
    while (NowMs() < end) {
        struct LiteIpcOutgoing out = EndpointRequest(service, 5, LITEIPC_FLAG_ONEWAY);
        struct LiteIpcEvent event;
        assert_int_equal(LiteIpcSendRequest(client->task, &out, 0, NULL), 0);
        uint64_t start = NowMs();
        while (LiteIpcReceive(service->thread, &event, 1) == 0) {
            if (LiteIpcPrepareSleep(service->thread) == 0) {
                LiteIpcAwake(service->thread);
            }
            assert_true(NowMs() - start < TEST_DEADLINE_MS);
        }
        assert_int_equal(event.message->code, 5);
        assert_int_equal(LiteIpcFree(service->thread, event.message), 0);
        got++;
    }
    atomic_store(&running, false);
    pthread_join(system, NULL);
    struct LiteIpcThreadCounters counters;
    LiteIpcThreadCount(service->thread, &counters);
    assert_true(counters.dropped > 1000);
    assert_true(got > 1);
}

/* A single receive returns even if there is only invalid data. */
static void OneReceiveIsBounded(void **state)
{
    pthread_t system;
    struct LiteIpcEvent event;
    (void)state;

    assert_int_equal(pthread_create(&system, NULL, Flood, NULL), 0);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(LiteIpcReceive(service->thread, &event, 1), 0);
    }
    atomic_store(&running, false);
    pthread_join(system, NULL);
    while (LiteIpcPrepareSleep(service->thread) == 1) {
        assert_int_equal(LiteIpcReceive(service->thread, &event, 1), 0);
    }
    LiteIpcAwake(service->thread);
    assert_true(EndpointPoolIsEmpty(service));
}

/* Publishes valid records and overwrites the ring while they are read. */
static void *Overwrite(void *argument)
{
    struct RingWriter *writer = &hostile.lane.writer;
    uint32_t seed = 12345;
    uint64_t end = NowMs() + 5000;
    while (atomic_load(&running) && NowMs() < end) {
        struct IpcRecord record = HostileRequest(&hostile, service->taskID, 66, seed % 512);
        uint64_t offset = writer->offset;
        (void)HostileSend(&hostile.lane, &record);
        seed = seed * 1664525U + 1013904223U;
        int bytes = (seed >> 16) % 16 == 0 ? 4 : 0;
        for (int i = 0; i < bytes; i++) {
            seed = seed * 1664525U + 1013904223U;
            /*
             * The last published record, mostly its header, or any position in the hot window of
             * the ring.
             */
            uint64_t place = i == 0 ? (seed >> 8) % 16384 : offset + (seed >> 8) % 96;
            volatile uint8_t *byte = writer->data + place % writer->capacity;
            *byte = (uint8_t)(seed >> 3);
        }
    }
    return argument;
}

static void ChangingMemoryIsHarmless(void **state)
{
    pthread_t system;
    uint32_t lanes = 1;
    uint32_t got = 0;
    (void)state;

    uint64_t until = NowMs() + 1500;
    for (; NowMs() < until; lanes++) {
        atomic_store(&running, true);
        assert_int_equal(pthread_create(&system, NULL, Overwrite, NULL), 0);
        struct LiteIpcThreadCounters counters;
        uint32_t closed;
        LiteIpcThreadCount(service->thread, &counters);
        closed = counters.lanesClosedForGarbage;
        /*
         * Until the lane is closed, or remains empty: a damaged sequence number ends the readable
         * part.
         */
        uint64_t quietAfter = NowMs() + 30;
        while (counters.lanesClosedForGarbage == closed && NowMs() < quietAfter) {
            struct LiteIpcEvent event;
            if (LiteIpcReceive(service->thread, &event, 1) == 1) {
                /* In every case the sender's identity and the sizes are correct. */
                assert_int_equal(event.kind, LITEIPC_EVENT_MESSAGE);
                assert_int_equal(event.message->type, MT_REQUEST);
                assert_int_equal(event.message->processID,
                                 hostile.process.client.identity.processID);
                assert_true(event.message->dataSz <= 65536 && event.message->spObjNum == 0);
                volatile uint8_t sum = 0;
                for (uint32_t i = 0; i < event.message->dataSz; i++) {
                    sum += ((const uint8_t *)event.message->data)[i];
                }
                assert_int_equal(LiteIpcFree(service->thread, event.message), 0);
                got++;
                quietAfter = NowMs() + 30;
            }
            LiteIpcThreadCount(service->thread, &counters);
        }
        atomic_store(&running, false);
        pthread_join(system, NULL);
        assert_int_equal(EndpointSendOneWay(client, service, 7), 0);
        bool fromClient = false;
        struct LiteIpcEvent event;
        while (EndpointNext(service, &event, fromClient ? 0 : TEST_DEADLINE_MS)) {
            fromClient |= event.message->processID == LiteIpcDeviceProcessID(client->device);
            assert_int_equal(LiteIpcFree(service->thread, event.message), 0);
        }
        assert_true(fromClient && EndpointPoolIsEmpty(service));
        /* Only the hostile peer is affected by its blocked lane; it may open another. */
        (void)TestObject(&hostile.process.thread, CONTROL_LANE_CLOSE, hostile.lane.laneID, 0);
        assert_int_equal(HostileLaneOpen(&hostile, service->taskID, 256 * 1024, false), 0);
    }
    assert_true(lanes > 1 && got > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(FloodDoesNotDelayOthers, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(OneReceiveIsBounded, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(ChangingMemoryIsHarmless, SetUp, TearDown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
