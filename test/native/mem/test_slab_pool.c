/* Tests the functions of the slab pool: results, errors, states, limits, isolation of the views. */
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "mem/slab_pool.h"

#define KIB        ((size_t)1024)
#define MIB        (KIB * 1024)
#define PAGE_BYTES ((size_t)4096)

static struct SlabPool *CreatePool(size_t capacity)
{
    struct SlabPool *pool = NULL;
    assert_int_equal(SlabPoolCreate(capacity, &pool), 0);
    assert_non_null(pool);
    return pool;
}

static void AssertSound(struct SlabPool *pool)
{
    const char *broken = NULL;
    if (SlabPoolCheckDetail(pool, &broken) != 0) {
        fail_msg("%s", broken);
    }
    assert_null(broken);
}

/* Asserts that the pool is empty, with its whole capacity in one node, and destroys it. */
static void DestroyPool(struct SlabPool *pool)
{
    AssertSound(pool);
    assert_int_equal(SlabPoolUsed(pool), 0);
    assert_int_equal(SlabPoolUsedNodes(pool), 0);
    void *node = NULL;
    assert_int_equal(SlabPoolAllocate(pool, SlabPoolCapacity(pool), &node), 0);
    assert_ptr_equal(node, SlabPoolKernelBase(pool));
    assert_int_equal(SlabPoolFree(pool, node), 0);
    SlabPoolDestroy(pool);
}

static void *Allocate(struct SlabPool *pool, size_t size)
{
    void *node = NULL;
    assert_int_equal(SlabPoolAllocate(pool, size, &node), 0);
    assert_non_null(node);
    return node;
}

static void TestCreateRefusesBadCapacity(void **state)
{
    (void)state;
    struct SlabPool *pool = NULL;
    assert_int_equal(SlabPoolCreate(0, &pool), -EINVAL);
    assert_int_equal(SlabPoolCreate(SLAB_POOL_CAPACITY_MAX + 1, &pool), -EINVAL);
    assert_int_equal(SlabPoolCreate(SIZE_MAX, &pool), -EINVAL);
    assert_int_equal(SlabPoolCreate(PAGE_BYTES, NULL), -EINVAL);
    assert_null(pool);
    SlabPoolDestroy(NULL);
}

static void TestCapacityIsRoundedUpToPages(void **state)
{
    (void)state;
    static const size_t cases[][2] = {{1, PAGE_BYTES},
                                      {PAGE_BYTES, PAGE_BYTES},
                                      {PAGE_BYTES + 1, 2 * PAGE_BYTES},
                                      {MIB - 1, MIB},
                                      {5 * MIB + 1, 5 * MIB + PAGE_BYTES}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct SlabPool *pool = CreatePool(cases[i][0]);
        assert_int_equal(SlabPoolCapacity(pool), cases[i][1]);
        DestroyPool(pool);
    }
}

static void TestNodesAreAlignedAndLargeEnough(void **state)
{
    (void)state;
    struct SlabPool *pool = CreatePool(64 * MIB);
    for (size_t size = 1; size < 3 * MIB; size += 1 + size / 9) {
        uint8_t *node = Allocate(pool, size);
        assert_int_equal((uintptr_t)node % SLAB_POOL_ALIGNMENT, 0);
        size_t usable = SlabPoolNodeSize(pool, node);
        assert_true(usable >= size);
        assert_int_equal(usable % SLAB_POOL_ALIGNMENT, 0);
        assert_true(usable <= size + size / 4 + 1024);
        assert_int_equal(SlabPoolUsed(pool), usable);
        assert_int_equal(SlabPoolUsedNodes(pool), 1);
        node[0] = 1;
        node[usable - 1] = 1;
        assert_int_equal(SlabPoolNodeSize(pool, node + SLAB_POOL_ALIGNMENT), 0);
        assert_int_equal(SlabPoolFree(pool, node), 0);
        assert_int_equal(SlabPoolNodeSize(pool, node), 0);
    }
    assert_int_equal(SlabPoolNodeSize(pool, NULL), 0);
    DestroyPool(pool);
}

