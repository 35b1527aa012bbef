/*
 * Tests deaths: recipients and order of death notices, the state that remains until delivery, and
 * pending requests.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/access.h"
#include "liteipc/hm_liteipc.h"
#include "support/domain_fixture.h"

static void Grant(struct TestProcess *client, uint32_t handle)
{
    assert_int_equal(TestCmsCommand(&domainTrio.manager.thread, domainTrio.manager.taskID,
                                    CMS_ADD_ACCESS, client->taskID, &handle),
                     0);
}

static void MakeIpcTask(struct TestProcess *process)
{
    assert_int_equal(TestObject(&process->thread, CONTROL_SET_IPC_TASK, process->taskID, 0), 0);
}

static uint32_t Count(uint32_t offset)
{
    struct DomainCounters counters;
    DomainCount(testDomain, &counters);
    return *(uint32_t *)(void *)((char *)&counters + offset);
}
#define COUNT(field) Count(offsetof(struct DomainCounters, field))

static int Exit(struct TestProcess *process)
{
    struct ControlMessage message = {.type = CONTROL_PROCESS_EXIT};
    return TestCall(&process->client.socket, &message, NULL, 0, NULL);
}

static uint64_t NowNs(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static void ATaskExitIsAnnounced(void **state)
{
    (void)state;
    struct TestMessage event;
    const struct ControlTable *table = domainTrio.client.client.table;
    uint32_t client = domainTrio.client.client.identity.processID;
    uint32_t service = domainTrio.service.taskID;

    Grant(&domainTrio.client, service);
    Grant(&domainTrio.manager, service); /* has access, but no IPC task */
    MakeIpcTask(&domainTrio.client);
    MakeIpcTask(&domainTrio.service); /* receives no notice of its own death */
    uint64_t before = NowNs();
    assert_int_equal(TestObject(&domainTrio.service.thread, CONTROL_TASK_EXIT, service, 0), 0);
    assert_false(HasServiceAccess(table, client, service) || IsTaskAlive(table, service));

    /* Both are available when the answer arrives: first the notice, then the wake-up. */
    assert_int_equal(TestEvent(&domainTrio.client.thread.socket, &event, 0), 1);
    assert_int_equal(event.message.type, CONTROL_EVENT_DEATH);
    assert_int_equal(event.message.death.ipcTaskID, domainTrio.client.taskID);
    assert_int_equal(event.message.death.deadTaskID, service);
    assert_int_equal(event.message.death.deadGeneration, domainTrio.service.taskGeneration);
    assert_int_equal(event.message.death.deadProcessID,
                     domainTrio.service.client.identity.processID);
    assert_int_equal(event.message.death.uid, getuid());
    assert_int_equal(event.message.death.gid, getgid());
    assert_true(event.message.death.timestamp >= before &&
                event.message.death.timestamp <= NowNs());
    assert_int_equal(TestEvent(&domainTrio.client.thread.socket, &event, 0), 1);
    assert_int_equal(event.message.type, CONTROL_EVENT_WAKE);
    assert_true(TestNoEventOf(&domainTrio.service.thread.socket, CONTROL_EVENT_DEATH));
    assert_true(TestNoEventOf(&domainTrio.manager.thread.socket, CONTROL_EVENT_DEATH));
}

static void NoticesRequireARightAndAnIpcTask(void **state)
{
    (void)state;
    struct TestMessage event;
    struct TestProcess stranger;
    uint32_t handle, second;

    TestProcessOpen(DomainPath(testDomain), &stranger, 0);
    MakeIpcTask(&stranger); /* no right */
    MakeIpcTask(&domainTrio.client);
    handle = domainTrio.service.taskID;
    assert_int_equal(TestTaskCreate(&domainTrio.service.thread, &second, NULL), 0);
    assert_int_equal(TestObject(&domainTrio.service.thread, CONTROL_TASK_INIT, second, 0), 0);
    Grant(&domainTrio.client, handle);
    Grant(&domainTrio.client, second);
    assert_int_equal(TestObject(&domainTrio.service.thread, CONTROL_THREAD_EXIT, 0, 0), 0);
    assert_true(TestEventOf(&domainTrio.client.thread.socket, CONTROL_EVENT_DEATH, &event));
    assert_int_equal(event.message.death.deadTaskID, handle);
    assert_true(TestEventOf(&domainTrio.client.thread.socket, CONTROL_EVENT_DEATH, &event));
    assert_int_equal(event.message.death.deadTaskID, second);
    assert_true(TestNoEventOf(&stranger.thread.socket, CONTROL_EVENT_DEATH));
    TestProcessClose(&stranger);
}

