/*
 * Tests the ring of trace records: lost records are counted, and every read record is consistent
 * while others write. Its source is compiled into this program with yields at its exchanges, so
 * that writers meet in one slot.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/yield_at_exchange.h"

#include "kernel/trace.c" /* NOLINT(bugprone-suspicious-include) */

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define RECORDS_EACH 5000
#else
#define RECORDS_EACH 20000
#endif
#define WRITERS 4

/* All fields are derived from writer and number. */
static struct LiteIpcTraceRecord MakeRecord(uint32_t writer, uint64_t number)
{
    uint32_t mixed = (uint32_t)(number * 2654435761U) ^ writer;
    return (struct LiteIpcTraceRecord){.time = number,
                                       .timestamp = number * 3 + writer,
                                       .hook = writer,
                                       .reason = -(int32_t)(number & 0xFFFF),
                                       .process = mixed,
                                       .task = mixed + 1,
                                       .peerProcess = mixed + 2,
                                       .peerTask = mixed + 3,
                                       .type = mixed + 4,
                                       .code = mixed + 5,
                                       .handle = mixed + 6,
                                       .size = mixed + 7,
                                       .flag = mixed + 8,
                                       .waitState = mixed + 9};
}

static bool IsWhole(const struct LiteIpcTraceRecord *record)
{
    struct LiteIpcTraceRecord expected = MakeRecord(record->hook, record->time);
    return memcmp(record, &expected, sizeof(expected)) == 0;
}

static void RecordsComeOutInOrder(void **state)
{
    struct IpcTrace *trace;
    struct LiteIpcTraceRecord records[8];
    uint64_t lost = 99;
    (void)state;

    assert_int_equal(TraceCreate(8, &trace), 0);
    assert_int_equal(TraceCapacity(trace), 8);
    assert_int_equal(TraceTake(trace, records, 8, &lost), 0);
    assert_int_equal(lost, 0);
    for (uint64_t round = 0; round < 100; round++) {
        for (uint64_t i = 0; i < 5; i++) {
            struct LiteIpcTraceRecord record = MakeRecord(1, round * 5 + i);
            TracePut(trace, &record);
        }
        assert_int_equal(TraceTake(trace, records, 3, &lost), 3);
        assert_int_equal(TraceTake(trace, records + 3, 5, &lost), 2);
        assert_int_equal(lost, 0);
        for (uint64_t i = 0; i < 5; i++) {
            assert_int_equal(records[i].time, round * 5 + i);
            assert_true(IsWhole(&records[i]));
        }
        assert_int_equal(TraceTake(trace, records, 8, &lost), 0);
    }
    TraceFree(trace);
    TraceFree(NULL);
}

static void TheOldestAreOverwrittenAndCounted(void **state)
{
    struct LiteIpcTraceRecord records[32];
    (void)state;

    for (uint32_t capacity = 1; capacity <= 16; capacity *= 2) {
        struct IpcTrace *trace;
        uint64_t lost;
        uint64_t next = 0;
        assert_int_equal(TraceCreate(capacity, &trace), 0);
        for (uint64_t count = 0; count < 50; count++) {
            for (uint64_t i = 0; i < count; i++) {
                struct LiteIpcTraceRecord record = MakeRecord(2, next++);
                TracePut(trace, &record);
            }
            size_t left = count < capacity ? count : capacity;
            assert_int_equal(TraceTake(trace, records, 32, &lost), left);
            assert_int_equal(lost, count - left);
            for (size_t i = 0; i < left; i++) {
                assert_int_equal(records[i].time, next - left + i);
                assert_true(IsWhole(&records[i]));
            }
        }
        /* Records that are overwritten between two reads of a part. */
        for (uint64_t i = 0; i < capacity; i++) {
            struct LiteIpcTraceRecord record = MakeRecord(2, i);
            TracePut(trace, &record);
        }
        assert_int_equal(TraceTake(trace, records, 1, &lost), 1);
        for (uint64_t i = 0; i < capacity; i++) {
            struct LiteIpcTraceRecord record = MakeRecord(2, 100 + i);
            TracePut(trace, &record);
        }
        assert_int_equal(TraceTake(trace, records, 32, &lost), capacity);
        assert_int_equal(lost, capacity - 1);
        assert_int_equal(records[0].time, 100);
        TraceFree(trace);
    }
}

/*
 * A writer is suspended in its slot for one round: no other thread waits for it, and the count is
 * correct.
 */
