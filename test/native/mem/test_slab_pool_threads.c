/*
 * Tests one slab pool with many threads. Addresses are passed between threads without ordering
 * (relaxed), so that ThreadSanitizer checks the ordering that the pool itself guarantees.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mem/slab_pool.h"
#include "support/seed.h"

#define KIB     ((size_t)1024)
#define MIB     (KIB * 1024)
#define THREADS 4U

#ifdef __SANITIZE_THREAD__
#define STRESS_STEPS 3000U
#define RACE_ROUNDS  60U
#else
#define STRESS_STEPS 25000U
#define RACE_ROUNDS  300U
#endif

static uint64_t seedOfRun;

static uint64_t Random(uint64_t *random, uint64_t below)
{
    *random ^= *random >> 12;
    *random ^= *random << 25;
    *random ^= *random >> 27;
    return (*random * UINT64_C(0x2545F4914F6CDD1D) >> 16) % below;
}

typedef void *ThreadFunction(void *context);

static void RunThreads(ThreadFunction *function, void *contexts, size_t contextBytes)
{
    pthread_t threads[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        assert_int_equal(
            pthread_create(&threads[i], NULL, function, (char *)contexts + i * contextBytes), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
}

static void DestroyEmptyPool(struct SlabPool *pool)
{
    const char *broken = NULL;
    if (SlabPoolCheckDetail(pool, &broken) != 0) {
        fail_msg("%s", broken);
    }
    assert_int_equal(SlabPoolUsedNodes(pool), 0);
    void *whole = NULL;
    assert_int_equal(SlabPoolAllocate(pool, SlabPoolCapacity(pool), &whole), 0);
    assert_int_equal(SlabPoolFree(pool, whole), 0);
    assert_int_equal(SlabPoolCheck(pool), 0);
    SlabPoolDestroy(pool);
}

/*
 * ---- allocate, fill, deliver; the thread that takes a node checks and frees it ----------------
 */

#define SLOTS 128U

struct Message {
    uint64_t id; /* unique for every message of a run */
    uint32_t size;
    uint32_t pattern;
};

struct Stress {
    struct SlabPool *pool;
    size_t largest;
    _Atomic(const void *) slots[SLOTS];
    _Atomic uint8_t consumed[THREADS * STRESS_STEPS];
    _Atomic uint64_t delivered;
    _Atomic uint64_t taken;
    _Atomic uint64_t full;
    _Atomic(const char *) failure; /* cmocka's assertions work only in the main thread */
};

struct Worker {
    struct Stress *stress;
    uint64_t random;
    uint32_t index;
};

static void Require(struct Stress *stress, int condition, const char *sentence)
{
    if (!condition) {
        atomic_store(&stress->failure, sentence);
    }
}

static void FillBody(struct Message *message)
{
    uint8_t *body = (uint8_t *)(message + 1);
    for (uint32_t i = 0; i < message->size - sizeof(*message); i++) {
        body[i] = (uint8_t)(message->pattern + i * 31);
    }
}

static int BodyIsRight(const struct Message *message)
{
    const uint8_t *body = (const uint8_t *)(message + 1);
    for (uint32_t i = 0; i < message->size - sizeof(*message); i++) {
        if (body[i] != (uint8_t)(message->pattern + i * 31)) {
            return 0;
        }
    }
    return 1;
}

static void TakeAndFree(struct Stress *stress, const void *user)
{
    void *node = NULL;
    int status = SlabPoolTakeUser(stress->pool, user, &node);
    if (status != 0) {
        Require(stress, status == -EFAULT, "taking failed with an error other than EFAULT");
        return;
    }
    const struct Message *message = node;
    Require(stress, message->id < (uint64_t)THREADS * STRESS_STEPS, "a header was overwritten");
    Require(stress, SlabPoolNodeSize(stress->pool, node) >= message->size, "a node shrank");
    Require(stress, BodyIsRight(message), "a body was overwritten");
    Require(stress, atomic_exchange(&stress->consumed[message->id], 1) == 0, "taken twice");
    Require(stress, SlabPoolFree(stress->pool, node) == 0, "a taken node could not be freed");
    atomic_fetch_add_explicit(&stress->taken, 1, memory_order_relaxed);
}

