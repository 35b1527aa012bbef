/*
 * Forks hundreds of times while other threads of the parent send, receive, create and end threads,
 * open lanes and pass descriptors. The child inherits nothing, and the other threads are not
 * affected.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/control_client.h"
#include "support/forked.h"
#include "support/parcel.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define FORKS 60
#else
#define FORKS 400
#endif
#define PROCESS_EVERY 8 /* one in this number of children becomes a LiteIPC process */
#define MAPS          20

/*
 * These functions replace those of the C library. After a call that creates a descriptor or a
 * mapping, the thread waits, so that a fork is likely to happen before the operation is complete.
 */
static _Thread_local unsigned delays;

static void Delay(void)
{
    int error = errno;
    usleep(++delays % 4 * 30);
    errno = error;
}

ssize_t recvmsg(int socket, struct msghdr *message, int flags)
{
    ssize_t result = syscall(SYS_recvmsg, socket, message, flags);
    if (result >= 0 && message->msg_controllen > 0) {
        Delay();
    }
    return result;
}

int memfd_create(const char *name, unsigned flags)
{
    int result = (int)syscall(SYS_memfd_create, name, flags);
    Delay();
    return result;
}

int pipe2(int ends[2], int flags)
{
    int result = (int)syscall(SYS_pipe2, ends, flags);
    Delay();
    return result;
}

int epoll_create1(int flags)
{
    int result = (int)syscall(SYS_epoll_create1, flags);
    Delay();
    return result;
}

int eventfd(unsigned count, int flags)
{
    int result = (int)syscall(SYS_eventfd2, count, flags);
    Delay();
    return result;
}

int socketpair(int domain, int type, int protocol, int ends[2])
{
    int result = (int)syscall(SYS_socketpair, domain, type, protocol, ends);
    Delay();
    return result;
}

int madvise(void *memory, size_t size, int advice)
{
    if (advice == MADV_DONTFORK) {
        Delay(); /* before the call, because until then the mapping would be inherited */
    }
    return (int)syscall(SYS_madvise, memory, size, advice);
}

static atomic_bool over; /* relaxed everywhere: no other data depends on it */

static bool IsOver(void)
{
    return atomic_load_explicit(&over, memory_order_relaxed);
}

/* Parameters of a worker's step; `count` is the number of completed operations. */
struct Work {
    struct LiteIpcDevice *device;
    uint32_t target;
    int descriptor; /* to be passed */
    uint64_t count;
    struct Parcel parcel;
};

static int Msg(struct LiteIpcTask *task, IpcContent *content)
{
    return LiteIpcIoctl(task, IPC_SEND_RECV_MSG, (unsigned long)content);
}

