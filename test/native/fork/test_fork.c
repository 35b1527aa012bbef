/*
 * Tests LiteIpcPoolReInit with a real fork: if the parent had the device open, the child has it
 * open, too; it inherits nothing else.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/control_blocks.h"
#include "support/control_client.h"
#include "support/forked.h"
#include "support/parcel.h"

static struct Parcel parcel;

/* Returns the version, or the error of IPC_GET_VERSION. */
static int Version(struct Forked *self)
{
    IpcVersion version = {0};
    int status = ForkedIoctl(self, IPC_GET_VERSION, (unsigned long)&version);
    return status == 0 ? version.driverVersion : status;
}

/* ---- nothing is inherited -------------------------------------------------------------------- */

struct Expected {
    struct KnownDescriptors known;
    int delivered;
};

static void HasOnlyWhatIsExpected(struct LiteIpcDevice *parent, void *argument)
{
    struct Expected *expected = argument;
    (void)parent;
    FORKED_CHECK(close(expected->delivered) == 0);
    FORKED_CHECK(KnownDescriptorsOnly(&expected->known, NULL));
    FORKED_CHECK(!LiteIpcIsMapped());
}

static void SendFd(struct Actor *from, uint32_t to, int descriptor)
{
    ParcelBegin(&parcel, ActorOneway(to, 1));
    ParcelFd(&parcel, descriptor);
    assert_int_equal(ActorSend(from, &parcel.msg), 0);
}

struct SecondTask {
    struct LiteIpcTask *task;
    IpcContent content;
};

static int SecondTaskStep(struct Actor *actor, void *argument)
{
    struct SecondTask *second = argument;
    return LiteIpcTaskCreate(ActorThread(actor), &second->task);
}

static int SecondReceiveStep(struct Actor *actor, void *argument)
{
    struct SecondTask *second = argument;
    (void)actor;
    second->content = (IpcContent){.flag = RECV};
    return LiteIpcIoctl(second->task, IPC_SEND_RECV_MSG, (unsigned long)&second->content);
}

/*
 * The parent has lanes in both directions, two threads, descriptor sockets, one delivered
 * descriptor (which belongs to the program, so the child has it) and one that is pending until its
 * message is received (which the child does not have).
 */
static void ChildInheritsNothing(void **state)
{
    struct ForkStage *stage = *state;
    struct Expected expected;
    struct SecondTask second;
    IpcMsg *got;
    int full = open("/dev/full", O_RDWR | O_CLOEXEC);
    int zero = open("/dev/zero", O_RDWR | O_CLOEXEC);
    KnownDescriptorsTake(&expected.known);
    struct Actor *cms = ForkStageManager(stage);
    struct Actor *peer = ForkStageActor(stage);
    struct Actor *parent = ForkStageService(stage, cms, peer);
    struct Actor *sibling = ActorSibling(parent);

    assert_int_equal(ActorRun(parent, SecondTaskStep, &second), 0);
    uint32_t handle = LiteIpcTaskID(second.task);
    IpcMsg out = ActorOneway(handle, 0);
    assert_int_equal(ActorSend(sibling, &out), 0);
    /* The task has a queue now. */
    assert_int_equal(ActorRun(parent, SecondReceiveStep, &second), 0);
    assert_int_equal(ActorCmsCommand(cms, CMS_ADD_ACCESS, ActorID(peer), &handle), 0);
    SendFd(peer, handle, zero);
    SendFd(peer, ActorID(parent), full);
    assert_int_equal(ActorReceive(parent, &got), 0);
    assert_true(TestDescriptorCount() > stage->stage.descriptorsBefore + 20);
    expected.delivered = ParcelFdOf(got, 0);
    assert_true(OthersCloseOnExec(&expected.known));
    assert_true(ForkedRun(stage, ActorDevice(parent), HasOnlyWhatIsExpected, &expected));
    assert_int_equal(close(expected.delivered), 0);
    assert_int_equal(ActorFree(parent, got), 0);
    /* The parent still has everything. */
    assert_int_equal(ActorRun(parent, SecondReceiveStep, &second), 0);
    assert_int_equal(close(ParcelFdOf(second.content.inMsg, 0)), 0);
    SendFd(peer, ActorID(parent), full);
    assert_int_equal(ActorReceive(parent, &got), 0);
    assert_int_equal(close(ParcelFdOf(got, 0)), 0);
    close(full);
    close(zero);
}

static void HasUnknownDescriptors(struct LiteIpcDevice *parent, void *argument)
{
    (void)parent;
    fclose(stderr); /* the output is expected here */
    FORKED_CHECK(!KnownDescriptorsOnly(argument, NULL));
}

