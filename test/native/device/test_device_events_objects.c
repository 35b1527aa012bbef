/*
 * Tests objects that are sent through the event-loop API: no send blocks, and requests to the
 * domain complete asynchronously.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/control_client.h"
#include "support/endpoint.h"
#include "support/parcel.h"

#define DESCRIPTOR_LIMIT                                                                           \
    16U /* limit of descriptors in a message, and of those in flight in a lane */

static struct Parcel parcel;
static int ends[2]; /* of a pipe: read end, write end */

static int SetUp(void **state)
{
    int status = TrioSetUp(state);
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    return status;
}

static int TearDown(void **state)
{
    close(ends[0]);
    close(ends[1]);
    assert_true(EndpointPoolIsEmpty(&trio.service) && EndpointPoolIsEmpty(&trio.client));
    return TrioTearDown(state);
}
#define OBJECTS_TEST(test) cmocka_unit_test_setup_teardown(test, SetUp, TearDown)

static void Begin(void)
{
    ParcelBegin(&parcel, (IpcMsg){0});
}

static struct LiteIpcOutgoing WithParcel(struct LiteIpcOutgoing out)
{
    out.data = parcel.msg.data;
    out.dataSz = parcel.msg.dataSz;
    out.spObjNum = parcel.msg.spObjNum;
    out.offsets = parcel.msg.offsets;
    return out;
}

static struct LiteIpcOutgoing Oneway(const struct Endpoint *to, uint32_t code)
{
    return WithParcel(EndpointRequest(to, code, LITEIPC_FLAG_ONEWAY));
}

/*
 * Sends a one-way message with descriptors from the client to the service and returns the status.
 */
static int SendFds(uint32_t code, unsigned count)
{
    Begin();
    for (unsigned i = 0; i < count; i++) {
        ParcelFd(&parcel, ends[1]);
    }
    struct LiteIpcOutgoing out = Oneway(&trio.service, code);
    return EndpointSend(&trio.client, &out, 0, NULL);
}

static void GetsFds(uint32_t code, unsigned count)
{
    struct LiteIpcEvent event = EndpointExpect(&trio.service, LITEIPC_EVENT_MESSAGE);
    assert_int_equal(event.message->code, code);
    assert_int_equal(event.message->spObjNum, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(ParcelIsPipe(event.message, i, ends[0]));
    }
    assert_int_equal(LiteIpcFree(trio.service.thread, event.message), 0);
}

/*
 * The first message requests the lane and then its descriptor socket; later messages are sent at
 * once.
 */
static void TheDescriptorSocketIsCreatedOnce(void **state)
{
    struct Endpoint *client = &trio.client;
    (void)state;

    Begin();
    ParcelFd(&parcel, ends[1]);
    struct LiteIpcOutgoing out = Oneway(&trio.service, 1);
    unsigned steps = 0;
    int status;
    while ((status = LiteIpcSendRequest(client->task, &out, 0, NULL)) == -EINPROGRESS) {
        struct LiteIpcEvent event = EndpointExpect(client, LITEIPC_EVENT_LANE);
        assert_int_equal(event.status, 0);
        assert_int_equal(event.value0, trio.service.taskID);
        assert_true(++steps <= 2);
    }
    assert_int_equal(status, 0);
    assert_int_equal(steps, 2);
    GetsFds(1, 1);
    for (uint32_t code = 2; code < 50; code++) {
        assert_int_equal(LiteIpcSendRequest(client->task, &out, 0, NULL), 0);
        GetsFds(1, 1);
    }
    assert_true(EndpointIsQuiet(client));
}

