/*
 * Tests the operations of the device before any message: open, mmap, ioctl, and the order of their
 * checks.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "support/actors.h"

#define UNKNOWN_COMMAND _IO(IPC_IOC_MAGIC, 7)

/* Asserts the kernel's status for every ioctl of a process in this state. */
static void EveryIoctlIs(struct Actor *actor, int status)
{
    IpcVersion version = {0};
    CmsCmdContent command = {.cmd = CMS_GEN_HANDLE};
    IpcContent content = {.flag = RECV};

    assert_int_equal(ActorIoctl(actor, IPC_GET_VERSION, (unsigned long)&version), status);
    assert_int_equal(ActorIoctl(actor, IPC_GET_VERSION, 0), status);
    assert_int_equal(ActorSetCms(actor, 8192), status);
    assert_int_equal(ActorSetCms(actor, 0), status);
    assert_int_equal(ActorIoctl(actor, IPC_SET_IPC_THREAD, 0), status);
    assert_int_equal(ActorIoctl(actor, IPC_CMS_CMD, (unsigned long)&command), status);
    assert_int_equal(ActorIoctl(actor, IPC_CMS_CMD, 0), status);
    assert_int_equal(ActorIoctl(actor, IPC_SEND_RECV_MSG, (unsigned long)&content), status);
    assert_int_equal(ActorIoctl(actor, IPC_SEND_RECV_MSG, 0), status);
    assert_int_equal(ActorIoctl(actor, UNKNOWN_COMMAND, 0), status);
    assert_int_equal(version.driverVersion, 0);
}

static int VersionOf(struct Actor *actor)
{
    IpcVersion version = {0};
    assert_int_equal(ActorIoctl(actor, IPC_GET_VERSION, (unsigned long)&version), 0);
    return version.driverVersion;
}

static void NothingWorksBeforeOpenAndMmap(void **state)
{
    struct Actor *actor = ActorProcess(*state);

    EveryIoctlIs(actor, -EINVAL);
    assert_int_equal(ActorMap(actor, ACTOR_POOL, PROT_READ, MAP_PRIVATE), -EINVAL);
    assert_int_equal(ActorOpen(actor), 0);
    EveryIoctlIs(actor, -ENOMEM);
    assert_int_equal(ActorMap(actor, ACTOR_POOL, PROT_READ, MAP_PRIVATE), 0);
    assert_int_equal(VersionOf(actor), DRIVER_VERSION);
    assert_int_equal(ActorIoctl(actor, IPC_GET_VERSION, 0), -EINVAL);
    assert_int_equal(ActorIoctl(actor, UNKNOWN_COMMAND, 0), -EINVAL);
    assert_int_equal(ActorIoctl(actor, 0, 0), -EINVAL);
}

/* One open and one pool serve all tasks of a process; further opens change nothing. */
static void OpenAndPoolBelongToTheProcess(void **state)
{
    struct Actor *actor = ActorProcess(*state);
    struct Actor *sibling = ActorSibling(actor);
    struct Actor *other = ActorProcess(*state);

    assert_int_equal(ActorOpen(actor), 0);
    assert_int_equal(ActorOpen(sibling), 0);
    assert_int_equal(ActorMap(sibling, 4096, PROT_READ, MAP_PRIVATE), 0);
    assert_int_equal(ActorOpen(actor), 0);
    assert_int_equal(VersionOf(actor), DRIVER_VERSION);
    assert_int_equal(ActorMap(actor, 4096, PROT_READ, MAP_PRIVATE), -EEXIST);
    EveryIoctlIs(other, -EINVAL);
    assert_int_equal(LiteIpcClose(ActorTask(actor)), 0);
    assert_int_equal(VersionOf(actor), DRIVER_VERSION);
}

