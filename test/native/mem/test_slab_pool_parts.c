/* Tests the parts of the slab pool: size classes, runs of units, one memory with two views. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "mem/size_classes.h"
#include "mem/two_views.h"
#include "mem/unit_runs.h"

#define PAGE_BYTES ((size_t)4096)

/* ---- size classes ---------------------------------------------------------------------------- */

static void CheckAmount(uint32_t amount)
{
    uint32_t sizeClass = SizeClassAtLeast(amount);
    assert_true(sizeClass < SIZE_CLASS_COUNT);
    assert_true(SizeClassAmount(sizeClass) >= amount);
    assert_true(sizeClass == 0 || SizeClassAmount(sizeClass - 1) < amount);
    /* Rounding up wastes at most a fifth of the class. */
    assert_true((uint64_t)(SizeClassAmount(sizeClass) - amount) * 5 <= SizeClassAmount(sizeClass));

    uint32_t below = SizeClassAtMost(amount);
    assert_true(SizeClassAmount(below) <= amount);
    assert_true(below + 1 == SIZE_CLASS_COUNT || SizeClassAmount(below + 1) > amount);
}

static void TestSizeClassesFit(void **state)
{
    (void)state;
    for (uint32_t amount = 1; amount <= 200000; amount++) {
        CheckAmount(amount);
    }
    for (uint32_t log2 = 17; log2 < 31; log2++) {
        uint32_t power = UINT32_C(1) << log2;
        for (uint32_t quarter = 0; quarter < 4; quarter++) {
            uint32_t amount = power + power / 4 * quarter;
            CheckAmount(amount - 1);
            CheckAmount(amount);
            CheckAmount(amount + 1);
        }
    }
    CheckAmount(UINT32_C(1) << 31);
}

/* ---- runs of units --------------------------------------------------------------------------- */

#define MODEL_UNITS 977U

struct RunsFixture {
    struct UnitRuns runs;
    struct UnitRun entries[MODEL_UNITS];
};

static void AssertRunsSound(const struct UnitRuns *runs)
{
    const char *broken = UnitRunsCheck(runs);
    if (broken != NULL) {
        fail_msg("%s", broken);
    }
}

static void TestRunsWholePool(void **state)
{
    (void)state;
    static struct RunsFixture fixture;
    for (uint32_t units = 1; units <= MODEL_UNITS; units++) {
        memset(&fixture, 0, sizeof(fixture));
        UnitRunsInit(&fixture.runs, fixture.entries, units);
        assert_int_equal(UnitRunsTake(&fixture.runs, units + 1), NO_UNIT);
        assert_int_equal(UnitRunsTake(&fixture.runs, UINT32_C(1) << 31), NO_UNIT);
        /* Also for lengths that are no size class, so that the run's own bin does not hold it. */
        assert_int_equal(UnitRunsTake(&fixture.runs, units), 0);
        assert_int_equal(UnitRunsTake(&fixture.runs, 1), NO_UNIT);
        UnitRunsGive(&fixture.runs, 0);
        AssertRunsSound(&fixture.runs);
    }
}

static void TestRunsJoinInEveryOrder(void **state)
{
    (void)state;
    static const uint32_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                          {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t order = 0; order < 6; order++) {
        static struct RunsFixture fixture;
        memset(&fixture, 0, sizeof(fixture));
        UnitRunsInit(&fixture.runs, fixture.entries, 30);
        uint32_t taken[3];
        for (size_t i = 0; i < 3; i++) {
            taken[i] = UnitRunsTake(&fixture.runs, 10);
            assert_int_equal(taken[i], i * 10);
        }
        for (size_t i = 0; i < 3; i++) {
            UnitRunsGive(&fixture.runs, taken[orders[order][i]]);
            AssertRunsSound(&fixture.runs);
        }
        assert_int_equal(UnitRunsTake(&fixture.runs, 30), 0);
    }
}

