/* Tests each end of the ring against forged fields of the other end. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/ring_pair.h"

static void ReaderInitRefusesForgedHeaders(void **state)
{
    struct RingPair pair;
    struct RingReader reader;
    struct RingHeader *header;
    struct RingHeader good;

    (void)state;
    RingPairCreate(&pair, RING_PAIR_SMALL, 100, RingPairRandom());
    header = (struct RingHeader *)pair.ring;
    good = *header;
    assert_int_equal(RingReaderInit(&reader, NULL, RING_PAIR_SMALL, pair.cursors), -EINVAL);
    assert_int_equal(RingReaderInit(&reader, pair.ring, RING_PAIR_SMALL, NULL), -EINVAL);
    assert_int_equal(RingReaderInit(&reader, pair.ring, 64, pair.cursors), -EINVAL);
    assert_int_equal(RingReaderInit(&reader, pair.ring, RING_PAIR_SMALL - 1, pair.cursors),
                     -EINVAL);
    header->magic = 0;
    assert_int_equal(RingReaderInit(&reader, pair.ring, RING_PAIR_SMALL, pair.cursors), -EPROTO);
    *header = good;
    header->version = 2;
    assert_int_equal(RingReaderInit(&reader, pair.ring, RING_PAIR_SMALL, pair.cursors), -EPROTO);
    *header = good;
    header->capacity += 64;
    assert_int_equal(RingReaderInit(&reader, pair.ring, RING_PAIR_SMALL, pair.cursors), -EPROTO);
    header->capacity = UINT64_MAX - 127;
    assert_int_equal(RingReaderInit(&reader, pair.ring, RING_PAIR_SMALL, pair.cursors), -EPROTO);
    *header = good;
    header->firstSequence = 0;
    assert_int_equal(RingReaderInit(&reader, pair.ring, RING_PAIR_SMALL, pair.cursors), -EPROTO);
    *header = good;
    assert_int_equal(RingReaderInit(&reader, pair.ring, RING_PAIR_SMALL, pair.cursors), 0);
    RingPairDestroy(&pair);
}

static void ForgedRecordSizesAreRefused(void **state)
{
    static const uint32_t sizes[] = {1,
                                     8,
                                     15,
                                     RING_PAIR_SMALL_CAPACITY / 2 + 1,
                                     RING_PAIR_SMALL_CAPACITY,
                                     RING_PAIR_SMALL,
                                     0x7fffffff,
                                     0xffffffc0,
                                     0xffffffff};
    struct RingPair pair;

    (void)state;
    RingPairCreate(&pair, RING_PAIR_SMALL, RING_PAIR_NO_LIMIT, RingPairRandom());
    RingPairPut(&pair, 64, 0);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        RingPairAt(&pair, 0)->size = sizes[i];
        assert_int_equal(RingPairPeek(&pair), -EPROTO);
        assert_int_equal(RingCheckReader(&pair.reader), -EPROTO);
        RingTake(&pair.reader);
        assert_int_equal(RingPairTaken(&pair), 0);
    }
    RingPairAt(&pair, 0)->size = 64;
    assert_int_equal(RingPairPeek(&pair), 1);
    /* At the last 64 bytes, so that one more byte would be outside. */
    RingTake(&pair.reader);
    for (uint64_t i = 1; i < RING_PAIR_SMALL_CAPACITY / 64 - 1; i++) {
        RingPairPut(&pair, 64, i);
        RingPairGet(&pair, 64, i);
    }
    RingPairPut(&pair, 64, 1);
    RingPairAt(&pair, RING_PAIR_SMALL_CAPACITY - 64)->size = 65;
    assert_int_equal(RingPairPeek(&pair), -EPROTO);
    RingPairAt(&pair, RING_PAIR_SMALL_CAPACITY - 64)->size = 64;
    assert_int_equal(RingPairPeek(&pair), 1);
    RingPairDestroy(&pair);
}

