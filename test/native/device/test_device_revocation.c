/* Tests revocation: the calls that used the revoked right fail at once, and no others. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/endpoint.h"

static struct Endpoint *const client = &trio.client;
static struct Endpoint *const service = &trio.service;
static struct Endpoint *const manager = &trio.manager;

static int Call(struct Endpoint *from, const struct Endpoint *to, uint32_t number)
{
    struct LiteIpcOutgoing out = EndpointRequest(to, number, LITEIPC_FLAG_DEFAULT);
    return EndpointSend(from, &out, number, NULL);
}

/* Asserts that the next event is the end of this call. */
static void ExpectEnd(struct Endpoint *endpoint, uint32_t number, int status)
{
    struct LiteIpcEvent event = EndpointExpect(endpoint, LITEIPC_EVENT_CALL);
    assert_int_equal(event.userData, number);
    assert_int_equal(event.status, status);
    if (event.message != NULL) {
        assert_int_equal(LiteIpcFree(endpoint->thread, event.message), 0);
    }
}

static void Answer(const struct LiteIpcEvent *request)
{
    struct LiteIpcOutgoing answer = {.code = 1};
    assert_int_equal(EndpointReply(service, request->message, &answer), 0);
}

static uint64_t Dropped(const struct Endpoint *endpoint)
{
    struct LiteIpcThreadCounters counters;
    LiteIpcThreadCount(endpoint->thread, &counters);
    return counters.dropped;
}

static uint32_t Pending(const struct Endpoint *endpoint)
{
    struct LiteIpcThreadCounters counters;
    LiteIpcThreadCount(endpoint->thread, &counters);
    return counters.pendingCalls;
}

/* Fails for received and unreceived calls of one client, not for those of another client. */
static void CallsFailAtOnce(void **state)
{
    struct Endpoint other;
    (void)state;
    EndpointOpen(LiteIpcDomainPath(trio.stage.domain), &other, 0);
    EndpointGrant(manager, &other, service);
    assert_int_equal(Call(client, service, 1), 0);
    assert_int_equal(Call(client, service, 2), 0);
    struct LiteIpcEvent first = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
    assert_int_equal(Call(client, service, 3), 0);
    assert_int_equal(Call(&other, service, 4), 0);

    assert_int_equal(EndpointRevoke(manager, client, service), 0);
    for (uint32_t number = 1; number <= 3; number++) {
        ExpectEnd(client, number, -EACCES);
    }
    assert_true(EndpointIsQuiet(client));
    assert_int_equal(Pending(client), 0);
    assert_int_equal(Call(client, service, 5), -EACCES);
    assert_int_equal(Pending(&other), 1);

    /*
     * Only the other client's call is delivered; the answer to the first call is dropped by the
     * client.
     */
    struct LiteIpcEvent fourth = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
    assert_int_equal(fourth.message->code, 4);
    Answer(&first);
    Answer(&fourth);
    assert_true(EndpointIsQuiet(service));
    ExpectEnd(&other, 4, 0);
    assert_true(EndpointIsQuiet(client));
    assert_int_equal(Dropped(client), 1);
    assert_int_equal(Dropped(service), 2);
    assert_true(EndpointPoolIsEmpty(client) && EndpointPoolIsEmpty(service));
    EndpointClose(&other);
}

/* An answer that was sent before the revocation is valid. */
static void EarlierAnswersAreValid(void **state)
{
    (void)state;
    assert_int_equal(Call(client, service, 1), 0);
    struct LiteIpcEvent first = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
    Answer(&first);
    assert_int_equal(Call(client, service, 2), 0);
    assert_int_equal(EndpointRevoke(manager, client, service), 0);
    ExpectEnd(client, 1, 0);
    ExpectEnd(client, 2, -EACCES);
    assert_true(EndpointIsQuiet(client) && EndpointIsQuiet(service));
}

/*
 * A new grant before the client handles the revocation does not rescue the earlier calls; a later
 * call is valid.
 */
