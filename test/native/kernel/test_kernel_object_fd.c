/*
 * Tests OBJ_FD: descriptors that are open in the receiver's process when the message is delivered.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/actors.h"
#include "support/control_client.h"
#include "support/parcel.h"

#define DESCRIPTOR_LIMIT                                                                           \
    16U /* limit of descriptors in a message, and of those in flight in a lane */

static struct Actor *cms, *cli, *svc;
static struct Parcel parcel, answer;
static int ends[2]; /* of a pipe: read end, write end */

static int SetUp(void **state)
{
    int status = StageSetUp(state);
    cms = ActorManager(*state);
    cli = ActorReady(*state);
    svc = ActorService(cms, cli);
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    return status;
}

static int TearDown(void **state)
{
    close(ends[0]);
    close(ends[1]);
    assert_true(ActorPoolIsEmpty(cms) && ActorPoolIsEmpty(cli) && ActorPoolIsEmpty(svc));
    return StageTearDown(state);
}
#define FD_TEST(test) cmocka_unit_test_setup_teardown(test, SetUp, TearDown)

static int SendFds(struct Actor *from, uint32_t to, uint32_t code, unsigned count)
{
    ParcelBegin(&parcel, ActorOneway(to, code));
    for (unsigned i = 0; i < count; i++) {
        ParcelFd(&parcel, ends[1]);
    }
    return ActorSend(from, &parcel.msg);
}

static void GetsFds(struct Actor *actor, uint32_t code, unsigned count)
{
    IpcMsg *got;
    assert_int_equal(ActorReceive(actor, &got), 0);
    assert_true(ActorIsMessage(got, MT_REQUEST, code, NULL));
    assert_int_equal(got->spObjNum, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(ParcelIsPipe(got, i, ends[0]));
    }
    assert_int_equal(ActorFree(actor, got), 0);
}

static void DescriptorsArriveOpen(void **state)
{
    char path[] = "/tmp/liteipc-object-XXXXXX";
    int file = mkstemp(path);
    uint32_t seven = 7;
    struct stat facts[2];
    IpcMsg *got;
    (void)state;

    assert_true(file >= 0 && unlink(path) == 0);
    ParcelBegin(&parcel, ActorOneway(ActorID(svc), 1));
    ParcelFd(&parcel, file);
    ParcelBytes(&parcel, &seven, sizeof(seven));
    ParcelFd(&parcel, ends[1]);
    ParcelFd(&parcel, ends[0]);
    assert_int_equal(ActorSend(cli, &parcel.msg), 0);
    assert_int_equal(ActorReceive(svc, &got), 0);
    assert_int_equal(got->spObjNum, 3);
    assert_memory_equal((char *)got->data + sizeof(SpecialObj), "\7\0\0\0\0\0\0\0", 8);
    int received = ParcelFdOf(got, 0);
    assert_int_not_equal(received, file);
    assert_int_equal(fstat(file, &facts[0]), 0);
    assert_int_equal(fstat(received, &facts[1]), 0);
    assert_int_equal(facts[0].st_ino, facts[1].st_ino);
    assert_int_equal(close(received), 0);
    assert_int_equal(close(file), 0);
    assert_int_equal(write(ends[1], "y", 1), 1);
    char byte = 0;
    assert_int_equal(read(ParcelFdOf(got, 2), &byte, 1), 1);
    assert_int_equal(byte, 'y');
    assert_int_equal(close(ParcelFdOf(got, 2)), 0);
    assert_true(ParcelIsPipe(got, 1, ends[0]));
    assert_int_equal(ActorFree(svc, got), 0);
}