static void SendOne(struct Worker *worker, uint64_t id)
{
    struct Stress *stress = worker->stress;
    size_t most = stress->largest;
    while (most > 256 && Random(&worker->random, 3) != 0) {
        most /= 3;
    }
    size_t size = sizeof(struct Message) + Random(&worker->random, most);
    void *node = NULL;
    int status = SlabPoolAllocate(stress->pool, size, &node);
    if (status != 0) {
        Require(stress, status == -ENOMEM, "allocation failed with an error other than ENOMEM");
        atomic_fetch_add_explicit(&stress->full, 1, memory_order_relaxed);
        return;
    }
    struct Message *message = node;
    *message = (struct Message){
        .id = id, .size = (uint32_t)size, .pattern = (uint32_t)Random(&worker->random, 256)};
    FillBody(message);
    const void *user = SlabPoolUserAddress(stress->pool, node);
    Require(stress, SlabPoolDeliver(stress->pool, node) == 0, "a held node was not delivered");
    atomic_fetch_add_explicit(&stress->delivered, 1, memory_order_relaxed);
    const void *displaced = atomic_exchange_explicit(&stress->slots[Random(&worker->random, SLOTS)],
                                                     user, memory_order_relaxed);
    if (displaced != NULL) {
        TakeAndFree(stress, displaced);
    }
}

static void *StressThread(void *context)
{
    struct Worker *worker = context;
    struct Stress *stress = worker->stress;
    const uint8_t *base = SlabPoolUserBase(stress->pool);
    for (uint64_t step = 0; step < STRESS_STEPS; step++) {
        SendOne(worker, worker->index * STRESS_STEPS + step);
        /* Several threads often find the same address here. */
        const void *seen = atomic_load_explicit(&stress->slots[Random(&worker->random, SLOTS)],
                                                memory_order_relaxed);
        if (seen != NULL) {
            TakeAndFree(stress, seen);
        }
        /* A program may pass any address to BUFF_FREE. */
        TakeAndFree(stress, base + Random(&worker->random, SlabPoolCapacity(stress->pool)) /
                                       SLAB_POOL_ALIGNMENT * SLAB_POOL_ALIGNMENT);
        if (Random(&worker->random, 4096) == 0) {
            Require(stress, SlabPoolTrim(stress->pool) == 0, "trimming failed");
        }
        if (Random(&worker->random, 4096) == 0) {
            Require(stress, SlabPoolUsed(stress->pool) <= SlabPoolCapacity(stress->pool),
                    "the use exceeds the capacity");
        }
    }
    return NULL;
}

/* Returns how often the pool was full. */
static uint64_t RunStress(size_t capacity, size_t largest)
{
    static struct Stress stress;
    memset(&stress, 0, sizeof(stress));
    stress.largest = largest;
    assert_int_equal(SlabPoolCreate(capacity, &stress.pool), 0);
    struct Worker workers[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        workers[i] = (struct Worker){
            .stress = &stress, .random = (seedOfRun + capacity + i) | 1, .index = i};
        workers[i].random *= UINT64_C(0x9E3779B97F4A7C15);
    }
    RunThreads(StressThread, workers, sizeof(workers[0]));
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        if (stress.slots[slot] != NULL) {
            TakeAndFree(&stress, stress.slots[slot]);
        }
    }
    if (stress.failure != NULL) {
        fail_msg("%s", stress.failure);
    }
    assert_true(stress.delivered > STRESS_STEPS / 10);
    assert_int_equal(stress.delivered, stress.taken);
    DestroyEmptyPool(stress.pool);
    return stress.full;
}

static void TestStressInFullPools(void **state)
{
    (void)state;
    assert_int_not_equal(RunStress(4 * KIB, 600), 0);
    assert_int_not_equal(RunStress(64 * KIB, 9 * KIB), 0);
}

static void TestStressInRoomyPools(void **state)
{
    (void)state;
    (void)RunStress(2 * MIB, 40 * KIB);
    assert_int_equal(RunStress(64 * MIB, 4 * KIB), 0);
}

/*
 * ---- all threads compete for the same nodes ---------------------------------------------------
 */

#define RACE_NODES 100U

struct Race {
    struct SlabPool *pool;
    pthread_barrier_t barrier;
    int byFreeing; /* SlabPoolFree, otherwise SlabPoolTakeUser */
    _Atomic(void *) nodes[RACE_NODES];
    _Atomic uint32_t wins[RACE_NODES];
    _Atomic uint32_t wrong;
};

struct Racer {
    struct Race *race;
    uint32_t index;
};

static void Compete(struct Race *race, uint32_t index)
{
    for (uint32_t i = 0; i < RACE_NODES; i++) {
        uint32_t which = (index % 2 == 0) ? i : RACE_NODES - 1 - i;
        void *node = atomic_load_explicit(&race->nodes[which], memory_order_relaxed);
        void *taken = NULL;
        int status =
            race->byFreeing
                ? SlabPoolFree(race->pool, node)
                : SlabPoolTakeUser(race->pool, SlabPoolUserAddress(race->pool, node), &taken);
        if (status == 0) {
            atomic_fetch_add(&race->wins[which], 1);
        } else if (status != -EFAULT) {
            atomic_fetch_add(&race->wrong, 1);
        }
        if (!race->byFreeing && (taken != NULL) != (status == 0)) {
            atomic_fetch_add(&race->wrong, 1);
        }
    }
}

