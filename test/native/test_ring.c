/*
 * The ring, function by function, both ends in one thread.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/ring_pair.h"

#define SMALL           4096U          /* the smallest ring */
#define CAPACITY        (SMALL - 128U) /* 62 units of 64 */
#define LARGE_ALLOWANCE (1ULL << 30)   /* charge never limits */
#define BIG             262144U        /* larger than the hot window */
#define BIG_CAPACITY    (BIG - 128U)

static void Send(struct RingPair *pair, uint32_t size, uint64_t number)
{
    assert_int_equal(RingPairSend(&pair->writer, size, size, number, NULL), 0);
    assert_int_equal(RingCheckWriter(&pair->writer), 0);
}

static void Receive(struct RingPair *pair, uint32_t size, uint64_t number)
{
    const struct RingRecord *record = NULL;
    uint32_t seen = 0;

    assert_int_equal(RingCheckReader(&pair->reader), 0);
    assert_false(RingReaderEmpty(&pair->reader));
    assert_int_equal(RingPeek(&pair->reader, &record, &seen), 1);
    assert_int_equal(seen, size);
    assert_true(RingPairMatches(record, size, number));
    RingTake(&pair->reader);
}

static void ExpectNothing(struct RingPair *pair)
{
    const struct RingRecord *record = NULL;
    uint32_t size = 0;

    assert_true(RingReaderEmpty(&pair->reader));
    assert_false(RingLookAfterArm(&pair->reader));
    assert_int_equal(RingPeek(&pair->reader, &record, &size), 0);
    assert_int_equal(RingCheckReader(&pair->reader), 0);
}

static int Peek(struct RingPair *pair)
{
    const struct RingRecord *record = NULL;
    uint32_t size = 0;

    return RingPeek(&pair->reader, &record, &size);
}

static struct RingRecord *At(struct RingPair *pair, size_t offset)
{
    return (struct RingRecord *)(pair->ring + RING_HEADER_SIZE + offset);
}

static uint64_t Taken(struct RingPair *pair)
{
    return atomic_load(&pair->cursors->taken);
}

/* --- making -------------------------------------------------------------------------------- */

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
    _Alignas(64) static unsigned char memory[SMALL + 64];

    (void)state;
    assert_int_equal(RingFormat(NULL, SMALL, 1), -EINVAL);
    assert_int_equal(RingFormat(memory + 8, SMALL, 1), -EINVAL);
    assert_int_equal(RingFormat(memory, SMALL - 64, 1), -EINVAL);
    assert_int_equal(RingFormat(memory, SMALL + 8, 1), -EINVAL);
    assert_int_equal(RingFormat(memory, 0, 1), -EINVAL);
    assert_int_equal(RingFormat(memory, SIZE_MAX / 64 * 64, 1), -EINVAL);
    assert_int_equal(RingFormat(memory, SMALL, 0), -EINVAL);
    for (size_t i = 0; i < sizeof(memory); i++) {
        assert_int_equal(memory[i], 0);
    }
    assert_int_equal(RingFormat(memory, SMALL, UINT64_MAX), 0);
}

static void WriterInitRefusesBadArguments(void **state)
{
    struct RingPair pair;
    struct RingWriter writer;
    struct RingHeader *header;
    struct RingHeader good;

    (void)state;
    RingPairCreate(&pair, SMALL, 100, RingPairRandom());
    header = (struct RingHeader *)pair.ring;
    good = *header;
    assert_int_equal(RingWriterInit(&writer, NULL, SMALL, pair.cursors, 1), -EINVAL);
    assert_int_equal(RingWriterInit(&writer, pair.ring, SMALL, NULL, 1), -EINVAL);
    assert_int_equal(RingWriterInit(&writer, pair.ring + 8, SMALL, pair.cursors, 1), -EINVAL);
    assert_int_equal(RingWriterInit(&writer, pair.ring, SMALL + 64, pair.cursors, 1), -EINVAL);
    assert_int_equal(RingWriterInit(&writer, pair.ring, SMALL, pair.cursors, 0), -EINVAL);
    assert_int_equal(
        RingWriterInit(&writer, pair.ring, SMALL, pair.cursors, RING_MAXIMUM_ALLOWANCE + 1),
        -EINVAL);
    header->magic++;
    assert_int_equal(RingWriterInit(&writer, pair.ring, SMALL, pair.cursors, 1), -EINVAL);
    *header = good;
    header->version++;
    assert_int_equal(RingWriterInit(&writer, pair.ring, SMALL, pair.cursors, 1), -EINVAL);
    RingPairDestroy(&pair);
}

