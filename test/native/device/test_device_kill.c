/*
 * Sends SIGKILL at random times to a client, a service, or the domain's process. No process hangs,
 * and nothing remains.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/control_blocks.h"
#include "support/child.h"
#include "support/endpoint.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define ROUNDS  20 /* starting a process takes 20 times as long */
#define SOON_MS 5000
#else
#define ROUNDS  100
#define SOON_MS 1000
#endif
#define CALLS 20

static struct Endpoint *const client = &trio.client;
static struct Endpoint *const service = &trio.service;

static void SayTask(const struct Endpoint *endpoint)
{
    ChildReportNumber(endpoint->taskID);
    ChildAwaitResume();
}

/* Sends messages of all sizes, each filled with its number, until it is killed. */
static int StreamRole(const char *domain, const char *argument)
{
    static unsigned char data[4000];
    struct Endpoint self;
    struct LiteIpcEvent event;
    struct Endpoint target = {.taskID = (uint32_t)strtoul(argument, NULL, 10)};
    EndpointOpen(domain, &self, 0);
    SayTask(&self);
    for (uint32_t code = 0;;) {
        struct LiteIpcOutgoing out = EndpointRequest(&target, code, LITEIPC_FLAG_ONEWAY);
        out.data = data;
        out.dataSz = code * 37 % sizeof(data);
        memset(data, (int)(code & 0xFF), out.dataSz);
        int status = LiteIpcSendRequest(self.task, &out, 0, NULL);
        if (status == 0) {
            code++;
        } else if (status == -EINPROGRESS) {
            (void)EndpointNext(&self, &event, 1000);
        } else if (status != -ENOMEM) {
            return 1;
        }
    }
}

/* Runs a service that receives messages and answers the first `argument` calls. */
static int ServeRole(const char *domain, const char *argument)
{
    uint32_t answers = (uint32_t)strtoul(argument, NULL, 10);
    struct LiteIpcOutgoing answer = {.code = 1};
    struct LiteIpcEvent event;
    struct Endpoint self;
    const IpcMsg *requests[CALLS];
    EndpointOpen(domain, &self, 0);
    SayTask(&self);
    for (uint32_t i = 0; i < CALLS; i++) {
        requests[i] = EndpointExpect(&self, LITEIPC_EVENT_MESSAGE).message;
    }
    for (uint32_t i = 0; i < answers; i++) {
        if (EndpointReply(&self, requests[i], &answer) != 0) {
            return 1;
        }
    }
    ChildReport("answered");
    for (;;) {
        (void)EndpointNext(&self, &event, 1000);
    }
}

static int DomainRole(const char *path, const char *argument)
{
    struct LiteIpcDomainOptions options = {
        .name = path, .profile = LITEIPC_PROFILE_HOST, .socketGid = (uint32_t)-1};
    struct LiteIpcDomain *domain;
    (void)argument;
    if (LiteIpcDomainStart(&options, &domain) != 0) {
        return 1;
    }
    ChildReport("ready");
    for (;;) {
        pause();
    }
}

static const struct ChildRole roles[] = {
    {"stream", StreamRole}, {"serve", ServeRole}, {"domain", DomainRole}, {NULL, NULL}};

/* Starts a child in the trio's domain and returns its task. The child waits for ChildResume. */
static struct Endpoint Start(struct Child *child, const char *role, const char *argument)
{
    struct Endpoint endpoint = {0};
    ChildStart(child, role, LiteIpcDomainPath(trio.stage.domain), argument, CHILD_SAME_USER);
    endpoint.taskID = ChildNumber(child);
    assert_int_not_equal(endpoint.taskID, 0);
    return endpoint;
}

/* Waits until only the trio remains. The endpoint handles the domain's events in the meantime. */
static bool Settles(struct Endpoint *endpoint)
{
    struct LiteIpcDomainCounters counters;
    for (int attempt = 0; attempt < 100; attempt++) {
        if (!EndpointIsQuiet(endpoint)) {
            return false;
        }
        LiteIpcDomainCount(trio.stage.domain, &counters);
        if (counters.processes == 3) {
            return true;
        }
    }
    return StageSettles(&trio.stage, 3);
}