static void MmapChecksItsArguments(void **state)
{
    static const struct {
        size_t size;
        int prot, flags;
    } bad[] = {
        {4096, PROT_READ | PROT_WRITE, MAP_PRIVATE},
        {4096, PROT_WRITE, MAP_PRIVATE},
        {4096, PROT_NONE, MAP_PRIVATE},
        {4096, PROT_READ, MAP_SHARED},
        {262145, PROT_READ, MAP_PRIVATE},
        {1048576, PROT_READ, MAP_PRIVATE},
        {SIZE_MAX, PROT_READ, MAP_PRIVATE},
        {0, PROT_READ, MAP_PRIVATE},
    };
    struct Actor *actor = ActorProcess(*state);

    assert_int_equal(ActorOpen(actor), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(ActorMap(actor, bad[i].size, bad[i].prot, bad[i].flags), -EINVAL);
        EveryIoctlIs(actor, -ENOMEM);
    }
    assert_int_equal(ActorMap(actor, 262144, PROT_READ, MAP_PRIVATE), 0);
    assert_int_equal(VersionOf(actor), DRIVER_VERSION);
}

static void OneByteMapsAPage(void **state)
{
    struct Actor *actor = ActorProcess(*state);
    size_t size = 0;

    assert_null(LiteIpcPoolView(ActorDevice(actor), &size));
    assert_int_equal(ActorOpen(actor), 0);
    assert_int_equal(ActorMap(actor, 1, PROT_READ, MAP_PRIVATE), 0);
    assert_non_null(LiteIpcPoolView(ActorDevice(actor), &size));
    assert_true(size >= 4096);
    assert_int_equal(ActorSetCms(actor, 8192), 0);
}

/* D3: in the kernel a refused second mmap loses the first pool. */
static void RefusedSecondMmapChangesNothing(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    IpcMsg out = ActorOneway(ActorID(svc), 1);
    IpcMsg *held;
    size_t size;
    const void *view = LiteIpcPoolView(ActorDevice(svc), &size);

    assert_int_equal(ActorSend(cli, &out), 0);
    assert_int_equal(ActorReceive(svc, &held), 0);
    assert_int_equal(ActorMap(svc, 4096, PROT_READ, MAP_SHARED), -EINVAL);
    assert_int_equal(ActorMap(svc, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE), -EINVAL);
    assert_int_equal(ActorMap(svc, ACTOR_POOL, PROT_READ, MAP_PRIVATE), -EEXIST);
    assert_ptr_equal(LiteIpcPoolView(ActorDevice(svc), &size), view);
    assert_true(ActorIsMessage(held, MT_REQUEST, 1, cli));
    assert_int_equal(ActorFree(svc, held), 0);
    assert_int_equal(ActorSend(cli, &out), 0);
    assert_int_equal(ActorReceive(svc, NULL), 0);
}

static void VersionIsTwoForEveryProcessWithAPool(void **state)
{
    struct Actor *svc = ActorReady(*state);

    assert_int_equal(VersionOf(svc), 2);
    struct Actor *cms = ActorManager(*state);
    assert_int_equal(VersionOf(svc), 2);
    assert_int_equal(VersionOf(cms), 2);
}

static void MessagesNeedAServiceManagerFirst(void **state)
{
    struct Actor *svc = ActorReady(*state);
    struct Actor *cms = ActorReady(*state);
    IpcMsg toCms = ActorOneway(0, 0);
    IpcMsg toSelf = ActorOneway(ActorID(svc), 0);
    uint32_t handle = 1;

    assert_int_equal(ActorIoctl(svc, IPC_SET_IPC_THREAD, 0), -EINVAL);
    assert_int_equal(ActorReceive(svc, NULL), -EINVAL);
    assert_int_equal(ActorSend(svc, &toCms), -EINVAL);
    assert_int_equal(ActorSend(svc, &toSelf), -EINVAL);
    assert_int_equal(ActorFree(svc, (void *)4096), -EINVAL);
    assert_int_equal(ActorMsg(svc, 0, NULL, NULL, NULL), -EINVAL);
    assert_int_equal(ActorCmsCommand(svc, CMS_GEN_HANDLE, 0, NULL), -EACCES);
    assert_int_equal(ActorCmsCommand(cms, CMS_ADD_ACCESS, ActorID(svc), &handle), -EACCES);
    assert_int_equal(ActorIoctl(svc, IPC_CMS_CMD, 0), -EINVAL);
    assert_int_equal(ActorSetCms(cms, 8192), 0);
    assert_int_equal(ActorIoctl(svc, IPC_SET_IPC_THREAD, 0), (int)ActorID(svc));
    assert_int_equal(ActorMsg(svc, 0, NULL, NULL, NULL), 0);
}

