/*
 * Tests the event-loop API: calls and their ends, lanes that are created on demand, control
 * requests.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/endpoint.h"

static struct Endpoint *const client = &trio.client;
static struct Endpoint *const service = &trio.service;

static void LaneIsCreatedOnDemand(void **state)
{
    struct LiteIpcOutgoing out = EndpointRequest(service, 7, LITEIPC_FLAG_DEFAULT);
    (void)state;

    out.data = "question";
    out.dataSz = 8;
    out.deadlineMs = 1234;
    out.token = 5;
    out.cookie = 6;
    assert_int_equal(LiteIpcSendRequest(client->task, &out, 99, NULL), -EINPROGRESS);
    assert_int_equal(LiteIpcSendRequest(client->task, &out, 99, NULL), -EINPROGRESS);
    struct LiteIpcEvent event = EndpointExpect(client, LITEIPC_EVENT_LANE);
    assert_int_equal(event.status, 0);
    assert_int_equal(event.value0, service->taskID);
    assert_true(EndpointIsQuiet(client));  /* reported only once */
    assert_true(EndpointIsQuiet(service)); /* and nothing was sent */
    assert_int_equal(LiteIpcSendRequest(client->task, &out, 99, NULL), 0);

    event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
    assert_ptr_equal(event.task, service->task);
    assert_int_equal(event.message->type, MT_REQUEST);
    assert_int_equal(event.message->code, 7);
    assert_int_equal(event.message->target.token, 5);
    assert_int_equal(event.message->target.cookie, 6);
    assert_memory_equal(event.message->data, "question", 8);
    assert_int_equal(event.message->processID, LiteIpcDeviceProcessID(client->device));
    assert_int_equal(event.message->taskID, client->taskID);
    assert_int_equal(event.deadlineMs, 1234);
    assert_int_equal(event.callerGeneration, LiteIpcTaskGeneration(client->task));
    assert_int_equal(event.callerPid, getpid());

    struct LiteIpcOutgoing answer = {.code = 8, .data = "answer", .dataSz = 6};
    assert_int_equal(EndpointReply(service, event.message, &answer), 0);
    event = EndpointExpect(client, LITEIPC_EVENT_CALL);
    assert_int_equal(event.status, 0);
    assert_int_equal(event.userData, 99);
    assert_int_equal(event.message->type, MT_REPLY);
    assert_int_equal(event.message->code, 8);
    assert_memory_equal(event.message->data, "answer", 6);
    assert_int_equal(LiteIpcFree(client->thread, event.message), 0);
    assert_int_equal(LiteIpcFree(client->thread, event.message), -EFAULT);
    assert_true(EndpointPoolIsEmpty(client) && EndpointPoolIsEmpty(service));
}

/* A failed reply ends its call with ENOENT. Its data, if any, can be read. */
static void FailedRepliesMayCarryData(void **state)
{
    (void)state;
    for (uint32_t size = 0; size <= 6; size += 6) {
        struct LiteIpcOutgoing out = EndpointRequest(service, 7, LITEIPC_FLAG_DEFAULT);
        assert_int_equal(EndpointSend(client, &out, 5, NULL), 0);
        struct LiteIpcEvent event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
        struct LiteIpcOutgoing answer = {
            .code = 8, .data = "reason", .dataSz = size, .failed = true};
        assert_int_equal(EndpointReply(service, event.message, &answer), 0);
        event = EndpointExpect(client, LITEIPC_EVENT_CALL);
        assert_int_equal(event.status, -ENOENT);
        assert_int_equal(event.userData, 5);
        assert_int_equal(event.message != NULL, size > 0);
        if (size > 0) {
            assert_int_equal(event.message->type, MT_FAILED_REPLY);
            assert_int_equal(event.message->code, 8);
            assert_int_equal(event.message->dataSz, size);
            assert_memory_equal(event.message->data, "reason", size);
            assert_int_equal(LiteIpcFree(client->thread, event.message), 0);
        }
        assert_true(EndpointPoolIsEmpty(client) && EndpointPoolIsEmpty(service));
    }
}

