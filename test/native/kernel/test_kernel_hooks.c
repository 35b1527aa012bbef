/* Tests the seven hooks with the ioctl API: each is called once per event, with correct data. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/control_blocks.h"
#include "support/actors.h"
#include "support/hook_log.h"

static struct Actor *cms, *cli, *svc;
static struct HookLog ofClient, ofService;

/* Sets up a client and a service that have exchanged messages, so that all lanes exist. */
static int SetUp(void **state)
{
    IpcMsg *request;
    StageSetUp(state);
    cms = ActorManager(*state);
    cli = ActorReady(*state);
    svc = ActorService(cms, cli);
    IpcMsg out = ActorRequest(ActorID(svc), 0);
    ActorMsgStart(cli, SEND | RECV, &out, NULL);
    assert_int_equal(ActorReceive(svc, &request), 0);
    assert_int_equal(ActorReply(svc, MT_REPLY, request, 0), 0);
    assert_int_equal(ActorMsgEnd(cli, NULL), 0);
    HookLogStart(&ofClient, ActorDevice(cli));
    HookLogStart(&ofService, ActorDevice(svc));
    return 0;
}

static int TearDown(void **state)
{
    HookLogStop(&ofClient);
    HookLogStop(&ofService);
    return StageTearDown(state);
}
#define HOOK_TEST(test) cmocka_unit_test_setup_teardown(test, SetUp, TearDown)

static void AssertCaller(const struct HookEntry *entry, const struct Actor *actor)
{
    assert_int_equal(entry->event.task, ActorID(actor));
    assert_int_equal(entry->event.process, ActorProcessID(actor));
}

static void AssertDestination(const struct HookEntry *entry, const struct Actor *actor)
{
    assert_int_equal(entry->event.dstTask, ActorID(actor));
    assert_int_equal(entry->event.dstProcess, ActorProcessID(actor));
}

static void AssertSender(const struct HookEntry *entry, const struct Actor *actor)
{
    assert_int_equal(entry->msg.taskID, ActorID(actor));
    assert_int_equal(entry->msg.processID, ActorProcessID(actor));
}

static void ACallIsWrittenWaitedForAndRead(void **state)
{
    static char question[] = "how much is it";
    IpcMsg out = ActorRequest(ActorID(svc), 7);
    out.target.token = 8;
    out.data = question;
    out.dataSz = sizeof(question);
    IpcMsg *request;
    (void)state;

    ActorMsgStart(svc, RECV, NULL, NULL);
    struct HookEntry entry = HookLogOnly(&ofService, LOS_HOOK_TYPE_IPC_TRY_READ);
    AssertCaller(&entry, svc);
    assert_int_equal(entry.event.msgType, MT_REQUEST);
    assert_int_equal(entry.event.waitState, IPC_WAIT_LITEIPC);
    assert_int_equal(entry.event.dstTask, 0);
    assert_null(entry.event.msg);

    ActorMsgStart(cli, SEND | RECV, &out, NULL);
    entry = HookLogOnly(&ofClient, LOS_HOOK_TYPE_IPC_WRITE);
    AssertCaller(&entry, cli);
    AssertDestination(&entry, svc);
    AssertSender(&entry, cli);
    uint64_t timestamp = entry.msg.timestamp;
    assert_true(timestamp != 0);
    assert_int_equal(entry.event.waitState, IPC_WAIT_LITEIPC);
    assert_int_equal(entry.event.reason, 0);
    assert_int_equal(entry.msg.type, MT_REQUEST);
    assert_int_equal(entry.msg.code, 7);
    assert_int_equal(entry.msg.target.handle, ActorID(svc));
    assert_int_equal(entry.msg.dataSz, sizeof(question));
    assert_memory_equal(entry.data, question, sizeof(question));
    entry = HookLogOnly(&ofClient, LOS_HOOK_TYPE_IPC_TRY_READ);
    AssertCaller(&entry, cli);
    AssertDestination(&entry, svc);
    assert_int_equal(entry.event.msgType, MT_REPLY);
    assert_true(entry.event.timestamp == timestamp);

    assert_int_equal(ActorMsgEnd(svc, &request), 0);
    entry = HookLogOnly(&ofService, LOS_HOOK_TYPE_IPC_READ);
    AssertCaller(&entry, svc);
    AssertSender(&entry, cli);
    assert_true(entry.msg.timestamp == timestamp);
    assert_int_equal(entry.msg.code, 7);
    assert_int_equal(entry.msg.target.token, 8);
    assert_int_equal(entry.event.waitState, IPC_WAIT_LITEIPC);
    assert_memory_equal(entry.data, question, sizeof(question));

    assert_int_equal(ActorReply(svc, MT_REPLY, request, 9), 0);
    entry = HookLogOnly(&ofService, LOS_HOOK_TYPE_IPC_WRITE);
    AssertCaller(&entry, svc);
    AssertDestination(&entry, cli);
    assert_int_equal(entry.msg.type, MT_REPLY);
    assert_true(entry.msg.timestamp == timestamp);
    assert_int_equal(ActorMsgEnd(cli, NULL), 0);
    entry = HookLogOnly(&ofClient, LOS_HOOK_TYPE_IPC_READ);
    AssertCaller(&entry, cli);
    AssertSender(&entry, svc);
    assert_int_equal(entry.msg.code, 9);
    assert_int_equal(entry.event.waitState, IPC_WAIT_LITEIPC);

    /* Nothing else is recorded: a received message is not recorded as dropped. */
    assert_int_equal(HookLogTotal(&ofClient), 3);
    assert_int_equal(HookLogTotal(&ofService), 3);
}

