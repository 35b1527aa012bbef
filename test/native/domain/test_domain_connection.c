/*
 * Tests connections: who may connect, what ends a connection, and that an ended connection leaves
 * nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/child.h"
#include "support/domain_fixture.h"

#define KILL_CYCLES 200
#define OTHER_UID   12345U

static int WaitFor(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void HelloGivesIdentityAndTable(void **state)
{
    (void)state;
    struct TestClient first, second;
    struct ControlProcessFacts facts;

    assert_int_equal(TestClientOpen(DomainPath(testDomain), &first), 0);
    assert_int_equal(TestClientOpen(DomainPath(testDomain), &second), 0);
    assert_int_equal(first.identity.pid, getpid());
    assert_int_equal(first.identity.uid, getuid());
    assert_int_equal(first.identity.gid, getgid());
    assert_int_not_equal(first.identity.processID, second.identity.processID);
    assert_int_equal(ControlProcessRead(first.table, second.identity.processID, &facts), 0);
    assert_int_equal(facts.state, CONTROL_ALIVE);
    assert_int_equal(facts.generation, second.identity.generation);
    assert_int_equal(facts.pid, getpid());
    assert_false(facts.opened);
    TestClientClose(&second);
    TestClientClose(&first);
}

/* Sends these bytes as the first message. Returns true if the connection is closed. */
static bool IsRefused(const void *bytes, size_t size, const int *descriptors, size_t count)
{
    int socket = TestConnect(DomainPath(testDomain));
    assert_true(socket >= 0);
    assert_int_equal(TestSend(socket, bytes, size, descriptors, count), 0);
    bool refused = TestIsCutOff(socket);
    close(socket);
    return refused;
}

static void AnInvalidHelloEndsTheConnection(void **state)
{
    (void)state;
    uint8_t garbage[4096];
    struct ControlMessage hello = {
        .type = CONTROL_HELLO, .requestID = 1, .protocolVersion = CONTROL_PROTOCOL_VERSION};
    int descriptors[4] = {0, 0, 0, 0};

    memset(garbage, 0xA5, sizeof(garbage));
    assert_true(IsRefused(garbage, sizeof(garbage), NULL, 0));
    assert_true(IsRefused(garbage, sizeof(hello), NULL, 0));
    assert_true(IsRefused(garbage, 1, NULL, 0));
    assert_true(IsRefused(garbage, 0, NULL, 0));
    assert_true(IsRefused(&hello, sizeof(hello) - 1, NULL, 0));
    assert_true(IsRefused(&hello, sizeof(hello), descriptors, 1));
    assert_true(IsRefused(&hello, sizeof(hello), descriptors, 4));
    for (uint32_t type = 0; type <= CONTROL_MESSAGE_TYPES + 1; type++) {
        struct ControlMessage message = hello;
        message.type = type;
        if (type != CONTROL_HELLO) {
            assert_true(IsRefused(&message, sizeof(message), NULL, 0));
        }
    }
    hello.requestID = 0;
    assert_true(IsRefused(&hello, sizeof(hello), NULL, 0));
}

static void AnotherProtocolVersionIsReported(void **state)
{
    (void)state;
    struct ControlMessage hello = {.type = CONTROL_HELLO,
                                   .protocolVersion = CONTROL_PROTOCOL_VERSION + 1};
    struct TestSocket socket = {.descriptor = TestConnect(DomainPath(testDomain))};

    assert_int_equal(TestCall(&socket, &hello, NULL, 0, NULL), -EPROTO);
    assert_true(TestIsCutOff(socket.descriptor));
    close(socket.descriptor);
}

