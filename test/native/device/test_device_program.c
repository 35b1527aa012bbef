/*
 * Tests programs that were not written for this library: they use a shorter IpcMsg, change a
 * message while it is sent, or unmap their view of the pool.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/actors.h"

#define PAGE  4096U
#define SHORT offsetof(IpcMsg, userID) /* sizeof(IpcMsg) without LOSCFG_SECURITY_CAPABILITY */

_Static_assert(UINTPTR_MAX == UINT32_MAX || SHORT == 72, "the short message of LP64");

static struct Actor *cms, *cli, *svc;

static int SetUp(void **state)
{
    int status = StageSetUp(state);
    cms = ActorManager(*state);
    cli = ActorReady(*state);
    svc = ActorService(cms, cli);
    return status;
}
#define PROGRAM_TEST(test) cmocka_unit_test_setup_teardown(test, SetUp, StageTearDown)

/* ---- a message of 72 bytes ------------------------------------------------------------------- */

/* Maps a page that is followed by an inaccessible page. */
static char *EdgeMake(void)
{
    char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    assert_int_equal(mprotect(pages + PAGE, PAGE, PROT_NONE), 0);
    return pages;
}

static int MsgStep(struct Actor *actor, void *argument)
{
    return LiteIpcIoctl(ActorTask(actor), IPC_SEND_RECV_MSG, (unsigned long)argument);
}

/* Sends `msg` from the last bytes of the page. */
static int SendAtEdge(struct Actor *actor, char *edge, uint32_t flag, const IpcMsg *msg,
                      const void *toFree)
{
    char *place = edge + PAGE - SHORT;
    memcpy(place, msg, SHORT);
    IpcContent content = {
        .flag = flag, .outMsg = (IpcMsg *)(void *)place, .buffToFree = (void *)(uintptr_t)toFree};
    int status = ActorRun(actor, MsgStep, &content);
    if (status == 0 && (flag & RECV) != 0) {
        /* A received message always has the full size. */
        assert_int_equal(content.inMsg->userID, getuid());
        assert_int_equal(ActorFree(actor, content.inMsg), 0);
    }
    return status;
}

static void MessagesMayEndBeforeTheUserID(void **state)
{
    char *edge = EdgeMake();
    SpecialObj self = {.type = OBJ_SVC, .content.svc = {.handle = INVALID_ID, .token = 1}};
    uint32_t offset = 0;
    IpcMsg *got;
    (void)state;

    IpcMsg out = ActorOneway(ActorID(svc), 1);
    out.data = &self;
    out.dataSz = sizeof(self);
    assert_int_equal(SendAtEdge(cli, edge, SEND, &out, NULL), 0);
    out.spObjNum = 1;
    out.offsets = &offset;
    assert_int_equal(SendAtEdge(cli, edge, SEND, &out, NULL), 0);
    out.target.handle = CMS_HANDLE;
    assert_int_equal(SendAtEdge(cli, edge, SEND, &out, NULL), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ActorReceive(svc, &got), 0);
        assert_true(got->userID == getuid() && got->gid == getgid());
        assert_int_equal(ActorFree(svc, got), 0);
    }
    assert_int_equal(ActorReceive(cms, NULL), 0);

    out = ActorRequest(ActorID(svc), 2); /* a call and its answer */
    ActorMsgStart(cli, SEND | RECV, &out, NULL);
    assert_int_equal(ActorReceive(svc, &got), 0);
    IpcMsg reply = ActorReplyTo(MT_REPLY, got, 3);
    assert_int_equal(SendAtEdge(svc, edge, SEND | BUFF_FREE, &reply, got), 0);
    assert_int_equal(ActorMsgEnd(cli, NULL), 0);
    assert_int_equal(munmap(edge, 2 * PAGE), 0);
}

static void CallsMayEndBeforeTheUserID(void **state)
{
    char *edge = EdgeMake();
    IpcMsg out = ActorRequest(ActorID(svc), 2);
    char *place = edge + PAGE - SHORT;
    IpcContent content = {.flag = SEND | RECV, .outMsg = (IpcMsg *)(void *)place};
    IpcMsg *got;
    (void)state;

    memcpy(place, &out, SHORT);
    ActorStart(cli, MsgStep, &content);
    assert_int_equal(ActorReceive(svc, &got), 0);
    /* The message is not read after it was sent. */
    assert_int_equal(mprotect(edge, PAGE, PROT_NONE), 0);
    assert_int_equal(ActorReply(svc, MT_REPLY, got, 3), 0);
    assert_int_equal(ActorJoin(cli), 0);
    assert_int_equal(ActorFree(cli, content.inMsg), 0);
    assert_int_equal(munmap(edge, 2 * PAGE), 0);
}

