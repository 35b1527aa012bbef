/* Tests the statistics of a task. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/endpoint.h"

static struct Endpoint *const client = &trio.client;
static struct Endpoint *const service = &trio.service;

static struct LiteIpcTaskStatistics Statistics(const struct Endpoint *endpoint)
{
    struct LiteIpcTaskStatistics statistics;
    LiteIpcTaskCount(endpoint->task, &statistics);
    return statistics;
}

static void QueueAndLanes(void **state)
{
    (void)state;
    assert_int_equal(LiteIpcPoolSize(service->device), LiteIpcPoolDefault(service->device));
    assert_int_equal(EndpointSendOneWay(client, service, 9), 0);
    assert_true(EndpointGets(service, 9)); /* the service has accepted the lane */
    for (uint32_t code = 0; code < 5; code++) {
        assert_int_equal(EndpointSendOneWay(client, service, code), 0);
    }
    assert_int_equal(Statistics(service).queued, 0);
    assert_int_equal(Statistics(service).waitingLanes, 1);
    assert_true(EndpointGets(service, 0)); /* one read takes all messages */
    assert_int_equal(Statistics(service).queued, 4);
    assert_int_equal(Statistics(service).waitingLanes, 0);
    assert_int_equal(Statistics(service).received, 2);
    for (uint32_t code = 1; code < 5; code++) {
        assert_true(EndpointGets(service, code));
    }
    assert_int_equal(Statistics(service).queued, 0);
    assert_int_equal(Statistics(service).received, 6);
    assert_int_equal(Statistics(client).received, 0);
}

static void Drops(void **state)
{
    (void)state;
    assert_int_equal(EndpointSendOneWay(client, service, 1), 0);
    assert_int_equal(EndpointSendOneWay(client, service, 2), 0);
    assert_int_equal(EndpointRevoke(&trio.manager, client, service), 0);
    assert_true(EndpointIsQuiet(service));
    struct LiteIpcTaskStatistics statistics = Statistics(service);
    for (uint32_t reason = 0; reason < IPC_DROP_NUM; reason++) {
        assert_int_equal(statistics.dropped[reason], reason == IPC_DROP_NO_RIGHT ? 2 : 0);
    }
    assert_int_equal(statistics.received, 0);
    assert_int_equal(statistics.queued, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRIO_TEST(QueueAndLanes),
        TRIO_TEST(Drops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