/* Asserts that sending these bytes on a process or thread socket ends the whole process. */
static void EndsProcess(bool onThread, const void *bytes, size_t size, const int *descriptors,
                        size_t count)
{
    struct TestProcess process;
    struct ControlProcessFacts facts;

    TestProcessOpen(DomainPath(testDomain), &process, 1);
    struct TestSocket *socket = onThread ? &process.thread.socket : &process.client.socket;
    assert_int_equal(TestSend(socket->descriptor, bytes, size, descriptors, count), 0);
    assert_true(TestIsCutOff(process.client.socket.descriptor));
    assert_true(TestIsCutOff(process.thread.socket.descriptor));
    /* The process was marked dead before its sockets were closed. */
    int status =
        ControlProcessRead(process.client.table, process.client.identity.processID, &facts);
    assert_true(status == -ESRCH || facts.state == CONTROL_DEAD);
    TestProcessClose(&process);
}

static void MalformedMessagesEndTheProcess(void **state)
{
    (void)state;
    struct ControlMessage message = {.requestID = 1};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int descriptors[3] = {null, null, null};

    for (int onThread = 0; onThread < 2; onThread++) {
        EndsProcess(onThread, "x", 1, NULL, 0);
        EndsProcess(onThread, "", 0, NULL, 0);
        message.type = CONTROL_MESSAGE_TYPES;
        EndsProcess(onThread, &message, sizeof(message), NULL, 0);
        message.type = CONTROL_EVENT_WAKE;
        EndsProcess(onThread, &message, sizeof(message), NULL, 0);
        message.type = CONTROL_HELLO;
        EndsProcess(onThread, &message, sizeof(message), NULL, 0);
        message.type = onThread ? CONTROL_TASK_CREATE : CONTROL_THREAD_CREATE;
        EndsProcess(onThread, &message, sizeof(message), descriptors, 1);
        EndsProcess(onThread, &message, sizeof(message), descriptors, 3);
        message.requestID = 0;
        EndsProcess(onThread, &message, sizeof(message), NULL, 0);
        message.requestID = 1;
    }
    /* Each kind of socket accepts only its own requests. */
    message.type = CONTROL_TASK_CREATE;
    EndsProcess(false, &message, sizeof(message), NULL, 0);
    message.type = CONTROL_THREAD_CREATE;
    EndsProcess(true, &message, sizeof(message), NULL, 0);
    message.type = CONTROL_PROCESS_EXIT;
    EndsProcess(true, &message, sizeof(message), NULL, 0);
    /* A lane end with invalid descriptors. */
    message.type = CONTROL_LANE_DEPOSIT;
    EndsProcess(true, &message, sizeof(message), NULL, 0);
    EndsProcess(true, &message, sizeof(message), descriptors, 2);
    close(null);
}

static void AForkedChildIsNotItsParent(void **state)
{
    (void)state;
    for (int onThread = 0; onThread < 2; onThread++) {
        struct TestProcess process;
        TestProcessOpen(DomainPath(testDomain), &process, 0);
        struct TestSocket *socket = onThread ? &process.thread.socket : &process.client.socket;
        pid_t pid = fork();
        if (pid == 0) {
            struct ControlMessage message = {
                .type = onThread ? CONTROL_TASK_CREATE : CONTROL_THREAD_CREATE, .requestID = 7};
            int status = TestSend(socket->descriptor, &message, sizeof(message), NULL, 0);
            _exit(status == 0 && TestIsCutOff(socket->descriptor) ? 0 : 1);
        }
        assert_int_equal(WaitFor(pid), 0);
        assert_true(TestIsCutOff(process.client.socket.descriptor));
        TestProcessClose(&process);
    }
    /* A child may not send HELLO on a connection that its parent opened. */
    int socket = TestConnect(DomainPath(testDomain));
    pid_t pid = fork();
    if (pid == 0) {
        struct ControlMessage hello = {
            .type = CONTROL_HELLO, .requestID = 1, .protocolVersion = CONTROL_PROTOCOL_VERSION};
        int status = TestSend(socket, &hello, sizeof(hello), NULL, 0);
        _exit(status == 0 && TestIsCutOff(socket) ? 0 : 1);
    }
    assert_int_equal(WaitFor(pid), 0);
    assert_true(TestIsCutOff(socket));
    close(socket);
}

