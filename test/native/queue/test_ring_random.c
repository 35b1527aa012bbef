/*
 * Compares the ring with a model, with random sizes and interleavings, and tests both ends against
 * random garbage. The seed is printed; LITEIPC_TEST_SEED=number repeats a run.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/ring_pair.h"
#include "support/seed.h"

#define MODEL_RECORDS 8192U /* more than a ring of these tests can hold */

static uint64_t g_seed; /* of this run */

struct Model {
    /* Sizes of the records that are not taken, then of those that are not freed. */
    uint32_t sizes[MODEL_RECORDS];
    uint64_t charges[MODEL_RECORDS];
    uint64_t sent;
    uint64_t taken;
    uint64_t freed;
    uint64_t outstanding;
};

static uint64_t Below(uint64_t *random, uint64_t limit)
{
    return RingPairNextRandom(random) % limit;
}

static uint64_t FirstSequence(uint64_t *random)
{
    /* One time in four close to the wrap-around. */
    uint64_t first = RingPairNextRandom(random) | 1;

    return Below(random, 4) == 0 ? UINT64_MAX - Below(random, 500) : first;
}

/* Returns the largest size that RingMemorySize allows for this charge. */
static uint32_t LargestSize(uint64_t charge)
{
    return (uint32_t)((charge * 5 / 3 + 64) & ~63ULL);
}

/* The result may exceed the allowance. */
static uint64_t RandomCharge(uint64_t *random, uint64_t allowance, uint64_t flavour)
{
    switch (flavour) {
        case 0:
            return RING_MINIMUM_CHARGE;
        case 1:
            return RING_MINIMUM_CHARGE + Below(random, 200);
        case 2:
            return RING_MINIMUM_CHARGE + Below(random, allowance - RING_MINIMUM_CHARGE + 1);
        default: /* mostly small, sometimes huge */
            return Below(random, 10) == 0 ? allowance - Below(random, allowance / 4)
                                          : RING_MINIMUM_CHARGE + Below(random, 100);
    }
}

static void ModelSend(struct RingPair *pair, struct Model *model, uint64_t *random,
                      uint64_t flavour)
{
    uint64_t wanted = RandomCharge(random, pair->writer.allowance, flavour);
    uint64_t charge = wanted < pair->writer.allowance ? wanted : pair->writer.allowance;
    uint32_t largest = LargestSize(charge);
    uint32_t size = largest;
    struct RingRecord *record = NULL;
    int status;

    if (Below(random, 2) == 0) {
        size = 16 + (uint32_t)Below(random, largest - 15);
    }
    status = RingReserve(&pair->writer, size, charge, &record);
    /* RingMemorySize guarantees that only the charge limits a record. */
    if (charge > pair->writer.allowance - model->outstanding) {
        assert_int_equal(status, -ENOMEM);
        return;
    }
    assert_int_equal(status, 0);
    RingPairFill(record, size, model->sent);
    if (Below(random, 16) == 0) {
        RingAbandon(&pair->writer);
        return;
    }
    assert_false(RingPublish(&pair->writer));
    model->sizes[model->sent % MODEL_RECORDS] = size;
    model->charges[model->sent % MODEL_RECORDS] = charge;
    model->outstanding += charge;
    model->sent++;
    assert_true(model->sent - model->freed <= MODEL_RECORDS);
}

static void ModelReceive(struct RingPair *pair, struct Model *model)
{
    const struct RingRecord *record = NULL;
    uint32_t size = 0;
    int status = RingPeek(&pair->reader, &record, &size);

    assert_int_equal(status, model->taken == model->sent ? 0 : 1);
    assert_int_equal(RingReaderEmpty(&pair->reader), status == 0);
    if (status == 0) {
        return;
    }
    assert_int_equal(size, model->sizes[model->taken % MODEL_RECORDS]);
    assert_true(RingPairMatches(record, size, model->taken));
    RingTake(&pair->reader);
    model->taken++;
}

static void ModelFree(struct RingPair *pair, struct Model *model, uint64_t *random)
{
    uint64_t charge;

    if (model->freed == model->taken) {
        return;
    }
    charge = model->charges[model->freed % MODEL_RECORDS];
    if (Below(random, 2) == 0) {
        RingFree(&pair->reader, charge);
    } else {
        RingFreeElsewhere(&pair->reader, charge);
    }
    model->outstanding -= charge;
    model->freed++;
}

static void RunModel(uint64_t seed, uint64_t allowance, uint64_t flavour, int steps)
{
    uint64_t random = seed;
    struct RingPair pair;
    struct Model *model = calloc(1, sizeof(*model));
    uint64_t bias = 5;

    assert_non_null(model);
    RingPairCreate(&pair, RingMemorySize(allowance), allowance, FirstSequence(&random));
    for (int step = 0; step < steps; step++) {
        uint64_t choice = Below(&random, 10);

        if (step % 500 == 0) { /* fills up, runs empty, or alternates */
            bias = 2 + Below(&random, 7);
        }
        if (choice < bias) {
            ModelSend(&pair, model, &random, flavour);
        } else {
            ModelReceive(&pair, model);
            ModelFree(&pair, model, &random);
        }
        if (Below(&random, 50) == 0) {
            ModelFree(&pair, model, &random);
            assert_int_equal(RingOutstanding(&pair.writer), model->outstanding);
            assert_int_equal(RingWriterDrained(&pair.writer), model->taken == model->sent);
            assert_int_equal(RingCheckWriter(&pair.writer), 0);
            assert_int_equal(RingCheckReader(&pair.reader), 0);
        }
    }
    while (model->taken != model->sent) {
        ModelReceive(&pair, model);
    }
    while (model->freed != model->taken) {
        ModelFree(&pair, model, &random);
    }
    assert_int_equal(RingOutstanding(&pair.writer), 0);
    RingPairDestroy(&pair);
    free(model);
}

