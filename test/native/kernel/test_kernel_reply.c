/*
 * Tests which replies are valid: IsValidReply on the sending side, CheckReceivedMsg on the
 * receiving side.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/actors.h"

/* Returns a call of `cli` that `svc` has received and not answered yet. */
static IpcMsg *Asked(struct Actor *cli, struct Actor *svc, uint32_t flag)
{
    IpcMsg out = ActorRequest(ActorID(svc), 1);
    IpcMsg *request = NULL;
    out.flag = flag;
    assert_int_equal(ActorSend(cli, &out), 0);
    assert_int_equal(ActorReceive(svc, &request), 0);
    return request;
}

static void ReplyNeedsItsRequestAsBuffer(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    IpcMsg out = ActorRequest(ActorID(svc), 0);
    IpcMsg *request;

    ActorMsgStart(cli, SEND | RECV, &out, NULL);
    assert_int_equal(ActorReceive(svc, &request), 0);
    IpcMsg reply = ActorReplyTo(MT_REPLY, request, 0);
    IpcMsg failed = ActorReplyTo(MT_FAILED_REPLY, request, 0);
    assert_int_equal(ActorSend(svc, &reply), -EINVAL);
    assert_int_equal(ActorSend(svc, &failed), -EINVAL);
    assert_int_equal(ActorReply(svc, MT_REPLY, request, 1), 0); /* it can still be answered */
    assert_int_equal(ActorMsgEnd(cli, NULL), 0);
}

/* Every mismatch returns EINVAL and frees the request. */
static void RepliesMustFitTheirRequest(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorService(cms, NULL);
    struct Actor *cli2 = ActorSibling(cli);
    struct Actor *svc = ActorService(cms, cli);

    for (int variant = 0; variant < 8; variant++) {
        IpcMsg *request = Asked(cli, svc, variant == 0 ? LITEIPC_FLAG_ONEWAY : 0);
        IpcMsg reply = ActorReplyTo(variant == 6 ? MT_FAILED_REPLY : MT_REPLY, request, 0);
        reply.timestamp += variant == 1 || variant == 6 ? 1 : 0;
        reply.timestamp -= variant == 2 ? 1 : 0;
        reply.target.handle = variant == 3   ? ActorID(cli2) /* not the calling task */
                              : variant == 4 ? CMS_HANDLE
                              : variant == 5 ? INVALID_ID
                                             : reply.target.handle;
        reply.timestamp = variant == 7 ? 0 : reply.timestamp;
        assert_int_equal(ActorMsg(svc, SEND | BUFF_FREE, &reply, request, NULL), -EINVAL);
        assert_true(ActorPoolIsEmpty(svc));
        assert_int_equal(ActorMsg(svc, SEND | BUFF_FREE, &reply, request, NULL), -EFAULT);
    }
    assert_true(ActorPoolIsEmpty(cli));
}

/* D5: only a delivered request can be answered; a reply or a death notice cannot. */
static void OnlyRequestsAreAnswered(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    IpcMsg out = ActorRequest(ActorID(svc), 1);
    IpcMsg *request;
    IpcMsg *reply;
    IpcMsg *notice;

    ActorMsgStart(cli, SEND | RECV, &out, NULL);
    assert_int_equal(ActorReceive(svc, &request), 0);
    assert_int_equal(ActorReply(svc, MT_REPLY, request, 2), 0);
    assert_int_equal(ActorMsgEnd(cli, &reply), 0);
    assert_int_equal(ActorReply(cli, MT_REPLY, reply, 3), -EINVAL);
    assert_int_equal(ActorFree(cli, reply), -EFAULT);

    assert_int_equal(ActorIoctl(cli, IPC_SET_IPC_THREAD, 0), (int)ActorID(cli));
    ActorExitTask(svc);
    assert_int_equal(ActorReceive(cli, &notice), 0);
    assert_int_equal(notice->type, MT_DEATH_NOTIFY);
    assert_int_equal(ActorReply(cli, MT_REPLY, notice, 3), -EINVAL);
    assert_true(ActorPoolIsEmpty(cli));
}

static void SiblingMayAnswer(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    struct Actor *svc2 = ActorSibling(svc);
    IpcMsg out = ActorRequest(ActorID(svc), 1);
    IpcMsg *request;
    IpcMsg *reply;

    ActorMsgStart(cli, SEND | RECV, &out, NULL);
    assert_int_equal(ActorReceive(svc, &request), 0);
    assert_int_equal(ActorReply(svc2, MT_REPLY, request, 2), 0);
    assert_int_equal(ActorMsgEnd(cli, &reply), 0);
    assert_true(ActorIsMessage(reply, MT_REPLY, 2, svc2));
    assert_int_equal(ActorFree(cli, reply), 0);
    assert_true(ActorPoolIsEmpty(svc));
}

/* D6: a sibling's reply after its service task has exited is EINVAL. */
static void SiblingsCannotAnswerForAnExitedService(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    struct Actor *svc2 = ActorSibling(svc);
    IpcMsg *request = Asked(cli, svc, 0);

    ActorExitTask(svc);
    assert_int_equal(ActorReply(svc2, MT_REPLY, request, 2), -EINVAL);
    assert_true(ActorPoolIsEmpty(svc2));
}