static void ExitIsAnsweredAfterTheCleanUp(void **state)
{
    (void)state;
    struct TestProcess process;
    struct ControlMessage message = {.type = CONTROL_PROCESS_EXIT};
    struct ControlTaskFacts task;
    struct ControlProcessFacts facts;

    TestProcessOpen(DomainPath(testDomain), &process, 2);
    assert_int_equal(TestObject(&process.thread, CONTROL_THREAD_EXIT, 0, 0), 0);
    assert_true(TestIsCutOff(process.thread.socket.descriptor));
    assert_int_equal(ControlTaskRead(process.client.table, process.taskID, &task), 0);
    assert_int_equal(task.state, CONTROL_DEAD);
    assert_int_equal(TestCall(&process.client.socket, &message, NULL, 0, NULL), 0);
    assert_int_equal(
        ControlProcessRead(process.client.table, process.client.identity.processID, &facts),
        -ESRCH);
    assert_int_equal(ControlTaskRead(process.client.table, process.taskID, &task), -ESRCH);
    assert_true(TestIsCutOff(process.client.socket.descriptor));
    TestProcessClose(&process);
}

/* The end of a thread's socket ends the thread, although the program continues. */
static void AClosedSocketEndsItsThread(void **state)
{
    (void)state;
    struct TestProcess process, witness;
    struct ControlTaskFacts task;

    TestProcessOpen(DomainPath(testDomain), &witness, 0);
    TestProcessOpen(DomainPath(testDomain), &process, 2);
    TestThreadClose(&process.thread);
    uint64_t deadline = TestDeadline();
    do {
        assert_int_equal(ControlTaskRead(witness.client.table, process.taskID, &task), 0);
    } while (task.state != CONTROL_DEAD && TestRetry(deadline));
    assert_int_equal(task.state, CONTROL_DEAD);
    struct TestThread again;
    assert_int_equal(TestThreadOpen(&process.client, &again), 0); /* the process is still alive */
    TestThreadClose(&again);
    TestClientClose(&process.client);
    TestProcessClose(&witness);
}

static void ASilentClientIsDisconnected(void **state)
{
    (void)state;
    struct timespec from, to;
    int socket = TestConnect(DomainPath(testDomain));

    clock_gettime(CLOCK_MONOTONIC, &from);
    struct TestMessage message;
    assert_int_equal(TestReceive(socket, &message, TEST_DEADLINE_MS), 0);
    clock_gettime(CLOCK_MONOTONIC, &to);
    assert_true(to.tv_sec - from.tv_sec >= 4);
    close(socket);
}

static void AFreedConnectionSlotIsUsable(void **state)
{
    (void)state;
    int sockets[300];
    struct TestClient client;

    for (int index = 0; index < 300; index++) {
        sockets[index] = TestConnect(DomainPath(testDomain));
        assert_true(sockets[index] >= 0);
    }
    /*
     * All slots are taken, so the other connections were closed at once. A free slot admits a new
     * client.
     */
    assert_true(TestIsCutOff(sockets[299]));
    close(sockets[0]);
    int status = -1;
    uint64_t deadline = TestDeadline();
    do {
        status = TestClientOpen(DomainPath(testDomain), &client);
    } while (status != 0 && TestRetry(deadline));
    assert_int_equal(status, 0);
    TestClientClose(&client);
    for (int index = 1; index < 300; index++) {
        close(sockets[index]);
    }
}

/*
 * A client that sends requests and never reads answers is disconnected; other clients are not
 * affected.
 */
