/*
 * Tests that weaknesses of the kernel's current LiteIPC do not exist here, one test each.
 * docs/threat-model.md lists them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "liteipc/hook_types.h"
#include "support/actors.h"
#include "support/control_client.h"
#include "support/parcel.h"

static struct Actor *cms, *cli, *svc;
static struct Parcel parcel;
static char bytes[6000];

static int SetUp(void **state)
{
    int status = StageSetUp(state);
    cms = ActorManager(*state);
    cli = ActorReady(*state);
    svc = ActorService(cms, cli);
    memset(bytes, 'b', sizeof(bytes));
    return status;
}
#define TODAY_TEST(test) cmocka_unit_test_setup_teardown(test, SetUp, StageTearDown)

/* Sends until there is no room for another message of this size. Returns the number of messages. */
static uint32_t Fill(struct Actor *from, uint32_t size)
{
    uint32_t sent = 0;
    IpcMsg out = ActorOneway(ActorID(svc), 1);
    out.data = bytes;
    out.dataSz = size;
    while (ActorSend(from, &out) == 0) {
        sent++;
    }
    return sent;
}

static void Empty(uint32_t count)
{
    while (count-- > 0) {
        assert_int_equal(ActorReceive(svc, NULL), 0);
    }
}

/*
 * Kernel: a failed allocation after the node leaks the node. Here a failed message leaves nothing.
 */
static void FailedMessagesLeaveNothing(void **state)
{
    struct LiteIpcThreadCounters before, after;
    (void)state;

    uint32_t room = Fill(cli, 4000);
    Empty(room);
    LiteIpcThreadCount(ActorThread(cli), &before);
    for (int i = 0; i < 200; i++) {
        ParcelBegin(&parcel, ActorOneway(ActorID(svc), 2));
        ParcelPtr(&parcel, bytes, 100);
        ParcelSvc(&parcel, INVALID_ID, 1, 0);
        ParcelFd(&parcel, STDIN_FILENO);
        ParcelPtr(&parcel, bytes, ACTOR_POOL); /* does not fit */
        assert_int_equal(ActorSend(cli, &parcel.msg), -EINVAL);
    }
    LiteIpcThreadCount(ActorThread(cli), &after);
    assert_int_equal(after.sent, before.sent);
    assert_true(ActorPoolIsEmpty(svc));
    assert_int_equal(Fill(cli, 4000), room);
    Empty(room);
}

/* Kernel: the offsets array is unaligned if dataSz is no multiple of 4. */
static void OffsetsAreAligned(void **state)
{
    IpcMsg *got;
    (void)state;

    for (uint32_t extra = 0; extra < 9; extra++) {
        ParcelBegin(&parcel, ActorOneway(ActorID(svc), extra));
        ParcelPtr(&parcel, bytes, 10);
        ParcelBytes(&parcel, bytes, extra);
        assert_int_equal(parcel.msg.dataSz % 4, extra % 4);
        assert_int_equal(ActorSend(cli, &parcel.msg), 0);
        assert_int_equal(ActorReceive(svc, &got), 0);
        assert_int_equal((uintptr_t)got->offsets % sizeof(uint32_t), 0);
        assert_int_equal(*(const uint32_t *)got->offsets, 0);
        assert_true((const char *)got->offsets >= (const char *)got->data + got->dataSz);
        assert_int_equal(ActorFree(svc, ParcelBuffer(got, 0, 'b', 10)), 0);
        assert_int_equal(ActorFree(svc, got), 0);
    }
}

/*
 * Kernel: sending installs descriptors in the receiver without its consent, up to 409 per message.
 */