static void AvailableMessagesAreReadWithoutAWait(void **state)
{
    IpcMsg out = ActorOneway(ActorID(svc), 5);
    (void)state;

    assert_int_equal(ActorSend(cli, &out), 0);
    assert_int_equal(ActorReceive(svc, NULL), 0);
    struct HookEntry entry = HookLogOnly(&ofService, LOS_HOOK_TYPE_IPC_READ);
    assert_int_equal(entry.event.waitState, IPC_WAIT_NONE);
    assert_int_equal(entry.msg.flag, LITEIPC_FLAG_ONEWAY);
    assert_int_equal(HookLogTotal(&ofService), 1);
    assert_int_equal(HookLogTotal(&ofClient), 1);
    entry = HookLogOnly(&ofClient, LOS_HOOK_TYPE_IPC_WRITE);
    assert_int_equal(entry.event.waitState, IPC_WAIT_NONE);
}

static void RefusedWritesReportTheReason(void **state)
{
    static char data[70000];
    struct Actor *stranger = ActorReady(*state);
    IpcMsg *request;
    IpcMsg out = ActorRequest(ActorID(stranger), 3);

    assert_int_equal(ActorSend(cli, &out), -EACCES);
    struct HookEntry entry = HookLogDrop(&ofClient, LOS_HOOK_TYPE_IPC_WRITE_DROP, -EACCES);
    AssertCaller(&entry, cli);
    AssertSender(&entry, cli);
    assert_int_equal(entry.event.dstTask, ActorID(stranger));
    assert_int_equal(entry.msg.code, 3);

    out = ActorOneway(ActorID(svc), 4);
    out.dataSz = sizeof(data);
    out.data = data;
    assert_int_equal(ActorSend(cli, &out), -EINVAL);
    entry = HookLogDrop(&ofClient, LOS_HOOK_TYPE_IPC_WRITE_DROP, -EINVAL);
    assert_int_equal(entry.msg.dataSz, sizeof(data));
    assert_int_equal(entry.event.dstTask, ActorID(svc));

    out.dataSz = 6000;
    unsigned fit = 0;
    int status;
    while ((status = ActorSend(cli, &out)) == 0) {
        fit++;
    }
    assert_int_equal(status, -ENOMEM);
    assert_int_equal(HookLogCount(&ofClient, LOS_HOOK_TYPE_IPC_WRITE), fit);
    entry = HookLogDrop(&ofClient, LOS_HOOK_TYPE_IPC_WRITE_DROP, -ENOMEM);
    AssertDestination(&entry, svc);
    while (fit-- > 0) {
        assert_int_equal(ActorReceive(svc, NULL), 0);
    }

    /* A reply without a call, then one to a caller that has exited. */
    IpcMsg reply = {.type = MT_REPLY, .target = {.handle = ActorID(svc)}};
    assert_int_equal(ActorSend(cli, &reply), -EINVAL);
    HookLogDrop(&ofClient, LOS_HOOK_TYPE_IPC_WRITE_DROP, -EINVAL);
    out = ActorRequest(ActorID(svc), 5);
    assert_int_equal(ActorSend(cli, &out), 0);
    assert_int_equal(ActorReceive(svc, &request), 0);
    HookLogClear(&ofService);
    ActorExitTask(cli);
    assert_int_equal(ActorReply(svc, MT_REPLY, request, 0), -EINVAL);
    entry = HookLogDrop(&ofService, LOS_HOOK_TYPE_IPC_WRITE_DROP, -EINVAL);
    assert_int_equal(entry.event.dstTask, ActorID(cli));
    assert_int_equal(HookLogCount(&ofService, LOS_HOOK_TYPE_IPC_WRITE), 0);
}

