/* Tests the positions of records: at the end of the ring, in a full ring, and after a restart. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/ring_pair.h"

#define BIG          262144U /* bytes; larger than the hot window */
#define BIG_CAPACITY (BIG - RING_HEADER_SIZE)

/* An empty ring accepts the largest record at any offset. */
static void LargestRecordAlwaysFitsAnEmptyRing(void **state)
{
    (void)state;
    for (uint32_t units = 0; units < RING_PAIR_SMALL_CAPACITY / 64; units++) {
        struct RingPair pair;
        uint32_t largest = RING_PAIR_SMALL_CAPACITY / 2 / 64 * 64;

        RingPairCreate(&pair, RING_PAIR_SMALL, RING_PAIR_NO_LIMIT, RingPairRandom());
        for (uint32_t i = 0; i < units; i++) {
            RingPairPut(&pair, 64, i);
            RingPairGet(&pair, 64, i);
        }
        RingPairPut(&pair, largest, 100);
        RingPairGet(&pair, largest, 100);
        RingPairDestroy(&pair);
    }
}

static void WrapLeavesOneSkip(void **state)
{
    struct RingPair pair;

    (void)state;
    RingPairCreate(&pair, RING_PAIR_SMALL, RING_PAIR_NO_LIMIT, 500);
    for (uint64_t i = 0; i < 6; i++) { /* 6 * 640 of 3968: 128 bytes remain */
        RingPairPut(&pair, 640, i);
        RingPairGet(&pair, 640, i);
    }
    RingPairPut(&pair, 200, 6);
    assert_int_equal(RingPairAt(&pair, 3840)->size, 0);
    assert_int_equal(RingPairAt(&pair, 3840)->skipTo, 0);
    assert_int_equal(atomic_load(&RingPairAt(&pair, 3840)->sequence), 506);
    assert_int_equal(atomic_load(&RingPairAt(&pair, 0)->sequence), 507);
    assert_int_equal(RingPairAt(&pair, 0)->size, 200);
    assert_int_equal(RingPairTaken(&pair), 3840);
    RingPairGet(&pair, 200, 6);
    assert_int_equal(RingPairTaken(&pair), RING_PAIR_SMALL_CAPACITY + 256);
    RingPairExpectNothing(&pair);
    RingPairPut(&pair, 100, 7);
    RingPairGet(&pair, 100, 7);
    RingPairDestroy(&pair);
}

static void ExactFitNeedsNoSkip(void **state)
{
    struct RingPair pair;

    (void)state;
    RingPairCreate(&pair, RING_PAIR_SMALL, RING_PAIR_NO_LIMIT, 500);
    for (uint64_t lap = 0; lap < 3; lap++) {
        for (uint64_t i = 0; i < 6; i++) {
            RingPairPut(&pair, 640, i);
            RingPairGet(&pair, 640, i);
        }
        RingPairPut(&pair, 128, 6);
        assert_int_equal(pair.writer.offset, 0);
        RingPairGet(&pair, 128, 6);
        assert_int_equal(RingPairTaken(&pair), (lap + 1) * RING_PAIR_SMALL_CAPACITY);
        assert_int_equal(pair.reader.sequence, 500 + (lap + 1) * 7);
    }
    RingPairDestroy(&pair);
}

static void FullRingRefusesAndLosesNothing(void **state)
{
    struct RingPair pair;
    struct RingRecord *record = NULL;
    uint64_t count = RING_PAIR_SMALL_CAPACITY / 64;

    (void)state;
    RingPairCreate(&pair, RING_PAIR_SMALL, RING_PAIR_NO_LIMIT, RingPairRandom());
    for (uint64_t lap = 0; lap < 3; lap++) {
        struct RingWriter before;

        for (uint64_t i = 0; i < count; i++) {
            RingPairPut(&pair, 64, i);
        }
        before = pair.writer;
        assert_int_equal(RingReserve(&pair.writer, 64, 64, &record), -ENOMEM);
        assert_memory_equal(&before, &pair.writer, sizeof(before));
        RingPairGet(&pair, 64, 0);
        RingPairPut(&pair, 64, count);
        assert_int_equal(RingReserve(&pair.writer, 64, 64, &record), -ENOMEM);
        for (uint64_t i = 1; i <= count; i++) {
            RingPairGet(&pair, 64, i);
        }
        RingPairExpectNothing(&pair);
    }
    RingPairDestroy(&pair);
}

static void PingPongStaysInTheHotWindow(void **state)
{
    struct RingPair pair;
    uint64_t highest = 0;

    (void)state;
    RingPairCreate(&pair, BIG, RING_PAIR_NO_LIMIT, RingPairRandom());
    for (uint64_t i = 0; i < 20000; i++) {
        const struct RingRecord *record = NULL;
        uint32_t size = 0;

        RingPairPut(&pair, 128, i);
        assert_int_equal(RingPeek(&pair.reader, &record, &size), 1);
        assert_true(RingPairMatches(record, size, i));
        if ((uint64_t)((const unsigned char *)record - pair.ring) > highest) {
            highest = (uint64_t)((const unsigned char *)record - pair.ring);
        }
        RingTake(&pair.reader);
    }
    assert_true(highest <= RING_HEADER_SIZE + RING_HOT_WINDOW);
    /* Uses the whole window: one skip per message would be expensive. */
    assert_true(highest >= RING_HOT_WINDOW - 128);
    RingPairDestroy(&pair);
}

