/*
 * Tests several threads of one process: a lane per thread, lanes that are reused, memory that any
 * thread frees.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "kernel/control_blocks.h"
#include "kernel/pool.h"
#include "support/endpoint.h"

#define THREADS  8
#define MESSAGES 2000

static struct Endpoint *const client = &trio.client;
static struct Endpoint *const service = &trio.service;

static uint32_t LanesIn(const struct Endpoint *endpoint)
{
    struct LiteIpcThreadCounters counters;
    LiteIpcThreadCount(endpoint->thread, &counters);
    return counters.lanesIn;
}

struct Sender {
    struct LiteIpcDevice *device;
    uint32_t index, messages;
    int status;
    pthread_t system;
    pthread_barrier_t *together; /* barrier before the threads end, or NULL */
};

/* Creates a thread of the client with its own task, which numbers its messages. */
static int SendFromOwnThread(struct Sender *sender)
{
    struct LiteIpcThread *thread;
    struct LiteIpcTask *task;
    struct LiteIpcEvent event;
    uint64_t end = TestDeadline();
    int status = LiteIpcThreadCreate(sender->device, &thread);
    if (status != 0) {
        return status;
    }
    status = LiteIpcTaskCreate(thread, &task);
    for (uint32_t i = 0; i < sender->messages && status == 0 && NowMs() < end;) {
        struct LiteIpcOutgoing out = {.handle = service->taskID,
                                      .flag = LITEIPC_FLAG_ONEWAY,
                                      .token = sender->index,
                                      .code = i};
        status = LiteIpcSendRequest(task, &out, 0, NULL);
        if (status == 0) {
            i++;
        } else if (status == -EINPROGRESS) {
            status = LiteIpcWait(thread, TEST_DEADLINE_MS) < 0 ? -EIO : 0;
            (void)LiteIpcReceive(thread, &event, 1);
        } else if (status == -ENOMEM) {
            status = 0;
            SleepMs(1);
        }
    }
    if (sender->together != NULL) {
        (void)pthread_barrier_wait(sender->together);
    }
    LiteIpcThreadDestroy(thread);
    return NowMs() < end ? status : -ETIME;
}

static void *SenderMain(void *argument)
{
    struct Sender *sender = argument;
    sender->status = SendFromOwnThread(sender);
    return NULL;
}

/* Receives this number of messages at the service; the messages of each sender are in order. */
static bool TakeAll(uint32_t total)
{
    uint32_t next[THREADS] = {0};
    struct LiteIpcEvent event;
    for (uint32_t i = 0; i < total; i++) {
        if (!EndpointNext(service, &event, TEST_DEADLINE_MS)) {
            print_error("received %u of %u messages\n", i, total);
            return false;
        }
        uint32_t from = event.message->target.token;
        if (from >= THREADS || event.message->code != next[from]++) {
            print_error("sender %u: message %u\n", from, event.message->code);
            return false;
        }
        if (LiteIpcFree(service->thread, event.message) != 0) {
            return false;
        }
    }
    return true;
}

static bool RunSenders(uint32_t count, uint32_t messages)
{
    struct Sender senders[THREADS];
    pthread_barrier_t together;
    bool all;
    (void)pthread_barrier_init(&together, NULL, count);
    for (uint32_t i = 0; i < count; i++) {
        senders[i] = (struct Sender){
            .device = client->device, .index = i, .messages = messages, .together = &together};
        (void)pthread_create(&senders[i].system, NULL, SenderMain, &senders[i]);
    }
    all = TakeAll(count * messages);
    for (uint32_t i = 0; i < count; i++) {
        (void)pthread_join(senders[i].system, NULL);
        if (senders[i].status != 0) {
            print_error("sender %u: status %d\n", i, senders[i].status);
            all = false;
        }
    }
    (void)pthread_barrier_destroy(&together);
    return all;
}

static void EveryThreadHasItsOwnLane(void **state)
{
    (void)state;
    assert_true(RunSenders(THREADS, MESSAGES));
    assert_int_equal(LanesIn(service), THREADS);
    assert_true(EndpointIsQuiet(service) && EndpointPoolIsEmpty(service));
}

/* Threads start and end; their lanes stay with the process and are reused. */
static void LanesOfEndedThreadsAreReused(void **state)
{
    struct LiteIpcDomainCounters counters;
    (void)state;

    for (int round = 0; round < 30; round++) {
        assert_true(RunSenders(3, 20));
        assert_true(LanesIn(service) <= 3);
    }
    LiteIpcDomainCount(trio.stage.domain, &counters);
    assert_true(counters.lanes <= 3);
    assert_int_equal(counters.threads, 3);
    assert_true(EndpointPoolIsEmpty(service));
}

