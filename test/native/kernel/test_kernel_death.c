/*
 * Tests exits of tasks and processes: notices, roles, rights, and messages of terminated processes.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "support/actors.h"

static int SendTo(struct Actor *actor, uint32_t handle, uint32_t code)
{
    IpcMsg out = ActorOneway(handle, code);
    return ActorSend(actor, &out);
}

static bool IsNotice(const IpcMsg *msg, const struct Actor *to, const struct Actor *exited)
{
    return ActorIsMessage(msg, MT_DEATH_NOTIFY, 0, exited) && msg->target.handle == ActorID(to) &&
           msg->target.token == ActorID(exited) && msg->target.cookie == 0 && msg->flag == 0 &&
           msg->dataSz == 0 && msg->data == NULL && msg->spObjNum == 0;
}

/*
 * Every message that a process published before it exited is delivered, in order with the messages
 * of others.
 */
static void MessagesOfATerminatedProcessAreDelivered(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *oth = ActorReady(*state);
    struct Actor *svc = ActorService(cms, oth);
    IpcMsg *got;

    for (int round = 0; round < 5; round++) {
        struct Actor *cli = ActorReady(*state);
        assert_int_equal(ActorGrant(cms, cli, svc), 0);
        for (uint32_t code = 0; code < 200; code += 2) {
            assert_int_equal(SendTo(oth, ActorID(svc), code), 0);
            assert_int_equal(SendTo(cli, ActorID(svc), code + 1), 0);
        }
        uint32_t processID = ActorProcessID(cli);
        uint32_t taskID = ActorID(cli);
        ActorDetach(cli);
        for (uint32_t code = 0; code < 200; code++) {
            assert_int_equal(ActorReceive(svc, &got), 0);
            assert_true(ActorIsMessage(got, MT_REQUEST, code, code % 2 == 0 ? oth : NULL));
            if (code % 2 == 1) {
                assert_int_equal(got->processID, processID);
                assert_int_equal(got->taskID, taskID);
            }
            assert_int_equal(ActorFree(svc, got), 0);
            if (code % 50 == 0) {
                SleepMs(1); /* time for the domain to handle the exit */
            }
        }
        assert_true(ActorPoolIsEmpty(svc));
        /*
         * The next read reports the drained lane to the domain; then the slot is free for others.
         */
        assert_int_equal(SendTo(oth, ActorID(svc), 7), 0);
        assert_int_equal(ActorReceive(svc, NULL), 0);
        assert_true(StageSettles(*state, 3));
    }
}

/* The same for a task whose process continues. */
static void MessagesOfAnExitedTaskAreDelivered(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *cli2 = ActorSibling(cli);
    struct Actor *svc = ActorService(cms, cli);
    IpcMsg *got;

    for (uint32_t code = 0; code < 100; code++) {
        assert_int_equal(SendTo(cli2, ActorID(svc), code), 0);
    }
    ActorExitTask(cli2);
    for (uint32_t code = 0; code < 100; code++) {
        assert_int_equal(ActorReceive(svc, &got), 0);
        assert_true(ActorIsMessage(got, MT_REQUEST, code, cli2));
        assert_int_equal(ActorFree(svc, got), 0);
    }
}

/*
 * The notice has its position by its timestamp: after the messages of the terminated process,
 * before later messages.
 */
static void NoticeFollowsTheMessagesOfTheTerminatedProcess(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *oth = ActorReady(*state);
    struct Actor *cli = ActorService(cms, oth);
    IpcMsg *got;

    assert_int_equal(ActorIoctl(cli, IPC_SET_IPC_THREAD, 0), ActorID(cli));
    for (int round = 0; round < 10; round++) {
        struct Actor *svc = ActorService(cms, cli);
        assert_int_equal(ActorGrant(cms, svc, cli), 0);
        for (uint32_t code = 0; code < 150; code += 2) { /* more than one read takes */
            assert_int_equal(SendTo(svc, ActorID(cli), code), 0);
            assert_int_equal(SendTo(oth, ActorID(cli), code + 1), 0);
        }
        if (round % 2 == 0) {
            ActorExitTask(svc);
        } else {
            ActorExitProcess(svc);
        }
        SleepMs(round % 3);
        assert_int_equal(SendTo(oth, ActorID(cli), 150), 0);
        for (uint32_t code = 0; code < 150; code++) {
            assert_int_equal(ActorReceive(cli, &got), 0);
            assert_true(ActorIsMessage(got, MT_REQUEST, code, code % 2 == 0 ? svc : oth));
            assert_int_equal(ActorFree(cli, got), 0);
        }
        assert_int_equal(ActorReceive(cli, &got), 0);
        assert_true(IsNotice(got, cli, svc));
        assert_int_equal(ActorFree(cli, got), 0);
        assert_int_equal(ActorReceive(cli, &got), 0);
        assert_true(ActorIsMessage(got, MT_REQUEST, 150, oth));
        assert_int_equal(ActorFree(cli, got), 0);
    }
}

