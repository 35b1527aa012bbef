/*
 * Tests forged answers: by a third party with complete information, and by a service that answers
 * wrongly or twice.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/control_blocks.h"
#include "support/endpoint.h"
#include "support/hostile.h"

static struct Endpoint *const client = &trio.client;
static struct Endpoint *const service = &trio.service;
static struct Hostile hostile;

/* Sets up lanes in both directions: the hostile peer and the client may call each other. */
static int SetUp(void **state)
{
    TrioSetUp(state);
    HostileOpen(LiteIpcDomainPath(trio.stage.domain), &hostile);
    struct Endpoint as = {.taskID = hostile.process.taskID};
    EndpointGrant(&trio.manager, &as, client);
    EndpointGrant(&trio.manager, client, &as);
    assert_int_equal(HostileLaneOpen(&hostile, client->taskID, 256 * 1024, true), 0);
    return 0;
}

static int TearDown(void **state)
{
    assert_true(EndpointPoolIsEmpty(client));
    HostileClose(&hostile);
    return TrioTearDown(state);
}

static uint64_t DroppedBy(const struct Endpoint *endpoint)
{
    struct LiteIpcThreadCounters counters;
    LiteIpcThreadCount(endpoint->thread, &counters);
    return counters.dropped + counters.malformed;
}

/*
 * Returns an answer to the client's pending call with this index, as only its service could create
 * it.
 */
static struct IpcRecord Answer(uint32_t index, unsigned type)
{
    struct IpcRecord record = HostileRequest(&hostile, client->taskID, 666, 0);
    record.type = (uint8_t)type;
    record.callIndex = index + 1;
    record.timestamp = client->task->calls.calls[index].timestamp;
    return record;
}

static void ThirdPartiesCannotAnswer(void **state)
{
    struct LiteIpcOutgoing out = EndpointRequest(service, 1, LITEIPC_FLAG_DEFAULT);
    struct LiteIpcOutgoing answer = {.code = 2};
    (void)state;

    assert_int_equal(EndpointSend(client, &out, 50, NULL), 0);
    const IpcMsg *request = EndpointExpect(service, LITEIPC_EVENT_MESSAGE).message;
    for (unsigned type = MT_REPLY; type <= MT_FAILED_REPLY; type++) {
        struct IpcRecord record = Answer(0, type);
        assert_int_equal(record.timestamp, request->timestamp);
        assert_int_equal(HostileSend(&hostile.lane, &record), 0);
        record.sourceTask = service->taskID; /* in the service's name */
        record.sourceGeneration = LiteIpcTaskGeneration(service->task);
        assert_int_equal(HostileSend(&hostile.lane, &record), 0);
    }
    assert_true(EndpointIsQuiet(client));
    assert_int_equal(DroppedBy(client), 4);
    assert_int_equal(EndpointReply(service, request, &answer), 0);
    struct LiteIpcEvent event = EndpointExpect(client, LITEIPC_EVENT_CALL);
    assert_int_equal(event.userData, 50);
    assert_int_equal(event.message->code, 2);
    assert_int_equal(LiteIpcFree(client->thread, event.message), 0);
}

/* Calls the hostile peer from the client and returns the call's ID. */
static uint32_t CallHostile(uint64_t userData)
{
    struct LiteIpcOutgoing out = {.handle = hostile.process.taskID, .code = 1};
    uint32_t callID;
    assert_int_equal(EndpointSend(client, &out, userData, &callID), 0);
    return callID;
}

static void AnswersMustFitTheirCall(void **state)
{
    struct LiteIpcEvent event;
    (void)state;

    (void)CallHostile(10);
    (void)CallHostile(11);
    uint64_t dropped = DroppedBy(client);
    for (int variant = 0; variant < 6; variant++) {
        struct IpcRecord record = Answer(0, MT_REPLY);
        record.timestamp += variant == 0 ? 1 : 0;
        record.callIndex = variant == 1   ? 2 /* belongs to the other call */
                           : variant == 2 ? 0
                           : variant == 3 ? 3
                           : variant == 4 ? UINT32_MAX
                                          : record.callIndex;
        record.destinationGeneration += variant == 5 ? 1 : 0;
        assert_int_equal(HostileSend(&hostile.lane, &record), 0);
    }
    assert_true(EndpointIsQuiet(client));
    assert_int_equal(DroppedBy(client), dropped + 6);

    /* The correct answer is accepted once. */
    struct IpcRecord right = Answer(0, MT_REPLY);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(HostileSend(&hostile.lane, &right), 0);
    }
    event = EndpointExpect(client, LITEIPC_EVENT_CALL);
    assert_int_equal(event.userData, 10);
    assert_int_equal(LiteIpcFree(client->thread, event.message), 0);
    assert_true(EndpointIsQuiet(client));
    right = Answer(1, MT_FAILED_REPLY);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(HostileSend(&hostile.lane, &right), 0);
    }
    event = EndpointExpect(client, LITEIPC_EVENT_CALL);
    assert_int_equal(event.userData, 11);
    assert_int_equal(event.status, -ENOENT);
    assert_true(EndpointIsQuiet(client));
}