static void *RaceThread(void *context)
{
    struct Racer *racer = context;
    struct Race *race = racer->race;
    static const size_t sizes[] = {64, 1000, 20000, 90000};
    for (uint32_t round = 0; round < RACE_ROUNDS; round++) {
        for (uint32_t i = 0; racer->index == 0 && i < RACE_NODES; i++) {
            void *node = NULL;
            if (SlabPoolAllocate(race->pool, sizes[i % 4], &node) != 0 ||
                SlabPoolDeliver(race->pool, node) != 0) {
                atomic_fetch_add(&race->wrong, 1);
            }
            atomic_store_explicit(&race->nodes[i], node, memory_order_relaxed);
        }
        (void)pthread_barrier_wait(&race->barrier);
        Compete(race, racer->index);
        (void)pthread_barrier_wait(&race->barrier);
        for (uint32_t i = 0; racer->index == 0 && i < RACE_NODES; i++) {
            if (atomic_exchange(&race->wins[i], 0) != 1) {
                atomic_fetch_add(&race->wrong, 1);
            }
            if (!race->byFreeing && SlabPoolFree(race->pool, race->nodes[i]) != 0) {
                atomic_fetch_add(&race->wrong, 1);
            }
        }
    }
    return NULL;
}

static void RunRace(int byFreeing)
{
    static struct Race race;
    memset(&race, 0, sizeof(race));
    race.byFreeing = byFreeing;
    assert_int_equal(SlabPoolCreate(16 * MIB, &race.pool), 0);
    assert_int_equal(pthread_barrier_init(&race.barrier, NULL, THREADS), 0);
    struct Racer racers[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        racers[i] = (struct Racer){.race = &race, .index = i};
    }
    RunThreads(RaceThread, racers, sizeof(racers[0]));
    assert_int_equal(pthread_barrier_destroy(&race.barrier), 0);
    assert_int_equal(race.wrong, 0);
    DestroyEmptyPool(race.pool);
}

static void TestOneThreadTakesEachNode(void **state)
{
    (void)state;
    RunRace(0);
}

static void TestOneThreadFreesEachNode(void **state)
{
    (void)state;
    RunRace(1);
}

/* ---- all threads fill the pool --------------------------------------------------------------- */

#define FILL_NODES_MAX 20000U

struct Filler {
    struct SlabPool *pool;
    size_t size;
    uint32_t count;
    void *nodes[FILL_NODES_MAX];
    struct Filler *other; /* owner of the nodes that this thread frees */
};

static void *FillThread(void *context)
{
    struct Filler *filler = context;
    void *node = NULL;
    filler->count = 0;
    while (filler->count < FILL_NODES_MAX &&
           SlabPoolAllocate(filler->pool, filler->size, &node) == 0) {
        memset(node, 1, filler->size);
        filler->nodes[filler->count++] = node;
    }
    return NULL;
}

static void *FreeThread(void *context)
{
    struct Filler *filler = context;
    uint32_t refused = 0;
    for (uint32_t i = 0; i < filler->other->count; i++) {
        refused += (SlabPoolFree(filler->pool, filler->other->nodes[i]) == 0) ? 0 : 1;
    }
    return (void *)(uintptr_t)refused;
}

static void TestThreadsFillThePoolTogether(void **state)
{
    (void)state;
    static struct Filler fillers[THREADS];
    static const size_t sizes[] = {1000, 64, 30000, 300, 200000};
    struct SlabPool *pool = NULL;
    assert_int_equal(SlabPoolCreate(1 * MIB, &pool), 0);
    for (uint32_t round = 0; round < 15; round++) {
        size_t size = sizes[round % 5];
        uint32_t alone = 0;
        uint32_t together = 0;
        for (uint32_t i = 0; i < THREADS; i++) {
            fillers[i].pool = pool;
            fillers[i].size = size;
            fillers[i].other = &fillers[(i + 1) % THREADS];
        }
        (void)FillThread(&fillers[0]);
        alone = fillers[0].count;
        for (uint32_t i = 0; i < alone; i++) {
            assert_int_equal(SlabPoolFree(pool, fillers[0].nodes[i]), 0);
        }
        RunThreads(FillThread, fillers, sizeof(fillers[0]));
        for (uint32_t i = 0; i < THREADS; i++) {
            together += fillers[i].count;
        }
        assert_int_equal(together, alone);
        RunThreads(FreeThread, fillers, sizeof(fillers[0]));
        assert_int_equal(SlabPoolUsedNodes(pool), 0);
        assert_int_equal(SlabPoolCheck(pool), 0);
    }
    DestroyEmptyPool(pool);
}

int main(void)
{
    seedOfRun = TestSeed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(TestStressInFullPools),
        cmocka_unit_test(TestStressInRoomyPools),
        cmocka_unit_test(TestOneThreadTakesEachNode),
        cmocka_unit_test(TestOneThreadFreesEachNode),
        cmocka_unit_test(TestThreadsFillThePoolTogether),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