/* A reply from before the exit ends the call, also for the IPC task; the notice is next. */
static void ReplyFromBeforeTheExitComesFirst(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    IpcMsg *got, *reply;

    assert_int_equal(ActorIoctl(cli, IPC_SET_IPC_THREAD, 0), ActorID(cli));
    for (int round = 0; round < 20; round++) {
        struct Actor *svc = ActorService(cms, cli);
        IpcMsg out = ActorRequest(ActorID(svc), 5);
        ActorMsgStart(cli, SEND | RECV, &out, NULL);
        assert_int_equal(ActorReceive(svc, &got), 0);
        assert_int_equal(ActorReply(svc, MT_REPLY, got, 6), 0);
        ActorExitProcess(svc);
        assert_int_equal(ActorMsgEnd(cli, &reply), 0);
        assert_true(ActorIsMessage(reply, MT_REPLY, 6, svc));
        assert_int_equal(ActorFree(cli, reply), 0);
        assert_int_equal(ActorReceive(cli, &got), 0);
        assert_true(IsNotice(got, cli, svc));
        assert_int_equal(ActorFree(cli, got), 0);
    }
}

static void NoticeGoesToTheIpcTask(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *cli2 = ActorSibling(cli);
    struct Actor *svc = ActorService(cms, cli); /* the right was granted to `cli` */
    struct Actor *oth = ActorReady(*state);
    IpcMsg *got;

    assert_int_equal(ActorIoctl(cli2, IPC_SET_IPC_THREAD, 0), (int)ActorID(cli2));
    assert_int_equal(ActorIoctl(oth, IPC_SET_IPC_THREAD, 0), (int)ActorID(oth));
    ActorMsgStart(cli2, RECV, NULL, NULL);
    ActorMsgStart(cli, RECV, NULL, NULL);
    ActorMsgStart(oth, RECV, NULL, NULL); /* has no right to it */
    ActorExitProcess(svc);
    assert_int_equal(ActorMsgEnd(cli2, &got), 0);
    assert_true(IsNotice(got, cli2, svc));
    assert_int_equal(ActorFree(cli2, got), 0);
    assert_false(ActorIsDone(cli) || ActorIsDone(oth));
    assert_int_equal(SendTo(cli2, ActorID(svc), 0), -EACCES);
    assert_false(LiteIpcHasAccess(ActorDevice(cli), ActorID(svc)));
}

static void NoticeEndsACallOfTheIpcTask(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    IpcMsg out = ActorRequest(ActorID(svc), 1);
    IpcMsg *got;

    assert_int_equal(ActorIoctl(cli, IPC_SET_IPC_THREAD, 0), (int)ActorID(cli));
    ActorMsgStart(cli, SEND | RECV, &out, NULL);
    assert_int_equal(ActorReceive(svc, NULL), 0);
    ActorExitProcess(svc);
    assert_int_equal(ActorMsgEnd(cli, &got), 0);
    assert_true(IsNotice(got, cli, svc));
    assert_int_equal(ActorFree(cli, got), 0);
}

/* D6: in the kernel the caller waits for 5 s. */
static void CallOfATerminatedServiceFailsAtOnce(void **state)
{
    struct Actor *cms = ActorManager(*state);

    for (int variant = 0; variant < 3; variant++) {
        struct Actor *cli = ActorReady(*state);
        struct Actor *svc = ActorService(cms, cli);
        IpcMsg out = ActorRequest(ActorID(svc), 1);
        ActorMsgStart(cli, SEND | RECV, &out, NULL);
        if (variant > 0) {
            assert_int_equal(ActorReceive(svc, NULL), 0);
        }
        uint64_t start = NowMs();
        if (variant == 1) {
            ActorExitTask(svc);
        } else {
            ActorExitProcess(svc);
        }
        assert_int_equal(ActorMsgEnd(cli, NULL), -ENOENT);
        assert_true(NowMs() - start < TEST_PROMPT_MS);
        assert_true(ActorPoolIsEmpty(cli));
    }
}