/*
 * More threads than lanes between two processes: further sends are refused until other threads end.
 */
static void LanesBetweenTwoProcessesAreLimited(void **state)
{
    struct Endpoint siblings[CONTROL_LANES_PER_PAIR + 1];
    uint32_t const last = CONTROL_LANES_PER_PAIR;
    (void)state;

    for (uint32_t i = 0; i <= last; i++) {
        EndpointJoin(client, &siblings[i]);
        struct LiteIpcOutgoing out = EndpointRequest(service, i, LITEIPC_FLAG_ONEWAY);
        assert_int_equal(LiteIpcSendRequest(siblings[i].task, &out, 0, NULL), -EINPROGRESS);
        (void)EndpointIsQuiet(service);
        struct LiteIpcEvent event = EndpointExpect(&siblings[i], LITEIPC_EVENT_LANE);
        assert_int_equal(event.status, i < last ? 0 : -ENOMEM);
        if (i < last) {
            assert_int_equal(LiteIpcSendRequest(siblings[i].task, &out, 0, NULL), 0);
            assert_true(EndpointGets(service, i));
        }
    }
    EndpointLeave(&siblings[0]);
    assert_int_equal(EndpointSendOneWay(&siblings[last], service, 7), 0);
    assert_true(EndpointGets(service, 7));
    for (uint32_t i = 1; i <= last; i++) {
        EndpointLeave(&siblings[i]);
    }
}

#define IN_FLIGHT_MAX 64

/* Messages in flight from the receiving thread to the freeing thread. */
static struct {
    pthread_mutex_t lock;
    const IpcMsg *messages[IN_FLIGHT_MAX];
    unsigned count;
    bool end;
    struct LiteIpcThread *thread;
    int status;
} inFlight = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *FreeElsewhere(void *argument)
{
    (void)argument;
    for (;;) {
        const IpcMsg *message = NULL;
        pthread_mutex_lock(&inFlight.lock);
        bool end = inFlight.end;
        if (inFlight.count > 0) {
            message = inFlight.messages[--inFlight.count];
        }
        pthread_mutex_unlock(&inFlight.lock);
        if (message != NULL) {
            inFlight.status |= LiteIpcFree(inFlight.thread, message);
        } else if (end) {
            return NULL;
        } else {
            SleepMs(0);
        }
    }
}

/*
 * The sender's allowance is returned by whichever thread frees, also while the lane's own thread
 * frees.
 */
static void AnyThreadMayFree(void **state)
{
    struct Endpoint sibling;
    pthread_t system;
    struct Sender sender = {.device = client->device, .messages = 20000};
    struct LiteIpcEvent event;
    (void)state;

    EndpointJoin(service, &sibling);
    inFlight.end = false;
    inFlight.thread = sibling.thread;
    inFlight.status = 0;
    assert_int_equal(pthread_create(&system, NULL, FreeElsewhere, NULL), 0);
    assert_int_equal(pthread_create(&sender.system, NULL, SenderMain, &sender), 0);
    bool all = true;
    for (uint32_t i = 0; i < sender.messages && all; i++) {
        all = EndpointNext(service, &event, TEST_DEADLINE_MS) && event.message->code == i;
        bool passed = false;
        pthread_mutex_lock(&inFlight.lock);
        if (all && i % 3 != 0 && inFlight.count < IN_FLIGHT_MAX) {
            inFlight.messages[inFlight.count++] = event.message;
            passed = true;
        }
        pthread_mutex_unlock(&inFlight.lock);
        if (all && !passed) {
            all = LiteIpcFree(service->thread, event.message) == 0;
        }
    }
    pthread_mutex_lock(&inFlight.lock);
    inFlight.end = true;
    pthread_mutex_unlock(&inFlight.lock);
    pthread_join(system, NULL);
    pthread_join(sender.system, NULL);
    assert_true(all);
    assert_int_equal(inFlight.status, 0);
    assert_int_equal(sender.status, 0);
    assert_true(EndpointPoolIsEmpty(service));
    EndpointLeave(&sibling);
}