static void TestAllocateRefusesBadSizes(void **state)
{
    (void)state;
    struct SlabPool *pool = CreatePool(MIB);
    void *node = pool;
    assert_int_equal(SlabPoolAllocate(pool, 0, &node), -EINVAL);
    assert_int_equal(SlabPoolAllocate(pool, MIB + 1, &node), -ENOMEM);
    assert_int_equal(SlabPoolAllocate(pool, SIZE_MAX, &node), -ENOMEM);
    assert_ptr_equal(node, pool);
    DestroyPool(pool);
}

/* Finds the permissions of a mapping in /proc/self/smaps ("rw-s") and its VmFlags line. */
static bool FindMapping(const void *address, char permissions[5], char flags[128])
{
    FILE *file = fopen("/proc/self/smaps", "re");
    assert_non_null(file);
    char line[512];
    bool inside = false;
    bool found = false;
    while (!found && fgets(line, sizeof(line), file) != NULL) {
        uintptr_t start = 0;
        uintptr_t end = 0;
        char seen[5];
        if (sscanf(line, "%lx-%lx %4s", &start, &end, seen) == 3) {
            inside = (uintptr_t)address >= start && (uintptr_t)address < end;
            if (inside) {
                memcpy(permissions, seen, sizeof(seen));
            }
        } else if (inside && strncmp(line, "VmFlags:", 8) == 0) {
            (void)snprintf(flags, 128, "%.*s", (int)strcspn(line + 8, "\n"), line + 8);
            found = true;
        }
    }
    assert_int_equal(fclose(file), 0);
    return found;
}

static void TestUserViewCanNeverBeWritten(void **state)
{
    (void)state;
    struct SlabPool *pool = CreatePool(MIB);
    uint8_t *node = Allocate(pool, 100);
    const uint8_t *user = SlabPoolUserAddress(pool, node);
    memset(node, 0x42, 100);
    assert_memory_equal(user, node, 100);

    /* The kernel itself must refuse to write there, and to allow others to write there. */
    int pipeEnds[2];
    assert_int_equal(pipe(pipeEnds), 0);
    assert_int_equal(write(pipeEnds[1], "x", 1), 1);
    assert_int_equal(read(pipeEnds[0], (void *)(uintptr_t)user, 1), -1);
    assert_int_equal(errno, EFAULT);
    assert_int_equal(close(pipeEnds[0]) + close(pipeEnds[1]), 0);
    void *userBase = (void *)(uintptr_t)SlabPoolUserBase(pool);
    static const int protections[] = {PROT_WRITE, PROT_READ | PROT_WRITE,
                                      PROT_READ | PROT_WRITE | PROT_EXEC};
    for (size_t i = 0; i < sizeof(protections) / sizeof(protections[0]); i++) {
        assert_int_equal(mprotect(userBase, SlabPoolCapacity(pool), protections[i]), -1);
        assert_int_equal(errno, EACCES);
        assert_int_equal(mprotect(userBase, PAGE_BYTES, protections[i]), -1);
        assert_int_equal(errno, EACCES);
    }
    assert_memory_equal(user, node, 100);

    char permissions[5] = "";
    char flags[128] = "";
    assert_true(FindMapping(user, permissions, flags));
    assert_string_equal(permissions, "r--s");
    assert_null(strstr(flags, " mw"));     /* cannot be made writable */
    assert_non_null(strstr(flags, " dc")); /* not inherited by fork */
    assert_true(FindMapping(node, permissions, flags));
    assert_string_equal(permissions, "rw-s");
    assert_non_null(strstr(flags, " dc"));
    assert_int_equal(SlabPoolFree(pool, node), 0);
    DestroyPool(pool);
}