/* A child is killed at a random point of its work, and every process with a right is notified. */
static void AKilledProcessIsAnnounced(void **state)
{
    (void)state;
    int ready[2];
    uint32_t taskID;
    struct TestMessage event;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    MakeIpcTask(&domainTrio.client);
    for (int round = 0; round < 20; round++) {
        pid_t pid = fork();
        if (pid == 0) {
            struct TestProcess child;
            TestProcessOpen(DomainPath(testDomain), &child, 2);
            (void)!write(ready[1], &child.taskID, sizeof(child.taskID));
            for (;;) { /* busy with requests of all kinds */
                uint32_t extra;
                (void)TestTaskCreate(&child.thread, &extra, NULL);
                (void)TestDeposit(&child.thread, 9);
                (void)TestLaneOpen(&child.thread, child.taskID, 0, false, NULL);
                (void)TestObject(&child.thread, CONTROL_TASK_EXIT, extra, 0);
                (void)TestNoEventOf(&child.thread.socket, CONTROL_EVENT_DEATH);
            }
        }
        assert_int_equal(read(ready[0], &taskID, sizeof(taskID)), sizeof(taskID));
        Grant(&domainTrio.client, taskID);
        usleep(2000);
        kill(pid, SIGKILL);
        uint64_t killed = NowMs();
        assert_true(TestEventOf(&domainTrio.client.thread.socket, CONTROL_EVENT_DEATH, &event));
        assert_int_equal(event.message.death.deadTaskID, taskID);
        assert_true(NowMs() - killed < TEST_PROMPT_MS);
        (void)waitpid(pid, NULL, 0);
        (void)TestNoEventOf(&domainTrio.manager.thread.socket, CONTROL_EVENT_DEATH);
        assert_int_equal(TestDeposit(&domainTrio.manager.thread, 50), 0);
    }
    close(ready[0]);
    close(ready[1]);
}

static bool BecomesState(uint32_t processID, int expected)
{
    struct ControlProcessFacts facts;
    int state = -1;
    uint64_t deadline = TestDeadline();
    do {
        int status = ControlProcessRead(domainTrio.manager.client.table, processID, &facts);
        state = status == 0 ? (int)facts.state : CONTROL_FREE;
    } while (state != expected && TestRetry(deadline));
    return state == expected;
}

/*
 * Messages of a terminated sender are still delivered: its slot and its rights remain until then.
 */
