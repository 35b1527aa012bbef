/* Tests the functions of the ring, with both ends in one thread. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/ring_pair.h"

static void MemorySizeIsEnoughAndBounded(void **state)
{
    (void)state;
    for (uint64_t allowance = 64; allowance <= RING_MAXIMUM_ALLOWANCE;
         allowance = allowance * 3 / 2) {
        size_t size = RingMemorySize(allowance);
        uint64_t largest = (allowance * 5 / 3 + 64 + 63) / 64 * 64;

        assert_int_equal(size % 4096, 0);
        assert_true(size >= allowance * 4);
        assert_true(size <= allowance * 4 + 12288);
        assert_true(largest <= (size - RING_HEADER_SIZE) / 2 / 64 * 64);
    }
    assert_int_equal(RingMemorySize(RING_MAXIMUM_ALLOWANCE + 1), 0);
    assert_int_equal(RingMemorySize(UINT64_MAX), 0);
}

static void FormatRefusesBadArguments(void **state)
{
    _Alignas(64) static unsigned char memory[RING_PAIR_SMALL + 64];

    (void)state;
    assert_int_equal(RingFormat(NULL, RING_PAIR_SMALL, 1), -EINVAL);
    assert_int_equal(RingFormat(memory + 8, RING_PAIR_SMALL, 1), -EINVAL);
    assert_int_equal(RingFormat(memory, RING_PAIR_SMALL - 64, 1), -EINVAL);
    assert_int_equal(RingFormat(memory, RING_PAIR_SMALL + 8, 1), -EINVAL);
    assert_int_equal(RingFormat(memory, 0, 1), -EINVAL);
    assert_int_equal(RingFormat(memory, SIZE_MAX / 64 * 64, 1), -EINVAL);
    assert_int_equal(RingFormat(memory, RING_PAIR_SMALL, 0), -EINVAL);
    for (size_t i = 0; i < sizeof(memory); i++) {
        assert_int_equal(memory[i], 0);
    }
    assert_int_equal(RingFormat(memory, RING_PAIR_SMALL, UINT64_MAX), 0);
}

static void WriterInitRefusesBadArguments(void **state)
{
    struct RingPair pair;
    struct RingWriter writer;
    struct RingHeader *header;
    struct RingHeader good;

    (void)state;
    RingPairCreate(&pair, RING_PAIR_SMALL, 100, RingPairRandom());
    header = (struct RingHeader *)pair.ring;
    good = *header;
    assert_int_equal(RingWriterInit(&writer, NULL, RING_PAIR_SMALL, pair.cursors, 1), -EINVAL);
    assert_int_equal(RingWriterInit(&writer, pair.ring, RING_PAIR_SMALL, NULL, 1), -EINVAL);
    assert_int_equal(RingWriterInit(&writer, pair.ring + 8, RING_PAIR_SMALL, pair.cursors, 1),
                     -EINVAL);
    assert_int_equal(RingWriterInit(&writer, pair.ring, RING_PAIR_SMALL + 64, pair.cursors, 1),
                     -EINVAL);
    assert_int_equal(RingWriterInit(&writer, pair.ring, RING_PAIR_SMALL, pair.cursors, 0), -EINVAL);
    assert_int_equal(RingWriterInit(&writer, pair.ring, RING_PAIR_SMALL, pair.cursors,
                                    RING_MAXIMUM_ALLOWANCE + 1),
                     -EINVAL);
    header->magic++;
    assert_int_equal(RingWriterInit(&writer, pair.ring, RING_PAIR_SMALL, pair.cursors, 1), -EINVAL);
    *header = good;
    header->version++;
    assert_int_equal(RingWriterInit(&writer, pair.ring, RING_PAIR_SMALL, pair.cursors, 1), -EINVAL);
    RingPairDestroy(&pair);
}

static void RecordIsSeenOncePublished(void **state)
{
    struct RingPair pair;
    struct RingRecord *record = NULL;
    const struct RingRecord *seen = NULL;
    uint32_t size = 0;

    (void)state;
    RingPairCreate(&pair, RING_PAIR_SMALL, 1000, RingPairRandom());
    RingPairExpectNothing(&pair);
    assert_int_equal(RingReserve(&pair.writer, 100, 90, &record), 0);
    RingPairFill(record, 100, 7);
    RingPairExpectNothing(&pair);
    assert_int_equal(RingOutstanding(&pair.writer), 0);
    assert_false(RingPublish(&pair.writer));
    assert_int_equal(RingOutstanding(&pair.writer), 90);
    assert_false(RingWriterDrained(&pair.writer));

    assert_int_equal(RingPeek(&pair.reader, &seen, &size), 1);
    assert_int_equal(RingPeek(&pair.reader, &seen, &size), 1); /* a second peek changes nothing */
    assert_ptr_equal(seen, record);
    assert_int_equal(size, 100);
    assert_true(RingPairMatches(seen, size, 7));
    assert_int_equal(RingPairTaken(&pair), 0);
    RingTake(&pair.reader);
    assert_int_equal(RingPairTaken(&pair), 128);
    assert_true(RingWriterDrained(&pair.writer));
    RingTake(&pair.reader); /* no record was peeked */
    assert_int_equal(RingPairTaken(&pair), 128);
    RingPairExpectNothing(&pair);
    RingPairDestroy(&pair);
}