static void TestRunsRandomAgainstModel(void **state)
{
    (void)state;
    static struct RunsFixture fixture;
    /* First unit + 1 of the run that contains the unit, 0 if free. */
    static uint32_t ownerOf[MODEL_UNITS];
    static uint32_t lengthOf[MODEL_UNITS];
    memset(&fixture, 0, sizeof(fixture));
    UnitRunsInit(&fixture.runs, fixture.entries, MODEL_UNITS);
    unsigned seed = 20240817;
    for (int step = 0; step < 40000; step++) {
        uint32_t pick = (uint32_t)rand_r(&seed) % MODEL_UNITS;
        if (lengthOf[pick] != 0) {
            for (uint32_t i = 0; i < lengthOf[pick]; i++) {
                assert_int_equal(ownerOf[pick + i], pick + 1);
                ownerOf[pick + i] = 0;
            }
            lengthOf[pick] = 0;
            UnitRunsGive(&fixture.runs, pick);
        } else {
            uint32_t length = 1 + (uint32_t)rand_r(&seed) % 60;
            uint32_t first = UnitRunsTake(&fixture.runs, length);
            uint32_t longest = 0;
            for (uint32_t i = 0, run = 0; i < MODEL_UNITS; i++) {
                run = (ownerOf[i] == 0) ? run + 1 : 0;
                longest = (run > longest) ? run : longest;
            }
            assert_int_equal(first != NO_UNIT, longest >= length);
            if (first == NO_UNIT) {
                continue;
            }
            for (uint32_t i = 0; i < length; i++) {
                assert_int_equal(ownerOf[first + i], 0);
                ownerOf[first + i] = first + 1;
            }
            lengthOf[first] = length;
        }
        if (step % 16 == 0) {
            AssertRunsSound(&fixture.runs);
        }
    }
}

struct Visits {
    uint32_t count;
    uint32_t units;
    int answer;
};

static int CountVisit(void *context, uint32_t first, uint32_t length)
{
    struct Visits *visits = context;
    (void)first;
    visits->count++;
    visits->units += length;
    return visits->answer;
}

static void TestRunsRecordTouchedMemory(void **state)
{
    (void)state;
    static struct RunsFixture fixture;
    memset(&fixture, 0, sizeof(fixture));
    UnitRunsInit(&fixture.runs, fixture.entries, 100);
    struct Visits fresh = {0};
    assert_int_equal(UnitRunsVisitTouched(&fixture.runs, CountVisit, &fresh), 0);
    assert_int_equal(fresh.count, 0);

    uint32_t low = UnitRunsTake(&fixture.runs, 10);
    uint32_t middle = UnitRunsTake(&fixture.runs, 10);
    UnitRunsGive(&fixture.runs, low);
    struct Visits refused = {.answer = -EIO};
    assert_int_equal(UnitRunsVisitTouched(&fixture.runs, CountVisit, &refused), -EIO);
    struct Visits first = {0};
    assert_int_equal(UnitRunsVisitTouched(&fixture.runs, CountVisit, &first), 0);
    assert_int_equal(first.count, 1);
    assert_int_equal(first.units, 10);
    struct Visits again = {0};
    assert_int_equal(UnitRunsVisitTouched(&fixture.runs, CountVisit, &again), 0);
    assert_int_equal(again.count, 0);

    /* Part of the joined run was touched, so all of it counts as touched. */
    UnitRunsGive(&fixture.runs, middle);
    struct Visits joined = {0};
    assert_int_equal(UnitRunsVisitTouched(&fixture.runs, CountVisit, &joined), 0);
    assert_int_equal(joined.units, 100);
}

/* ---- two views ------------------------------------------------------------------------------- */

static void TestViewsShareTheirBytes(void **state)
{
    (void)state;
    struct TwoViews views;
    assert_int_equal(TwoViewsCreate("liteipc-test", 4 * PAGE_BYTES, &views), 0);
    assert_int_equal(views.bytes, 4 * PAGE_BYTES);
    uint8_t *writable = views.writable;
    const uint8_t *readable = views.readable;
    for (size_t i = 0; i < views.bytes; i++) {
        assert_int_equal(readable[i], 0);
        writable[i] = (uint8_t)(i * 7 + 1);
    }
    for (size_t i = 0; i < views.bytes; i++) {
        assert_int_equal(readable[i], (uint8_t)(i * 7 + 1));
    }
    TwoViewsDestroy(&views);
}