static void ATerminatedProcessRemainsUntilItsLanesAreDrained(void **state)
{
    (void)state;
    uint32_t first, second, handle = domainTrio.service.taskID;
    uint32_t client = domainTrio.client.client.identity.processID;
    const struct ControlTable *table = domainTrio.manager.client.table;
    struct ControlMessage drained = {.type = CONTROL_LANE_DRAINED};
    struct ControlTaskFacts task;

    Grant(&domainTrio.client, handle);
    assert_int_equal(
        TestLaneOpen(&domainTrio.client.thread, domainTrio.client.taskID, handle, false, &first),
        0);
    assert_int_equal(
        TestLaneOpen(&domainTrio.client.thread, domainTrio.client.taskID, 0, false, &second), 0);
    /* Draining has no effect before the sender has terminated. */
    drained.object.id = first;
    int socket = domainTrio.service.thread.socket.descriptor;
    assert_int_equal(TestSend(socket, &drained, sizeof(drained), NULL, 0), 0);
    assert_int_equal(TestObject(&domainTrio.service.thread, CONTROL_PROCESS_OPEN, 0, 0), 0);
    assert_int_equal(COUNT(lanes), 2);

    assert_int_equal(Exit(&domainTrio.client), 0);
    assert_true(BecomesState(client, CONTROL_DEAD));
    assert_true(HasServiceAccess(table, client, handle));
    assert_int_equal(ControlTaskRead(table, domainTrio.client.taskID, &task), 0);
    assert_int_equal(task.state, CONTROL_DEAD);
    assert_int_equal(COUNT(lanes), 2);
    assert_int_equal(COUNT(processes), 3);

    /* Another thread, or an invalid ID, has no effect. */
    assert_int_equal(
        TestSend(domainTrio.manager.thread.socket.descriptor, &drained, sizeof(drained), NULL, 0),
        0);
    drained.object.id = 0;
    assert_int_equal(TestSend(socket, &drained, sizeof(drained), NULL, 0), 0);
    assert_int_equal(TestObject(&domainTrio.manager.thread, CONTROL_PROCESS_OPEN, 0, 0), 0);
    assert_int_equal(TestObject(&domainTrio.service.thread, CONTROL_PROCESS_OPEN, 0, 0), 0);
    assert_int_equal(COUNT(lanes), 2);

    drained.object.id = first;
    assert_int_equal(TestSend(socket, &drained, sizeof(drained), NULL, 0), 0);
    assert_int_equal(TestObject(&domainTrio.service.thread, CONTROL_PROCESS_OPEN, 0, 0), 0);
    assert_int_equal(COUNT(lanes), 1);
    assert_true(HasServiceAccess(table, client, handle));
    /* The other receiver exits without draining, which has the same effect. */
    assert_int_equal(TestObject(&domainTrio.manager.thread, CONTROL_THREAD_EXIT, 0, 0), 0);
    assert_int_equal(COUNT(lanes), 0);
    assert_true(BecomesState(client, CONTROL_FREE));
    assert_false(HasServiceAccess(table, client, handle));
    assert_int_equal(ControlTaskRead(table, domainTrio.client.taskID, &task), -ESRCH);
    assert_int_equal(COUNT(processes), 2);
}

/*
 * A right can be removed from a terminated process: its published messages are then not delivered.
 */
static void RightsOfATerminatedProcessCanBeRemoved(void **state)
{
    (void)state;
    uint32_t handle = domainTrio.service.taskID;
    uint32_t client = domainTrio.client.client.identity.processID;
    struct ControlAccess access = {.callerTaskID = domainTrio.manager.taskID,
                                   .processID = client,
                                   .processGeneration =
                                       domainTrio.client.client.identity.generation,
                                   .serviceHandle = handle};

    Grant(&domainTrio.client, handle);
    assert_int_equal(
        TestLaneOpen(&domainTrio.client.thread, domainTrio.client.taskID, handle, false, NULL), 0);
    assert_int_equal(Exit(&domainTrio.client), 0);
    assert_true(HasServiceAccess(domainTrio.manager.client.table, client, handle));
    assert_int_equal(TestRemoveAccess(&domainTrio.manager.thread, &access), 0);
    assert_false(HasServiceAccess(domainTrio.manager.client.table, client, handle));
    assert_int_equal(COUNT(processes), 3);
}

