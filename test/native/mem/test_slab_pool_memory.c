/* Tests the memory use of the slab pool: full and empty pools, small pools, trimming. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "mem/slab_internal.h"

#define KIB        ((size_t)1024)
#define MIB        (KIB * 1024)
#define GIB        (MIB * 1024)
#define PAGE_BYTES ((size_t)4096)

static struct SlabPool *CreatePool(size_t capacity)
{
    struct SlabPool *pool = NULL;
    assert_int_equal(SlabPoolCreate(capacity, &pool), 0);
    return pool;
}

static void AssertSound(struct SlabPool *pool)
{
    const char *broken = NULL;
    if (SlabPoolCheckDetail(pool, &broken) != 0) {
        fail_msg("%s", broken);
    }
}

static void *Allocate(struct SlabPool *pool, size_t size)
{
    void *node = NULL;
    assert_int_equal(SlabPoolAllocate(pool, size, &node), 0);
    return node;
}

/* Allocates nodes of `size` until the pool is full. */
static size_t Fill(struct SlabPool *pool, size_t size, void **nodes, size_t most)
{
    size_t count = 0;
    void *node = NULL;
    while (SlabPoolAllocate(pool, size, &node) == 0) {
        assert_true(count < most);
        nodes[count++] = node;
    }
    assert_int_equal(SlabPoolAllocate(pool, size, &node), -ENOMEM);
    return count;
}

static void FreeAll(struct SlabPool *pool, void **nodes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(SlabPoolFree(pool, nodes[i]), 0);
    }
    assert_int_equal(SlabPoolUsedNodes(pool), 0);
    AssertSound(pool);
}

#define NODES_MAX ((size_t)40000)
static void *nodes[NODES_MAX];

/* Fills the pool with one size, empties it, fills it with another size: no memory is lost. */
static void TestEmptiedPoolIsFullyUsable(void **state)
{
    (void)state;
    static const size_t capacities[] = {PAGE_BYTES, 64 * KIB, 256 * KIB, 2 * MIB};
    static const size_t sizes[] = {64, 1000, 150, 3000, 64, 20000, 81920, 81921, 400000, 640};
    for (size_t c = 0; c < sizeof(capacities) / sizeof(capacities[0]); c++) {
        struct SlabPool *pool = CreatePool(capacities[c]);
        for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
            if (sizes[s] > capacities[c]) {
                continue;
            }
            size_t count = Fill(pool, sizes[s], nodes, NODES_MAX);
            AssertSound(pool);
            size_t padded = (sizes[s] + 1023) / 64 * 64 + sizes[s] / 4;
            assert_true(count >= 1 && count >= capacities[c] / padded);
            assert_int_equal(SlabPoolUsedNodes(pool), count);
            assert_true(SlabPoolUsed(pool) >= count * sizes[s]);
            assert_true(SlabPoolUsed(pool) <= capacities[c]);
            FreeAll(pool, nodes, count);

            struct SlabPool *fresh = CreatePool(capacities[c]);
            assert_int_equal(Fill(fresh, sizes[s], nodes, NODES_MAX), count);
            SlabPoolDestroy(fresh);
        }
        assert_int_equal(SlabPoolFree(pool, Allocate(pool, capacities[c])), 0);
        SlabPoolDestroy(pool);
    }
}

/* A full pool can allocate exactly what is freed. */
static void TestFullPoolReusesFreedNodes(void **state)
{
    (void)state;
    struct SlabPool *pool = CreatePool(256 * KIB);
    size_t count = Fill(pool, 500, nodes, NODES_MAX);
    unsigned seed = 7;
    for (int round = 0; round < 20000; round++) {
        size_t pick = (size_t)rand_r(&seed) % count;
        void *node = NULL;
        assert_int_equal(SlabPoolFree(pool, nodes[pick]), 0);
        assert_int_equal(SlabPoolAllocate(pool, 500, &nodes[pick]), 0);
        assert_int_equal(SlabPoolAllocate(pool, 500, &node), -ENOMEM);
    }
    assert_int_equal(SlabPoolUsedNodes(pool), count);
    FreeAll(pool, nodes, count);
    SlabPoolDestroy(pool);
}

/* The smallest pools hold several messages of mixed sizes at once. */
static void TestSmallPoolsHoldMixedNodes(void **state)
{
    (void)state;
    static const size_t sizes[] = {64, 200, 128, 700, 320, 64, 1000, 90, 256};
    enum { COUNT = sizeof(sizes) / sizeof(sizes[0]) };
    for (size_t capacity = PAGE_BYTES; capacity <= 256 * KIB; capacity += PAGE_BYTES) {
        struct SlabPool *pool = CreatePool(capacity);
        /* In random order of freeing, repeatedly. */
        unsigned seed = (unsigned)capacity;
        for (int round = 0; round < 20; round++) {
            void *mixed[COUNT];
            for (size_t i = 0; i < COUNT; i++) {
                mixed[i] = Allocate(pool, sizes[i]);
                memset(mixed[i], (int)i + 1, sizes[i]);
            }
            for (size_t i = 0; i < COUNT; i++) {
                const uint8_t *bytes = mixed[i];
                for (size_t k = 0; k < sizes[i]; k++) {
                    assert_int_equal(bytes[k], i + 1);
                }
            }
            for (size_t left = COUNT; left > 0; left--) {
                size_t pick = (size_t)rand_r(&seed) % left;
                assert_int_equal(SlabPoolFree(pool, mixed[pick]), 0);
                mixed[pick] = mixed[left - 1];
            }
        }
        AssertSound(pool);
        SlabPoolDestroy(pool);
    }
}

