/* Tests lanes: who may open one, their parameters, their number, and how they end. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/access.h"
#include "liteipc/hm_liteipc.h"
#include "support/domain_fixture.h"

static void Grant(void)
{
    uint32_t handle = domainTrio.service.taskID;
    assert_int_equal(TestCmsCommand(&domainTrio.manager.thread, domainTrio.manager.taskID,
                                    CMS_ADD_ACCESS, domainTrio.client.taskID, &handle),
                     0);
}

static int Open(struct TestProcess *from, struct TestProcess *to, bool isReply, uint32_t *laneID)
{
    return TestLaneOpen(&from->thread, from->taskID, to->taskID, isReply, laneID);
}

static uint32_t Lanes(void)
{
    struct DomainCounters counters;
    DomainCount(testDomain, &counters);
    return counters.lanes;
}

static bool IsSameFile(int first, int second)
{
    struct stat one, two;
    return fstat(first, &one) == 0 && fstat(second, &two) == 0 && one.st_ino == two.st_ino &&
           one.st_dev == two.st_dev;
}

static void ALaneJoinsARingAndALaneEnd(void **state)
{
    (void)state;
    struct TestMessage event;
    int received[3];
    int ring = TestMemory(TEST_RING_SIZE, TEST_SEALS);
    struct Bell bell;
    assert_int_equal(BellCreate(&bell), 0);
    int ends[3] = {TestMemory(4096, TEST_SEALS), bell.listen, bell.ring};
    struct TestProcess service;
    struct ControlMessage deposit = {.type = CONTROL_LANE_DEPOSIT, .object.id = 4711};
    struct ControlMessage open = {.type = CONTROL_LANE_OPEN};
    uint32_t handle;

    TestProcessOpen(DomainPath(testDomain), &service, 0);
    assert_int_equal(TestSend(service.thread.socket.descriptor, &deposit, sizeof(deposit), ends, 3),
                     0);
    handle = service.taskID;
    assert_int_equal(TestCmsCommand(&domainTrio.manager.thread, domainTrio.manager.taskID,
                                    CMS_ADD_ACCESS, domainTrio.client.taskID, &handle),
                     0);
    const struct ControlThread *entry = ControlThreadAt(service.client.table, service.thread.id);
    uint32_t attention = atomic_load(&entry->attention);
    open.lane = (struct ControlLaneOpen){.taskID = service.taskID,
                                         .generation = service.taskGeneration,
                                         .sourceTaskID = domainTrio.client.taskID,
                                         .ringSize = TEST_RING_SIZE};
    assert_int_equal(TestCall(&domainTrio.client.thread.socket, &open, &ring, 1, received), 0);
    assert_int_equal(open.laneOpened.threadID, service.thread.id);
    assert_int_equal(open.laneOpened.threadGeneration, service.thread.generation);
    assert_true(open.laneOpened.laneID != 0);
    assert_true(IsSameFile(received[0], ends[0]));
    char rung[8];
    BellRing(received[2]);
    assert_int_equal(read(ends[1], rung, sizeof(rung)), 1);
    for (size_t index = 0; index < 3; index++) {
        close(received[index]);
    }

    /* The receiver has been notified before the sender gets its answer. */
    assert_true(atomic_load(&entry->attention) != attention);
    assert_int_equal(TestEvent(&service.thread.socket, &event, 0), 1);
    assert_int_equal(event.message.type, CONTROL_EVENT_LANE);
    assert_int_equal(event.message.laneNew.laneID, open.laneOpened.laneID);
    assert_int_equal(event.message.laneNew.endID, 4711);
    assert_int_equal(event.message.laneNew.processID, domainTrio.client.client.identity.processID);
    assert_int_equal(event.message.laneNew.processGeneration,
                     domainTrio.client.client.identity.generation);
    assert_int_equal(event.message.laneNew.ringSize, TEST_RING_SIZE);
    assert_true(IsSameFile(event.descriptors[0], ring));
    assert_int_equal(event.descriptors[1], -1);
    TestMessageClose(&event);
    assert_true(TestEventOf(&service.thread.socket, CONTROL_EVENT_RESTOCK, &event));
    assert_true(event.message.object.id >= 1);
    close(ring);
    close(ends[0]);
    BellClose(&bell);
    TestProcessClose(&service);
}

