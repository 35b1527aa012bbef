/* OBJ_FD: descriptors that arrive open in the receiver's process, when the message is delivered. */
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

#include "support/control_client.h"
#include "support/endpoint.h"
#include "support/parcel.h"

#define MOST 16U /* in a message, and on their way in a lane */

static struct Actor *cms, *cli, *svc;
static struct Parcel parcel;
static int ends[2]; /* of a pipe: reading, writing */

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

/* Does something written to this descriptor come out of the pipe? Closes it. */
static bool IsOurPipe(int descriptor)
{
    char byte = 0;
    bool is = write(descriptor, "x", 1) == 1 && read(ends[0], &byte, 1) == 1 && byte == 'x' &&
              (fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0;
    return close(descriptor) == 0 && is;
}

static int FdOf(const IpcMsg *msg, uint32_t index)
{
    return (int)ParcelGet(msg, index, OBJ_FD).content.fd;
}

static void GetsFds(struct Actor *actor, uint32_t code, unsigned count)
{
    IpcMsg *got;
    assert_int_equal(ActorReceive(actor, &got), 0);
    assert_true(ActorIsMessage(got, MT_REQUEST, code, NULL));
    assert_int_equal(got->spObjNum, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(IsOurPipe(FdOf(got, i)));
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
    int received = FdOf(got, 0);
    assert_int_not_equal(received, file);
    assert_int_equal(fstat(file, &facts[0]), 0);
    assert_int_equal(fstat(received, &facts[1]), 0);
    assert_int_equal(facts[0].st_ino, facts[1].st_ino);
    assert_int_equal(close(received), 0);
    assert_int_equal(close(file), 0);
    assert_int_equal(write(ends[1], "y", 1), 1);
    char byte = 0;
    assert_int_equal(read(FdOf(got, 2), &byte, 1), 1);
    assert_int_equal(byte, 'y');
    assert_int_equal(close(FdOf(got, 2)), 0);
    assert_true(IsOurPipe(FdOf(got, 1)));
    assert_int_equal(ActorFree(svc, got), 0);
}

static void BadDescriptorsAreRefused(void **state)
{
    const int bad[] = {-1, 100000, INT32_MAX, INT32_MIN, fcntl(0, F_DUPFD, 5000)};
    IpcMsg plain = ActorOneway(ActorID(svc), 2);
    (void)state;

    close(bad[4]); /* so high a number is nobody else's */
    assert_int_equal(ActorSend(cli, &plain), 0);
    assert_int_equal(ActorReceive(svc, NULL), 0); /* the lane is there */
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        size_t before = TestDescriptorCount();
        ParcelBegin(&parcel, ActorOneway(ActorID(svc), 1));
        ParcelFd(&parcel, bad[i]);
        assert_int_equal(ActorSend(cli, &parcel.msg), -EBADF);
        ParcelBegin(&parcel, ActorOneway(ActorID(svc), 1));
        ParcelFd(&parcel, ends[0]);
        ParcelFd(&parcel, ends[1]);
        ParcelFd(&parcel, bad[i]);
        assert_int_equal(ActorSend(cli, &parcel.msg), -EBADF);
        assert_int_equal(TestDescriptorCount(), before);
    }
    assert_int_equal(ActorSend(cli, &plain), 0);
    assert_int_equal(ActorReceive(svc, NULL), 0);
}

/* Nothing is sent of a bad message: no record, and no descriptors without one. */
static void LaterErrorsSendNothing(void **state)
{
    (void)state;
    assert_int_equal(SendFds(cli, ActorID(svc), 2, 1), 0);
    GetsFds(svc, 2, 1);
    size_t before = TestDescriptorCount();
    for (unsigned i = 0; i < 3 * MOST; i++) {
        ParcelBegin(&parcel, ActorOneway(ActorID(svc), 1));
        ParcelFd(&parcel, ends[0]);
        ParcelPtr(&parcel, NULL, 5);
        assert_int_equal(ActorSend(cli, &parcel.msg), -EINVAL);
    }
    assert_int_equal(SendFds(cli, ActorID(svc), 2, MOST), 0);
    GetsFds(svc, 2, MOST);
    assert_int_equal(TestDescriptorCount(), before);
}

static void SixteenInAMessage(void **state)
{
    (void)state;
    assert_int_equal(SendFds(cli, ActorID(svc), 1, MOST + 1), -EINVAL);
    for (unsigned count = 1; count <= MOST; count++) {
        assert_int_equal(SendFds(cli, ActorID(svc), count, count), 0);
        GetsFds(svc, count, count);
    }
    assert_int_equal(SendFds(cli, ActorID(svc), 1, MOST + 1), -EINVAL);
    assert_int_equal(SendFds(cli, ActorID(svc), 1, 200), -EINVAL);
}

/* Who never looks gets no descriptors, and the sender learns it from the 17th on. */
static void SixteenOnTheirWay(void **state)
{
    (void)state;
    assert_int_equal(SendFds(cli, ActorID(svc), 0, 1), 0);
    size_t before = TestDescriptorCount();
    for (uint32_t code = 1; code < MOST; code++) {
        assert_int_equal(SendFds(cli, ActorID(svc), code, 1), 0);
    }
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(SendFds(cli, ActorID(svc), 100, 1), -ENOMEM);
    }
    assert_int_equal(SendFds(cli, ActorID(svc), 100, MOST), -ENOMEM);
    assert_int_equal(SendFds(cli, ActorID(svc), 100, MOST + 1), -ENOMEM);
    assert_int_equal(TestDescriptorCount(), before);
    GetsFds(svc, 0, 1);
    assert_int_equal(SendFds(cli, ActorID(svc), MOST, 1), 0);
    assert_int_equal(SendFds(cli, ActorID(svc), 100, 1), -ENOMEM);
    for (uint32_t code = 1; code <= MOST; code++) {
        GetsFds(svc, code, 1);
    }
    assert_int_equal(SendFds(cli, ActorID(svc), 100, MOST), 0);
    GetsFds(svc, 100, MOST);
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
        assert_true(IsOurPipe(FdOf(got, 0)));
        ParcelBegin(&parcel, ActorReplyTo(MT_REPLY, got, 2));
        ParcelFd(&parcel, ends[1]);
        ParcelFd(&parcel, ends[1]);
        assert_int_equal(ActorMsg(svc, SEND | BUFF_FREE, &parcel.msg, got, NULL), 0);
        assert_int_equal(ActorMsgEnd(cli, &got), 0);
        assert_true(IsOurPipe(FdOf(got, 0)) && IsOurPipe(FdOf(got, 1)));
        assert_int_equal(ActorFree(cli, got), 0);
    }
}

