/*
 * Tests access control: ServiceManager, handles, rights, and their representation in the control
 * table.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/access.h"
#include "liteipc/hm_liteipc.h"
#include "support/domain_fixture.h"

#define MESSAGE_HEADER 80U /* sizeof(IpcMsg) with uid and gid, LP64 */

static void CmsIsOneTaskOfTheDomain(void **state)
{
    (void)state;
    struct TestProcess manager, other;
    TestProcessOpen(DomainPath(testDomain), &manager, 0);
    TestProcessOpen(DomainPath(testDomain), &other, 0);
    const struct ControlTable *table = other.client.table;

    assert_false(IsCmsSet(table));
    assert_int_equal(TestSetCms(&manager.thread, manager.taskID, MESSAGE_HEADER - 1), -EINVAL);
    assert_int_equal(TestSetCms(&manager.thread, other.taskID, 256), -EINVAL);
    assert_int_equal(TestSetCms(&manager.thread, 0, 256), -EINVAL);
    assert_false(IsCmsSet(table));
    assert_int_equal(TestSetCms(&manager.thread, manager.taskID, MESSAGE_HEADER), 0);
    assert_true(IsCmsSet(table) && IsCmsTask(table, manager.taskID));
    assert_false(IsCmsTask(table, other.taskID) || IsCmsTask(table, 0));
    assert_int_equal(atomic_load(&table->cmsMaxMsgSize), MESSAGE_HEADER);
    assert_int_equal(TestSetCms(&other.thread, other.taskID, 256), -EEXIST);
    assert_int_equal(TestSetCms(&other.thread, other.taskID, 1), -EINVAL);

    /* The CMS role ends with its task, and another task can take it. */
    assert_int_equal(TestObject(&manager.thread, CONTROL_TASK_EXIT, manager.taskID, 0), 0);
    assert_false(IsCmsSet(table));
    assert_int_equal(TestSetCms(&other.thread, other.taskID, 256), 0);
    assert_true(IsCmsTask(table, other.taskID));
    TestProcessClose(&manager);
    TestProcessClose(&other);
}

static void OnlyListedProgramsBecomeCms(void **state)
{
    (void)state;
    struct Domain *strict;
    struct TestProcess process;
    struct DomainOptions options = TestDomainOptions("strict");
    uint32_t otherUid = getuid() + 1;

    options.cmsProgram = "/bin/sh";
    assert_int_equal(DomainStart(&options, &strict), 0);
    TestProcessOpen(DomainPath(strict), &process, 0);
    assert_int_equal(TestSetCms(&process.thread, process.taskID, 256), -EPERM);
    TestProcessClose(&process);
    DomainStop(strict);

    options.cmsProgram = "/proc/self/exe";
    assert_int_equal(DomainStart(&options, &strict), 0);
    TestProcessOpen(DomainPath(strict), &process, 0);
    assert_int_equal(TestSetCms(&process.thread, process.taskID, 256), 0);
    TestProcessClose(&process);
    DomainStop(strict);

    options.cmsProgram = NULL;
    options.cmsUids = &otherUid;
    options.cmsUidCount = 1;
    assert_int_equal(DomainStart(&options, &strict), 0);
    TestProcessOpen(DomainPath(strict), &process, 0);
    assert_int_equal(TestSetCms(&process.thread, process.taskID, 256), -EPERM);
    TestProcessClose(&process);
    DomainStop(strict);

    options.cmsUidCount = 0; /* an empty list admits no user */
    assert_int_equal(DomainStart(&options, &strict), 0);
    TestProcessOpen(DomainPath(strict), &process, 0);
    assert_int_equal(TestSetCms(&process.thread, process.taskID, 256), -EPERM);
    TestProcessClose(&process);
    DomainStop(strict);
}

