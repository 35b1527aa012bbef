/*
 * Runs real attacking processes, as another user if the test is root. They have real descriptors
 * and try to reach memory, lanes, wake-ups and rights of others.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/control_blocks.h"
#include "kernel/pool.h"
#include "support/attack.h"
#include "support/child.h"
#include "support/endpoint.h"
#include "support/hostile.h"

static struct Endpoint *const client = &trio.client;
static struct Endpoint *const service = &trio.service;

/* Information that an attacker has: task IDs, and the lane of another process. */
struct Knowledge {
    uint32_t service, client, manager, clientLane;
};

static struct Knowledge Parse(const char *argument)
{
    struct Knowledge known = {0};
    (void)sscanf(argument, "%u %u %u %u", &known.service, &known.client, &known.manager,
                 &known.clientLane);
    return known;
}

static void Expect(const char *what, bool holds)
{
    if (!holds) {
        fprintf(stderr, "attacker: %s\n", what);
        exit(1);
    }
}

/* ---- roles ----------------------------------------------------------------------------------- */

/* Has no right, and therefore no lane, no memory and no bell of another process. */
static int StrangerRole(const char *domain, const char *argument)
{
    struct Knowledge known = Parse(argument);
    static struct Hostile self;
    unsigned pipes = AttackCountDescriptors("pipe:"); /* pipes of the test */
    HostileOpen(domain, &self);
    Expect("a lane without a right",
           HostileLaneOpen(&self, known.service, 65536, false) == -EACCES);
    Expect("a lane for an answer without a request",
           HostileLaneOpen(&self, known.service, 65536, true) == -EACCES);
    Expect("a lane to a client", HostileLaneOpen(&self, known.client, 65536, false) == -EACCES);
    Expect("only the control table is shared memory", AttackCountDescriptors("memfd:") == 1);
    Expect("no bells", AttackCountDescriptors("pipe:") == pipes);
    Expect("writing the control table",
           AttackMemoryFails("control table", self.process.client.tableDescriptor,
                             self.process.client.table, self.process.client.identity.tableSize));
    return 0;
}

/* Has a right and a lane. */
static int MemoryRole(const char *domain, const char *argument)
{
    struct Knowledge known = Parse(argument);
    static struct Hostile self;
    HostileOpen(domain, &self);
    ChildReportNumber(self.process.taskID);
    ChildAwaitResume();
    Expect("its own lane", HostileLaneOpen(&self, known.service, LITEIPC_PAGE_SIZE, false) == 0);
    Expect("exactly the table, its ring, the lane's cursors",
           AttackCountDescriptors("memfd:") == 3);
    Expect("writing the control table",
           AttackMemoryFails("control table", self.process.client.tableDescriptor,
                             self.process.client.table, self.process.client.identity.tableSize));
    Expect("writing the receiver's cursors",
           AttackMemoryFails("cursors", self.lane.cursorsDescriptor, self.lane.cursors,
                             RING_CURSORS_SIZE));
    Expect("writing its own ring through another mapping",
           AttackMemoryFails("ring", self.lane.ringDescriptor, NULL, self.lane.ringSize));
    struct IpcRecord record = HostileRequest(&self, known.service, 9, 4);
    Expect("the lane still works", HostileSend(&self.lane, &record) == 0);
    return 0;
}

/* Sends requests to the domain in the name of others. */
static int ImpostorRole(const char *domain, const char *argument)
{
    struct Knowledge known = Parse(argument);
    static struct Hostile self;
    HostileOpen(domain, &self);
    struct TestThread *thread = &self.process.thread;
    ChildReportNumber(self.process.taskID);
    ChildAwaitResume();
    const uint32_t tasks[] = {known.service, known.client, known.manager};
    for (int i = 0; i < 3; i++) {
        uint32_t handle = known.service;
        struct ControlAccess access = {.callerTaskID = tasks[i],
                                       .processID = self.process.client.identity.processID,
                                       .serviceHandle = known.service};
        struct ControlMessage lane = {.type = CONTROL_LANE_OPEN,
                                      .lane = {.taskID = known.service,
                                               .sourceTaskID = tasks[i],
                                               .ringSize = TEST_RING_SIZE}};
        int ring = TestMemory(TEST_RING_SIZE, TEST_SEALS);
        Expect("a lane in another's name", TestCall(&thread->socket, &lane, &ring, 1, NULL) != 0);
        close(ring);
        Expect("ending another's task", TestObject(thread, CONTROL_TASK_EXIT, tasks[i], 0) != 0);
        Expect("another's IPC task", TestObject(thread, CONTROL_SET_IPC_TASK, tasks[i], 0) != 0);
        Expect("another's queue, except the manager's",
               i == 2 || TestObject(thread, CONTROL_TASK_INIT, tasks[i], 0) != 0);
        Expect("the role for another", TestSetCms(thread, tasks[i], 65536) != 0);
        Expect("commands in the manager's name",
               TestCmsCommand(thread, tasks[i], CMS_ADD_ACCESS, self.process.taskID, &handle) != 0);
        Expect("revoking in the manager's name", TestRemoveAccess(thread, &access) != 0);
    }
    Expect("closing another's lane",
           TestObject(thread, CONTROL_LANE_CLOSE, known.clientLane, 0) == -ENOENT);
    Expect("leasing another's lane",
           TestObject(thread, CONTROL_LANE_LEASE, known.clientLane, 0) == -ENOENT);
    struct ControlMessage drained = {.type = CONTROL_LANE_DRAINED, .object.id = known.clientLane};
    Expect("a message without answer",
           TestSend(thread->socket.descriptor, &drained, sizeof(drained), NULL, 0) == 0);
    Expect("still a member", TestObject(thread, CONTROL_TASK_INIT, self.process.taskID, 0) == 0);

    /* Also in its own lane. */
    Expect("its own lane", HostileLaneOpen(&self, known.service, 65536, false) == 0);
    for (int i = 0; i < 3; i++) {
        struct IpcRecord record = HostileRequest(&self, known.service, 666, 4);
        struct ControlTaskFacts facts;
        Expect("facts", ControlTaskRead(self.process.client.table, tasks[i], &facts) == 0);
        record.sourceTask = tasks[i];
        record.sourceGeneration = facts.generation;
        Expect("sending", HostileSend(&self.lane, &record) == 0);
    }
    ChildReport("sent");
    ChildAwaitResume();
    return 0;
}

