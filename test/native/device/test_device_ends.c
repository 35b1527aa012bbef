/* Tests the event-loop API when a domain, a service, a task, or the test's own process ends. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/endpoint.h"

#define CALLS 20

static struct Endpoint *const client = &trio.client;
static struct Endpoint *const service = &trio.service;

static void AskMany(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct LiteIpcOutgoing out = EndpointRequest(service, i, LITEIPC_FLAG_DEFAULT);
        assert_int_equal(EndpointSend(client, &out, i, NULL), 0);
    }
}

static const IpcMsg *requests[CALLS];

/* Receives this number of messages at the service. */
static void TakeMany(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        requests[i] = EndpointExpect(service, LITEIPC_EVENT_MESSAGE).message;
        assert_int_equal(requests[i]->code, i);
    }
}

/* Asserts that every call ends exactly once, with this status. */
static void AllCallsEnd(uint32_t first, int status)
{
    bool ended[CALLS] = {false};
    for (uint32_t i = first; i < CALLS; i++) {
        struct LiteIpcEvent event = EndpointExpect(client, LITEIPC_EVENT_CALL);
        assert_int_equal(event.status, status);
        assert_null(event.message);
        assert_true(event.userData >= first && event.userData < CALLS && !ended[event.userData]);
        ended[event.userData] = true;
    }
}

static void LostOnce(struct Endpoint *endpoint)
{
    struct LiteIpcEvent event = EndpointExpect(endpoint, LITEIPC_EVENT_LOST);
    assert_int_equal(event.status, -ENODEV);
    assert_int_equal(LiteIpcReceive(endpoint->thread, &event, 1), 0);
    assert_int_equal(LiteIpcWait(endpoint->thread, 50), -ENODEV);
    assert_int_equal(LiteIpcPrepareSleep(endpoint->thread), 0);
    LiteIpcAwake(endpoint->thread);
}

static void NothingWorksAnyMore(struct Endpoint *endpoint)
{
    struct LiteIpcOutgoing out = EndpointRequest(service, 0, LITEIPC_FLAG_DEFAULT);
    struct LiteIpcControlRequest create = {.operation = LITEIPC_CONTROL_TASK_CREATE};
    struct LiteIpcTask *task;
    struct LiteIpcThread *thread;

    assert_false(LiteIpcDeviceAlive(endpoint->device));
    assert_int_equal(LiteIpcSendRequest(endpoint->task, &out, 0, NULL), -ENODEV);
    assert_int_equal(LiteIpcControlStart(endpoint->thread, &create, 1), -ENODEV);
    assert_int_equal(LiteIpcTaskCreate(endpoint->thread, &task), -ENODEV);
    assert_int_equal(LiteIpcThreadCreate(endpoint->device, &thread), -ENODEV);
}

static void DomainStopEndsEverything(void **state)
{
    (void)state;
    AskMany(CALLS);
    struct LiteIpcControlRequest create = {.operation = LITEIPC_CONTROL_TASK_CREATE};
    LiteIpcDomainStop(trio.stage.domain);
    trio.stage.domain = NULL;
    (void)LiteIpcControlStart(client->thread, &create, 77);

    /* Published messages are still delivered. */
    for (uint32_t i = 0; i < CALLS; i++) {
        assert_true(EndpointGets(service, i));
    }
    LostOnce(service);
    AllCallsEnd(0, -ENODEV);
    struct LiteIpcEvent event;
    assert_true(EndpointNext(client, &event, TEST_DEADLINE_MS));
    if (event.kind == LITEIPC_EVENT_CONTROL) { /* the request had been sent */
        assert_int_equal(event.status, -ENODEV);
        assert_int_equal(event.userData, 77);
        LostOnce(client);
    } else {
        assert_int_equal(event.kind, LITEIPC_EVENT_LOST);
        assert_false(EndpointNext(client, &event, 20));
    }
    NothingWorksAnyMore(client);
    NothingWorksAnyMore(service);
}