/* A small node uses the room of a larger class when there is no other memory. */
static void TestSmallNodesUseRoomOfLargerClasses(void **state)
{
    (void)state;
    struct SlabPool *pool = CreatePool(4 * MIB);
    size_t count = Fill(pool, 1024, nodes, NODES_MAX);
    size_t rest = Fill(pool, 64, nodes + count, NODES_MAX - count);
    void *node = NULL;
    assert_int_equal(SlabPoolAllocate(pool, 64, &node), -ENOMEM);
    assert_int_equal(SlabPoolFree(pool, nodes[count / 2]), 0);
    assert_int_equal(SlabPoolAllocate(pool, 64, &node), 0);
    assert_ptr_equal(node, nodes[count / 2]);
    assert_int_equal(SlabPoolNodeSize(pool, node), 1024);
    FreeAll(pool, nodes, count + rest);
    SlabPoolDestroy(pool);
}

/* The pool of the host profile holds the required number of default and maximum messages. */
static void TestLargestMessagesFillMostOfThePool(void **state)
{
    (void)state;
    static const size_t sizes[] = {6144 + 200, 16384 + 200, 65536 + 1200};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct SlabPool *pool = CreatePool(16 * MIB);
        size_t count = Fill(pool, sizes[i], nodes, NODES_MAX);
        assert_true(count * sizes[i] >= 16 * MIB / 4 * 3);
        FreeAll(pool, nodes, count);
        SlabPoolDestroy(pool);
    }
}

static size_t ResidentPages(const void *base, size_t bytes)
{
    size_t pages = bytes / PAGE_BYTES;
    unsigned char *map = malloc(pages);
    assert_non_null(map);
    assert_int_equal(mincore((void *)(uintptr_t)base, bytes, map), 0);
    size_t resident = 0;
    for (size_t i = 0; i < pages; i++) {
        resident += map[i] & 1U;
    }
    free(map);
    return resident;
}

static void TestOnlyUsedMemoryIsTouched(void **state)
{
    (void)state;
    struct SlabPool *idle = CreatePool(64 * GIB);
    size_t bookkeepingBytes = (idle->bookkeepingBytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    assert_true(ResidentPages(idle->bookkeeping, bookkeepingBytes) <= 2);
    assert_int_equal(ResidentPages(SlabPoolKernelBase(idle), GIB), 0);
    assert_int_equal(SlabPoolCapacity(idle), 64 * GIB);
    void *node = Allocate(idle, 63 * GIB);
    memset((char *)node + 62 * GIB, 1, PAGE_BYTES);
    assert_int_equal(SlabPoolFree(idle, node), 0);
    AssertSound(idle);
    assert_true(ResidentPages(idle->bookkeeping, bookkeepingBytes) <= 4);
    SlabPoolDestroy(idle);

    /* One message after another, a million bytes in total, uses the same few pages. */
    struct SlabPool *pool = CreatePool(256 * MIB);
    for (int i = 0; i < 1000; i++) {
        node = Allocate(pool, 1000);
        memset(node, 1, 1000);
        assert_int_equal(SlabPoolFree(pool, node), 0);
    }
    assert_int_equal(ResidentPages(SlabPoolKernelBase(pool), SlabPoolCapacity(pool)), 1);
    SlabPoolDestroy(pool);
}

static void TestTrimReleasesAllButLiveNodes(void **state)
{
    (void)state;
    struct SlabPool *pool = CreatePool(8 * MIB);
    const void *base = SlabPoolKernelBase(pool);
    size_t count = Fill(pool, 6000, nodes, NODES_MAX);
    for (size_t i = 0; i < count; i++) {
        memset(nodes[i], (int)(i % 251) + 1, 6000);
    }
    assert_true(ResidentPages(base, 8 * MIB) >= 8 * MIB / PAGE_BYTES * 3 / 4);
    size_t retained = count / 2;
    for (size_t i = 0; i < count; i++) {
        if (i != retained) {
            assert_int_equal(SlabPoolFree(pool, nodes[i]), 0);
        }
    }
    assert_int_equal(SlabPoolTrim(pool), 0);
    AssertSound(pool);
    size_t spanPages = 28 * 6144 / PAGE_BYTES + 1;
    assert_true(ResidentPages(base, 8 * MIB) <= spanPages);
    const uint8_t *bytes = SlabPoolUserAddress(pool, nodes[retained]);
    for (size_t i = 0; i < 6000; i++) {
        assert_int_equal(bytes[i], retained % 251 + 1);
    }
    assert_int_equal(SlabPoolFree(pool, nodes[retained]), 0);
    assert_int_equal(SlabPoolTrim(pool), 0);
    assert_int_equal(SlabPoolTrim(pool), 0);
    assert_int_equal(ResidentPages(base, 8 * MIB), 0);

    /* The pool works as before. */
    assert_int_equal(Fill(pool, 6000, nodes, NODES_MAX), count);
    FreeAll(pool, nodes, count);
    SlabPoolDestroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(TestEmptiedPoolIsFullyUsable),
        cmocka_unit_test(TestFullPoolReusesFreedNodes),
        cmocka_unit_test(TestSmallPoolsHoldMixedNodes),
        cmocka_unit_test(TestSmallNodesUseRoomOfLargerClasses),
        cmocka_unit_test(TestLargestMessagesFillMostOfThePool),
        cmocka_unit_test(TestOnlyUsedMemoryIsTouched),
        cmocka_unit_test(TestTrimReleasesAllButLiveNodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