static void ToOneself(void **state)
{
    (void)state;
    assert_int_equal(SendFds(svc, ActorID(svc), 1, 3), 0);
    GetsFds(svc, 1, 3);
}

/* Requests to a caller that waits for its answer are dropped: their descriptors are closed. */
static void DroppedMessagesCloseTheirDescriptors(void **state)
{
    IpcMsg call = ActorRequest(ActorID(svc), 1);
    IpcMsg *got;
    (void)state;

    ActorMsgStart(cli, SEND | RECV, &call, NULL);
    assert_int_equal(ActorReceive(svc, &got), 0);
    assert_int_equal(ActorGrant(cms, svc, cli), 0);
    assert_int_equal(SendFds(svc, ActorID(cli), 1, 1), 0); /* makes the lane's socket */
    size_t before = TestDescriptorCount();
    for (unsigned sent = 0; sent < 100;) {
        int status = SendFds(svc, ActorID(cli), 1, 1 + sent % 5);
        assert_true(status == 0 || status == -ENOMEM);
        sent += status == 0;
    }
    assert_true(ActorPoolIsEmpty(cli));
    assert_int_equal(TestDescriptorCount(), before);
    ParcelBegin(&parcel, ActorReplyTo(MT_FAILED_REPLY, got, 2));
    ParcelFd(&parcel, ends[1]);
    int status;
    do {
        status = ActorMsg(svc, SEND | BUFF_FREE, &parcel.msg, got, NULL);
    } while (status == -ENOMEM);
    assert_int_equal(status, 0);
    assert_int_equal(ActorMsgEnd(cli, NULL), -ENOENT);
    assert_int_equal(TestDescriptorCount(), before);
}

