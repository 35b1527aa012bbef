/*
 * Tests the seven hooks with the event-loop API, and the drops that only a hostile sender can
 * cause.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/control_blocks.h"
#include "support/control_client.h"
#include "support/endpoint.h"
#include "support/forge.h"
#include "support/hook_log.h"
#include "support/parcel.h"

static struct Endpoint *const client = &trio.client;
static struct Endpoint *const service = &trio.service;
static struct HookLog ofClient, ofService;

/* Sets up a trio whose client and service have exchanged messages before. */
static int SetUp(void **state)
{
    TrioSetUp(state);
    struct LiteIpcOutgoing out = EndpointRequest(service, 0, LITEIPC_FLAG_DEFAULT);
    struct LiteIpcOutgoing answer = {.code = 0};
    assert_int_equal(EndpointSend(client, &out, 0, NULL), 0);
    const IpcMsg *request = EndpointExpect(service, LITEIPC_EVENT_MESSAGE).message;
    assert_int_equal(EndpointReply(service, request, &answer), 0);
    const IpcMsg *reply = EndpointExpect(client, LITEIPC_EVENT_CALL).message;
    assert_int_equal(LiteIpcFree(client->thread, reply), 0);
    HookLogStart(&ofClient, client->device);
    HookLogStart(&ofService, service->device);
    return 0;
}

static int TearDown(void **state)
{
    HookLogStop(&ofClient);
    HookLogStop(&ofService);
    return TrioTearDown(state);
}
#define HOOK_TEST(test) cmocka_unit_test_setup_teardown(test, SetUp, TearDown)

static void AssertCaller(const struct HookEntry *entry, const struct Endpoint *endpoint)
{
    assert_int_equal(entry->event.task, endpoint->taskID);
    assert_int_equal(entry->event.process, LiteIpcDeviceProcessID(endpoint->device));
}

static void AssertDestination(const struct HookEntry *entry, const struct Endpoint *endpoint)
{
    assert_int_equal(entry->event.dstTask, endpoint->taskID);
    assert_int_equal(entry->event.dstProcess, LiteIpcDeviceProcessID(endpoint->device));
}

/* Sends a call and returns the request as the service received it. */
static const IpcMsg *Call(uint32_t deadlineMs, uint32_t *callID)
{
    struct LiteIpcOutgoing out = EndpointRequest(service, 1, LITEIPC_FLAG_DEFAULT);
    out.deadlineMs = deadlineMs;
    assert_int_equal(EndpointSend(client, &out, 77, callID), 0);
    return EndpointExpect(service, LITEIPC_EVENT_MESSAGE).message;
}

static void CallsAreWrittenAndRead(void **state)
{
    struct LiteIpcOutgoing answer = {.code = 2};
    struct LiteIpcEvent event;
    (void)state;

    const IpcMsg *request = Call(0, NULL);
    struct HookEntry entry = HookLogOnly(&ofClient, LOS_HOOK_TYPE_IPC_WRITE);
    AssertCaller(&entry, client);
    AssertDestination(&entry, service);
    assert_int_equal(entry.msg.code, 1);
    assert_true(entry.msg.timestamp == request->timestamp);
    entry = HookLogOnly(&ofService, LOS_HOOK_TYPE_IPC_READ);
    AssertCaller(&entry, service);
    assert_int_equal(entry.msg.taskID, client->taskID);
    assert_true(entry.msg.timestamp == request->timestamp);

    assert_int_equal(EndpointReply(service, request, &answer), 0);
    entry = HookLogOnly(&ofService, LOS_HOOK_TYPE_IPC_WRITE);
    AssertCaller(&entry, service);
    AssertDestination(&entry, client);
    assert_int_equal(entry.msg.type, MT_REPLY);
    event = EndpointExpect(client, LITEIPC_EVENT_CALL);
    entry = HookLogOnly(&ofClient, LOS_HOOK_TYPE_IPC_READ);
    AssertCaller(&entry, client);
    assert_int_equal(entry.msg.code, 2);
    assert_true(entry.msg.timestamp == ofClient.entries[0].msg.timestamp);
    assert_int_equal(LiteIpcFree(client->thread, event.message), 0);
    assert_int_equal(HookLogTotal(&ofClient), 2);
    assert_int_equal(HookLogTotal(&ofService), 2);
}