/* A reply that was published before the domain stopped is delivered. */
static void DomainStopDeliversPublishedReplies(void **state)
{
    struct LiteIpcOutgoing answer = {.code = 5};
    struct LiteIpcEvent event;
    (void)state;

    AskMany(2);
    TakeMany(2);
    assert_int_equal(EndpointReply(service, requests[0], &answer), 0);
    LiteIpcDomainStop(trio.stage.domain);
    trio.stage.domain = NULL;
    event = EndpointExpect(client, LITEIPC_EVENT_CALL);
    assert_int_equal(event.status, 0);
    assert_int_equal(event.userData, 0);
    assert_int_equal(LiteIpcFree(client->thread, event.message), 0);
    event = EndpointExpect(client, LITEIPC_EVENT_CALL);
    assert_int_equal(event.status, -ENODEV);
    assert_int_equal(event.userData, 1);
    LostOnce(client);
}

/* Calls to a service that exits fail with EPIPE, except those that it had answered. */
static void ServiceEnd(bool taskOnly)
{
    struct LiteIpcOutgoing answer = {.code = 5};
    struct LiteIpcOutgoing again = EndpointRequest(service, 0, LITEIPC_FLAG_DEFAULT);
    struct LiteIpcEvent event;

    AskMany(CALLS);
    TakeMany(CALLS);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(EndpointReply(service, requests[i], &answer), 0);
    }
    if (taskOnly) {
        struct LiteIpcControlRequest exit = {.operation = LITEIPC_CONTROL_TASK_EXIT,
                                             .task = service->task};
        assert_int_equal(EndpointControl(service, &exit, &event), 0);
    } else {
        EndpointClose(service);
    }
    uint64_t start = NowMs();
    for (uint32_t i = 0; i < 3; i++) {
        event = EndpointExpect(client, LITEIPC_EVENT_CALL);
        assert_int_equal(event.status, 0);
        assert_int_equal(event.userData, i);
        assert_int_equal(LiteIpcFree(client->thread, event.message), 0);
    }
    AllCallsEnd(3, -EPIPE);
    assert_true(NowMs() - start < TEST_PROMPT_MS);
    assert_true(EndpointIsQuiet(client));
    assert_true(EndpointPoolIsEmpty(client));
    assert_int_equal(LiteIpcSendRequest(client->task, &again, 0, NULL), -EACCES);
}

static void ServiceProcessEnds(void **state)
{
    (void)state;
    ServiceEnd(false);
}

static void ServiceTaskEnds(void **state)
{
    (void)state;
    ServiceEnd(true);
}

/* The service exits while the lane to it is pending. */
static void ServiceEndsWhileItsLaneIsPending(void **state)
{
    struct LiteIpcEvent event;
    (void)state;

    for (int round = 0; round < 30; round++) {
        struct Endpoint other;
        EndpointOpen(LiteIpcDomainPath(trio.stage.domain), &other, 0);
        EndpointGrant(&trio.manager, client, &other);
        struct LiteIpcOutgoing out = EndpointRequest(&other, 1, LITEIPC_FLAG_DEFAULT);
        assert_int_equal(LiteIpcSendRequest(client->task, &out, 5, NULL), -EINPROGRESS);
        EndpointClose(&other);
        event = EndpointExpect(client, LITEIPC_EVENT_LANE);
        assert_int_equal(event.value0, out.handle);
        int status = LiteIpcSendRequest(client->task, &out, 5, NULL);
        assert_true(status == -EACCES || status == -EINVAL);
        assert_true(EndpointIsQuiet(client));
    }
}

/* Unanswered requests at a service become invalid when their client exits. */
static void ClientEndsDuringItsCalls(void **state)
{
    struct LiteIpcOutgoing answer = {.code = 5};
    (void)state;

    AskMany(5);
    EndpointClose(client);
    for (uint32_t i = 0; i < 5; i++) {
        struct LiteIpcEvent event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
        assert_int_equal(event.message->code, i);
        assert_int_equal(event.callerPid, getpid());
        assert_int_equal(LiteIpcSendReply(service->task, event.message, &answer), -EINVAL);
        assert_int_equal(LiteIpcFree(service->thread, event.message), -EFAULT);
    }
    assert_true(EndpointIsQuiet(service) && EndpointPoolIsEmpty(service));
    assert_true(StageSettles(&trio.stage, 2));
}

