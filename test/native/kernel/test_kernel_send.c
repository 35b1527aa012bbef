/*
 * Tests the checks of IPC_SEND_RECV_MSG before anything is sent: CheckPara, CheckUsedBuffer, and
 * their order.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "support/actors.h"

static char data[IPC_MSG_DATA_SZ_MAX + 1];

static void SizesAreCheckedFirst(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    uint32_t offsets[IPC_MSG_OBJECT_NUM_MAX + 1] = {0};
    const struct {
        uint32_t dataSz;
        bool dataNull;
        uint32_t spObjNum;
        bool offsetsNull;
    } bad[] = {
        {1, true, 0, true},
        {IPC_MSG_DATA_SZ_MAX, true, 0, true},
        {IPC_MSG_DATA_SZ_MAX + 1, false, 0, true},
        {UINT32_MAX, false, 0, true},
        {24, false, 1, true},
        {23, false, 1, false},
        {0, false, 1, false},
        {0, true, 1, false},
        {IPC_MSG_DATA_SZ_MAX, false, IPC_MSG_OBJECT_NUM_MAX + 1, false},
        {IPC_MSG_DATA_SZ_MAX, false, UINT32_MAX, false},
        {24, false, UINT32_MAX / 24 + 1, false}, /* times 24 this wraps to 8 */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        IpcMsg out = ActorOneway(ActorID(svc), 1);
        out.dataSz = bad[i].dataSz;
        out.data = bad[i].dataNull ? NULL : data;
        out.spObjNum = bad[i].spObjNum;
        out.offsets = bad[i].offsetsNull ? NULL : offsets;
        assert_int_equal(ActorSend(cli, &out), -EINVAL);
        out.target.handle = 127; /* no such task: the sizes are checked before the right */
        assert_int_equal(ActorSend(cli, &out), -EINVAL);
        out.type = MT_REPLY; /* and before the missing BUFF_FREE, which returns the same error */
        assert_int_equal(ActorSend(cli, &out), -EINVAL);
    }
    assert_true(ActorPoolIsEmpty(svc));
}

static void LargestMessagePasses(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    IpcMsg *request;

    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (char)(i * 7);
    }
    for (uint32_t size = IPC_MSG_DATA_SZ_MAX - 9; size <= IPC_MSG_DATA_SZ_MAX; size++) {
        IpcMsg out = ActorOneway(ActorID(svc), size);
        out.dataSz = size;
        out.data = data;
        assert_int_equal(ActorSend(cli, &out), 0);
        assert_int_equal(ActorReceive(svc, &request), 0);
        assert_true(ActorIsMessage(request, MT_REQUEST, size, cli));
        assert_int_equal(request->dataSz, size);
        assert_memory_equal(request->data, data, size);
        assert_int_equal(ActorFree(svc, request), 0);
    }
}

static void UsersSendThreeTypesOnly(void **state)
{
    static const unsigned bad[] = {MT_DEATH_NOTIFY, MT_NUM, 1000, (unsigned)-1};
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        IpcMsg out = ActorOneway(ActorID(svc), 1);
        out.type = (MsgType)bad[i];
        assert_int_equal(ActorSend(cli, &out), -EINVAL);
        out.target.handle = 0;
        assert_int_equal(ActorSend(cli, &out), -EINVAL);
        out.dataSz = UINT32_MAX;
        assert_int_equal(ActorSend(cli, &out), -EINVAL);
    }
}

static void HandlesWithoutAccessAreRefusedAlike(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorService(cms, NULL);
    const uint32_t handles[] = {128, INVALID_ID, 127, ActorID(cms), ActorID(svc)};

    for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) {
        IpcMsg out = ActorOneway(handles[i], 1);
        assert_int_equal(ActorSend(cli, &out), -EACCES);
        out.flag = LITEIPC_FLAG_DEFAULT;
        assert_int_equal(ActorMsg(cli, SEND | RECV, &out, NULL, NULL), -EACCES);
    }
    IpcMsg out = ActorOneway(ActorID(svc), 1);
    assert_int_equal(ActorGrant(cms, cli, svc), 0);
    assert_int_equal(ActorSend(cli, &out), 0);
    assert_int_equal(ActorReceive(svc, NULL), 0);
    ActorExitTask(svc);
    assert_int_equal(ActorSend(cli, &out), -EACCES); /* exited: the right ended with it */
}

static void BufferToFreeIsCheckedFirst(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    IpcMsg first = ActorRequest(ActorID(svc), 1);
    IpcMsg second = ActorOneway(ActorID(svc), 2);
    IpcMsg *request;

    assert_int_equal(ActorMsg(cli, SEND | BUFF_FREE, &first, (void *)64, NULL), -EINVAL);
    assert_int_equal(ActorMsg(cli, SEND | BUFF_FREE, &first, NULL, NULL), -EINVAL);
    assert_int_equal(ActorMsg(cli, SEND | RECV | BUFF_FREE, &first, NULL, NULL), -EINVAL);
    assert_int_equal(ActorMsg(cli, SEND | BUFF_FREE, NULL, (void *)64, NULL), -EINVAL);
    assert_int_equal(ActorSend(cli, &second), 0);
    assert_int_equal(ActorReceive(svc, &request), 0);
    assert_true(ActorIsMessage(request, MT_REQUEST, 2, cli)); /* the others were not sent */
    assert_int_equal(ActorFree(svc, request), 0);
}

