#include "support/ring_pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <cmocka.h>

void RingPairCreate(struct RingPair *pair, size_t size, uint64_t allowance, uint64_t firstSequence)
{
    memset(pair, 0, sizeof(*pair));
    pair->size = size;
    pair->ring = aligned_alloc(64, size);
    pair->cursors = aligned_alloc(64, sizeof(*pair->cursors));
    assert_non_null(pair->ring);
    assert_non_null(pair->cursors);
    memset(pair->ring, 0, size);
    memset(pair->cursors, 0, sizeof(*pair->cursors));
    assert_int_equal(RingFormat(pair->ring, size, firstSequence), 0);
    assert_int_equal(RingWriterInit(&pair->writer, pair->ring, size, pair->cursors, allowance), 0);
    assert_int_equal(RingReaderInit(&pair->reader, pair->ring, size, pair->cursors), 0);
}

void RingPairDestroy(struct RingPair *pair)
{
    free(pair->ring);
    free(pair->cursors);
}

uint64_t RingPairRandom(void)
{
    uint64_t value = 0;

    assert_int_equal(getrandom(&value, sizeof(value), 0), (int)sizeof(value));
    return value | 1;
}

uint64_t RingPairNextRandom(uint64_t *state)
{
    /* A linear congruential generator. Its high bits are random enough to choose sizes. */
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return *state >> 33 | (*state << 31 & 0xffffffff00000000ULL);
}

void RingPairFill(struct RingRecord *record, uint32_t size, uint64_t number)
{
    struct RingPairRecord *own = (struct RingPairRecord *)record;

    if (size < sizeof(*own)) {
        return;
    }
    own->number = number;
    for (uint32_t i = 0; i < size - sizeof(*own); i++) {
        own->bytes[i] = (unsigned char)(number * 31 + i);
    }
}

bool RingPairMatches(const struct RingRecord *record, uint32_t size, uint64_t number)
{
    const struct RingPairRecord *own = (const struct RingPairRecord *)record;

    if (size < sizeof(*own)) {
        return true;
    }
    if (own->number != number) {
        return false;
    }
    for (uint32_t i = 0; i < size - sizeof(*own); i++) {
        if (own->bytes[i] != (unsigned char)(number * 31 + i)) {
            return false;
        }
    }
    return true;
}

int RingPairSend(struct RingWriter *writer, uint32_t size, uint64_t charge, uint64_t number,
                 bool *bell)
{
    struct RingRecord *record = NULL;
    int status = RingReserve(writer, size, charge, &record);
    bool ring;

    if (status != 0) {
        return status;
    }
    RingPairFill(record, size, number);
    ring = RingPublish(writer);
    if (bell != NULL) {
        *bell = ring;
    }
    return 0;
}

void RingPairPut(struct RingPair *pair, uint32_t size, uint64_t number)
{
    assert_int_equal(RingPairSend(&pair->writer, size, size, number, NULL), 0);
    assert_int_equal(RingCheckWriter(&pair->writer), 0);
}

void RingPairGet(struct RingPair *pair, uint32_t size, uint64_t number)
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

void RingPairExpectNothing(struct RingPair *pair)
{
    const struct RingRecord *record = NULL;
    uint32_t size = 0;

    assert_true(RingReaderEmpty(&pair->reader));
    assert_false(RingLookAfterArm(&pair->reader));
    assert_int_equal(RingPeek(&pair->reader, &record, &size), 0);
    assert_int_equal(RingCheckReader(&pair->reader), 0);
}

int RingPairPeek(struct RingPair *pair)
{
    const struct RingRecord *record = NULL;
    uint32_t size = 0;

    return RingPeek(&pair->reader, &record, &size);
}

struct RingRecord *RingPairAt(struct RingPair *pair, size_t offset)
{
    return (struct RingRecord *)(pair->ring + RING_HEADER_SIZE + offset);
}

uint64_t RingPairTaken(struct RingPair *pair)
{
    return atomic_load(&pair->cursors->taken);
}

void RingPairAdvance(struct RingPair *pair, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes / 64; i++) {
        RingPairPut(pair, 64, i);
        RingPairGet(pair, 64, i);
    }
}