static void SleepingLoopsReportAWait(void **state)
{
    struct LiteIpcEvent event;
    (void)state;

    assert_false(EndpointNext(client, &event, 0));
    struct HookEntry entry = HookLogOnly(&ofClient, LOS_HOOK_TYPE_IPC_TRY_READ);
    assert_int_equal(entry.event.process, LiteIpcDeviceProcessID(client->device));
    assert_int_equal(entry.event.task, 0);
    assert_int_equal(entry.event.msgType, MT_REQUEST);
    assert_int_equal(HookLogTotal(&ofClient), 1);

    HookLogClear(&ofClient);
    assert_int_equal(LiteIpcWait(client->thread, 5), 0);
    HookLogOnly(&ofClient, LOS_HOOK_TYPE_IPC_TRY_READ);
    entry = HookLogOnly(&ofClient, LOS_HOOK_TYPE_IPC_READ_TIMEOUT);
    assert_int_equal(entry.event.reason, -ETIME);
    assert_int_equal(HookLogTotal(&ofClient), 2);

    /* There is no wait while messages are available. */
    HookLogClear(&ofService);
    assert_int_equal(EndpointSendOneWay(client, service, 1), 0);
    assert_int_equal(LiteIpcPrepareSleep(service->thread), 1);
    assert_int_equal(HookLogTotal(&ofService), 0);
    assert_true(EndpointGets(service, 1));
}

static void RefusedWritesReportTheReason(void **state)
{
    struct LiteIpcOutgoing out = {.handle = trio.manager.taskID, .code = 5};
    struct LiteIpcOutgoing answer = {.code = 2};
    uint32_t callID;
    (void)state;

    assert_int_equal(LiteIpcSendRequest(client->task, &out, 0, &callID), -EACCES);
    struct HookEntry entry = HookLogDrop(&ofClient, LOS_HOOK_TYPE_IPC_WRITE_DROP, -EACCES);
    AssertCaller(&entry, client);
    assert_int_equal(entry.event.dstTask, trio.manager.taskID);
    assert_int_equal(entry.msg.code, 5);

    const IpcMsg *request = Call(1, &callID);
    SleepMs(10);
    HookLogClear(&ofService);
    assert_int_equal(EndpointReply(service, request, &answer), -ETIME);
    entry = HookLogDrop(&ofService, LOS_HOOK_TYPE_IPC_WRITE_DROP, -ETIME);
    assert_int_equal(entry.event.dstTask, client->taskID);
    assert_int_equal(entry.msg.type, MT_REPLY);
    assert_true(entry.msg.timestamp != 0);
    assert_int_equal(LiteIpcCancelCall(client->task, callID), 0);
}

/*
 * A message that waits for its lane is not reported as dropped. It is written once, when the lane
 * exists.
 */
static void AMessageWithAPendingLaneIsNotDropped(void **state)
{
    struct Endpoint newcomer;
    struct HookLog ofNewcomer;
    (void)state;

    EndpointOpen(LiteIpcDomainPath(trio.stage.domain), &newcomer, 0);
    EndpointGrant(&trio.manager, &newcomer, service);
    HookLogStart(&ofNewcomer, newcomer.device);
    struct LiteIpcOutgoing out = EndpointRequest(service, 1, LITEIPC_FLAG_ONEWAY);
    assert_int_equal(LiteIpcSendRequest(newcomer.task, &out, 0, NULL), -EINPROGRESS);
    assert_int_equal(HookLogTotal(&ofNewcomer), 0);
    assert_int_equal(EndpointSendOneWay(&newcomer, service, 1), 0);
    HookLogOnly(&ofNewcomer, LOS_HOOK_TYPE_IPC_WRITE);
    assert_int_equal(HookLogCount(&ofNewcomer, LOS_HOOK_TYPE_IPC_WRITE_DROP), 0);
    assert_true(EndpointGets(service, 1));
    HookLogStop(&ofNewcomer);
    EndpointClose(&newcomer);
}