static void BadDescriptorsAreRefused(void **state)
{
    const int bad[] = {-1, 100000, INT32_MAX, INT32_MIN, fcntl(0, F_DUPFD, 5000)};
    IpcMsg plain = ActorOneway(ActorID(svc), 2);
    (void)state;

    close(bad[4]); /* no other thread uses such a high number */
    assert_int_equal(ActorSend(cli, &plain), 0);
    assert_int_equal(ActorReceive(svc, NULL), 0); /* the lane exists */
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        size_t before = TestDescriptorsSettled();
        ParcelBegin(&parcel, ActorOneway(ActorID(svc), 1));
        ParcelFd(&parcel, bad[i]);
        assert_int_equal(ActorSend(cli, &parcel.msg), -EBADF);
        ParcelBegin(&parcel, ActorOneway(ActorID(svc), 1));
        ParcelFd(&parcel, ends[0]);
        ParcelFd(&parcel, ends[1]);
        ParcelFd(&parcel, bad[i]);
        assert_int_equal(ActorSend(cli, &parcel.msg), -EBADF);
        assert_true(TestDescriptorCountIs(before));
    }
    assert_int_equal(ActorSend(cli, &plain), 0);
    assert_int_equal(ActorReceive(svc, NULL), 0);
}

/* An invalid message sends nothing: no record, and no descriptors without a record. */
static void LaterErrorsSendNothing(void **state)
{
    (void)state;
    assert_int_equal(SendFds(cli, ActorID(svc), 2, 1), 0);
    GetsFds(svc, 2, 1);
    size_t before = TestDescriptorsSettled();
    for (unsigned i = 0; i < 3 * DESCRIPTOR_LIMIT; i++) {
        ParcelBegin(&parcel, ActorOneway(ActorID(svc), 1));
        ParcelFd(&parcel, ends[0]);
        ParcelPtr(&parcel, NULL, 5);
        assert_int_equal(ActorSend(cli, &parcel.msg), -EINVAL);
    }
    assert_int_equal(SendFds(cli, ActorID(svc), 2, DESCRIPTOR_LIMIT), 0);
    GetsFds(svc, 2, DESCRIPTOR_LIMIT);
    assert_true(TestDescriptorCountIs(before));
}

static void SixteenInAMessage(void **state)
{
    (void)state;
    assert_int_equal(SendFds(cli, ActorID(svc), 1, DESCRIPTOR_LIMIT + 1), -EINVAL);
    for (unsigned count = 1; count <= DESCRIPTOR_LIMIT; count++) {
        assert_int_equal(SendFds(cli, ActorID(svc), count, count), 0);
        GetsFds(svc, count, count);
    }
    assert_int_equal(SendFds(cli, ActorID(svc), 1, DESCRIPTOR_LIMIT + 1), -EINVAL);
    assert_int_equal(SendFds(cli, ActorID(svc), 1, 200), -EINVAL);
}

/*
 * A receiver that never reads gets no descriptors, and the sender gets an error from the 17th on.
 */
static void SixteenInFlight(void **state)
{
    (void)state;
    assert_int_equal(SendFds(cli, ActorID(svc), 0, 1), 0);
    size_t before = TestDescriptorsSettled();
    for (uint32_t code = 1; code < DESCRIPTOR_LIMIT; code++) {
        assert_int_equal(SendFds(cli, ActorID(svc), code, 1), 0);
    }
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(SendFds(cli, ActorID(svc), 100, 1), -ENOMEM);
    }
    assert_int_equal(SendFds(cli, ActorID(svc), 100, DESCRIPTOR_LIMIT), -ENOMEM);
    assert_int_equal(SendFds(cli, ActorID(svc), 100, DESCRIPTOR_LIMIT + 1), -ENOMEM);
    assert_true(TestDescriptorCountIs(before));
    GetsFds(svc, 0, 1);
    assert_int_equal(SendFds(cli, ActorID(svc), DESCRIPTOR_LIMIT, 1), 0);
    assert_int_equal(SendFds(cli, ActorID(svc), 100, 1), -ENOMEM);
    for (uint32_t code = 1; code <= DESCRIPTOR_LIMIT; code++) {
        GetsFds(svc, code, 1);
    }
    assert_int_equal(SendFds(cli, ActorID(svc), 100, DESCRIPTOR_LIMIT), 0);
    GetsFds(svc, 100, DESCRIPTOR_LIMIT);
}

