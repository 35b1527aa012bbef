/*
 * Tests resource exhaustion: each allocation, mapping and descriptor of an operation fails once,
 * one after the other. The operation returns an error, nothing remains, and the next operation
 * succeeds. In the kernel, a task without queue caused a null dereference, and a failed second
 * allocation of a message caused a leak.
 *
 * The linker replaces the C library's functions with those named __wrap_, see CMakeLists.txt.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/actors.h"
#include "support/control_client.h"
#include "support/parcel.h"

/* Number of requests of this thread that succeed before one fails. 0: all succeed. */
static _Thread_local unsigned untilFailure;
static _Thread_local unsigned failures;

static bool Refused(int error)
{
    if (untilFailure == 0 || --untilFailure > 0) {
        return false;
    }
    failures++;
    errno = error;
    return true;
}

/* WRAP(type, name, error, result of a failure, parameters, arguments) */
#define WRAP(type, name, error, failed, parameters, arguments)                                     \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return Refused(error) ? (failed) : __real_##name arguments;                                \
    }

WRAP(void *, malloc, ENOMEM, NULL, (size_t size), (size))
WRAP(void *, calloc, ENOMEM, NULL, (size_t count, size_t size), (count, size))
WRAP(void *, realloc, ENOMEM, NULL, (void *memory, size_t size), (memory, size))
WRAP(void *, aligned_alloc, ENOMEM, NULL, (size_t alignment, size_t size), (alignment, size))
WRAP(void *, mmap, ENOMEM, MAP_FAILED,
     (void *address, size_t size, int protection, int flags, int descriptor, off_t offset),
     (address, size, protection, flags, descriptor, offset))
WRAP(int, memfd_create, EMFILE, -1, (const char *name, unsigned flags), (name, flags))
WRAP(int, pipe2, EMFILE, -1, (int ends[2], int flags), (ends, flags))
WRAP(int, epoll_create1, EMFILE, -1, (int flags), (flags))
WRAP(int, eventfd, EMFILE, -1, (unsigned count, int flags), (count, flags))
WRAP(int, socket, EMFILE, -1, (int domain, int type, int protocol), (domain, type, protocol))
WRAP(int, socketpair, EMFILE, -1, (int domain, int type, int protocol, int ends[2]),
     (domain, type, protocol, ends))

/* ---- trials ---------------------------------------------------------------------------------- */

#define TRIALS_MAX 200

/* One run of an operation in an actor's thread, in which request number `refuse` fails. */
struct Trial {
    unsigned refuse;
    unsigned failures;
    int (*operation)(struct Actor *actor, struct Trial *trial);
    uint32_t target;
    const char *path;
    struct Parcel parcel;
};

static int TrialStep(struct Actor *actor, void *argument)
{
    struct Trial *trial = argument;
    failures = 0;
    untilFailure = trial->refuse;
    int status = trial->operation(actor, trial);
    untilFailure = 0;
    trial->failures = failures;
    return status;
}

static struct Stage *stage;
static struct Actor *cms, *cli;
static struct LiteIpcDomainCounters before;
static size_t descriptorsBefore;

/* Records the current resources, which must be the same after every trial. */
static void Count(void)
{
    LiteIpcDomainCount(stage->domain, &before);
    descriptorsBefore = TestDescriptorsSettled();
}

static int SetUp(void **state)
{
    int status = StageSetUp(state);
    stage = *state;
    cms = ActorManager(stage);
    cli = ActorReady(stage);
    return status;
}
#define MEMORY_TEST(test) cmocka_unit_test_setup_teardown(test, SetUp, StageTearDown)

