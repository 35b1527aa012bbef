/*
 * Tests the past security faults of LiteIPC, listed in docs/threat-model.md. Faults that the kernel
 * still has are in test_security_today.c, and those under memory exhaustion in
 * test_security_memory.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/control_blocks.h"
#include "support/actors.h"
#include "support/parcel.h"

static struct Actor *cms, *cli, *svc;
static struct Parcel parcel;

static int SetUp(void **state)
{
    int status = StageSetUp(state);
    cms = ActorManager(*state);
    cli = ActorReady(*state);
    svc = ActorService(cms, cli);
    return status;
}
#define HISTORY_TEST(test) cmocka_unit_test_setup_teardown(test, SetUp, StageTearDown)

/* ---- CVE-2024-47797: the pool mapping could be made writable --------------------------------- */

/*
 * Returns true if the address can be written. A system call checks it and returns an error
 * otherwise.
 */
static bool IsWritable(void *address)
{
    int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    ssize_t got = read(zero, address, 1);
    close(zero);
    return got == 1;
}

static void Cve2024No47797PoolCannotBeMadeWritable(void **state)
{
    size_t size;
    char *view = (char *)(uintptr_t)LiteIpcPoolView(ActorDevice(svc), &size);
    IpcMsg out = ActorOneway(ActorID(svc), 1);
    IpcMsg *got;
    (void)state;

    assert_int_equal(ActorSend(cli, &out), 0);
    assert_int_equal(ActorReceive(svc, &got), 0);
    char *message = (char *)got;
    assert_true(message >= view && message < view + size);
    assert_int_equal(mprotect(view, size, PROT_READ | PROT_WRITE), -1);
    assert_int_equal(errno, EACCES);
    assert_int_equal(mprotect(view, 4096, PROT_WRITE), -1);
    /* Also not after it was unreadable. */
    assert_int_equal(mprotect(view, size, PROT_NONE), 0);
    assert_int_equal(mprotect(view, size, PROT_READ | PROT_WRITE), -1);
    assert_int_equal(mprotect(view, size, PROT_READ), 0);
    assert_false(IsWritable(message));
    assert_int_equal(got->code, 1);
    assert_int_equal(ActorFree(svc, got), 0);
    assert_int_equal(ActorMap(svc, ACTOR_POOL, PROT_READ | PROT_WRITE, MAP_PRIVATE), -EINVAL);
}

/* ---- CVE-2024-47404: rollback freed a block that the user had freed already ------------------ */

static void SendBuffers(uint32_t code, uint32_t count)
{
    static char bytes[100];
    memset(bytes, 'b', sizeof(bytes));
    ParcelBegin(&parcel, ActorOneway(ActorID(svc), code));
    for (uint32_t i = 0; i < count; i++) {
        ParcelPtr(&parcel, bytes, sizeof(bytes));
    }
    assert_int_equal(ActorSend(cli, &parcel.msg), 0);
}

static size_t PoolNodes(void)
{
    size_t nodes;
    size_t bytes;
    LiteIpcPoolCount(ActorDevice(svc), &nodes, &bytes);
    return nodes;
}

/* Tries to free every address of the pool and returns the number of successes. */
static int FreeEverythingStep(struct Actor *actor, void *argument)
{
    size_t size;
    const char *view = LiteIpcPoolView(ActorDevice(actor), &size);
    int freed = 0;
    (void)argument;
    for (size_t offset = 0; offset < size; offset += 8) {
        freed += LiteIpcFree(ActorThread(actor), view + offset) == 0;
    }
    return freed;
}

static void Cve2024No47404BufferIsFreedOnce(void **state)
{
    const char *buffers[3];
    IpcMsg *got;
    (void)state;

    /* Delivered: the user frees each block once, in any order with the message. */
    SendBuffers(1, 3);
    assert_int_equal(ActorReceive(svc, &got), 0);
    for (uint32_t i = 0; i < 3; i++) {
        buffers[i] = ParcelBuffer(got, i, 'b', 100);
    }
    assert_int_equal(ActorFree(svc, buffers[1]), 0);
    assert_int_equal(ActorFree(svc, buffers[1]), -EFAULT);
    assert_int_equal(ActorFree(svc, got), 0);
    assert_int_equal(ActorFree(svc, buffers[1]), -EFAULT);
    assert_int_equal(ActorFree(svc, buffers[0]), 0);
    assert_int_equal(ActorFree(svc, buffers[2]), 0);
    assert_int_equal(PoolNodes(), 0);

    /* Queued: the user cannot free it by any address. */
    SendBuffers(2, 3);
    SendBuffers(3, 3);
    assert_int_equal(ActorReceive(svc, &got), 0);
    assert_int_equal(PoolNodes(), 8);
    assert_int_equal(ActorRun(svc, FreeEverythingStep, NULL), 4); /* the delivered blocks */
    assert_int_equal(PoolNodes(), 4);
    assert_int_equal(ActorReceive(svc, &got), 0);
    for (uint32_t i = 0; i < 3; i++) {
        (void)ParcelBuffer(got, i, 'b', 100); /* not damaged */
    }
    assert_int_equal(ActorRun(svc, FreeEverythingStep, NULL), 4);
    assert_int_equal(PoolNodes(), 0);

    /* Rolled back: freed once, and earlier delivered blocks still belong to the user. */
    SendBuffers(4, 3);
    SendBuffers(5, 3);
    assert_int_equal(ActorReceive(svc, &got), 0);
    assert_int_equal(ActorFree(svc, ParcelBuffer(got, 0, 'b', 100)), 0);
    assert_int_equal(PoolNodes(), 7);
    ActorExitTask(svc);
    assert_int_equal(PoolNodes(), 3);
    assert_int_equal(ActorRun(svc, FreeEverythingStep, NULL), 3);
}

