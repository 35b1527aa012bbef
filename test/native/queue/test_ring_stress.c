/*
 * Runs one sender and one receiver at full speed: as two threads on one mapping (for the thread
 * sanitizer, which detects no race across processes or through two mappings), and as two processes
 * on sealed memfds, where each can write only its own memory.
 *
 * The receiver sleeps on an eventfd whenever it finds nothing, and the sender pauses at random, so
 * that arming and publishing interleave in every order. A lost wake-up appears as a sleep that
 * times out although there is a record. An alarm ends a hanging test.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/deadline.h"
#include "support/ring_pair.h"

#define RECORDS          1000000U /* between threads */
#define PROCESS_RECORDS  300000U
#define ALLOWANCE        65536U
#define SLEEP_MS         TEST_DEADLINE_MS
#define WATCHDOG_SECONDS 500 /* below the limit of ctest */

struct Ends {
    struct RingWriter writer;
    struct RingReader reader;
    int bell;
    uint32_t records;
    uint64_t bells;  /* rung by the sender */
    uint64_t sleeps; /* of the receiver */
};

/* Sizes and charges are derived from the number, so that both ends can compute them. */
static uint64_t Mix(uint64_t number)
{
    uint64_t state = number * 0x9e3779b97f4a7c15ULL;

    return RingPairNextRandom(&state);
}

static uint32_t SizeOf(uint64_t number)
{
    uint64_t mix = Mix(number);

    return (uint32_t)(mix % 64 == 0 ? 16 + mix / 64 % 6000 : 16 + mix / 64 % 300);
}

static uint64_t ChargeOf(uint64_t number)
{
    uint64_t charge = SizeOf(number);

    return charge < RING_MINIMUM_CHARGE ? RING_MINIMUM_CHARGE : charge;
}

static void Pause(uint64_t number)
{
    uint64_t mix = Mix(~number);

    if (mix % 512 == 0) {
        struct timespec time = {.tv_nsec = (long)(mix / 512 % 20000)};

        (void)nanosleep(&time, NULL);
    } else if (mix % 512 < 8) {
        sched_yield();
    } else if (mix % 512 < 64) {
        for (volatile uint64_t spin = mix / 512 % 2000; spin > 0; spin--) {
        }
    }
}

/* Returns 0 or a negative errno of the ring or of the eventfd. */
static int SendAll(struct Ends *ends)
{
    const uint64_t one = 1;

    for (uint64_t number = 0; number < ends->records;) {
        bool bell = false;
        int status = RingPairSend(&ends->writer, SizeOf(number), ChargeOf(number), number, &bell);

        if (status == -ENOMEM) {
            sched_yield();
            continue;
        }
        if (status != 0) {
            return status;
        }
        if (bell) {
            ends->bells++;
            if (write(ends->bell, &one, sizeof(one)) != sizeof(one)) {
                return -errno;
            }
        }
        number++;
        Pause(number);
    }
    return 0;
}

/* Sleeps until a record may be available. Returns -ETIMEDOUT if the bell was not rung in time. */
static int SleepOnBell(struct Ends *ends)
{
    struct pollfd poller = {.fd = ends->bell, .events = POLLIN};
    uint64_t count;
    int status;

    RingArm(&ends->reader);
    if (!RingLookAfterArm(&ends->reader)) {
        ends->sleeps++;
        status = poll(&poller, 1, SLEEP_MS);
        if (status <= 0) {
            fprintf(stderr, "slept %d ms although a record %s available\n", SLEEP_MS,
                    RingReaderEmpty(&ends->reader) ? "is not" : "is");
            return status == 0 ? -ETIMEDOUT : -errno;
        }
        if (read(ends->bell, &count, sizeof(count)) != sizeof(count)) {
            return -errno;
        }
    }
    RingDisarm(&ends->reader);
    return 0;
}

static int ReceiveAll(struct Ends *ends)
{
    for (uint64_t number = 0; number < ends->records;) {
        const struct RingRecord *record = NULL;
        uint32_t size = 0;
        int status = RingPeek(&ends->reader, &record, &size);

        if (status == 0) {
            status = SleepOnBell(ends);
            if (status != 0) {
                return status;
            }
            continue;
        }
        if (status < 0) {
            return status;
        }
        if (size != SizeOf(number) || !RingPairMatches(record, size, number)) {
            fprintf(stderr, "record %llu is damaged\n", (unsigned long long)number);
            return -EBADMSG;
        }
        RingTake(&ends->reader);
        if (number % 3 == 0) {
            RingFreeElsewhere(&ends->reader, ChargeOf(number));
        } else {
            RingFree(&ends->reader, ChargeOf(number));
        }
        number++;
    }
    return RingCheckReader(&ends->reader);
}