static void ReaderInitRefusesForgedHeaders(void **state)
{
    struct RingPair pair;
    struct RingReader reader;
    struct RingHeader *header;
    struct RingHeader good;

    (void)state;
    RingPairCreate(&pair, SMALL, 100, RingPairRandom());
    header = (struct RingHeader *)pair.ring;
    good = *header;
    assert_int_equal(RingReaderInit(&reader, NULL, SMALL, pair.cursors), -EINVAL);
    assert_int_equal(RingReaderInit(&reader, pair.ring, SMALL, NULL), -EINVAL);
    assert_int_equal(RingReaderInit(&reader, pair.ring, 64, pair.cursors), -EINVAL);
    assert_int_equal(RingReaderInit(&reader, pair.ring, SMALL - 1, pair.cursors), -EINVAL);
    header->magic = 0;
    assert_int_equal(RingReaderInit(&reader, pair.ring, SMALL, pair.cursors), -EPROTO);
    *header = good;
    header->version = 2;
    assert_int_equal(RingReaderInit(&reader, pair.ring, SMALL, pair.cursors), -EPROTO);
    *header = good;
    header->capacity += 64;
    assert_int_equal(RingReaderInit(&reader, pair.ring, SMALL, pair.cursors), -EPROTO);
    header->capacity = UINT64_MAX - 127;
    assert_int_equal(RingReaderInit(&reader, pair.ring, SMALL, pair.cursors), -EPROTO);
    *header = good;
    header->firstSequence = 0;
    assert_int_equal(RingReaderInit(&reader, pair.ring, SMALL, pair.cursors), -EPROTO);
    *header = good;
    assert_int_equal(RingReaderInit(&reader, pair.ring, SMALL, pair.cursors), 0);
    RingPairDestroy(&pair);
}

/* --- sending and receiving ------------------------------------------------------------------- */

static void RecordIsSeenOncePublished(void **state)
{
    struct RingPair pair;
    struct RingRecord *record = NULL;
    const struct RingRecord *seen = NULL;
    uint32_t size = 0;

    (void)state;
    RingPairCreate(&pair, SMALL, 1000, RingPairRandom());
    ExpectNothing(&pair);
    assert_int_equal(RingReserve(&pair.writer, 100, 90, &record), 0);
    RingPairFill(record, 100, 7);
    ExpectNothing(&pair);
    assert_int_equal(RingOutstanding(&pair.writer), 0);
    assert_false(RingPublish(&pair.writer));
    assert_int_equal(RingOutstanding(&pair.writer), 90);
    assert_false(RingWriterDrained(&pair.writer));

    assert_int_equal(RingPeek(&pair.reader, &seen, &size), 1);
    assert_int_equal(RingPeek(&pair.reader, &seen, &size), 1); /* looking twice changes nothing */
    assert_ptr_equal(seen, record);
    assert_int_equal(size, 100);
    assert_true(RingPairMatches(seen, size, 7));
    assert_int_equal(Taken(&pair), 0);
    RingTake(&pair.reader);
    assert_int_equal(Taken(&pair), 128);
    assert_true(RingWriterDrained(&pair.writer));
    RingTake(&pair.reader); /* nothing is peeked */
    assert_int_equal(Taken(&pair), 128);
    ExpectNothing(&pair);
    RingPairDestroy(&pair);
}