/* Every ioctl first checks that the process has opened the device, then that it has a pool. */
static void IoctlsRequireOpenAndMap(void **state)
{
    (void)state;
    struct TestClient client;
    struct TestThread thread;
    uint32_t taskID, handle = 0;
    struct ControlMessage map = {.type = CONTROL_PROCESS_MAP, .map.poolSize = 4096};
    struct ControlMessage message;
    struct ControlProcessFacts facts;

    assert_int_equal(TestClientOpen(DomainPath(testDomain), &client), 0);
    assert_int_equal(TestThreadOpen(&client, &thread), 0);
    assert_int_equal(TestTaskCreate(&thread, &taskID, NULL), 0);
    assert_int_equal(TestSetCms(&thread, taskID, 256), -EINVAL);
    assert_int_equal(TestObject(&thread, CONTROL_SET_IPC_TASK, taskID, 0), -EINVAL);
    assert_int_equal(TestCmsCommand(&thread, taskID, CMS_GEN_HANDLE, 0, &handle), -EINVAL);
    message = map;
    assert_int_equal(TestCall(&thread.socket, &message, NULL, 0, NULL), -EINVAL);

    assert_int_equal(TestObject(&thread, CONTROL_PROCESS_OPEN, 0, 0), 0);
    /* A second request changes nothing. */
    assert_int_equal(TestObject(&thread, CONTROL_PROCESS_OPEN, 0, 0), 0);
    assert_int_equal(TestSetCms(&thread, taskID, 256), -ENOMEM);
    assert_int_equal(TestObject(&thread, CONTROL_SET_IPC_TASK, taskID, 0), -ENOMEM);
    assert_int_equal(TestCmsCommand(&thread, taskID, CMS_GEN_HANDLE, 0, &handle), -ENOMEM);

    static const uint64_t bad[] = {1, 4095, 256 * 1024 + 4096, UINT64_MAX, 1ULL << 63};
    for (size_t index = 0; index < sizeof(bad) / sizeof(bad[0]); index++) {
        message = map;
        message.map.poolSize = bad[index];
        assert_int_equal(TestCall(&thread.socket, &message, NULL, 0, NULL), -EINVAL);
    }
    message = map;
    assert_int_equal(TestCall(&thread.socket, &message, NULL, 0, NULL), 0);
    message = map;
    assert_int_equal(TestCall(&thread.socket, &message, NULL, 0, NULL), -EEXIST);
    assert_int_equal(ControlProcessRead(client.table, client.identity.processID, &facts), 0);
    assert_true(facts.opened && facts.poolSize == 4096);
    message = map;
    message.map.poolSize = 0;
    assert_int_equal(TestCall(&thread.socket, &message, NULL, 0, NULL), 0);
    assert_int_equal(TestSetCms(&thread, taskID, 256), -ENOMEM);
    TestThreadClose(&thread);
    TestClientClose(&client);
}

static int Command(struct TestProcess *process, uint32_t cmd, uint32_t taskID, uint32_t handle)
{
    return TestCmsCommand(&process->thread, process->taskID, cmd, taskID, &handle);
}

static void OnlyTheCmsProcessMaySendCommands(void **state)
{
    (void)state;
    struct DomainTrio trio;
    struct TestProcess early;

    TestProcessOpen(DomainPath(testDomain), &early, 0);
    assert_int_equal(Command(&early, CMS_GEN_HANDLE, 0, 0), -EACCES); /* no CMS exists */
    TestProcessClose(&early);
    DomainTrioOpen(&trio, 0);
    uint32_t service = trio.service.taskID;
    uint32_t client = trio.client.taskID;
    for (uint32_t cmd = CMS_GEN_HANDLE; cmd <= CMS_ADD_ACCESS + 1; cmd++) {
        assert_int_equal(Command(&trio.client, cmd, client, service), -EACCES);
    }
    assert_int_equal(Command(&trio.manager, CMS_ADD_ACCESS + 1, client, service), -EINVAL);
    assert_int_equal(Command(&trio.manager, UINT32_MAX, client, service), -EINVAL);
    /* In another process's name. */
    uint32_t handle = service;
    assert_int_equal(
        TestCmsCommand(&trio.client.thread, trio.manager.taskID, CMS_ADD_ACCESS, client, &handle),
        -EINVAL);
    /* A sibling task of the CMS belongs to its process. */
    uint32_t sibling;
    assert_int_equal(TestTaskCreate(&trio.manager.thread, &sibling, NULL), 0);
    assert_int_equal(TestCmsCommand(&trio.manager.thread, sibling, CMS_ADD_ACCESS, client, &handle),
                     0);
    assert_int_equal(Command(&trio.manager, CMS_REMOVE_HANDLE, 0, service), 0);
    assert_int_equal(Command(&trio.manager, CMS_REMOVE_HANDLE, 0, 127), 0);
    assert_int_equal(Command(&trio.manager, CMS_REMOVE_HANDLE, 0, 128), -EINVAL);
    DomainTrioClose(&trio);
}

