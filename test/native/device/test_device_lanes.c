/*
 * Tests a service with many senders: every read polls 16 of its lanes; the other lanes must ring.
 * Messages are ordered across all lanes, no wake-up is lost, and every sender is served.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/control_blocks.h"
#include "support/endpoint.h"

#define SENDERS 100

static struct Endpoint *const service = &trio.service;
static struct Endpoint senders[SENDERS];

static int SetUp(void **state)
{
    TrioSetUp(state);
    for (int i = 0; i < SENDERS; i++) {
        EndpointOpen(LiteIpcDomainPath(trio.stage.domain), &senders[i], 4096);
        EndpointGrant(&trio.manager, &senders[i], service);
    }
    return 0;
}

static int TearDown(void **state)
{
    for (int i = 0; i < SENDERS; i++) {
        EndpointClose(&senders[i]);
    }
    return TrioTearDown(state);
}

/* Sends the first message of each sender, so that every sender has a lane. */
static void Introduce(int count)
{
    struct LiteIpcEvent event;
    for (int i = 0; i < count; i++) {
        struct LiteIpcOutgoing out = EndpointRequest(service, 0, LITEIPC_FLAG_ONEWAY);
        int status = LiteIpcSendRequest(senders[i].task, &out, 0, NULL);
        assert_true(status == -EINPROGRESS || status == 0);
    }
    /* All senders request more lane ends at once than there are; the service deposits more. */
    assert_false(EndpointNext(service, &event, 50));
    for (int i = 0; i < count; i++) {
        assert_int_equal(EndpointSendOneWay(&senders[i], service, 0), 0);
    }
    for (int i = 0; i < count; i++) {
        assert_true(EndpointGets(service, 0));
    }
}

static uint32_t Random(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

static void OrderHoldsAcrossAllLanes(void **state)
{
    uint32_t seed = 1;
    uint32_t next = 0;
    struct LiteIpcThreadCounters counters;
    (void)state;

    Introduce(SENDERS);
    LiteIpcThreadCount(service->thread, &counters);
    assert_int_equal(counters.lanesIn, SENDERS);
    for (int round = 0; round < 60; round++) {
        /* Uses sometimes a few lanes, sometimes all, and sometimes sleeps first. */
        uint32_t messages = 1 + Random(&seed) % 150;
        uint32_t among = round % 3 == 0 ? SENDERS : round % 3 == 1 ? 20 : 3;
        uint32_t first = next;
        if (round % 5 == 0) {
            assert_true(EndpointIsQuiet(service));
        }
        for (uint32_t i = 0; i < messages; i++) {
            assert_int_equal(EndpointSendOneWay(&senders[Random(&seed) % among], service, next++),
                             0);
        }
        while (first < next) {
            assert_true(EndpointGets(service, first++));
        }
    }
    assert_true(EndpointIsQuiet(service) && EndpointPoolIsEmpty(service));
}

static atomic_uint answered;

/*
 * Sends from one lane after another in random order; each message waits until the previous one has
 * arrived.
 */
static void *SendOneByOne(void *argument)
{
    uint32_t seed = 7;
    uint32_t count = *(uint32_t *)argument;
    for (uint32_t i = 0; i < count; i++) {
        struct LiteIpcOutgoing out = EndpointRequest(service, i, LITEIPC_FLAG_ONEWAY);
        struct Endpoint *from = &senders[Random(&seed) % SENDERS];
        if (LiteIpcSendRequest(from->task, &out, 0, NULL) != 0) {
            break;
        }
        uint64_t end = NowMs() + TEST_DEADLINE_MS;
        while (atomic_load(&answered) <= i && NowMs() < end) {
            if (i % 64 == 0) {
                SleepMs(1); /* the service falls asleep */
            }
        }
        if (i % 128 == 0) {
            SleepMs(1);
        }
    }
    return NULL;
}

static void NoWakeUpIsLost(void **state)
{
    pthread_t thread;
    uint32_t count = 3000;
    (void)state;

    Introduce(SENDERS);
    atomic_store(&answered, 0);
    assert_int_equal(pthread_create(&thread, NULL, SendOneByOne, &count), 0);
    bool all = true;
    for (uint32_t i = 0; i < count && all; i++) {
        struct LiteIpcEvent event;
        all = EndpointNext(service, &event, TEST_DEADLINE_MS) && event.message->code == i &&
              LiteIpcFree(service->thread, event.message) == 0;
        atomic_store(&answered, i + 1);
    }
    atomic_store(&answered, count);
    pthread_join(thread, NULL);
    assert_true(all);
}

struct Burst {
    uint32_t from, until, messages;
    bool failed;
};

static void *SendBursts(void *argument)
{
    struct Burst *burst = argument;
    uint32_t seed = burst->from + 1;
    for (uint32_t i = 0; i < burst->messages; i++) {
        uint32_t who = burst->from + Random(&seed) % (burst->until - burst->from);
        struct LiteIpcOutgoing out = EndpointRequest(service, who, LITEIPC_FLAG_ONEWAY);
        int status = LiteIpcSendRequest(senders[who].task, &out, 0, NULL);
        if (status == -ENOMEM) {
            SleepMs(1);
            i--;
        } else if (status != 0) {
            burst->failed = true;
        }
        if (Random(&seed) % 512 == 0) {
            SleepMs(2);
        }
    }
    return NULL;
}

/* Two OS threads send through 50 lanes each at full speed: every message arrives. */
static void BurstsThroughManyLanesArrive(void **state)
{
    struct Burst bursts[2] = {{.from = 0, .until = 50, .messages = 5000},
                              {.from = 50, .until = 100, .messages = 5000}};
    pthread_t threads[2];
    uint32_t got = 0;
    (void)state;

    Introduce(SENDERS);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, SendBursts, &bursts[i]), 0);
    }
    struct LiteIpcEvent event;
    while (got < 10000 && EndpointNext(service, &event, TEST_DEADLINE_MS)) {
        assert_int_equal(event.message->processID,
                         LiteIpcDeviceProcessID(senders[event.message->code].device));
        assert_int_equal(LiteIpcFree(service->thread, event.message), 0);
        got++;
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_false(bursts[i].failed);
    }
    assert_int_equal(got, 10000);
    assert_true(EndpointIsQuiet(service) && EndpointPoolIsEmpty(service));
}