static void AClientThatNeverReadsIsDisconnected(void **state)
{
    (void)state;
    struct TestProcess silent, other;
    struct ControlMessage message = {.type = CONTROL_PROCESS_OPEN, .requestID = 1};
    bool cutOff = false;

    TestProcessOpen(DomainPath(testDomain), &other, 0);
    TestProcessOpen(DomainPath(testDomain), &silent, 0);
    assert_int_equal(fcntl(silent.thread.socket.descriptor, F_SETFL, O_NONBLOCK), 0);
    uint64_t deadline = TestDeadline();
    while (!cutOff && NowMs() < deadline) {
        int status = TestSend(silent.thread.socket.descriptor, &message, sizeof(message), NULL, 0);
        if (status == -EAGAIN) {
            usleep(100);
        } else {
            cutOff = status != 0;
        }
    }
    assert_true(cutOff);
    assert_true(TestIsCutOff(silent.client.socket.descriptor));
    assert_int_equal(TestObject(&other.thread, CONTROL_PROCESS_OPEN, 0, 0), 0);
    TestProcessClose(&silent);
    TestProcessClose(&other);
}

/* A client that reads late receives all answers in order. */
static void AClientThatReadsLateLosesNothing(void **state)
{
    (void)state;
    struct TestProcess process;
    struct TestMessage answer;
    struct ControlMessage message = {.type = CONTROL_PROCESS_OPEN};
    const uint32_t count = 400; /* more than a socket holds, less than the domain buffers */

    TestProcessOpen(DomainPath(testDomain), &process, 0);
    for (uint32_t request = 1; request <= count; request++) {
        message.requestID = request;
        assert_int_equal(
            TestSend(process.thread.socket.descriptor, &message, sizeof(message), NULL, 0), 0);
    }
    usleep(200000);
    for (uint32_t request = 1; request <= count; request++) {
        assert_int_equal(TestReceive(process.thread.socket.descriptor, &answer, TEST_DEADLINE_MS),
                         1);
        assert_int_equal(answer.message.requestID, request);
    }
    TestProcessClose(&process);
}

static void KilledClientsLeaveNothing(void **state)
{
    (void)state;
    int ready[2];
    char byte;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    for (int cycle = 0; cycle < KILL_CYCLES; cycle++) {
        pid_t pid = fork();
        if (pid == 0) {
            struct TestProcess process;
            TestProcessOpen(DomainPath(testDomain), &process, 4);
            if (cycle % 2 == 0) {
                (void)TestLaneOpenStart(&process.thread, process.taskID, process.taskID);
            }
            (void)!write(ready[1], "x", 1);
            pause();
            _exit(1);
        }
        assert_int_equal(read(ready[0], &byte, 1), 1);
        kill(pid, SIGKILL);
        (void)WaitFor(pid);
    }
    close(ready[0]);
    close(ready[1]);
    /* TearDown counts the remaining objects. */
}

/* Runs `body` in a child with another uid and returns its exit status. */
static int AsOther(int (*body)(const char *path), const char *path)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (setgid(OTHER_UID) != 0 || setuid(OTHER_UID) != 0) {
            _exit(100);
        }
        _exit(body(path));
    }
    return WEXITSTATUS(WaitFor(pid));
}

static int ExpectRefusedConnect(const char *path)
{
    return TestConnect(path) == -EACCES ? 0 : 1;
}

static int ExpectQuotas(const char *path)
{
    struct TestClient clients[64];
    struct TestThread threads[64];
    uint32_t taskID;
    uint32_t count = 0;

    while (count < 64 && TestClientOpen(path, &clients[count]) == 0) {
        count++;
    }
    if (count != 16 || TestClientOpen(path, &clients[count]) != -EAGAIN) {
        return 1; /* a quarter of 64 */
    }
    if (clients[0].identity.uid != OTHER_UID || clients[0].identity.gid != OTHER_UID) {
        return 2;
    }
    for (count = 0; count < 64 && TestThreadOpen(&clients[0], &threads[count]) == 0; count++) {
    }
    if (count != 32) {
        return 3; /* a quarter of 128 */
    }
    for (count = 0; TestTaskCreate(&threads[0], &taskID, NULL) == 0; count++) {
    }
    if (count != 32 || TestTaskCreate(&threads[1], &taskID, NULL) != -EAGAIN) {
        return 4;
    }
    if (TestProcessReady(&threads[0]) != 0 || TestSetCms(&threads[0], taskID, 256) != -EINVAL) {
        return 5;
    }
    return 0;
}

