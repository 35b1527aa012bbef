/*
 * Tests requests and calls with the ioctl API: which message a waiting task receives, and what
 * happens to the others.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/actors.h"

static void CallAndReplyCarryEverything(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    char question[] = "\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0three";
    unsigned char answer[] = {0x00, 0xFF};
    IpcMsg out = ActorRequest(ActorID(svc), 11);
    out.target.token = 22;
    out.target.cookie = 33;
    out.data = question;
    out.dataSz = 21;
    IpcMsg *request;
    IpcMsg *reply;

    ActorMsgStart(svc, RECV, NULL, NULL);
    ActorMsgStart(cli, SEND | RECV, &out, NULL);
    assert_int_equal(ActorMsgEnd(svc, &request), 0);
    assert_true(ActorIsMessage(request, MT_REQUEST, 11, cli));
    assert_int_equal(request->target.handle, ActorID(svc));
    assert_int_equal(request->target.token, 22);
    assert_int_equal(request->target.cookie, 33);
    assert_int_equal(request->flag, LITEIPC_FLAG_DEFAULT);
    assert_int_equal(request->dataSz, 21);
    assert_memory_equal(request->data, question, 21);
    assert_int_equal(request->spObjNum, 0);
    assert_null(request->offsets);

    IpcMsg back = ActorReplyTo(MT_REPLY, request, 44);
    back.target.token = 55;
    back.target.cookie = 66;
    back.data = answer;
    back.dataSz = sizeof(answer);
    assert_int_equal(ActorMsg(svc, SEND | BUFF_FREE, &back, request, NULL), 0);
    assert_int_equal(ActorMsgEnd(cli, &reply), 0);
    assert_true(ActorIsMessage(reply, MT_REPLY, 44, svc));
    assert_int_equal(reply->target.handle, ActorID(cli));
    assert_int_equal(reply->target.token, 55);
    assert_int_equal(reply->target.cookie, 66);
    assert_int_equal(reply->dataSz, 2);
    assert_memory_equal(reply->data, answer, 2);
    assert_int_equal(ActorFree(cli, reply), 0);
    assert_true(ActorPoolIsEmpty(cli) && ActorPoolIsEmpty(svc));
}

/* D13: the kernel delivers invalid addresses here. */
static void MessagesWithoutDataHaveNullAddresses(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    IpcMsg out = ActorRequest(ActorID(svc), 0);
    IpcMsg *request;
    IpcMsg *reply;

    out.data = &out; /* ignored, because dataSz is 0 */
    out.offsets = &out;
    ActorMsgStart(cli, SEND | RECV, &out, NULL);
    assert_int_equal(ActorReceive(svc, &request), 0);
    assert_int_equal(request->dataSz, 0);
    assert_int_equal(request->spObjNum, 0);
    assert_null(request->data);
    assert_null(request->offsets);
    assert_int_equal(ActorReply(svc, MT_REPLY, request, 0), 0);
    assert_int_equal(ActorMsgEnd(cli, &reply), 0);
    assert_null(reply->data);
    assert_null(reply->offsets);
    assert_int_equal(ActorFree(cli, reply), 0);
    assert_true(ActorPoolIsEmpty(svc));
}

/* A call drops a reply to an earlier request and gets its own reply. */
static void EarlierReplyIsDropped(struct Stage *stage, MsgType type)
{
    struct Actor *cms = ActorManager(stage);
    struct Actor *cli = ActorReady(stage);
    struct Actor *svc = ActorService(cms, cli);
    IpcMsg first = ActorRequest(ActorID(svc), 1);
    IpcMsg second = ActorRequest(ActorID(svc), 2);
    IpcMsg *request;
    IpcMsg *reply;

    assert_int_equal(ActorSend(cli, &first), 0);
    assert_int_equal(ActorReceive(svc, &request), 0);
    assert_int_equal(ActorReply(svc, type, request, 101), 0);
    ActorMsgStart(cli, SEND | RECV, &second, NULL);
    assert_int_equal(ActorReceive(svc, &request), 0);
    assert_true(ActorIsMessage(request, MT_REQUEST, 2, cli));
    assert_int_equal(ActorReply(svc, MT_REPLY, request, 102), 0);
    assert_int_equal(ActorMsgEnd(cli, &reply), 0);
    assert_true(ActorIsMessage(reply, MT_REPLY, 102, svc));
    assert_int_equal(ActorFree(cli, reply), 0);
    assert_true(ActorPoolIsEmpty(cli) && ActorPoolIsEmpty(svc));
}