static void HandlesAreTaskIDs(void **state)
{
    (void)state;
    struct DomainTrio trio;
    uint32_t handle = 99, fresh;

    DomainTrioOpen(&trio, 0);
    const struct ControlTable *table = trio.client.client.table;
    uint32_t manager = trio.manager.client.identity.processID;
    assert_int_equal(TestCmsCommand(&trio.manager.thread, trio.manager.taskID, CMS_GEN_HANDLE,
                                    trio.service.taskID, &handle),
                     0);
    assert_int_equal(handle, trio.service.taskID);
    assert_true(HasServiceAccess(table, manager, handle));
    assert_int_equal(Command(&trio.manager, CMS_GEN_HANDLE, trio.manager.taskID, 0), -EINVAL);
    assert_int_equal(Command(&trio.manager, CMS_GEN_HANDLE, 0, 0), -EINVAL); /* the CMS itself */
    assert_int_equal(Command(&trio.manager, CMS_GEN_HANDLE, 127, 0), -EINVAL);
    assert_int_equal(Command(&trio.manager, CMS_GEN_HANDLE, 128, 0), -EINVAL);
    assert_int_equal(Command(&trio.manager, CMS_GEN_HANDLE, UINT32_MAX, 0), -EINVAL);
    /* Task 0 is the caller; a sibling of the CMS may send the command. */
    assert_int_equal(TestTaskCreate(&trio.manager.thread, &fresh, NULL), 0);
    handle = 99;
    assert_int_equal(TestCmsCommand(&trio.manager.thread, fresh, CMS_GEN_HANDLE, 0, &handle), 0);
    assert_int_equal(handle, fresh);

    /* A task that never used IPC gets a handle, but no caller before it has a queue. */
    assert_int_equal(TestTaskCreate(&trio.service.thread, &fresh, NULL), 0);
    assert_int_equal(Command(&trio.manager, CMS_GEN_HANDLE, fresh, 0), 0);
    assert_false(HasServiceAccess(table, manager, fresh));
    assert_int_equal(Command(&trio.manager, CMS_ADD_ACCESS, trio.client.taskID, fresh), -EINVAL);
    assert_int_equal(TestObject(&trio.service.thread, CONTROL_TASK_INIT, fresh, 0), 0);
    assert_int_equal(Command(&trio.manager, CMS_GEN_HANDLE, fresh, 0), 0);
    assert_true(HasServiceAccess(table, manager, fresh));
    DomainTrioClose(&trio);
}