static void StrangerCannotAnswer(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *oth = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    IpcMsg out = ActorRequest(ActorID(svc), 1);
    IpcMsg *request;
    IpcMsg *reply;

    ActorMsgStart(cli, SEND | RECV, &out, NULL);
    assert_int_equal(ActorReceive(svc, &request), 0);
    IpcMsg forged = ActorReplyTo(MT_REPLY, request, 66);
    assert_int_not_equal(ActorMsg(oth, SEND | BUFF_FREE, &forged, request, NULL), 0);
    assert_int_equal(ActorMsg(oth, SEND | BUFF_FREE, &forged, NULL, NULL), -EINVAL);
    assert_int_equal(ActorReply(svc, MT_REPLY, request, 2), 0);
    assert_int_equal(ActorMsgEnd(cli, &reply), 0);
    assert_true(ActorIsMessage(reply, MT_REPLY, 2, svc));
    assert_int_equal(ActorFree(cli, reply), 0);
}

static void ReplyToATerminatedClientConsumesTheRequest(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    IpcMsg *first = Asked(cli, svc, 0);
    IpcMsg out = ActorRequest(ActorID(svc), 2);
    IpcMsg *second;

    assert_int_equal(ActorSend(cli, &out), 0);
    ActorExitProcess(cli);
    assert_int_equal(ActorReply(svc, MT_REPLY, first, 0), -EINVAL);
    assert_int_equal(ActorReceive(svc, &second), 0); /* its published message is delivered */
    assert_true(ActorIsMessage(second, MT_REQUEST, 2, cli));
    assert_int_equal(ActorReply(svc, MT_FAILED_REPLY, second, 0), -EINVAL);
    assert_true(ActorPoolIsEmpty(svc));
}

/* D11: a new task with the ID of the caller gets no answer. */
static void ReplyDoesNotReachTheNextTaskOfThatID(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    IpcMsg *request = Asked(cli, svc, 0);
    uint32_t generation = LiteIpcTaskGeneration(ActorTask(cli));
    struct LiteIpcTask *tasks[127];
    unsigned count = 0;

    ActorExitTask(cli);
    /* Creates all possible tasks: one of them has the ID. */
    while (count < 127 && LiteIpcTaskCreate(ActorThread(cli), &tasks[count]) == 0) {
        count++;
    }
    bool reused = false;
    for (unsigned i = 0; i < count; i++) {
        reused = reused || (LiteIpcTaskID(tasks[i]) == ActorID(cli) &&
                            LiteIpcTaskGeneration(tasks[i]) != generation);
    }
    assert_true(reused);
    assert_int_equal(ActorReply(svc, MT_REPLY, request, 0), -EINVAL);
    assert_true(ActorPoolIsEmpty(svc));
}

/* D11, the other direction: a right ends with its service, also if another task gets the ID. */
static void RightDoesNotReachTheNextTaskOfThatID(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    struct LiteIpcTask *tasks[127];
    unsigned count = 0;
    IpcMsg out = ActorOneway(ActorID(svc), 1);

    for (int i = 0; i < 3; i++) {
        assert_int_equal(ActorSend(cli, &out), 0); /* undelivered when the service exits */
    }
    ActorExitTask(svc);
    while (count < 127 && LiteIpcTaskCreate(ActorThread(svc), &tasks[count]) == 0) {
        count++;
    }
    for (unsigned i = 0; i < count; i++) {
        IpcMsg own = ActorOneway(LiteIpcTaskID(tasks[i]), 5);
        IpcContent content = {.flag = SEND, .outMsg = &own};
        IpcContent receive = {.flag = RECV};
        assert_int_equal(LiteIpcIoctl(tasks[i], IPC_SEND_RECV_MSG, (unsigned long)&content), 0);
        assert_int_equal(LiteIpcIoctl(tasks[i], IPC_SEND_RECV_MSG, (unsigned long)&receive), 0);
        /* Its own message, not the one to its predecessor. */
        assert_int_equal(receive.inMsg->code, 5);
        assert_int_equal(LiteIpcFree(ActorThread(svc), receive.inMsg), 0);
    }
    assert_int_equal(ActorSend(cli, &out), -EACCES);
    assert_true(ActorPoolIsEmpty(svc));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(ReplyNeedsItsRequestAsBuffer),
        STAGE_TEST(RepliesMustFitTheirRequest),
        STAGE_TEST(OnlyRequestsAreAnswered),
        STAGE_TEST(SiblingMayAnswer),
        STAGE_TEST(SiblingsCannotAnswerForAnExitedService),
        STAGE_TEST(StrangerCannotAnswer),
        STAGE_TEST(ReplyToATerminatedClientConsumesTheRequest),
        STAGE_TEST(ReplyDoesNotReachTheNextTaskOfThatID),
        STAGE_TEST(RightDoesNotReachTheNextTaskOfThatID),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