#define CALLS 500

/* Answers arrive in another order than the calls, and some calls get no answer. */
static void ManyCallsAreInFlight(void **state)
{
    static const IpcMsg *requests[CALLS];
    static bool ended[CALLS];
    struct LiteIpcThreadCounters counters;
    uint32_t ids[CALLS];
    (void)state;

    memset(ended, 0, sizeof(ended));
    for (uint32_t i = 0; i < CALLS; i++) {
        struct LiteIpcOutgoing out = EndpointRequest(service, i, LITEIPC_FLAG_DEFAULT);
        assert_int_equal(EndpointSend(client, &out, 1000 + i, &ids[i]), 0);
    }
    LiteIpcThreadCount(client->thread, &counters);
    assert_int_equal(counters.pendingCalls, CALLS);
    for (uint32_t i = 0; i < CALLS; i++) {
        struct LiteIpcEvent event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
        assert_int_equal(event.message->code, i);
        requests[i] = event.message;
    }
    for (uint32_t i = 0; i < CALLS; i += 10) {
        assert_int_equal(LiteIpcCancelCall(client->task, ids[i]), 0);
        assert_int_equal(LiteIpcCancelCall(client->task, ids[i]), -ENOENT);
    }
    for (uint32_t n = 0; n < CALLS; n++) {
        uint32_t i = (n * 7919U) % CALLS; /* 7919 is a prime, so every index occurs once */
        struct LiteIpcOutgoing answer = {.code = 2 * i};
        assert_int_equal(EndpointReply(service, requests[i], &answer), 0);
    }
    for (uint32_t n = 0; n < CALLS - CALLS / 10; n++) {
        struct LiteIpcEvent event = EndpointExpect(client, LITEIPC_EVENT_CALL);
        uint32_t i = (uint32_t)event.userData - 1000;
        assert_int_equal(event.status, 0);
        assert_true(i < CALLS && !ended[i] && i % 10 != 0);
        ended[i] = true;
        assert_int_equal(event.message->code, 2 * i);
        assert_int_equal(LiteIpcCancelCall(client->task, ids[i]), -ENOENT);
        assert_int_equal(LiteIpcFree(client->thread, event.message), 0);
    }
    assert_true(EndpointIsQuiet(client)); /* answers to cancelled calls are dropped */
    LiteIpcThreadCount(client->thread, &counters);
    assert_int_equal(counters.pendingCalls, 0);
    assert_int_equal(counters.dropped, CALLS / 10);
    assert_true(EndpointPoolIsEmpty(client) && EndpointPoolIsEmpty(service));
}

static void CallIDsAreUnique(void **state)
{
    struct LiteIpcOutgoing out = EndpointRequest(service, 0, LITEIPC_FLAG_DEFAULT);
    uint32_t previous = UINT32_MAX;
    uint32_t callID;
    (void)state;

    for (int i = 0; i < 100; i++) {
        assert_int_equal(EndpointSend(client, &out, 0, &callID), 0);
        assert_int_not_equal(callID, previous);
        assert_int_equal(LiteIpcCancelCall(client->task, previous), -ENOENT);
        assert_int_equal(LiteIpcCancelCall(client->task, callID), 0);
        previous = callID;
        assert_true(EndpointGets(service, 0));
    }
    assert_int_equal(LiteIpcCancelCall(client->task, UINT32_MAX), -ENOENT);
}