static void AccessIsGrantedToTheWholeProcess(void **state)
{
    (void)state;
    struct DomainTrio trio;
    uint32_t unopenedTask;
    struct TestClient unopened;
    struct TestThread thread;

    DomainTrioOpen(&trio, 0);
    const struct ControlTable *table = trio.client.client.table;
    uint32_t client = trio.client.client.identity.processID;
    uint32_t service = trio.service.taskID;

    assert_false(HasServiceAccess(table, client, service));
    assert_int_equal(Command(&trio.manager, CMS_ADD_ACCESS, trio.client.taskID, service), 0);
    assert_true(HasServiceAccess(table, client, service));
    assert_int_equal(Command(&trio.manager, CMS_ADD_ACCESS, trio.client.taskID, service), 0);
    assert_int_equal(Command(&trio.manager, CMS_ADD_ACCESS, trio.client.taskID, 0), 0);
    assert_int_equal(Command(&trio.manager, CMS_ADD_ACCESS, trio.client.taskID, 127), -EINVAL);
    assert_int_equal(Command(&trio.manager, CMS_ADD_ACCESS, trio.client.taskID, 128), -EINVAL);
    assert_int_equal(Command(&trio.manager, CMS_ADD_ACCESS, 0, service), -EINVAL);
    assert_int_equal(Command(&trio.manager, CMS_ADD_ACCESS, 127, service), -EINVAL);
    assert_int_equal(Command(&trio.manager, CMS_ADD_ACCESS, UINT32_MAX, service), -EINVAL);

    assert_int_equal(TestClientOpen(DomainPath(testDomain), &unopened), 0);
    assert_int_equal(TestThreadOpen(&unopened, &thread), 0);
    assert_int_equal(TestTaskCreate(&thread, &unopenedTask, NULL), 0);
    assert_int_equal(Command(&trio.manager, CMS_ADD_ACCESS, unopenedTask, service), -EINVAL);
    assert_false(HasServiceAccess(table, unopened.identity.processID, service));
    TestThreadClose(&thread);
    TestClientClose(&unopened);
    DomainTrioClose(&trio);
}

/* Sends CMS_ADD_ACCESS with the generations of the client and of the service. */
static int GrantTo(struct DomainTrio *trio, uint32_t clientGeneration, uint32_t serviceGeneration)
{
    struct ControlMessage message = {.type = CONTROL_CMS_COMMAND,
                                     .cmsCommand = {.callerTaskID = trio->manager.taskID,
                                                    .cmd = CMS_ADD_ACCESS,
                                                    .taskID = trio->client.taskID,
                                                    .taskGeneration = clientGeneration,
                                                    .serviceHandle = trio->service.taskID,
                                                    .serviceGeneration = serviceGeneration}};
    return TestCall(&trio->manager.thread.socket, &message, NULL, 0, NULL);
}

static void AccessIsGrantedOnlyToTheNamedGeneration(void **state)
{
    (void)state;
    struct DomainTrio trio;
    DomainTrioOpen(&trio, 0);
    const struct ControlTable *table = trio.client.client.table;
    uint32_t client = trio.client.client.identity.processID;
    uint32_t service = trio.service.taskID;

    assert_int_equal(GrantTo(&trio, trio.client.taskGeneration + 1, 0), -EINVAL);
    assert_int_equal(GrantTo(&trio, 0, trio.service.taskGeneration + 1), -EINVAL);
    assert_false(HasServiceAccess(table, client, service));
    assert_int_equal(GrantTo(&trio, trio.client.taskGeneration, trio.service.taskGeneration), 0);
    assert_true(HasServiceAccess(table, client, service));
    DomainTrioClose(&trio);
}