/* Verifies that the test above can fail: the fork handlers close the descriptors. */
static void WithoutTheHandlersTheChildInherits(void **state)
{
    struct ForkStage *stage = *state;
    struct KnownDescriptors known;
    KnownDescriptorsTake(&known);
    struct Actor *parent = ForkStageActor(stage);
    unsigned count = stage->deviceCount;
    stage->deviceCount = 0;
    assert_true(ForkedRun(stage, ActorDevice(parent), HasUnknownDescriptors, &known));
    stage->deviceCount = count;
}

/* ---- forks in three states ------------------------------------------------------------------- */

static void IsNotOpen(struct LiteIpcDevice *parent, void *argument)
{
    struct Forked self;
    (void)argument;
    FORKED_CHECK(ForkedBegin(parent, &self) == 0);
    FORKED_CHECK(Version(&self) == -EINVAL);
    FORKED_CHECK(ForkedMap(&self, ACTOR_POOL) == -EINVAL);
    FORKED_CHECK(LiteIpcOpen(self.task) == 0);
    FORKED_CHECK(Version(&self) == -ENOMEM);
    FORKED_CHECK(ForkedMap(&self, ACTOR_POOL) == 0);
    FORKED_CHECK(Version(&self) == DRIVER_VERSION);
    ForkedFinish(&self);
}

static void BeforeOpen(void **state)
{
    struct ForkStage *stage = *state;
    struct Actor *parent = ForkStageProcess(stage);
    assert_true(ForkedRun(stage, ActorDevice(parent), IsNotOpen, NULL));
    assert_int_equal(ActorOpen(parent), 0);
}

static void IsOpenOnly(struct LiteIpcDevice *parent, void *argument)
{
    IpcMsg out = ActorOneway(CMS_HANDLE, 1);
    struct Forked self;
    (void)argument;
    FORKED_CHECK(ForkedBegin(parent, &self) == 0);
    FORKED_CHECK(Version(&self) == -ENOMEM);
    FORKED_CHECK(ForkedMsg(&self, SEND, &out, NULL, NULL) == -ENOMEM);
    FORKED_CHECK(ForkedMsg(&self, RECV, NULL, NULL, NULL) == -ENOMEM);
    FORKED_CHECK(LiteIpcOpen(self.task) == 0); /* a second call changes nothing */
    FORKED_CHECK(Version(&self) == -ENOMEM);
    FORKED_CHECK(ForkedMap(&self, 4096) == 0);
    FORKED_CHECK(Version(&self) == DRIVER_VERSION);
    ForkedFinish(&self);
}

static void BetweenOpenAndMmap(void **state)
{
    struct ForkStage *stage = *state;
    struct Actor *parent = ForkStageProcess(stage);
    IpcVersion version = {0};
    assert_int_equal(ActorOpen(parent), 0);
    assert_true(ForkedRun(stage, ActorDevice(parent), IsOpenOnly, NULL));
    assert_int_equal(ActorIoctl(parent, IPC_GET_VERSION, (unsigned long)&version), -ENOMEM);
    assert_int_equal(ActorMap(parent, 4096, PROT_READ, MAP_PRIVATE), 0);
    assert_int_equal(ActorIoctl(parent, IPC_GET_VERSION, (unsigned long)&version), 0);
}

static void AfterMmap(void **state)
{
    struct ForkStage *stage = *state;
    struct Actor *parent = ForkStageManager(stage);
    IpcMsg *held;
    IpcMsg out = ActorOneway(ActorID(parent), 77);
    assert_int_equal(ActorSend(parent, &out), 0);
    assert_int_equal(ActorReceive(parent, &held), 0);
    assert_true(ForkedRun(stage, ActorDevice(parent), IsOpenOnly, NULL));
    assert_int_equal(held->code, 77); /* the pool is unchanged */
    assert_int_equal(ActorFree(parent, held), 0);
    assert_true(ActorPoolIsEmpty(parent));
}

/* ---- rights and roles ------------------------------------------------------------------------ */

static void HasNoRightsOrRoles(struct LiteIpcDevice *parent, void *argument)
{
    const uint32_t *service = argument;
    IpcMsg out = ActorOneway(*service, 1);
    CmsCmdContent command = {.cmd = CMS_GEN_HANDLE, .taskID = *service};
    struct Forked self;
    ForkedReady(parent, &self);
    FORKED_CHECK(ForkedMsg(&self, SEND, &out, NULL, NULL) == -EACCES);
    FORKED_CHECK(ForkedIoctl(&self, IPC_CMS_CMD, (unsigned long)&command) == -EACCES);
    FORKED_CHECK(ForkedIoctl(&self, IPC_SET_CMS, ACTOR_CMS_MESSAGE) == -EEXIST);
    FORKED_CHECK(ForkedIoctl(&self, IPC_SET_IPC_THREAD, 0) == (int)self.taskID);
    FORKED_CHECK(ForkedIoctl(&self, IPC_SET_IPC_THREAD, 0) == -EINVAL);
    ForkedFinish(&self);
}