static void InvalidObjectsReportTheReason(void **state)
{
    SpecialObj object = {.type = OBJ_FD, .content.fd = 9999};
    uint32_t offset = 0;
    IpcMsg out = ActorOneway(ActorID(svc), 1);
    (void)state;

    out.data = &object;
    out.dataSz = sizeof(object);
    out.offsets = &offset;
    out.spObjNum = 1;
    assert_int_equal(ActorSend(cli, &out), -EBADF);
    HookLogDrop(&ofClient, LOS_HOOK_TYPE_IPC_WRITE_DROP, -EBADF);
    assert_int_equal(HookLogTotal(&ofService), 0);
}

static void DropsOfARead(void **state)
{
    IpcMsg *request;
    IpcMsg out = ActorRequest(ActorID(svc), 1);
    (void)state;

    /* The answer to a request without a wait: a plain receive drops it. */
    assert_int_equal(ActorSend(cli, &out), 0);
    assert_int_equal(ActorReceive(svc, &request), 0);
    assert_int_equal(ActorReply(svc, MT_REPLY, request, 2), 0);
    ActorMsgStart(cli, RECV, NULL, NULL);
    struct HookEntry entry =
        HookLogDrop(&ofClient, LOS_HOOK_TYPE_IPC_READ_DROP, IPC_DROP_NOT_ASKED);
    AssertCaller(&entry, cli);
    AssertSender(&entry, svc);
    assert_int_equal(entry.msg.type, MT_REPLY);
    assert_int_equal(entry.msg.code, 2);
    IpcMsg own = ActorOneway(ActorID(cli), 0);
    struct Actor *sibling = ActorSibling(cli);
    assert_int_equal(ActorSend(sibling, &own), 0);
    assert_int_equal(ActorMsgEnd(cli, NULL), 0);

    /* An answer to an earlier call, then the answer to the current call. */
    assert_int_equal(ActorSend(cli, &out), 0);
    assert_int_equal(ActorReceive(svc, &request), 0);
    assert_int_equal(ActorReply(svc, MT_REPLY, request, 3), 0);
    HookLogClear(&ofClient);
    ActorMsgStart(cli, SEND | RECV, &out, NULL);
    assert_int_equal(ActorReceive(svc, &request), 0);
    assert_int_equal(ActorReply(svc, MT_REPLY, request, 4), 0);
    assert_int_equal(ActorMsgEnd(cli, NULL), 0);
    entry = HookLogOnly(&ofClient, LOS_HOOK_TYPE_IPC_READ);
    assert_int_equal(entry.msg.code, 4);
    entry = HookLogDrop(&ofClient, LOS_HOOK_TYPE_IPC_READ_DROP, IPC_DROP_NOT_ASKED);
    assert_int_equal(entry.msg.code, 3);

    /* A request to a task that is in a call. */
    assert_int_equal(ActorSend(sibling, &own), 0);
    ActorMsgStart(cli, SEND | RECV, &out, NULL);
    assert_int_equal(ActorReceive(svc, &request), 0);
    assert_int_equal(HookLogCount(&ofClient, LOS_HOOK_TYPE_IPC_TRY_READ), 1);
    entry = HookLogDrop(&ofClient, LOS_HOOK_TYPE_IPC_READ_DROP, IPC_DROP_NOT_RECEIVING);
    AssertSender(&entry, sibling);

    /* The service sends a failed reply. */
    assert_int_equal(ActorReply(svc, MT_FAILED_REPLY, request, 5), 0);
    assert_int_equal(ActorMsgEnd(cli, NULL), -ENOENT);
    assert_int_equal(HookLogTotal(&ofClient), 1);
    entry = HookLogDrop(&ofClient, LOS_HOOK_TYPE_IPC_READ_DROP, IPC_DROP_CALL_FAILED);
    assert_int_equal(entry.msg.type, MT_FAILED_REPLY);
    assert_int_equal(entry.event.waitState, IPC_WAIT_LITEIPC);
}

