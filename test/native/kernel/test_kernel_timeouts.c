/*
 * Tests the timeout of 5 s of a synchronous call. Several calls wait at the same time, so that the
 * program takes little longer than one of them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/control_blocks.h"
#include "support/actors.h"

#define CASES 7

enum {
    UNANSWERED,      /* and then answered too late */
    FAILED_LATE,     /* the same with FAILED_REPLY */
    ONEWAY,          /* a one-way request with RECV */
    WRONG_TIMESTAMP, /* the reply was refused */
    JUNK_ONCE,       /* D9: other requests do not extend the wait */
    JUNK_STREAM,     /* D9: nor does a stream of requests */
    REPLY_AND_WAIT,  /* REPLY|RECV waits for a reply */
};

struct Case {
    struct Actor *cli, *svc, *oth;
    IpcMsg *request;
};

static atomic_bool streaming;

/*
 * Sends requests to a task that waits in a call. It drops all of them, so there is always room for
 * the next.
 */
static int StreamStep(struct Actor *actor, void *argument)
{
    IpcMsg out = ActorOneway(*(uint32_t *)argument, 0);
    IpcContent content = {.flag = SEND, .outMsg = &out};
    uint64_t end = NowMs() + TEST_DEADLINE_MS / 2;
    while (atomic_load(&streaming) && NowMs() < end) {
        int status = LiteIpcIoctl(ActorTask(actor), IPC_SEND_RECV_MSG, (unsigned long)&content);
        if (status != 0 && status != -ENOMEM) {
            return status;
        }
    }
    return 0;
}

static void Begin(void **state, struct Actor *cms, struct Case *one, int which)
{
    one->oth = ActorReady(*state);
    one->cli = ActorService(cms, one->oth);
    one->svc = ActorService(cms, one->cli);
    IpcMsg out = ActorRequest(ActorID(one->svc), (uint32_t)which);
    if (which == ONEWAY) {
        out.flag = LITEIPC_FLAG_ONEWAY;
    }
    if (which == REPLY_AND_WAIT) {
        IpcMsg *got;
        IpcMsg asked = ActorRequest(ActorID(one->cli), 0);
        assert_int_equal(ActorSend(one->oth, &asked), 0);
        assert_int_equal(ActorReceive(one->cli, &got), 0);
        IpcMsg reply = ActorReplyTo(MT_REPLY, got, 0);
        ActorMsgStart(one->cli, SEND | RECV | BUFF_FREE, &reply, got);
        return;
    }
    ActorMsgStart(one->cli, SEND | RECV, &out, NULL);
    assert_int_equal(ActorReceive(one->svc, &one->request), 0);
    if (which == WRONG_TIMESTAMP) {
        IpcMsg reply = ActorReplyTo(MT_REPLY, one->request, 0);
        reply.timestamp++;
        assert_int_equal(ActorMsg(one->svc, SEND | BUFF_FREE, &reply, one->request, NULL), -EINVAL);
    } else if (which == ONEWAY) {
        assert_int_equal(ActorReply(one->svc, MT_REPLY, one->request, 0), -EINVAL);
    }
}

static void EveryCallEndsAfterFiveSeconds(void **state)
{
    struct Case cases[CASES];
    uint64_t starts[CASES];
    struct Actor *cms = ActorManager(*state);

    for (int i = 0; i < CASES; i++) {
        starts[i] = NowMs();
        Begin(state, cms, &cases[i], i);
    }
    uint32_t victim = ActorID(cases[JUNK_STREAM].cli);
    atomic_store(&streaming, true);
    ActorLaunch(cases[JUNK_STREAM].oth, StreamStep, &victim);
    SleepMs(3000);
    IpcMsg junk = ActorOneway(ActorID(cases[JUNK_ONCE].cli), 0);
    assert_int_equal(ActorSend(cases[JUNK_ONCE].oth, &junk), 0);
    IpcMsg answerMe = ActorOneway(ActorID(cases[REPLY_AND_WAIT].cli), 0);
    assert_int_equal(ActorSend(cases[REPLY_AND_WAIT].oth, &answerMe), 0);
    for (int i = 0; i < CASES; i++) {
        assert_false(ActorIsDone(cases[i].cli));
    }
    for (int i = 0; i < CASES; i++) {
        int status = ActorMsgEnd(cases[i].cli, NULL);
        uint64_t took = NowMs() - starts[i];
        if (status != -ETIME || took < 4990 || took > LITEIPC_TIMEOUT_MS * 3 / 2) {
            print_error("case %d: status %d after %d ms\n", i, status, (int)took);
            fail();
        }
    }
    atomic_store(&streaming, false);
    assert_int_equal(ActorJoin(cases[JUNK_STREAM].oth), 0);

    /* A request this old cannot be answered any more, but it is freed. */
    assert_int_equal(ActorReply(cases[UNANSWERED].svc, MT_REPLY, cases[UNANSWERED].request, 0),
                     -ETIME);
    assert_int_equal(
        ActorReply(cases[FAILED_LATE].svc, MT_FAILED_REPLY, cases[FAILED_LATE].request, 0), -ETIME);
    assert_true(ActorPoolIsEmpty(cases[UNANSWERED].svc));
    assert_true(ActorPoolIsEmpty(cases[FAILED_LATE].svc));
    assert_true(ActorPoolIsEmpty(cases[JUNK_ONCE].cli));
    assert_true(ActorPoolIsEmpty(cases[REPLY_AND_WAIT].cli));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(EveryCallEndsAfterFiveSeconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