static void TestAddressesTranslate(void **state)
{
    (void)state;
    struct SlabPool *pool = CreatePool(64 * KIB);
    uint8_t *kernel = SlabPoolKernelBase(pool);
    const uint8_t *user = SlabPoolUserBase(pool);
    assert_ptr_not_equal(kernel, user);
    for (size_t offset = 0; offset < 64 * KIB; offset += 1021) {
        assert_ptr_equal(SlabPoolUserAddress(pool, kernel + offset), user + offset);
        assert_ptr_equal(SlabPoolKernelAddress(pool, user + offset), kernel + offset);
    }
    assert_null(SlabPoolUserAddress(pool, kernel + 64 * KIB));
    assert_null(SlabPoolUserAddress(pool, kernel - 1));
    assert_null(SlabPoolUserAddress(pool, NULL));
    assert_null(SlabPoolKernelAddress(pool, user + 64 * KIB));
    assert_null(SlabPoolKernelAddress(pool, user - 1));
    assert_null(SlabPoolKernelAddress(pool, NULL));
    DestroyPool(pool);
}

/*
 * An address outside the pool returns -EINVAL, one inside returns -EFAULT, and the pool is
 * unchanged.
 */
static void TestForeignAddressesAreRefused(void **state)
{
    (void)state;
    struct SlabPool *pool = CreatePool(MIB);
    struct SlabPool *other = CreatePool(MIB);
    static const size_t sizes[] = {64, 200, 5000, 70000, 300000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint8_t *node = Allocate(pool, sizes[i]);
        uint8_t *foreign = Allocate(other, sizes[i]);
        assert_int_equal(SlabPoolDeliver(pool, node), 0);
        uint8_t *base = SlabPoolKernelBase(pool);
        const uint8_t *user = SlabPoolUserAddress(pool, node);
        void *taken = NULL;
        int onStack = 0;
        void *outside[] = {NULL,
                           &onStack,
                           base - 1,
                           base + MIB,
                           foreign,
                           (void *)(uintptr_t)user,
                           (void *)UINTPTR_MAX};
        for (size_t k = 0; k < sizeof(outside) / sizeof(outside[0]); k++) {
            assert_int_equal(SlabPoolFree(pool, outside[k]), -EINVAL);
            assert_int_equal(SlabPoolDeliver(pool, outside[k]), -EINVAL);
        }
        assert_int_equal(SlabPoolTakeUser(pool, node, &taken), -EINVAL);
        assert_int_equal(SlabPoolTakeUser(pool, NULL, &taken), -EINVAL);
        assert_int_equal(SlabPoolTakeUser(pool, SlabPoolUserAddress(other, foreign), &taken),
                         -EINVAL);
        /* Every byte of the pool except the first of the node; in larger steps for large pools. */
        for (size_t offset = 0; offset < MIB; offset += (sizes[i] > 1000) ? 63 : 1) {
            if (base + offset == node) {
                continue;
            }
            assert_int_equal(SlabPoolFree(pool, base + offset), -EFAULT);
            assert_int_equal(SlabPoolDeliver(pool, base + offset), -EFAULT);
            assert_int_equal(
                SlabPoolTakeUser(pool, SlabPoolUserAddress(pool, base + offset), &taken), -EFAULT);
        }
        assert_null(taken);
        assert_int_equal(SlabPoolUsedNodes(pool), 1);
        AssertSound(pool);
        assert_int_equal(SlabPoolFree(pool, node), 0);
        assert_int_equal(SlabPoolFree(other, foreign), 0);
    }
    DestroyPool(pool);
    DestroyPool(other);
}

enum NodeState { STATE_FREE, STATE_HELD, STATE_DELIVERED };