static void ForgedSkipsAreRefused(void **state)
{
    static const uint32_t wrong[] = {
        1,          2,         3, RING_PAIR_SMALL_CAPACITY / 64, RING_PAIR_SMALL_CAPACITY / 64 + 1,
        0x80000000, 0xffffffff};
    struct RingPair pair;
    struct RingRecord *skip;

    (void)state;
    RingPairCreate(&pair, RING_PAIR_SMALL, RING_PAIR_NO_LIMIT, 1000);
    /* From the start to the start, to outside, and to no record. */
    skip = RingPairAt(&pair, 0);
    atomic_store(&skip->sequence, 1000);
    skip->size = 0;
    skip->skipTo = 0;
    assert_int_equal(RingPairPeek(&pair), -EPROTO);
    skip->skipTo = RING_PAIR_SMALL_CAPACITY / 64;
    assert_int_equal(RingPairPeek(&pair), -EPROTO);
    skip->skipTo = 10;
    assert_int_equal(RingPairPeek(&pair), -EPROTO);
    /* To another skip. */
    atomic_store(&RingPairAt(&pair, 640)->sequence, 1001);
    RingPairAt(&pair, 640)->size = 0;
    RingPairAt(&pair, 640)->skipTo = 20;
    atomic_store(&RingPairAt(&pair, 1280)->sequence, 1002);
    RingPairAt(&pair, 1280)->size = 64;
    assert_int_equal(RingPairPeek(&pair), -EPROTO);
    /* To a record that extends beyond the end. */
    RingPairAt(&pair, 640)->size = 64;
    RingPairAt(&pair, 640)->skipTo = 0;
    assert_int_equal(RingPairPeek(&pair), 1);
    RingPairAt(&pair, 640)->size = RING_PAIR_SMALL_CAPACITY - 640 + 1;
    assert_int_equal(RingPairPeek(&pair), -EPROTO);
    RingPairDestroy(&pair);

    /* Backwards, but not to the start; to itself. */
    RingPairCreate(&pair, RING_PAIR_SMALL, RING_PAIR_NO_LIMIT, 1000);
    RingPairAdvance(&pair, 192);
    skip = RingPairAt(&pair, 192);
    atomic_store(&skip->sequence, 1003);
    skip->size = 0;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if ((uint64_t)wrong[i] * 64 < RING_PAIR_SMALL_CAPACITY) {
            atomic_store(&RingPairAt(&pair, (size_t)wrong[i] * 64)->sequence,
                         wrong[i] == 3 ? 1003 : 1004);
            RingPairAt(&pair, (size_t)wrong[i] * 64)->size = wrong[i] == 3 ? 0 : 64;
        }
        skip->skipTo = wrong[i];
        assert_int_equal(RingPairPeek(&pair), -EPROTO);
    }
    RingPairDestroy(&pair);
}

static void ChangedRecordDoesNotChangeWhatWasChecked(void **state)
{
    struct RingPair pair;

    (void)state;
    RingPairCreate(&pair, RING_PAIR_SMALL, RING_PAIR_NO_LIMIT, RingPairRandom());
    RingPairPut(&pair, 64, 1);
    assert_int_equal(RingPairPeek(&pair), 1);
    RingPairAt(&pair, 0)->size = UINT32_MAX;
    RingTake(&pair.reader);
    assert_int_equal(RingPairTaken(&pair), 64);
    RingPairDestroy(&pair);
}