/* ENOMEM: nothing was sent and nothing was lost; after a free, sending succeeds again. */
static void NoRoomLosesNothing(void **state)
{
    static char data[60000];
    struct LiteIpcThreadCounters counters;
    struct LiteIpcOutgoing out = EndpointRequest(service, 0, LITEIPC_FLAG_DEFAULT);
    struct LiteIpcEvent event;
    uint32_t sent = 0;
    uint32_t freed = 0;
    int status;
    (void)state;

    out.data = data;
    out.dataSz = sizeof(data);
    for (int round = 0; round < 50; round++) {
        while (out.code = sent, (status = EndpointSend(client, &out, sent, NULL)) == 0) {
            sent++;
        }
        assert_int_equal(status, -ENOMEM);
        event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
        assert_int_equal(event.message->code, freed++);
        assert_int_equal(LiteIpcFree(service->thread, event.message), 0);
    }
    assert_int_equal(sent, freed + 256 * 1024 / (sizeof(data) + 96) - 1);
    LiteIpcThreadCount(client->thread, &counters);
    assert_int_equal(counters.pendingCalls, sent);
    assert_int_equal(counters.sent, sent);
    while (freed < sent) {
        assert_true(EndpointGets(service, freed++));
    }
    assert_true(EndpointIsQuiet(service) && EndpointPoolIsEmpty(service));
}

/* A reply that finds no room leaves its request valid, so the reply can be sent later. */
static void ReplyWithoutRoomCanBeRepeated(void **state)
{
    static char data[60000];
    struct LiteIpcOutgoing out = EndpointRequest(service, 1, LITEIPC_FLAG_DEFAULT);
    struct LiteIpcOutgoing answer = {.data = data, .dataSz = sizeof(data)};
    const IpcMsg *held[8];
    uint32_t heldCount = 0;
    struct LiteIpcEvent event;
    const IpcMsg *request;
    int status;
    (void)state;

    for (;;) {
        assert_int_equal(EndpointSend(client, &out, heldCount, NULL), 0);
        event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
        request = event.message;
        status = EndpointReply(service, request, &answer);
        if (status != 0) {
            break;
        }
        assert_true(heldCount < 8);
        held[heldCount++] = EndpointExpect(client, LITEIPC_EVENT_CALL).message;
    }
    assert_int_equal(status, -ENOMEM);
    assert_int_equal(EndpointReply(service, request, &answer), -ENOMEM);
    assert_int_equal(LiteIpcFree(client->thread, held[0]), 0);
    assert_int_equal(EndpointReply(service, request, &answer), 0);
    assert_int_equal(EndpointReply(service, request, &answer), -EFAULT);
    held[0] = EndpointExpect(client, LITEIPC_EVENT_CALL).message;
    for (uint32_t i = 0; i < heldCount; i++) {
        assert_int_equal(LiteIpcFree(client->thread, held[i]), 0);
    }
    assert_true(EndpointPoolIsEmpty(client) && EndpointPoolIsEmpty(service));
}

static void BadRequestsSendNothing(void **state)
{
    struct LiteIpcOutgoing out = EndpointRequest(service, 0, LITEIPC_FLAG_DEFAULT);
    struct LiteIpcThreadCounters counters;
    struct LiteIpcControlRequest control = {.operation = LITEIPC_CONTROL_SET_CMS};
    struct LiteIpcEvent event;
    (void)state;

    out.dataSz = LiteIpcDataLimit(client->device) + 1;
    assert_int_equal(LiteIpcSendRequest(client->task, &out, 0, NULL), -EMSGSIZE);
    out.dataSz = 8; /* without data */
    assert_int_equal(LiteIpcSendRequest(client->task, &out, 0, NULL), -EINVAL);
    out.dataSz = 0;
    out.generation = LiteIpcTaskGeneration(service->task) + 1;
    assert_int_equal(LiteIpcSendRequest(client->task, &out, 0, NULL), -EINVAL);
    out.handle = trio.manager.taskID;
    assert_int_equal(LiteIpcSendRequest(client->task, &out, 0, NULL), -EACCES);
    out.handle = INVALID_ID;
    assert_int_equal(LiteIpcSendRequest(client->task, &out, 0, NULL), -EACCES);
    LiteIpcThreadCount(client->thread, &counters);
    assert_int_equal(counters.pendingCalls, 0);
    assert_int_equal(counters.sent, 0);

    assert_int_equal(LiteIpcControlStart(client->thread, &control, 1), -EINVAL); /* no task */
    control.task = client->task;
    control.value0 = 65536;
    assert_int_equal(EndpointControl(client, &control, &event), -EEXIST);
    control.operation = (enum LiteIpcControlOperation)99;
    assert_int_equal(LiteIpcControlStart(client->thread, &control, 1), -EINVAL);
}