/* A call and its answer carry objects of all kinds. */
static void AllKindsTravelInBothDirections(void **state)
{
    struct Endpoint *client = &trio.client, *service = &trio.service;
    static char memory[3000];
    (void)state;

    memset(memory, 'm', sizeof(memory));
    for (unsigned turn = 0; turn < 20; turn++) {
        uint32_t number = 7;
        Begin();
        ParcelBytes(&parcel, &number, sizeof(number));
        ParcelPtr(&parcel, memory, sizeof(memory));
        ParcelFd(&parcel, ends[1]);
        ParcelSvc(&parcel, INVALID_ID, 1, 3);
        struct LiteIpcOutgoing out = WithParcel(EndpointRequest(service, 5, LITEIPC_FLAG_DEFAULT));
        assert_int_equal(EndpointSend(client, &out, turn, NULL), 0);
        struct LiteIpcEvent event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
        assert_memory_equal(event.message->data, &number, sizeof(number));
        assert_int_equal(
            LiteIpcFree(service->thread, ParcelBuffer(event.message, 0, 'm', sizeof(memory))), 0);
        assert_true(ParcelIsPipe(event.message, 1, ends[0]));
        SpecialObj me = ParcelGet(event.message, 2, OBJ_SVC);
        assert_int_equal(me.content.svc.handle, client->taskID);
        assert_int_equal(me.content.svc.cookie, 3);

        Begin();
        ParcelFd(&parcel, ends[1]);
        ParcelPtr(&parcel, memory, 10);
        ParcelFd(&parcel, ends[1]);
        struct LiteIpcOutgoing answer = WithParcel((struct LiteIpcOutgoing){.code = 6});
        assert_int_equal(EndpointReply(service, event.message, &answer), 0);
        event = EndpointExpect(client, LITEIPC_EVENT_CALL);
        assert_int_equal(event.status, 0);
        assert_int_equal(event.userData, turn);
        assert_true(ParcelIsPipe(event.message, 0, ends[0]) &&
                    ParcelIsPipe(event.message, 2, ends[0]));
        assert_int_equal(LiteIpcFree(client->thread, ParcelBuffer(event.message, 1, 'm', 10)), 0);
        assert_int_equal(LiteIpcFree(client->thread, event.message), 0);
    }
    /* The message granted it the right to call the client. */
    assert_int_equal(EndpointSendOneWay(service, client, 8), 0);
    assert_true(EndpointGets(client, 8));
}

/*
 * Three services in one message: one notice, three rights. A process without a right cannot pass it
 * on.
 */
static void RightsGoWithServices(void **state)
{
    struct Endpoint *client = &trio.client, *service = &trio.service;
    struct Endpoint others[3], stranger;
    const char *path = LiteIpcDomainPath(trio.stage.domain);
    struct LiteIpcEvent event;
    (void)state;

    EndpointOpen(path, &stranger, 0);
    Begin();
    for (unsigned i = 0; i < 3; i++) {
        EndpointOpen(path, &others[i], 0);
        EndpointGrant(&trio.manager, client, &others[i]);
        assert_int_equal(EndpointSendOneWay(service, &others[i], 1), -EACCES);
        ParcelSvc(&parcel, others[i].taskID, 3, 4);
    }
    struct LiteIpcOutgoing out = Oneway(service, 9);
    assert_int_equal(EndpointSendOneWay(client, service, 1), 0); /* the lane exists */
    assert_true(EndpointGets(service, 1));
    assert_int_equal(LiteIpcSendRequest(client->task, &out, 0, NULL), -EINPROGRESS);
    assert_int_equal(EndpointExpect(client, LITEIPC_EVENT_LANE).status, 0);
    assert_true(EndpointIsQuiet(client));
    assert_int_equal(LiteIpcSendRequest(client->task, &out, 0, NULL), 0);
    event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
    for (unsigned i = 0; i < 3; i++) {
        SpecialObj object = ParcelGet(event.message, i, OBJ_SVC);
        assert_int_equal(object.content.svc.handle, others[i].taskID);
        assert_int_equal(object.content.svc.token, 3);
        assert_int_equal(object.content.svc.cookie, 4);
        assert_int_equal(EndpointSendOneWay(service, &others[i], i), 0);
        assert_true(EndpointGets(&others[i], i));
    }
    assert_int_equal(LiteIpcFree(service->thread, event.message), 0);

    Begin();
    ParcelSvc(&parcel, others[0].taskID, 0, 0);
    ParcelSvc(&parcel, stranger.taskID, 0, 0);
    out = Oneway(service, 9);
    assert_int_equal(LiteIpcSendRequest(client->task, &out, 0, NULL), -EACCES);
    assert_int_equal(EndpointSendOneWay(service, &stranger, 1), -EACCES);
    assert_true(EndpointIsQuiet(client) && EndpointIsQuiet(service));
    for (unsigned i = 0; i < 3; i++) {
        EndpointClose(&others[i]);
    }
    EndpointClose(&stranger);
}