static void ReplyToAnEarlierRequestIsDropped(void **state)
{
    EarlierReplyIsDropped(*state, MT_REPLY);
}

static void FailedReplyToAnEarlierRequestIsDropped(void **state)
{
    EarlierReplyIsDropped(*state, MT_FAILED_REPLY);
}

static void CallDropsTheRequestsInItsQueue(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *oth = ActorReady(*state);
    struct Actor *cli = ActorService(cms, oth);
    struct Actor *svc = ActorService(cms, cli);
    IpcMsg *held;
    IpcMsg *request;
    IpcMsg *reply;

    for (uint32_t code = 0; code <= 5; code++) {
        IpcMsg out = ActorOneway(ActorID(cli), code);
        assert_int_equal(ActorSend(oth, &out), 0);
    }
    assert_int_equal(ActorReceive(cli, &held), 0);
    assert_true(ActorIsMessage(held, MT_REQUEST, 0, oth));

    IpcMsg call = ActorRequest(ActorID(svc), 9);
    ActorMsgStart(cli, SEND | RECV, &call, NULL);
    assert_int_equal(ActorReceive(svc, &request), 0);
    assert_int_equal(ActorReply(svc, MT_REPLY, request, 10), 0);
    assert_int_equal(ActorMsgEnd(cli, &reply), 0);
    assert_true(ActorIsMessage(reply, MT_REPLY, 10, svc));
    assert_int_equal(ActorFree(cli, held), 0);
    assert_int_equal(ActorFree(cli, reply), 0);
    assert_true(ActorPoolIsEmpty(cli));

    IpcMsg later = ActorOneway(ActorID(cli), 6);
    ActorMsgStart(cli, RECV, NULL, NULL);
    assert_int_equal(ActorSend(oth, &later), 0);
    assert_int_equal(ActorMsgEnd(cli, &held), 0);
    assert_true(ActorIsMessage(held, MT_REQUEST, 6, oth));
    assert_int_equal(ActorFree(cli, held), 0);
}

static void OnewayReturnsAtOnce(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    char text[] = "go";
    IpcMsg out = ActorOneway(ActorID(svc), 1);
    out.data = text;
    out.dataSz = 2;
    IpcMsg *request;

    ActorMsgStart(svc, RECV, NULL, NULL);
    assert_int_equal(ActorSend(cli, &out), 0);
    assert_int_equal(ActorMsgEnd(svc, &request), 0);
    assert_true(ActorIsMessage(request, MT_REQUEST, 1, cli));
    assert_int_equal(request->flag, LITEIPC_FLAG_ONEWAY);
    assert_memory_equal(request->data, "go", 2);
    assert_int_equal(ActorFree(svc, request), 0);
    assert_true(ActorPoolIsEmpty(svc) && ActorPoolIsEmpty(cli));
}

static void FailedReplyEndsTheCall(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    IpcMsg out = ActorRequest(ActorID(svc), 0);
    char text[] = "no";
    IpcMsg *request;

    ActorMsgStart(cli, SEND | RECV, &out, NULL);
    assert_int_equal(ActorReceive(svc, &request), 0);
    IpcMsg back = ActorReplyTo(MT_FAILED_REPLY, request, 0);
    back.data = text;
    back.dataSz = 2;
    assert_int_equal(ActorMsg(svc, SEND | BUFF_FREE, &back, request, NULL), 0);
    assert_int_equal(ActorMsgEnd(cli, NULL), -ENOENT);
    assert_true(ActorPoolIsEmpty(cli) && ActorPoolIsEmpty(svc));
}