static void ASuspendedWriterDelaysNoOthers(void **state)
{
    struct IpcTrace *trace;
    struct LiteIpcTraceRecord records[8];
    uint64_t lost;
    (void)state;

    assert_int_equal(TraceCreate(4, &trace), 0);
    struct LiteIpcTraceRecord record = MakeRecord(3, 0);
    TracePut(trace, &record);
    /* Simulates that record 1 is being written. */
    uint64_t number = atomic_fetch_add_explicit(&trace->next, 1, memory_order_relaxed);
    assert_true(Claim(&trace->slots[1], number));
    record = MakeRecord(3, 2);
    TracePut(trace, &record);
    /* Up to the record that is being written. */
    assert_int_equal(TraceTake(trace, records, 8, &lost), 1);
    assert_int_equal(records[0].time, 0);
    assert_int_equal(lost, 0);
    for (uint64_t i = 3; i < 8; i++) {
        record = MakeRecord(3, i);
        TracePut(trace, &record);
    }
    /* 1 to 3 were overwritten; 5 found its slot occupied; 4, 6 and 7 are available. */
    assert_int_equal(TraceTake(trace, records, 8, &lost), 3);
    assert_int_equal(records[0].time, 4);
    assert_int_equal(records[1].time, 6);
    assert_int_equal(records[2].time, 7);
    assert_int_equal(lost, 4);
    /* The writer continues: its record is too late for the reader, and the slot is free again. */
    atomic_store_explicit(&trace->slots[1].sequence, 2 * number + 2, memory_order_release);
    for (uint64_t i = 8; i < 12; i++) {
        record = MakeRecord(3, i);
        TracePut(trace, &record);
    }
    assert_int_equal(TraceTake(trace, records, 8, &lost), 4);
    assert_int_equal(lost, 0);
    TraceFree(trace);
}

struct Crowd {
    struct IpcTrace *trace;
    _Atomic unsigned running;
};

struct Writer {
    struct Crowd *crowd;
    uint32_t number;
    pthread_t system;
};

static void *Write(void *argument)
{
    struct Writer *writer = argument;
    for (uint64_t i = 0; i < RECORDS_EACH; i++) {
        struct LiteIpcTraceRecord record = MakeRecord(writer->number, i);
        TracePut(writer->crowd->trace, &record);
    }
    /* release: pairs with the reader's acquire; all records are written */
    atomic_fetch_sub_explicit(&writer->crowd->running, 1, memory_order_release);
    return NULL;
}

static void ConcurrentWritersAndReader(void **state)
{
    (void)state;
    for (uint32_t capacity = 2; capacity <= 1024; capacity *= 8) {
        struct Crowd crowd = {.running = WRITERS};
        struct Writer writers[WRITERS];
        struct LiteIpcTraceRecord records[64];
        uint64_t newest[WRITERS] = {0};
        uint64_t taken = 0;
        uint64_t lostTotal = 0;
        unsigned wrong = 0;
        assert_int_equal(TraceCreate(capacity, &crowd.trace), 0);
        for (uint32_t i = 0; i < WRITERS; i++) {
            writers[i] = (struct Writer){.crowd = &crowd, .number = i};
            assert_int_equal(pthread_create(&writers[i].system, NULL, Write, &writers[i]), 0);
        }
        for (bool last = false, over = false; !over; over = last) {
            /* acquire: pairs with the writers' release; the next round sees all records */
            last = atomic_load_explicit(&crowd.running, memory_order_acquire) == 0;
            size_t count;
            do {
                uint64_t lost;
                count = TraceTake(crowd.trace, records, 64, &lost);
                taken += count;
                lostTotal += lost;
                for (size_t i = 0; i < count; i++) {
                    bool known = records[i].hook < WRITERS && IsWhole(&records[i]);
                    wrong += !known || records[i].time + 1 <= newest[records[i].hook];
                    if (known) {
                        newest[records[i].hook] = records[i].time + 1;
                    }
                }
            } while (count > 0);
        }
        for (uint32_t i = 0; i < WRITERS; i++) {
            pthread_join(writers[i].system, NULL);
        }
        assert_int_equal(wrong, 0);
        assert_int_equal(taken + lostTotal, (uint64_t)WRITERS * RECORDS_EACH);
        assert_true(taken > 0);
        TraceFree(crowd.trace);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(RecordsComeOutInOrder),
        cmocka_unit_test(TheOldestAreOverwrittenAndCounted),
        cmocka_unit_test(ASuspendedWriterDelaysNoOthers),
        cmocka_unit_test(ConcurrentWritersAndReader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