static void DescriptorsTravelInReplies(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        IpcMsg *got;
        ParcelBegin(&parcel, ActorRequest(ActorID(svc), 1));
        ParcelFd(&parcel, ends[1]);
        ActorMsgStart(cli, SEND | RECV, &parcel.msg, NULL);
        assert_int_equal(ActorReceive(svc, &got), 0);
        assert_true(ParcelIsPipe(got, 0, ends[0]));
        ParcelBegin(&answer, ActorReplyTo(MT_REPLY, got, 2));
        ParcelFd(&answer, ends[1]);
        ParcelFd(&answer, ends[1]);
        assert_int_equal(ActorMsg(svc, SEND | BUFF_FREE, &answer.msg, got, NULL), 0);
        assert_int_equal(ActorMsgEnd(cli, &got), 0);
        assert_true(ParcelIsPipe(got, 0, ends[0]) && ParcelIsPipe(got, 1, ends[0]));
        assert_int_equal(ActorFree(cli, got), 0);
    }
}

static void ToOneself(void **state)
{
    (void)state;
    assert_int_equal(SendFds(svc, ActorID(svc), 1, 3), 0);
    GetsFds(svc, 1, 3);
}

/* Requests to a caller that waits for its answer are dropped, and their descriptors are closed. */
static void DroppedMessagesCloseTheirDescriptors(void **state)
{
    IpcMsg call = ActorRequest(ActorID(svc), 1);
    IpcMsg *got;
    (void)state;

    ActorMsgStart(cli, SEND | RECV, &call, NULL);
    assert_int_equal(ActorReceive(svc, &got), 0);
    assert_int_equal(ActorGrant(cms, svc, cli), 0);
    assert_int_equal(SendFds(svc, ActorID(cli), 1, 1), 0); /* creates the lane's socket */
    size_t before = TestDescriptorsSettled();
    for (unsigned sent = 0; sent < 100;) {
        int status = SendFds(svc, ActorID(cli), 1, 1 + sent % 5);
        assert_true(status == 0 || status == -ENOMEM);
        sent += status == 0;
    }
    assert_true(ActorPoolIsEmpty(cli));
    assert_true(TestDescriptorCountIs(before));
    ParcelBegin(&parcel, ActorReplyTo(MT_FAILED_REPLY, got, 2));
    ParcelFd(&parcel, ends[1]);
    int status;
    do {
        status = ActorMsg(svc, SEND | BUFF_FREE, &parcel.msg, got, NULL);
    } while (status == -ENOMEM);
    assert_int_equal(status, 0);
    assert_int_equal(ActorMsgEnd(cli, NULL), -ENOENT);
    assert_true(TestDescriptorCountIs(before));
}

/* A task exits with messages in its lane, and another with messages in its queue. */
static void ExitedTasksCloseTheirDescriptors(void **state)
{
    char byte;
    (void)state;
    assert_int_equal(SendFds(cli, ActorID(svc), 1, 2), 0);
    GetsFds(svc, 1, 2);
    size_t before = TestDescriptorsSettled();
    assert_int_equal(SendFds(cli, ActorID(svc), 1, 2), 0);
    assert_int_equal(SendFds(cli, ActorID(svc), 1, 3), 0);
    ActorExitTask(svc);
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), -1); /* still in flight: the thread has not read */
    assert_int_equal(errno, EAGAIN);
    ActorDetach(svc);
    assert_int_equal(read(ends[0], &byte, 1), 0); /* all copies of the write end are closed */
    assert_true(TestDescriptorCount() < before);
    svc = ActorReady(*state);
    ends[1] = dup(0);
}