static void ClientKilledWhileItStreams(void **state)
{
    char target[16];
    uint32_t most = 0;
    (void)state;

    snprintf(target, sizeof(target), "%u", service->taskID);
    srand(4711);
    for (int round = 0; round < ROUNDS; round++) {
        struct Child child;
        struct LiteIpcEvent event;
        struct Endpoint streamer = Start(&child, "stream", target);
        EndpointGrant(&trio.manager, &streamer, service);
        ChildResume(&child);
        uint32_t next = 0;
        uint32_t until = (uint32_t)rand() % 2000;
        uint64_t killAt = NowMs() + (uint64_t)rand() % 4;
        bool killed = false;
        /* All published messages arrive; none is missing, damaged or duplicated. */
        for (;;) {
            bool exited = killed && ChildHasExited(&child);
            if (!EndpointNext(service, &event, killed ? 30 : TEST_DEADLINE_MS)) {
                if (exited || !killed) {
                    break;
                }
                continue;
            }
            assert_int_equal(event.message->code, next);
            assert_int_equal(event.message->dataSz, next * 37 % 4000);
            for (uint32_t i = 0; i < event.message->dataSz; i++) {
                assert_int_equal(((const uint8_t *)event.message->data)[i], next & 0xFF);
            }
            next++;
            assert_int_equal(LiteIpcFree(service->thread, event.message), 0);
            if (!killed && (next >= until || NowMs() >= killAt)) {
                ChildKill(&child);
                killed = true;
            }
        }
        if (!killed) {
            ChildKill(&child);
        }
        assert_int_equal(ChildEnd(&child), -9);
        most = next > most ? next : most;
        /* Other processes are not affected. */
        assert_int_equal(EndpointSendOneWay(client, service, 5), 0);
        assert_true(EndpointGets(service, 5));
        assert_true(EndpointPoolIsEmpty(service));
        assert_true(Settles(service));
    }
    assert_true(most > 100);
}

static void ServiceKilledWithCallsInFlight(void **state)
{
    int late = 0; /* other processes may delay a few rounds, but not all */
    (void)state;
    for (uint32_t round = 0; round < 10; round++) {
        struct Child child;
        struct LiteIpcEvent event;
        uint32_t answers = round % 5;
        char argument[16];
        snprintf(argument, sizeof(argument), "%u", answers);
        struct Endpoint target = Start(&child, "serve", argument);
        EndpointGrant(&trio.manager, client, &target);
        EndpointGrant(&trio.manager, &target, client);
        ChildResume(&child);
        struct LiteIpcOutgoing out = EndpointRequest(&target, 0, LITEIPC_FLAG_DEFAULT);
        for (uint32_t i = 0; i < CALLS; i++) {
            assert_int_equal(EndpointSend(client, &out, i, NULL), 0);
        }
        bool answered = answers == 0;
        /* Creates the lane for answers, if there are any. */
        for (uint32_t i = 0; i < answers; i++) {
            event = EndpointExpect(client, LITEIPC_EVENT_CALL);
            assert_int_equal(event.status, 0);
            assert_int_equal(LiteIpcFree(client->thread, event.message), 0);
            answered = true;
        }
        assert_true(answered && ChildReports(&child, "answered"));
        uint64_t start = NowMs();
        ChildKill(&child);
        for (uint32_t i = answers; i < CALLS; i++) {
            event = EndpointExpect(client, LITEIPC_EVENT_CALL);
            assert_int_equal(event.status, -EPIPE);
        }
        late += NowMs() - start >= SOON_MS;
        assert_int_equal(ChildEnd(&child), -9);
        assert_int_equal(LiteIpcSendRequest(client->task, &out, 0, NULL), -EACCES);
        assert_true(EndpointIsQuiet(client) && EndpointPoolIsEmpty(client));
        assert_true(Settles(client));
    }
    assert_true(late <= 5);
}

/* The same with the ioctl API. */
static void CallerOfTheIoctlApiGetsAnError(void **state)
{
    struct Child child;
    struct Actor *caller;
    (void)state;

    struct Endpoint target = Start(&child, "serve", "0");
    caller = ActorReady(&trio.stage);
    struct Endpoint as = {.taskID = ActorID(caller)};
    EndpointGrant(&trio.manager, &as, &target);
    ChildResume(&child);
    IpcMsg out = ActorRequest(target.taskID, 0);
    ActorMsgStart(caller, SEND | RECV, &out, NULL);
    uint64_t start = NowMs();
    ChildKill(&child);
    assert_int_equal(ActorMsgEnd(caller, NULL), -ENOENT);
    assert_true(NowMs() - start < TEST_PROMPT_MS);
    assert_int_equal(ChildEnd(&child), -9);
}

static int AttachTo(const char *path, struct LiteIpcDevice **device)
{
    int status = LiteIpcDeviceAttach(path, device);
    if (status == 0) {
        LiteIpcDeviceDetach(*device);
    }
    return status;
}

