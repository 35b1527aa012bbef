/* Tests the consistency check of the slab pool: it detects each invariant that a test breaks. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mem/slab_internal.h"

/*
 * A small pool in which a span of the class of 512 bytes has one node. It contains, in this order:
 * a listed span with room (its node was freed), a full span, a single, a free run.
 */
struct Fixture {
    struct SlabPool *pool;
    struct SlabPool savedPool;
    void *savedBookkeeping;
    uint32_t listed;
    uint32_t full;
    uint32_t single;
    uint32_t freeRun;
};

static uint32_t UnitOf(const struct SlabPool *pool, const void *node)
{
    return (uint32_t)(((uintptr_t)node - (uintptr_t)pool->kernelBase) >> pool->unitShift);
}

static int SetUp(void **state)
{
    static struct Fixture fixture;
    struct SlabPool *pool = NULL;
    assert_int_equal(SlabPoolCreate(128 * 1024, &pool), 0);
    void *first = NULL;
    void *second = NULL;
    void *single = NULL;
    assert_int_equal(SlabPoolAllocate(pool, 512, &first), 0);
    assert_int_equal(SlabPoolAllocate(pool, 512, &second), 0);
    assert_int_equal(SlabPoolAllocate(pool, 100000, &single), 0);
    assert_int_equal(SlabPoolFree(pool, first), 0);
    fixture = (struct Fixture){.pool = pool,
                               .listed = UnitOf(pool, first),
                               .full = UnitOf(pool, second),
                               .single = UnitOf(pool, single)};
    fixture.freeRun = UnitRunsAbove(&pool->runs, fixture.single);
    assert_true(pool->runs.runs[fixture.freeRun].free);
    assert_int_equal(SlabPoolCheck(pool), 0);
    memcpy(&fixture.savedPool, pool, sizeof(*pool));
    fixture.savedBookkeeping = malloc(pool->bookkeepingBytes);
    assert_non_null(fixture.savedBookkeeping);
    memcpy(fixture.savedBookkeeping, pool->bookkeeping, pool->bookkeepingBytes);
    *state = &fixture;
    return 0;
}

static int TearDown(void **state)
{
    struct Fixture *fixture = *state;
    struct SlabPool *pool = fixture->pool;
    memcpy(pool, &fixture->savedPool, sizeof(*pool));
    memcpy(pool->bookkeeping, fixture->savedBookkeeping, pool->bookkeepingBytes);
    free(fixture->savedBookkeeping);
    assert_int_equal(SlabPoolCheck(pool), 0);
    SlabPoolDestroy(pool);
    return 0;
}

static void AssertBroken(struct Fixture *fixture, const char *expected)
{
    const char *broken = NULL;
    assert_int_equal(SlabPoolCheckDetail(fixture->pool, &broken), -EUCLEAN);
    assert_string_equal(broken, expected);
    assert_int_equal(SlabPoolCheck(fixture->pool), -EUCLEAN);
}

static void Flip(struct Fixture *fixture, uint32_t span, uint64_t bits)
{
    fixture->pool->units[span].word ^= bits;
}

static void TestDeliveredButFree(void **state)
{
    struct Fixture *fixture = *state;
    Flip(fixture, fixture->listed, UINT64_C(1) << SPAN_DELIVERED_SHIFT);
    AssertBroken(fixture, "slab: a free node is marked as delivered");
}

static void TestLiveNodeOutsideItsClass(void **state)
{
    struct Fixture *fixture = *state;
    Flip(fixture, fixture->full, UINT64_C(1) << (SPAN_NODES_MAX - 1));
    AssertBroken(fixture, "slab: a node is live that its class does not have");
}

static void TestSpanWithRoomIsNotListed(void **state)
{
    struct Fixture *fixture = *state;
    Flip(fixture, fixture->listed, SPAN_LISTED);
    AssertBroken(fixture, "slab: a span with room is not listed");
}

static void TestListedSpanInNoList(void **state)
{
    struct Fixture *fixture = *state;
    Flip(fixture, fixture->full, SPAN_LISTED);
    AssertBroken(fixture, "slab: a span that says it is listed is in no list");
}

static void TestSpanInTheWrongList(void **state)
{
    struct Fixture *fixture = *state;
    fixture->pool->classes[0].head = fixture->listed;
    AssertBroken(fixture, "slab: a span is in a list where it does not belong");
}

static void TestListLeavesThePool(void **state)
{
    struct Fixture *fixture = *state;
    fixture->pool->units[fixture->listed].nextListed = fixture->pool->runs.unitCount;
    AssertBroken(fixture, "slab: a class list leads out of the pool");
}

static void TestListIsCircular(void **state)
{
    struct Fixture *fixture = *state;
    fixture->pool->units[fixture->listed].nextListed = fixture->listed;
    AssertBroken(fixture, "slab: a class list runs in a circle");
}

static void TestUnitOfAnotherSpan(void **state)
{
    struct Fixture *fixture = *state;
    fixture->pool->units[fixture->full].hint = Hint(TAG_SINGLE, 0);
    AssertBroken(fixture, "slab: the unit of a node does not lead to its span");
}