static void DescriptorsAreInstalledOnReceive(void **state)
{
    IpcMsg plain = ActorOneway(ActorID(svc), 1);
    IpcMsg *got;
    (void)state;

    ParcelBegin(&parcel, ActorOneway(ActorID(svc), 2));
    for (int i = 0; i < 17; i++) {
        ParcelFd(&parcel, STDIN_FILENO);
    }
    assert_int_equal(ActorSend(cli, &parcel.msg), -EINVAL);
    ParcelBegin(&parcel, ActorOneway(ActorID(svc), 3));
    ParcelFd(&parcel, STDIN_FILENO);
    assert_int_equal(ActorSend(cli, &parcel.msg), 0); /* the descriptor socket is created */
    assert_int_equal(ActorReceive(svc, &got), 0);
    close(ParcelFdOf(got, 0));
    assert_int_equal(ActorFree(svc, got), 0);
    assert_int_equal(ActorSend(svc, &plain), 0);
    size_t before = TestDescriptorsSettled();
    unsigned sent = 0;
    int status;
    while ((status = ActorSend(cli, &parcel.msg)) == 0) {
        sent++;
    }
    assert_int_equal(status, -ENOMEM);
    assert_int_equal(sent, 16);
    assert_int_equal(TestDescriptorCount(), before); /* no descriptor was installed */
    assert_int_equal(ActorReceive(svc, NULL), 0);
    assert_int_equal(ActorReceive(svc, &got), 0);
    /* The descriptors of the received message. */
    assert_int_equal(TestDescriptorCount(), before + 1);
    close(ParcelFdOf(got, 0));
    assert_int_equal(ActorFree(svc, got), 0);
    ActorExitTask(svc);                         /* the others were never received */
    assert_true(TestDescriptorCountIs(before)); /* another thread closes some of them */
}

/* Kernel: one sender can fill a receiver's pool. */
static void FloodingSenderExhaustsOnlyItsShare(void **state)
{
    struct Actor *other = ActorReady(*state);
    IpcMsg out = ActorOneway(ActorID(svc), 2);
    IpcMsg *got;

    assert_int_equal(ActorGrant(cms, other, svc), 0);
    uint32_t flood = Fill(cli, 1000);
    assert_true(flood > 10);
    out.data = bytes;
    out.dataSz = 6000;
    for (int i = 0; i < 5; i++) { /* a large part of the pool */
        assert_int_equal(ActorSend(other, &out), 0);
    }
    uint32_t others = 0;
    for (uint32_t i = 0; i < flood + 5; i++) {
        assert_int_equal(ActorReceive(svc, &got), 0);
        others += ActorProcessID(other) == got->processID && got->dataSz == 6000;
        assert_int_equal(ActorFree(svc, got), 0);
    }
    assert_int_equal(others, 5);
}

/* Kernel: the first process that opens the device can become ServiceManager. */
static void OnlyListedProgramsBecomeManager(void **state)
{
    struct Stage *stage = *state;
    uint32_t somebody = geteuid() + 1;
    char path[128];
    snprintf(path, sizeof(path), "%s/chosen", stage->directory);
    struct LiteIpcDomainOptions options = {.name = path,
                                           .profile = LITEIPC_PROFILE_LITEOS_A,
                                           .socketGid = (uint32_t)-1,
                                           .cmsUids = &somebody,
                                           .cmsUidCount = 1};
    struct LiteIpcDomain *domain;
    assert_int_equal(LiteIpcDomainStart(&options, &domain), 0);
    struct Actor *first = ActorProcessOf(stage, path);
    assert_int_equal(ActorOpen(first), 0);
    assert_int_equal(ActorMap(first, ACTOR_POOL, PROT_READ, MAP_PRIVATE), 0);
    assert_int_equal(ActorSetCms(first, ACTOR_CMS_MESSAGE), -EPERM);
    ActorDetach(first);
    LiteIpcDomainStop(domain);

    somebody = geteuid();
    assert_int_equal(LiteIpcDomainStart(&options, &domain), 0);
    first = ActorProcessOf(stage, path);
    assert_int_equal(ActorOpen(first), 0);
    assert_int_equal(ActorMap(first, ACTOR_POOL, PROT_READ, MAP_PRIVATE), 0);
    assert_int_equal(ActorSetCms(first, ACTOR_CMS_MESSAGE), 0);
    ActorDetach(first);
    LiteIpcDomainStop(domain);
}