/* Makes calls, one after the other. */
static int CallStep(struct Actor *actor, void *argument)
{
    struct Work *work = argument;
    for (; !IsOver(); work->count++) {
        IpcMsg out = ActorRequest(work->target, (uint32_t)work->count);
        IpcContent content = {.flag = SEND | RECV, .outMsg = &out};
        int status = Msg(ActorTask(actor), &content);
        if (status != 0 || content.inMsg->code != out.code + 1) {
            return status != 0 ? status : -EBADMSG;
        }
        content = (IpcContent){.flag = BUFF_FREE, .buffToFree = content.inMsg};
        status = Msg(ActorTask(actor), &content);
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

/* Passes a descriptor in each message. */
static int PassStep(struct Actor *actor, void *argument)
{
    struct Work *work = argument;
    while (!IsOver()) {
        ParcelBegin(&work->parcel, ActorOneway(work->target, 0));
        ParcelFd(&work->parcel, work->descriptor);
        IpcContent content = {.flag = SEND, .outMsg = &work->parcel.msg};
        int status = Msg(ActorTask(actor), &content);
        if (status == 0) {
            work->count++;
        } else if (status == -ENOMEM) {
            usleep(50); /* enough messages are in flight */
        } else {
            return status;
        }
    }
    IpcMsg last = ActorOneway(work->target, 0);
    last.flag = 2;
    IpcContent content = {.flag = SEND, .outMsg = &last};
    return Msg(ActorTask(actor), &content);
}

/* Answers calls, closes received descriptors, ends with a message of flag 2. */
static int ServeStep(struct Actor *actor, void *argument)
{
    struct Work *work = argument;
    for (;; work->count++) {
        IpcContent content = {.flag = RECV};
        int status = Msg(ActorTask(actor), &content);
        if (status != 0) {
            return status;
        }
        const IpcMsg *in = content.inMsg;
        IpcMsg reply = ActorReplyTo(MT_REPLY, in, in->code + 1);
        bool last = in->flag == 2;
        bool answer = in->flag == LITEIPC_FLAG_DEFAULT;
        if (in->spObjNum == 1) {
            close(ParcelFdOf(in, 0));
        }
        content = (IpcContent){
            .flag = BUFF_FREE | (answer ? SEND : 0), .outMsg = &reply, .buffToFree = content.inMsg};
        status = Msg(ActorTask(actor), &content);
        if (status != 0 || last) {
            return status;
        }
    }
}

/* Starts threads that open lanes in both directions and end. */
static int ThreadStep(struct Actor *actor, void *argument)
{
    struct Work *work = argument;
    (void)actor;
    for (; !IsOver(); work->count++) {
        struct LiteIpcThread *thread;
        struct LiteIpcTask *task;
        int status = LiteIpcThreadCreate(work->device, &thread);
        if (status != 0) {
            return status;
        }
        status = LiteIpcTaskCreate(thread, &task);
        if (status == 0) {
            IpcMsg out = ActorRequest(work->target, 1);
            IpcContent content = {.flag = SEND | RECV, .outMsg = &out};
            status = Msg(task, &content);
            if (status == 0) {
                content = (IpcContent){.flag = BUFF_FREE, .buffToFree = content.inMsg};
                status = Msg(task, &content);
            }
        }
        LiteIpcThreadDestroy(thread);
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

struct Storm {
    struct KnownDescriptors known;
    bool anew;
};

static void HasNothing(struct LiteIpcDevice *parent, void *argument)
{
    const struct Storm *storm = argument;
    struct Forked self;
    FORKED_CHECK(KnownDescriptorsOnly(&storm->known, "/dev/full"));
    FORKED_CHECK(!LiteIpcIsMapped());
    if (storm->anew) {
        ForkedReady(parent, &self);
        FORKED_CHECK(ForkedCall(&self, CMS_HANDLE, 41) == 42);
        ForkedFinish(&self);
        FORKED_CHECK(KnownDescriptorsOnly(&storm->known, "/dev/full"));
    }
}

static void ParentIsBusyWhileItForks(void **state)
{
    struct ForkStage *stage = *state;
    static struct Work calls, passes, starts, serves, manages;
    int full = open("/dev/full", O_RDWR | O_CLOEXEC);
    struct Storm storm = {0};
    KnownDescriptorsTake(&storm.known);
    struct Actor *manager = ForkStageManager(stage);
    struct Actor *parent = ForkStageActor(stage);
    struct Actor *service = ForkStageService(stage, manager, parent);
    struct Actor *passer = ForkStageActor(stage);
    uint32_t handle = ActorID(service);
    assert_int_equal(ActorGrant(manager, passer, service), 0);
    struct Actor *starter = ActorSibling(parent);
    atomic_store_explicit(&over, false, memory_order_relaxed);
    calls = (struct Work){.target = handle};
    passes = (struct Work){.target = handle, .descriptor = full};
    starts = (struct Work){.target = CMS_HANDLE, .device = ActorDevice(parent)};
    ActorLaunch(service, ServeStep, &serves);
    ActorLaunch(manager, ServeStep, &manages);
    ActorLaunch(parent, CallStep, &calls);
    ActorLaunch(passer, PassStep, &passes);
    ActorLaunch(starter, ThreadStep, &starts);

    bool good = true;
    for (unsigned i = 0; i < FORKS && good; i++) {
        storm.anew = i % PROCESS_EVERY == 0;
        good = ForkedRun(stage, ActorDevice(i % 2 == 0 ? parent : service), HasNothing, &storm);
    }
    atomic_store_explicit(&over, true, memory_order_relaxed);
    assert_int_equal(ActorJoin(parent), 0);
    assert_int_equal(ActorJoin(starter), 0);
    assert_int_equal(ActorJoin(passer), 0);
    assert_int_equal(ActorJoin(service), 0);
    IpcMsg last = ActorOneway(CMS_HANDLE, 0);
    last.flag = 2;
    assert_int_equal(ActorSend(parent, &last), 0);
    assert_int_equal(ActorJoin(manager), 0);
    assert_true(good);
    print_message("%u forks during %llu calls, %llu descriptors and %llu threads\n", FORKS,
                  (unsigned long long)calls.count, (unsigned long long)passes.count,
                  (unsigned long long)starts.count);
    assert_true(calls.count > 0 && passes.count > 0 && starts.count > 0);
    assert_true(ActorPoolIsEmpty(parent) && ActorPoolIsEmpty(service) && ActorPoolIsEmpty(manager));
    close(full);
}

static int MapStep(struct Actor *actor, void *argument)
{
    void *address;
    (void)argument;
    return LiteIpcMmap(ActorTask(actor), ACTOR_POOL, PROT_READ, MAP_PRIVATE, &address);
}

static void ParentMapsItsPoolWhileItForks(void **state)
{
    struct ForkStage *stage = *state;
    struct Storm storm = {0};
    KnownDescriptorsTake(&storm.known);
    for (unsigned i = 0; i < MAPS; i++) {
        struct Actor *parent = ForkStageProcess(stage);
        assert_int_equal(ActorOpen(parent), 0);
        ActorLaunch(parent, MapStep, NULL);
        bool good = true;
        do {
            good = ForkedRun(stage, ActorDevice(parent), HasNothing, &storm) && good;
        } while (!ActorIsDone(parent));
        assert_int_equal(ActorJoin(parent), 0);
        assert_true(good);
        ActorDetach(parent);
        stage->deviceCount = 0;
    }
}

int main(int count, char **arguments)
{
    const struct ChildRole roles[] = {FORK_STAGE_ROLE, {NULL, NULL}};
    ChildRunIfAsked(count, arguments, roles);
    const struct CMUnitTest tests[] = {
        FORK_TEST(ParentIsBusyWhileItForks),
        FORK_TEST(ParentMapsItsPoolWhileItForks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