static void NoRestartWhileRecordsAreUnread(void **state)
{
    struct RingPair pair;
    uint64_t sent = 0;
    uint64_t received = 0;

    (void)state;
    RingPairCreate(&pair, BIG, RING_PAIR_NO_LIMIT, RingPairRandom());
    RingPairPut(&pair, 64, sent++);
    while (sent < BIG_CAPACITY / 64) {
        assert_int_equal(pair.writer.offset, sent * 64);
        RingPairPut(&pair, 64, sent++);
        RingPairGet(&pair, 64, received++);
    }
    assert_int_equal(pair.writer.offset, 0);
    RingPairDestroy(&pair);
}

/* After a restart the unread skip is in the middle of free memory; a burst wraps around it. */
static void BurstAfterRestartUsesTheWholeRing(void **state)
{
    (void)state;
    for (uint32_t size = 64; size <= 8192; size += 64) {
        struct RingPair pair;
        uint64_t sent;
        uint64_t least = (BIG_CAPACITY - 2 * (uint64_t)size - 64) / size;

        RingPairCreate(&pair, BIG, RING_PAIR_NO_LIMIT, RingPairRandom());
        for (int round = 0; round < 3; round++) {
            while (pair.writer.offset != RING_HOT_WINDOW) {
                RingPairAdvance(&pair, 64);
            }
            for (sent = 0; RingPairSend(&pair.writer, size, 64, sent, NULL) == 0; sent++) {
                assert_true(pair.writer.holePending);
                if (sent % 64 == 0) {
                    assert_int_equal(RingCheckWriter(&pair.writer), 0);
                }
            }
            assert_true(sent >= least);
            assert_int_equal(RingCheckWriter(&pair.writer), 0);
            assert_int_equal(RingCheckReader(&pair.reader), 0);
            for (uint64_t i = 0; i < sent; i++) {
                const struct RingRecord *record = NULL;
                uint32_t seen = 0;

                assert_int_equal(RingPeek(&pair.reader, &record, &seen), 1);
                assert_int_equal(seen, size);
                assert_true(RingPairMatches(record, size, i));
                RingTake(&pair.reader);
            }
            RingPairExpectNothing(&pair);
        }
        RingPairDestroy(&pair);
    }
}

static void HoleIsUsableAfterItsSkipIsRead(void **state)
{
    struct RingPair pair;

    (void)state;
    RingPairCreate(&pair, BIG, RING_PAIR_NO_LIMIT, RingPairRandom());
    RingPairAdvance(&pair, RING_HOT_WINDOW);
    RingPairPut(&pair, 1024, 1);
    assert_true(pair.writer.holePending);
    assert_int_equal(pair.writer.offset, 1024);
    RingPairGet(&pair, 1024, 1);
    for (uint64_t i = 0; i < RING_HOT_WINDOW / 1024 - 2; i++) {
        RingPairPut(&pair, 1024, i);
        RingPairGet(&pair, 1024, i);
    }
    /* This record would overlap the hole, but the hole no longer exists. */
    assert_int_equal(pair.writer.offset, RING_HOT_WINDOW - 1024);
    RingPairPut(&pair, 2048, 2);
    assert_false(pair.writer.holePending);
    assert_int_equal(pair.writer.offset, RING_HOT_WINDOW + 1024);
    RingPairGet(&pair, 2048, 2);
    RingPairDestroy(&pair);
}

/* A record that does not fit before the position where the ring was emptied continues behind it. */
static void LargeRecordDoesNotRestart(void **state)
{
    struct RingPair pair;

    (void)state;
    RingPairCreate(&pair, BIG, RING_PAIR_NO_LIMIT, RingPairRandom());
    RingPairAdvance(&pair, RING_HOT_WINDOW);
    RingPairPut(&pair, RING_HOT_WINDOW, 1);
    assert_int_equal(pair.writer.offset, 2 * RING_HOT_WINDOW);
    RingPairGet(&pair, RING_HOT_WINDOW, 1);
    RingPairPut(&pair, RING_HOT_WINDOW, 2);
    assert_int_equal(pair.writer.offset, RING_HOT_WINDOW);
    RingPairGet(&pair, RING_HOT_WINDOW, 2);
    RingPairDestroy(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(LargestRecordAlwaysFitsAnEmptyRing),
        cmocka_unit_test(WrapLeavesOneSkip),
        cmocka_unit_test(ExactFitNeedsNoSkip),
        cmocka_unit_test(FullRingRefusesAndLosesNothing),
        cmocka_unit_test(PingPongStaysInTheHotWindow),
        cmocka_unit_test(NoRestartWhileRecordsAreUnread),
        cmocka_unit_test(BurstAfterRestartUsesTheWholeRing),
        cmocka_unit_test(HoleIsUsableAfterItsSkipIsRead),
        cmocka_unit_test(LargeRecordDoesNotRestart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