/* Notices that do not fit into the socket are queued in the domain until the receiver reads. */
static void NoticesAreNotLostWithAFullSocket(void **state)
{
    (void)state;
    enum { DEATHS = 1000 };
    bool seen[128 * 16] = {false};
    struct TestMessage event;
    uint32_t received = 0;

    MakeIpcTask(&domainTrio.client);
    uint32_t announced = 0;
    for (uint32_t death = 0; death < DEATHS; death++) {
        uint32_t taskID, generation;
        if (TestTaskCreate(&domainTrio.service.thread, &taskID, &generation) != 0) {
            break; /* every slot is occupied by an unread notice */
        }
        assert_int_equal(TestObject(&domainTrio.service.thread, CONTROL_TASK_INIT, taskID, 0), 0);
        Grant(&domainTrio.client, taskID);
        assert_int_equal(TestObject(&domainTrio.service.thread, CONTROL_TASK_EXIT, taskID, 0), 0);
        (void)TestNoEventOf(&domainTrio.service.thread.socket, CONTROL_EVENT_DEATH);
        announced++;
    }
    assert_true(announced > 128); /* the socket was full, so slots are occupied */
    assert_true(announced < DEATHS);
    assert_true(COUNT(tasks) > 100);
    while (received < announced &&
           TestEventOf(&domainTrio.client.thread.socket, CONTROL_EVENT_DEATH, &event)) {
        uint32_t key = event.message.death.deadGeneration * 128 + event.message.death.deadTaskID;
        assert_true(key < sizeof(seen) && !seen[key]);
        seen[key] = true;
        received++;
    }
    assert_int_equal(received, announced);
    assert_int_equal(TestObject(&domainTrio.client.thread, CONTROL_PROCESS_OPEN, 0, 0), 0);
    assert_true(TestNoEventOf(&domainTrio.client.thread.socket, CONTROL_EVENT_DEATH));
    assert_int_equal(COUNT(tasks), 3); /* no slot is occupied any more */
}

/* The receiver of the notices exits, and the queued notices are discarded. */
static void QueuedNoticesEndWithTheirReader(void **state)
{
    (void)state;
    MakeIpcTask(&domainTrio.client);
    uint32_t taskID;
    while (TestTaskCreate(&domainTrio.service.thread, &taskID, NULL) == 0) {
        assert_int_equal(TestObject(&domainTrio.service.thread, CONTROL_TASK_INIT, taskID, 0), 0);
        Grant(&domainTrio.client, taskID);
        assert_int_equal(TestObject(&domainTrio.service.thread, CONTROL_TASK_EXIT, taskID, 0), 0);
        (void)TestNoEventOf(&domainTrio.service.thread.socket, CONTROL_EVENT_DEATH);
    }
    assert_true(COUNT(tasks) > 100);
    assert_int_equal(Exit(&domainTrio.client), 0);
    assert_int_equal(COUNT(tasks), 2);
    assert_int_equal(TestTaskCreate(&domainTrio.service.thread, &taskID, NULL), 0);
}

static void ALaneOpenWaitsForALaneEnd(void **state)
{
    (void)state;
    struct TestProcess bare;
    struct TestMessage answer;
    uint32_t requests[3];

    TestProcessOpen(DomainPath(testDomain), &bare, 0);
    Grant(&domainTrio.client, bare.taskID);
    for (int index = 0; index < 3; index++) {
        requests[index] =
            TestLaneOpenStart(&domainTrio.client.thread, domainTrio.client.taskID, bare.taskID);
    }
    assert_true(TestEventOf(&bare.thread.socket, CONTROL_EVENT_RESTOCK, &answer));
    assert_int_equal(TestAnswer(&domainTrio.client.thread.socket, requests[0], 50, &answer),
                     -ETIMEDOUT);
    assert_int_equal(COUNT(parked), 3);
    assert_int_equal(COUNT(lanes), 0);
    /* Other requests of the same thread are answered in the meantime. */
    assert_int_equal(TestObject(&domainTrio.client.thread, CONTROL_PROCESS_OPEN, 0, 0), 0);

    for (int index = 0; index < 2; index++) {
        assert_int_equal(TestDeposit(&bare.thread, 1 + (uint32_t)index), 0);
        assert_int_equal(TestAnswer(&domainTrio.client.thread.socket, requests[index],
                                    TEST_DEADLINE_MS, &answer),
                         0);
        TestMessageClose(&answer);
        assert_int_equal(COUNT(parked), 2 - (uint32_t)index);
        assert_int_equal(COUNT(lanes), 1 + (uint32_t)index);
    }
    /* The right is removed while the last request is pending. */
    struct ControlAccess access = {.callerTaskID = domainTrio.manager.taskID,
                                   .processID = domainTrio.client.client.identity.processID,
                                   .serviceHandle = bare.taskID};
    assert_int_equal(TestRemoveAccess(&domainTrio.manager.thread, &access), 0);
    assert_int_equal(TestDeposit(&bare.thread, 3), 0);
    assert_int_equal(
        TestAnswer(&domainTrio.client.thread.socket, requests[2], TEST_DEADLINE_MS, &answer),
        -EACCES);
    assert_int_equal(COUNT(parked), 0);
    TestProcessClose(&bare);
}

