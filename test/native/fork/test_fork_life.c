/* Tests exits of parents and children: only the exited process is announced, and in time. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/forked.h"

/* Returns true if the first message is one that the task sends to itself now. */
static bool HasNoOtherMessage(struct Actor *actor)
{
    IpcMsg own = ActorOneway(ActorID(actor), 4711);
    IpcMsg *got;
    assert_int_equal(ActorSend(actor, &own), 0);
    assert_int_equal(ActorReceive(actor, &got), 0);
    bool none = ActorIsMessage(got, MT_REQUEST, 4711, actor);
    assert_int_equal(ActorFree(actor, got), 0);
    return none;
}

/*
 * ---- a child exits: the parent is not affected ------------------------------------------------
 */

static void JustExits(struct LiteIpcDevice *parent, void *argument)
{
    (void)parent;
    (void)argument;
}

static void EndsAsAProcess(struct LiteIpcDevice *parent, void *argument)
{
    struct Forked self;
    ForkedReady(parent, &self);
    FORKED_CHECK(ForkedIoctl(&self, IPC_SET_IPC_THREAD, 0) == (int)self.taskID);
    if (argument != NULL) {
        ForkedFinish(&self);
    }
}

static void IsKilled(struct LiteIpcDevice *parent, void *argument)
{
    (void)argument;
    (void)parent;
    raise(SIGKILL);
}

static void AChildsExitIsNotAnnounced(void **state)
{
    struct ForkStage *stage = *state;
    static int inGoodOrder;
    struct Actor *manager = ForkStageManager(stage);
    struct Actor *client = ForkStageActor(stage);
    struct Actor *service = ForkStageService(stage, manager, client);
    IpcMsg out = ActorRequest(ActorID(service), 1);
    IpcMsg *got;
    assert_int_equal(ActorIoctl(client, IPC_SET_IPC_THREAD, 0), (int)ActorID(client));
    assert_int_equal(ActorIoctl(service, IPC_SET_IPC_THREAD, 0), (int)ActorID(service));
    assert_true(ForkedRun(stage, ActorDevice(service), JustExits, NULL));
    assert_true(ForkedRun(stage, ActorDevice(client), EndsAsAProcess, NULL));
    assert_true(ForkedRun(stage, ActorDevice(service), EndsAsAProcess, NULL));
    assert_true(ForkedRun(stage, ActorDevice(service), EndsAsAProcess, &inGoodOrder));
    assert_true(ForkedRun(stage, ActorDevice(manager), EndsAsAProcess, NULL));
    assert_false(ForkedRun(stage, ActorDevice(service), IsKilled, NULL));
    SleepMs(20); /* time for the domain to process the last exit */
    assert_true(HasNoOtherMessage(client) && HasNoOtherMessage(service) &&
                HasNoOtherMessage(manager));
    ActorMsgStart(service, RECV, NULL, NULL);
    ActorMsgStart(client, SEND | RECV, &out, NULL);
    assert_int_equal(ActorMsgEnd(service, &got), 0);
    assert_int_equal(ActorReply(service, MT_REPLY, got, 2), 0);
    assert_int_equal(ActorMsgEnd(client, NULL), 0);
}

/*
 * ---- a parent exits while its child is alive --------------------------------------------------
 */

#define CHILD_INPUT 4 /* the test writes here to let the child continue, see support/child.c */

static void ContinueAfterParent(struct LiteIpcDevice *parent, void *argument)
{
    char byte;
    struct Forked self;
    (void)argument;
    FORKED_CHECK(read(CHILD_INPUT, &byte, 1) == 1); /* the parent has exited */
    ForkedReady(parent, &self);
    FORKED_CHECK(ForkedCall(&self, CMS_HANDLE, 8) == 9);
    ForkedFinish(&self);
    ChildReport("lived");
    (void)!read(CHILD_INPUT, &byte, 1);
}