/* A message remains valid after its receiving thread and its lane have ended. */
static void MessagesOutliveTheirThread(void **state)
{
    struct Endpoint sibling;
    struct LiteIpcEvent event;
    const IpcMsg *held[10];
    (void)state;

    EndpointJoin(service, &sibling);
    EndpointGrant(&trio.manager, client, &sibling);
    for (uint32_t i = 0; i < 10; i++) {
        struct LiteIpcOutgoing out = EndpointRequest(&sibling, i, LITEIPC_FLAG_ONEWAY);
        out.data = "still valid";
        out.dataSz = 10;
        assert_int_equal(EndpointSend(client, &out, 0, NULL), 0);
        event = EndpointExpect(&sibling, LITEIPC_EVENT_MESSAGE);
        held[i] = event.message;
    }
    EndpointLeave(&sibling);
    EndpointClose(client);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(held[i]->code, i);
        assert_memory_equal(held[i]->data, "still valid", 10);
        if (i < 5) { /* the others are freed with the device */
            assert_int_equal(LiteIpcFree(service->thread, held[i]), 0);
        }
    }
}

#define FILLERS (1U << 16)

/* Allocates all memory of a process's pool, which is small for this test. */
static size_t Exhaust(struct Endpoint *endpoint, struct IpcNode **nodes)
{
    static const uint32_t sizes[] = {16384, 1024, 128};
    struct ProcIpcInfo *info = &endpoint->device->ipcInfo;
    size_t count = 0;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        while (count < FILLERS && LiteIpcNodeAlloc(info, sizes[i], &nodes[count]) == 0) {
            count++;
        }
    }
    assert_true(count < FILLERS);
    return count;
}

static void *FreeHeldLater(void *argument)
{
    SleepMs(50);
    for (unsigned i = 0; i < inFlight.count; i++) {
        inFlight.status |= LiteIpcFree(inFlight.thread, inFlight.messages[i]);
    }
    return argument;
}

/*
 * Without free memory, the receiver loses nothing, not even a death notice. A free in any thread
 * wakes the receiver, which then continues.
 */
static void ExhaustedReceiverContinuesAfterAFree(void **state)
{
    struct ProcIpcInfo *info = &service->device->ipcInfo;
    struct IpcNode **nodes = calloc(FILLERS, sizeof(struct IpcNode *));
    struct LiteIpcControlRequest request = {.operation = LITEIPC_CONTROL_SET_IPC_TASK,
                                            .task = service->task};
    struct Endpoint other, sibling;
    struct LiteIpcEvent event;
    pthread_t system;
    (void)state;

    assert_non_null(nodes);
    assert_int_equal(EndpointControl(service, &request, &event), 0);
    EndpointJoin(service, &sibling);
    EndpointOpen(LiteIpcDomainPath(trio.stage.domain), &other, 0);
    EndpointGrant(&trio.manager, service, &other);
    assert_int_equal(LiteIpcPoolDelete(info), 0);
    assert_int_equal(DoIpcMmap(info, 4096, 64), 0);
    inFlight.thread = sibling.thread;
    inFlight.status = 0;
    for (inFlight.count = 0; inFlight.count < 10; inFlight.count++) {
        assert_int_equal(EndpointSendOneWay(client, service, inFlight.count), 0);
        event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
        inFlight.messages[inFlight.count] = event.message;
    }
    size_t fillers = Exhaust(service, nodes);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(EndpointSendOneWay(client, service, 100 + i), 0);
    }
    EndpointClose(&other); /* its death notice is pending, too */
    assert_true(EndpointIsQuiet(service));
    assert_int_equal(LiteIpcSpin(service->thread, 1000), 0);

    assert_int_equal(pthread_create(&system, NULL, FreeHeldLater, NULL), 0);
    bool notified = false;
    for (uint32_t i = 0; i < 5 || !notified;) {
        event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
        if (event.message->type == MT_DEATH_NOTIFY) {
            assert_false(notified);
            notified = true;
        } else {
            assert_int_equal(event.message->code, 100 + i++);
        }
        assert_int_equal(LiteIpcFree(service->thread, event.message), 0);
    }
    pthread_join(system, NULL);
    inFlight.count = 0;
    assert_int_equal(inFlight.status, 0);
    while (fillers > 0) {
        LiteIpcNodeFree(info, nodes[--fillers]);
    }
    assert_true(EndpointIsQuiet(service) && EndpointPoolIsEmpty(service));
    EndpointLeave(&sibling);
    free(nodes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRIO_TEST(EveryThreadHasItsOwnLane),
        TRIO_TEST(LanesOfEndedThreadsAreReused),
        TRIO_TEST(LanesBetweenTwoProcessesAreLimited),
        TRIO_TEST(AnyThreadMayFree),
        TRIO_TEST(MessagesOutliveTheirThread),
        TRIO_TEST(ExhaustedReceiverContinuesAfterAFree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