static void AccessCanBeRemoved(void **state)
{
    (void)state;
    struct DomainTrio trio;
    struct TestMessage event;

    DomainTrioOpen(&trio, 0);
    const struct ControlTable *table = trio.client.client.table;
    struct ControlIdentity client = trio.client.client.identity;
    uint32_t service = trio.service.taskID;
    struct ControlAccess access = {.callerTaskID = trio.manager.taskID,
                                   .processID = client.processID,
                                   .processGeneration = client.generation,
                                   .serviceHandle = service,
                                   .serviceGeneration = trio.service.taskGeneration};
    struct ControlAccess bad;

    assert_int_equal(Command(&trio.manager, CMS_ADD_ACCESS, trio.client.taskID, service), 0);
    bad = access;
    bad.callerTaskID = trio.client.taskID;
    assert_int_equal(TestRemoveAccess(&trio.client.thread, &bad), -EACCES);
    bad = access;
    bad.processGeneration++;
    assert_int_equal(TestRemoveAccess(&trio.manager.thread, &bad), -EINVAL);
    bad = access;
    bad.serviceGeneration++;
    assert_int_equal(TestRemoveAccess(&trio.manager.thread, &bad), -EINVAL);
    bad = access;
    bad.serviceHandle = 127;
    assert_int_equal(TestRemoveAccess(&trio.manager.thread, &bad), -EINVAL);
    static const uint32_t noProcess[] = {0, 63, 64, UINT32_MAX};
    for (size_t index = 0; index < sizeof(noProcess) / sizeof(noProcess[0]); index++) {
        bad = access;
        bad.processID = noProcess[index];
        assert_int_equal(TestRemoveAccess(&trio.manager.thread, &bad), -EINVAL);
    }
    assert_true(HasServiceAccess(table, client.processID, service));
    assert_true(TestNoEventOf(&trio.client.thread.socket, CONTROL_EVENT_WAKE));

    uint32_t before = atomic_load(&ControlThreadAt(table, trio.service.thread.id)->attention);
    assert_int_equal(TestRemoveAccess(&trio.manager.thread, &access), 0);
    /* All effects are visible when the answer arrives. */
    assert_false(HasServiceAccess(table, client.processID, service));
    assert_true(atomic_load(&ControlThreadAt(table, trio.service.thread.id)->attention) > before);
    assert_int_equal(TestEvent(&trio.client.thread.socket, &event, 0), 1);
    assert_int_equal(event.message.type, CONTROL_EVENT_WAKE);
    assert_int_equal(TestEvent(&trio.service.thread.socket, &event, 0), 1);
    assert_int_equal(event.message.type, CONTROL_EVENT_WAKE);
    /* Any generation; the right is already removed. */
    access.processGeneration = access.serviceGeneration = 0;
    assert_int_equal(TestRemoveAccess(&trio.manager.thread, &access), 0);
    DomainTrioClose(&trio);
}

static void AProcessHasOneIpcTask(void **state)
{
    (void)state;
    struct TestProcess process, manager;
    uint32_t second;

    TestProcessOpen(DomainPath(testDomain), &process, 0);
    TestProcessOpen(DomainPath(testDomain), &manager, 0);
    const struct ControlTable *table = process.client.table;
    uint32_t processID = process.client.identity.processID;
    assert_int_equal(TestObject(&process.thread, CONTROL_SET_IPC_TASK, process.taskID, 0), -EINVAL);
    assert_int_equal(TestSetCms(&manager.thread, manager.taskID, 256), 0);
    assert_false(IsIpcTaskSet(table, processID));
    assert_int_equal(TestObject(&process.thread, CONTROL_SET_IPC_TASK, manager.taskID, 0), -EINVAL);
    assert_int_equal(TestObject(&process.thread, CONTROL_SET_IPC_TASK, process.taskID, 0), 0);
    assert_true(IsIpcTaskSet(table, processID));
    assert_int_equal(GetIpcTaskID(table, processID), process.taskID);
    assert_int_equal(TestTaskCreate(&process.thread, &second, NULL), 0);
    assert_int_equal(TestObject(&process.thread, CONTROL_SET_IPC_TASK, second, 0), -EINVAL);
    /* The IPC task role ends with its task. */
    assert_int_equal(TestObject(&process.thread, CONTROL_TASK_EXIT, process.taskID, 0), 0);
    assert_false(IsIpcTaskSet(table, processID));
    assert_int_equal(TestObject(&process.thread, CONTROL_SET_IPC_TASK, second, 0), 0);
    TestProcessClose(&process);
    TestProcessClose(&manager);
}