static void ForgedTakenIsRefused(void **state)
{
    struct RingPair pair;
    struct RingRecord *record = NULL;
    uint64_t wrong[] = {
        0, 64, 32, 129, RING_PAIR_SMALL_CAPACITY + 64, UINT64_MAX, UINT64_MAX - 63, 1ULL << 63};

    (void)state;
    RingPairCreate(&pair, RING_PAIR_SMALL, RING_PAIR_NO_LIMIT, RingPairRandom());
    RingPairAdvance(&pair, 128);
    assert_true(RingWriterDrained(&pair.writer));
    while (RingPairSend(&pair.writer, 64, 64, 1, NULL) == 0) {
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct RingWriter before = pair.writer;

        atomic_store(&pair.cursors->taken, wrong[i]);
        if (wrong[i] == RING_PAIR_SMALL_CAPACITY + 64) {
            /* Valid: within the published range. */
            continue;
        }
        assert_int_equal(RingReserve(&pair.writer, 64, 64, &record), -EPROTO);
        assert_false(RingWriterDrained(&pair.writer));
        assert_memory_equal(&before, &pair.writer, sizeof(before));
    }
    atomic_store(&pair.cursors->taken, pair.writer.written + 64);
    assert_int_equal(RingReserve(&pair.writer, 64, 64, &record), -EPROTO);
    atomic_store(&pair.cursors->taken, pair.writer.written);
    assert_int_equal(RingReserve(&pair.writer, 64, 64, &record), 0);
    RingPairDestroy(&pair);
}

static void ForgedFreedIsRefused(void **state)
{
    struct RingPair pair;
    struct RingRecord *record = NULL;

    (void)state;
    RingPairCreate(&pair, RING_PAIR_SMALL, 1000, RingPairRandom());
    assert_int_equal(RingPairSend(&pair.writer, 64, 1000, 1, NULL), 0);
    RingFree(&pair.reader, 300);
    RingFreeElsewhere(&pair.reader, 200);
    assert_int_equal(RingOutstanding(&pair.writer), 500);

    atomic_store(&pair.cursors->freed, 801); /* the sum exceeds the sent amount */
    assert_int_equal(RingReserve(&pair.writer, 64, 501, &record), -EPROTO);
    assert_int_equal(RingOutstanding(&pair.writer), 500);
    atomic_store(&pair.cursors->freed, 299); /* backwards */
    assert_int_equal(RingReserve(&pair.writer, 64, 501, &record), -EPROTO);
    atomic_store(&pair.cursors->freed, UINT64_MAX - 100); /* the sum would wrap */
    assert_int_equal(RingReserve(&pair.writer, 64, 501, &record), -EPROTO);
    atomic_store(&pair.cursors->freed, 300);
    atomic_store(&pair.cursors->freedElsewhere, 199);
    assert_int_equal(RingReserve(&pair.writer, 64, 501, &record), -EPROTO);
    atomic_store(&pair.cursors->freedElsewhere, UINT64_MAX);
    assert_int_equal(RingReserve(&pair.writer, 64, 501, &record), -EPROTO);
    assert_int_equal(RingOutstanding(&pair.writer), 500);
    atomic_store(&pair.cursors->freedElsewhere, 201);
    assert_int_equal(RingReserve(&pair.writer, 64, 501, &record), 0);
    RingPairDestroy(&pair);
}

static void ForgedArmedWordOnlyRings(void **state)
{
    struct RingPair pair;
    bool bell = false;

    (void)state;
    RingPairCreate(&pair, RING_PAIR_SMALL, RING_PAIR_NO_LIMIT, RingPairRandom());
    atomic_store(&pair.cursors->armed, UINT64_MAX);
    assert_int_equal(RingPairSend(&pair.writer, 64, 64, 1, &bell), 0);
    assert_true(bell);
    atomic_store(&pair.cursors->armed, 1); /* backwards: this is only a different epoch */
    assert_int_equal(RingPairSend(&pair.writer, 64, 64, 2, &bell), 0);
    assert_true(bell);
    assert_int_equal(RingPairSend(&pair.writer, 64, 64, 3, &bell), 0);
    assert_false(bell);
    RingPairDestroy(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ReaderInitRefusesForgedHeaders),
        cmocka_unit_test(ForgedRecordSizesAreRefused),
        cmocka_unit_test(ForgedSkipsAreRefused),
        cmocka_unit_test(ChangedRecordDoesNotChangeWhatWasChecked),
        cmocka_unit_test(ForgedTakenIsRefused),
        cmocka_unit_test(ForgedFreedIsRefused),
        cmocka_unit_test(ForgedArmedWordOnlyRings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