static void SixteenDescriptors(void **state)
{
    (void)state;
    for (unsigned count = 1; count <= DESCRIPTOR_LIMIT; count++) {
        assert_int_equal(SendFds(count, count), 0);
        GetsFds(count, count);
    }
    assert_int_equal(SendFds(1, DESCRIPTOR_LIMIT + 1), -EINVAL);
    size_t before = TestDescriptorsSettled();
    for (uint32_t code = 1; code <= DESCRIPTOR_LIMIT; code++) {
        assert_int_equal(SendFds(code, 1), 0);
    }
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(SendFds(100, 1), -ENOMEM);
    }
    assert_true(TestDescriptorCountIs(before));
    GetsFds(1, 1);
    /* One message was received, so there is room for one. */
    assert_int_equal(SendFds(DESCRIPTOR_LIMIT + 1, 1), 0);
    assert_int_equal(SendFds(100, 1), -ENOMEM);
    for (uint32_t code = 2; code <= DESCRIPTOR_LIMIT + 1; code++) {
        GetsFds(code, 1);
    }
    assert_true(TestDescriptorCountIs(before));
}

static void IsRefused(struct LiteIpcOutgoing out, int expected)
{
    assert_int_equal(EndpointSend(&trio.client, &out, 0, NULL), expected);
}

/* An invalid message sends neither a record nor a descriptor, and grants no right. */
static void BadObjectsSendNothing(void **state)
{
    struct LiteIpcOutgoing out, bad;
    uint32_t offsets[4];
    SpecialObj *object = (SpecialObj *)parcel.data;
    (void)state;

    assert_int_equal(SendFds(1, 1), 0);
    GetsFds(1, 1);
    size_t before = TestDescriptorsSettled();

    Begin();
    ParcelFd(&parcel, ends[1]);
    ParcelFd(&parcel, ends[1]);
    out = Oneway(&trio.service, 2);
    memcpy(offsets, parcel.offsets, 2 * sizeof(offsets[0]));
    bad = out;
    bad.offsets = NULL;
    IsRefused(bad, -EINVAL);
    bad = out;
    bad.dataSz = 2 * sizeof(SpecialObj) - 1;
    IsRefused(bad, -EINVAL);
    bad = out;
    bad.spObjNum = 257;
    IsRefused(bad, -EINVAL);
    bad.spObjNum = UINT32_MAX;
    IsRefused(bad, -EINVAL);
    bad = out;
    bad.offsets = offsets;
    const uint32_t wrong[] = {0, 4, sizeof(SpecialObj) - 8, sizeof(SpecialObj) + 8, UINT32_MAX - 7};
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        offsets[1] = wrong[i];
        IsRefused(bad, -EINVAL);
    }
    const uint32_t closed[] = {UINT32_MAX, 100000, INT32_MAX};
    for (unsigned i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
        object[1].content.fd = closed[i];
        IsRefused(out, -EBADF);
    }
    object[1].type = (ObjType)3;
    IsRefused(out, -EINVAL);
    object[1] = (SpecialObj){.type = OBJ_PTR};
    IsRefused(out, -EINVAL);
    object[1] = (SpecialObj){.type = OBJ_SVC, .content.svc = {.handle = 4000}};
    IsRefused(out, -EINVAL);
    object[1].content.svc.handle = trio.manager.taskID;
    IsRefused(out, -EACCES);

    assert_true(EndpointIsQuiet(&trio.service));
    assert_true(TestDescriptorCountIs(before));
    assert_int_equal(SendFds(3, DESCRIPTOR_LIMIT), 0); /* no descriptor is in flight */
    GetsFds(3, DESCRIPTOR_LIMIT);
}