static void RightsAndRolesStayWithTheParent(void **state)
{
    struct ForkStage *stage = *state;
    struct Actor *parent = ForkStageManager(stage);
    struct Actor *service = ForkStageService(stage, parent, parent);
    uint32_t handle = ActorID(service);
    IpcMsg out = ActorOneway(handle, 1);
    assert_int_equal(ActorIoctl(parent, IPC_SET_IPC_THREAD, 0), (int)ActorID(parent));
    assert_int_equal(ActorSend(parent, &out), 0);
    assert_true(ForkedRun(stage, ActorDevice(parent), HasNoRightsOrRoles, &handle));
    assert_int_equal(ActorIoctl(parent, IPC_SET_IPC_THREAD, 0), -EINVAL); /* it is already set */
    assert_int_equal(ActorCmsCommand(parent, CMS_GEN_HANDLE, handle, &handle), 0);
    assert_int_equal(ActorSend(parent, &out), 0);
    assert_int_equal(ActorReceive(service, NULL), 0);
    assert_int_equal(ActorReceive(service, NULL), 0);
}

/* ---- the child as a process of its own ------------------------------------------------------- */

/* Serves: sends the manager its handle, answers one call, and calls the manager. */
static void ServesAndCalls(struct LiteIpcDevice *parent, void *argument)
{
    struct Forked self;
    IpcMsg *request;
    (void)argument;
    FORKED_CHECK(ForkedBegin(parent, &self) == 0);
    FORKED_CHECK(self.device->identity.pid == (uint32_t)getpid());
    FORKED_CHECK(ForkedMap(&self, ACTOR_POOL) == 0);
    FORKED_CHECK(ForkedMap(&self, ACTOR_POOL) == -EEXIST);
    /* Creates its queue, without which it gets no callers. */
    IpcMsg own = ActorOneway(self.taskID, 0);
    FORKED_CHECK(ForkedMsg(&self, SEND, &own, NULL, NULL) == 0);
    FORKED_CHECK(ForkedMsg(&self, RECV, NULL, NULL, &request) == 0);
    FORKED_CHECK(ForkedMsg(&self, BUFF_FREE, NULL, request, NULL) == 0);
    FORKED_CHECK(ForkedCall(&self, CMS_HANDLE, 5) == 6);
    FORKED_CHECK(ForkedMsg(&self, RECV, NULL, NULL, &request) == 0);
    FORKED_CHECK(ForkedMap(&self, 4096) == -EEXIST);
    FORKED_CHECK(request->type == MT_REQUEST && request->code == 50); /* still readable */
    IpcMsg reply = ActorReplyTo(MT_REPLY, request, 51);
    FORKED_CHECK(ForkedMsg(&self, SEND | BUFF_FREE, &reply, request, NULL) == 0);
    ForkedFinish(&self);
}

static void ChildCallsAndIsCalled(void **state)
{
    struct ForkStage *stage = *state;
    struct Actor *parent = ForkStageManager(stage);
    IpcMsg *got;
    uint32_t handle;
    for (int round = 0; round < 3; round++) {
        pid_t pid = ForkedStart(stage, ActorDevice(parent), ServesAndCalls, NULL);
        assert_int_equal(ActorReceive(parent, &got), 0);
        assert_true(got->code == 5 && got->processID != ActorProcessID(parent));
        uint32_t child = got->taskID;
        assert_int_equal(ActorCmsCommand(parent, CMS_GEN_HANDLE, child, &handle), 0);
        assert_int_equal(ActorReply(parent, MT_REPLY, got, 6), 0);
        IpcMsg out = ActorRequest(handle, 50);
        assert_int_equal(ActorMsg(parent, SEND | RECV, &out, NULL, &got), 0);
        assert_true(got->code == 51 && got->taskID == child);
        assert_int_equal(ActorFree(parent, got), 0);
        assert_true(ForkedEnd(pid));
    }
}

/* A mapped child forks again, `generations` deep; the last one serves and calls. */
struct Lineage {
    const struct KnownDescriptors *known;
    unsigned generations;
};

static void Descend(struct LiteIpcDevice *parent, void *argument)
{
    struct Lineage *lineage = argument;
    struct Forked self;
    FORKED_CHECK(KnownDescriptorsOnly(lineage->known, NULL) && !LiteIpcIsMapped());
    if (lineage->generations-- == 0) {
        ServesAndCalls(parent, NULL);
        return;
    }
    ForkedReady(parent, &self);
    struct ForkStage stage = {.devices = {self.device}, .deviceCount = 1};
    FORKED_CHECK(ForkedRun(&stage, self.device, Descend, lineage));
    FORKED_CHECK(Version(&self) == DRIVER_VERSION);
    ForkedFinish(&self);
}