/* A task that ends with messages in its lane, and one that ends with messages in its queue. */
static void EndedTasksCloseWhatTheyWereSent(void **state)
{
    char byte;
    (void)state;
    assert_int_equal(SendFds(cli, ActorID(svc), 1, 2), 0);
    GetsFds(svc, 1, 2);
    size_t before = TestDescriptorCount();
    assert_int_equal(SendFds(cli, ActorID(svc), 1, 2), 0);
    assert_int_equal(SendFds(cli, ActorID(svc), 1, 3), 0);
    ActorExitTask(svc);
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1),
                     -1); /* still on their way: the thread has not looked */
    assert_int_equal(errno, EAGAIN);
    ActorDetach(svc);
    assert_int_equal(read(ends[0], &byte, 1), 0); /* nobody has the writing end any more */
    assert_true(TestDescriptorCount() < before);
    svc = ActorReady(*state);
    ends[1] = dup(0);
}

/* From now on this process can have so many more descriptors. */
static struct rlimit RoomFor(unsigned count)
{
    struct rlimit before, now;
    int next = dup(0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    now = before;
    now.rlim_cur = (rlim_t)next + count;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    return before;
}

/* No room for descriptors in the receiver: a request is dropped, a call fails; the lane goes on. */
static void ReceiverWithoutRoomDropsTheMessage(void **state)
{
    IpcMsg plain = ActorOneway(ActorID(svc), 4);
    IpcMsg *got;
    (void)state;

    assert_int_equal(SendFds(cli, ActorID(svc), 1, 1), 0);
    GetsFds(svc, 1, 1);
    for (unsigned turn = 0; turn < 20; turn++) {
        size_t before = TestDescriptorCount();
        assert_int_equal(SendFds(cli, ActorID(svc), 3, 3), 0);
        assert_int_equal(ActorSend(cli, &plain), 0);
        struct rlimit limit = RoomFor(turn % 3);
        assert_int_equal(ActorReceive(svc, &got), 0);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_int_equal(got->code, 4);
        assert_int_equal(ActorFree(svc, got), 0);
        assert_int_equal(TestDescriptorCount(), before);
    }
    assert_int_equal(SendFds(cli, ActorID(svc), 1, MOST), 0);
    GetsFds(svc, 1, MOST);
}

static void CallWithoutRoomForTheAnswerFails(void **state)
{
    (void)state;
    for (unsigned turn = 0; turn < 20; turn++) {
        IpcMsg call = ActorRequest(ActorID(svc), 1);
        IpcMsg *got;
        unsigned count = 3 - (turn == 0); /* the first makes the socket */
        ActorMsgStart(cli, SEND | RECV, &call, NULL);
        assert_int_equal(ActorReceive(svc, &got), 0);
        size_t before = TestDescriptorCount();
        ParcelBegin(&parcel, ActorReplyTo(MT_REPLY, got, 2));
        for (unsigned i = 0; i < count; i++) {
            ParcelFd(&parcel, ends[1]);
        }
        struct rlimit limit = {0};
        if (turn > 0) {
            limit = RoomFor(turn % 3);
        }
        assert_int_equal(ActorMsg(svc, SEND | BUFF_FREE, &parcel.msg, got, NULL), 0);
        int status = ActorMsgEnd(cli, turn > 0 ? NULL : &got);
        if (turn > 0) {
            assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
            assert_int_equal(status, -EMFILE);
            assert_int_equal(TestDescriptorCount(), before);
            assert_true(ActorPoolIsEmpty(cli));
        } else {
            assert_int_equal(status, 0);
            assert_true(IsOurPipe(FdOf(got, 0)) && IsOurPipe(FdOf(got, 1)));
            assert_int_equal(ActorFree(cli, got), 0);
        }
    }
}

/* ---- several tasks of one thread ------------------------------------------------------------------- */

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
        assert_true(IsOurPipe(FdOf(got, i)));
    }
    assert_int_equal(ActorFree(svc, got), 0);
}

/* Descriptors come in the order of sending; who is served out of turn leaves the others theirs. */
static void TasksOfOneThreadTakeOutOfTurn(void **state)
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
        /* What is kept for the first counts as on its way: nobody loses anything. */
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
    /* One of them ends: its descriptors go, the other's stay. */
    size_t before = TestDescriptorCount();
    assert_int_equal(SendFds(cli, secondID, 1, 3), 0);
    assert_int_equal(SendFds(cli, ActorID(svc), 2, 3), 0);
    assert_int_equal(SendFds(cli, secondID, 3, 3), 0);
    assert_int_equal(SendFds(cli, ActorID(svc), 4, 1), 0);
    GetsFds(svc, 2, 3);
    assert_int_equal(TestDescriptorCount(), before + 3); /* kept for the second */
    assert_int_equal(ActorRun(svc, SecondExitStep, NULL), 0);
    GetsFds(svc, 4, 1);
    assert_int_equal(TestDescriptorCount(), before);
    assert_int_equal(SendFds(cli, ActorID(svc), 5, MOST), 0);
    GetsFds(svc, 5, MOST);
}