static int ExpectNotCms(const char *path)
{
    struct TestProcess process;
    TestProcessOpen(path, &process, 0);
    return TestSetCms(&process.thread, process.taskID, 256) == -EPERM ? 0 : 1;
}

static void AnotherUidGetsOnlyItsShare(void **state)
{
    (void)state;
    ChildRequire(CHILD_OTHER_USER);
    struct Domain *shared;
    char path[108] = "";
    struct DomainOptions options = TestDomainOptions(path);
    struct TestProcess process;

    assert_int_equal(AsOther(ExpectRefusedConnect, DomainPath(testDomain)), 0);
    snprintf(path, sizeof(path), "%s/shared", testDirectory);
    assert_int_equal(chmod(testDirectory, 0755), 0);
    options.socketMode = 0666;
    assert_int_equal(DomainStart(&options, &shared), 0);
    assert_int_equal(AsOther(ExpectQuotas, path), 0);
    assert_true(TestDomainIsEmpty(shared));
    assert_int_equal(AsOther(ExpectQuotas, path), 0);
    assert_int_equal(AsOther(ExpectNotCms, path), 0);
    TestProcessOpen(path, &process, 0);
    assert_int_equal(TestSetCms(&process.thread, process.taskID, 256), 0);
    TestProcessClose(&process);
    assert_true(TestDomainIsEmpty(shared));
    DomainStop(shared);
}

static void RootOfAnotherNamespaceIsRefused(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct TestClient client;
        uint32_t uid = getuid();
        char map[64];
        if (uid != 0 || unshare(CLONE_NEWUSER) != 0) {
            _exit(77);
        }
        /* Maps 0 to 0: root inside the namespace, and the domain sees it as root outside. */
        snprintf(map, sizeof(map), "0 0 1");
        int file = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
        if (file < 0 || write(file, map, strlen(map)) < 0) {
            _exit(77);
        }
        close(file);
        _exit(TestClientOpen(DomainPath(testDomain), &client) == -EPERM ? 0 : 1);
    }
    int status = WEXITSTATUS(WaitFor(pid));
    if (status == 77) {
        print_message("needs root and user namespaces\n");
        skip();
    }
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(HelloGivesIdentityAndTable, DomainSetUp, DomainTearDown),
        cmocka_unit_test_setup_teardown(AnInvalidHelloEndsTheConnection, DomainSetUp,
                                        DomainTearDown),
        cmocka_unit_test_setup_teardown(AnotherProtocolVersionIsReported, DomainSetUp,
                                        DomainTearDown),
        cmocka_unit_test_setup_teardown(MalformedMessagesEndTheProcess, DomainSetUp,
                                        DomainTearDown),
        cmocka_unit_test_setup_teardown(AForkedChildIsNotItsParent, DomainSetUp, DomainTearDown),
        cmocka_unit_test_setup_teardown(ExitIsAnsweredAfterTheCleanUp, DomainSetUp, DomainTearDown),
        cmocka_unit_test_setup_teardown(AClosedSocketEndsItsThread, DomainSetUp, DomainTearDown),
        cmocka_unit_test_setup_teardown(ASilentClientIsDisconnected, DomainSetUp, DomainTearDown),
        cmocka_unit_test_setup_teardown(AFreedConnectionSlotIsUsable, DomainSetUp, DomainTearDown),
        cmocka_unit_test_setup_teardown(AClientThatNeverReadsIsDisconnected, DomainSetUp,
                                        DomainTearDown),
        cmocka_unit_test_setup_teardown(AClientThatReadsLateLosesNothing, DomainSetUp,
                                        DomainTearDown),
        cmocka_unit_test_setup_teardown(KilledClientsLeaveNothing, DomainSetUp, DomainTearDown),
        cmocka_unit_test_setup_teardown(AnotherUidGetsOnlyItsShare, DomainSetUp, DomainTearDown),
        cmocka_unit_test_setup_teardown(RootOfAnotherNamespaceIsRefused, DomainSetUp,
                                        DomainTearDown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