static void OnlyReceivedBuffersAreFreed(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    IpcMsg out = ActorOneway(ActorID(svc), 1);
    IpcMsg *got;
    size_t size;
    const char *view = LiteIpcPoolView(ActorDevice(svc), &size);

    out.data = data;
    out.dataSz = 64;
    assert_int_equal(ActorSend(cli, &out), 0);
    assert_int_equal(ActorReceive(svc, &got), 0);
    const char *message = (const char *)got;
    assert_int_equal(ActorFree(svc, NULL), -EINVAL);
    assert_int_equal(ActorFree(svc, (void *)4096), -EINVAL);
    assert_int_equal(ActorFree(svc, view - 1), -EINVAL);
    assert_int_equal(ActorFree(svc, view + size), -EINVAL);
    assert_int_equal(ActorFree(svc, (void *)UINTPTR_MAX), -EINVAL);
    assert_int_equal(ActorFree(svc, view), -EFAULT);
    assert_int_equal(ActorFree(svc, view + 4096), -EFAULT);
    assert_int_equal(ActorFree(svc, view + size - 1), -EFAULT);
    for (ptrdiff_t offset = -64; offset <= 128; offset += 8) {
        if (offset != 0) {
            assert_int_equal(ActorFree(svc, message + offset), -EFAULT);
        }
    }
    assert_int_equal(ActorFree(svc, message + 1), -EFAULT);
    assert_int_equal(ActorFree(svc, got->data), -EFAULT);
    assert_int_not_equal(ActorFree(cli, got), 0); /* a buffer of another process */
    assert_true(ActorIsMessage(got, MT_REQUEST, 1, cli));
    assert_int_equal(ActorFree(svc, got), 0);
    assert_int_equal(ActorFree(svc, got), -EFAULT);
    assert_true(ActorPoolIsEmpty(svc));
}

/* A queued message has not been delivered, so it cannot be freed by guessing its address. */
static void QueuedMessageCannotBeFreed(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    IpcMsg *got;
    size_t size;

    for (uint32_t code = 1; code <= 8; code++) {
        IpcMsg out = ActorOneway(ActorID(svc), code);
        assert_int_equal(ActorSend(cli, &out), 0);
    }
    assert_int_equal(ActorReceive(svc, &got), 0); /* the others are in the pool now */
    const char *view = LiteIpcPoolView(ActorDevice(svc), &size);
    for (size_t offset = 0; offset < 65536; offset += 8) {
        if (view + offset != (const char *)got) {
            assert_int_equal(LiteIpcFree(ActorThread(svc), view + offset), -EFAULT);
        }
    }
    assert_int_equal(ActorFree(svc, got), 0);
    for (uint32_t code = 2; code <= 8; code++) {
        assert_int_equal(ActorReceive(svc, &got), 0);
        assert_true(ActorIsMessage(got, MT_REQUEST, code, cli));
        assert_int_equal(ActorFree(svc, got), 0);
    }
}

/* A failed SEND has freed the buffer nevertheless. */
static void FailedSendHasFreedItsBuffer(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    IpcMsg in = ActorOneway(ActorID(svc), 1);
    IpcMsg refused = ActorOneway(127, 2);
    IpcMsg unsendable = ActorOneway(0, 2);
    const IpcMsg *bad[] = {&refused, &unsendable, NULL};
    IpcMsg *got;

    unsendable.type = MT_DEATH_NOTIFY;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(ActorSend(cli, &in), 0);
        assert_int_equal(ActorReceive(svc, &got), 0);
        assert_int_equal(ActorMsg(svc, SEND | BUFF_FREE, bad[i], got, NULL),
                         i == 0 ? -EACCES : -EINVAL);
        assert_true(ActorPoolIsEmpty(svc));
        assert_int_equal(ActorFree(svc, got), -EFAULT);
    }
}

static void RequestWithBufferFreesAndSends(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorService(cms, NULL);
    struct Actor *svc = ActorService(cms, cli);
    IpcMsg there = ActorOneway(ActorID(svc), 1);
    IpcMsg back = ActorRequest(ActorID(cli), 2);
    IpcMsg *got;

    assert_int_equal(ActorGrant(cms, svc, cli), 0);
    assert_int_equal(ActorSend(cli, &there), 0);
    assert_int_equal(ActorReceive(svc, &got), 0);
    ActorMsgStart(cli, RECV, NULL, NULL);
    assert_int_equal(ActorMsg(svc, SEND | BUFF_FREE, &back, got, NULL), 0);
    assert_true(ActorPoolIsEmpty(svc));
    assert_int_equal(ActorMsgEnd(cli, &got), 0);
    assert_true(ActorIsMessage(got, MT_REQUEST, 2, svc));
    assert_int_equal(ActorFree(cli, got), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(SizesAreCheckedFirst),           STAGE_TEST(LargestMessagePasses),
        STAGE_TEST(UsersSendThreeTypesOnly),        STAGE_TEST(HandlesWithoutAccessAreRefusedAlike),
        STAGE_TEST(BufferToFreeIsCheckedFirst),     STAGE_TEST(OnlyReceivedBuffersAreFreed),
        STAGE_TEST(QueuedMessageCannotBeFreed),     STAGE_TEST(FailedSendHasFreedItsBuffer),
        STAGE_TEST(RequestWithBufferFreesAndSends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