/* Kernel: a terminated ServiceManager is never replaced. */
static void TerminatedManagersAreReplaced(void **state)
{
    IpcMsg toManager = ActorOneway(CMS_HANDLE, 1);
    IpcMsg toService = ActorOneway(ActorID(svc), 2);

    ActorExitTask(cms);
    assert_int_equal(ActorSend(cli, &toManager), -EINVAL);
    assert_int_equal(ActorSend(cli, &toService), 0); /* all other processes continue */
    assert_int_equal(ActorReceive(svc, NULL), 0);
    struct Actor *next = ActorManager(*state);
    assert_int_equal(ActorSend(cli, &toManager), 0);
    assert_int_equal(ActorReceive(next, NULL), 0);
    assert_int_equal(ActorGrant(next, next, svc), 0);
}

/* Kernel: access to a service remains granted when the granting message fails. */
static void FailedMessagesGrantNothing(void **state)
{
    struct Actor *other = ActorReady(*state);
    IpcMsg out = ActorOneway(ActorID(cli), 1);

    ParcelBegin(&parcel, ActorOneway(ActorID(svc), 2));
    ParcelSvc(&parcel, INVALID_ID, 1, 0); /* the client as a service */
    ParcelFd(&parcel, -1);                /* fails */
    assert_int_equal(ActorSend(cli, &parcel.msg), -EBADF);
    assert_int_equal(ActorSend(svc, &out), -EACCES);
    assert_false(LiteIpcHasAccess(ActorDevice(svc), ActorID(cli)));
    ParcelBegin(&parcel, ActorOneway(ActorID(svc), 2)); /* the same message without the failure */
    ParcelSvc(&parcel, INVALID_ID, 1, 0);
    assert_int_equal(ActorSend(cli, &parcel.msg), 0);
    assert_int_equal(ActorReceive(svc, NULL), 0);
    assert_int_equal(ActorSend(svc, &out), 0);
    assert_int_equal(ActorReceive(cli, NULL), 0);
    assert_int_equal(ActorSend(other, &out), -EACCES);
}

static int ReceiveStep(struct Actor *actor, void *argument)
{
    return LiteIpcIoctl(ActorTask(actor), IPC_SEND_RECV_MSG, (unsigned long)argument);
}

/* Kernel: RECV without SEND compares a reply with an uninitialised outMsg. */
static void ReceivingIgnoresOutMsg(void **state)
{
    IpcMsg out = ActorRequest(ActorID(svc), 1);
    IpcMsg own = ActorOneway(ActorID(cli), 9);
    IpcContent content = {.flag = RECV, .outMsg = (IpcMsg *)(uintptr_t)8};
    IpcMsg *got;
    (void)state;

    assert_int_equal(ActorSend(cli, &out), 0); /* a call whose answer is not awaited */
    assert_int_equal(ActorReceive(svc, &got), 0);
    assert_int_equal(ActorReply(svc, MT_REPLY, got, 2), 0);
    ActorStart(cli, ReceiveStep, &content);
    assert_false(ActorIsDone(cli)); /* the reply is dropped, and the wait continues */
    struct Actor *sibling = ActorSibling(cli);
    assert_int_equal(ActorSend(sibling, &own), 0);
    assert_int_equal(ActorJoin(cli), 0);
    assert_true(ActorIsMessage(content.inMsg, MT_REQUEST, 9, sibling));
    assert_int_equal(ActorFree(cli, content.inMsg), 0);
    assert_true(ActorPoolIsEmpty(cli));
}

