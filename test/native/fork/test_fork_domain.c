/*
 * Tests forks of a program that runs a domain: the child inherits nothing of the domain and does
 * not keep it running.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/control_client.h"
#include "support/forked.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define FORKS 40
#else
#define FORKS 200
#endif

static struct ForkStage host; /* domain in this process */

static int SetUp(void **state)
{
    host = (struct ForkStage){0};
    StageOpen(&host.stage, LITEIPC_PROFILE_LITEOS_A);
    host.own = host.stage.domain;
    (void)snprintf(host.path, sizeof(host.path), "%s", LiteIpcDomainPath(host.own));
    *state = &host;
    return 0;
}

static int TearDown(void **state)
{
    (void)state;
    StageClose(&host.stage);
    return 0;
}
#define HOST_TEST(test) cmocka_unit_test_setup_teardown(test, SetUp, TearDown)

static void HasOnlyWhatWasKnown(struct LiteIpcDevice *parent, void *argument)
{
    (void)parent;
    FORKED_CHECK(KnownDescriptorsOnly(argument, NULL));
    FORKED_CHECK(!LiteIpcIsMapped());
}

/* Processes, lanes, spare lane ends, and a connection that has not sent HELLO. */
static void ChildInheritsNothingOfTheDomain(void **state)
{
    struct KnownDescriptors known;
    (void)state;

    StageClose(&host.stage);
    KnownDescriptorsTake(&known);
    (void)SetUp(state);
    struct Actor *manager = ForkStageManager(&host);
    struct Actor *client = ForkStageActor(&host);
    struct Actor *service = ForkStageService(&host, manager, client);
    IpcMsg out = ActorOneway(ActorID(service), 1);
    assert_int_equal(ActorSend(client, &out), 0);
    int silent = TestConnect(host.path);
    assert_true(silent >= 0);
    (void)TestDescriptorsSettled();
    known.open[silent] = true; /* the test's end of the connection */
    assert_true(OthersCloseOnExec(&known));
    for (int i = 0; i < 3; i++) {
        assert_true(ForkedRun(&host, ActorDevice(client), HasOnlyWhatWasKnown, &known));
        assert_int_equal(ActorSend(client, &out), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(ActorReceive(service, NULL), 0);
    }
    close(silent);
}

/* Runs processes that start and exit, so that the domain is busy. */
static int BusyRole(const char *path, const char *argument)
{
    uint32_t count = 0;
    (void)argument;
    for (;; count++) {
        struct TestClient client;
        struct TestThread thread;
        if (TestClientOpen(path, &client) != 0 || TestThreadOpen(&client, &thread) != 0) {
            return 1;
        }
        for (uint32_t end = 1; end <= 4; end++) {
            if (TestDeposit(&thread, end) != 0) {
                return 2;
            }
        }
        TestThreadClose(&thread);
        TestClientClose(&client);
        if (count == 0) {
            ChildReport("busy");
        }
    }
}

static void ContinueWhileParentRuns(struct LiteIpcDevice *parent, void *argument)
{
    struct Forked self;
    FORKED_CHECK(KnownDescriptorsOnly(argument, NULL));
    FORKED_CHECK(!LiteIpcIsMapped());
    ForkedReady(parent, &self);
    ForkedFinish(&self);
}

static void ABusyDomainsProgramForks(void **state)
{
    struct KnownDescriptors known;
    struct Child busy;
    bool good = true;

    StageClose(&host.stage);
    KnownDescriptorsTake(&known);
    (void)SetUp(state);
    struct Actor *manager = ForkStageManager(&host);
    ChildStart(&busy, "busy", host.path, "", CHILD_SAME_USER);
    known.open[busy.input] = known.open[busy.output] = true;
    assert_true(ChildReports(&busy, "busy"));
    for (int i = 0; i < FORKS && good; i++) {
        good = ForkedRun(&host, ActorDevice(manager), ContinueWhileParentRuns, &known);
    }
    assert_false(ChildHasExited(&busy));
    ChildKill(&busy);
    assert_int_equal(ChildEnd(&busy), -SIGKILL);
    assert_true(good);
}

/*
 * ---- the domain's process is killed, its child survives ---------------------------------------
 */

#define CHILD_INPUT 4 /* the test writes here to let the child continue, see support/child.c */

static void ContinueAfterParent(struct LiteIpcDevice *parent, void *argument)
{
    char byte;
    (void)parent;
    (void)argument;
    (void)!read(CHILD_INPUT, &byte, 1);
}

static int HostRole(const char *path, const char *argument)
{
    struct LiteIpcDomainOptions options = {
        .name = path, .profile = LITEIPC_PROFILE_LITEOS_A, .socketGid = (uint32_t)-1};
    struct ForkStage stage = {0};
    (void)argument;
    if (LiteIpcDomainStart(&options, &stage.own) != 0) {
        return 1;
    }
    ChildReport("ready");
    ChildAwaitResume();
    ChildReportNumber((uint32_t)ForkedStart(&stage, NULL, ContinueAfterParent, NULL));
    for (;;) {
        pause();
    }
}

static void DomainEndsWithItsProgram(void **state)
{
    struct LiteIpcDomainOptions options = {.profile = LITEIPC_PROFILE_LITEOS_A,
                                           .socketGid = (uint32_t)-1};
    char path[128];
    struct Child program;
    struct LiteIpcDomain *next;
    struct LiteIpcDevice *device;
    (void)state;

    snprintf(path, sizeof(path), "%s/other", host.stage.directory);
    ChildStart(&program, "host", path, "", CHILD_SAME_USER);
    assert_true(ChildReports(&program, "ready"));
    struct Actor *actor = ActorProcessOf(&host.stage, path);
    assert_int_equal(ActorOpen(actor), 0);
    assert_int_equal(ActorMap(actor, ACTOR_POOL, PROT_READ, MAP_PRIVATE), 0);
    assert_int_equal(ActorSetCms(actor, ACTOR_CMS_MESSAGE), 0);
    ChildResume(&program);
    pid_t child = (pid_t)ChildNumber(&program); /* forked while the domain has these processes */
    ActorMsgStart(actor, RECV, NULL, NULL);
    uint64_t start = NowMs();
    ChildKill(&program);
    assert_int_equal(ActorMsgEnd(actor, NULL), -ENODEV);
    assert_true(NowMs() - start < TEST_PROMPT_MS);
    while (!ChildHasExited(&program)) {
        SleepMs(1); /* the kernel closes its descriptors one after the other */
    }
    assert_int_equal(kill(child, 0), 0);
    assert_int_equal(LiteIpcDeviceAttach(path, &device), -ENODEV);
    options.name = path;
    assert_int_equal(LiteIpcDomainStart(&options, &next), 0); /* the name is free */
    assert_int_equal(kill(child, 0), 0);
    LiteIpcDomainStop(next);
    ActorDetach(actor);
    ChildResume(&program); /* lets its child continue */
    assert_int_equal(ChildEnd(&program), -SIGKILL);
}

int main(int count, char **arguments)
{
    const struct ChildRole roles[] = {{"host", HostRole}, {"busy", BusyRole}, {NULL, NULL}};
    ChildRunIfAsked(count, arguments, roles);
    const struct CMUnitTest tests[] = {
        HOST_TEST(ChildInheritsNothingOfTheDomain),
        HOST_TEST(ABusyDomainsProgramForks),
        HOST_TEST(DomainEndsWithItsProgram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