static void ALaneRequiresARightInOneDirection(void **state)
{
    (void)state;
    uint32_t sibling;

    assert_int_equal(Open(&domainTrio.client, &domainTrio.service, false, NULL), -EACCES);
    assert_int_equal(Open(&domainTrio.client, &domainTrio.service, true, NULL), -EACCES);
    assert_int_equal(Open(&domainTrio.service, &domainTrio.client, true, NULL), -EACCES);
    assert_true(TestNoEventOf(&domainTrio.service.thread.socket, CONTROL_EVENT_LANE));
    Grant();
    assert_int_equal(Open(&domainTrio.client, &domainTrio.service, false, NULL), 0);
    assert_int_equal(Open(&domainTrio.service, &domainTrio.client, true, NULL),
                     0); /* for the answers */
    /* A lane to any task of a process is allowed if the client may call one of its tasks. */
    assert_int_equal(TestTaskCreate(&domainTrio.service.thread, &sibling, NULL), 0);
    assert_int_equal(
        TestLaneOpen(&domainTrio.client.thread, domainTrio.client.taskID, sibling, false, NULL), 0);
    assert_int_equal(Lanes(), 3);
    /* Within a process no right is needed. */
    assert_int_equal(
        TestLaneOpen(&domainTrio.service.thread, sibling, domainTrio.service.taskID, false, NULL),
        0);
    assert_int_equal(TestLaneOpen(&domainTrio.service.thread, sibling, sibling, false, NULL), 0);
}

static void EveryProcessMayOpenALaneToTheManager(void **state)
{
    (void)state;
    struct TestProcess lonely;
    TestProcessOpen(DomainPath(testDomain), &lonely, 2);

    /*
     * The manager cannot call this task, and it can answer only callers that have opened a lane to
     * it.
     */
    assert_int_equal(Open(&domainTrio.manager, &lonely, false, NULL), -EACCES);
    assert_int_equal(Open(&domainTrio.manager, &lonely, true, NULL), -EACCES);
    assert_int_equal(TestLaneOpen(&lonely.thread, lonely.taskID, 0, false, NULL), 0);
    assert_int_equal(Open(&domainTrio.manager, &lonely, false, NULL), -EACCES);
    assert_int_equal(Open(&domainTrio.manager, &lonely, true, NULL), 0);
    /* Without a ServiceManager there is no handle 0. */
    assert_int_equal(
        TestObject(&domainTrio.manager.thread, CONTROL_TASK_EXIT, domainTrio.manager.taskID, 0), 0);
    assert_int_equal(TestLaneOpen(&lonely.thread, lonely.taskID, 0, false, NULL), -EINVAL);
    TestProcessClose(&lonely);
}

static void TheFirstLaneCreatesTheQueue(void **state)
{
    (void)state;
    uint32_t fresh;
    struct ControlTaskFacts facts;

    assert_int_equal(TestTaskCreate(&domainTrio.client.thread, &fresh, NULL), 0);
    assert_int_equal(ControlTaskRead(domainTrio.client.client.table, fresh, &facts), 0);
    assert_false(facts.queueMade);
    assert_int_equal(
        TestLaneOpen(&domainTrio.client.thread, domainTrio.client.taskID, fresh, false, NULL), 0);
    assert_int_equal(ControlTaskRead(domainTrio.client.client.table, fresh, &facts), 0);
    assert_true(facts.queueMade);
}

static int OpenWith(struct ControlLaneOpen lane, const int *descriptors, size_t count)
{
    struct ControlMessage message = {.type = CONTROL_LANE_OPEN, .lane = lane};
    return TestCall(&domainTrio.client.thread.socket, &message, descriptors, count, NULL);
}