/* Calls every operation in every state of a node. */
static void TestOperationsInEveryState(void **state)
{
    (void)state;
    static const struct {
        enum NodeState from;
        char operation; /* Free, Deliver, Take */
        int result;
        enum NodeState to;
    } cases[] = {
        {STATE_FREE, 'F', -EFAULT, STATE_FREE}, {STATE_FREE, 'D', -EFAULT, STATE_FREE},
        {STATE_FREE, 'T', -EFAULT, STATE_FREE}, {STATE_HELD, 'F', 0, STATE_FREE},
        {STATE_HELD, 'D', 0, STATE_DELIVERED},  {STATE_HELD, 'T', -EFAULT, STATE_HELD},
        {STATE_DELIVERED, 'F', 0, STATE_FREE},  {STATE_DELIVERED, 'D', -EFAULT, STATE_DELIVERED},
        {STATE_DELIVERED, 'T', 0, STATE_HELD},
    };
    static const size_t sizes[] = {1, 1000, 80000, 500000};
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            struct SlabPool *pool = CreatePool(4 * MIB);
            void *node = Allocate(pool, sizes[s]);
            void *taken = NULL;
            if (cases[i].from == STATE_DELIVERED) {
                assert_int_equal(SlabPoolDeliver(pool, node), 0);
            } else if (cases[i].from == STATE_FREE) {
                assert_int_equal(SlabPoolFree(pool, node), 0);
            }
            int result = (cases[i].operation == 'F') ? SlabPoolFree(pool, node)
                         : (cases[i].operation == 'D')
                             ? SlabPoolDeliver(pool, node)
                             : SlabPoolTakeUser(pool, SlabPoolUserAddress(pool, node), &taken);
            assert_int_equal(result, cases[i].result);
            assert_ptr_equal(taken, (cases[i].operation == 'T' && result == 0) ? node : NULL);
            assert_int_equal(SlabPoolUsedNodes(pool), (cases[i].to == STATE_FREE) ? 0 : 1);
            AssertSound(pool);
            /* Only HELD nodes can be delivered, so the result shows the state. */
            assert_int_equal(SlabPoolDeliver(pool, node),
                             (cases[i].to == STATE_HELD) ? 0 : -EFAULT);
            if (cases[i].to != STATE_FREE) {
                assert_int_equal(SlabPoolFree(pool, node), 0);
            }
            DestroyPool(pool);
        }
    }
}

/*
 * The most recently freed node is used first: it is in the cache, and the resident memory stays
 * small.
 */
static void TestFreedNodesAreUsedAgain(void **state)
{
    (void)state;
    struct SlabPool *pool = CreatePool(256 * MIB);
    static const size_t sizes[] = {64, 300, 4096, 66000, 1000000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        void *first = Allocate(pool, sizes[i]);
        assert_int_equal(SlabPoolFree(pool, first), 0);
        for (int round = 0; round < 1000; round++) {
            void *node = Allocate(pool, sizes[i]);
            assert_ptr_equal(node, first);
            assert_int_equal(SlabPoolFree(pool, node), 0);
        }
    }
    DestroyPool(pool);
}

/* After fork the child has the object but neither view; destroying the object there is harmless. */
static void TestChildOfForkHasNoPool(void **state)
{
    (void)state;
    struct SlabPool *pool = CreatePool(MIB);
    uint8_t *node = Allocate(pool, 100);
    node[0] = 7;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        unsigned char resident = 0;
        bool gone = true;
        const void *bases[] = {SlabPoolKernelBase(pool), SlabPoolUserBase(pool)};
        for (size_t i = 0; i < 2; i++) {
            void *base = (void *)(uintptr_t)bases[i];
            gone = gone && mincore(base, PAGE_BYTES, &resident) == -1 && errno == ENOMEM;
        }
        /* The child may have mapped something else at the address in the meantime. */
        uint8_t *own = mmap(SlabPoolKernelBase(pool), PAGE_BYTES, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        gone = gone && own == SlabPoolKernelBase(pool);
        SlabPoolDestroy(pool);
        _exit((gone && mincore(own, PAGE_BYTES, &resident) == 0) ? 0 : 1);
    }
    int result = 0;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
    assert_int_equal(node[0], 7);
    assert_int_equal(SlabPoolFree(pool, node), 0);
    DestroyPool(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(TestCreateRefusesBadCapacity),
        cmocka_unit_test(TestCapacityIsRoundedUpToPages),
        cmocka_unit_test(TestNodesAreAlignedAndLargeEnough),
        cmocka_unit_test(TestAllocateRefusesBadSizes),
        cmocka_unit_test(TestUserViewCanNeverBeWritten),
        cmocka_unit_test(TestAddressesTranslate),
        cmocka_unit_test(TestForeignAddressesAreRefused),
        cmocka_unit_test(TestOperationsInEveryState),
        cmocka_unit_test(TestFreedNodesAreUsedAgain),
        cmocka_unit_test(TestChildOfForkHasNoPool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