static void *SendThread(void *ends)
{
    return (void *)(intptr_t)SendAll(ends);
}

static void ThreadsOnOneMapping(void **state)
{
    struct RingPair pair;
    struct Ends ends = {.records = RECORDS};
    pthread_t thread;
    void *sent = NULL;

    (void)state;
    RingPairCreate(&pair, RingMemorySize(ALLOWANCE), ALLOWANCE, RingPairRandom());
    ends.writer = pair.writer;
    ends.reader = pair.reader;
    ends.bell = eventfd(0, EFD_CLOEXEC);
    assert_true(ends.bell >= 0);
    assert_int_equal(pthread_create(&thread, NULL, SendThread, &ends), 0);
    assert_int_equal(ReceiveAll(&ends), 0);
    assert_int_equal(pthread_join(thread, &sent), 0);
    assert_int_equal((int)(intptr_t)sent, 0);
    assert_int_equal(RingOutstanding(&ends.writer), 0);
    assert_true(RingWriterDrained(&ends.writer));
    assert_int_equal(RingCheckWriter(&ends.writer), 0);
    printf("threads: %u records, %llu sleeps, %llu bells\n", ends.records,
           (unsigned long long)ends.sleeps, (unsigned long long)ends.bells);
    assert_true(ends.sleeps > 100); /* otherwise the test did not cover sleeping */
    close(ends.bell);
    RingPairDestroy(&pair);
}

/* ---- arming against publishing --------------------------------------------------------------- */

#define RACES        1000000U
#define RACE_SECONDS 10

/*
 * In each round one thread publishes while the other arms and peeks: at least one of them must see
 * the other. In a stream the next record would hide a lost wake-up; here there is none.
 */
struct Race {
    struct RingPair pair;
    _Atomic uint64_t begun; /* number of the round that may run */
    _Atomic uint64_t published;
    bool bell; /* of the published round */
};

static void AwaitRound(_Atomic uint64_t *number, uint64_t round)
{
    /* Acquire: pairs with the release store of the round's number. */
    for (int spin = 0; atomic_load_explicit(number, memory_order_acquire) != round; spin++) {
        if (spin % 2000 == 1999) { /* both threads may share one core */
            sched_yield();
        }
    }
}

static void SpinAtRandom(uint64_t seed)
{
    for (volatile uint64_t spin = Mix(seed) % 128; spin > 0; spin--) {
    }
}

static void *PublishRounds(void *context)
{
    struct Race *race = context;

    for (uint64_t round = 1; round <= RACES; round++) {
        AwaitRound(&race->begun, round);
        if (race->pair.writer.allowance == 0) { /* the end */
            return NULL;
        }
        SpinAtRandom(round);
        if (RingPairSend(&race->pair.writer, 64, 64, round, &race->bell) != 0) {
            return race;
        }
        atomic_store_explicit(&race->published, round, memory_order_release);
    }
    return NULL;
}

static void ArmingAndPublishingSeeEachOther(void **state)
{
    static struct Race race; /* static, because a failure leaves the other thread running */
    time_t end = time(NULL) + RACE_SECONDS;
    uint64_t both = 0;
    uint64_t round;
    pthread_t thread;
    void *failed = NULL;

    (void)state;
    RingPairCreate(&race.pair, 4096, 64, RingPairRandom());
    assert_int_equal(pthread_create(&thread, NULL, PublishRounds, &race), 0);
    for (round = 1; round <= RACES; round++) {
        const struct RingRecord *record = NULL;
        uint32_t size = 0;
        bool saw;

        if (round % 4096 == 0 && time(NULL) > end) {
            race.pair.writer.allowance = 0;
            atomic_store_explicit(&race.begun, round, memory_order_release);
            break;
        }
        atomic_store_explicit(&race.begun, round, memory_order_release);
        SpinAtRandom(~round);
        RingArm(&race.pair.reader);
        saw = RingLookAfterArm(&race.pair.reader);
        AwaitRound(&race.published, round);
        assert_true(saw || race.bell);
        both += saw && race.bell;
        RingDisarm(&race.pair.reader);
        assert_int_equal(RingPeek(&race.pair.reader, &record, &size), 1);
        RingTake(&race.pair.reader);
        RingFree(&race.pair.reader, 64);
    }
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    printf("races: %llu rounds, both saw each other in %llu\n", (unsigned long long)round - 1,
           (unsigned long long)both);
    assert_true(round > 1000);
    RingPairDestroy(&race.pair);
}

/* ---- many threads free at once --------------------------------------------------------------- */

#define FREEING_THREADS 3
#define FREES           20000