static void BadRequestsGetNoLane(void **state)
{
    (void)state;
    Grant();
    const struct ControlLaneOpen good = {.taskID = domainTrio.service.taskID,
                                         .sourceTaskID = domainTrio.client.taskID,
                                         .ringSize = TEST_RING_SIZE};
    struct ControlLaneOpen bad;
    int ring[2];
    ring[0] = ring[1] = TestMemory(TEST_RING_SIZE, TEST_SEALS);

    assert_int_equal(OpenWith(good, NULL, 0), -EINVAL);
    assert_int_equal(OpenWith(good, ring, 2), -EINVAL);
    bad = good;
    bad.generation = domainTrio.service.taskGeneration + 1;
    assert_int_equal(OpenWith(bad, ring, 1), -EINVAL);
    static const uint32_t noTask[] = {127, 128, UINT32_MAX};
    for (size_t index = 0; index < 3; index++) {
        bad = good;
        bad.taskID = noTask[index];
        assert_int_equal(OpenWith(bad, ring, 1), -EINVAL);
        bad = good;
        bad.sourceTaskID = noTask[index];
        assert_int_equal(OpenWith(bad, ring, 1), -EINVAL);
    }
    bad = good;
    bad.sourceTaskID = 0;
    assert_int_equal(OpenWith(bad, ring, 1), -EINVAL);
    bad.sourceTaskID = domainTrio.service.taskID; /* does not belong to the requesting thread */
    assert_int_equal(OpenWith(bad, ring, 1), -EINVAL);
    static const uint64_t size[] = {
        0, TEST_RING_SIZE - 4096, TEST_RING_SIZE + 4096, 1, UINT64_MAX, 1ULL << 40};
    for (size_t index = 0; index < sizeof(size) / sizeof(size[0]); index++) {
        bad = good;
        bad.ringSize = size[index];
        assert_int_equal(OpenWith(bad, ring, 1), -EINVAL);
    }
    close(ring[0]);

    static const int seals[] = {0,
                                F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL,
                                F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE,
                                F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL,
                                F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL,
                                TEST_SEALS | F_SEAL_WRITE};
    for (size_t index = 0; index < sizeof(seals) / sizeof(seals[0]); index++) {
        ring[0] = TestMemory(TEST_RING_SIZE, seals[index]);
        assert_int_equal(OpenWith(good, ring, 1), -EINVAL);
        close(ring[0]);
    }
    int others[] = {open("/dev/null", O_RDWR | O_CLOEXEC), open("/dev/zero", O_RDWR | O_CLOEXEC)};
    for (size_t index = 0; index < 2; index++) {
        assert_int_equal(OpenWith(good, &others[index], 1), -EINVAL);
        close(others[index]);
    }
    /* The largest size that the receiver's pool allows, and one page more. */
    bad = good;
    bad.ringSize = 4 * TEST_POOL_SIZE + (1 << 20) + 4096;
    ring[0] = TestMemory(bad.ringSize, TEST_SEALS);
    assert_int_equal(OpenWith(bad, ring, 1), -EINVAL);
    close(ring[0]);
    bad.ringSize -= 4096;
    ring[0] = TestMemory(bad.ringSize, TEST_SEALS);
    assert_int_equal(OpenWith(bad, ring, 1), 0);
    close(ring[0]);
    assert_int_equal(Lanes(), 1);
}

static void LaneEndsAreChecked(void **state)
{
    (void)state;
    struct ControlMessage deposit = {.type = CONTROL_LANE_DEPOSIT};
    struct Bell bell;
    assert_int_equal(BellCreate(&bell), 0);
    int good = TestMemory(4096, TEST_SEALS);
    int unsealed = TestMemory(4096, 0);
    int large = TestMemory(8192, TEST_SEALS);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const int sets[][3] = {
        {unsealed, bell.listen, bell.ring},
        {large, bell.listen, bell.ring},
        {null, bell.listen, bell.ring},
        {bell.listen, good, bell.ring},
        {good, null, bell.ring},
        {good, bell.listen, null},
        {good, good, good},
        {good, bell.ring, bell.listen},
    };

    for (size_t index = 0; index < sizeof(sets) / sizeof(sets[0]); index++) {
        struct TestProcess process;
        TestProcessOpen(DomainPath(testDomain), &process, 0);
        assert_int_equal(
            TestSend(process.thread.socket.descriptor, &deposit, sizeof(deposit), sets[index], 3),
            0);
        assert_true(TestIsCutOff(process.client.socket.descriptor));
        TestProcessClose(&process);
    }
    /* Beyond its limit the domain drops lane ends, and the thread stays connected. */
    for (uint32_t end = 0; end < CONTROL_LANE_ENDS_MAX + 10; end++) {
        assert_int_equal(TestDeposit(&domainTrio.client.thread, 100 + end), 0);
    }
    assert_int_equal(TestObject(&domainTrio.client.thread, CONTROL_PROCESS_OPEN, 0, 0), 0);
    struct DomainCounters counters;
    DomainCount(testDomain, &counters);
    assert_int_equal(counters.laneEnds, CONTROL_LANE_ENDS_MAX + 4 + 4);
    BellClose(&bell);
    close(good);
    close(unsealed);
    close(large);
    close(null);
}