static void DomainKilled(void **state)
{
    struct Stage stage;
    struct LiteIpcDevice *device;
    char path[128];
    (void)state;

    StageOpen(&stage, LITEIPC_PROFILE_HOST); /* only for its directory and its actors */
    snprintf(path, sizeof(path), "%s/killed.sock", stage.directory);
    for (int round = 0; round < 5; round++) {
        struct Child child;
        struct Endpoint manager, caller, target;
        ChildStart(&child, "domain", path, "", CHILD_SAME_USER);
        assert_true(ChildReports(&child, "ready"));
        EndpointOpen(path, &manager, 0);
        EndpointOpen(path, &caller, 0);
        EndpointOpen(path, &target, 0);
        EndpointManage(&manager);
        EndpointGrant(&manager, &caller, &target);
        struct LiteIpcOutgoing out = EndpointRequest(&target, 0, LITEIPC_FLAG_DEFAULT);
        for (uint32_t i = 0; i < CALLS; i++) {
            assert_int_equal(EndpointSend(&caller, &out, i, NULL), 0);
        }
        ChildKill(&child);
        assert_int_equal(ChildEnd(&child), -9);
        for (uint32_t i = 0; i < CALLS; i++) { /* published messages are delivered */
            assert_true(EndpointGets(&target, 0));
            struct LiteIpcEvent event = EndpointExpect(&caller, LITEIPC_EVENT_CALL);
            assert_int_equal(event.status, -ENODEV);
        }
        struct Endpoint *const all[] = {&manager, &caller, &target};
        for (int i = 0; i < 3; i++) {
            assert_int_equal(EndpointExpect(all[i], LITEIPC_EVENT_LOST).status, -ENODEV);
            assert_false(LiteIpcDeviceAlive(all[i]->device));
            assert_int_equal(LiteIpcSendRequest(all[i]->task, &out, 0, NULL), -ENODEV);
            EndpointClose(all[i]);
        }
        assert_int_equal(AttachTo(path, &device), -ENODEV);
    }
    /* A new domain replaces the terminated one. */
    struct Child child;
    ChildStart(&child, "domain", path, "", CHILD_SAME_USER);
    assert_true(ChildReports(&child, "ready"));
    assert_int_equal(AttachTo(path, &device), 0);
    ChildKill(&child);
    assert_int_equal(ChildEnd(&child), -9);
    (void)unlink(path);
    snprintf(path, sizeof(path), "%s/killed.sock.lock", stage.directory);
    (void)unlink(path);
    StageClose(&stage);
}

/* Tasks that are blocked in the ioctl API are woken, too. */
static void BlockedTasksAreWokenWhenTheDomainEnds(void **state)
{
    struct Stage stage;
    char path[128];
    (void)state;

    StageOpen(&stage, LITEIPC_PROFILE_HOST);
    snprintf(path, sizeof(path), "%s/killed.sock", stage.directory);
    for (int round = 0; round < 5; round++) {
        struct Child child;
        ChildStart(&child, "domain", path, "", CHILD_SAME_USER);
        assert_true(ChildReports(&child, "ready"));
        struct Actor *cms = ActorProcessOf(&stage, path);
        struct Actor *cli = ActorProcessOf(&stage, path);
        assert_int_equal(ActorOpen(cms), 0);
        assert_int_equal(ActorOpen(cli), 0);
        assert_int_equal(ActorMap(cms, ACTOR_POOL, PROT_READ, MAP_PRIVATE), 0);
        assert_int_equal(ActorMap(cli, ACTOR_POOL, PROT_READ, MAP_PRIVATE), 0);
        assert_int_equal(ActorSetCms(cms, ACTOR_CMS_MESSAGE), 0);
        IpcMsg out = ActorRequest(0, 1);
        ActorMsgStart(cli, SEND | RECV, &out, NULL);
        assert_int_equal(ActorReceive(cms, NULL), 0);
        ActorMsgStart(cms, RECV, NULL, NULL);
        uint64_t start = NowMs();
        ChildKill(&child);
        assert_int_equal(ActorMsgEnd(cli, NULL), -ENODEV);
        assert_int_equal(ActorMsgEnd(cms, NULL), -ENODEV);
        assert_true(NowMs() - start < TEST_PROMPT_MS);
        assert_int_equal(ActorReceive(cms, NULL), -ENODEV);
        assert_int_equal(ActorSend(cli, &out), -ENODEV);
        assert_int_equal(ChildEnd(&child), -9);
        ActorDetach(cms);
        ActorDetach(cli);
    }
    (void)unlink(path);
    snprintf(path, sizeof(path), "%s/killed.sock.lock", stage.directory);
    (void)unlink(path);
    StageClose(&stage);
}

int main(int count, char **arguments)
{
    ChildRunIfAsked(count, arguments, roles);
    const struct CMUnitTest tests[] = {
        TRIO_TEST(ClientKilledWhileItStreams),
        TRIO_TEST(ServiceKilledWithCallsInFlight),
        TRIO_TEST(CallerOfTheIoctlApiGetsAnError),
        cmocka_unit_test(DomainKilled),
        cmocka_unit_test(BlockedTasksAreWokenWhenTheDomainEnds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