static void DropsAfterRevocationAndExit(void **state)
{
    IpcMsg out = ActorOneway(ActorID(svc), 1);
    IpcMsg own = ActorOneway(ActorID(svc), 2);
    (void)state;

    assert_int_equal(ActorSend(cli, &out), 0);
    assert_int_equal(ActorRevoke(cms, cli, svc), 0);
    assert_int_equal(ActorSend(svc, &own), 0);
    assert_int_equal(ActorReceive(svc, NULL), 0);
    struct HookEntry entry = HookLogOnly(&ofService, LOS_HOOK_TYPE_IPC_READ);
    assert_int_equal(entry.msg.code, 2);
    entry = HookLogDrop(&ofService, LOS_HOOK_TYPE_IPC_READ_DROP, IPC_DROP_NO_RIGHT);
    AssertSender(&entry, cli);

    /* Messages in the queue of an exiting task. */
    assert_int_equal(ActorGrant(cms, cli, svc), 0);
    out.code = 3;
    assert_int_equal(ActorSend(cli, &out), 0);
    out.code = 4;
    assert_int_equal(ActorSend(cli, &out), 0);
    assert_int_equal(ActorReceive(svc, NULL), 0); /* both are in the queue now */
    HookLogClear(&ofService);
    ActorExitTask(svc);
    entry = HookLogDrop(&ofService, LOS_HOOK_TYPE_IPC_READ_DROP, IPC_DROP_TASK_ENDED);
    AssertCaller(&entry, svc);
    assert_int_equal(entry.msg.code, 4);
}

/* The call waits for its timeout, the kernel's 5 s. */
static void TimeoutsAreReportedOnce(void **state)
{
    IpcMsg out = ActorOneway(ActorID(svc), 1);
    (void)state;

    ActorMsgStart(cli, SEND | RECV, &out, NULL);
    struct HookEntry entry = HookLogOnly(&ofClient, LOS_HOOK_TYPE_IPC_TRY_READ);
    uint64_t timestamp = entry.event.timestamp;
    assert_int_equal(ActorMsgEnd(cli, NULL), -ETIME);
    entry = HookLogOnly(&ofClient, LOS_HOOK_TYPE_IPC_READ_TIMEOUT);
    AssertCaller(&entry, cli);
    AssertDestination(&entry, svc);
    assert_int_equal(entry.event.msgType, MT_REPLY);
    assert_int_equal(entry.event.waitState, IPC_WAIT_LITEIPC);
    assert_int_equal(entry.event.reason, -ETIME);
    assert_true(entry.event.timestamp == timestamp && timestamp != 0);
    assert_int_equal(HookLogTotal(&ofClient), 3);
}

