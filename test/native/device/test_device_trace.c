/*
 * Tests the trace of a device: its records of a conversation, starting and stopping it, and
 * concurrent use.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernel/control_blocks.h"
#include "support/actors.h"
#include "support/hook_log.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define CALLS 300
#else
#define CALLS 2000
#endif

static struct Actor *cms, *cli, *svc;

static int SetUp(void **state)
{
    StageSetUp(state);
    cms = ActorManager(*state);
    cli = ActorReady(*state);
    svc = ActorService(cms, cli);
    return 0;
}
#define TRACE_TEST(test) cmocka_unit_test_setup_teardown(test, SetUp, StageTearDown)

static void Call(uint32_t code)
{
    static char data[20];
    IpcMsg out = ActorRequest(ActorID(svc), code);
    IpcMsg *request;
    out.data = data;
    out.dataSz = sizeof(data);
    ActorMsgStart(cli, SEND | RECV, &out, NULL);
    assert_int_equal(ActorReceive(svc, &request), 0);
    assert_int_equal(ActorReply(svc, MT_REPLY, request, code + 1), 0);
    assert_int_equal(ActorMsgEnd(cli, NULL), 0);
}

static int Read(struct Actor *actor, struct LiteIpcTraceRecord *records, size_t maximum)
{
    uint64_t lost = 99;
    int count = LiteIpcTraceRead(ActorDevice(actor), records, maximum, &lost);
    assert_true(count < 0 || lost == 0);
    return count;
}

static void AssertRecord(const struct LiteIpcTraceRecord *record, enum LosHookType hook,
                         const struct Actor *own, const struct Actor *peer, MsgType type)
{
    assert_string_equal(LosHookName(record->hook), LosHookName(hook));
    assert_int_equal(record->process, ActorProcessID(own));
    assert_int_equal(record->task, ActorID(own));
    assert_int_equal(record->peerProcess, ActorProcessID(peer));
    assert_int_equal(record->peerTask, ActorID(peer));
    assert_int_equal(record->type, type);
    assert_int_equal(record->reason, 0);
}

static void AConversationIsRecorded(void **state)
{
    struct LiteIpcTraceRecord client[8], service[8];
    (void)state;

    Call(1); /* creates the lanes */
    assert_int_equal(LiteIpcTraceStart(ActorDevice(cli), 64), 0);
    assert_int_equal(LiteIpcTraceStart(ActorDevice(svc), 64), 0);
    Call(10);
    assert_int_equal(Read(cli, client, 8), 3);
    assert_int_equal(Read(svc, service, 8), 2);
    AssertRecord(&client[0], LOS_HOOK_TYPE_IPC_WRITE, cli, svc, MT_REQUEST);
    AssertRecord(&client[1], LOS_HOOK_TYPE_IPC_TRY_READ, cli, svc, MT_REPLY);
    AssertRecord(&client[2], LOS_HOOK_TYPE_IPC_READ, cli, svc, MT_REPLY);
    AssertRecord(&service[0], LOS_HOOK_TYPE_IPC_READ, svc, cli, MT_REQUEST);
    AssertRecord(&service[1], LOS_HOOK_TYPE_IPC_WRITE, svc, cli, MT_REPLY);
    assert_int_equal(client[0].code, 10);
    assert_int_equal(client[0].size, 20);
    assert_int_equal(client[0].handle, ActorID(svc));
    assert_int_equal(service[0].code, 10);
    assert_int_equal(service[0].size, 20);
    assert_int_equal(client[2].code, 11);
    assert_int_equal(client[2].waitState, IPC_WAIT_LITEIPC);

    /* All records of a conversation share one timestamp, and each read is later than its write. */
    assert_true(client[0].timestamp != 0);
    assert_true(client[1].timestamp == client[0].timestamp);
    assert_true(client[2].timestamp == client[0].timestamp);
    assert_true(service[0].timestamp == client[0].timestamp);
    assert_true(service[1].timestamp == client[0].timestamp);
    assert_true(client[0].time <= service[0].time && service[0].time <= service[1].time);
    assert_true(service[1].time <= client[2].time && client[0].time <= client[1].time);
    assert_int_equal(Read(cli, client, 8), 0); /* reading removes the records */
}