static void ShutdownEndsTheProcess(void **state)
{
    (void)state;
    AskMany(CALLS);
    LiteIpcDeviceShutdown(client->device);
    LiteIpcDeviceShutdown(client->device);
    AllCallsEnd(0, -ENODEV);
    LostOnce(client);
    NothingWorksAnyMore(client);
    for (uint32_t i = 0; i < CALLS; i++) {
        assert_true(EndpointGets(service, i));
    }
    assert_true(EndpointIsQuiet(service));
}

/*
 * Revocation applies to messages in the lane and in the queue; answers in flight are still
 * delivered.
 */
static void RevocationTakesEffectAtOnce(void **state)
{
    struct LiteIpcOutgoing answer = {.code = 5};
    struct LiteIpcThreadCounters counters;
    (void)state;

    AskMany(CALLS);
    struct LiteIpcEvent event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
    assert_int_equal(EndpointRevoke(&trio.manager, client, service), 0);
    assert_true(EndpointIsQuiet(service));
    LiteIpcThreadCount(service->thread, &counters);
    assert_int_equal(counters.dropped, CALLS - 1);
    struct LiteIpcOutgoing out = EndpointRequest(service, 1, LITEIPC_FLAG_DEFAULT);
    assert_int_equal(LiteIpcSendRequest(client->task, &out, 5, NULL), -EACCES);
    /* A request that was received earlier may be answered. */
    assert_int_equal(EndpointReply(service, event.message, &answer), 0);
    event = EndpointExpect(client, LITEIPC_EVENT_CALL);
    assert_int_equal(event.userData, 0);
    assert_int_equal(LiteIpcFree(client->thread, event.message), 0);
    assert_true(EndpointPoolIsEmpty(service));
}

/* A task exits with pending calls: they are discarded, and the calls of its siblings continue. */
static void TaskEndsDuringItsCalls(void **state)
{
    struct LiteIpcControlRequest create = {.operation = LITEIPC_CONTROL_TASK_CREATE};
    struct LiteIpcControlRequest exit = {.operation = LITEIPC_CONTROL_TASK_EXIT};
    struct LiteIpcOutgoing out = EndpointRequest(service, 0, LITEIPC_FLAG_DEFAULT);
    struct LiteIpcOutgoing answer = {.code = 5};
    struct LiteIpcThreadCounters counters;
    struct LiteIpcEvent event;
    (void)state;

    assert_int_equal(EndpointControl(client, &create, &event), 0);
    exit.task = event.task;
    struct Endpoint ending = {.device = client->device,
                              .thread = client->thread,
                              .task = event.task,
                              .taskID = event.value0};
    AskMany(2);
    for (out.code = 2; out.code < 5; out.code++) {
        assert_int_equal(EndpointSend(&ending, &out, 100, NULL), 0);
    }
    TakeMany(5);
    assert_int_equal(EndpointControl(client, &exit, &event), 0);
    LiteIpcThreadCount(client->thread, &counters);
    assert_int_equal(counters.pendingCalls, 2);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(EndpointReply(service, requests[i], &answer), i < 2 ? 0 : -EINVAL);
    }
    for (uint32_t i = 0; i < 2; i++) {
        event = EndpointExpect(client, LITEIPC_EVENT_CALL);
        assert_int_equal(event.userData, i);
        assert_int_equal(LiteIpcFree(client->thread, event.message), 0);
    }
    assert_true(EndpointIsQuiet(client));
}

/*
 * A task exits before its events are taken: the events are delivered, but no longer contain the
 * task.
 */