/* Receives the messages and death notices at the manager and returns the number of messages. */
static int LookStep(struct Actor *actor, void *argument)
{
    struct LiteIpcEvent events[8];
    int messages = 0;
    (void)argument;
    LiteIpcCollect(ActorThread(actor));
    int count = LiteIpcReceive(ActorThread(actor), events, 8);
    for (int i = 0; i < count; i++) {
        const IpcMsg *got = events[i].message;
        if (got != NULL && got->spObjNum == 2) {
            close(ParcelFdOf(got, 0));
            (void)LiteIpcFree(ActorThread(actor), ParcelGet(got, 1, OBJ_PTR).content.ptr.buff);
        }
        messages += got != NULL && LiteIpcFree(ActorThread(actor), got) == 0;
    }
    return messages;
}

/* Asserts that the domain, this process and the manager's pool hold no more than before. */
static void NothingIsLeft(void)
{
    struct LiteIpcDomainCounters now;
    bool same;
    uint64_t deadline = TestDeadline();
    do {
        assert_true(ActorRun(cms, LookStep, NULL) >= 0);
        LiteIpcDomainCount(stage->domain, &now);
        same = now.processes == before.processes && now.threads == before.threads &&
               now.tasks == before.tasks && now.lanes == before.lanes &&
               TestDescriptorCount() <= descriptorsBefore;
    } while (!same && TestRetry(deadline));
    if (!same) {
        print_error("processes %u threads %u tasks %u lanes %u, descriptors %zu\n",
                    now.processes - before.processes, now.threads - before.threads,
                    now.tasks - before.tasks, now.lanes - before.lanes,
                    TestDescriptorCount() - descriptorsBefore);
    }
    assert_true(same);
    assert_true(ActorPoolIsEmpty(cms));
}

/* Lets every request of the operation fail once. Returns the number of requests. */
static unsigned TryAll(struct Actor *actor, struct Trial *trial)
{
    for (trial->refuse = 1; trial->refuse < TRIALS_MAX; trial->refuse++) {
        int status = ActorRun(actor, TrialStep, trial);
        NothingIsLeft();
        if (trial->failures == 0) {
            assert_int_equal(status, 0);
            return trial->refuse - 1;
        }
        if (status != 0 && status != -ENOMEM && status != -EMFILE) {
            print_error("status %d when request %u failed\n", status, trial->refuse);
        }
        assert_true(status == 0 || status == -ENOMEM || status == -EMFILE);
    }
    fail();
    return 0;
}

/* ---- a task whose queue cannot be allocated -------------------------------------------------- */

static int Msg(struct LiteIpcTask *task, uint32_t flag, IpcMsg *out, void *toFree, IpcMsg **in)
{
    IpcContent content = {.flag = flag, .outMsg = out, .buffToFree = toFree};
    int status = LiteIpcIoctl(task, IPC_SEND_RECV_MSG, (unsigned long)&content);
    if (in != NULL) {
        *in = content.inMsg;
    }
    return status;
}

/* Creates a task, its queue and a message, and ends the task. */
static int TaskTrial(struct Actor *actor, struct Trial *trial)
{
    struct LiteIpcTask *task;
    IpcMsg *in = NULL;
    (void)trial;
    int status = LiteIpcTaskCreate(ActorThread(actor), &task);
    if (status != 0) {
        return status;
    }
    IpcMsg own = ActorOneway(LiteIpcTaskID(task), 1);
    status = Msg(task, SEND, &own, NULL, NULL);
    if (status == 0) {
        status = Msg(task, RECV, NULL, NULL, &in);
    }
    if (status == 0) {
        status = Msg(task, BUFF_FREE, NULL, in, NULL);
    }
    LiteIpcTaskExit(task);
    return status;
}

static void FailedQueuesLeaveNothing(void **state)
{
    static struct Trial trial = {.operation = TaskTrial};
    (void)state;
    assert_int_equal(ActorRun(cli, TrialStep, &trial), 0); /* the lane to itself exists */
    Count();
    assert_true(TryAll(cli, &trial) > 0);
}

/* ---- threads, processes, children ------------------------------------------------------------ */

static int ThreadTrial(struct Actor *actor, struct Trial *trial)
{
    struct LiteIpcThread *thread;
    struct LiteIpcTask *task;
    (void)trial;
    int status = LiteIpcThreadCreate(ActorDevice(actor), &thread);
    if (status == 0) {
        status = LiteIpcTaskCreate(thread, &task);
        LiteIpcThreadDestroy(thread);
    }
    return status;
}