static void OnlyTheirOwnersMayUseTasks(void **state)
{
    (void)state;
    struct TestProcess process, other;
    struct TestThread sibling;
    uint32_t manager;

    TestProcessOpen(DomainPath(testDomain), &process, 0);
    TestProcessOpen(DomainPath(testDomain), &other, 0);
    assert_int_equal(TestThreadOpen(&process.client, &sibling), 0);
    assert_int_equal(TestObject(&other.thread, CONTROL_TASK_EXIT, process.taskID, 0), -EINVAL);
    assert_int_equal(TestObject(&sibling, CONTROL_TASK_EXIT, process.taskID, 0), -EINVAL);
    assert_int_equal(TestObject(&process.thread, CONTROL_TASK_EXIT, 0, 0), -EINVAL);
    assert_int_equal(TestObject(&process.thread, CONTROL_TASK_EXIT, UINT32_MAX, 0), -EINVAL);
    assert_true(IsTaskAlive(process.client.table, process.taskID));

    /* A thread may create queues for tasks of its own process and for the ServiceManager. */
    assert_int_equal(TestTaskCreate(&process.thread, &manager, NULL), 0);
    assert_int_equal(TestObject(&other.thread, CONTROL_TASK_INIT, manager, 0), -EINVAL);
    assert_int_equal(TestObject(&sibling, CONTROL_TASK_INIT, manager, 77), -EINVAL);
    assert_int_equal(TestObject(&sibling, CONTROL_TASK_INIT, manager, 0), 0);
    assert_int_equal(TestSetCms(&process.thread, manager, 256), 0);
    assert_int_equal(TestObject(&other.thread, CONTROL_TASK_INIT, manager, 0), 0);
    assert_int_equal(TestObject(&process.thread, CONTROL_TASK_EXIT, process.taskID, 0), 0);
    assert_int_equal(TestObject(&process.thread, CONTROL_TASK_EXIT, process.taskID, 0), -EINVAL);
    TestThreadClose(&sibling);
    TestProcessClose(&process);
    TestProcessClose(&other);
}

/* The slot that has been free for the longest time is reused first, with a new generation. */
static void TheOldestFreeSlotIsReusedFirst(void **state)
{
    (void)state;
    struct TestProcess process;
    uint32_t first, firstGeneration, taskID, generation;

    TestProcessOpen(DomainPath(testDomain), &process, 0);
    assert_int_equal(TestTaskCreate(&process.thread, &first, &firstGeneration), 0);
    assert_int_equal(TestObject(&process.thread, CONTROL_TASK_EXIT, first, 0), 0);
    for (uint32_t round = 1; round < 126; round++) { /* 127 slots, one of them in use */
        assert_int_equal(TestTaskCreate(&process.thread, &taskID, NULL), 0);
        assert_int_not_equal(taskID, first);
        assert_int_equal(TestObject(&process.thread, CONTROL_TASK_EXIT, taskID, 0), 0);
        assert_true(TestNoEventOf(&process.thread.socket, CONTROL_EVENT_DEATH));
    }
    assert_int_equal(TestTaskCreate(&process.thread, &taskID, &generation), 0);
    assert_int_equal(taskID, first);
    assert_int_equal(generation, firstGeneration + 1);
    TestProcessClose(&process);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(CmsIsOneTaskOfTheDomain, DomainSetUp, DomainTearDown),
        cmocka_unit_test_setup_teardown(OnlyListedProgramsBecomeCms, DomainSetUp, DomainTearDown),
        cmocka_unit_test_setup_teardown(IoctlsRequireOpenAndMap, DomainSetUp, DomainTearDown),
        cmocka_unit_test_setup_teardown(OnlyTheCmsProcessMaySendCommands, DomainSetUp,
                                        DomainTearDown),
        cmocka_unit_test_setup_teardown(HandlesAreTaskIDs, DomainSetUp, DomainTearDown),
        cmocka_unit_test_setup_teardown(AccessIsGrantedToTheWholeProcess, DomainSetUp,
                                        DomainTearDown),
        cmocka_unit_test_setup_teardown(AccessIsGrantedOnlyToTheNamedGeneration, DomainSetUp,
                                        DomainTearDown),
        cmocka_unit_test_setup_teardown(AccessCanBeRemoved, DomainSetUp, DomainTearDown),
        cmocka_unit_test_setup_teardown(AProcessHasOneIpcTask, DomainSetUp, DomainTearDown),
        cmocka_unit_test_setup_teardown(OnlyTheirOwnersMayUseTasks, DomainSetUp, DomainTearDown),
        cmocka_unit_test_setup_teardown(TheOldestFreeSlotIsReusedFirst, DomainSetUp,
                                        DomainTearDown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