/* D2: the kernel reads the caller's outMsg here. */
static void PlainReceiveDropsReplies(void **state)
{
    static const MsgType types[] = {MT_REPLY, MT_FAILED_REPLY};
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorService(cms, NULL);
    struct Actor *svc = ActorService(cms, cli);

    assert_int_equal(ActorGrant(cms, cms, cli), 0);
    for (size_t i = 0; i < 2; i++) {
        IpcMsg out = ActorRequest(ActorID(svc), 1);
        IpcMsg *request;
        IpcMsg *received;
        assert_int_equal(ActorSend(cli, &out), 0);
        assert_int_equal(ActorReceive(svc, &request), 0);
        assert_int_equal(ActorReply(svc, types[i], request, 0), 0);
        if (i == 0) {
            ActorMsgStart(cli, RECV, NULL, NULL);
        } else {
            /* Only its address is passed: a message that is not sent is not read. */
            ActorMsgStart(cli, RECV, &out, NULL);
        }
        assert_true(ActorPoolIsEmpty(cli));
        assert_false(ActorIsDone(cli));
        IpcMsg end = ActorOneway(ActorID(cli), 3);
        assert_int_equal(ActorSend(cms, &end), 0);
        assert_int_equal(ActorMsgEnd(cli, &received), 0);
        assert_true(ActorIsMessage(received, MT_REQUEST, 3, cms));
        assert_int_equal(ActorFree(cli, received), 0);
    }
}

static void OrderAcrossSendersIsTheOrderOfSending(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *cli2 = ActorSibling(cli);
    struct Actor *oth = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    struct Actor *senders[] = {cli, oth, cli2, oth, cli};
    IpcMsg *request;

    assert_int_equal(ActorGrant(cms, oth, svc), 0);
    for (uint32_t round = 0; round < 40; round++) {
        for (uint32_t i = 0; i < 5; i++) {
            IpcMsg out = ActorOneway(ActorID(svc), i);
            assert_int_equal(ActorSend(senders[i], &out), 0);
        }
        for (uint32_t i = 0; i < 5; i++) {
            assert_int_equal(ActorReceive(svc, &request), 0);
            assert_true(ActorIsMessage(request, MT_REQUEST, i, senders[i]));
            assert_int_equal(ActorFree(svc, request), 0);
        }
    }
    assert_true(ActorPoolIsEmpty(svc));
}

static void TaskQueuesMessagesForItself(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *svc = ActorReady(*state);
    IpcMsg *got[2];

    (void)cms;
    for (uint32_t i = 0; i < 2; i++) {
        IpcMsg out = ActorOneway(ActorID(svc), i + 1);
        assert_int_equal(ActorSend(svc, &out), 0);
    }
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(ActorReceive(svc, &got[i]), 0);
        assert_true(ActorIsMessage(got[i], MT_REQUEST, i + 1, svc));
    }
    assert_int_equal(ActorFree(svc, got[1]), 0);
    assert_int_equal(ActorFree(svc, got[0]), 0);
    assert_true(ActorPoolIsEmpty(svc));
}

static void SiblingsNeedNoAccess(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *svc = ActorReady(*state);
    struct Actor *svc2 = ActorSibling(svc);
    IpcMsg out = ActorRequest(ActorID(svc), 1);
    IpcMsg *request;

    (void)cms;
    ActorMsgStart(svc2, SEND | RECV, &out, NULL);
    assert_int_equal(ActorReceive(svc, &request), 0);
    assert_int_equal(ActorReply(svc, MT_REPLY, request, 2), 0);
    assert_int_equal(ActorMsgEnd(svc2, NULL), 0);
}

static void NoFlagsAreANoOp(void **state)
{
    struct Actor *cms = ActorManager(*state);

    assert_int_equal(ActorMsg(cms, 0, NULL, NULL, NULL), 0);
    assert_int_equal(ActorMsg(cms, SEND, NULL, NULL, NULL), -EINVAL);
    assert_int_equal(ActorMsg(cms, SEND | RECV, NULL, NULL, NULL), -EINVAL);
    assert_int_equal(ActorIoctl(cms, IPC_SEND_RECV_MSG, 0), -EINVAL);
    assert_true(ActorPoolIsEmpty(cms));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(CallAndReplyCarryEverything),
        STAGE_TEST(MessagesWithoutDataHaveNullAddresses),
        STAGE_TEST(ReplyToAnEarlierRequestIsDropped),
        STAGE_TEST(FailedReplyToAnEarlierRequestIsDropped),
        STAGE_TEST(CallDropsTheRequestsInItsQueue),
        STAGE_TEST(OnewayReturnsAtOnce),
        STAGE_TEST(FailedReplyEndsTheCall),
        STAGE_TEST(PlainReceiveDropsReplies),
        STAGE_TEST(OrderAcrossSendersIsTheOrderOfSending),
        STAGE_TEST(TaskQueuesMessagesForItself),
        STAGE_TEST(SiblingsNeedNoAccess),
        STAGE_TEST(NoFlagsAreANoOp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