static void EventsOutliveTheirTask(void **state)
{
    struct LiteIpcControlRequest exit = {.operation = LITEIPC_CONTROL_TASK_EXIT,
                                         .task = client->task};
    struct LiteIpcEvent event;
    uint32_t ended = 0;
    (void)state;

    AskMany(CALLS);
    EndpointClose(service);
    /* The first call; the others are ready, too. */
    event = EndpointExpect(client, LITEIPC_EVENT_CALL);
    assert_int_equal(event.status, -EPIPE);
    assert_ptr_equal(event.task, client->task);
    assert_int_equal(LiteIpcControlStart(client->thread, &exit, 1), 0);
    exit.operation = LITEIPC_CONTROL_SET_IPC_TASK;
    assert_int_equal(LiteIpcControlStart(client->thread, &exit, 2), 0);
    do { /* one by one, so that the task exits before all events are taken */
        assert_true(EndpointNext(client, &event, TEST_DEADLINE_MS));
        ended += event.kind == LITEIPC_EVENT_CALL;
        assert_true(event.task == NULL || LiteIpcTaskID(event.task) == client->taskID);
    } while (event.kind != LITEIPC_EVENT_CONTROL);
    assert_int_equal(ended, CALLS - 1);
    event = EndpointExpect(client, LITEIPC_EVENT_CONTROL); /* requested after the exit: refused */
    assert_int_equal(event.userData, 2);
    assert_int_equal(event.status, -EINVAL);
    assert_null(event.task);
    assert_true(EndpointIsQuiet(client) && EndpointPoolIsEmpty(client));
}

/* The same with LiteIpcTaskExit. */
static void EventsOutliveTheirExitedTask(void **state)
{
    struct LiteIpcEvent event;
    uint32_t ended = 1;
    (void)state;

    AskMany(CALLS);
    EndpointClose(service);
    event = EndpointExpect(client, LITEIPC_EVENT_CALL);
    LiteIpcTaskExit(client->task);
    while (LiteIpcReceive(client->thread, &event, 1) == 1) {
        assert_int_equal(event.kind, LITEIPC_EVENT_CALL);
        assert_null(event.task);
        ended++;
    }
    assert_int_equal(ended, CALLS);
    assert_true(EndpointIsQuiet(client));
}

/*
 * 60 services that a process may call exit at once: the process receives one death notice for each.
 */
static void EveryDeathIsReportedOnce(void **state)
{
    enum { COUNT = 60 };
    static struct Endpoint others[COUNT];
    bool notified[4096] = {false};
    struct LiteIpcControlRequest request = {.operation = LITEIPC_CONTROL_SET_IPC_TASK,
                                            .task = client->task};
    struct LiteIpcEvent event;
    (void)state;

    assert_int_equal(EndpointControl(client, &request, &event), 0);
    for (int i = 0; i < COUNT; i++) {
        EndpointOpen(LiteIpcDomainPath(trio.stage.domain), &others[i], 0);
        EndpointGrant(&trio.manager, client, &others[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        uint32_t taskID = others[i].taskID;
        EndpointClose(&others[i]);
        others[i].taskID = taskID;
    }
    for (int i = 0; i < COUNT; i++) {
        event = EndpointExpect(client, LITEIPC_EVENT_MESSAGE);
        assert_int_equal(event.message->type, MT_DEATH_NOTIFY);
        assert_int_equal(event.message->target.handle, client->taskID);
        assert_false(notified[event.message->target.token]);
        notified[event.message->target.token] = true;
        assert_int_equal(LiteIpcFree(client->thread, event.message), 0);
    }
    for (int i = 0; i < COUNT; i++) {
        assert_true(notified[others[i].taskID]);
    }
    assert_true(EndpointIsQuiet(client) && EndpointPoolIsEmpty(client));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRIO_TEST(DomainStopEndsEverything),
        TRIO_TEST(DomainStopDeliversPublishedReplies),
        TRIO_TEST(ServiceProcessEnds),
        TRIO_TEST(ServiceTaskEnds),
        TRIO_TEST(ServiceEndsWhileItsLaneIsPending),
        TRIO_TEST(ClientEndsDuringItsCalls),
        TRIO_TEST(ShutdownEndsTheProcess),
        TRIO_TEST(RevocationTakesEffectAtOnce),
        TRIO_TEST(TaskEndsDuringItsCalls),
        TRIO_TEST(EventsOutliveTheirTask),
        TRIO_TEST(EventsOutliveTheirExitedTask),
        TRIO_TEST(EveryDeathIsReportedOnce),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