/* An answer to a cancelled call does not end the next call of the same slot. */
static void AnswersToCancelledCallsAreDropped(void **state)
{
    (void)state;
    uint32_t callID = CallHostile(20);
    struct IpcRecord late = Answer(0, MT_REPLY);
    assert_int_equal(LiteIpcCancelCall(client->task, callID), 0);
    (void)CallHostile(21); /* takes the slot */
    assert_int_equal(HostileSend(&hostile.lane, &late), 0);
    assert_true(EndpointIsQuiet(client));
    struct IpcRecord right = Answer(0, MT_REPLY);
    assert_int_equal(HostileSend(&hostile.lane, &right), 0);
    struct LiteIpcEvent event = EndpointExpect(client, LITEIPC_EVENT_CALL);
    assert_int_equal(event.userData, 21);
    assert_int_equal(LiteIpcFree(client->thread, event.message), 0);
}

/* ---- the ioctl API --------------------------------------------------------------------------- */

static struct Actor *ActorWithHostileLane(void)
{
    struct Actor *actor = ActorReady(&trio.stage);
    struct Endpoint as = {.taskID = hostile.process.taskID};
    struct Endpoint me = {.taskID = ActorID(actor)};
    IpcMsg own = ActorOneway(ActorID(actor), 0);
    assert_int_equal(ActorSend(actor, &own), 0);
    assert_int_equal(ActorReceive(actor, NULL), 0);
    EndpointGrant(&trio.manager, &as, &me);
    assert_int_equal(HostileLaneOpen(&hostile, ActorID(actor), ACTOR_POOL, true), 0);
    return actor;
}

static void OnlyTheCalledServiceMayAnswer(void **state)
{
    struct LiteIpcOutgoing answer = {.code = 2};
    IpcMsg *reply;
    (void)state;

    struct Actor *caller = ActorWithHostileLane();
    struct Endpoint as = {.taskID = ActorID(caller)};
    EndpointGrant(&trio.manager, &as, service);
    IpcMsg out = ActorRequest(service->taskID, 1);
    ActorMsgStart(caller, SEND | RECV, &out, NULL);
    const IpcMsg *request = EndpointExpect(service, LITEIPC_EVENT_MESSAGE).message;
    for (unsigned type = MT_REPLY; type <= MT_FAILED_REPLY; type++) {
        struct IpcRecord record = HostileRequest(&hostile, ActorID(caller), 666, 0);
        record.type = (uint8_t)type;
        record.timestamp = request->timestamp;
        assert_int_equal(HostileSend(&hostile.lane, &record), 0);
    }
    SleepMs(30);
    assert_false(ActorIsDone(caller));
    assert_int_equal(EndpointReply(service, request, &answer), 0);
    assert_int_equal(ActorMsgEnd(caller, &reply), 0);
    assert_int_equal(reply->code, 2);
    assert_int_equal(ActorFree(caller, reply), 0);
    assert_true(ActorPoolIsEmpty(caller));
}

/* A task that replies and then waits has no call, so a reply to its reply is dropped. */
static void RepliesAreNotAnswered(void **state)
{
    IpcMsg *request;
    (void)state;

    struct Actor *server = ActorWithHostileLane();
    struct IpcRecord asked = HostileRequest(&hostile, ActorID(server), 1, 0);
    assert_int_equal(HostileSend(&hostile.lane, &asked), 0);
    assert_int_equal(ActorReceive(server, &request), 0);
    struct IpcRecord forged = HostileRequest(&hostile, ActorID(server), 666, 0);
    forged.type = MT_REPLY;
    forged.timestamp = request->timestamp;
    IpcMsg reply = ActorReplyTo(MT_REPLY, request, 2);
    ActorMsgStart(server, SEND | RECV | BUFF_FREE, &reply, request);
    assert_int_equal(HostileSend(&hostile.lane, &forged), 0);
    SleepMs(30);
    assert_false(ActorIsDone(server));
    ActorExitProcess(server);
    assert_int_equal(ActorMsgEnd(server, NULL), -ERFKILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ThirdPartiesCannotAnswer, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(AnswersMustFitTheirCall, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(AnswersToCancelledCallsAreDropped, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(OnlyTheCalledServiceMayAnswer, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(RepliesAreNotAnswered, SetUp, TearDown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