static void DropsAreRecordedWithTheirReason(void **state)
{
    struct LiteIpcTraceRecord records[8];
    IpcMsg out = ActorOneway(ActorID(svc), 1);
    IpcMsg own = ActorOneway(ActorID(svc), 2);
    (void)state;

    assert_int_equal(LiteIpcTraceStart(ActorDevice(cli), 8), 0);
    assert_int_equal(LiteIpcTraceStart(ActorDevice(svc), 8), 0);
    assert_int_equal(ActorSend(cli, &out), 0);
    assert_int_equal(ActorRevoke(cms, cli, svc), 0);
    assert_int_equal(ActorSend(cli, &out), -EACCES);
    assert_int_equal(ActorSend(svc, &own), 0);
    assert_int_equal(ActorReceive(svc, NULL), 0);
    assert_int_equal(Read(cli, records, 8), 2);
    assert_int_equal(records[1].hook, LOS_HOOK_TYPE_IPC_WRITE_DROP);
    assert_int_equal(records[1].reason, -EACCES);
    assert_int_equal(records[1].peerTask, ActorID(svc));
    assert_int_equal(Read(svc, records, 8), 3);
    assert_int_equal(records[0].hook, LOS_HOOK_TYPE_IPC_WRITE);
    assert_int_equal(records[1].hook, LOS_HOOK_TYPE_IPC_READ_DROP);
    assert_int_equal(records[1].reason, IPC_DROP_NO_RIGHT);
    assert_int_equal(records[1].peerTask, ActorID(cli));
    assert_int_equal(records[1].flag, LITEIPC_FLAG_ONEWAY);
    assert_int_equal(records[2].hook, LOS_HOOK_TYPE_IPC_READ);
    assert_int_equal(records[2].code, 2);
}

static void TurningItOnAndOff(void **state)
{
    struct LiteIpcDevice *device = ActorDevice(cli);
    struct LiteIpcTraceRecord records[4];
    uint64_t lost;
    (void)state;

    assert_int_equal(LiteIpcTraceRead(device, records, 4, &lost), -ENODATA);
    assert_int_equal(LiteIpcTraceStop(device), -EALREADY);
    assert_int_equal(LiteIpcTraceStart(device, 0), -EINVAL);
    assert_int_equal(LiteIpcTraceStart(device, LITEIPC_TRACE_RECORDS_MAX + 1), -EINVAL);
    assert_int_equal(LiteIpcTraceStart(NULL, 4), -EINVAL);
    assert_int_equal(LiteIpcTraceStop(NULL), -EINVAL);
    assert_int_equal(LiteIpcTraceRead(device, records, 4, &lost), -ENODATA);

    assert_int_equal(LiteIpcTraceStart(device, 3), 0); /* rounded up to 4 */
    assert_int_equal(LiteIpcTraceStart(device, 4), -EALREADY);
    assert_int_equal(LiteIpcTraceRead(NULL, records, 4, &lost), -EINVAL);
    assert_int_equal(LiteIpcTraceRead(device, NULL, 4, &lost), -EINVAL);
    assert_int_equal(LiteIpcTraceRead(device, records, 4, NULL), -EINVAL);
    Call(1);
    Call(2);
    assert_int_equal(LiteIpcTraceStop(device), 0);
    assert_int_equal(LiteIpcTraceStop(device), -EALREADY);
    Call(3);
    assert_int_equal(LiteIpcTraceRead(device, NULL, 0, &lost), 0);
    assert_int_equal(lost, 2);
    /* The records before the stop. */
    assert_int_equal(LiteIpcTraceRead(device, records, 4, &lost), 4);
    assert_int_equal(lost, 0);
    assert_int_equal(records[3].code, 3);
    assert_int_equal(records[3].hook, LOS_HOOK_TYPE_IPC_READ);
    assert_int_equal(LiteIpcTraceRead(device, records, 4, &lost), 0);

    /* Starts it again; it is active when the device ends. */
    assert_int_equal(LiteIpcTraceStart(device, LITEIPC_TRACE_RECORDS_MAX), 0);
    assert_int_equal(LiteIpcTraceRead(device, records, 4, &lost), 0);
    Call(4);
    assert_int_equal(LiteIpcTraceRead(device, records, 4, &lost), 3);
}

static void Ignore(void *context, const struct IpcHookEvent *event)
{
    (void)context;
    (void)event;
}

static void AFailedStartLeavesNothing(void **state)
{
    struct LiteIpcDevice *device = ActorDevice(cli);
    char contexts[IPC_HOOK_LISTENERS_MAX];
    (void)state;

    for (unsigned i = 0; i < IPC_HOOK_LISTENERS_MAX; i++) {
        assert_int_equal(LOS_HookReg(device, LOS_HOOK_TYPE_IPC_KILL, Ignore, &contexts[i]), 0);
    }
    assert_int_equal(LiteIpcTraceStart(device, 4), -ENOSPC);
    assert_int_equal(LiteIpcTraceStop(device), -EALREADY);
    for (unsigned i = 0; i < IPC_HOOK_LISTENERS_MAX; i++) {
        assert_int_equal(LOS_HookUnReg(device, LOS_HOOK_TYPE_IPC_KILL, Ignore, &contexts[i]), 0);
    }
    /* relaxed: no other thread is running */
    assert_int_equal(atomic_load_explicit(&device->hooks.types, memory_order_relaxed), 0);
    assert_int_equal(LiteIpcTraceStart(device, 4), 0);
}