/* ---- CVE-2025-24298: a second mmap after fork freed the region that it had just been given --- */

static void Cve2025No24298SecondMmapAfterForkChangesNothing(void **state)
{
    struct LiteIpcDevice *device;
    struct LiteIpcThread *thread;
    struct LiteIpcTask *task;
    void *first = NULL;
    void *second = NULL;
    (void)state;

    assert_int_equal(LiteIpcDeviceForked(ActorDevice(svc), &device), 0);
    assert_int_equal(LiteIpcThreadCreate(device, &thread), 0);
    assert_int_equal(LiteIpcTaskCreate(thread, &task), 0);
    assert_int_equal(LiteIpcMmap(task, ACTOR_POOL, PROT_READ, MAP_PRIVATE, &first), 0);
    IpcMsg out = ActorOneway(LiteIpcTaskID(task), 1);
    IpcContent content = {.flag = SEND, .outMsg = &out};
    assert_int_equal(LiteIpcIoctl(task, IPC_SEND_RECV_MSG, (unsigned long)&content), 0);
    content.flag = RECV;
    assert_int_equal(LiteIpcIoctl(task, IPC_SEND_RECV_MSG, (unsigned long)&content), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(LiteIpcMmap(task, ACTOR_POOL, PROT_READ, MAP_PRIVATE, &second), -EEXIST);
        assert_null(second);
        assert_int_equal(LiteIpcMmap(task, ACTOR_POOL, PROT_READ, MAP_SHARED, &second), -EINVAL);
        assert_int_equal(content.inMsg->code, 1); /* the pool is mapped, and the message is valid */
    }
    content = (IpcContent){.flag = BUFF_FREE, .buffToFree = content.inMsg};
    assert_int_equal(LiteIpcIoctl(task, IPC_SEND_RECV_MSG, (unsigned long)&content), 0);
    LiteIpcThreadDestroy(thread);
    LiteIpcDeviceDetach(device);
    out = ActorOneway(ActorID(svc), 2); /* and the parent has its own pool */
    assert_int_equal(ActorSend(cli, &out), 0);
    assert_int_equal(ActorReceive(svc, NULL), 0);
}

/* ---- CVE-2026-27789: the sender's pid, uid and gid were stamped without a lock --------------- */

#define STAMPERS 4
#define STAMPS   500

/* Sends with a forged sender identity; `code` is the real sender's number. */
static int StampStep(struct Actor *actor, void *argument)
{
    int status = 0;
    (void)argument;
    for (int i = 0; i < STAMPS && status == 0; i++) {
        IpcMsg out = ActorOneway(ActorID(svc), ActorID(actor));
        out.processID = ActorProcessID(cms);
        out.taskID = ActorID(cms);
        out.userID = 4242;
        out.gid = 4242;
        out.target.token = ActorProcessID(actor);
        IpcContent content = {.flag = SEND, .outMsg = &out};
        status = LiteIpcIoctl(ActorTask(actor), IPC_SEND_RECV_MSG, (unsigned long)&content);
        if (status == -ENOMEM) {
            i--;
            status = 0;
            usleep(50);
        }
    }
    return status;
}

static void Cve2026No27789StampsAreTheSendersOwn(void **state)
{
    struct Actor *actors[STAMPERS];
    uint32_t counts[STAMPERS] = {0};
    IpcMsg *got;

    for (int i = 0; i < STAMPERS; i++) { /* two threads of one process, two of another */
        actors[i] = i == 0 ? cli : i == 2 ? ActorReady(*state) : ActorSibling(actors[i - 1]);
    }
    assert_int_equal(ActorGrant(cms, actors[2], svc), 0);
    for (int i = 0; i < STAMPERS; i++) {
        ActorLaunch(actors[i], StampStep, NULL);
    }
    for (int i = 0; i < STAMPERS * STAMPS; i++) {
        assert_int_equal(ActorReceive(svc, &got), 0);
        assert_int_equal(got->taskID, got->code);
        assert_int_equal(got->processID, got->target.token);
        assert_true(got->userID == getuid() && got->gid == getgid());
        for (int k = 0; k < STAMPERS; k++) {
            counts[k] += got->taskID == ActorID(actors[k]);
        }
        assert_int_equal(ActorFree(svc, got), 0);
    }
    for (int i = 0; i < STAMPERS; i++) {
        assert_int_equal(ActorJoin(actors[i]), 0);
        assert_int_equal(counts[i], STAMPS);
    }
}

