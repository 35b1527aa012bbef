/* Tests starting and stopping a domain: its address, its lock, and what remains afterwards. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/child.h"
#include "support/domain_fixture.h"

#define STARTERS       4
#define STARTER_ROUNDS 200

static int WaitFor(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void StopLeavesNothing(void **state)
{
    (void)state;
    struct Domain *domain;
    struct stat facts;
    struct DomainOptions options = TestDomainOptions("shop");
    char path[128];
    size_t before = TestDescriptorCount();

    assert_int_equal(DomainStart(&options, &domain), 0);
    snprintf(path, sizeof(path), "%s", DomainPath(domain));
    assert_int_equal(lstat(path, &facts), 0);
    assert_true(S_ISSOCK(facts.st_mode));
    assert_int_equal(facts.st_mode & 07777, 0600);
    assert_true(TestDomainIsEmpty(domain));
    DomainStop(domain);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(TestDescriptorCount(), before);
    assert_int_equal(TestConnect(path), -ENOENT);
}

static void ASecondDomainOfTheNameIsRefused(void **state)
{
    (void)state;
    struct Domain *first, *second;
    struct DomainOptions options = TestDomainOptions("shop");
    struct DomainOptions other = TestDomainOptions("other");
    struct TestClient client;

    assert_int_equal(DomainStart(&options, &first), 0);
    size_t before = TestDescriptorCount();
    assert_int_equal(DomainStart(&options, &second), -EADDRINUSE);
    assert_int_equal(TestDescriptorCount(), before);
    /* The first domain is not affected; another name is another domain. */
    assert_int_equal(TestClientOpen(DomainPath(first), &client), 0);
    TestClientClose(&client);
    assert_int_equal(DomainStart(&other, &second), 0);
    DomainStop(second);
    DomainStop(first);
    assert_int_equal(DomainStart(&options, &first), 0);
    DomainStop(first);
}

static void BadOptionsAreRefused(void **state)
{
    (void)state;
    struct Domain *domain;
    struct DomainOptions options = TestDomainOptions("../shop");
    size_t before = TestDescriptorCount();

    assert_int_equal(DomainStart(&options, &domain), -EINVAL);
    options = TestDomainOptions("shop");
    options.kernel = NULL;
    assert_int_equal(DomainStart(&options, &domain), -EINVAL);
    options = TestDomainOptions("shop");
    options.limits.processLimit = 1;
    assert_int_equal(DomainStart(&options, &domain), -EINVAL);
    options = TestDomainOptions("shop");
    options.limits.laneLimit = 65536;
    assert_int_equal(DomainStart(&options, &domain), -EINVAL);
    options = TestDomainOptions("shop");
    options.cmsProgram = "/nonexistent/program";
    assert_int_equal(DomainStart(&options, &domain), -ENOENT);
    options = TestDomainOptions("/nonexistent/directory/shop");
    assert_int_equal(DomainStart(&options, &domain), -ENOENT);
    assert_int_equal(TestDescriptorCount(), before);
}

/* The socket of a killed domain is replaced. Any other file at the path is not changed. */
static void AStaleSocketIsReplacedUnderTheLock(void **state)
{
    (void)state;
    struct Domain *domain;
    char path[108] = "", lock[128];
    struct DomainOptions options = TestDomainOptions(path);
    struct TestClient client;

    snprintf(path, sizeof(path), "%s/shop", testDirectory);
    snprintf(lock, sizeof(lock), "%s.lock", path);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, sizeof(path));
    int stale = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(stale, (struct sockaddr *)&address, sizeof(address)), 0);
    close(stale);

    /* While the lock is held, the socket is not changed, even if it is stale. */
    int holder = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(flock(holder, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(DomainStart(&options, &domain), -EADDRINUSE);
    assert_int_equal(access(path, F_OK), 0);
    close(holder);

    assert_int_equal(DomainStart(&options, &domain), 0);
    assert_int_equal(TestClientOpen(path, &client), 0);
    TestClientClose(&client);
    DomainStop(domain);

    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    close(file);
    assert_int_equal(DomainStart(&options, &domain), -EEXIST);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(access(lock, F_OK), -1);
}

/* A killed domain leaves its socket, and a lock that no process holds. */
static void AKilledDomainIsReplaced(void **state)
{
    (void)state;
    struct Domain *domain;
    struct DomainOptions options = TestDomainOptions("shop");
    int ready[2];
    char byte;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (DomainStart(&options, &domain) == 0) {
            (void)!write(ready[1], "x", 1);
        }
        pause();
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(DomainStart(&options, &domain), -EADDRINUSE);
    kill(pid, SIGKILL);
    (void)WaitFor(pid);
    assert_int_equal(DomainStart(&options, &domain), 0);
    DomainStop(domain);
    close(ready[0]);
    close(ready[1]);
}

static void ExitRemovesTheAddressExceptInAChild(void **state)
{
    (void)state;
    struct Domain *domain;
    struct DomainOptions options = TestDomainOptions("shop");
    char path[128];

    snprintf(path, sizeof(path), "%s/liteipc/shop.sock", testDirectory);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (DomainStart(&options, &domain) != 0 || access(path, F_OK) != 0) {
            _exit(1);
        }
        pid_t child = fork();
        if (child == 0) {
            exit(0); /* runs the exit handler, in a process that did not start the domain */
        }
        (void)waitpid(child, NULL, 0);
        if (access(path, F_OK) != 0) {
            _exit(2);
        }
        exit(0);
    }
    assert_int_equal(WaitFor(pid), 0);
    assert_int_equal(access(path, F_OK), -1);
}

/*
 * Many processes start and stop the same name at once: never two at a time, and every error is
 * correct.
 */