/*
 * Without room for descriptors in the receiver, a request is dropped and a call fails; the lane
 * continues.
 */
static void ReceiverWithoutRoomDropsTheMessage(void **state)
{
    IpcMsg plain = ActorOneway(ActorID(svc), 4);
    IpcMsg *got;
    (void)state;

    assert_int_equal(SendFds(cli, ActorID(svc), 1, 1), 0);
    GetsFds(svc, 1, 1);
    for (unsigned turn = 0; turn < 20; turn++) {
        size_t before = TestDescriptorsSettled();
        assert_int_equal(SendFds(cli, ActorID(svc), 3, 3), 0);
        assert_int_equal(ActorSend(cli, &plain), 0);
        struct rlimit limit = TestDescriptorRoom(turn % 3);
        assert_int_equal(ActorReceive(svc, &got), 0);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_int_equal(got->code, 4);
        assert_int_equal(ActorFree(svc, got), 0);
        assert_true(TestDescriptorCountIs(before));
    }
    assert_int_equal(SendFds(cli, ActorID(svc), 1, DESCRIPTOR_LIMIT), 0);
    GetsFds(svc, 1, DESCRIPTOR_LIMIT);
}

static void CallWithoutRoomForTheAnswerFails(void **state)
{
    (void)state;
    for (unsigned turn = 0; turn < 20; turn++) {
        IpcMsg call = ActorRequest(ActorID(svc), 1);
        IpcMsg *got;
        unsigned count = 3 - (turn == 0); /* the first message creates the socket */
        ActorMsgStart(cli, SEND | RECV, &call, NULL);
        assert_int_equal(ActorReceive(svc, &got), 0);
        size_t before = TestDescriptorsSettled();
        ParcelBegin(&parcel, ActorReplyTo(MT_REPLY, got, 2));
        for (unsigned i = 0; i < count; i++) {
            ParcelFd(&parcel, ends[1]);
        }
        struct rlimit limit = {0};
        if (turn > 0) {
            limit = TestDescriptorRoom(turn % 3);
        }
        assert_int_equal(ActorMsg(svc, SEND | BUFF_FREE, &parcel.msg, got, NULL), 0);
        int status = ActorMsgEnd(cli, turn > 0 ? NULL : &got);
        if (turn > 0) {
            assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
            assert_int_equal(status, -EMFILE);
            assert_true(TestDescriptorCountIs(before));
            assert_true(ActorPoolIsEmpty(cli));
        } else {
            assert_int_equal(status, 0);
            assert_true(ParcelIsPipe(got, 0, ends[0]) && ParcelIsPipe(got, 1, ends[0]));
            assert_int_equal(ActorFree(cli, got), 0);
        }
    }
}

/* ---- several tasks of one thread ------------------------------------------------------------- */

static struct LiteIpcTask *second;

static int SecondStep(struct Actor *actor, void *argument)
{
    (void)argument;
    IpcContent content;
    int status = LiteIpcTaskCreate(ActorThread(actor), &second);
    if (status == 0) {
        IpcMsg own = ActorOneway(LiteIpcTaskID(second), 0);
        content = (IpcContent){.flag = SEND, .outMsg = &own};
        status = LiteIpcIoctl(second, IPC_SEND_RECV_MSG, (unsigned long)&content);
    }
    if (status == 0) {
        content = (IpcContent){.flag = RECV};
        status = LiteIpcIoctl(second, IPC_SEND_RECV_MSG, (unsigned long)&content);
    }
    if (status == 0) {
        content = (IpcContent){.flag = BUFF_FREE, .buffToFree = content.inMsg};
        status = LiteIpcIoctl(second, IPC_SEND_RECV_MSG, (unsigned long)&content);
    }
    return status;
}

static int SecondReceiveStep(struct Actor *actor, void *argument)
{
    IpcContent content = {.flag = RECV};
    (void)actor;
    int status = LiteIpcIoctl(second, IPC_SEND_RECV_MSG, (unsigned long)&content);
    *(IpcMsg **)argument = content.inMsg;
    return status;
}