/* Kernel: uninitialised bytes of an FD object are copied from the sender's memory. */
static void ObjectsCarryNoUninitialisedBytes(void **state)
{
    static const char zeroes[sizeof(SpecialObj)];
    SpecialObj object;
    IpcMsg *got;
    (void)state;

    memset(&object, 0xAA, sizeof(object));
    object.type = OBJ_FD;
    object.content.fd = STDIN_FILENO;
    ParcelBegin(&parcel, ActorOneway(ActorID(svc), 1));
    ParcelObject(&parcel, &object);
    memset(&object, 0xAA, sizeof(object));
    object.type = OBJ_SVC;
    object.content.svc = (SvcIdentity){.handle = ActorID(cli), .token = 1};
    ParcelObject(&parcel, &object);
    assert_int_equal(ActorSend(cli, &parcel.msg), 0);
    assert_int_equal(ActorReceive(svc, &got), 0);
    const char *data = got->data;
    size_t content = offsetof(SpecialObj, content);
    close(ParcelFdOf(got, 0));
    assert_memory_equal(data + sizeof(ObjType), zeroes, content - sizeof(ObjType));
    assert_memory_equal(data + content + sizeof(uint32_t), zeroes,
                        sizeof(SpecialObj) - content - sizeof(uint32_t));
    data += sizeof(SpecialObj);
    assert_memory_equal(data + sizeof(ObjType), zeroes, content - sizeof(ObjType));
    assert_memory_equal(data + content + sizeof(SvcIdentity), zeroes,
                        sizeof(SpecialObj) - content - sizeof(SvcIdentity));
    assert_int_equal(ActorFree(svc, got), 0);
}

/* Kernel: the trace hook records a READ as READ_DROP. */
static void ReadsAreTracedAsReads(void **state)
{
    struct LiteIpcTraceRecord records[16];
    uint64_t lost;
    IpcMsg out = ActorRequest(ActorID(svc), 77);
    IpcMsg *got;
    unsigned reads = 0, drops = 0;
    (void)state;

    assert_int_equal(LiteIpcTraceStart(ActorDevice(svc), 64), 0);
    assert_int_equal(ActorSend(cli, &out), 0);
    assert_int_equal(ActorReceive(svc, &got), 0);
    assert_int_equal(ActorReply(svc, MT_REPLY, got, 78), 0);
    assert_int_equal(LiteIpcTraceStop(ActorDevice(svc)), 0);
    int count = LiteIpcTraceRead(ActorDevice(svc), records, 16, &lost);
    for (int i = 0; i < count; i++) {
        reads += records[i].hook == LOS_HOOK_TYPE_IPC_READ && records[i].code == 77;
        drops += records[i].hook == LOS_HOOK_TYPE_IPC_READ_DROP;
    }
    assert_true(reads == 1 && drops == 0);
    /* A real drop: no task waits for the answer. */
    assert_int_equal(LiteIpcTraceStart(ActorDevice(cli), 64), 0);
    ActorMsgStart(cli, RECV, NULL, NULL);
    ActorExitProcess(cli);
    assert_int_equal(ActorMsgEnd(cli, NULL), -ERFKILL);
    count = LiteIpcTraceRead(ActorDevice(cli), records, 16, &lost);
    for (int i = 0; i < count; i++) {
        reads += records[i].hook == LOS_HOOK_TYPE_IPC_READ;
        drops += records[i].hook == LOS_HOOK_TYPE_IPC_READ_DROP && records[i].code == 78;
    }
    assert_true(reads == 1 && drops == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TODAY_TEST(FailedMessagesLeaveNothing),
        TODAY_TEST(OffsetsAreAligned),
        TODAY_TEST(DescriptorsAreInstalledOnReceive),
        TODAY_TEST(FloodingSenderExhaustsOnlyItsShare),
        TODAY_TEST(OnlyListedProgramsBecomeManager),
        TODAY_TEST(TerminatedManagersAreReplaced),
        TODAY_TEST(FailedMessagesGrantNothing),
        TODAY_TEST(ReceivingIgnoresOutMsg),
        TODAY_TEST(ObjectsCarryNoUninitialisedBytes),
        TODAY_TEST(ReadsAreTracedAsReads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