static struct OutboundLane *LaneOf(const struct Endpoint *sender)
{
    return sender->thread->outbound[service->thread->threadID];
}

/*
 * A bell without a record, in a lane that is not polled, causes neither work nor further wake-ups.
 */
static void BellWithoutRecordCausesNoWakeUps(void **state)
{
    struct timespec before, after;
    (void)state;

    Introduce(SENDERS);
    for (int i = 0; i < SENDERS; i += 7) {
        BellRing(LaneOf(&senders[i])->bell.ring);
    }
    assert_true(EndpointIsQuiet(service));
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    uint64_t start = NowMs();
    assert_int_equal(LiteIpcWait(service->thread, 200), 0);
    assert_true(NowMs() - start >= 199);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    int64_t used = (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec;
    assert_true(used < 100000000);
    for (uint32_t i = 0; i < SENDERS; i++) {
        assert_int_equal(EndpointSendOneWay(&senders[i], service, i), 0);
        assert_int_equal(LiteIpcWait(service->thread, TEST_DEADLINE_MS), 1);
        assert_true(EndpointGets(service, i));
    }
}

/* A bell that rings repeatedly without a record closes its lane; a new lane can be opened. */
static void RepeatedBellWithoutRecordClosesItsLane(void **state)
{
    struct LiteIpcThreadCounters counters;
    (void)state;

    Introduce(20);
    uint32_t laneID = LaneOf(&senders[0])->laneID;
    for (int i = 0; i < LANE_EMPTY_RINGS_MAX + 20; i++) {
        BellRing(LaneOf(&senders[0])->bell.ring);
        LiteIpcCollect(service->thread);
        struct LiteIpcEvent event;
        assert_int_equal(LiteIpcReceive(service->thread, &event, 1), 0);
    }
    LiteIpcThreadCount(service->thread, &counters);
    assert_int_equal(counters.lanesClosedForGarbage, 1);
    assert_int_equal(counters.lanesIn, 19);
    for (int i = 0; i < 100 && LaneOf(&senders[0]) != NULL; i++) {
        assert_true(EndpointIsQuiet(&senders[0])); /* the sender receives the notice */
    }
    struct LiteIpcOutgoing out = EndpointRequest(service, 5, LITEIPC_FLAG_ONEWAY);
    assert_int_equal(LiteIpcSendRequest(senders[0].task, &out, 0, NULL), -EINPROGRESS);
    assert_true(EndpointIsQuiet(service));
    assert_int_equal(EndpointSendOneWay(&senders[0], service, 5), 0);
    assert_true(EndpointGets(service, 5));
    assert_int_not_equal(LaneOf(&senders[0])->laneID, laneID);
    assert_int_equal(EndpointSendOneWay(&senders[1], service, 6), 0);
    assert_true(EndpointGets(service, 6));
}

/* Senders that exit lose no message; the other senders continue. */
static void ExitingSendersLoseNoMessage(void **state)
{
    (void)state;
    Introduce(SENDERS);
    for (uint32_t i = 0; i < SENDERS; i++) {
        assert_int_equal(EndpointSendOneWay(&senders[i], service, i), 0);
    }
    for (uint32_t i = 0; i < SENDERS; i += 2) {
        EndpointClose(&senders[i]);
    }
    for (uint32_t i = 0; i < SENDERS; i++) {
        assert_true(EndpointGets(service, i));
    }
    for (uint32_t i = 1; i < SENDERS; i += 2) {
        assert_int_equal(EndpointSendOneWay(&senders[i], service, i), 0);
    }
    for (uint32_t i = 1; i < SENDERS; i += 2) {
        assert_true(EndpointGets(service, i));
    }
    assert_true(EndpointIsQuiet(service) && EndpointPoolIsEmpty(service));
    assert_true(StageSettles(&trio.stage, 3 + SENDERS / 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(OrderHoldsAcrossAllLanes, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(NoWakeUpIsLost, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(BurstsThroughManyLanesArrive, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(BellWithoutRecordCausesNoWakeUps, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(RepeatedBellWithoutRecordClosesItsLane, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(ExitingSendersLoseNoMessage, SetUp, TearDown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