static int SecondExitStep(struct Actor *actor, void *argument)
{
    (void)actor;
    (void)argument;
    LiteIpcTaskExit(second);
    return 0;
}

static void SecondGetsFds(uint32_t code, unsigned count)
{
    IpcMsg *got;
    assert_int_equal(ActorRun(svc, SecondReceiveStep, &got), 0);
    assert_int_equal(got->code, code);
    assert_int_equal(got->spObjNum, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(ParcelIsPipe(got, i, ends[0]));
    }
    assert_int_equal(ActorFree(svc, got), 0);
}

/*
 * Descriptors arrive in the order of sending; if one task receives out of order, the other loses
 * nothing.
 */
static void TasksOfOneThreadReceiveOutOfOrder(void **state)
{
    (void)state;
    assert_int_equal(ActorRun(svc, SecondStep, NULL), 0);
    uint32_t secondID = LiteIpcTaskID(second);
    uint32_t handle = secondID;
    assert_int_equal(ActorCmsCommand(cms, CMS_ADD_ACCESS, ActorID(cli), &handle), 0);
    for (unsigned turn = 0; turn < 20; turn++) {
        for (uint32_t code = 1; code < 6; code++) {
            assert_int_equal(SendFds(cli, ActorID(svc), code, 2), 0);
        }
        assert_int_equal(SendFds(cli, secondID, 50, 2), 0);
        SecondGetsFds(50, 2);
        /*
         * Descriptors that are stored for the first task count as in flight, so no task loses any.
         */
        assert_int_equal(SendFds(cli, ActorID(svc), 6, 2), 0);
        assert_int_equal(SendFds(cli, secondID, 51, 4), 0);
        assert_int_equal(SendFds(cli, secondID, 52, 1), -ENOMEM);
        SecondGetsFds(51, 4);
        assert_int_equal(SendFds(cli, secondID, 52, 4), 0);
        assert_int_equal(SendFds(cli, ActorID(svc), 7, 1), -ENOMEM);
        for (uint32_t code = 1; code < 7; code++) {
            GetsFds(svc, code, 2);
        }
        SecondGetsFds(52, 4);
    }
    /* One task exits: its descriptors are closed, those of the other remain. */
    size_t before = TestDescriptorsSettled();
    assert_int_equal(SendFds(cli, secondID, 1, 3), 0);
    assert_int_equal(SendFds(cli, ActorID(svc), 2, 3), 0);
    assert_int_equal(SendFds(cli, secondID, 3, 3), 0);
    assert_int_equal(SendFds(cli, ActorID(svc), 4, 1), 0);
    GetsFds(svc, 2, 3);
    assert_true(TestDescriptorCountIs(before + 3)); /* stored for the second task */
    assert_int_equal(ActorRun(svc, SecondExitStep, NULL), 0);
    GetsFds(svc, 4, 1);
    assert_true(TestDescriptorCountIs(before));
    assert_int_equal(SendFds(cli, ActorID(svc), 5, DESCRIPTOR_LIMIT), 0);
    GetsFds(svc, 5, DESCRIPTOR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(DescriptorsArriveOpen),
        FD_TEST(BadDescriptorsAreRefused),
        FD_TEST(LaterErrorsSendNothing),
        FD_TEST(SixteenInAMessage),
        FD_TEST(SixteenInFlight),
        FD_TEST(DescriptorsTravelInReplies),
        FD_TEST(ToOneself),
        FD_TEST(DroppedMessagesCloseTheirDescriptors),
        FD_TEST(ExitedTasksCloseTheirDescriptors),
        FD_TEST(ReceiverWithoutRoomDropsTheMessage),
        FD_TEST(CallWithoutRoomForTheAnswerFails),
        FD_TEST(TasksOfOneThreadReceiveOutOfOrder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
