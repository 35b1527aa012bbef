/* Tests the ServiceManager and the rights that it grants, with the ioctl API. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/actors.h"

static int Command(struct Actor *actor, int cmd, uint32_t taskID, uint32_t handle)
{
    return ActorCmsCommand(actor, cmd, taskID, &handle);
}

static int SendTo(struct Actor *actor, uint32_t handle)
{
    IpcMsg out = ActorOneway(handle, 9);
    return ActorSend(actor, &out);
}

static void TheFirstRequesterBecomesManager(void **state)
{
    struct Actor *cms = ActorReady(*state);
    struct Actor *cli = ActorReady(*state);

    assert_int_equal(ActorSetCms(cli, sizeof(IpcMsg) - 1), -EINVAL);
    assert_int_equal(ActorSetCms(cli, 0), -EINVAL);
    assert_int_equal(ActorSetCms(cli, 1000), 0);
    assert_int_equal(ActorSetCms(cms, 1000), -EEXIST);
    assert_int_equal(ActorSetCms(cli, 1000), -EEXIST);
    assert_int_equal(ActorSetCms(cms, sizeof(IpcMsg) - 1), -EINVAL);
    assert_int_equal(Command(cms, CMS_REMOVE_HANDLE, 0, 1), -EACCES);
    assert_int_equal(Command(cli, CMS_REMOVE_HANDLE, 0, 1), 0);
}

static void OnlyTheManagersProcessMaySendCommands(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cms2 = ActorSibling(cms);
    struct Actor *svc = ActorReady(*state);
    uint32_t handle = 0;

    assert_int_equal(Command(svc, CMS_GEN_HANDLE, ActorID(svc), 0), -EACCES);
    assert_int_equal(Command(svc, CMS_ADD_ACCESS, ActorID(svc), 0), -EACCES);
    assert_int_equal(Command(svc, CMS_REMOVE_HANDLE, 0, 1), -EACCES);
    assert_int_equal(Command(svc, 99, 0, 0), -EACCES);
    assert_int_equal(ActorCmsCommand(cms2, CMS_GEN_HANDLE, ActorID(svc), &handle), 0);
    assert_int_equal(handle, ActorID(svc));
    assert_int_equal(Command(cms2, CMS_REMOVE_HANDLE, 0, handle), 0);
    assert_int_equal(Command(cms, 3, 0, 0), -EINVAL);
    assert_int_equal(Command(cms, 99, 0, 0), -EINVAL);
    assert_int_equal(Command(cms, -1, 0, 0), -EINVAL);
}

static void HandlesAreTaskIDs(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cms2 = ActorSibling(cms);
    struct Actor *svc = ActorReady(*state);
    uint32_t handle = 77;

    assert_int_equal(ActorCmsCommand(cms2, CMS_GEN_HANDLE, 0, &handle), 0);
    assert_int_equal(handle, ActorID(cms2)); /* 0 is the caller */
    assert_int_equal(Command(cms, CMS_GEN_HANDLE, 0, 0), -EINVAL);
    assert_int_equal(Command(cms, CMS_GEN_HANDLE, ActorID(cms), 0), -EINVAL);
    assert_int_equal(Command(cms, CMS_GEN_HANDLE, 127, 0), -EINVAL);
    assert_int_equal(Command(cms, CMS_GEN_HANDLE, 128, 0), -EINVAL);
    assert_int_equal(Command(cms, CMS_GEN_HANDLE, INVALID_ID, 0), -EINVAL);

    /* A task without queue cannot be called, so the manager gets no right yet. */
    assert_int_equal(Command(cms, CMS_GEN_HANDLE, ActorID(svc), 0), 0);
    assert_int_equal(SendTo(cms, ActorID(svc)), -EACCES);
    ActorMsgStart(svc, RECV, NULL, NULL); /* the first receive creates the queue */
    assert_int_equal(SendTo(cms, ActorID(svc)), -EACCES);
    assert_int_equal(Command(cms, CMS_GEN_HANDLE, ActorID(svc), 0), 0);
    assert_int_equal(SendTo(cms, ActorID(svc)), 0);
    assert_int_equal(ActorMsgEnd(svc, NULL), 0);

    ActorExitTask(svc);
    assert_int_equal(Command(cms, CMS_GEN_HANDLE, ActorID(svc), 0), -EINVAL);
}