static void FailedThreadsLeaveNothing(void **state)
{
    static struct Trial trial = {.operation = ThreadTrial};
    (void)state;
    Count();
    assert_true(TryAll(cli, &trial) > 10);
}

/* Maps the pool and sends the manager a message with a descriptor and a buffer. */
static int UseDevice(struct LiteIpcDevice *device, struct Trial *trial)
{
    struct LiteIpcThread *thread;
    struct LiteIpcTask *task;
    void *address;
    int status = LiteIpcThreadCreate(device, &thread);
    if (status != 0) {
        return status;
    }
    status = LiteIpcTaskCreate(thread, &task);
    if (status == 0) {
        status = LiteIpcOpen(task);
    }
    if (status == 0) {
        status = LiteIpcMmap(task, ACTOR_POOL, PROT_READ, MAP_PRIVATE, &address);
    }
    if (status == 0) {
        status = Msg(task, SEND, &trial->parcel.msg, NULL, NULL);
    }
    LiteIpcThreadDestroy(thread);
    return status;
}

static int DeviceTrial(struct Actor *actor, struct Trial *trial)
{
    struct LiteIpcDevice *device;
    int status = trial->path == NULL ? LiteIpcDeviceForked(ActorDevice(actor), &device)
                                     : LiteIpcDeviceAttach(trial->path, &device);
    if (status == 0) {
        status = UseDevice(device, trial);
        LiteIpcDeviceDetach(device);
    }
    return status;
}

static void FillParcel(struct Parcel *parcel)
{
    static char bytes[100];
    ParcelBegin(parcel, ActorOneway(CMS_HANDLE, 1));
    ParcelFd(parcel, STDIN_FILENO);
    ParcelPtr(parcel, bytes, sizeof(bytes));
}

static void FailedProcessesLeaveNothing(void **state)
{
    static struct Trial trial = {.operation = DeviceTrial};
    (void)state;
    trial.path = LiteIpcDomainPath(stage->domain);
    FillParcel(&trial.parcel);
    Count();
    assert_true(TryAll(cli, &trial) > 20);
}

static void FailedChildrenLeaveNothing(void **state)
{
    static struct Trial trial = {.operation = DeviceTrial};
    (void)state;
    FillParcel(&trial.parcel);
    Count();
    assert_true(TryAll(cli, &trial) > 20);
}

/* ---- arriving lanes -------------------------------------------------------------------------- */

static int ArrivalTrial(struct Actor *actor, struct Trial *trial)
{
    (void)trial;
    for (int i = 0; i < 5; i++) {
        (void)LookStep(actor, NULL);
    }
    /* A lane that it cannot accept is refused: the sender gets an error when it sends again. */
    return 0;
}

/* Each trial uses a new sender, so that the manager must accept a new lane. */
static void FailedLanesLeaveNothing(void **state)
{
    static struct Trial trial = {.operation = ArrivalTrial};
    (void)state;
    Count();
    for (trial.refuse = 1, trial.failures = 1; trial.failures > 0; trial.refuse++) {
        struct Actor *sender = ActorReady(stage);
        FillParcel(&trial.parcel);
        assert_int_equal(ActorSend(sender, &trial.parcel.msg), 0);
        assert_int_equal(ActorRun(cms, TrialStep, &trial), 0);
        ActorDetach(sender);
        NothingIsLeft();
        assert_true(trial.refuse < TRIALS_MAX);
    }
    assert_true(trial.refuse > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MEMORY_TEST(FailedQueuesLeaveNothing),    MEMORY_TEST(FailedThreadsLeaveNothing),
        MEMORY_TEST(FailedProcessesLeaveNothing), MEMORY_TEST(FailedChildrenLeaveNothing),
        MEMORY_TEST(FailedLanesLeaveNothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