static void AbandonedRecordIsNeverSeen(void **state)
{
    struct RingPair pair;
    struct RingRecord *first = NULL;
    struct RingRecord *second = NULL;

    (void)state;
    RingPairCreate(&pair, RING_PAIR_SMALL, 1000, RingPairRandom());
    assert_int_equal(RingReserve(&pair.writer, 200, 900, &first), 0);
    RingAbandon(&pair.writer);
    assert_false(RingPublish(&pair.writer));
    RingPairExpectNothing(&pair);
    assert_int_equal(RingOutstanding(&pair.writer), 0);
    /* A second reservation replaces the first, and a refused one discards it, too. */
    assert_int_equal(RingReserve(&pair.writer, 200, 900, &first), 0);
    assert_int_equal(RingReserve(&pair.writer, 64, 900, &second), 0);
    assert_ptr_equal(first, second);
    assert_int_equal(RingReserve(&pair.writer, 64, 1001, &second), -EMSGSIZE);
    assert_false(RingPublish(&pair.writer));
    RingPairExpectNothing(&pair);
    RingPairPut(&pair, 300, 1);
    RingPairGet(&pair, 300, 1);
    RingPairDestroy(&pair);
}

static void SizesAreChecked(void **state)
{
    struct RingPair pair;
    struct RingRecord *record = NULL;
    uint32_t largest = RING_PAIR_SMALL_CAPACITY / 2 / 64 * 64;

    (void)state;
    RingPairCreate(&pair, RING_PAIR_SMALL, RING_PAIR_NO_LIMIT, RingPairRandom());
    for (uint32_t size = 0; size < sizeof(struct RingRecord); size++) {
        assert_int_equal(RingReserve(&pair.writer, size, 64, &record), -EINVAL);
    }
    assert_int_equal(RingReserve(&pair.writer, largest + 1, 64, &record), -EMSGSIZE);
    assert_int_equal(RingReserve(&pair.writer, UINT32_MAX, 64, &record), -EMSGSIZE);
    assert_int_equal(RingReserve(&pair.writer, UINT32_MAX - 63, 64, &record), -EMSGSIZE);
    assert_null(record);
    RingPairPut(&pair, sizeof(struct RingRecord), 1);
    RingPairGet(&pair, sizeof(struct RingRecord), 1);
    RingPairPut(&pair, largest, 2);
    RingPairGet(&pair, largest, 2);
    RingPairDestroy(&pair);
}

static void ChargeIsLimitedUntilFreed(void **state)
{
    struct RingPair pair;
    struct RingRecord *record = NULL;
    struct RingWriter before;

    (void)state;
    RingPairCreate(&pair, RING_PAIR_SMALL, 1000, RingPairRandom());
    assert_int_equal(RingReserve(&pair.writer, 64, 1001, &record), -EMSGSIZE);
    assert_int_equal(RingReserve(&pair.writer, 64, UINT64_MAX, &record), -EMSGSIZE);
    assert_int_equal(RingPairSend(&pair.writer, 64, 600, 1, NULL), 0);
    assert_int_equal(RingPairSend(&pair.writer, 64, 400, 2, NULL), 0); /* exactly the allowance */
    before = pair.writer;
    assert_int_equal(RingReserve(&pair.writer, 64, 1, &record), -ENOMEM);
    assert_memory_equal(&before, &pair.writer, sizeof(before));
    assert_null(record);
    RingPairGet(&pair, 64, 1);
    RingPairGet(&pair, 64, 2);
    /* A taken record is not yet freed. */
    assert_int_equal(RingReserve(&pair.writer, 64, 1, &record), -ENOMEM);
    RingFree(&pair.reader, 400);
    assert_int_equal(RingOutstanding(&pair.writer), 600);
    assert_int_equal(RingReserve(&pair.writer, 64, 401, &record), -ENOMEM);
    RingFreeElsewhere(&pair.reader, 600);
    assert_int_equal(RingPairSend(&pair.writer, 64, 1000, 3, NULL), 0);
    assert_int_equal(RingOutstanding(&pair.writer), 1000);
    RingPairGet(&pair, 64, 3);
    RingFreeElsewhere(&pair.reader, 300);
    RingFree(&pair.reader, 700);
    assert_int_equal(RingOutstanding(&pair.writer), 0);
    RingPairDestroy(&pair);
}

