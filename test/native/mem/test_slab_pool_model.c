/*
 * Compares random operations on the slab pool with a simple model: a list of the live nodes and the
 * owner of each granule. The seed is printed; LITEIPC_TEST_SEED repeats a run.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mem/slab_pool.h"
#include "support/seed.h"

#define KIB            ((size_t)1024)
#define MIB            (KIB * 1024)
#define MODEL_CAPACITY (8 * MIB)
#define MODEL_NODES    4096

#ifdef __SANITIZE_THREAD__
#define STEPS 12000U /* one thread only, so ThreadSanitizer can find nothing in more steps */
#else
#define STEPS 60000U
#endif

struct ModelNode {
    uint8_t *kernel;
    size_t size; /* requested bytes, all filled with the pattern of `seed` */
    size_t usable;
    uint32_t seed;
    bool delivered;
};

struct Model {
    struct SlabPool *pool;
    size_t capacity;
    size_t largest; /* largest requested size */
    size_t used;
    uint64_t random;
    uint32_t count;
    struct ModelNode nodes[MODEL_NODES];
    bool taken[MODEL_CAPACITY / SLAB_POOL_ALIGNMENT];
};

static struct Model model;

/* xorshift64*: the numbers depend only on the seed, on every system. */
static uint64_t Random(uint64_t below)
{
    model.random ^= model.random >> 12;
    model.random ^= model.random << 25;
    model.random ^= model.random >> 27;
    return (model.random * UINT64_C(0x2545F4914F6CDD1D) >> 16) % below;
}

/* Small sizes are as likely as large ones of every magnitude. */
static size_t RandomSize(void)
{
    size_t most = model.largest;
    while (most > 64 && Random(4) != 0) {
        most /= 3;
    }
    return 1 + Random(most);
}

static uint8_t Pattern(uint32_t seed, size_t index)
{
    return (uint8_t)((seed + index) * 2654435761U >> 13);
}

/* Covers all bytes of a small node, and the ends and parts of the middle of a large one. */
static size_t PatternStep(size_t index, size_t size)
{
    return (index < 200 || size - index < 200) ? 1 : 97;
}

static void Fill(const struct ModelNode *node)
{
    for (size_t i = 0; i < node->size; i += PatternStep(i, node->size)) {
        node->kernel[i] = Pattern(node->seed, i);
    }
}

static void AssertFilled(const struct ModelNode *node)
{
    const uint8_t *user = SlabPoolUserAddress(model.pool, node->kernel);
    for (size_t i = 0; i < node->size; i += PatternStep(i, node->size)) {
        assert_int_equal(user[i], Pattern(node->seed, i));
    }
}

static void MarkGranules(const struct ModelNode *node, bool taken)
{
    size_t offset = (size_t)(node->kernel - (uint8_t *)SlabPoolKernelBase(model.pool));
    assert_int_equal(offset % SLAB_POOL_ALIGNMENT, 0);
    assert_true(offset + node->usable <= model.capacity);
    for (size_t at = offset; at < offset + node->usable; at += SLAB_POOL_ALIGNMENT) {
        assert_int_equal(model.taken[at / SLAB_POOL_ALIGNMENT], !taken);
        model.taken[at / SLAB_POOL_ALIGNMENT] = taken;
    }
}

static void Forget(uint32_t index)
{
    MarkGranules(&model.nodes[index], false);
    model.used -= model.nodes[index].usable;
    model.nodes[index] = model.nodes[--model.count];
}

static void StepAllocate(void)
{
    if (model.count == MODEL_NODES) {
        return;
    }
    size_t size = RandomSize();
    void *address = NULL;
    int status = SlabPoolAllocate(model.pool, size, &address);
    if (status == -ENOMEM) {
        /* A small node fits until most of the pool is in use, even when the use is scattered. */
        assert_true(model.used * 10 > model.capacity * 6 || size * 64 > model.capacity);
        assert_int_not_equal(model.count, 0);
        return;
    }
    assert_int_equal(status, 0);
    struct ModelNode *node = &model.nodes[model.count++];
    *node = (struct ModelNode){.kernel = address,
                               .size = size,
                               .usable = SlabPoolNodeSize(model.pool, address),
                               .seed = (uint32_t)Random(UINT32_MAX)};
    assert_true(node->usable >= size);
    MarkGranules(node, true);
    model.used += node->usable;
    Fill(node);
}

static void StepFree(void)
{
    if (model.count == 0) {
        return;
    }
    uint32_t index = (uint32_t)Random(model.count);
    struct ModelNode node = model.nodes[index];
    AssertFilled(&node);
    assert_int_equal(SlabPoolFree(model.pool, node.kernel), 0);
    Forget(index);
    assert_int_equal(SlabPoolFree(model.pool, node.kernel), -EFAULT);
}

