/*
 * Tests OsLiteIpcInit, LiteIpcRemoveServiceHandle and the other control paths of the kernel. They
 * are called directly on a domain that has been created but does not run: no thread, no socket
 * file.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "domain/connection.h"
#include "domain/process.h"
#include "domain/setup.h"
#include "domain/task.h"
#include "domain/user.h"
#include "kernel/access.h"
#include "kernel/control_path/control_paths.h"
#include "kernel/los_liteipc.h"
#include "liteipc/hm_liteipc.h"
#include "support/control_client.h"

static char directory[64];
static struct Domain *domain;

/* A process as HELLO would create it, with one thread and one task that has a queue. */
struct Member {
    int peer, threadPeer; /* the client's ends */
    struct DomainProcess *process;
    struct DomainThread *thread;
    struct DomainTask *task;
};

static int SetUp(void **state)
{
    (void)state;
    TestDirectoryMake(directory, sizeof(directory));
    struct DomainOptions options = TestDomainOptions("module");
    assert_int_equal(DomainMake(&options, &domain), 0);
    domain->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    return DomainMakeEvents(domain);
}

static int TearDown(void **state)
{
    (void)state;
    assert_true(ListIsEmpty(&domain->users) && ListIsEmpty(&domain->heldTasks));
    DomainFree(domain);
    TestDirectoryRemove(directory);
    return 0;
}

static struct Member Join(bool opened)
{
    struct Member member;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    /* Like an accepted socket, it is already in the domain's epoll set. */
    struct epoll_event event = {.events = 0};
    assert_int_equal(epoll_ctl(domain->epoll, EPOLL_CTL_ADD, ends[0], &event), 0);
    struct DomainConnection connection = {.descriptor = ends[0],
                                          .pid = getpid(),
                                          .uid = getuid(),
                                          .gid = getgid(),
                                          .user = DomainUserGet(domain, getuid())};
    int pid = (int)syscall(SYS_pidfd_open, getpid(), 0);
    assert_int_equal(DomainProcessCreate(domain, &connection, pid, &member.process), 0);
    member.peer = ends[1];
    assert_int_equal(DomainThreadCreate(domain, member.process, &member.thread, &member.threadPeer),
                     0);
    assert_int_equal(DomainTaskCreate(domain, member.thread, &member.task), 0);
    if (opened) {
        struct ControlProcess *entry = DomainProcessEntry(domain, member.process);
        atomic_store(&entry->opened, 1);
        atomic_store(&entry->poolSize, 65536);
        ServiceQueueMake(domain, member.task);
    }
    return member;
}

static void Leave(struct Member *member)
{
    DomainProcessEnd(domain, member->process);
    close(member->peer);
    close(member->threadPeer);
}

static void InitStartsWithoutCms(void **state)
{
    (void)state;
    assert_int_equal(OsLiteIpcInit(domain), 0);
    assert_false(IsCmsSet(domain->table));
    assert_int_equal(ControlTableCheck(domain->table, domain->tableSize), 0);
    struct Member member = Join(true);
    assert_int_equal(SetCms(domain, member.task, 256), 0);
    assert_int_equal(OsLiteIpcInit(domain), -EBUSY);
    Leave(&member);
    assert_int_equal(OsLiteIpcInit(domain), 0);
}

static void RemoveServiceHandleRevokesEveryRight(void **state)
{
    (void)state;
    struct Member service = Join(true), first = Join(true), second = Join(true);
    struct TestMessage event;
    uint32_t handle = service.task->id;
    const struct ControlTask *entry = ControlTaskAt(domain->table, handle);

    assert_int_equal(SetCms(domain, service.task, 256), 0);
    assert_int_equal(AddServiceAccess(domain, first.task->id, handle), 0);
    assert_int_equal(AddServiceAccess(domain, second.task->id, handle), 0);
    assert_int_equal(AddServiceAccess(domain, service.task->id, handle), 0);
    assert_int_equal(SetIpcTask(domain, second.task), 0);
    assert_int_equal(SetIpcTask(domain, second.task), -EINVAL);
    LiteIpcRemoveServiceHandle(domain, handle);
    for (uint32_t word = 0; word < domain->table->accessWords; word++) {
        assert_true(atomic_load(&entry->access[word]) == 0);
    }
    assert_true(IsTaskAlive(domain->table, handle)); /* the task's exit sets the state later */
    assert_int_equal(TestReceive(second.threadPeer, &event, 0), 1);
    assert_int_equal(event.message.type, CONTROL_EVENT_DEATH);
    assert_int_equal(event.message.death.ipcTaskID, second.task->id);
    assert_int_equal(TestReceive(first.threadPeer, &event, 0), -ETIMEDOUT);
    assert_int_equal(TestReceive(service.threadPeer, &event, 0), -ETIMEDOUT);
    /* A second call, or an unknown task, has no effect. */
    LiteIpcRemoveServiceHandle(domain, handle);
    LiteIpcRemoveServiceHandle(domain, 0);
    LiteIpcRemoveServiceHandle(domain, 127);
    LiteIpcRemoveServiceHandle(domain, UINT32_MAX);
    assert_int_equal(TestReceive(second.threadPeer, &event, 0), -ETIMEDOUT);
    memset(domain->related, 0, domain->table->accessWords * sizeof(uint64_t));
    Leave(&service);
    Leave(&first);
    Leave(&second);
}