static void AbandonedRecordIsNeverSeen(void **state)
{
    struct RingPair pair;
    struct RingRecord *first = NULL;
    struct RingRecord *second = NULL;

    (void)state;
    RingPairCreate(&pair, SMALL, 1000, RingPairRandom());
    assert_int_equal(RingReserve(&pair.writer, 200, 900, &first), 0);
    RingAbandon(&pair.writer);
    assert_false(RingPublish(&pair.writer));
    ExpectNothing(&pair);
    assert_int_equal(RingOutstanding(&pair.writer), 0);
    /* A second reservation replaces the first; a refused one forgets it too. */
    assert_int_equal(RingReserve(&pair.writer, 200, 900, &first), 0);
    assert_int_equal(RingReserve(&pair.writer, 64, 900, &second), 0);
    assert_ptr_equal(first, second);
    assert_int_equal(RingReserve(&pair.writer, 64, 1001, &second), -EMSGSIZE);
    assert_false(RingPublish(&pair.writer));
    ExpectNothing(&pair);
    Send(&pair, 300, 1);
    Receive(&pair, 300, 1);
    RingPairDestroy(&pair);
}

static void SizesAreChecked(void **state)
{
    struct RingPair pair;
    struct RingRecord *record = NULL;
    uint32_t largest = CAPACITY / 2 / 64 * 64;

    (void)state;
    RingPairCreate(&pair, SMALL, LARGE_ALLOWANCE, RingPairRandom());
    for (uint32_t size = 0; size < sizeof(struct RingRecord); size++) {
        assert_int_equal(RingReserve(&pair.writer, size, 64, &record), -EINVAL);
    }
    assert_int_equal(RingReserve(&pair.writer, largest + 1, 64, &record), -EMSGSIZE);
    assert_int_equal(RingReserve(&pair.writer, UINT32_MAX, 64, &record), -EMSGSIZE);
    assert_int_equal(RingReserve(&pair.writer, UINT32_MAX - 63, 64, &record), -EMSGSIZE);
    assert_null(record);
    Send(&pair, sizeof(struct RingRecord), 1);
    Receive(&pair, sizeof(struct RingRecord), 1);
    Send(&pair, largest, 2);
    Receive(&pair, largest, 2);
    RingPairDestroy(&pair);
}

/* An empty ring takes the largest record wherever its offset stands. */
static void LargestRecordAlwaysFitsAnEmptyRing(void **state)
{
    (void)state;
    for (uint32_t units = 0; units < CAPACITY / 64; units++) {
        struct RingPair pair;
        uint32_t largest = CAPACITY / 2 / 64 * 64;

        RingPairCreate(&pair, SMALL, LARGE_ALLOWANCE, RingPairRandom());
        for (uint32_t i = 0; i < units; i++) {
            Send(&pair, 64, i);
            Receive(&pair, 64, i);
        }
        Send(&pair, largest, 100);
        Receive(&pair, largest, 100);
        RingPairDestroy(&pair);
    }
}

static void WrapLeavesOneSkip(void **state)
{
    struct RingPair pair;

    (void)state;
    RingPairCreate(&pair, SMALL, LARGE_ALLOWANCE, 500);
    for (uint64_t i = 0; i < 6; i++) { /* 6 * 640 of 3968: 128 bytes are left */
        Send(&pair, 640, i);
        Receive(&pair, 640, i);
    }
    Send(&pair, 200, 6);
    assert_int_equal(At(&pair, 3840)->size, 0);
    assert_int_equal(At(&pair, 3840)->skipTo, 0);
    assert_int_equal(atomic_load(&At(&pair, 3840)->sequence), 506);
    assert_int_equal(atomic_load(&At(&pair, 0)->sequence), 507);
    assert_int_equal(At(&pair, 0)->size, 200);
    assert_int_equal(Taken(&pair), 3840);
    Receive(&pair, 200, 6);
    assert_int_equal(Taken(&pair), CAPACITY + 256);
    ExpectNothing(&pair);
    Send(&pair, 100, 7);
    Receive(&pair, 100, 7);
    RingPairDestroy(&pair);
}

static void ExactFitNeedsNoSkip(void **state)
{
    struct RingPair pair;

    (void)state;
    RingPairCreate(&pair, SMALL, LARGE_ALLOWANCE, 500);
    for (uint64_t lap = 0; lap < 3; lap++) {
        for (uint64_t i = 0; i < 6; i++) {
            Send(&pair, 640, i);
            Receive(&pair, 640, i);
        }
        Send(&pair, 128, 6);
        assert_int_equal(pair.writer.offset, 0);
        Receive(&pair, 128, 6);
        assert_int_equal(Taken(&pair), (lap + 1) * CAPACITY);
        assert_int_equal(pair.reader.sequence, 500 + (lap + 1) * 7);
    }
    RingPairDestroy(&pair);
}