static void StepDeliver(void)
{
    if (model.count == 0) {
        return;
    }
    struct ModelNode *node = &model.nodes[Random(model.count)];
    assert_int_equal(SlabPoolDeliver(model.pool, node->kernel), node->delivered ? -EFAULT : 0);
    node->delivered = true;
}

static void StepTake(void)
{
    if (model.count == 0) {
        return;
    }
    struct ModelNode *node = &model.nodes[Random(model.count)];
    void *taken = NULL;
    int status =
        SlabPoolTakeUser(model.pool, SlabPoolUserAddress(model.pool, node->kernel), &taken);
    assert_int_equal(status, node->delivered ? 0 : -EFAULT);
    assert_ptr_equal(taken, node->delivered ? node->kernel : NULL);
    node->delivered = false;
}

static const struct ModelNode *FindNode(const uint8_t *kernel)
{
    for (uint32_t i = 0; i < model.count; i++) {
        if (model.nodes[i].kernel == kernel) {
            return &model.nodes[i];
        }
    }
    return NULL;
}

/* Passes any address, aligned or not, in the pool or close to it. */
static void StepInvalidAddress(void)
{
    uint64_t offset = Random(model.capacity + 2 * KIB) - KIB;
    if (Random(2) == 0) {
        offset &= ~(uint64_t)(SLAB_POOL_ALIGNMENT - 1);
    }
    uint8_t *kernel = (uint8_t *)((uintptr_t)SlabPoolKernelBase(model.pool) + offset);
    const struct ModelNode *node = FindNode(kernel);
    if (node != NULL) {
        AssertFilled(node);
        return;
    }
    int expected = (offset < model.capacity) ? -EFAULT : -EINVAL;
    const void *user = (const void *)((uintptr_t)SlabPoolUserBase(model.pool) + (uintptr_t)offset);
    void *taken = NULL;
    assert_int_equal(SlabPoolFree(model.pool, kernel), expected);
    assert_int_equal(SlabPoolDeliver(model.pool, kernel), expected);
    assert_int_equal(SlabPoolTakeUser(model.pool, user, &taken), expected);
    assert_int_equal(SlabPoolNodeSize(model.pool, kernel), 0);
    assert_null(taken);
}

static void AssertSound(void)
{
    const char *broken = NULL;
    if (SlabPoolCheckDetail(model.pool, &broken) != 0) {
        fail_msg("%s", broken);
    }
    assert_int_equal(SlabPoolUsedNodes(model.pool), model.count);
    assert_int_equal(SlabPoolUsed(model.pool), model.used);
}

static void RunModel(size_t capacity, size_t largest, uint64_t seed)
{
    memset(&model, 0, sizeof(model));
    model.random = seed | 1;
    model.largest = largest;
    assert_int_equal(SlabPoolCreate(capacity, &model.pool), 0);
    model.capacity = SlabPoolCapacity(model.pool);
    assert_true(model.capacity <= MODEL_CAPACITY);
    for (uint32_t step = 0; step < STEPS; step++) {
        /* Phases of mostly allocating and of mostly freeing fill and empty the pool. */
        bool growing = step / (STEPS / 20) % 2 == 0;
        uint64_t dice = Random(100);
        if (dice < (growing ? 40U : 20U)) {
            StepAllocate();
        } else if (dice < 60) {
            StepFree();
        } else if (dice < 73) {
            StepDeliver();
        } else if (dice < 86) {
            StepTake();
        } else {
            StepInvalidAddress();
        }
        if (step % 512 == 0) {
            AssertSound();
        }
        if (step % 4096 == 0) {
            assert_int_equal(SlabPoolTrim(model.pool), 0);
        }
    }
    while (model.count != 0) {
        StepFree();
    }
    AssertSound();
    void *whole = NULL;
    assert_int_equal(SlabPoolAllocate(model.pool, model.capacity, &whole), 0);
    SlabPoolDestroy(model.pool);
}

static uint64_t seedOfRun;

static void TestTinyPool(void **state)
{
    (void)state;
    RunModel(4 * KIB, 4 * KIB, seedOfRun);
}

static void TestKernelDefaultPool(void **state)
{
    (void)state;
    RunModel(64 * KIB, 7 * KIB, seedOfRun + 2);
}

static void TestKernelLargestPool(void **state)
{
    (void)state;
    RunModel(256 * KIB, 100 * KIB, seedOfRun + 4);
}

static void TestOddPool(void **state)
{
    (void)state;
    RunModel(777 * 4 * KIB, 300 * KIB, seedOfRun + 6);
}

static void TestLargePool(void **state)
{
    (void)state;
    RunModel(8 * MIB, 2 * MIB, seedOfRun + 8);
}

int main(void)
{
    seedOfRun = TestSeed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(TestTinyPool),          cmocka_unit_test(TestKernelDefaultPool),
        cmocka_unit_test(TestKernelLargestPool), cmocka_unit_test(TestOddPool),
        cmocka_unit_test(TestLargePool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