static void PendingLaneOpensEndWithEitherSide(void **state)
{
    (void)state;
    struct TestProcess bare, asker;
    struct TestMessage answer;

    TestProcessOpen(DomainPath(testDomain), &bare, 0);
    TestProcessOpen(DomainPath(testDomain), &asker, 0);
    Grant(&domainTrio.client, bare.taskID);
    Grant(&asker, bare.taskID);
    uint32_t request =
        TestLaneOpenStart(&domainTrio.client.thread, domainTrio.client.taskID, bare.taskID);
    (void)TestLaneOpenStart(&asker.thread, asker.taskID, bare.taskID);
    assert_int_equal(TestObject(&asker.thread, CONTROL_PROCESS_OPEN, 0, 0), 0);
    assert_int_equal(TestObject(&domainTrio.client.thread, CONTROL_PROCESS_OPEN, 0, 0), 0);
    assert_int_equal(COUNT(parked), 2);
    assert_int_equal(Exit(&asker), 0);
    assert_int_equal(COUNT(parked), 1);
    assert_int_equal(Exit(&bare), 0);
    assert_int_equal(
        TestAnswer(&domainTrio.client.thread.socket, request, TEST_DEADLINE_MS, &answer), -EINVAL);
    assert_int_equal(COUNT(parked), 0);
    TestProcessClose(&asker);
    TestProcessClose(&bare);
}

static void TooManyPendingLaneOpensAreRefused(void **state)
{
    (void)state;
    struct TestProcess bare;
    struct TestMessage answer;

    TestProcessOpen(DomainPath(testDomain), &bare, 0);
    Grant(&domainTrio.client, bare.taskID);
    for (int index = 0; index < 64; index++) {
        (void)TestLaneOpenStart(&domainTrio.client.thread, domainTrio.client.taskID, bare.taskID);
    }
    uint32_t request =
        TestLaneOpenStart(&domainTrio.client.thread, domainTrio.client.taskID, bare.taskID);
    assert_int_equal(
        TestAnswer(&domainTrio.client.thread.socket, request, TEST_DEADLINE_MS, &answer), -ENOMEM);
    assert_int_equal(COUNT(parked), 64);
    TestProcessClose(&bare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ATaskExitIsAnnounced, DomainTrioSetUp, DomainTrioTearDown),
        cmocka_unit_test_setup_teardown(NoticesRequireARightAndAnIpcTask, DomainTrioSetUp,
                                        DomainTrioTearDown),
        cmocka_unit_test_setup_teardown(AKilledProcessIsAnnounced, DomainTrioSetUp,
                                        DomainTrioTearDown),
        cmocka_unit_test_setup_teardown(ATerminatedProcessRemainsUntilItsLanesAreDrained,
                                        DomainTrioSetUp, DomainTrioTearDown),
        cmocka_unit_test_setup_teardown(RightsOfATerminatedProcessCanBeRemoved, DomainTrioSetUp,
                                        DomainTrioTearDown),
        cmocka_unit_test_setup_teardown(NoticesAreNotLostWithAFullSocket, DomainTrioSetUp,
                                        DomainTrioTearDown),
        cmocka_unit_test_setup_teardown(QueuedNoticesEndWithTheirReader, DomainTrioSetUp,
                                        DomainTrioTearDown),
        cmocka_unit_test_setup_teardown(ALaneOpenWaitsForALaneEnd, DomainTrioSetUp,
                                        DomainTrioTearDown),
        cmocka_unit_test_setup_teardown(PendingLaneOpensEndWithEitherSide, DomainTrioSetUp,
                                        DomainTrioTearDown),
        cmocka_unit_test_setup_teardown(TooManyPendingLaneOpensAreRefused, DomainTrioSetUp,
                                        DomainTrioTearDown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