static void ConcurrentStartsAreSafe(void **state)
{
    (void)state;
    char guard[128];
    pid_t pids[STARTERS];

    snprintf(guard, sizeof(guard), "%s/guard", testDirectory);
    fflush(NULL);
    for (int index = 0; index < STARTERS; index++) {
        pids[index] = fork();
        if (pids[index] != 0) {
            continue;
        }
        struct DomainOptions options = TestDomainOptions("shop");
        struct Domain *domain;
        for (int round = 0; round < STARTER_ROUNDS; round++) {
            int status = DomainStart(&options, &domain);
            if (status == -EADDRINUSE) {
                continue;
            }
            if (status != 0) {
                _exit(1);
            }
            /* Checks that no other process is between start and stop. */
            int alone = open(guard, O_CREAT | O_EXCL | O_CLOEXEC, 0600);
            if (alone < 0) {
                _exit(2);
            }
            close(alone);
            struct TestClient client;
            if (TestClientOpen(DomainPath(domain), &client) != 0) {
                _exit(3);
            }
            TestClientClose(&client);
            unlink(guard);
            DomainStop(domain);
        }
        _exit(0);
    }
    for (int index = 0; index < STARTERS; index++) {
        assert_int_equal(WaitFor(pids[index]), 0);
    }
}

static struct stat StatOfSocket(gid_t gid)
{
    struct Domain *domain;
    struct stat facts;
    char path[108] = "";
    struct DomainOptions options = TestDomainOptions(path);

    snprintf(path, sizeof(path), "%s/shared", testDirectory);
    options.socketMode = 0660;
    options.socketGid = gid;
    assert_int_equal(DomainStart(&options, &domain), 0);
    assert_int_equal(stat(path, &facts), 0);
    DomainStop(domain);
    return facts;
}

static void ModeIsTheRequestedOne(void **state)
{
    (void)state;
    assert_int_equal(StatOfSocket((gid_t)-1).st_mode & 07777, 0660);
}

static void GroupIsTheRequestedOne(void **state)
{
    (void)state;
    ChildRequire(CHILD_OTHER_USER);
    struct stat facts = StatOfSocket(12345);
    assert_int_equal(facts.st_mode & 07777, 0660);
    assert_int_equal(facts.st_gid, 12345);
}

/*
 * Stopping is not a death: no process is marked dead, and every client sees the end of its sockets.
 */
static void ClientsSeeAStop(void **state)
{
    (void)state;
    struct Domain *domain;
    struct DomainOptions options = TestDomainOptions("shop");
    struct TestProcess process;
    struct ControlTaskFacts facts;

    assert_int_equal(DomainStart(&options, &domain), 0);
    TestProcessOpen(DomainPath(domain), &process, 2);
    assert_int_equal(atomic_load(&process.client.table->running), 1);
    DomainStop(domain);
    assert_true(TestIsCutOff(process.client.socket.descriptor));
    assert_true(TestIsCutOff(process.thread.socket.descriptor));
    assert_int_equal(atomic_load(&process.client.table->running), 0);
    assert_int_equal(ControlTaskRead(process.client.table, process.taskID, &facts), 0);
    assert_int_equal(facts.state, CONTROL_ALIVE);
    TestProcessClose(&process);
}

static void TheTableCannotBeWrittenByOthers(void **state)
{
    (void)state;
    struct Domain *domain;
    struct DomainOptions options = TestDomainOptions("shop");
    struct TestClient client;
    char path[64];

    assert_int_equal(DomainStart(&options, &domain), 0);
    assert_int_equal(TestClientOpen(DomainPath(domain), &client), 0);
    size_t size = client.identity.tableSize;
    assert_ptr_equal(
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, client.tableDescriptor, 0),
        MAP_FAILED);
    assert_int_equal(mprotect((void *)(uintptr_t)client.table, size, PROT_READ | PROT_WRITE), -1);
    assert_int_equal(write(client.tableDescriptor, "x", 1), -1);
    assert_int_equal(ftruncate(client.tableDescriptor, 0), -1);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", client.tableDescriptor);
    int again = open(path, O_RDWR | O_CLOEXEC);
    if (again >= 0) {
        assert_ptr_equal(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0),
                         MAP_FAILED);
        assert_int_equal(pwrite(again, "x", 1, 0), -1);
        close(again);
    }
    TestClientClose(&client);
    DomainStop(domain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(StopLeavesNothing, DirectorySetUp, DirectoryTearDown),
        cmocka_unit_test_setup_teardown(ASecondDomainOfTheNameIsRefused, DirectorySetUp,
                                        DirectoryTearDown),
        cmocka_unit_test_setup_teardown(BadOptionsAreRefused, DirectorySetUp, DirectoryTearDown),
        cmocka_unit_test_setup_teardown(AStaleSocketIsReplacedUnderTheLock, DirectorySetUp,
                                        DirectoryTearDown),
        cmocka_unit_test_setup_teardown(AKilledDomainIsReplaced, DirectorySetUp, DirectoryTearDown),
        cmocka_unit_test_setup_teardown(ExitRemovesTheAddressExceptInAChild, DirectorySetUp,
                                        DirectoryTearDown),
        cmocka_unit_test_setup_teardown(ConcurrentStartsAreSafe, DirectorySetUp, DirectoryTearDown),
        cmocka_unit_test_setup_teardown(ModeIsTheRequestedOne, DirectorySetUp, DirectoryTearDown),
        cmocka_unit_test_setup_teardown(GroupIsTheRequestedOne, DirectorySetUp, DirectoryTearDown),
        cmocka_unit_test_setup_teardown(ClientsSeeAStop, DirectorySetUp, DirectoryTearDown),
        cmocka_unit_test_setup_teardown(TheTableCannotBeWrittenByOthers, DirectorySetUp,
                                        DirectoryTearDown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