/* A call that could not be sent is not pending. A reply that could not be sent can be repeated. */
static void RefusedObjectsLeaveTheCall(void **state)
{
    struct Endpoint *client = &trio.client, *service = &trio.service;
    struct LiteIpcThreadCounters counters;
    (void)state;

    Begin();
    ParcelFd(&parcel, -1);
    struct LiteIpcOutgoing out = WithParcel(EndpointRequest(service, 5, LITEIPC_FLAG_DEFAULT));
    assert_int_equal(EndpointSend(client, &out, 0, NULL), -EBADF);
    LiteIpcThreadCount(client->thread, &counters);
    assert_int_equal(counters.pendingCalls, 0);

    out = EndpointRequest(service, 5, LITEIPC_FLAG_DEFAULT);
    assert_int_equal(EndpointSend(client, &out, 1, NULL), 0);
    struct LiteIpcEvent event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
    struct LiteIpcOutgoing answer = WithParcel((struct LiteIpcOutgoing){.code = 6});
    assert_int_equal(EndpointReply(service, event.message, &answer), -EBADF);
    Begin();
    for (unsigned i = 0; i <= DESCRIPTOR_LIMIT; i++) {
        ParcelFd(&parcel, ends[1]);
    }
    answer = WithParcel((struct LiteIpcOutgoing){.code = 6});
    assert_int_equal(EndpointReply(service, event.message, &answer), -EINVAL);
    Begin();
    ParcelSvc(&parcel, trio.manager.taskID, 0, 0);
    answer = WithParcel((struct LiteIpcOutgoing){.code = 6});
    assert_int_equal(EndpointReply(service, event.message, &answer), -EACCES);
    answer = (struct LiteIpcOutgoing){.code = 7, .failed = true};
    assert_int_equal(EndpointReply(service, event.message, &answer), 0);
    event = EndpointExpect(client, LITEIPC_EVENT_CALL);
    assert_int_equal(event.status, -ENOENT);
    assert_null(event.message);
}

/*
 * The receiver exits while the descriptor socket is pending: the sender gets an error, and nothing
 * remains.
 */
static void ReceiverExitsWhileTheSocketIsPending(void **state)
{
    struct Endpoint *client = &trio.client;
    const char *path = LiteIpcDomainPath(trio.stage.domain);
    (void)state;

    assert_int_equal(EndpointSendOneWay(client, &trio.service, 1), 0);
    assert_true(EndpointGets(&trio.service, 1));
    size_t before = TestDescriptorsSettled();
    for (unsigned turn = 0; turn < 20; turn++) {
        struct Endpoint brief;
        EndpointOpen(path, &brief, 0);
        EndpointGrant(&trio.manager, client, &brief);
        assert_int_equal(EndpointSendOneWay(client, &brief, 1), 0);
        assert_true(EndpointGets(&brief, 1));
        Begin();
        ParcelFd(&parcel, ends[1]);
        ParcelSvc(&parcel, INVALID_ID, 1, 0);
        struct LiteIpcOutgoing out = Oneway(&brief, 2);
        int status = LiteIpcSendRequest(client->task, &out, 0, NULL);
        for (unsigned steps = turn % 3; status == -EINPROGRESS && steps > 0; steps--) {
            (void)EndpointExpect(client, LITEIPC_EVENT_LANE);
            status = LiteIpcSendRequest(client->task, &out, 0, NULL);
        }
        assert_int_equal(status, turn % 3 == 2 ? 0 : -EINPROGRESS);
        EndpointClose(&brief);
        if (status != 0) {
            struct LiteIpcEvent event = EndpointExpect(client, LITEIPC_EVENT_LANE);
            assert_int_equal(event.value0, out.handle);
            assert_true(EndpointSend(client, &out, 0, NULL) < 0);
        }
        assert_true(EndpointIsQuiet(client));
    }
    assert_true(TestDescriptorCountIs(before));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OBJECTS_TEST(TheDescriptorSocketIsCreatedOnce),
        OBJECTS_TEST(AllKindsTravelInBothDirections),
        OBJECTS_TEST(RightsGoWithServices),
        OBJECTS_TEST(SixteenDescriptors),
        OBJECTS_TEST(BadObjectsSendNothing),
        OBJECTS_TEST(RefusedObjectsLeaveTheCall),
        OBJECTS_TEST(ReceiverExitsWhileTheSocketIsPending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