/* ---- the face for event loops ---------------------------------------------------------------------- */

static int PipeSetUp(void **state)
{
    int status = TrioSetUp(state);
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    return status;
}

static int PipeTearDown(void **state)
{
    close(ends[0]);
    close(ends[1]);
    assert_true(EndpointPoolIsEmpty(&trio.service) && EndpointPoolIsEmpty(&trio.client));
    return TrioTearDown(state);
}
#define EVENT_TEST(test) cmocka_unit_test_setup_teardown(test, PipeSetUp, PipeTearDown)

static struct Actor *ActorThatMayCall(const struct Endpoint *service)
{
    struct Actor *actor = ActorReady(&trio.stage);
    struct Endpoint as = {.taskID = ActorID(actor)};
    EndpointGrant(&trio.manager, &as, service);
    return actor;
}

/* Requests with objects of all kinds come out of LiteIpcReceive; a buffer cannot be answered. */
static void EventLoopsReceiveObjects(void **state)
{
    struct Endpoint *service = &trio.service;
    struct Actor *from = ActorThatMayCall(service);
    static char memory[3000];
    IpcMsg *reply;
    (void)state;

    memset(memory, 'm', sizeof(memory));
    for (unsigned turn = 0; turn < 20; turn++) {
        struct LiteIpcOutgoing answer = {.code = 9};
        ParcelBegin(&parcel, ActorRequest(service->taskID, 5));
        ParcelPtr(&parcel, memory, sizeof(memory));
        ParcelFd(&parcel, ends[1]);
        ParcelSvc(&parcel, INVALID_ID, 1, 3);
        ParcelPtr(&parcel, memory, 1);
        ActorMsgStart(from, SEND | RECV, &parcel.msg, NULL);
        struct LiteIpcEvent event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
        assert_int_equal(event.message->spObjNum, 4);
        assert_true(IsOurPipe(FdOf(event.message, 1)));
        assert_int_equal(ParcelGet(event.message, 2, OBJ_SVC).content.svc.handle, ActorID(from));
        const void *buffer = ParcelBuffer(event.message, 0, 'm', sizeof(memory));
        const void *small = ParcelBuffer(event.message, 3, 'm', 1);
        assert_int_equal(LiteIpcFree(service->thread, buffer), 0);
        assert_int_equal(LiteIpcFree(service->thread, buffer), -EFAULT);
        assert_int_equal(LiteIpcSendReply(service->task, small, &answer), -EINVAL);
        assert_int_equal(LiteIpcFree(service->thread, small), -EFAULT);
        assert_int_equal(EndpointReply(service, event.message, &answer), 0);
        assert_int_equal(ActorMsgEnd(from, &reply), 0);
        assert_int_equal(reply->code, 9);
        assert_int_equal(ActorFree(from, reply), 0);
    }
}

/* Answers, too; one that finds no room for its descriptors is a call that failed. */
static void EventLoopsReceiveObjectsInAnswers(void **state)
{
    struct Endpoint *client = &trio.client;
    struct Actor *to = ActorReady(&trio.stage);
    struct Endpoint as = {.taskID = ActorID(to)};
    IpcMsg own = ActorOneway(ActorID(to), 0);
    (void)state;

    assert_int_equal(ActorSend(to, &own), 0);
    assert_int_equal(ActorReceive(to, NULL), 0);
    EndpointGrant(&trio.manager, client, &as);
    for (unsigned turn = 0; turn < 20; turn++) {
        struct LiteIpcOutgoing out = EndpointRequest(&as, 5, LITEIPC_FLAG_DEFAULT);
        IpcMsg *got;
        assert_int_equal(EndpointSend(client, &out, turn, NULL), 0);
        assert_int_equal(ActorReceive(to, &got), 0);
        ParcelBegin(&parcel, ActorReplyTo(MT_REPLY, got, 6));
        ParcelFd(&parcel, ends[1]);
        ParcelPtr(&parcel, "abc", 4);
        ParcelFd(&parcel, ends[1]);
        assert_int_equal(ActorMsg(to, SEND | BUFF_FREE, &parcel.msg, got, NULL), 0);
        size_t before = TestDescriptorCount();
        if (turn % 2 == 1) {
            struct rlimit limit = RoomFor(turn / 2 % 2);
            struct LiteIpcEvent event = EndpointExpect(client, LITEIPC_EVENT_CALL);
            assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
            assert_int_equal(event.status, -EMFILE);
            assert_int_equal(event.userData, turn);
            assert_null(event.message);
            assert_int_equal(TestDescriptorCount(), before);
            continue;
        }
        struct LiteIpcEvent event = EndpointExpect(client, LITEIPC_EVENT_CALL);
        assert_int_equal(event.status, 0);
        assert_true(IsOurPipe(FdOf(event.message, 0)) && IsOurPipe(FdOf(event.message, 2)));
        SpecialObj object = ParcelGet(event.message, 1, OBJ_PTR);
        assert_string_equal(object.content.ptr.buff, "abc");
        assert_int_equal(LiteIpcFree(client->thread, object.content.ptr.buff), 0);
        assert_int_equal(LiteIpcFree(client->thread, event.message), 0);
    }
}