static void FullRingRefusesAndLosesNothing(void **state)
{
    struct RingPair pair;
    struct RingRecord *record = NULL;
    uint64_t count = CAPACITY / 64;

    (void)state;
    RingPairCreate(&pair, SMALL, LARGE_ALLOWANCE, RingPairRandom());
    for (uint64_t lap = 0; lap < 3; lap++) {
        struct RingWriter before;

        for (uint64_t i = 0; i < count; i++) {
            Send(&pair, 64, i);
        }
        before = pair.writer;
        assert_int_equal(RingReserve(&pair.writer, 64, 64, &record), -ENOMEM);
        assert_memory_equal(&before, &pair.writer, sizeof(before));
        Receive(&pair, 64, 0);
        Send(&pair, 64, count);
        assert_int_equal(RingReserve(&pair.writer, 64, 64, &record), -ENOMEM);
        for (uint64_t i = 1; i <= count; i++) {
            Receive(&pair, 64, i);
        }
        ExpectNothing(&pair);
    }
    RingPairDestroy(&pair);
}

/* --- restarting at the beginning ------------------------------------------------------------- */

static void PingPongStaysInTheHotWindow(void **state)
{
    struct RingPair pair;
    uint64_t highest = 0;

    (void)state;
    RingPairCreate(&pair, BIG, LARGE_ALLOWANCE, RingPairRandom());
    for (uint64_t i = 0; i < 20000; i++) {
        const struct RingRecord *record = NULL;
        uint32_t size = 0;

        Send(&pair, 128, i);
        assert_int_equal(RingPeek(&pair.reader, &record, &size), 1);
        assert_true(RingPairMatches(record, size, i));
        if ((uint64_t)((const unsigned char *)record - pair.ring) > highest) {
            highest = (uint64_t)((const unsigned char *)record - pair.ring);
        }
        RingTake(&pair.reader);
    }
    assert_true(highest <= RING_HEADER_SIZE + RING_HOT_WINDOW);
    assert_true(highest >= RING_HOT_WINDOW - 128); /* and uses it: a skip per message is not free */
    RingPairDestroy(&pair);
}

static void GoDownTheRing(struct RingPair *pair, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes / 64; i++) {
        Send(pair, 64, i);
        Receive(pair, 64, i);
    }
}

static void NoRestartWhileRecordsWait(void **state)
{
    struct RingPair pair;
    uint64_t sent = 0;
    uint64_t received = 0;

    (void)state;
    RingPairCreate(&pair, BIG, LARGE_ALLOWANCE, RingPairRandom());
    Send(&pair, 64, sent++);
    while (sent < BIG_CAPACITY / 64) {
        assert_int_equal(pair.writer.offset, sent * 64);
        Send(&pair, 64, sent++);
        Receive(&pair, 64, received++);
    }
    assert_int_equal(pair.writer.offset, 0);
    RingPairDestroy(&pair);
}