static void AReceiverNeedsAPool(void **state)
{
    (void)state;
    struct TestClient client;
    struct TestThread thread;
    uint32_t taskID;
    uint32_t ownHandle = domainTrio.service.taskID;
    struct ControlMessage map = {.type = CONTROL_PROCESS_MAP, .map.poolSize = 0};

    Grant();
    assert_int_equal(TestClientOpen(DomainPath(testDomain), &client), 0);
    assert_int_equal(TestThreadOpen(&client, &thread), 0);
    assert_int_equal(TestTaskCreate(&thread, &taskID, NULL), 0);
    /* A process that has not opened the device may not request a lane and cannot be reached. */
    assert_int_equal(TestLaneOpen(&thread, taskID, taskID, false, NULL), -EINVAL);
    assert_int_equal(TestObject(&thread, CONTROL_PROCESS_OPEN, 0, 0), 0);
    assert_int_equal(TestLaneOpen(&thread, taskID, taskID, false, NULL), -ENOMEM);
    assert_int_equal(TestCmsCommand(&domainTrio.manager.thread, domainTrio.manager.taskID,
                                    CMS_ADD_ACCESS, taskID, &ownHandle),
                     0);
    assert_int_equal(
        TestLaneOpen(&domainTrio.service.thread, domainTrio.service.taskID, taskID, true, NULL),
        -ENOMEM);
    assert_int_equal(TestCall(&domainTrio.service.thread.socket, &map, NULL, 0, NULL), 0);
    assert_int_equal(Open(&domainTrio.client, &domainTrio.service, false, NULL), -ENOMEM);
    TestThreadClose(&thread);
    TestClientClose(&client);
}

static void SixteenLanesPerPair(void **state)
{
    (void)state;
    uint32_t laneIDs[CONTROL_LANES_PER_PAIR];

    Grant();
    for (uint32_t end = 0; end < 60; end++) {
        assert_int_equal(TestDeposit(&domainTrio.service.thread, 100 + end), 0);
    }
    for (uint32_t lane = 0; lane < CONTROL_LANES_PER_PAIR; lane++) {
        assert_int_equal(Open(&domainTrio.client, &domainTrio.service, false, &laneIDs[lane]), 0);
    }
    assert_int_equal(Open(&domainTrio.client, &domainTrio.service, false, NULL), -ENOMEM);
    /* In the opposite direction. */
    assert_int_equal(Open(&domainTrio.service, &domainTrio.client, true, NULL), 0);
    assert_int_equal(TestObject(&domainTrio.client.thread, CONTROL_LANE_CLOSE, laneIDs[3], 0), 0);
    assert_int_equal(Open(&domainTrio.client, &domainTrio.service, false, NULL), 0);
    assert_int_equal(Open(&domainTrio.client, &domainTrio.service, false, NULL), -ENOMEM);
}