static void GrandchildServesAndCalls(void **state)
{
    struct ForkStage *stage = *state;
    struct KnownDescriptors known;
    IpcMsg *got;
    KnownDescriptorsTake(&known);
    struct Lineage lineage = {.known = &known, .generations = 3};
    struct Actor *parent = ForkStageManager(stage);
    pid_t pid = ForkedStart(stage, ActorDevice(parent), Descend, &lineage);
    assert_int_equal(ActorReceive(parent, &got), 0);
    uint32_t handle = got->taskID;
    IpcMsg out = ActorRequest(handle, 50);
    assert_int_equal(ActorCmsCommand(parent, CMS_GEN_HANDLE, handle, &handle), 0);
    assert_int_equal(ActorReply(parent, MT_REPLY, got, 6), 0);
    assert_int_equal(ActorMsg(parent, SEND | RECV, &out, NULL, NULL), 0);
    assert_true(ForkedEnd(pid));
}

static void ClosesAnyway(struct LiteIpcDevice *parent, void *argument)
{
    struct ForkStage *stage = argument;
    struct LiteIpcDevice *child;
    FORKED_CHECK(LiteIpcDeviceForked(NULL, &child) == -EINVAL);
    FORKED_CHECK(LiteIpcDeviceForked(parent, NULL) == -EINVAL);
    FORKED_CHECK(LiteIpcDeviceForked(parent, &child) == -ENODEV);
    FORKED_CHECK(LiteIpcDeviceForked(parent, &child) == -ENODEV);
    /* Another domain with the same name is not the parent's domain. */
    FORKED_CHECK(LiteIpcDeviceAttach(stage->path, &child) ==
                 (stage->domain.pid == 0 ? -ENODEV : 0));
}

static void DomainHasStopped(void **state)
{
    struct ForkStage *stage = *state;
    struct Actor *parent = ForkStageActor(stage);
    ForkStageEnd(stage);
    assert_true(ForkedRun(stage, ActorDevice(parent), ClosesAnyway, stage));
    ForkStageBegin(stage);
    assert_true(ForkedRun(stage, ActorDevice(parent), ClosesAnyway, stage));
}

/*
 * Without a fork, for tests with several processes in one: the parent continues beside the child.
 */
static void BothInOneProcess(void **state)
{
    struct ForkStage *stage = *state;
    struct Actor *parent = ForkStageManager(stage);
    struct Forked self;
    IpcMsg *got;
    assert_int_equal(ForkedBegin(ActorDevice(parent), &self), 0);
    assert_true(LiteIpcDeviceProcessID(self.device) != ActorProcessID(parent));
    assert_ptr_equal(self.device->ipcInfo.pool.uvaddr,
                     /* Unchanged until the child maps its pool. */
                     ActorDevice(parent)->ipcInfo.pool.uvaddr);
    assert_int_equal(Version(&self), -ENOMEM);
    assert_int_equal(ForkedMap(&self, 4096), 0);
    assert_ptr_not_equal(self.device->ipcInfo.pool.uvaddr,
                         ActorDevice(parent)->ipcInfo.pool.uvaddr);
    IpcMsg out = ActorOneway(CMS_HANDLE, 3);
    assert_int_equal(ForkedMsg(&self, SEND, &out, NULL, NULL), 0);
    assert_int_equal(ActorReceive(parent, &got), 0);
    assert_true(got->code == 3 && got->taskID == self.taskID);
    assert_int_equal(ActorFree(parent, got), 0);
    ForkedFinish(&self);
    out = ActorOneway(ActorID(parent), 4);
    assert_int_equal(ActorSend(parent, &out), 0);
    assert_int_equal(ActorReceive(parent, NULL), 0);
}

int main(int count, char **arguments)
{
    const struct ChildRole roles[] = {FORK_STAGE_ROLE, {NULL, NULL}};
    ChildRunIfAsked(count, arguments, roles);
    const struct CMUnitTest tests[] = {
        FORK_TEST(ChildInheritsNothing),
        FORK_TEST(WithoutTheHandlersTheChildInherits),
        FORK_TEST(BeforeOpen),
        FORK_TEST(BetweenOpenAndMmap),
        FORK_TEST(AfterMmap),
        FORK_TEST(RightsAndRolesStayWithTheParent),
        FORK_TEST(ChildCallsAndIsCalled),
        FORK_TEST(GrandchildServesAndCalls),
        FORK_TEST(DomainHasStopped),
        FORK_TEST(BothInOneProcess),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