static void TestWordOfAnotherClass(void **state)
{
    struct Fixture *fixture = *state;
    fixture->pool->units[fixture->full].word = SpanWord(SLAB_CLASS_COUNT, 1) | SPAN_LISTED;
    AssertBroken(fixture, "slab: a span is not as long as its class says");
}

static void TestUsedRunWithoutSpan(void **state)
{
    struct Fixture *fixture = *state;
    fixture->pool->units[fixture->full].word = SPAN_NONE;
    AssertBroken(fixture, "slab: a used run has no span");
    fixture->pool->units[fixture->full].word = SpanWord(SLAB_CLASS_COUNT + 1, 1);
    AssertBroken(fixture, "slab: a used run has no span");
}

static void TestFreeRunWithSpan(void **state)
{
    struct Fixture *fixture = *state;
    fixture->pool->units[fixture->freeRun].word = SpanWord(TAG_SINGLE, 1);
    AssertBroken(fixture, "slab: a free run has a span");
}

static void TestSingleOfTwoNodes(void **state)
{
    struct Fixture *fixture = *state;
    Flip(fixture, fixture->single, 2);
    AssertBroken(fixture, "slab: a single is not one node");
}

static void TestRunEndsOutsideThePool(void **state)
{
    struct Fixture *fixture = *state;
    fixture->pool->runs.runs[fixture->single].length = fixture->pool->runs.unitCount;
    AssertBroken(fixture, "unit runs: a run has no length or ends outside the pool");
    fixture->pool->runs.runs[fixture->single].length = 0;
    AssertBroken(fixture, "unit runs: a run has no length or ends outside the pool");
}

static void TestRunHasTheWrongLowerNeighbour(void **state)
{
    struct Fixture *fixture = *state;
    fixture->pool->runs.runs[fixture->single].before = 0;
    AssertBroken(fixture, "unit runs: a run does not know the run below it");
}

static void TestFreeNeighbours(void **state)
{
    struct Fixture *fixture = *state;
    fixture->pool->runs.runs[fixture->single].free = true;
    AssertBroken(fixture, "unit runs: two free runs are neighbours");
}

static void TestFreeRunInNoBin(void **state)
{
    struct Fixture *fixture = *state;
    struct UnitRuns *runs = &fixture->pool->runs;
    uint32_t bin = SizeClassAtMost(runs->runs[fixture->freeRun].length);
    assert_int_equal(runs->bins[bin], fixture->freeRun);
    runs->bins[bin] = NO_UNIT;
    AssertBroken(fixture, "unit runs: the bit map does not say whether a bin has runs");
    runs->binsInUse[bin / 64] &= ~(UINT64_C(1) << (bin % 64));
    AssertBroken(fixture, "unit runs: a free run is in no bin");
}

static void TestBinMapDiffersFromTheBins(void **state)
{
    struct Fixture *fixture = *state;
    struct UnitRuns *runs = &fixture->pool->runs;
    uint32_t bin = SizeClassAtMost(runs->runs[fixture->freeRun].length);
    runs->bins[bin] = runs->unitCount;
    AssertBroken(fixture, "unit runs: a bin leads out of the pool");
    runs->bins[bin] = fixture->single;
    AssertBroken(fixture, "unit runs: a used run is in a bin");
    runs->bins[bin] = fixture->freeRun;
    runs->runs[fixture->freeRun].previousFree = 0;
    AssertBroken(fixture, "unit runs: a bin is not linked backwards as it is forwards");
    runs->runs[fixture->freeRun].previousFree = NO_UNIT;
    assert_int_equal(SlabPoolCheck(fixture->pool), 0);
    runs->bins[bin] = NO_UNIT;
    runs->binsInUse[bin / 64] &= ~(UINT64_C(1) << (bin % 64));
    runs->bins[0] = fixture->freeRun;
    runs->binsInUse[0] |= 1;
    AssertBroken(fixture, "unit runs: a run is in the bin of another length");
}

#define CHECK_TEST(function) cmocka_unit_test_setup_teardown(function, SetUp, TearDown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK_TEST(TestDeliveredButFree),         CHECK_TEST(TestLiveNodeOutsideItsClass),
        CHECK_TEST(TestSpanWithRoomIsNotListed),  CHECK_TEST(TestListedSpanInNoList),
        CHECK_TEST(TestSpanInTheWrongList),       CHECK_TEST(TestListLeavesThePool),
        CHECK_TEST(TestListIsCircular),           CHECK_TEST(TestUnitOfAnotherSpan),
        CHECK_TEST(TestWordOfAnotherClass),       CHECK_TEST(TestUsedRunWithoutSpan),
        CHECK_TEST(TestFreeRunWithSpan),          CHECK_TEST(TestSingleOfTwoNodes),
        CHECK_TEST(TestRunEndsOutsideThePool),    CHECK_TEST(TestRunHasTheWrongLowerNeighbour),
        CHECK_TEST(TestFreeNeighbours),           CHECK_TEST(TestFreeRunInNoBin),
        CHECK_TEST(TestBinMapDiffersFromTheBins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