static void TestViewsReleaseWholePagesOnly(void **state)
{
    (void)state;
    struct TwoViews views;
    assert_int_equal(TwoViewsCreate("liteipc-test", 4 * PAGE_BYTES, &views), 0);
    assert_true(views.releasable);
    memset(views.writable, 0x5a, views.bytes);
    assert_int_equal(TwoViewsRelease(&views, PAGE_BYTES - 1, PAGE_BYTES + 2), 0);
    assert_int_equal(TwoViewsRelease(&views, 3 * PAGE_BYTES + 1, PAGE_BYTES - 1), 0);
    assert_int_equal(TwoViewsRelease(&views, 0, 0), 0);
    const uint8_t *readable = views.readable;
    for (size_t i = 0; i < views.bytes; i++) {
        bool released = i / PAGE_BYTES == 1;
        assert_int_equal(readable[i], released ? 0 : 0x5a);
    }
    TwoViewsDestroy(&views);
}

static int CountDescriptors(void)
{
    int count = 0;
    for (int descriptor = 0; descriptor < 256; descriptor++) {
        count += (fcntl(descriptor, F_GETFD) != -1) ? 1 : 0;
    }
    return count;
}

static void TestViewsLeaveNoDescriptor(void **state)
{
    (void)state;
    int before = CountDescriptors();
    struct TwoViews views;
    assert_int_equal(TwoViewsCreate("liteipc-test", PAGE_BYTES, &views), 0);
    assert_int_equal(CountDescriptors(), before);
    TwoViewsDestroy(&views);
}

/*
 * Runs in a child process, so that limits and failures stay there. Returns the status of
 * TwoViewsCreate.
 */
static int CreateUnderLimit(int resource, rlim_t limit, size_t bytes)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit limits = {.rlim_cur = limit, .rlim_max = limit};
        struct TwoViews views;
        if (setrlimit(resource, &limits) != 0) {
            _exit(255);
        }
        int before = CountDescriptors();
        int status = TwoViewsCreate("liteipc-test", bytes, &views);
        _exit((CountDescriptors() == before) ? -status : 254);
    }
    int result = 0;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    return -WEXITSTATUS(result);
}

static void TestViewsFailUnderResourceLimits(void **state)
{
    (void)state;
    assert_int_equal(CreateUnderLimit(RLIMIT_FSIZE, PAGE_BYTES, 2 * PAGE_BYTES), -EFBIG);
    assert_int_equal(CreateUnderLimit(RLIMIT_FSIZE, PAGE_BYTES, PAGE_BYTES), 0);
    assert_int_equal(CreateUnderLimit(RLIMIT_NOFILE, 0, PAGE_BYTES), -EMFILE);
}

/* With room for only one descriptor, the file cannot be reopened, and sealing is used instead. */
static void TestViewsWithoutSecondDescriptor(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int next = dup(0);
        struct rlimit limits = {.rlim_cur = (rlim_t)next + 1, .rlim_max = (rlim_t)next + 1};
        struct TwoViews views;
        bool good = next >= 0 && close(next) == 0 && setrlimit(RLIMIT_NOFILE, &limits) == 0 &&
                    TwoViewsCreate("liteipc-test", PAGE_BYTES, &views) == 0 && !views.releasable;
        if (good) {
            *(uint8_t *)views.writable = 1;
            good = *(const uint8_t *)views.readable == 1 &&
                   mprotect((void *)(uintptr_t)views.readable, PAGE_BYTES,
                            PROT_READ | PROT_WRITE) == -1 &&
                   errno == EACCES && TwoViewsRelease(&views, 0, PAGE_BYTES) == -EOPNOTSUPP;
        }
        _exit(good ? 0 : 1);
    }
    int result = 0;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(TestSizeClassesFit),
        cmocka_unit_test(TestRunsWholePool),
        cmocka_unit_test(TestRunsJoinInEveryOrder),
        cmocka_unit_test(TestRunsRandomAgainstModel),
        cmocka_unit_test(TestRunsRecordTouchedMemory),
        cmocka_unit_test(TestViewsShareTheirBytes),
        cmocka_unit_test(TestViewsReleaseWholePagesOnly),
        cmocka_unit_test(TestViewsLeaveNoDescriptor),
        cmocka_unit_test(TestViewsFailUnderResourceLimits),
        cmocka_unit_test(TestViewsWithoutSecondDescriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