/* After a restart the unread skip stands in the middle of free memory; a burst goes round it. */
static void BurstAfterRestartFindsTheWholeRing(void **state)
{
    (void)state;
    for (uint32_t size = 64; size <= 8192; size += 64) {
        struct RingPair pair;
        uint64_t sent;
        uint64_t least = (BIG_CAPACITY - 2 * (uint64_t)size - 64) / size;

        RingPairCreate(&pair, BIG, LARGE_ALLOWANCE, RingPairRandom());
        for (int round = 0; round < 3; round++) {
            while (pair.writer.offset != RING_HOT_WINDOW) {
                GoDownTheRing(&pair, 64);
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
            ExpectNothing(&pair);
        }
        RingPairDestroy(&pair);
    }
}

static void HoleIsForgottenOnceItsSkipIsRead(void **state)
{
    struct RingPair pair;

    (void)state;
    RingPairCreate(&pair, BIG, LARGE_ALLOWANCE, RingPairRandom());
    GoDownTheRing(&pair, RING_HOT_WINDOW);
    Send(&pair, 1024, 1);
    assert_true(pair.writer.holePending);
    assert_int_equal(pair.writer.offset, 1024);
    Receive(&pair, 1024, 1);
    for (uint64_t i = 0; i < RING_HOT_WINDOW / 1024 - 2; i++) {
        Send(&pair, 1024, i);
        Receive(&pair, 1024, i);
    }
    /* This one would touch the hole. It is gone: the record lies across. */
    assert_int_equal(pair.writer.offset, RING_HOT_WINDOW - 1024);
    Send(&pair, 2048, 2);
    assert_false(pair.writer.holePending);
    assert_int_equal(pair.writer.offset, RING_HOT_WINDOW + 1024);
    Receive(&pair, 2048, 2);
    RingPairDestroy(&pair);
}

/* A record that does not fit before the place where the ring ran empty goes on behind it. */
static void LargeRecordDoesNotRestart(void **state)
{
    struct RingPair pair;

    (void)state;
    RingPairCreate(&pair, BIG, LARGE_ALLOWANCE, RingPairRandom());
    GoDownTheRing(&pair, RING_HOT_WINDOW);
    Send(&pair, RING_HOT_WINDOW, 1);
    assert_int_equal(pair.writer.offset, 2 * RING_HOT_WINDOW);
    Receive(&pair, RING_HOT_WINDOW, 1);
    Send(&pair, RING_HOT_WINDOW, 2);
    assert_int_equal(pair.writer.offset, RING_HOT_WINDOW);
    Receive(&pair, RING_HOT_WINDOW, 2);
    RingPairDestroy(&pair);
}

/* --- charge ---------------------------------------------------------------------------------- */

static void ChargeIsLimitedUntilFreed(void **state)
{
    struct RingPair pair;
    struct RingRecord *record = NULL;
    struct RingWriter before;

    (void)state;
    RingPairCreate(&pair, SMALL, 1000, RingPairRandom());
    assert_int_equal(RingReserve(&pair.writer, 64, 1001, &record), -EMSGSIZE);
    assert_int_equal(RingReserve(&pair.writer, 64, UINT64_MAX, &record), -EMSGSIZE);
    assert_int_equal(RingPairSend(&pair.writer, 64, 600, 1, NULL), 0);
    assert_int_equal(RingPairSend(&pair.writer, 64, 400, 2, NULL), 0); /* exactly the allowance */
    before = pair.writer;
    assert_int_equal(RingReserve(&pair.writer, 64, 1, &record), -ENOMEM);
    assert_memory_equal(&before, &pair.writer, sizeof(before));
    assert_null(record);
    Receive(&pair, 64, 1);
    Receive(&pair, 64, 2);
    /* Taken is not freed. */
    assert_int_equal(RingReserve(&pair.writer, 64, 1, &record), -ENOMEM);
    RingFree(&pair.reader, 400);
    assert_int_equal(RingOutstanding(&pair.writer), 600);
    assert_int_equal(RingReserve(&pair.writer, 64, 401, &record), -ENOMEM);
    RingFreeElsewhere(&pair.reader, 600);
    assert_int_equal(RingPairSend(&pair.writer, 64, 1000, 3, NULL), 0);
    assert_int_equal(RingOutstanding(&pair.writer), 1000);
    Receive(&pair, 64, 3);
    RingFreeElsewhere(&pair.reader, 300);
    RingFree(&pair.reader, 700);
    assert_int_equal(RingOutstanding(&pair.writer), 0);
    RingPairDestroy(&pair);
}

/* --- the bell -------------------------------------------------------------------------------- */

static void BellRingsOncePerEpoch(void **state)
{
    struct RingPair pair;
    bool bell = true;

    (void)state;
    RingPairCreate(&pair, SMALL, LARGE_ALLOWANCE, RingPairRandom());
    assert_int_equal(RingPairSend(&pair.writer, 64, 64, 0, &bell), 0);
    assert_false(bell);
    RingArm(&pair.reader);
    assert_true(RingLookAfterArm(&pair.reader));
    Receive(&pair, 64, 0);
    assert_int_equal(RingPairSend(&pair.writer, 64, 64, 1, &bell), 0);
    assert_true(bell);
    assert_int_equal(RingPairSend(&pair.writer, 64, 64, 2, &bell), 0);
    assert_false(bell);
    RingArm(&pair.reader); /* still armed: a new epoch all the same */
    assert_int_equal(RingPairSend(&pair.writer, 64, 64, 3, &bell), 0);
    assert_true(bell);
    RingDisarm(&pair.reader);
    RingDisarm(&pair.reader);
    assert_int_equal(atomic_load(&pair.cursors->attend) & 1, 0);
    assert_int_equal(RingPairSend(&pair.writer, 64, 64, 4, &bell), 0);
    assert_false(bell);
    RingArm(&pair.reader);
    RingDisarm(&pair.reader);
    RingArm(&pair.reader);
    assert_int_equal(atomic_load(&pair.cursors->attend) & 1, 1);
    assert_int_equal(RingPairSend(&pair.writer, 64, 64, 5, &bell), 0);
    assert_true(bell);
    for (uint64_t i = 1; i <= 5; i++) {
        Receive(&pair, 64, i);
    }
    assert_int_equal(RingCheckReader(&pair.reader), 0);
    RingPairDestroy(&pair);
}

static void WriterMeetsAnArmedReader(void **state)
{
    struct RingPair pair;
    struct RingWriter late;
    struct RingRecord *record = NULL;

    (void)state;
    RingPairCreate(&pair, SMALL, LARGE_ALLOWANCE, RingPairRandom());
    RingArm(&pair.reader);
    assert_int_equal(RingWriterInit(&late, pair.ring, SMALL, pair.cursors, 100), 0);
    assert_int_equal(RingReserve(&late, 64, 64, &record), 0);
    assert_true(RingPublish(&late));
    assert_false(RingPublish(&late));
    RingPairDestroy(&pair);
}

/* --- sequences ------------------------------------------------------------------------------- */

static void SequenceWrapsAroundWithoutZero(void **state)
{
    (void)state;
    for (uint64_t back = 0; back < 40; back++) {
        struct RingPair pair;

        RingPairCreate(&pair, SMALL, LARGE_ALLOWANCE, UINT64_MAX - back);
        for (uint64_t i = 0; i < 120; i++) {
            ExpectNothing(&pair); /* in fresh memory, also when the number has wrapped */
            Send(&pair, (uint32_t)(64 + 64 * (i % 7)), i);
            assert_true(pair.writer.sequence != 0);
            Receive(&pair, (uint32_t)(64 + 64 * (i % 7)), i);
        }
        assert_true(pair.reader.sequence < 240);
        RingPairDestroy(&pair);
    }
}

/* Old records and payload full of old sequence numbers are not taken for new records. */
static void LeftoversAreNoRecords(void **state)
{
    struct RingPair pair;
    const struct RingRecord *seen = NULL;
    uint32_t size = 0;

    (void)state;
    RingPairCreate(&pair, SMALL, LARGE_ALLOWANCE, RingPairRandom());
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

/* --- a sender that lies ---------------------------------------------------------------------- */

static void ForgedRecordSizesAreRefused(void **state)
{
    static const uint32_t sizes[] = {1,     8,          15,         CAPACITY / 2 + 1, CAPACITY,
                                     SMALL, 0x7fffffff, 0xffffffc0, 0xffffffff};
    struct RingPair pair;

    (void)state;
    RingPairCreate(&pair, SMALL, LARGE_ALLOWANCE, RingPairRandom());
    Send(&pair, 64, 0);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        At(&pair, 0)->size = sizes[i];
        assert_int_equal(Peek(&pair), -EPROTO);
        assert_int_equal(RingCheckReader(&pair.reader), -EPROTO);
        RingTake(&pair.reader);
        assert_int_equal(Taken(&pair), 0);
    }
    At(&pair, 0)->size = 64;
    assert_int_equal(Peek(&pair), 1);
    /* At the last 64 bytes, where one more byte lies outside. */
    RingTake(&pair.reader);
    for (uint64_t i = 1; i < CAPACITY / 64 - 1; i++) {
        Send(&pair, 64, i);
        Receive(&pair, 64, i);
    }
    Send(&pair, 64, 1);
    At(&pair, CAPACITY - 64)->size = 65;
    assert_int_equal(Peek(&pair), -EPROTO);
    At(&pair, CAPACITY - 64)->size = 64;
    assert_int_equal(Peek(&pair), 1);
    RingPairDestroy(&pair);
}

static void ForgedSkipsAreRefused(void **state)
{
    static const uint32_t wrong[] = {1,          2,         3, CAPACITY / 64, CAPACITY / 64 + 1,
                                     0x80000000, 0xffffffff};
    struct RingPair pair;
    struct RingRecord *skip;

    (void)state;
    RingPairCreate(&pair, SMALL, LARGE_ALLOWANCE, 1000);
    /* From the beginning to the beginning, to outside, and to no record. */
    skip = At(&pair, 0);
    atomic_store(&skip->sequence, 1000);
    skip->size = 0;
    skip->skipTo = 0;
    assert_int_equal(Peek(&pair), -EPROTO);
    skip->skipTo = CAPACITY / 64;
    assert_int_equal(Peek(&pair), -EPROTO);
    skip->skipTo = 10;
    assert_int_equal(Peek(&pair), -EPROTO);
    /* To another skip. */
    atomic_store(&At(&pair, 640)->sequence, 1001);
    At(&pair, 640)->size = 0;
    At(&pair, 640)->skipTo = 20;
    atomic_store(&At(&pair, 1280)->sequence, 1002);
    At(&pair, 1280)->size = 64;
    assert_int_equal(Peek(&pair), -EPROTO);
    /* To a record that reaches beyond the end. */
    At(&pair, 640)->size = 64;
    At(&pair, 640)->skipTo = 0;
    assert_int_equal(Peek(&pair), 1);
    At(&pair, 640)->size = CAPACITY - 640 + 1;
    assert_int_equal(Peek(&pair), -EPROTO);
    RingPairDestroy(&pair);

    /* Backwards, but not to the beginning; to itself. */
    RingPairCreate(&pair, SMALL, LARGE_ALLOWANCE, 1000);
    GoDownTheRing(&pair, 192);
    skip = At(&pair, 192);
    atomic_store(&skip->sequence, 1003);
    skip->size = 0;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if ((uint64_t)wrong[i] * 64 < CAPACITY) {
            atomic_store(&At(&pair, (size_t)wrong[i] * 64)->sequence, wrong[i] == 3 ? 1003 : 1004);
            At(&pair, (size_t)wrong[i] * 64)->size = wrong[i] == 3 ? 0 : 64;
        }
        skip->skipTo = wrong[i];
        assert_int_equal(Peek(&pair), -EPROTO);
    }
    RingPairDestroy(&pair);
}