static void CancelledCallsAndTheirAnswers(void **state)
{
    struct LiteIpcOutgoing answer = {.code = 2};
    uint32_t callID;
    (void)state;

    const IpcMsg *request = Call(0, &callID);
    uint64_t timestamp = request->timestamp;
    HookLogClear(&ofClient);
    assert_int_equal(LiteIpcCancelCall(client->task, callID), 0);
    struct HookEntry entry = HookLogOnly(&ofClient, LOS_HOOK_TYPE_IPC_READ_TIMEOUT);
    AssertCaller(&entry, client);
    AssertDestination(&entry, service);
    assert_int_equal(entry.event.reason, -ECANCELED);
    assert_int_equal(entry.event.msgType, MT_REPLY);
    assert_true(entry.event.timestamp == timestamp);
    assert_int_equal(LiteIpcCancelCall(client->task, callID), -ENOENT);

    assert_int_equal(EndpointReply(service, request, &answer), 0);
    assert_true(EndpointIsQuiet(client));
    HookLogOnly(&ofClient, LOS_HOOK_TYPE_IPC_READ_TIMEOUT);
    entry = HookLogDrop(&ofClient, LOS_HOOK_TYPE_IPC_READ_DROP, IPC_DROP_NOT_ASKED);
    AssertCaller(&entry, client);
    assert_int_equal(entry.msg.taskID, service->taskID);
    assert_true(entry.msg.timestamp == timestamp);
}

static void CallsOfATerminatedProcess(void **state)
{
    (void)state;
    const IpcMsg *request = Call(0, NULL);
    uint64_t timestamp = request->timestamp;
    uint32_t serviceTask = service->taskID;
    assert_int_equal(LiteIpcFree(service->thread, request), 0);
    LiteIpcTaskExit(service->task);
    assert_int_equal(EndpointExpect(client, LITEIPC_EVENT_CALL).status, -EPIPE);
    struct HookEntry entry = HookLogOnly(&ofClient, LOS_HOOK_TYPE_IPC_READ_TIMEOUT);
    assert_int_equal(entry.event.reason, -EPIPE);
    assert_int_equal(entry.event.dstTask, serviceTask);
    assert_true(entry.event.timestamp == timestamp);
    assert_int_equal(HookLogCount(&ofClient, LOS_HOOK_TYPE_IPC_KILL), 0);
}

static void CallsOfAKilledProcess(void **state)
{
    (void)state;
    assert_int_equal(LiteIpcFree(service->thread, Call(0, NULL)), 0);
    LiteIpcDeviceShutdown(client->device);
    assert_int_equal(EndpointExpect(client, LITEIPC_EVENT_CALL).status, -ENODEV);
    struct HookEntry entry = HookLogOnly(&ofClient, LOS_HOOK_TYPE_IPC_KILL);
    AssertCaller(&entry, client);
    assert_int_equal(entry.event.msgType, MT_REPLY);
    assert_int_equal(entry.event.reason, -ENODEV);
    EndpointExpect(client, LITEIPC_EVENT_LOST);
    HookLogOnly(&ofClient, LOS_HOOK_TYPE_IPC_KILL);
}

static void CallsOfATaskThatEnds(void **state)
{
    (void)state;
    const IpcMsg *request = Call(0, NULL);
    uint64_t timestamp = request->timestamp;
    uint32_t clientTask = client->taskID;
    HookLogClear(&ofClient);
    LiteIpcTaskExit(client->task);
    struct HookEntry entry = HookLogOnly(&ofClient, LOS_HOOK_TYPE_IPC_KILL);
    assert_int_equal(entry.event.task, clientTask);
    assert_int_equal(entry.event.dstTask, service->taskID);
    assert_int_equal(entry.event.msgType, MT_REPLY);
    assert_int_equal(entry.event.reason, -ERFKILL);
    assert_true(entry.event.timestamp == timestamp);
    assert_int_equal(HookLogTotal(&ofClient), 1);
    assert_int_equal(LiteIpcFree(service->thread, request), 0);
}

static void AnExitingTaskDropsItsQueue(void **state)
{
    struct LiteIpcEvent event;
    (void)state;

    assert_int_equal(EndpointSendOneWay(client, service, 1), 0);
    assert_int_equal(EndpointSendOneWay(client, service, 2), 0);
    assert_int_equal(LiteIpcReceive(service->thread, &event, 1), 1);
    assert_int_equal(LiteIpcFree(service->thread, event.message), 0);
    HookLogClear(&ofService);
    LiteIpcThreadDestroy(service->thread);
    struct HookEntry entry =
        HookLogDrop(&ofService, LOS_HOOK_TYPE_IPC_READ_DROP, IPC_DROP_TASK_ENDED);
    AssertCaller(&entry, service);
    assert_int_equal(entry.msg.code, 2);
    assert_int_equal(LiteIpcThreadCreate(service->device, &service->thread), 0);
}

