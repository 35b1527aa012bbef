/*
 * Runs processes that send random requests in random order with random descriptors, and are killed
 * at random times. The domain still answers a correct client, and is empty after all have exited.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/domain_fixture.h"
#include "support/seed.h"

#define CHILDREN 4
#define KILLS    150

/*
 * Returns numbers that are often valid: IDs of a small domain, sizes that fit, existing commands.
 */
static uint32_t Number(unsigned *seed)
{
    static const uint32_t special[] = {0, 1, 80, 127, 128, 4096, 65536, 0x10001, UINT32_MAX};
    uint32_t choice = (uint32_t)rand_r(seed);
    return choice % 4 == 0 ? special[choice / 4 % 9] : choice / 4 % 24;
}

static uint32_t LikelyType(unsigned *seed)
{
    static const uint32_t likely[] = {
        CONTROL_PROCESS_OPEN, CONTROL_PROCESS_MAP,  CONTROL_TASK_CREATE,  CONTROL_TASK_CREATE,
        CONTROL_TASK_EXIT,    CONTROL_TASK_INIT,    CONTROL_SET_CMS,      CONTROL_SET_IPC_TASK,
        CONTROL_CMS_COMMAND,  CONTROL_CMS_COMMAND,  CONTROL_CMS_COMMAND,  CONTROL_REMOVE_ACCESS,
        CONTROL_LANE_OPEN,    CONTROL_LANE_OPEN,    CONTROL_LANE_OPEN,    CONTROL_LANE_LEASE,
        CONTROL_LANE_CLOSE,   CONTROL_LANE_DEPOSIT, CONTROL_LANE_DEPOSIT, CONTROL_LANE_DRAINED};
    return likely[(uint32_t)rand_r(seed) % (sizeof(likely) / sizeof(likely[0]))];
}

/* Sends one request on a thread's socket; occasionally one that ends the process. */
static void Ask(int socket, unsigned *seed, const int memories[4])
{
    struct ControlMessage message = {.type = LikelyType(seed), .requestID = 1};
    uint32_t *words = (uint32_t *)(void *)message.bytes;
    int descriptors[3] = {memories[0], memories[2], memories[3]};
    size_t count = 0;

    for (size_t index = 0; index < sizeof(message.bytes) / sizeof(uint32_t); index++) {
        words[index] = Number(seed);
    }
    if (message.type == CONTROL_PROCESS_MAP) {
        message.map.poolSize = rand_r(seed) % 4 == 0 ? 0 : 65536;
    } else if (message.type == CONTROL_CMS_COMMAND) {
        message.cmsCommand.cmd %= 4;
    } else if (message.type == CONTROL_LANE_OPEN) {
        message.lane.ringSize = TEST_RING_SIZE;
        message.lane.generation = 0;
        descriptors[0] = memories[1];
        count = 1;
    } else if (message.type == CONTROL_LANE_DEPOSIT) {
        count = 3;
    }
    uint32_t mischief = (uint32_t)rand_r(seed) % 2000;
    if (mischief == 0) {
        message.type = Number(seed);
    } else if (mischief == 1) {
        count = (uint32_t)rand_r(seed) % 4;
    } else if (mischief == 2) {
        message.type = CONTROL_THREAD_EXIT;
    }
    size_t size = mischief == 3 ? (size_t)rand_r(seed) % sizeof(message) : sizeof(message);
    (void)TestSend(socket, &message, size, descriptors, count);
}

/* Reads the available answers, or (sometimes) nothing at all. */
static void Listen(int socket, unsigned *seed)
{
    struct TestMessage message;
    if (rand_r(seed) % 8 != 0) {
        while (TestReceive(socket, &message, 0) == 1) {
            TestMessageClose(&message);
        }
    }
}

static _Noreturn void Misbehave(unsigned seed)
{
    struct Bell bell;
    assert_int_equal(BellCreate(&bell), 0);
    int memories[4] = {TestMemory(4096, TEST_SEALS), TestMemory(TEST_RING_SIZE, TEST_SEALS),
                       bell.listen, bell.ring};
    int sockets[2];
    for (;;) {
        struct TestClient client;
        struct TestThread threads[2];
        if (TestClientOpen(DomainPath(testDomain), &client) != 0) {
            usleep(1000); /* the slots are occupied by terminated processes with undrained lanes */
            continue;
        }
        for (int index = 0; index < 2; index++) {
            if (TestThreadOpen(&client, &threads[index]) != 0) {
                _exit(1);
            }
            sockets[index] = threads[index].socket.descriptor;
        }
        (void)TestProcessReady(&threads[0]);
        fcntl(sockets[0], F_SETFL, O_NONBLOCK);
        fcntl(sockets[1], F_SETFL, O_NONBLOCK);
        for (int request = 0; request < 3000; request++) {
            int socket = sockets[rand_r(&seed) % 2];
            Ask(socket, &seed, memories);
            Listen(socket, &seed);
        }
        TestThreadClose(&threads[0]);
        TestThreadClose(&threads[1]);
        TestClientClose(&client);
    }
}

static pid_t Spawn(unsigned seed)
{
    pid_t pid = fork();
    if (pid == 0) {
        Misbehave(seed);
    }
    return pid;
}

static void RandomClientsLeaveNothing(void **state)
{
    (void)state;
    pid_t children[CHILDREN];
    unsigned seed = (unsigned)TestSeed();
    struct TestProcess correct;
    struct DomainCounters counters;
    uint32_t lanes = 0, tasks = 0;

    TestProcessOpen(DomainPath(testDomain), &correct, 2);
    for (int index = 0; index < CHILDREN; index++) {
        children[index] = Spawn(seed + (unsigned)index);
    }
    for (int kills = 0; kills < KILLS; kills++) {
        int victim = rand_r(&seed) % CHILDREN;
        int status;
        usleep((useconds_t)rand_r(&seed) % 30000);
        /* A correct client is always answered. */
        assert_int_equal(TestObject(&correct.thread, CONTROL_TASK_INIT, correct.taskID, 0), 0);
        while (correct.thread.socket.eventCount > 0) {
            TestMessageClose(&correct.thread.socket.events[--correct.thread.socket.eventCount]);
        }
        DomainCount(testDomain, &counters);
        lanes = counters.lanes > lanes ? counters.lanes : lanes;
        tasks = counters.tasks > tasks ? counters.tasks : tasks;
        kill(children[victim], SIGKILL);
        assert_int_equal(waitpid(children[victim], &status, 0), children[victim]);
        children[victim] = Spawn((unsigned)rand_r(&seed));
    }
    for (int index = 0; index < CHILDREN; index++) {
        kill(children[index], SIGKILL);
        (void)waitpid(children[index], NULL, 0);
    }
    TestProcessClose(&correct);
    assert_true(lanes > 2 && tasks > 10); /* the random requests had some effect */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(RandomClientsLeaveNothing, DomainSetUp, DomainTearDown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