static void BadMessagesMayEndBeforeTheUserID(void **state)
{
    char *edge = EdgeMake();
    IpcMsg out = ActorRequest(ActorID(svc), 2);
    (void)state;

    out.type = MT_DEATH_NOTIFY;
    assert_int_equal(SendAtEdge(cli, edge, SEND, &out, NULL), -EINVAL);
    out = ActorRequest(99, 2);
    assert_int_equal(SendAtEdge(cli, edge, SEND | RECV, &out, NULL), -EACCES);
    out.type = MT_REPLY;
    assert_int_equal(SendAtEdge(cli, edge, SEND, &out, NULL), -EINVAL);
    out = ActorRequest(ActorID(svc), 2);
    out.dataSz = 1;
    assert_int_equal(SendAtEdge(cli, edge, SEND, &out, NULL), -EINVAL);
    assert_int_equal(munmap(edge, 2 * PAGE), 0);
}

/* ---- a message that changes while it is sent ------------------------------------------------- */

#if !defined(__SANITIZE_THREAD__) /* ThreadSanitizer would report the race, which is intended */

#define SMALL    8U
#define LARGE    6000U
#define ENOUGH   100 /* messages of each size */
#define WHILE_MS 500

struct Changer {
    IpcMsg *msg;
    /* relaxed: no other data depends on these */
    atomic_bool over;
    atomic_uint small, large, others; /* received messages */
};