static void AnswersWithoutRoomForTheirDescriptors(void **state)
{
    static struct Parcel parcel;
    struct Actor *to = ActorReady(&trio.stage);
    struct Endpoint as = {.taskID = ActorID(to)};
    IpcMsg own = ActorOneway(ActorID(to), 0);
    IpcMsg *got;
    int ends[2];
    (void)state;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(ActorSend(to, &own), 0);
    assert_int_equal(ActorReceive(to, NULL), 0);
    EndpointGrant(&trio.manager, client, &as);
    for (unsigned turn = 0; turn < 2; turn++) { /* the first turn creates the lane and the socket */
        struct LiteIpcOutgoing out = EndpointRequest(&as, 1, LITEIPC_FLAG_DEFAULT);
        assert_int_equal(EndpointSend(client, &out, turn, NULL), 0);
        assert_int_equal(ActorReceive(to, &got), 0);
        ParcelBegin(&parcel, ActorReplyTo(MT_REPLY, got, 6));
        ParcelFd(&parcel, ends[1]);
        ParcelFd(&parcel, ends[1]);
        assert_int_equal(ActorMsg(to, SEND | BUFF_FREE, &parcel.msg, got, NULL), 0);
        (void)TestDescriptorsSettled();
        HookLogClear(&ofClient);
        struct rlimit limit = {0};
        if (turn == 1) {
            limit = TestDescriptorRoom(1);
        }
        struct LiteIpcEvent event = EndpointExpect(client, LITEIPC_EVENT_CALL);
        if (turn == 1) {
            assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
            assert_int_equal(event.status, -EMFILE);
        } else {
            assert_true(ParcelIsPipe(event.message, 0, ends[0]) &&
                        ParcelIsPipe(event.message, 1, ends[0]));
            assert_int_equal(LiteIpcFree(client->thread, event.message), 0);
        }
    }
    struct HookEntry entry =
        HookLogDrop(&ofClient, LOS_HOOK_TYPE_IPC_READ_DROP, IPC_DROP_NO_ROOM_FOR_DESCRIPTORS);
    assert_int_equal(entry.msg.taskID, ActorID(to));
    close(ends[0]);
    close(ends[1]);
}

/* ---- hostile senders ------------------------------------------------------------------------- */

static int ForgeHooksSetUp(void **state)
{
    ForgeSetUp(state);
    HookLogStart(&ofClient, client->device);
    HookLogStart(&ofService, service->device);
    return 0;
}

static int ForgeHooksTearDown(void **state)
{
    HookLogStop(&ofClient);
    HookLogStop(&ofService);
    return ForgeTearDown(state);
}
#define HOSTILE_TEST(test)                                                                         \
    cmocka_unit_test_setup_teardown(test, ForgeHooksSetUp, ForgeHooksTearDown)

static struct HookEntry Dropped(const struct IpcRecord *record, uint32_t size,
                                enum IpcDropReason reason)
{
    HookLogClear(&ofService);
    assert_int_equal(HostilePublish(&forge.hostile.lane, record, size), 0);
    assert_true(EndpointIsQuiet(service));
    assert_int_equal(HookLogCount(&ofService, LOS_HOOK_TYPE_IPC_READ), 0);
    struct HookEntry entry = HookLogDrop(&ofService, LOS_HOOK_TYPE_IPC_READ_DROP, (int)reason);
    /* The process is that of the lane, not the one in the record. */
    assert_int_equal(entry.msg.processID, forge.hostile.process.client.identity.processID);
    assert_null(entry.msg.data);
    return entry;
}