/* D6: instead of a timeout. */
static void TheEndOfTheServiceEndsTheWait(void **state)
{
    IpcMsg out = ActorRequest(ActorID(svc), 1);
    (void)state;

    ActorMsgStart(cli, SEND | RECV, &out, NULL);
    ActorExitTask(svc);
    assert_int_equal(ActorMsgEnd(cli, NULL), -ENOENT);
    struct HookEntry entry = HookLogOnly(&ofClient, LOS_HOOK_TYPE_IPC_READ_TIMEOUT);
    assert_int_equal(entry.event.reason, -ENOENT);
    assert_int_equal(HookLogCount(&ofClient, LOS_HOOK_TYPE_IPC_KILL), 0);
}

static void KilledWaits(void **state)
{
    IpcMsg out = ActorRequest(ActorID(svc), 1);
    (void)state;

    ActorMsgStart(svc, RECV, NULL, NULL);
    ActorExitProcess(svc);
    assert_int_equal(ActorMsgEnd(svc, NULL), -ERFKILL);
    struct HookEntry entry = HookLogOnly(&ofService, LOS_HOOK_TYPE_IPC_KILL);
    AssertCaller(&entry, svc);
    assert_int_equal(entry.event.msgType, MT_REQUEST);
    assert_int_equal(entry.event.waitState, IPC_WAIT_LITEIPC);
    assert_int_equal(entry.event.reason, -ERFKILL);
    assert_int_equal(HookLogTotal(&ofService), 2); /* and the start of the wait */

    assert_int_equal(ActorSend(svc, &out), -ENODEV);
    HookLogDrop(&ofService, LOS_HOOK_TYPE_IPC_WRITE_DROP, -ENODEV);
}

static void TheEndOfTheDomainEndsWaits(void **state)
{
    struct Stage *stage = *state;

    ActorMsgStart(svc, RECV, NULL, NULL);
    LiteIpcDomainStop(stage->domain);
    stage->domain = NULL;
    assert_int_equal(ActorMsgEnd(svc, NULL), -ENODEV);
    struct HookEntry entry = HookLogOnly(&ofService, LOS_HOOK_TYPE_IPC_KILL);
    assert_int_equal(entry.event.reason, -ENODEV);
}

static void DeathNoticesAreRead(void **state)
{
    (void)state;
    assert_int_equal(ActorIoctl(cli, IPC_SET_IPC_THREAD, 0), ActorID(cli));
    ActorMsgStart(cli, RECV, NULL, NULL);
    ActorExitTask(svc);
    assert_int_equal(ActorMsgEnd(cli, NULL), 0);
    struct HookEntry entry = HookLogOnly(&ofClient, LOS_HOOK_TYPE_IPC_READ);
    AssertCaller(&entry, cli);
    assert_int_equal(entry.msg.type, MT_DEATH_NOTIFY);
    assert_int_equal(entry.msg.target.token, ActorID(svc));
    AssertSender(&entry, svc);
}

/* ---- registration ---------------------------------------------------------------------------- */

static void Count(void *context, const struct IpcHookEvent *event)
{
    (void)event;
    ++*(unsigned *)context;
}