static void BellRingsOncePerEpoch(void **state)
{
    struct RingPair pair;
    bool bell = true;

    (void)state;
    RingPairCreate(&pair, RING_PAIR_SMALL, RING_PAIR_NO_LIMIT, RingPairRandom());
    assert_int_equal(RingPairSend(&pair.writer, 64, 64, 0, &bell), 0);
    assert_false(bell);
    RingArm(&pair.reader);
    assert_true(RingLookAfterArm(&pair.reader));
    RingPairGet(&pair, 64, 0);
    assert_int_equal(RingPairSend(&pair.writer, 64, 64, 1, &bell), 0);
    assert_true(bell);
    assert_int_equal(RingPairSend(&pair.writer, 64, 64, 2, &bell), 0);
    assert_false(bell);
    RingArm(&pair.reader); /* arming again starts a new epoch */
    assert_int_equal(RingPairSend(&pair.writer, 64, 64, 3, &bell), 0);
    assert_true(bell);
    RingDisarm(&pair.reader);
    RingDisarm(&pair.reader);
    assert_int_equal(atomic_load(&pair.cursors->armed) & 1, 0);
    assert_int_equal(RingPairSend(&pair.writer, 64, 64, 4, &bell), 0);
    assert_false(bell);
    RingArm(&pair.reader);
    RingDisarm(&pair.reader);
    RingArm(&pair.reader);
    assert_int_equal(atomic_load(&pair.cursors->armed) & 1, 1);
    assert_int_equal(RingPairSend(&pair.writer, 64, 64, 5, &bell), 0);
    assert_true(bell);
    for (uint64_t i = 1; i <= 5; i++) {
        RingPairGet(&pair, 64, i);
    }
    assert_int_equal(RingCheckReader(&pair.reader), 0);
    RingPairDestroy(&pair);
}

static void NewWriterSeesAnArmedReader(void **state)
{
    struct RingPair pair;
    struct RingWriter late;
    struct RingRecord *record = NULL;

    (void)state;
    RingPairCreate(&pair, RING_PAIR_SMALL, RING_PAIR_NO_LIMIT, RingPairRandom());
    RingArm(&pair.reader);
    assert_int_equal(RingWriterInit(&late, pair.ring, RING_PAIR_SMALL, pair.cursors, 100), 0);
    assert_int_equal(RingReserve(&late, 64, 64, &record), 0);
    assert_true(RingPublish(&late));
    assert_false(RingPublish(&late));
    RingPairDestroy(&pair);
}

static void SequenceWrapsAroundWithoutZero(void **state)
{
    (void)state;
    for (uint64_t back = 0; back < 40; back++) {
        struct RingPair pair;

        RingPairCreate(&pair, RING_PAIR_SMALL, RING_PAIR_NO_LIMIT, UINT64_MAX - back);
        for (uint64_t i = 0; i < 120; i++) {
            RingPairExpectNothing(&pair); /* in fresh memory, also when the number has wrapped */
            RingPairPut(&pair, (uint32_t)(64 + 64 * (i % 7)), i);
            assert_true(pair.writer.sequence != 0);
            RingPairGet(&pair, (uint32_t)(64 + 64 * (i % 7)), i);
        }
        assert_true(pair.reader.sequence < 240);
        RingPairDestroy(&pair);
    }
}

/* Old records, and payload full of old sequence numbers, are not taken for new records. */
static void OldBytesAreNotReadAsRecords(void **state)
{
    struct RingPair pair;
    const struct RingRecord *seen = NULL;
    uint32_t size = 0;

    (void)state;
    RingPairCreate(&pair, RING_PAIR_SMALL, RING_PAIR_NO_LIMIT, RingPairRandom());
    for (uint64_t i = 0; i < 5000; i++) {
        struct RingRecord *record = NULL;
        uint32_t bytes = 64 * (uint32_t)(1 + i * 7 % 11);

        assert_int_equal(RingReserve(&pair.writer, bytes, 64, &record), 0);
        for (uint32_t at = 64; at < bytes; at += 64) {
            struct RingRecord *forged = (struct RingRecord *)((unsigned char *)record + at);

            atomic_store(&forged->sequence, pair.writer.sequence);
            forged->size = 64;
            forged->skipTo = 0;
        }
        assert_false(RingPublish(&pair.writer));
        assert_int_equal(RingPeek(&pair.reader, &seen, &size), 1);
        assert_ptr_equal(seen, record);
        assert_int_equal(size, bytes);
        RingTake(&pair.reader);
        assert_int_equal(RingPeek(&pair.reader, &seen, &size), 0);
    }
    RingPairDestroy(&pair);
}