static void MalformedRecordsAreDropped(void **state)
{
    uint32_t size = IpcRecordSize(8, 0);
    struct IpcRecord record = HostileRequest(&forge.hostile, service->taskID, 66, 8);
    (void)state;

    struct HookEntry entry = Dropped(&record, size + 4, IPC_DROP_MALFORMED);
    assert_int_equal(entry.msg.code, 66);
    assert_int_equal(entry.event.task, service->taskID);
    record.type = 200;
    entry = Dropped(&record, size, IPC_DROP_MALFORMED);
    assert_int_equal(entry.msg.type, 200);

    record = HostileRequest(&forge.hostile, service->taskID, 66, 8);
    record.sourceGeneration += 1;
    Dropped(&record, size, IPC_DROP_SENDER_UNKNOWN);

    record = HostileRequest(&forge.hostile, service->taskID, 66, 8);
    record.destinationGeneration += 1;
    Dropped(&record, size, IPC_DROP_TASK_ENDED);
    record = HostileRequest(&forge.hostile, service->taskID, 66, 8);
    record.destinationTask = client->taskID;
    Dropped(&record, size, IPC_DROP_TASK_ENDED); /* belongs to another thread */

    record = HostileRequest(&forge.hostile, service->taskID, 66, 8);
    record.bits = IPC_RECORD_TO_CMS;
    HookLogClear(&ofService);
    assert_int_equal(HostileSend(&forge.hostile.lane, &record), 0);
    assert_true(EndpointIsQuiet(service));
    HookLogDrop(&ofService, LOS_HOOK_TYPE_IPC_READ_DROP, IPC_DROP_NOT_MANAGER);
}

/* The hook reports no message fields for an invalid record. */
static void AClosedLaneIsOneDrop(void **state)
{
    struct IpcRecord record = HostileRequest(&forge.hostile, service->taskID, 66, 8);
    (void)state;

    struct HookEntry entry = Dropped(&record, sizeof(struct RingRecord) + 8, IPC_DROP_LANE_CLOSED);
    assert_int_equal(entry.event.task, 0);
    ForgeLane(service);
}

static void MissingDescriptorsAreDropped(void **state)
{
    (void)state;
    ForgeSocket();
    ForgeValidDescriptorsArrive(1);
    HookLogClear(&ofService);
    ForgeFdMessage(2, 1); /* without a datagram */
    assert_int_equal(ForgeSend(), 0);
    assert_true(EndpointIsQuiet(service));
    HookLogDrop(&ofService, LOS_HOOK_TYPE_IPC_READ_DROP, IPC_DROP_DESCRIPTORS_MISSING);
}

static void AnswersOfThirdParties(void **state)
{
    struct LiteIpcOutgoing out = EndpointRequest(service, 1, LITEIPC_FLAG_DEFAULT);
    struct LiteIpcOutgoing answer = {.code = 2};
    struct Endpoint as = {.taskID = forge.hostile.process.taskID};
    (void)state;

    EndpointGrant(&trio.manager, &as, client);
    ForgeLane(client);
    assert_int_equal(EndpointSend(client, &out, 5, NULL), 0);
    const IpcMsg *request = EndpointExpect(service, LITEIPC_EVENT_MESSAGE).message;
    struct IpcRecord record = HostileRequest(&forge.hostile, client->taskID, 666, 0);
    record.type = MT_REPLY;
    record.callIndex = 1;
    record.timestamp = request->timestamp;
    assert_int_equal(HostileSend(&forge.hostile.lane, &record), 0);
    assert_true(EndpointIsQuiet(client));
    struct HookEntry entry =
        HookLogDrop(&ofClient, LOS_HOOK_TYPE_IPC_READ_DROP, IPC_DROP_OTHER_PROCESS);
    assert_int_equal(entry.msg.taskID, as.taskID);
    assert_int_equal(EndpointReply(service, request, &answer), 0);
    struct LiteIpcEvent event = EndpointExpect(client, LITEIPC_EVENT_CALL);
    assert_int_equal(event.message->code, 2);
    assert_int_equal(LiteIpcFree(client->thread, event.message), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOOK_TEST(CallsAreWrittenAndRead),
        HOOK_TEST(SleepingLoopsReportAWait),
        HOOK_TEST(RefusedWritesReportTheReason),
        HOOK_TEST(AMessageWithAPendingLaneIsNotDropped),
        HOOK_TEST(CancelledCallsAndTheirAnswers),
        HOOK_TEST(CallsOfATerminatedProcess),
        HOOK_TEST(CallsOfAKilledProcess),
        HOOK_TEST(CallsOfATaskThatEnds),
        HOOK_TEST(AnExitingTaskDropsItsQueue),
        HOOK_TEST(AnswersWithoutRoomForTheirDescriptors),
        HOSTILE_TEST(MalformedRecordsAreDropped),
        HOSTILE_TEST(AClosedLaneIsOneDrop),
        HOSTILE_TEST(MissingDescriptorsAreDropped),
        HOSTILE_TEST(AnswersOfThirdParties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