static void SendDeathMsgNeedsAnOpenProcess(void **state)
{
    (void)state;
    struct Member service = Join(true), closed = Join(false);
    uint32_t processID = closed.process->id;
    struct ControlTask *entry = ControlTaskAt(domain->table, service.task->id);

    ControlAccessSet(entry, processID, true);
    assert_int_equal(SendDeathMsg(domain, processID, service.task), -EINVAL);
    assert_false(ControlAccessTest(entry, processID));
    ControlAccessSet(entry, service.process->id, true);
    assert_int_equal(SendDeathMsg(domain, service.process->id, service.task), 0);
    assert_false(ControlAccessTest(entry, service.process->id));
    Leave(&service);
    Leave(&closed);
}

static void HandlesAndAccessAreChecked(void **state)
{
    (void)state;
    struct Member manager = Join(true), service = Join(true), closed = Join(false);
    uint32_t handle = 0;

    assert_int_equal(SetCms(domain, manager.task, 79), -EINVAL);
    assert_int_equal(SetCms(domain, manager.task, 80), 0);
    assert_int_equal(GenerateServiceHandle(domain, manager.task, service.task->id, &handle), 0);
    assert_int_equal(handle, service.task->id);
    assert_true(HasServiceAccess(domain->table, manager.process->id, handle));
    handle = 77;
    assert_int_equal(GenerateServiceHandle(domain, manager.task, 0, &handle), -EINVAL);
    assert_int_equal(GenerateServiceHandle(domain, manager.task, 99, &handle), -EINVAL);
    assert_int_equal(handle, 77);
    assert_int_equal(AddServiceAccess(domain, closed.task->id, service.task->id), -EINVAL);
    assert_int_equal(AddServiceAccess(domain, service.task->id, closed.task->id), -EINVAL);
    ServiceQueueMake(domain, closed.task);
    assert_int_equal(AddServiceAccess(domain, service.task->id, closed.task->id), 0);
    assert_int_equal(RefreshServiceHandle(domain, 127), 0);
    assert_int_equal(RefreshServiceHandle(domain, 128), -EINVAL);
    Leave(&manager);
    Leave(&service);
    Leave(&closed);
}

static void RolesEndWithTheirTask(void **state)
{
    (void)state;
    struct Member member = Join(true), other = Join(true);

    assert_int_equal(SetCms(domain, member.task, 256), 0);
    assert_int_equal(SetIpcTask(domain, member.task), 0);
    ReleaseRoles(domain, other.task);
    assert_true(IsCmsTask(domain->table, member.task->id));
    assert_int_equal(GetIpcTaskID(domain->table, member.process->id), member.task->id);
    ReleaseRoles(domain, member.task);
    assert_false(IsCmsSet(domain->table) || IsIpcTaskSet(domain->table, member.process->id));
    Leave(&member);
    Leave(&other);
}

/* Unread notices are queued for a limited time; then their reader is disconnected. */
static void AReaderThatIgnoresNoticesIsDisconnected(void **state)
{
    (void)state;
    struct Member manager = Join(true), reader = Join(true), service = Join(true);
    struct DomainTask *task;

    assert_int_equal(SetCms(domain, manager.task, 256), 0);
    assert_int_equal(SetIpcTask(domain, reader.task), 0);
    while (reader.process->pendingDeaths < 10) {
        assert_int_equal(DomainTaskCreate(domain, service.thread, &task), 0);
        ServiceQueueMake(domain, task);
        assert_int_equal(AddServiceAccess(domain, reader.task->id, task->id), 0);
        DomainTaskEnd(domain, task);
    }
    assert_int_equal(domain->pendingDeaths, 10);
    DomainProcessCheckReaders(domain);
    DomainProcessReap(domain);
    assert_int_equal(reader.process->state, CONTROL_ALIVE);
    reader.process->deathsPendingSinceMs -= DOMAIN_DEATHS_TIMEOUT_MS;
    DomainProcessCheckReaders(domain);
    DomainProcessReap(domain);
    assert_int_equal(reader.process->state, CONTROL_FREE);
    assert_int_equal(domain->pendingDeaths, 0);
    assert_true(TestIsCutOff(reader.threadPeer));
    close(reader.peer);
    close(reader.threadPeer);
    Leave(&manager);
    Leave(&service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(InitStartsWithoutCms, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(RemoveServiceHandleRevokesEveryRight, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(SendDeathMsgNeedsAnOpenProcess, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(HandlesAndAccessAreChecked, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(RolesEndWithTheirTask, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(AReaderThatIgnoresNoticesIsDisconnected, SetUp, TearDown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