static unsigned Came(atomic_uint *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

/* Waits, so that both values are seen equally often. */
static void Pause(void)
{
    for (volatile int i = 0; i < 30; i = i + 1) {
    }
}

static void *Change(void *argument)
{
    struct Changer *changer = argument;
    volatile uint32_t *size = &changer->msg->dataSz;
    while (!atomic_load_explicit(&changer->over, memory_order_relaxed)) {
        *size = LARGE;
        Pause();
        *size = SMALL;
        Pause();
    }
    return NULL;
}

/* Sends for some time, and until enough messages of both sizes have arrived. */
static int SendManyStep(struct Actor *actor, void *argument)
{
    struct Changer *changer = argument;
    int status = 0;
    uint64_t start = NowMs();
    while ((status == 0 || status == -ENOMEM) && NowMs() - start < TEST_DEADLINE_MS / 2 &&
           (NowMs() - start < WHILE_MS || Came(&changer->small) < ENOUGH ||
            Came(&changer->large) < ENOUGH)) {
        IpcContent content = {.flag = SEND, .outMsg = changer->msg};
        status = LiteIpcIoctl(ActorTask(actor), IPC_SEND_RECV_MSG, (unsigned long)&content);
        if (status == -ENOMEM) {
            usleep(50);
        }
    }
    return status == -ENOMEM ? 0 : status;
}

static int TakeAllStep(struct Actor *actor, void *argument)
{
    struct Changer *changer = argument;
    for (;;) {
        IpcContent content = {.flag = RECV};
        int status = LiteIpcIoctl(ActorTask(actor), IPC_SEND_RECV_MSG, (unsigned long)&content);
        if (status != 0) {
            return status;
        }
        const IpcMsg *got = content.inMsg;
        bool last = got->code == 2;
        const char *data = got->data;
        if (!last) {
            bool sound = got->dataSz > 0 && data[0] == 'x' && data[got->dataSz - 1] == 'x';
            atomic_uint *count = !sound                 ? &changer->others
                                 : got->dataSz == SMALL ? &changer->small
                                 : got->dataSz == LARGE ? &changer->large
                                                        : &changer->others;
            atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
        }
        content = (IpcContent){.flag = BUFF_FREE, .buffToFree = content.inMsg};
        status = LiteIpcIoctl(ActorTask(actor), IPC_SEND_RECV_MSG, (unsigned long)&content);
        if (status != 0 || last) {
            return status;
        }
    }
}

static void TheCheckedMessageIsTheSentMessage(void **state)
{
    static char data[LARGE];
    pthread_t thread;
    IpcMsg out = ActorOneway(ActorID(svc), 1);
    struct LiteIpcThreadCounters counters;
    struct Changer changer = {.msg = &out};
    (void)state;

    memset(data, 'x', sizeof(data));
    out.data = data;
    out.dataSz = SMALL;
    assert_int_equal(pthread_create(&thread, NULL, Change, &changer), 0);
    ActorLaunch(svc, TakeAllStep, &changer);
    assert_int_equal(ActorRun(cli, SendManyStep, &changer), 0);
    atomic_store_explicit(&changer.over, true, memory_order_relaxed);
    assert_int_equal(pthread_join(thread, NULL), 0);
    IpcMsg last = ActorOneway(ActorID(svc), 2);
    int status;
    uint64_t deadline = TestDeadline();
    do {
        status = ActorSend(cli, &last);
    } while (status == -ENOMEM && TestRetry(deadline));
    if (status != 0) {
        ActorExitProcess(svc); /* nothing arrives there any more, so the wait ends */
    }
    assert_int_equal(status, 0);
    assert_int_equal(ActorJoin(svc), 0);
    assert_true(Came(&changer.small) >= ENOUGH && Came(&changer.large) >= ENOUGH);
    assert_int_equal(Came(&changer.others), 0);
    LiteIpcThreadCount(ActorThread(svc), &counters);
    assert_int_equal(counters.malformed, 0);
}
#endif

/* ---- the view of the pool -------------------------------------------------------------------- */

/* Maps something else at the address of the view, or of a part of it. */
static char *Replace(char *place, size_t size)
{
    char *mine =
        mmap(place, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    assert_ptr_equal(mine, place);
    memset(mine, 'm', size);
    return mine;
}

static bool IsStillThere(const char *mine, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (mine[i] != 'm') {
            return false;
        }
    }
    return true;
}

static void UnmappedViewBelongsToTheProgram(void **state)
{
    struct Stage *stage = *state;
    struct Actor *actor = ActorReady(stage);
    size_t size;
    char *view = (char *)(uintptr_t)LiteIpcPoolView(ActorDevice(actor), &size);
    IpcMsg own = ActorOneway(ActorID(actor), 1);
    IpcMsg *got;

    assert_true(size > ACTOR_POOL);
    assert_int_equal(munmap(view, ACTOR_POOL), 0); /* the whole area that the program mapped */
    LiteIpcMunmap(ActorDevice(actor));
    char *mine = Replace(view, ACTOR_POOL);
    /* Messages still arrive and can be freed, though not read; the pool stays mapped. */
    for (int i = 0; i < 100; i++) {
        assert_int_equal(ActorSend(actor, &own), 0);
        assert_int_equal(ActorReceive(actor, &got), 0);
        assert_int_equal(ActorFree(actor, got), 0);
    }
    assert_int_equal(ActorMap(actor, ACTOR_POOL, PROT_READ, MAP_PRIVATE), -EEXIST);
    assert_true(ActorPoolIsEmpty(actor));
    ActorDetach(actor);
    assert_true(IsStillThere(mine, ACTOR_POOL));
    assert_int_equal(munmap(view, size), 0); /* all of it belongs to the program */
}

static void MovedViewBelongsToTheProgram(void **state)
{
    struct Stage *stage = *state;
    struct Actor *actor = ActorReady(stage);
    size_t size;
    char *view = (char *)(uintptr_t)LiteIpcPoolView(ActorDevice(actor), &size);
    char *moved = mremap(view, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
                         mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    assert_ptr_not_equal(moved, MAP_FAILED);
    LiteIpcMunmap(ActorDevice(actor));
    LiteIpcMunmap(ActorDevice(actor));
    char *mine = Replace(view, ACTOR_POOL);
    ActorDetach(actor);
    assert_true(IsStillThere(mine, ACTOR_POOL));
    assert_int_equal(mprotect(moved, size, PROT_READ | PROT_WRITE), -1);
    assert_int_equal(munmap(moved, size), 0);
    assert_int_equal(munmap(mine, ACTOR_POOL), 0);
}

static void NothingToUnmapIsNoError(void **state)
{
    struct Actor *actor = ActorProcess(*state);
    LiteIpcMunmap(ActorDevice(actor));
    assert_int_equal(ActorOpen(actor), 0);
    LiteIpcMunmap(ActorDevice(actor));
    assert_int_equal(ActorMap(actor, ACTOR_POOL, PROT_READ, MAP_PRIVATE), 0);
    size_t size;
    char *view = (char *)(uintptr_t)LiteIpcPoolView(ActorDevice(actor), &size);
    ActorDetach(actor);
    /*
     * The view that was mapped after the munmap belongs to the device, and detaching has unmapped
     * it.
     */
    assert_int_equal(madvise(view, size, MADV_NORMAL), -1);
    assert_int_equal(errno, ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROGRAM_TEST(MessagesMayEndBeforeTheUserID),
        PROGRAM_TEST(CallsMayEndBeforeTheUserID),
        PROGRAM_TEST(BadMessagesMayEndBeforeTheUserID),
#if !defined(__SANITIZE_THREAD__)
        PROGRAM_TEST(TheCheckedMessageIsTheSentMessage),
#endif
        PROGRAM_TEST(UnmappedViewBelongsToTheProgram),
        PROGRAM_TEST(MovedViewBelongsToTheProgram),
        PROGRAM_TEST(NothingToUnmapIsNoError),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
