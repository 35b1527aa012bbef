/* Tests quotas and shortage: lanes per uid, and a domain without free descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "liteipc/hm_liteipc.h"
#include "support/child.h"
#include "support/domain_fixture.h"

#define OTHER_UID         12345U
#define OTHER_DESCRIPTORS 32
/* 7 for the domain, 3 and two lane ends for one process, 2 for every other process; 1 is left. */
#define FEW_DESCRIPTORS (OTHER_DESCRIPTORS + 7 + 3 + 6 + 2 * 20 + 1)
#define CLIENTS         40

/* In a child with another uid: opens lanes to its own tasks until one is refused. */
static int CountLanes(const char *path, uint32_t *lanes)
{
    struct TestProcess process;
    TestProcessOpen(path, &process, 0);
    for (*lanes = 0; *lanes < 1000; (*lanes)++) {
        (void)TestDeposit(&process.thread, *lanes);
        int status = TestLaneOpen(&process.thread, process.taskID, process.taskID, false, NULL);
        while (process.thread.socket.eventCount > 0) {
            TestMessageClose(&process.thread.socket.events[--process.thread.socket.eventCount]);
        }
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

static void EveryUidHasALaneQuota(void **state)
{
    (void)state;
    ChildRequire(CHILD_OTHER_USER);
    struct Domain *domain;
    char path[108] = "";
    struct DomainOptions options = TestDomainOptions(path);
    uint32_t lanes;
    int status;

    snprintf(path, sizeof(path), "%s/shared", testDirectory);
    assert_int_equal(chmod(testDirectory, 0755), 0);
    options.socketMode = 0666;
    assert_int_equal(DomainStart(&options, &domain), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (setgid(OTHER_UID) != 0 || setuid(OTHER_UID) != 0) {
            _exit(100);
        }
        /* A quarter of 256; unused lane ends are limited to its share, too. */
        _exit(CountLanes(path, &lanes) == -ENOMEM && lanes == 64 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    /* The domain belongs to this user, which gets all lanes. */
    assert_true(TestDomainIsEmpty(domain));
    pid = fork();
    if (pid == 0) {
        _exit(CountLanes(path, &lanes) == -ENOMEM && lanes == 256 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(TestDomainIsEmpty(domain));
    DomainStop(domain);
}

/* Starts a domain with few descriptors in a child; it runs until `stop` is closed. */
static pid_t StartPoorDomain(int stop[2])
{
    int ready[2];
    char byte;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_int_equal(pipe2(stop, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit limit = {.rlim_cur = FEW_DESCRIPTORS, .rlim_max = FEW_DESCRIPTORS};
        struct DomainOptions options = TestDomainOptions("poor");
        struct Domain *domain;
        close(stop[1]);
        /*
         * Independent of the inherited descriptors: the numbers below OTHER_DESCRIPTORS are in use,
         * the others are free.
         */
        int filler;
        (void)syscall(SYS_close_range, OTHER_DESCRIPTORS, ~0U, 0);
        do {
            filler = open("/dev/null", O_RDONLY | O_CLOEXEC);
        } while (filler >= 0 && filler < OTHER_DESCRIPTORS);
        close(filler);
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || DomainStart(&options, &domain) != 0) {
            _exit(1);
        }
        (void)!write(ready[1], "x", 1);
        (void)!read(stop[0], &byte, 1);
        DomainStop(domain); /* asserts that the domain is empty */
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    close(stop[0]);
    return pid;
}

static void WithoutDescriptorsNewClientsAreRefused(void **state)
{
    (void)state;
    int stop[2];
    char path[128];
    pid_t pid = StartPoorDomain(stop);
    struct TestProcess first;
    struct TestClient clients[CLIENTS];
    int count = 0, status = 0;

    snprintf(path, sizeof(path), "%s/liteipc/poor.sock", testDirectory);
    TestProcessOpen(path, &first, 2);
    while (count < CLIENTS && (status = TestClientOpen(path, &clients[count])) == 0) {
        count++;
    }
    assert_int_equal(count, 20);
    assert_int_equal(status, -EMFILE);
    for (int attempt = 0; attempt < 20; attempt++) {
        struct TestClient refused;
        status = TestClientOpen(path, &refused);
        assert_int_equal(status, -EMFILE);
    }
    /* Connected clients continue; a request that needs a descriptor is refused, not delayed. */
    assert_int_equal(TestObject(&first.thread, CONTROL_PROCESS_OPEN, 0, 0), 0);
    struct TestThread thread;
    assert_int_equal(TestThreadOpen(&first.client, &thread), -EMFILE);
    for (uint32_t end = 0; end < 3; end++) {
        assert_int_equal(TestDeposit(&first.thread, 50 + end), 0);
    }
    /* A lane needs one descriptor and releases the three of the lane end. */
    assert_int_equal(TestLaneOpen(&first.thread, first.taskID, first.taskID, false, NULL), 0);
    assert_int_equal(TestThreadOpen(&first.client, &thread), 0);
    TestThreadClose(&thread);

    TestClientClose(&clients[--count]);
    TestClientClose(&clients[--count]);
    uint64_t deadline = TestDeadline();
    while ((status = TestClientOpen(path, &clients[count])) != 0 && TestRetry(deadline)) {
    }
    assert_int_equal(status, 0);
    count++;
    while (count > 0) {
        TestClientClose(&clients[--count]);
    }
    TestProcessClose(&first);
    close(stop[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(EveryUidHasALaneQuota, DirectorySetUp, DirectoryTearDown),
        cmocka_unit_test_setup_teardown(WithoutDescriptorsNewClientsAreRefused, DirectorySetUp,
                                        DirectoryTearDown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