static void GrantedAgain(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 50; round++) {
        assert_int_equal(Call(client, service, 1), 0);
        struct LiteIpcEvent first = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
        for (uint32_t again = 0; again <= round % 3; again++) {
            assert_int_equal(EndpointRevoke(manager, client, service), 0);
            EndpointGrant(manager, client, service);
        }
        assert_int_equal(Call(client, service, 2), 0);
        ExpectEnd(client, 1, -EACCES);
        struct LiteIpcEvent second = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
        assert_int_equal(second.message->code, 2);
        assert_true(EndpointIsQuiet(client));
        Answer(&first);
        Answer(&second);
        ExpectEnd(client, 2, 0);
    }
    assert_int_equal(Dropped(client), 50);
    assert_true(EndpointIsQuiet(client));
}

/*
 * Calls of the same client to another service, to the ServiceManager, and to its own service
 * continue.
 */
static void OtherCallsContinue(void **state)
{
    struct Endpoint another, own;
    struct LiteIpcEvent request;
    (void)state;
    EndpointOpen(LiteIpcDomainPath(trio.stage.domain), &another, 0);
    EndpointJoin(client, &own);
    EndpointGrant(manager, client, &another);
    EndpointGrant(manager, client, manager);
    EndpointGrant(manager, client, &own);
    struct Endpoint cms = {.taskID = 0};
    assert_int_equal(Call(client, &another, 1), 0);
    assert_int_equal(Call(client, &cms, 2), 0);
    assert_int_equal(Call(client, &own, 3), 0);
    assert_int_equal(Call(client, service, 4), 0);
    /* Before the manager sends requests: its next event must be their answer. */
    request = EndpointExpect(manager, LITEIPC_EVENT_MESSAGE);
    assert_int_equal(request.message->code, 2);
    assert_int_equal(EndpointRevoke(manager, client, service), 0);
    ExpectEnd(client, 4, -EACCES);
    /* Handle 0 needs no right, and neither does a task of the own process. */
    assert_int_equal(EndpointRevoke(manager, client, manager), 0);
    assert_int_equal(EndpointRevoke(manager, client, &own), 0);
    assert_true(EndpointIsQuiet(client));
    assert_int_equal(Pending(client), 3);
    EndpointClose(&another);
    ExpectEnd(client, 1, -EPIPE);
    assert_int_equal(LiteIpcFree(manager->thread, request.message), 0);
    EndpointLeave(&own);
    ExpectEnd(client, 3, -EPIPE);
}

/* Reused process and task slots do not inherit a revocation. */
static void ReusedSlotsInheritNoRevocation(void **state)
{
    (void)state;
    const char *path = LiteIpcDomainPath(trio.stage.domain);
    for (uint32_t round = 0; round < 20; round++) {
        struct Endpoint next, later;
        EndpointOpen(path, &next, 0);
        EndpointOpen(path, &later, 0);
        EndpointGrant(manager, &later, &next);
        EndpointGrant(manager, &later, service);
        assert_int_equal(Call(&later, &next, 1), 0);
        assert_int_equal(Call(&later, service, 2), 0);
        assert_true(EndpointGets(&next, 1) && EndpointGets(service, 2));
        assert_int_equal(Pending(&later), 2);
        assert_true(EndpointIsQuiet(&later));
        assert_int_equal(EndpointRevoke(manager, &later, &next), 0);
        ExpectEnd(&later, 1, -EACCES);
        assert_int_equal(EndpointRevoke(manager, &later, service), 0);
        ExpectEnd(&later, 2, -EACCES);
        EndpointClose(&later);
        EndpointClose(&next);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRIO_TEST(CallsFailAtOnce),
        TRIO_TEST(EarlierAnswersAreValid),
        TRIO_TEST(GrantedAgain),
        TRIO_TEST(OtherCallsContinue),
        TRIO_TEST(ReusedSlotsInheritNoRevocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