/* ---- 2021: global state raced ---------------------------------------------------------------- */

struct Race {
    pthread_barrier_t start;
    int status[STAMPERS];
};

static int RaceStep(struct Actor *actor, void *argument)
{
    struct Race *race = argument;
    pthread_barrier_wait(&race->start);
    return LiteIpcIoctl(ActorTask(actor), IPC_SET_CMS, ACTOR_CMS_MESSAGE);
}

static int RaceMapStep(struct Actor *actor, void *argument)
{
    struct Race *race = argument;
    void *address;
    pthread_barrier_wait(&race->start);
    int status = LiteIpcOpen(ActorTask(actor));
    return status != 0 ? status
                       : LiteIpcMmap(ActorTask(actor), 4096, PROT_READ, MAP_PRIVATE, &address);
}

static int RaceIpcStep(struct Actor *actor, void *argument)
{
    struct Race *race = argument;
    pthread_barrier_wait(&race->start);
    return LiteIpcIoctl(ActorTask(actor), IPC_SET_IPC_THREAD, 0);
}

/* All actors run the step at once: one succeeds, the others get `refused`. */
static void OneWins(struct Actor *const actors[STAMPERS], ActorStep step, int refused)
{
    struct Race race;
    int winners = 0;
    assert_int_equal(pthread_barrier_init(&race.start, NULL, STAMPERS), 0);
    for (int i = 0; i < STAMPERS; i++) {
        ActorLaunch(actors[i], step, &race);
    }
    for (int i = 0; i < STAMPERS; i++) {
        int status = ActorJoin(actors[i]);
        assert_true(status >= 0 || status == refused);
        winners += status >= 0;
    }
    assert_int_equal(winners, 1);
    pthread_barrier_destroy(&race.start);
}

static void Year2021SharedStateIsGrantedOnce(void **state)
{
    struct Actor *actors[STAMPERS];
    for (int round = 0; round < 20; round++) {
        actors[0] = ActorProcess(*state);
        for (int i = 1; i < STAMPERS; i++) {
            actors[i] = ActorSibling(actors[0]);
        }
        OneWins(actors, RaceMapStep, -EEXIST);
        OneWins(actors, RaceIpcStep, -EINVAL);
        ActorExitTask(cms);
        ActorDetach(cms); /* the role is free: D7 */
        OneWins(actors, RaceStep, -EEXIST);
        ActorDetach(actors[0]);
        cms = ActorManager(*state);
    }
}

/* ---- 2021: a waiter could not be killed ------------------------------------------------------ */

static void Year2021WaitersCanBeKilled(void **state)
{
    struct Actor *sibling = ActorSibling(cli);
    IpcMsg out = ActorRequest(ActorID(svc), 1);
    (void)state;

    ActorMsgStart(cli, SEND | RECV, &out, NULL);
    ActorMsgStart(sibling, RECV, NULL, NULL);
    assert_false(ActorIsDone(cli) || ActorIsDone(sibling));
    uint64_t start = NowMs();
    ActorExitProcess(cli);
    assert_int_equal(ActorMsgEnd(cli, NULL), -ERFKILL);
    assert_int_equal(ActorMsgEnd(sibling, NULL), -ERFKILL);
    assert_true(NowMs() - start < TEST_PROMPT_MS);
}

/* ---- 2021: the wrong process was destroyed --------------------------------------------------- */

static void Year2021TheRightProcessIsDestroyed(void **state)
{
    struct Actor *first = ActorReady(*state);
    uint32_t slot = ActorProcessID(first);
    struct Actor *second = NULL;
    IpcMsg out = ActorRequest(ActorID(svc), 1);
    IpcMsg *got;

    ActorExitProcess(first);
    assert_true(StageSettles(*state, 3));
    for (int i = 0; i < 64 && (second == NULL || ActorProcessID(second) != slot); i++) {
        if (second != NULL) {
            ActorDetach(second);
        }
        second = ActorReady(*state);
    }
    assert_int_equal(ActorProcessID(second), slot);
    ActorExitProcess(first); /* the slot is reused: its number belongs to the second process now */
    ActorDetach(first);
    assert_int_equal(ActorGrant(cms, second, svc), 0);
    ActorMsgStart(second, SEND | RECV, &out, NULL);
    assert_int_equal(ActorReceive(svc, &got), 0);
    assert_true(ActorIsMessage(got, MT_REQUEST, 1, second));
    assert_int_equal(ActorReply(svc, MT_REPLY, got, 2), 0);
    assert_int_equal(ActorMsgEnd(second, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HISTORY_TEST(Cve2024No47797PoolCannotBeMadeWritable),
        HISTORY_TEST(Cve2024No47404BufferIsFreedOnce),
        HISTORY_TEST(Cve2025No24298SecondMmapAfterForkChangesNothing),
        HISTORY_TEST(Cve2026No27789StampsAreTheSendersOwn),
        HISTORY_TEST(Year2021SharedStateIsGrantedOnce),
        HISTORY_TEST(Year2021WaitersCanBeKilled),
        HISTORY_TEST(Year2021TheRightProcessIsDestroyed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