/* D15: in the kernel an invalid address may return success. */
static void NullIsAnErrorEverywhere(void **state)
{
    struct Actor *cms = ActorManager(*state);

    assert_int_equal(ActorIoctl(cms, IPC_CMS_CMD, 0), -EINVAL);
    assert_int_equal(ActorIoctl(cms, IPC_SEND_RECV_MSG, 0), -EINVAL);
    assert_int_equal(ActorIoctl(cms, IPC_GET_VERSION, 0), -EINVAL);
    assert_int_equal(LiteIpcMmap(ActorTask(cms), 4096, PROT_READ, MAP_PRIVATE, NULL), -EINVAL);
    assert_int_equal(LiteIpcDeviceAttach(NULL, NULL), -EINVAL);
    assert_int_equal(LiteIpcThreadCreate(NULL, NULL), -EINVAL);
    assert_int_equal(LiteIpcTaskCreate(NULL, NULL), -EINVAL);
    assert_int_equal(LiteIpcDomainStart(NULL, NULL), -EINVAL);
}

static void OnlyOneIpcTaskInAProcess(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *svc = ActorReady(*state);
    struct Actor *svc2 = ActorSibling(svc);
    struct Actor *cli = ActorReady(*state);

    assert_int_equal(ActorIoctl(svc2, IPC_SET_IPC_THREAD, 0), (int)ActorID(svc2));
    assert_int_equal(ActorIoctl(svc2, IPC_SET_IPC_THREAD, 0), -EINVAL);
    assert_int_equal(ActorIoctl(svc, IPC_SET_IPC_THREAD, 0), -EINVAL);
    assert_int_equal(ActorIoctl(cli, IPC_SET_IPC_THREAD, 0), (int)ActorID(cli));
    assert_int_equal(ActorIoctl(cms, IPC_SET_IPC_THREAD, 0), (int)ActorID(cms));
}

static void LimitsFollowTheProfile(void **state)
{
    struct Stage *stage = *state;
    struct Actor *first = ActorProcess(stage);
    struct Actor *actor = first;
    struct LiteIpcDevice *device = NULL;
    struct LiteIpcTask *task;
    struct LiteIpcTask *tasks[127];
    unsigned count = 1;

    assert_int_equal(LiteIpcDataLimit(ActorDevice(actor)), IPC_MSG_DATA_SZ_MAX);
    assert_int_equal(LiteIpcDataLimit(ActorDevice(actor)), 6144);
    assert_int_equal(LiteIpcPoolDefault(ActorDevice(actor)), 65536);
    while (count < 200 && LiteIpcTaskCreate(ActorThread(actor), &task) == 0) {
        tasks[count++ - 1] = task;
    }
    assert_int_equal(count, 127); /* IDs 1 to 127 */
    LiteIpcTaskExit(tasks[50]);
    assert_int_equal(LiteIpcTaskCreate(ActorThread(actor), &task), 0);
    assert_int_equal(LiteIpcTaskCreate(ActorThread(actor), &task), -EAGAIN);

    struct LiteIpcDevice *devices[63];
    count = 1;
    while (count < 100 && LiteIpcDeviceAttach(LiteIpcDomainPath(stage->domain), &device) == 0) {
        devices[count++ - 1] = device;
    }
    assert_int_equal(count, 63); /* IDs 1 to 63 */
    for (unsigned i = 0; i + 1 < count; i++) {
        LiteIpcDeviceDetach(devices[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(NothingWorksBeforeOpenAndMmap),
        STAGE_TEST(OpenAndPoolBelongToTheProcess),
        STAGE_TEST(MmapChecksItsArguments),
        STAGE_TEST(OneByteMapsAPage),
        STAGE_TEST(RefusedSecondMmapChangesNothing),
        STAGE_TEST(VersionIsTwoForEveryProcessWithAPool),
        STAGE_TEST(MessagesNeedAServiceManagerFirst),
        STAGE_TEST(NullIsAnErrorEverywhere),
        STAGE_TEST(OnlyOneIpcTaskInAProcess),
        STAGE_TEST(LimitsFollowTheProfile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