/*
 * The last bytes of a record overwrite part of an old sequence. The mixture must not be read as the
 * sequence of the record that is published there next.
 */
static void LastBytesAndOldSequenceAreNoSequence(void **state)
{
    const uint64_t first = 0x8a1cb3177b217000U;
    const uint32_t lap = RING_PAIR_SMALL_CAPACITY / RING_ALIGNMENT;
    (void)state;

    for (uint32_t tail = 1; tail < sizeof(uint64_t); tail++) {
        struct RingPair pair;
        struct RingRecord *record;
        const struct RingRecord *seen;
        uint32_t size;
        RingPairCreate(&pair, RING_PAIR_SMALL, RING_PAIR_NO_LIMIT, first);
        RingPairAdvance(&pair, RING_PAIR_SMALL_CAPACITY);
        assert_int_equal(RingReserve(&pair.writer, RING_ALIGNMENT + tail, RING_ALIGNMENT, &record),
                         0);
        /* A lap later, this is the sequence of the second record. */
        uint64_t sequence = first + lap + 1 + (lap - 2) + 1;
        memcpy((unsigned char *)record + RING_ALIGNMENT, &sequence, tail);
        RingPublish(&pair.writer);
        assert_int_equal(RingPeek(&pair.reader, &seen, &size), 1);
        RingTake(&pair.reader);
        RingFree(&pair.reader, RING_ALIGNMENT);
        RingPairAdvance(&pair, RING_PAIR_SMALL_CAPACITY - (uint64_t)2 * RING_ALIGNMENT);
        RingPairAdvance(&pair, RING_ALIGNMENT);
        assert_int_equal(pair.reader.sequence, sequence);
        RingPairExpectNothing(&pair);
        RingPairDestroy(&pair);
    }
}

static void CheckersDetectDamage(void **state)
{
    struct RingPair pair;
    struct RingWriter writer;
    struct RingReader reader;

    (void)state;
    RingPairCreate(&pair, RING_PAIR_SMALL, RING_PAIR_NO_LIMIT, RingPairRandom());
    RingPairPut(&pair, 64, 1);
    RingPairPut(&pair, 128, 2);
    writer = pair.writer;
    writer.offset += 64;
    assert_int_equal(RingCheckWriter(&writer), -EINVAL);
    writer = pair.writer;
    writer.sequence++;
    assert_int_equal(RingCheckWriter(&writer), -EINVAL);
    writer = pair.writer;
    writer.freed = writer.sent + 1;
    assert_int_equal(RingCheckWriter(&writer), -EINVAL);
    writer = pair.writer;
    writer.holePending = true;
    assert_int_equal(RingCheckWriter(&writer), -EINVAL);
    RingPairAt(&pair, 64)->size = 64;
    assert_int_equal(RingCheckWriter(&pair.writer), -EINVAL);
    RingPairAt(&pair, 64)->size = 0;
    assert_int_equal(RingCheckWriter(&pair.writer), -EINVAL);
    RingPairAt(&pair, 64)->size = 128;
    assert_int_equal(RingCheckWriter(&pair.writer), 0);

    assert_int_equal(RingCheckReader(&pair.reader), 0);
    reader = pair.reader;
    reader.offset += 64;
    assert_int_equal(RingCheckReader(&reader), -EINVAL);
    reader = pair.reader;
    reader.freed = 1;
    assert_int_equal(RingCheckReader(&reader), -EINVAL);
    reader = pair.reader;
    reader.epoch = 1;
    assert_int_equal(RingCheckReader(&reader), -EINVAL);
    reader = pair.reader;
    reader.sequence = 0;
    assert_int_equal(RingCheckReader(&reader), -EINVAL);
    RingPairDestroy(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(MemorySizeIsEnoughAndBounded),
        cmocka_unit_test(FormatRefusesBadArguments),
        cmocka_unit_test(WriterInitRefusesBadArguments),
        cmocka_unit_test(RecordIsSeenOncePublished),
        cmocka_unit_test(AbandonedRecordIsNeverSeen),
        cmocka_unit_test(SizesAreChecked),
        cmocka_unit_test(ChargeIsLimitedUntilFreed),
        cmocka_unit_test(BellRingsOncePerEpoch),
        cmocka_unit_test(NewWriterSeesAnArmedReader),
        cmocka_unit_test(SequenceWrapsAroundWithoutZero),
        cmocka_unit_test(OldBytesAreNotReadAsRecords),
        cmocka_unit_test(LastBytesAndOldSequenceAreNoSequence),
        cmocka_unit_test(CheckersDetectDamage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
