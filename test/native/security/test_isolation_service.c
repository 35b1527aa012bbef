/*
 * Tests a hostile service: forged cursors, a blocked or closed bell, or a lane that is never read.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/bell.h"
#include "platform/shared_memory.h"
#include "support/endpoint.h"
#include "support/hostile.h"

static struct Endpoint *const client = &trio.client;
static struct Endpoint *const service = &trio.service;
static struct Hostile hostile;
static struct RingCursors *cursors; /* of the lane that the client gets */
static struct Bell bell;
static struct Endpoint target;

static int SetUp(void **state)
{
    int descriptors[3];
    void *memory;
    TrioSetUp(state);
    memset(&hostile, 0, sizeof(hostile));
    hostile.lane.bell = (struct Bell){.listen = -1, .ring = -1};
    TestProcessOpen(LiteIpcDomainPath(trio.stage.domain), &hostile.process, 0);
    assert_int_equal(SharedMemoryCreate("cursors", RING_CURSORS_SIZE, &memory, &descriptors[0]), 0);
    cursors = memory;
    assert_int_equal(BellCreate(&bell), 0);
    descriptors[1] = bell.listen;
    descriptors[2] = bell.ring;
    struct ControlMessage deposit = {.type = CONTROL_LANE_DEPOSIT, .object.id = 1};
    assert_int_equal(TestSend(hostile.process.thread.socket.descriptor, &deposit, sizeof(deposit),
                              descriptors, 3),
                     0);
    close(descriptors[0]);
    target = (struct Endpoint){.taskID = hostile.process.taskID};
    EndpointGrant(&trio.manager, client, &target);
    assert_int_equal(EndpointSendOneWay(client, &target, 0), 0);
    return 0;
}

/* The client's other services are not affected. */
static int TearDown(void **state)
{
    assert_int_equal(EndpointSendOneWay(client, service, 3), 0);
    assert_true(EndpointGets(service, 3));
    BellClose(&bell);
    SharedMemoryUnmap(cursors, RING_CURSORS_SIZE);
    HostileClose(&hostile);
    return TrioTearDown(state);
}

/* With invalid cursors nothing is sent, and no memory of the client is touched. */
static void InvalidCursorsAreRejected(void **state)
{
    static const uint64_t values[] = {1, 1ULL << 20, UINT64_MAX, UINT64_MAX - 63, 1ULL << 63};
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        _Atomic uint64_t *const places[] = {&cursors->taken, &cursors->freed,
                                            &cursors->freedElsewhere, &cursors->armed};
        for (int place = 0; place < 4; place++) {
            uint64_t honest = atomic_load(places[place]);
            atomic_store(places[place], values[i]);
            uint32_t sent = 0;
            int status = 0;
            for (; sent < 3000 && status == 0; sent++) {
                status = EndpointSendOneWay(client, &target, sent);
            }
            assert_true(status == 0 || status == -ENOMEM);
            atomic_store(places[place], honest);
        }
    }
}

/* A service that never frees only blocks its own clients. */
static void ServiceThatNeverFreesBlocksOnlyItsClients(void **state)
{
    uint32_t sent = 1; /* the message of the fixture */
    (void)state;
    while (EndpointSendOneWay(client, &target, sent) == 0) {
        sent++;
    }
    assert_int_equal(EndpointSendOneWay(client, &target, sent), -ENOMEM);
    assert_int_equal(sent, TEST_POOL_SIZE / sizeof(IpcListNode));
}

/* Requests a bell for every message; its bell is full and has changed flags. */
static void FullBellsDoNotBlock(void **state)
{
    char junk[4096] = {0};
    (void)state;
    while (write(bell.ring, junk, sizeof(junk)) > 0) {
    }
    while (write(bell.ring, junk, 1) > 0) {
    }
    /* Makes the pipe blocking for all processes that share it. */
    assert_int_equal(fcntl(bell.ring, F_SETFL, 0), 0);
    assert_int_equal(fcntl(bell.listen, F_SETFL, 0), 0);
    uint64_t start = NowMs();
    for (uint32_t i = 0; i < 200; i++) {
        atomic_store(&cursors->armed, 2 * i + 1);
        assert_int_equal(EndpointSendOneWay(client, &target, i), 0);
    }
    assert_true(NowMs() - start < TEST_DEADLINE_MS);
    struct LiteIpcThreadCounters counters;
    LiteIpcThreadCount(client->thread, &counters);
    assert_true(counters.bellsRung >= 200);
}

/* The read end of its bell is closed: no signal, and no error except for this service. */
static void ClosedBellsAreHarmless(void **state)
{
    (void)state;
    BellClose(&bell);
    for (uint32_t i = 0; i < 50; i++) {
        atomic_store(&cursors->armed, 2 * i + 1);
        assert_int_equal(EndpointSendOneWay(client, &target, i), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(InvalidCursorsAreRejected, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(ServiceThatNeverFreesBlocksOnlyItsClients, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(FullBellsDoNotBlock, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(ClosedBellsAreHarmless, SetUp, TearDown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