static void RightsNeedARunningServiceWithAQueue(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *svc = ActorReady(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *oth = ActorReady(*state);
    struct Actor *nod = ActorProcess(*state);
    uint32_t handle = ActorID(svc);

    ActorExitProcess(oth);
    assert_int_equal(Command(cms, CMS_ADD_ACCESS, ActorID(cli), handle), -EINVAL); /* no queue */
    ActorMsgStart(svc, RECV, NULL, NULL);
    assert_int_equal(Command(cms, CMS_ADD_ACCESS, ActorID(oth), handle), -EINVAL);
    assert_int_equal(Command(cms, CMS_ADD_ACCESS, ActorID(nod), handle), -EINVAL);
    assert_int_equal(Command(cms, CMS_ADD_ACCESS, ActorID(cli), 128), -EINVAL);
    assert_int_equal(Command(cms, CMS_ADD_ACCESS, ActorID(cli), 127), -EINVAL);
    assert_int_equal(Command(cms, CMS_ADD_ACCESS, ActorID(cli), INVALID_ID), -EINVAL);
    assert_int_equal(Command(cms, CMS_ADD_ACCESS, ActorID(cli), ActorID(oth)), -EINVAL);
    assert_int_equal(Command(cms, CMS_ADD_ACCESS, 0, handle), -EINVAL);
    assert_int_equal(Command(cms, CMS_ADD_ACCESS, 200, handle), -EINVAL);
    assert_int_equal(SendTo(cli, handle), -EACCES);
    assert_false(LiteIpcHasAccess(ActorDevice(cli), handle));
    assert_int_equal(Command(cms, CMS_ADD_ACCESS, ActorID(cli), handle), 0);
    assert_true(LiteIpcHasAccess(ActorDevice(cli), handle));
    assert_int_equal(SendTo(cli, handle), 0);
    assert_int_equal(ActorMsgEnd(svc, NULL), 0);
    assert_int_equal(SendTo(nod, handle), -EINVAL);
}

/* A right belongs to the whole process. */
static void RightsApplyToAllTasksOfAProcess(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *cli2 = ActorSibling(cli);
    struct Actor *svc = ActorService(cms, cli);

    assert_int_equal(SendTo(cli2, ActorID(svc)), 0);
    assert_int_equal(ActorReceive(svc, NULL), 0);
    ActorExitTask(cli); /* the task that got the right */
    assert_int_equal(SendTo(cli2, ActorID(svc)), 0);
    assert_int_equal(ActorReceive(svc, NULL), 0);
}

static void RemoveHandleChecksTheRangeAndRevokesNothing(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);

    assert_int_equal(Command(cms, CMS_REMOVE_HANDLE, 0, 128), -EINVAL);
    assert_int_equal(Command(cms, CMS_REMOVE_HANDLE, 0, INVALID_ID), -EINVAL);
    assert_int_equal(Command(cms, CMS_REMOVE_HANDLE, 0, 0), 0);
    assert_int_equal(Command(cms, CMS_REMOVE_HANDLE, 0, 99), 0);
    assert_int_equal(Command(cms, CMS_REMOVE_HANDLE, 0, ActorID(svc)), 0);
    assert_int_equal(SendTo(cli, ActorID(svc)), 0);
    assert_int_equal(ActorReceive(svc, NULL), 0);
    ActorExitTask(svc);
    assert_int_equal(Command(cms, CMS_REMOVE_HANDLE, 0, ActorID(svc)), 0);
}

static void EveryProcessMayUseHandleZero(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    char name[] = "name";
    IpcMsg out = ActorRequest(0, 2);
    out.target.token = 5;
    out.target.cookie = 6;
    out.data = name;
    out.dataSz = 4;
    IpcMsg *request;
    IpcMsg *reply;

    ActorMsgStart(cms, RECV, NULL, NULL);
    ActorMsgStart(cli, SEND | RECV, &out, NULL);
    assert_int_equal(ActorMsgEnd(cms, &request), 0);
    assert_true(ActorIsMessage(request, MT_REQUEST, 2, cli));
    assert_int_equal(request->target.handle, 0); /* as in the request */
    assert_int_equal(request->target.token, 5);
    assert_int_equal(request->target.cookie, 6);
    assert_memory_equal(request->data, name, 4);
    assert_int_equal(ActorReply(cms, MT_REPLY, request, 7), 0);
    assert_int_equal(ActorMsgEnd(cli, &reply), 0);
    assert_true(ActorIsMessage(reply, MT_REPLY, 7, cms));
    assert_int_equal(ActorFree(cli, reply), 0);

    /* With its task ID the manager is a service like any other. */
    assert_int_equal(SendTo(cli, ActorID(cms)), -EACCES);
    assert_int_equal(ActorGrant(cms, cli, cms), 0);
    assert_int_equal(SendTo(cli, ActorID(cms)), 0);
    assert_int_equal(ActorReceive(cms, &request), 0);
    assert_int_equal(request->target.handle, ActorID(cms));
    assert_int_equal(ActorFree(cms, request), 0);
}