static void ChangedRecordDoesNotChangeWhatWasChecked(void **state)
{
    struct RingPair pair;

    (void)state;
    RingPairCreate(&pair, SMALL, LARGE_ALLOWANCE, RingPairRandom());
    Send(&pair, 64, 1);
    assert_int_equal(Peek(&pair), 1);
    At(&pair, 0)->size = UINT32_MAX;
    RingTake(&pair.reader);
    assert_int_equal(Taken(&pair), 64);
    RingPairDestroy(&pair);
}

/* --- a receiver that lies -------------------------------------------------------------------- */

static void ForgedTakenIsRefused(void **state)
{
    struct RingPair pair;
    struct RingRecord *record = NULL;
    uint64_t wrong[] = {0, 64, 32, 129, CAPACITY + 64, UINT64_MAX, UINT64_MAX - 63, 1ULL << 63};

    (void)state;
    RingPairCreate(&pair, SMALL, LARGE_ALLOWANCE, RingPairRandom());
    GoDownTheRing(&pair, 128);
    assert_true(RingWriterDrained(&pair.writer));
    while (RingPairSend(&pair.writer, 64, 64, 1, NULL) == 0) {
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct RingWriter before = pair.writer;

        atomic_store(&pair.cursors->taken, wrong[i]);
        if (wrong[i] == CAPACITY + 64) {
            /* Possible: it lies within what was published. */
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
    RingPairCreate(&pair, SMALL, 1000, RingPairRandom());
    assert_int_equal(RingPairSend(&pair.writer, 64, 1000, 1, NULL), 0);
    RingFree(&pair.reader, 300);
    RingFreeElsewhere(&pair.reader, 200);
    assert_int_equal(RingOutstanding(&pair.writer), 500);

    atomic_store(&pair.cursors->freed, 801); /* together more than was sent */
    assert_int_equal(RingReserve(&pair.writer, 64, 501, &record), -EPROTO);
    assert_int_equal(RingOutstanding(&pair.writer), 500);
    atomic_store(&pair.cursors->freed, 299); /* back */
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

static void ForgedAttendOnlyRings(void **state)
{
    struct RingPair pair;
    bool bell = false;

    (void)state;
    RingPairCreate(&pair, SMALL, LARGE_ALLOWANCE, RingPairRandom());
    atomic_store(&pair.cursors->attend, UINT64_MAX);
    assert_int_equal(RingPairSend(&pair.writer, 64, 64, 1, &bell), 0);
    assert_true(bell);
    atomic_store(&pair.cursors->attend, 1); /* back: a different epoch, that is all */
    assert_int_equal(RingPairSend(&pair.writer, 64, 64, 2, &bell), 0);
    assert_true(bell);
    assert_int_equal(RingPairSend(&pair.writer, 64, 64, 3, &bell), 0);
    assert_false(bell);
    RingPairDestroy(&pair);
}

/* --- the checkers ---------------------------------------------------------------------------- */

static void CheckersNoticeDamage(void **state)
{
    struct RingPair pair;
    struct RingWriter writer;
    struct RingReader reader;

    (void)state;
    RingPairCreate(&pair, SMALL, LARGE_ALLOWANCE, RingPairRandom());
    Send(&pair, 64, 1);
    Send(&pair, 128, 2);
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
    At(&pair, 64)->size = 64;
    assert_int_equal(RingCheckWriter(&pair.writer), -EINVAL);
    At(&pair, 64)->size = 0;
    assert_int_equal(RingCheckWriter(&pair.writer), -EINVAL);
    At(&pair, 64)->size = 128;
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
        cmocka_unit_test(ReaderInitRefusesForgedHeaders),
        cmocka_unit_test(RecordIsSeenOncePublished),
        cmocka_unit_test(AbandonedRecordIsNeverSeen),
        cmocka_unit_test(SizesAreChecked),
        cmocka_unit_test(LargestRecordAlwaysFitsAnEmptyRing),
        cmocka_unit_test(WrapLeavesOneSkip),
        cmocka_unit_test(ExactFitNeedsNoSkip),
        cmocka_unit_test(FullRingRefusesAndLosesNothing),
        cmocka_unit_test(PingPongStaysInTheHotWindow),
        cmocka_unit_test(NoRestartWhileRecordsWait),
        cmocka_unit_test(BurstAfterRestartFindsTheWholeRing),
        cmocka_unit_test(HoleIsForgottenOnceItsSkipIsRead),
        cmocka_unit_test(LargeRecordDoesNotRestart),
        cmocka_unit_test(ChargeIsLimitedUntilFreed),
        cmocka_unit_test(BellRingsOncePerEpoch),
        cmocka_unit_test(WriterMeetsAnArmedReader),
        cmocka_unit_test(SequenceWrapsAroundWithoutZero),
        cmocka_unit_test(LeftoversAreNoRecords),
        cmocka_unit_test(ForgedRecordSizesAreRefused),
        cmocka_unit_test(ForgedSkipsAreRefused),
        cmocka_unit_test(ChangedRecordDoesNotChangeWhatWasChecked),
        cmocka_unit_test(ForgedTakenIsRefused),
        cmocka_unit_test(ForgedFreedIsRefused),
        cmocka_unit_test(ForgedAttendOnlyRings),
        cmocka_unit_test(CheckersNoticeDamage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