/* Drains and blocks the bells that it can reach. */
static int BellRole(const char *domain, const char *argument)
{
    struct Knowledge known = Parse(argument);
    static struct Hostile self;
    static char junk[65536];
    HostileOpen(domain, &self);
    ChildReportNumber(self.process.taskID);
    ChildAwaitResume();
    Expect("its own lane", HostileLaneOpen(&self, known.service, 65536, false) == 0);
    for (int round = 0; round < 50; round++) {
        while (write(self.lane.bell.ring, junk, sizeof(junk)) > 0) {
        }
        while (round % 2 == 0 && read(self.lane.bell.listen, junk, sizeof(junk)) > 0) {
        }
    }
    /* Makes the pipe blocking for all processes that share it. */
    (void)fcntl(self.lane.bell.ring, F_SETFL, 0);
    (void)fcntl(self.lane.bell.listen, F_SETFL, 0);
    (void)fcntl(self.lane.bell.ring, F_SETPIPE_SZ, 4096);
    ChildReport("full");
    ChildAwaitResume();
    return 0;
}

/* Sends before and after the revocation of its right. */
static int RevokedRole(const char *domain, const char *argument)
{
    struct Knowledge known = Parse(argument);
    static struct Hostile self;
    HostileOpen(domain, &self);
    ChildReportNumber(self.process.taskID);
    ChildAwaitResume();
    Expect("its own lane", HostileLaneOpen(&self, known.service, 65536, false) == 0);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 10; i++) {
            struct IpcRecord record = HostileRequest(&self, known.service, 77, 4);
            Expect("sending", HostileSend(&self.lane, &record) == 0);
        }
        ChildReport("sent");
        ChildAwaitResume(); /* the right is revoked now */
    }
    Expect("another lane", HostileLaneOpen(&self, known.service, 65536, false) == -EACCES);
    return 0;
}

static const struct ChildRole roles[] = {
    {"stranger", StrangerRole}, {"memory", MemoryRole},   {"impostor", ImpostorRole},
    {"bell", BellRole},         {"revoked", RevokedRole}, {NULL, NULL},
};

/* ---- tests ----------------------------------------------------------------------------------- */

/* The attackers' user: the test's own user, or another if the test is root. */
static uint32_t attackerUid;

/* Sets up a trio in a domain that every user may reach. */
static int SetUp(void **state)
{
    static char path[128];
    (void)state;
    trio = (struct Trio){0};
    StageOpen(&trio.stage, LITEIPC_PROFILE_HOST);
    LiteIpcDomainStop(trio.stage.domain);
    trio.stage.domain = NULL;
    assert_int_equal(chmod(trio.stage.directory, 0711), 0);
    snprintf(path, sizeof(path), "%s/open.sock", trio.stage.directory);
    struct LiteIpcDomainOptions options = {.name = path,
                                           .profile = LITEIPC_PROFILE_HOST,
                                           .socketMode = 0666,
                                           .socketGid = (uint32_t)-1};
    assert_int_equal(LiteIpcDomainStart(&options, &trio.stage.domain), 0);
    EndpointOpen(path, &trio.manager, 0);
    EndpointOpen(path, client, 0);
    EndpointOpen(path, service, 65536);
    EndpointManage(&trio.manager);
    EndpointGrant(&trio.manager, client, service);
    assert_int_equal(EndpointSendOneWay(client, service, 1), 0);
    assert_true(EndpointGets(service, 1));
    return 0;
}

static void Start(struct Child *child, const char *role)
{
    char known[64];
    const struct OutboundLane *lane = client->thread->outbound[service->thread->threadID];
    snprintf(known, sizeof(known), "%u %u %u %u", service->taskID, client->taskID,
             trio.manager.taskID, lane->laneID);
    ChildRequire(attackerUid);
    ChildStart(child, role, LiteIpcDomainPath(trio.stage.domain), known, attackerUid);
}