/* ---- while others run ------------------------------------------------------------------------ */

static int CallStep(struct Actor *actor, void *argument)
{
    IpcMsg out = ActorRequest(*(const uint32_t *)argument, 1);
    for (unsigned i = 0; i < CALLS; i++) {
        IpcContent content = {.flag = SEND | RECV, .outMsg = &out};
        int status =
            LiteIpcIoctl(ActorTask(actor), IPC_SEND_RECV_MSG, (unsigned long)(uintptr_t)&content);
        if (status == 0) {
            content = (IpcContent){.flag = BUFF_FREE, .buffToFree = content.inMsg};
            status = LiteIpcIoctl(ActorTask(actor), IPC_SEND_RECV_MSG,
                                  (unsigned long)(uintptr_t)&content);
        }
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

static int ServeStep(struct Actor *actor, void *argument)
{
    for (unsigned i = *(const unsigned *)argument; i > 0; i--) {
        IpcContent content = {.flag = RECV};
        int status =
            LiteIpcIoctl(ActorTask(actor), IPC_SEND_RECV_MSG, (unsigned long)(uintptr_t)&content);
        if (status != 0) {
            return status;
        }
        IpcMsg reply = ActorReplyTo(MT_REPLY, content.inMsg, 2);
        content =
            (IpcContent){.flag = SEND | BUFF_FREE, .outMsg = &reply, .buffToFree = content.inMsg};
        status =
            LiteIpcIoctl(ActorTask(actor), IPC_SEND_RECV_MSG, (unsigned long)(uintptr_t)&content);
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

#define CALLERS 3

struct Reading {
    struct LiteIpcDevice *device;
    _Atomic bool ends;
    uint64_t records, lost, impossible;
};

static void Take(struct Reading *reading)
{
    struct LiteIpcTraceRecord records[32];
    uint64_t lost;
    int count;
    while ((count = LiteIpcTraceRead(reading->device, records, 32, &lost)) > 0) {
        reading->records += (uint64_t)count;
        reading->lost += lost;
        for (int i = 0; i < count; i++) {
            const struct LiteIpcTraceRecord *record = &records[i];
            bool whole = record->hook < LOS_HOOK_TYPE_NUM &&
                         record->process == LiteIpcDeviceProcessID(reading->device) &&
                         record->task != 0 && record->peerTask != 0 && record->time != 0 &&
                         record->timestamp != 0 && record->timestamp <= record->time;
            reading->impossible += !whole;
        }
    }
    reading->lost += count == 0 ? lost : 0;
}

static void *ReadOn(void *argument)
{
    struct Reading *reading = argument;
    /* relaxed: only the end of the loop depends on it */
    while (!atomic_load_explicit(&reading->ends, memory_order_relaxed)) {
        Take(reading);
    }
    return NULL;
}

/* Several tasks of a process write into one trace; every record is read once or counted as lost. */
static void TasksOfAProcessShareATrace(void **state)
{
    uint32_t handle = ActorID(svc);
    unsigned requests = CALLERS * CALLS;
    struct Actor *callers[CALLERS] = {cli, ActorSibling(cli), ActorSibling(cli)};
    struct Reading reading = {.device = ActorDevice(cli)};
    struct HookLog *log = calloc(1, sizeof(*log));
    pthread_t reader;
    (void)state;

    assert_non_null(log);
    HookLogStart(log, reading.device);
    assert_int_equal(LiteIpcTraceStart(reading.device, 64), 0);
    assert_int_equal(pthread_create(&reader, NULL, ReadOn, &reading), 0);
    ActorLaunch(svc, ServeStep, &requests);
    for (unsigned i = 0; i < CALLERS; i++) {
        ActorLaunch(callers[i], CallStep, &handle);
    }
    for (unsigned i = 0; i < CALLERS; i++) {
        assert_int_equal(ActorJoin(callers[i]), 0);
    }
    assert_int_equal(ActorJoin(svc), 0);
    /* relaxed: only the end of the loop depends on it */
    atomic_store_explicit(&reading.ends, true, memory_order_relaxed);
    pthread_join(reader, NULL);
    Take(&reading);
    assert_int_equal(reading.impossible, 0);
    assert_int_equal(reading.records + reading.lost, HookLogTotal(log));
    assert_true(reading.records + reading.lost >= 2ULL * CALLERS * CALLS);
    HookLogStop(log);
    free(log);
}

struct Guarded {
    _Atomic unsigned calls;
    bool gone;
    _Atomic unsigned afterwards;
};

static void Guard(void *context, const struct IpcHookEvent *event)
{
    struct Guarded *guarded = context;
    (void)event;
    /* relaxed: the counters are read after the writers have ended */
    atomic_fetch_add_explicit(&guarded->calls, 1, memory_order_relaxed);
    (void)sched_yield();
    if (guarded->gone) {
        atomic_fetch_add_explicit(&guarded->afterwards, 1, memory_order_relaxed);
    }
}

struct Switching {
    struct LiteIpcDevice *device;
    _Atomic bool ends;
    unsigned rounds, problems, calls;
};

/*
 * Registers, unregisters and frees repeatedly. After unregistering no thread may be in the
 * function.
 */
static void *SwitchOnAndOff(void *argument)
{
    struct Switching *switching = argument;
    /* relaxed: only the end of the loop depends on it */
    while (!atomic_load_explicit(&switching->ends, memory_order_relaxed)) {
        struct Guarded *guarded = calloc(1, sizeof(*guarded));
        for (unsigned type = 0; type < LOS_HOOK_TYPE_NUM; type++) {
            switching->problems +=
                LOS_HookReg(switching->device, (enum LosHookType)type, Guard, guarded) != 0;
        }
        for (unsigned type = 0; type < LOS_HOOK_TYPE_NUM; type++) {
            switching->problems +=
                LOS_HookUnReg(switching->device, (enum LosHookType)type, Guard, guarded) != 0;
        }
        guarded->gone = true;
        /* relaxed: no thread writes any more */
        switching->problems += atomic_load_explicit(&guarded->afterwards, memory_order_relaxed);
        switching->calls += atomic_load_explicit(&guarded->calls, memory_order_relaxed);
        free(guarded);
        switching->rounds++;
    }
    return NULL;
}

static void *TraceOnAndOff(void *argument)
{
    struct Switching *switching = argument;
    struct LiteIpcTraceRecord records[16];
    uint64_t lost;
    /* relaxed: only the end of the loop depends on it */
    while (!atomic_load_explicit(&switching->ends, memory_order_relaxed)) {
        switching->problems += LiteIpcTraceStart(switching->device, 16) != 0;
        (void)LiteIpcTraceRead(switching->device, records, 8, &lost);
        switching->problems += LiteIpcTraceStop(switching->device) != 0;
        int count = LiteIpcTraceRead(switching->device, records, 16, &lost);
        switching->problems += count < 0;
        switching->calls += count > 0 ? (unsigned)count : 0;
        switching->rounds++;
    }
    return NULL;
}

/* Other threads register hooks and start traces while messages are sent and received. */
static void SwitchingDuringTraffic(void **state)
{
    uint32_t handle = ActorID(svc);
    unsigned requests = CALLERS * CALLS;
    struct Actor *callers[CALLERS] = {cli, ActorSibling(cli), ActorSibling(cli)};
    struct Switching of[] = {{.device = ActorDevice(cli)},
                             {.device = ActorDevice(cli)},
                             {.device = ActorDevice(svc)},
                             {.device = ActorDevice(cli)}};
    pthread_t threads[4];
    (void)state;

    for (unsigned i = 0; i < 4; i++) {
        void *(*run)(void *) = i == 3 ? TraceOnAndOff : SwitchOnAndOff;
        assert_int_equal(pthread_create(&threads[i], NULL, run, &of[i]), 0);
    }
    ActorLaunch(svc, ServeStep, &requests);
    for (unsigned i = 0; i < CALLERS; i++) {
        ActorLaunch(callers[i], CallStep, &handle);
    }
    for (unsigned i = 0; i < CALLERS; i++) {
        assert_int_equal(ActorJoin(callers[i]), 0);
    }
    assert_int_equal(ActorJoin(svc), 0);
    unsigned calls = 0;
    for (unsigned i = 0; i < 4; i++) {
        /* relaxed: only the end of the loop depends on it */
        atomic_store_explicit(&of[i].ends, true, memory_order_relaxed);
        pthread_join(threads[i], NULL);
        assert_int_equal(of[i].problems, 0);
        assert_true(of[i].rounds > 0);
        calls += of[i].calls;
    }
    assert_true(calls > 0);
    /* relaxed: no other thread is running */
    assert_int_equal(atomic_load_explicit(&ActorDevice(cli)->hooks.types, memory_order_relaxed), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRACE_TEST(AConversationIsRecorded),    TRACE_TEST(DropsAreRecordedWithTheirReason),
        TRACE_TEST(TurningItOnAndOff),          TRACE_TEST(AFailedStartLeavesNothing),
        TRACE_TEST(TasksOfAProcessShareATrace), TRACE_TEST(SwitchingDuringTraffic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