/* Runs a service that forks and then ends as `argument` says, when it is resumed. */
static int ParentRole(const char *path, const char *argument)
{
    struct ForkStage stage = {0};
    struct Forked self = {0};
    void *address;
    uint32_t handle;
    IpcMsg *got;
    if (LiteIpcDeviceAttach(path, &self.device) != 0 ||
        LiteIpcThreadCreate(self.device, &self.thread) != 0 ||
        LiteIpcTaskCreate(self.thread, &self.task) != 0 || LiteIpcOpen(self.task) != 0 ||
        LiteIpcMmap(self.task, ACTOR_POOL, PROT_READ, MAP_PRIVATE, &address) != 0) {
        return 1;
    }
    handle = LiteIpcTaskID(self.task);
    IpcMsg own = ActorOneway(handle, 0);
    if (ForkedMsg(&self, SEND, &own, NULL, NULL) != 0 ||
        ForkedMsg(&self, RECV, NULL, NULL, &got) != 0) {
        return 2;
    }
    stage.devices[stage.deviceCount++] = self.device;
    pid_t child = ForkedStart(&stage, self.device, ContinueAfterParent, NULL);
    ChildReportNumber(handle);
    ChildReportNumber((uint32_t)child);
    if (ForkedMsg(&self, RECV, NULL, NULL, &got) != 0) { /* a call that gets no answer */
        return 3;
    }
    if (atoi(argument) == SIGKILL) {
        raise(SIGKILL);
    }
    if (atoi(argument) != 0) {
        ForkedFinish(&self); /* and continues itself */
        ChildReport("detached");
        return ForkedEnd(child) ? 0 : 4;
    }
    _exit(0); /* without freeing anything */
}

static void ParentEnds(struct ForkStage *stage, const char *how, int status)
{
    struct Actor *manager = ForkStageManager(stage);
    struct Actor *client = ForkStageActor(stage);
    struct Actor *watcher = ActorSibling(client);
    struct Child parent;
    IpcMsg *got;
    assert_int_equal(ActorIoctl(watcher, IPC_SET_IPC_THREAD, 0), (int)ActorID(watcher));
    ChildStart(&parent, "parent", stage->path, how, CHILD_SAME_USER);
    uint32_t handle = ChildNumber(&parent);
    pid_t grandchild = (pid_t)ChildNumber(&parent);
    uint32_t service = handle;
    assert_int_equal(ActorCmsCommand(manager, CMS_ADD_ACCESS, ActorID(client), &service), 0);
    IpcMsg out = ActorRequest(handle, 1);
    uint64_t start = NowMs();
    assert_int_equal(ActorMsg(client, SEND | RECV, &out, NULL, NULL), -ENOENT);
    assert_int_equal(ActorReceive(watcher, &got), 0);
    assert_true(NowMs() - start < TEST_PROMPT_MS);
    assert_true(got->type == MT_DEATH_NOTIFY && got->target.token == handle);
    assert_int_equal(ActorFree(watcher, got), 0);
    assert_int_equal(kill(grandchild, 0), 0); /* the grandchild is still running */

    ActorMsgStart(manager, RECV, NULL, NULL);
    if (status > 0) {
        assert_true(ChildReports(&parent, "detached"));
    }
    ChildResume(&parent);
    assert_int_equal(ActorMsgEnd(manager, &got), 0);
    assert_int_equal(got->code, 8);
    assert_int_equal(ActorReply(manager, MT_REPLY, got, 9), 0);
    assert_true(ChildReports(&parent, "lived"));
    assert_int_equal(kill(grandchild, 0), 0);
    ChildResume(&parent);
    assert_int_equal(ChildEnd(&parent), status > 0 ? 0 : status);
}

static void ParentIsKilledAndTheChildSurvives(void **state)
{
    ParentEnds(*state, "9", -SIGKILL);
}

static void ParentExitsAndTheChildSurvives(void **state)
{
    ParentEnds(*state, "0", 0);
}

static void ParentDetachesAndBothSurvive(void **state)
{
    ParentEnds(*state, "1", 1);
}

int main(int count, char **arguments)
{
    const struct ChildRole roles[] = {FORK_STAGE_ROLE, {"parent", ParentRole}, {NULL, NULL}};
    ChildRunIfAsked(count, arguments, roles);
    const struct CMUnitTest tests[] = {
        FORK_TEST(AChildsExitIsNotAnnounced),
        FORK_TEST(ParentIsKilledAndTheChildSurvives),
        FORK_TEST(ParentExitsAndTheChildSurvives),
        FORK_TEST(ParentDetachesAndBothSurvive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