/*
 * CVE-2024-47404. Buffers of a message that waits in the queue are not the program's yet, whatever
 * addresses it tries; when the task ends they go with the message, and what was delivered stays.
 */
static void QueuedObjectsAreNotThePrograms(void **state)
{
    struct Endpoint *service = &trio.service;
    struct Actor *from = ActorThatMayCall(service);
    struct LiteIpcControlRequest end = {.operation = LITEIPC_CONTROL_TASK_EXIT};
    struct LiteIpcEvent first, event, ended;
    size_t nodes, bytes;
    char byte;
    (void)state;

    ParcelBegin(&parcel, ActorOneway(service->taskID, 5));
    ParcelPtr(&parcel, &parcel, 100);
    ParcelFd(&parcel, ends[1]);
    assert_int_equal(ActorSend(from, &parcel.msg), 0);
    first = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
    assert_true(IsOurPipe(FdOf(first.message, 1)));
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(ActorSend(from, &parcel.msg), 0);
    }
    event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE); /* the others are in the queue now */
    assert_true(IsOurPipe(FdOf(event.message, 1)));
    const char *buffer = ParcelGet(first.message, 0, OBJ_PTR).content.ptr.buff;
    const char *second = ParcelGet(event.message, 0, OBJ_PTR).content.ptr.buff;
    assert_int_equal(LiteIpcFree(service->thread, second), 0);
    LiteIpcPoolCount(service->device, &nodes, &bytes);
    assert_int_equal(nodes, 2 * 9 + 2 + 1);
    for (int near = -8192; near <= 8192; near += 8) {
        const char *address = buffer + near;
        if (address != buffer && address != (const char *)first.message &&
            address != (const char *)event.message) {
            assert_true(LiteIpcFree(service->thread, address) < 0);
        }
    }
    end.task = service->task;
    assert_int_equal(EndpointControl(service, &end, &ended), 0);
    LiteIpcPoolCount(service->device, &nodes, &bytes);
    assert_int_equal(nodes, 3);
    assert_int_equal(LiteIpcFree(service->thread, first.message), 0);
    assert_int_equal(LiteIpcFree(service->thread, buffer), 0);
    assert_int_equal(LiteIpcFree(service->thread, event.message), 0);
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 0); /* no descriptor of the queued ones is left */
    ends[1] = dup(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(DescriptorsArriveOpen),
        FD_TEST(BadDescriptorsAreRefused),
        FD_TEST(LaterErrorsSendNothing),
        FD_TEST(SixteenInAMessage),
        FD_TEST(SixteenOnTheirWay),
        FD_TEST(DescriptorsTravelInReplies),
        FD_TEST(ToOneself),
        FD_TEST(DroppedMessagesCloseTheirDescriptors),
        FD_TEST(EndedTasksCloseWhatTheyWereSent),
        FD_TEST(ReceiverWithoutRoomDropsTheMessage),
        FD_TEST(CallWithoutRoomForTheAnswerFails),
        FD_TEST(TasksOfOneThreadTakeOutOfTurn),
        EVENT_TEST(EventLoopsReceiveObjects),
        EVENT_TEST(EventLoopsReceiveObjectsInAnswers),
        EVENT_TEST(QueuedObjectsAreNotThePrograms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