/* D6: except if the reply was published before. */
static void ReplyPublishedBeforeTheExitIsDelivered(void **state)
{
    struct Actor *cms = ActorManager(*state);

    for (int round = 0; round < 20; round++) {
        struct Actor *cli = ActorReady(*state);
        struct Actor *svc = ActorService(cms, cli);
        IpcMsg out = ActorRequest(ActorID(svc), 1);
        IpcMsg *got;
        ActorMsgStart(cli, SEND | RECV, &out, NULL);
        assert_int_equal(ActorReceive(svc, &got), 0);
        assert_int_equal(ActorReply(svc, MT_REPLY, got, 2), 0);
        if (round % 2 == 0) {
            ActorExitTask(svc);
        }
        ActorDetach(svc);
        assert_int_equal(ActorMsgEnd(cli, &got), 0);
        assert_true(ActorIsMessage(got, MT_REPLY, 2, NULL));
        assert_int_equal(ActorFree(cli, got), 0);
        ActorDetach(cli);
    }
}

/* D7: the role is free again when the manager exits; all other processes continue. */
static void RoleOfATerminatedManagerCanBeTaken(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *oth = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    IpcMsg toCms = ActorRequest(0, 1);
    IpcMsg *got;
    uint32_t handle = 1;

    ActorExitProcess(cms);
    assert_int_equal(SendTo(cli, 0, 1), -EINVAL);
    assert_int_equal(ActorMsg(cli, SEND | RECV, &toCms, NULL, NULL), -EINVAL);
    assert_int_equal(ActorCmsCommand(cli, CMS_REMOVE_HANDLE, 0, &handle), -EACCES);
    assert_int_equal(ActorIoctl(oth, IPC_SET_IPC_THREAD, 0), (int)ActorID(oth));
    assert_int_equal(SendTo(cli, ActorID(svc), 1), 0);
    assert_int_equal(ActorReceive(svc, &got), 0);
    assert_true(ActorIsMessage(got, MT_REQUEST, 1, cli));
    assert_int_equal(ActorFree(svc, got), 0);
    assert_int_equal(SendTo(oth, ActorID(svc), 1), -EACCES);

    assert_int_equal(ActorSetCms(cli, 1000), 0);
    assert_int_equal(ActorCmsCommand(cli, CMS_REMOVE_HANDLE, 0, &handle), 0);
    assert_int_equal(ActorGrant(cli, oth, svc), 0);
    assert_int_equal(SendTo(oth, ActorID(svc), 2), 0);
    assert_int_equal(ActorReceive(svc, NULL), 0);
    assert_int_equal(SendTo(oth, 0, 3), 0);
    assert_int_equal(ActorReceive(cli, &got), 0);
    assert_int_equal(got->target.handle, 0);
    assert_int_equal(ActorFree(cli, got), 0);
}

/* A message to handle 0 is for the manager at the time of sending, not for its successor. */
static void MessagesToATerminatedManagerAreNotPassedOn(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cms2 = ActorSibling(cms);
    struct Actor *cli = ActorReady(*state);
    IpcMsg *got;

    assert_int_equal(SendTo(cli, 0, 1), 0);
    ActorExitTask(cms);
    assert_int_equal(SendTo(cli, 0, 2), -EINVAL);
    assert_int_equal(ActorSetCms(cms2, 1000), 0);
    assert_int_equal(SendTo(cli, 0, 3), 0);
    assert_int_equal(ActorReceive(cms2, &got), 0);
    assert_true(ActorIsMessage(got, MT_REQUEST, 3, cli));
    assert_int_equal(ActorFree(cms2, got), 0);
    assert_true(ActorPoolIsEmpty(cms2));
}

static void HoldersOfARightToTheManagersTaskAreNotified(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cms2 = ActorSibling(cms);
    struct Actor *svc = ActorReady(*state);
    struct Actor *cli = ActorReady(*state);
    IpcMsg *got;
    uint32_t handle = 0;

    assert_int_equal(ActorIoctl(svc, IPC_SET_IPC_THREAD, 0), (int)ActorID(svc));
    assert_int_equal(ActorIoctl(cli, IPC_SET_IPC_THREAD, 0), (int)ActorID(cli));
    assert_int_equal(ActorCmsCommand(cms2, CMS_ADD_ACCESS, ActorID(svc), &handle), -EINVAL);
    ActorMsgStart(cms, RECV, NULL, NULL); /* now it has a queue */
    assert_int_equal(ActorCmsCommand(cms2, CMS_ADD_ACCESS, ActorID(svc), &handle), 0);
    assert_true(LiteIpcHasAccess(ActorDevice(svc), ActorID(cms)));
    assert_int_equal(SendTo(cli, 0, 0), 0);
    assert_int_equal(ActorMsgEnd(cms, NULL), 0);
    ActorExitProcess(cms);
    assert_int_equal(ActorReceive(svc, &got), 0);
    assert_true(IsNotice(got, svc, cms));
    assert_int_equal(ActorFree(svc, got), 0);
    assert_true(ActorPoolIsEmpty(cli)); /* it only used handle 0 */
}