static void RegistrationIsChecked(void **state)
{
    struct LiteIpcDevice *device = ActorDevice(cli);
    unsigned counts[IPC_HOOK_LISTENERS_MAX] = {0};
    IpcMsg out = ActorOneway(ActorID(svc), 1);
    enum LosHookType write = LOS_HOOK_TYPE_IPC_WRITE;
    (void)state;

    assert_int_equal(LOS_HookReg(NULL, write, Count, counts), -EINVAL);
    assert_int_equal(LOS_HookReg(device, write, NULL, counts), -EINVAL);
    assert_int_equal(LOS_HookReg(device, LOS_HOOK_TYPE_NUM, Count, counts), -EINVAL);
    assert_int_equal(LOS_HookReg(device, (enum LosHookType)(-1), Count, counts), -EINVAL);
    assert_int_equal(LOS_HookUnReg(NULL, write, Count, counts), -EINVAL);
    assert_int_equal(LOS_HookUnReg(device, write, NULL, counts), -EINVAL);
    assert_int_equal(LOS_HookUnReg(device, LOS_HOOK_TYPE_NUM, Count, counts), -EINVAL);
    assert_int_equal(LOS_HookUnReg(device, write, Count, counts), -ENOENT);

    /* The log is one listener; the same function with another context is another listener. */
    for (unsigned i = 0; i < IPC_HOOK_LISTENERS_MAX - 1; i++) {
        assert_int_equal(LOS_HookReg(device, write, Count, &counts[i]), 0);
        assert_int_equal(LOS_HookReg(device, write, Count, &counts[i]), -EEXIST);
    }
    unsigned *last = &counts[IPC_HOOK_LISTENERS_MAX - 1];
    assert_int_equal(LOS_HookReg(device, write, Count, last), -ENOSPC);
    assert_int_equal(LOS_HookUnReg(device, LOS_HOOK_TYPE_IPC_READ, Count, counts), -ENOENT);
    assert_int_equal(ActorSend(cli, &out), 0);
    for (unsigned i = 0; i < IPC_HOOK_LISTENERS_MAX - 1; i++) {
        assert_int_equal(counts[i], 1);
    }
    /* A listener is not called after it is unregistered, and its slot is free. */
    assert_int_equal(LOS_HookUnReg(device, write, Count, &counts[0]), 0);
    assert_int_equal(LOS_HookUnReg(device, write, Count, &counts[0]), -ENOENT);
    assert_int_equal(LOS_HookReg(device, write, Count, last), 0);
    assert_int_equal(ActorSend(cli, &out), 0);
    assert_int_equal(counts[0], 1);
    assert_int_equal(counts[1], 2);
    assert_int_equal(*last, 1);
    for (unsigned i = 1; i < IPC_HOOK_LISTENERS_MAX; i++) {
        assert_int_equal(LOS_HookUnReg(device, write, Count, &counts[i]), 0);
    }
    assert_int_equal(HookLogCount(&ofClient, write), 2);
}

static void NothingIsCalledWhenOff(void **state)
{
    IpcMsg out = ActorOneway(ActorID(svc), 1);
    (void)state;

    HookLogStop(&ofClient);
    HookLogStop(&ofService);
    /* relaxed: no other thread is running */
    assert_int_equal(atomic_load_explicit(&ofClient.device->hooks.types, memory_order_relaxed), 0);
    assert_int_equal(ActorSend(cli, &out), 0);
    assert_int_equal(ActorReceive(svc, NULL), 0);
    out.target.handle = ActorID(cli) + 100;
    assert_int_equal(ActorSend(cli, &out), -EACCES);
    assert_int_equal(ofClient.count + ofService.count, 0);
    HookLogStart(&ofClient, ofClient.device);
    HookLogStart(&ofService, ofService.device);
    assert_int_equal(HookLogTotal(&ofClient) + HookLogTotal(&ofService), 0);
}

/* A hook of one device is not called for events of another device of the same OS process. */
static void HooksBelongToTheirDevice(void **state)
{
    IpcMsg own = ActorOneway(ActorID(svc), 1);
    (void)state;

    assert_int_equal(ActorSend(svc, &own), 0);
    assert_int_equal(ActorReceive(svc, NULL), 0);
    assert_int_equal(HookLogTotal(&ofService), 2);
    assert_int_equal(HookLogTotal(&ofClient), 0);
}