/* Starts an attacker with a right to call the service. */
static struct Endpoint StartClient(struct Child *child, const char *role)
{
    Start(child, role);
    struct Endpoint as = {.taskID = ChildNumber(child)};
    assert_int_not_equal(as.taskID, 0);
    EndpointGrant(&trio.manager, &as, service);
    ChildResume(child);
    return as;
}

static void *SendLater(void *argument)
{
    struct LiteIpcOutgoing out = EndpointRequest(service, 100, LITEIPC_FLAG_ONEWAY);
    SleepMs(5);
    *(int *)argument = LiteIpcSendRequest(client->task, &out, 0, NULL);
    return NULL;
}

/* Asserts that a message of the client wakes the service. */
static void ClientIsUnharmed(void)
{
    for (int round = 0; round < 5; round++) {
        pthread_t system;
        int status = -EIO;
        assert_true(EndpointIsQuiet(service));
        assert_int_equal(pthread_create(&system, NULL, SendLater, &status), 0);
        bool came = EndpointGets(service, 100);
        pthread_join(system, NULL);
        assert_true(came);
        assert_int_equal(status, 0);
    }
}

static void ProcessesWithoutRightsGetNothing(void **state)
{
    struct Child child;
    (void)state;
    Start(&child, "stranger");
    assert_int_equal(ChildEnd(&child), 0);
    ClientIsUnharmed();
}

static void MemoryOfOthersCannotBeWritten(void **state)
{
    struct Child child;
    (void)state;
    (void)StartClient(&child, "memory");
    assert_true(EndpointGets(service, 9));
    assert_int_equal(ChildEnd(&child), 0);
    ClientIsUnharmed();
}

static void RequestsInTheNameOfOthersAreRefused(void **state)
{
    struct LiteIpcThreadCounters counters;
    struct Child child;
    (void)state;
    (void)StartClient(&child, "impostor");
    assert_true(ChildReports(&child, "sent"));
    assert_true(EndpointIsQuiet(service));
    LiteIpcThreadCount(service->thread, &counters);
    assert_int_equal(counters.malformed, 3);
    ClientIsUnharmed();
    ChildResume(&child);
    assert_int_equal(ChildEnd(&child), 0);
}

static void WakeUpsOfOthersCannotBeStopped(void **state)
{
    struct Child child;
    (void)state;
    (void)StartClient(&child, "bell");
    assert_true(ChildReports(&child, "full"));
    assert_true(EndpointIsQuiet(service));
    ClientIsUnharmed();
    ChildResume(&child);
    assert_int_equal(ChildEnd(&child), 0);
    ClientIsUnharmed();
}

static void RevokedClientsCannotSend(void **state)
{
    struct Child child;
    (void)state;
    struct Endpoint as = StartClient(&child, "revoked");
    assert_true(ChildReports(&child, "sent"));
    struct LiteIpcEvent event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
    assert_int_equal(event.message->code, 77);
    assert_int_equal(event.message->userID,
                     attackerUid == CHILD_SAME_USER ? getuid() : attackerUid);
    assert_int_equal(event.callerPid, child.pid);
    struct LiteIpcControlRequest request = {.operation = LITEIPC_CONTROL_REMOVE_ACCESS,
                                            .task = trio.manager.task,
                                            .value0 = event.message->processID,
                                            .value1 = service->taskID};
    assert_int_equal(LiteIpcFree(service->thread, event.message), 0);
    (void)as;
    assert_int_equal(EndpointControl(&trio.manager, &request, &event), 0);
    assert_true(EndpointIsQuiet(service)); /* nine messages were pending */
    ChildResume(&child);
    assert_true(ChildReports(&child, "sent"));
    assert_true(EndpointIsQuiet(service));
    ClientIsUnharmed();
    ChildResume(&child);
    assert_int_equal(ChildEnd(&child), 0);
    assert_true(EndpointPoolIsEmpty(service));
}

#define MEMORY_TEST(test) cmocka_unit_test_setup_teardown(test, SetUp, TrioTearDown)

int main(int count, char **arguments)
{
    ChildRunIfAsked(count, arguments, roles);
    const struct CMUnitTest tests[] = {
        MEMORY_TEST(ProcessesWithoutRightsGetNothing),
        MEMORY_TEST(MemoryOfOthersCannotBeWritten),
        MEMORY_TEST(RequestsInTheNameOfOthersAreRefused),
        MEMORY_TEST(WakeUpsOfOthersCannotBeStopped),
        MEMORY_TEST(RevokedClientsCannotSend),
    };
    attackerUid = CHILD_SAME_USER;
    int failed = cmocka_run_group_tests_name("attackers of the same user", tests, NULL, NULL);
    attackerUid = CHILD_OTHER_USER;
    return failed + cmocka_run_group_tests_name("attackers of another user", tests, NULL, NULL);
}