static void *FreeThread(void *reader)
{
    for (int i = 0; i < FREES; i++) {
        RingFreeElsewhere(reader, 1);
    }
    return NULL;
}

static void ManyThreadsFreeAtOnce(void **state)
{
    const uint64_t all = (FREEING_THREADS + 1) * (uint64_t)FREES;
    struct RingPair pair;
    pthread_t threads[FREEING_THREADS];
    uint64_t before = all;

    (void)state;
    RingPairCreate(&pair, 4096, all, RingPairRandom());
    assert_int_equal(RingPairSend(&pair.writer, 64, all, 0, NULL), 0);
    for (int i = 0; i < FREEING_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, FreeThread, &pair.reader), 0);
    }
    for (int i = 0; i < FREES; i++) {
        uint64_t outstanding = RingOutstanding(&pair.writer);

        assert_true(outstanding <= before);
        before = outstanding;
        RingFree(&pair.reader, 1);
    }
    for (int i = 0; i < FREEING_THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(RingOutstanding(&pair.writer), 0);
    RingPairDestroy(&pair);
}

/* ---- two processes --------------------------------------------------------------------------- */

/*
 * Creates a memfd that only its creator can write: mapped first, then sealed against later writers.
 */
static void *MakeSealed(const char *name, size_t size, int *descriptor)
{
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
    void *memory;

    *descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(*descriptor >= 0);
    assert_int_equal(ftruncate(*descriptor, (off_t)size), 0);
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *descriptor, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    assert_int_equal(fcntl(*descriptor, F_ADD_SEALS, seals), 0);
    return memory;
}

struct Lane {
    size_t size;
    int ringDescriptor;
    int cursorsDescriptor;
    void *ring;    /* writable by the sender */
    void *cursors; /* writable by the receiver */
};

/* In the process that must not write `own`'s memory: replaces it with a read-only mapping. */
static const void *MapReadOnly(void *own, size_t size, int descriptor)
{
    void *memory;

    if (munmap(own, size) != 0 ||
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0) != MAP_FAILED) {
        return NULL; /* the seal is not effective */
    }
    memory = mmap(NULL, size, PROT_READ, MAP_SHARED, descriptor, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

/* Runs the child: its exit status is 0 or an errno. */
static int SenderProcess(struct Lane *lane, struct Ends *ends)
{
    const void *cursors = MapReadOnly(lane->cursors, RING_CURSORS_SIZE, lane->cursorsDescriptor);
    int status;

    if (cursors == NULL) {
        return EPERM;
    }
    status = RingWriterInit(&ends->writer, lane->ring, lane->size, cursors, ALLOWANCE);
    if (status == 0) {
        status = SendAll(ends);
    }
    /* Stays until the last charge has been returned. */
    while (status == 0 && RingOutstanding(&ends->writer) != 0) {
        sched_yield();
    }
    return status != 0 ? -status : -RingCheckWriter(&ends->writer);
}

static void ProcessesOnSealedMemory(void **state)
{
    struct Lane lane = {.size = RingMemorySize(ALLOWANCE)};
    struct Ends ends = {.records = PROCESS_RECORDS};
    const void *ring;
    pid_t parent = getpid();
    pid_t child;
    int status = -1;

    (void)state;
    lane.ring = MakeSealed("ring", lane.size, &lane.ringDescriptor);
    lane.cursors = MakeSealed("cursors", RING_CURSORS_SIZE, &lane.cursorsDescriptor);
    assert_int_equal(RingFormat(lane.ring, lane.size, RingPairRandom()), 0);
    ends.bell = eventfd(0, EFD_CLOEXEC);
    assert_true(ends.bell >= 0);

    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(getppid() != parent ? EPIPE : SenderProcess(&lane, &ends));
    }
    ring = MapReadOnly(lane.ring, lane.size, lane.ringDescriptor);
    assert_non_null(ring);
    assert_int_equal(RingReaderInit(&ends.reader, ring, lane.size, lane.cursors), 0);
    assert_int_equal(ReceiveAll(&ends), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    printf("processes: %u records, %llu sleeps\n", ends.records, (unsigned long long)ends.sleeps);
    assert_true(ends.sleeps > 100);
    assert_int_equal(munmap((void *)ring, lane.size), 0);
    assert_int_equal(munmap(lane.cursors, RING_CURSORS_SIZE), 0);
    close(lane.ringDescriptor);
    close(lane.cursorsDescriptor);
    close(ends.bell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ThreadsOnOneMapping),
        cmocka_unit_test(ArmingAndPublishingSeeEachOther),
        cmocka_unit_test(ManyThreadsFreeAtOnce),
        cmocka_unit_test(ProcessesOnSealedMemory),
    };

    alarm(WATCHDOG_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