/* A request to handle 0 creates the manager's queue; nothing else has done so yet. */
static void ManagersSizeLimitAppliesToHandleZeroOnly(void **state)
{
    struct Actor *cms = ActorReady(*state);
    struct Actor *cli = ActorReady(*state);
    char data[64] = {0};
    IpcMsg out = ActorOneway(0, 1);
    out.data = data;

    assert_int_equal(ActorSetCms(cms, sizeof(IpcMsg) + 16), 0);
    out.dataSz = 16;
    assert_int_equal(ActorSend(cli, &out), 0);
    out.dataSz = 17;
    assert_int_equal(ActorSend(cli, &out), -EINVAL);
    assert_int_equal(ActorReceive(cms, NULL), 0);
    assert_int_equal(ActorGrant(cms, cli, cms), 0);
    out.target.handle = ActorID(cms);
    assert_int_equal(ActorSend(cli, &out), 0);
    assert_int_equal(ActorReceive(cms, NULL), 0);
    assert_true(ActorPoolIsEmpty(cms));
}

/* Unlike in the kernel, a right can be revoked, which also affects queued messages. */
static void RevocationTakesEffectAtOnce(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *oth = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    IpcMsg *request;

    assert_int_equal(ActorGrant(cms, oth, svc), 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(SendTo(cli, ActorID(svc)), 0);
    }
    assert_int_equal(SendTo(oth, ActorID(svc)), 0);
    /* One is delivered; the others are in the service's private queue already. */
    assert_int_equal(ActorReceive(svc, &request), 0);
    assert_true(ActorIsMessage(request, MT_REQUEST, 9, cli));
    assert_int_equal(ActorFree(svc, request), 0);
    assert_int_equal(ActorRevoke(cms, cli, svc), 0);
    assert_int_equal(SendTo(cli, ActorID(svc)), -EACCES);
    assert_int_equal(ActorReceive(svc, &request), 0);
    assert_true(ActorIsMessage(request, MT_REQUEST, 9, oth));
    assert_int_equal(ActorFree(svc, request), 0);
    assert_true(ActorPoolIsEmpty(svc));
    assert_int_equal(ActorRevoke(cms, cli, svc), 0); /* already revoked: no error */
    assert_int_equal(ActorGrant(cms, cli, svc), 0);
    assert_int_equal(SendTo(cli, ActorID(svc)), 0);
    assert_int_equal(ActorReceive(svc, NULL), 0);
    assert_int_equal(ActorRevoke(cli, cli, svc), -EACCES);
}

/*
 * Stops the stage's domain and starts another. Returns the status of a process that requests the
 * role there.
 */
static int SetCmsIn(struct Stage *stage, const struct LiteIpcDomainOptions *options)
{
    LiteIpcDomainStop(stage->domain);
    stage->domain = NULL;
    assert_int_equal(LiteIpcDomainStart(options, &stage->domain), 0);
    struct Actor *actor = ActorReady(stage);
    int status = ActorSetCms(actor, 8192);
    ActorDetach(actor);
    return status;
}

/* D16: only permitted users; by default the uid that started the domain. */
static void OnlyPermittedUsersBecomeManager(void **state)
{
    uint32_t own = (uint32_t)getuid();
    uint32_t other = own + 1;
    uint32_t both[] = {other, own};
    char program[4096] = "";
    struct LiteIpcDomainOptions options = {.name = "uids",
                                           .profile = LITEIPC_PROFILE_LITEOS_A,
                                           .socketGid = (uint32_t)-1,
                                           .cmsUids = &other,
                                           .cmsUidCount = 1};
    assert_int_equal(SetCmsIn(*state, &options), -EPERM);
    options.cmsUids = both;
    options.cmsUidCount = 2;
    assert_int_equal(SetCmsIn(*state, &options), 0);
    options.cmsProgram = "/bin/sh";
    assert_int_equal(SetCmsIn(*state, &options), -EPERM);
    assert_true(readlink("/proc/self/exe", program, sizeof(program) - 1) > 0);
    options.cmsProgram = program;
    assert_int_equal(SetCmsIn(*state, &options), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(TheFirstRequesterBecomesManager),
        STAGE_TEST(OnlyTheManagersProcessMaySendCommands),
        STAGE_TEST(HandlesAreTaskIDs),
        STAGE_TEST(RightsNeedARunningServiceWithAQueue),
        STAGE_TEST(RightsApplyToAllTasksOfAProcess),
        STAGE_TEST(RemoveHandleChecksTheRangeAndRevokesNothing),
        STAGE_TEST(EveryProcessMayUseHandleZero),
        STAGE_TEST(ManagersSizeLimitAppliesToHandleZeroOnly),
        STAGE_TEST(RevocationTakesEffectAtOnce),
        STAGE_TEST(OnlyPermittedUsersBecomeManager),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