static void RandomRecordsMatchTheModel(void **state)
{
    static const uint64_t allowances[] = {64, 150, 4096, 30000, 65536, 262144};

    (void)state;
    for (size_t i = 0; i < sizeof(allowances) / sizeof(allowances[0]); i++) {
        for (uint64_t flavour = 0; flavour < 4; flavour++) {
            RunModel(g_seed + i * 4 + flavour, allowances[i], flavour, 10000);
        }
    }
}

/* The sender stays within its ring and its allowance for any contents of the receiver's page. */
static void WriterSurvivesRandomCursors(void **state)
{
    uint64_t random = g_seed + 1000;

    (void)state;
    for (int round = 0; round < 40; round++) {
        uint64_t allowance = 64 + Below(&random, 20000);
        struct RingPair pair;
        int accepted = 0;

        RingPairCreate(&pair, RingMemorySize(allowance), allowance, FirstSequence(&random));
        for (int step = 0; step < 2000; step++) {
            uint64_t charge = 64 + Below(&random, allowance - 63);
            uint32_t size = 16 + (uint32_t)Below(&random, pair.size * 3 / 4);
            int status = RingPairSend(&pair.writer, size, charge, (uint64_t)step, NULL);
            uint64_t near =
                Below(&random, 3) == 0 ? RingPairNextRandom(&random) : Below(&random, 200);

            assert_true(status == 0 || status == -ENOMEM || status == -EMSGSIZE ||
                        status == -EPROTO);
            accepted += status == 0;
            assert_true(pair.writer.offset < pair.writer.capacity);
            assert_true(pair.writer.offset % 64 == 0);
            assert_true(RingOutstanding(&pair.writer) <= allowance);
            switch (Below(&random, 6)) {
                case 0:
                    atomic_store(&pair.cursors->taken, (pair.writer.taken + near * 64));
                    break;
                case 1:
                    atomic_store(&pair.cursors->taken, pair.writer.written - near * 64);
                    break;
                case 2:
                    atomic_store(&pair.cursors->freed, pair.writer.freed + near * 16);
                    break;
                case 3:
                    atomic_store(&pair.cursors->freedElsewhere,
                                 pair.writer.sent - pair.writer.freed);
                    break;
                case 4:
                    atomic_store(&pair.cursors->armed, near);
                    break;
                default:
                    atomic_store(&pair.cursors->taken, pair.writer.written);
                    break;
            }
        }
        assert_true(accepted > 0);
        RingPairDestroy(&pair);
    }
}

/* The receiver reads nothing outside and terminates for any contents of the sender's memory. */
static void ReaderSurvivesRandomRing(void **state)
{
    uint64_t random = g_seed + 2000;
    uint64_t records = 0;
    uint64_t refused = 0;

    (void)state;
    for (int round = 0; round < 400; round++) {
        struct RingPair pair;

        RingPairCreate(&pair, 4096 + 64 * Below(&random, 100), 1U << 20, FirstSequence(&random));
        for (int step = 0; step < 200; step++) {
            struct RingRecord *forged =
                (struct RingRecord *)(pair.ring + RING_HEADER_SIZE + pair.reader.offset);
            struct RingRecord *behind;
            const struct RingRecord *record = NULL;
            uint32_t size = 0;
            uint64_t to = Below(&random, 4) == 0 ? 0 : Below(&random, pair.size / 64);
            int status;

            forged->size = Below(&random, 2) == 0 ? 0 : (uint32_t)Below(&random, 3000);
            forged->skipTo = (uint32_t)to;
            if (forged->size == 0 && to < pair.reader.capacity / 64) {
                behind = (struct RingRecord *)(pair.ring + RING_HEADER_SIZE + to * 64);
                behind->size = (uint32_t)Below(&random, 3000);
                atomic_store(&behind->sequence, pair.reader.sequence + Below(&random, 3));
            }
            atomic_store(&forged->sequence, pair.reader.sequence);
            if (Below(&random, 20) == 0) {
                forged->size = (uint32_t)RingPairNextRandom(&random);
                forged->skipTo = (uint32_t)RingPairNextRandom(&random);
            }
            status = RingCheckReader(&pair.reader);
            assert_true(status == 0 || status == -EPROTO);
            status = RingPeek(&pair.reader, &record, &size);
            assert_true(status == 1 || status == -EPROTO);
            if (status == 1) {
                const unsigned char *begin = (const unsigned char *)record;

                assert_true(begin >= pair.ring + RING_HEADER_SIZE);
                assert_true(size >= sizeof(*record));
                assert_true(size <= (size_t)(pair.ring + pair.size - begin));
                RingTake(&pair.reader);
                records++;
            } else {
                refused++;
            }
            assert_true(pair.reader.offset < pair.reader.capacity);
        }
        RingPairDestroy(&pair);
    }
    assert_true(records > 1000);
    assert_true(refused > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(RandomRecordsMatchTheModel),
        cmocka_unit_test(WriterSurvivesRandomCursors),
        cmocka_unit_test(ReaderSurvivesRandomRing),
    };

    g_seed = TestSeed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