static void EitherEndClosesALane(void **state)
{
    (void)state;
    uint32_t laneID;
    struct TestMessage event;

    Grant();
    assert_int_equal(Open(&domainTrio.client, &domainTrio.service, false, &laneID), 0);
    assert_int_equal(TestObject(&domainTrio.manager.thread, CONTROL_LANE_CLOSE, laneID, 0),
                     -ENOENT);
    assert_int_equal(TestObject(&domainTrio.manager.thread, CONTROL_LANE_LEASE, laneID, 0),
                     -ENOENT);
    assert_int_equal(TestObject(&domainTrio.service.thread, CONTROL_LANE_CLOSE, laneID, 0), 0);
    assert_true(TestEventOf(&domainTrio.client.thread.socket, CONTROL_EVENT_LANE_CLOSED, &event));
    assert_int_equal(event.message.object.id, laneID);
    assert_int_equal(TestObject(&domainTrio.client.thread, CONTROL_LANE_CLOSE, laneID, 0), -ENOENT);
    assert_int_equal(Lanes(), 0);

    uint32_t next;
    assert_int_equal(Open(&domainTrio.client, &domainTrio.service, false, &next), 0);
    assert_int_not_equal(next, laneID);
    assert_int_equal(TestObject(&domainTrio.client.thread, CONTROL_LANE_CLOSE, next, 0), 0);
    assert_true(TestEventOf(&domainTrio.service.thread.socket, CONTROL_EVENT_LANE_CLOSED, &event));
    assert_int_equal(event.message.object.id, next);
    static const uint32_t noLane[] = {0, 1, 0xFFFF, 0x10000, UINT32_MAX};
    for (size_t index = 0; index < sizeof(noLane) / sizeof(noLane[0]); index++) {
        assert_int_equal(
            TestObject(&domainTrio.client.thread, CONTROL_LANE_CLOSE, noLane[index], 0), -ENOENT);
    }
}

static void LanesOfAnExitedThreadStayWithItsProcess(void **state)
{
    (void)state;
    struct TestThread sibling;
    uint32_t laneID;
    struct TestMessage event;

    Grant();
    assert_int_equal(TestThreadOpen(&domainTrio.client.client, &sibling), 0);
    assert_int_equal(Open(&domainTrio.client, &domainTrio.service, false, &laneID), 0);
    assert_int_equal(TestObject(&domainTrio.client.thread, CONTROL_THREAD_EXIT, 0, 0), 0);
    assert_int_equal(Lanes(), 1);
    assert_int_equal(TestObject(&sibling, CONTROL_LANE_LEASE, laneID, 0), 0);
    assert_int_equal(TestObject(&domainTrio.service.thread, CONTROL_LANE_CLOSE, laneID, 0), 0);
    assert_true(TestEventOf(&sibling.socket, CONTROL_EVENT_LANE_CLOSED, &event));
    TestThreadClose(&sibling);
}

static void AReceiversExitClosesItsLanes(void **state)
{
    (void)state;
    struct TestMessage event;

    Grant();
    assert_int_equal(Open(&domainTrio.client, &domainTrio.service, false, NULL), 0);
    assert_int_equal(Lanes(), 1);
    assert_int_equal(TestObject(&domainTrio.service.thread, CONTROL_THREAD_EXIT, 0, 0), 0);
    assert_int_equal(Lanes(), 0);
    assert_true(TestEventOf(&domainTrio.client.thread.socket, CONTROL_EVENT_WAKE, &event));
    assert_false(IsTaskAlive(domainTrio.client.client.table, domainTrio.service.taskID));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ALaneJoinsARingAndALaneEnd, DomainTrioSetUp,
                                        DomainTrioTearDown),
        cmocka_unit_test_setup_teardown(ALaneRequiresARightInOneDirection, DomainTrioSetUp,
                                        DomainTrioTearDown),
        cmocka_unit_test_setup_teardown(EveryProcessMayOpenALaneToTheManager, DomainTrioSetUp,
                                        DomainTrioTearDown),
        cmocka_unit_test_setup_teardown(TheFirstLaneCreatesTheQueue, DomainTrioSetUp,
                                        DomainTrioTearDown),
        cmocka_unit_test_setup_teardown(BadRequestsGetNoLane, DomainTrioSetUp, DomainTrioTearDown),
        cmocka_unit_test_setup_teardown(LaneEndsAreChecked, DomainTrioSetUp, DomainTrioTearDown),
        cmocka_unit_test_setup_teardown(AReceiverNeedsAPool, DomainTrioSetUp, DomainTrioTearDown),
        cmocka_unit_test_setup_teardown(SixteenLanesPerPair, DomainTrioSetUp, DomainTrioTearDown),
        cmocka_unit_test_setup_teardown(EitherEndClosesALane, DomainTrioSetUp, DomainTrioTearDown),
        cmocka_unit_test_setup_teardown(LanesOfAnExitedThreadStayWithItsProcess, DomainTrioSetUp,
                                        DomainTrioTearDown),
        cmocka_unit_test_setup_teardown(AReceiversExitClosesItsLanes, DomainTrioSetUp,
                                        DomainTrioTearDown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