/* D8: in the kernel the IPC task cannot be replaced. */
static void AnotherIpcTaskCanBeSet(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *cli2 = ActorSibling(cli);
    struct Actor *first = ActorService(cms, cli);
    struct Actor *second = ActorService(cms, cli);
    IpcMsg *got;

    assert_int_equal(ActorIoctl(cli2, IPC_SET_IPC_THREAD, 0), (int)ActorID(cli2));
    ActorExitTask(cli2);
    ActorExitProcess(first); /* no IPC task to notify */
    assert_int_equal(ActorIoctl(cli, IPC_SET_IPC_THREAD, 0), (int)ActorID(cli));
    ActorExitProcess(second);
    assert_int_equal(ActorReceive(cli, &got), 0);
    assert_true(IsNotice(got, cli, second));
    assert_int_equal(ActorFree(cli, got), 0);
}

static void QueueOfAnExitedTaskIsFreed(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    struct Actor *svc2 = ActorSibling(svc);

    for (uint32_t code = 0; code < 10; code++) {
        assert_int_equal(SendTo(cli, ActorID(svc), code), 0);
    }
    assert_int_equal(ActorReceive(svc, NULL), 0); /* the others are in its queue now */
    ActorExitTask(svc);
    assert_true(ActorPoolIsEmpty(svc2));
    assert_int_equal(SendTo(svc2, ActorID(svc2), 0), 0);
    assert_int_equal(ActorReceive(svc2, NULL), 0);
}

static void UnreadyProcessesMayExit(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *never = ActorProcess(*state);
    struct Actor *opened = ActorProcess(*state);
    struct Actor *cli = ActorReady(*state);

    assert_int_equal(ActorOpen(opened), 0);
    ActorDetach(never);
    ActorDetach(opened);
    assert_int_equal(SendTo(cli, 0, 1), 0);
    assert_int_equal(ActorReceive(cms, NULL), 0);
}

static void BlockedTasksOfAnExitingProcessAreWoken(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *cli2 = ActorSibling(cli);
    struct Actor *svc = ActorService(cms, cli);
    IpcMsg out = ActorRequest(ActorID(svc), 1);

    ActorMsgStart(cli, SEND | RECV, &out, NULL);
    ActorMsgStart(cli2, RECV, NULL, NULL);
    ActorExitProcess(cli);
    assert_int_equal(ActorMsgEnd(cli, NULL), -ERFKILL);
    assert_int_equal(ActorMsgEnd(cli2, NULL), -ERFKILL);
    assert_false(LiteIpcDeviceAlive(ActorDevice(cli)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(MessagesOfATerminatedProcessAreDelivered),
        STAGE_TEST(MessagesOfAnExitedTaskAreDelivered),
        STAGE_TEST(NoticeFollowsTheMessagesOfTheTerminatedProcess),
        STAGE_TEST(ReplyFromBeforeTheExitComesFirst),
        STAGE_TEST(NoticeGoesToTheIpcTask),
        STAGE_TEST(NoticeEndsACallOfTheIpcTask),
        STAGE_TEST(CallOfATerminatedServiceFailsAtOnce),
        STAGE_TEST(ReplyPublishedBeforeTheExitIsDelivered),
        STAGE_TEST(RoleOfATerminatedManagerCanBeTaken),
        STAGE_TEST(MessagesToATerminatedManagerAreNotPassedOn),
        STAGE_TEST(HoldersOfARightToTheManagersTaskAreNotified),
        STAGE_TEST(AnotherIpcTaskCanBeSet),
        STAGE_TEST(QueueOfAnExitedTaskIsFreed),
        STAGE_TEST(UnreadyProcessesMayExit),
        STAGE_TEST(BlockedTasksOfAnExitingProcessAreWoken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
