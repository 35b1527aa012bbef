/* Tests objects with the event-loop API, which receives them like any other message. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/control_client.h"
#include "support/endpoint.h"
#include "support/parcel.h"

static struct Parcel parcel;
static int ends[2]; /* of a pipe: read end, write end */

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

/*
 * LiteIpcReceive returns requests with objects of all kinds. A buffer cannot be used as a request.
 */
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
        assert_true(ParcelIsPipe(event.message, 1, ends[0]));
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

/* The same for answers. An answer without room for its descriptors is a failed call. */
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
        size_t before = TestDescriptorsSettled();
        if (turn % 2 == 1) {
            struct rlimit limit = TestDescriptorRoom(turn / 2 % 2);
            struct LiteIpcEvent event = EndpointExpect(client, LITEIPC_EVENT_CALL);
            assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
            assert_int_equal(event.status, -EMFILE);
            assert_int_equal(event.userData, turn);
            assert_null(event.message);
            assert_true(TestDescriptorCountIs(before));
            continue;
        }
        struct LiteIpcEvent event = EndpointExpect(client, LITEIPC_EVENT_CALL);
        assert_int_equal(event.status, 0);
        assert_true(ParcelIsPipe(event.message, 0, ends[0]) &&
                    ParcelIsPipe(event.message, 2, ends[0]));
        SpecialObj object = ParcelGet(event.message, 1, OBJ_PTR);
        assert_string_equal(object.content.ptr.buff, "abc");
        assert_int_equal(LiteIpcFree(client->thread, object.content.ptr.buff), 0);
        assert_int_equal(LiteIpcFree(client->thread, event.message), 0);
    }
}

/*
 * CVE-2024-47404. Buffers of a queued message do not belong to the program yet, and it cannot free
 * them by any address. If the task exits they are freed with the message; delivered buffers remain.
 */
static void QueuedObjectsDoNotBelongToTheProgram(void **state)
{
    struct Endpoint *service = &trio.service;
    struct Actor *from = ActorThatMayCall(service);
    struct LiteIpcEvent first, event;
    size_t nodes, bytes;
    char byte;
    (void)state;

    ParcelBegin(&parcel, ActorOneway(service->taskID, 5));
    ParcelPtr(&parcel, &parcel, 100);
    ParcelFd(&parcel, ends[1]);
    assert_int_equal(ActorSend(from, &parcel.msg), 0);
    first = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
    assert_true(ParcelIsPipe(first.message, 1, ends[0]));
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(ActorSend(from, &parcel.msg), 0);
    }
    event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE); /* the others are in the queue now */
    assert_true(ParcelIsPipe(event.message, 1, ends[0]));
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
    LiteIpcTaskExit(service->task);
    LiteIpcPoolCount(service->device, &nodes, &bytes);
    assert_int_equal(nodes, 3);
    assert_int_equal(LiteIpcFree(service->thread, first.message), 0);
    assert_int_equal(LiteIpcFree(service->thread, buffer), 0);
    assert_int_equal(LiteIpcFree(service->thread, event.message), 0);
    close(ends[1]);
    /* The descriptors of the queued messages are closed. */
    assert_int_equal(read(ends[0], &byte, 1), 0);
    ends[1] = dup(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVENT_TEST(EventLoopsReceiveObjects),
        EVENT_TEST(EventLoopsReceiveObjectsInAnswers),
        EVENT_TEST(QueuedObjectsDoNotBelongToTheProgram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