struct Misuse {
    struct LiteIpcTask *task;
    unsigned calls;
    int unregister, send;
};

/* Does what a hook must not do. It causes neither a hang nor endless recursion. */
static void MisusingHook(void *context, const struct IpcHookEvent *event)
{
    struct Misuse *misuse = context;
    IpcMsg own = ActorOneway(event->task, 2);
    IpcContent content = {.flag = SEND, .outMsg = &own};
    misuse->calls++;
    misuse->unregister = LOS_HookUnReg(LiteIpcTaskThread(misuse->task)->device,
                                       LOS_HOOK_TYPE_IPC_READ, MisusingHook, misuse);
    misuse->send = LiteIpcIoctl(misuse->task, IPC_SEND_RECV_MSG, (unsigned long)&content);
}

static void MisuseOfAHookIsHarmless(void **state)
{
    IpcMsg out = ActorOneway(ActorID(svc), 1);
    struct Misuse misuse = {.task = ActorTask(svc), .unregister = 1, .send = 1};
    struct LiteIpcDevice *device = ActorDevice(svc);
    (void)state;

    assert_int_equal(LOS_HookReg(device, LOS_HOOK_TYPE_IPC_READ, MisusingHook, &misuse), 0);
    assert_int_equal(ActorSend(cli, &out), 0);
    assert_int_equal(ActorReceive(svc, NULL), 0);
    assert_int_equal(misuse.calls, 1);
    assert_int_equal(misuse.unregister, -EDEADLK);
    assert_int_equal(misuse.send, 0);
    assert_int_equal(LOS_HookUnReg(device, LOS_HOOK_TYPE_IPC_READ, MisusingHook, &misuse), 0);
    assert_int_equal(ActorReceive(svc, NULL), 0); /* the message that the hook sent */
    assert_int_equal(misuse.calls, 1);
}

static void NamesAndTexts(void **state)
{
    (void)state;
    assert_string_equal(LosHookName(LOS_HOOK_TYPE_IPC_WRITE), "IPC_WRITE");
    assert_string_equal(LosHookName(LOS_HOOK_TYPE_IPC_KILL), "IPC_KILL");
    assert_null(LosHookName(LOS_HOOK_TYPE_NUM));
    assert_int_equal(LOS_HOOK_TYPE_NUM, 7);
    assert_string_equal(IpcDropReasonName(IPC_DROP_TASK_ENDED), "TASK_ENDED");
    for (uint32_t reason = 0; reason < IPC_DROP_NUM; reason++) {
        assert_true(strlen(IpcDropReasonName(reason)) > 0 && strlen(IpcDropReasonText(reason)) > 0);
    }
    assert_null(IpcDropReasonName(IPC_DROP_NUM));
    assert_null(IpcDropReasonText(UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOOK_TEST(ACallIsWrittenWaitedForAndRead),
        HOOK_TEST(AvailableMessagesAreReadWithoutAWait),
        HOOK_TEST(RefusedWritesReportTheReason),
        HOOK_TEST(InvalidObjectsReportTheReason),
        HOOK_TEST(DropsOfARead),
        HOOK_TEST(DropsAfterRevocationAndExit),
        HOOK_TEST(TimeoutsAreReportedOnce),
        HOOK_TEST(TheEndOfTheServiceEndsTheWait),
        HOOK_TEST(KilledWaits),
        HOOK_TEST(TheEndOfTheDomainEndsWaits),
        HOOK_TEST(DeathNoticesAreRead),
        HOOK_TEST(RegistrationIsChecked),
        HOOK_TEST(NothingIsCalledWhenOff),
        HOOK_TEST(HooksBelongToTheirDevice),
        HOOK_TEST(MisuseOfAHookIsHarmless),
        cmocka_unit_test(NamesAndTexts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