static void ControlRequestsAreAnsweredByEvents(void **state)
{
    struct LiteIpcControlRequest create = {.operation = LITEIPC_CONTROL_TASK_CREATE};
    struct LiteIpcControlRequest request = {.operation = LITEIPC_CONTROL_GEN_HANDLE};
    struct LiteIpcEvent event;
    struct LiteIpcTaskInfo info;
    (void)state;

    assert_int_equal(EndpointControl(service, &create, &event), 0);
    struct LiteIpcTask *task = event.task;
    uint32_t taskID = event.value0;
    assert_int_equal(LiteIpcTaskQuery(client->device, taskID, &info), 0);
    assert_true(info.alive);
    assert_int_equal(info.generation, LiteIpcTaskGeneration(task));
    assert_int_equal(info.processID, LiteIpcDeviceProcessID(service->device));
    assert_int_equal(info.pid, getpid());
    assert_int_equal(info.uid, getuid());

    request.task = trio.manager.task;
    request.value0 = taskID;
    assert_int_equal(EndpointControl(&trio.manager, &request, &event), 0);
    assert_int_equal(event.value0, taskID);
    assert_true(LiteIpcHasAccess(trio.manager.device, taskID)); /* it had a queue from the start */
    assert_false(LiteIpcHasAccess(client->device, taskID));

    request = (struct LiteIpcControlRequest){.operation = LITEIPC_CONTROL_TASK_EXIT, .task = task};
    assert_int_equal(EndpointControl(service, &request, &event), 0);
    assert_null(event.task);
    assert_true(LiteIpcTaskQuery(client->device, taskID, &info) != 0 || !info.alive);
    assert_int_equal(LiteIpcTaskQuery(client->device, 4096, &info), -EINVAL);
    assert_int_equal(LiteIpcTaskQuery(client->device, 4000, &info), -ESRCH);
}

/*
 * A request that arrives during a call of the same task does not disturb it, unlike in the ioctl
 * API (D18).
 */
static void CallsAndRequestsMix(void **state)
{
    struct LiteIpcOutgoing there = EndpointRequest(service, 1, LITEIPC_FLAG_DEFAULT);
    struct LiteIpcOutgoing back = EndpointRequest(client, 2, LITEIPC_FLAG_DEFAULT);
    struct LiteIpcOutgoing answer = {.code = 3};
    struct LiteIpcEvent event;
    (void)state;

    EndpointGrant(&trio.manager, service, client);
    assert_int_equal(EndpointSend(client, &there, 10, NULL), 0);
    event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
    const IpcMsg *outer = event.message;
    assert_int_equal(EndpointSend(service, &back, 20, NULL), 0); /* calls back before it answers */
    event = EndpointExpect(client, LITEIPC_EVENT_MESSAGE);
    assert_int_equal(event.message->code, 2);
    assert_int_equal(EndpointReply(client, event.message, &answer), 0);
    event = EndpointExpect(service, LITEIPC_EVENT_CALL);
    assert_int_equal(event.userData, 20);
    assert_int_equal(LiteIpcFree(service->thread, event.message), 0);
    assert_int_equal(EndpointReply(service, outer, &answer), 0);
    event = EndpointExpect(client, LITEIPC_EVENT_CALL);
    assert_int_equal(event.userData, 10);
    assert_int_equal(LiteIpcFree(client->thread, event.message), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRIO_TEST(LaneIsCreatedOnDemand),  TRIO_TEST(FailedRepliesMayCarryData),
        TRIO_TEST(ManyCallsAreInFlight),   TRIO_TEST(CallIDsAreUnique),
        TRIO_TEST(NoRoomLosesNothing),     TRIO_TEST(ReplyWithoutRoomCanBeRepeated),
        TRIO_TEST(BadRequestsSendNothing), TRIO_TEST(ControlRequestsAreAnsweredByEvents),
        TRIO_TEST(CallsAndRequestsMix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
