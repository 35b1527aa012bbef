#include "kernel/trace.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct LiteIpcTraceRecord) == 64, "read by other languages, too");

#define RECORD_WORDS (sizeof(struct LiteIpcTraceRecord) / sizeof(uint64_t))

/*
 * One slot of the ring. Its `sequence` states its owner: 2 * number + 1 while record `number` is
 * being written, 2 * number + 2 when it is complete. The words are atomic because a reader may read
 * them while they are written; it detects that afterwards and discards the copy.
 */
struct TraceSlot {
    _Atomic uint64_t sequence;
    _Atomic uint64_t leftOut; /* 1 + number of the newest record that was left out here */
    _Atomic uint64_t words[RECORD_WORDS];
};

struct IpcTrace {
    _Alignas(64) _Atomic uint64_t next; /* number of the next record */
    _Alignas(64) uint64_t taken;        /* used by the reader: number of the next record to take */
    uint64_t mask;
    struct TraceSlot *slots;
};

int TraceCreate(uint32_t capacity, struct IpcTrace **trace)
{
    struct IpcTrace *created = aligned_alloc(_Alignof(struct IpcTrace), sizeof(*created));
    struct TraceSlot *slots = calloc(capacity, sizeof(*slots));
    if (created == NULL || slots == NULL) {
        free(created);
        free(slots);
        return -ENOMEM;
    }
    atomic_init(&created->next, 0);
    created->taken = 0;
    created->mask = capacity - 1;
    created->slots = slots;
    *trace = created;
    return 0;
}

void TraceFree(struct IpcTrace *trace)
{
    if (trace != NULL) {
        free(trace->slots);
        free(trace);
    }
}

uint32_t TraceCapacity(const struct IpcTrace *trace)
{
    return (uint32_t)(trace->mask + 1);
}

static void LeaveOut(struct TraceSlot *slot, uint64_t number)
{
    /* relaxed: the exchange decides; only the largest number counts */
    uint64_t seen = atomic_load_explicit(&slot->leftOut, memory_order_relaxed);
    while (seen <= number &&
           /*
            * release: pairs with the reader's acquire, so that it does not wait for a record that
            * was left out
            */
           !atomic_compare_exchange_weak_explicit(&slot->leftOut, &seen, number + 1,
                                                  memory_order_release, memory_order_relaxed)) {
    }
}

/*
 * Claims the slot for this record. Returns false if another writer is in it or a newer record owns
 * it.
 */
static bool Claim(struct TraceSlot *slot, uint64_t number)
{
    /* relaxed: the exchange decides */
    uint64_t seen = atomic_load_explicit(&slot->sequence, memory_order_relaxed);
    /*
     * acquire: pairs with the release at the end of TracePut; the older writer's words come first
     */
    return seen % 2 == 0 && seen < 2 * number + 1 &&
           atomic_compare_exchange_strong_explicit(&slot->sequence, &seen, 2 * number + 1,
                                                   memory_order_acquire, memory_order_relaxed);
}

void TracePut(struct IpcTrace *trace, const struct LiteIpcTraceRecord *record)
{
    /* relaxed: only a number; the slot's sequence publishes */
    uint64_t number = atomic_fetch_add_explicit(&trace->next, 1, memory_order_relaxed);
    struct TraceSlot *slot = &trace->slots[number & trace->mask];
    if (!Claim(slot, number)) {
        LeaveOut(slot, number);
        return;
    }
    uint64_t words[RECORD_WORDS];
    memcpy(words, record, sizeof(words));
    for (size_t i = 0; i < RECORD_WORDS; i++) {
        /*
         * release: a reader of a word of this record (acquire in Copy) sees that the slot is
         * claimed
         */
        atomic_store_explicit(&slot->words[i], words[i], memory_order_release);
    }
    /* release: pairs with TraceTake's acquire and the next writer's in Claim */
    atomic_store_explicit(&slot->sequence, 2 * number + 2, memory_order_release);
}

/* Copies a record. Returns false if it was overwritten meanwhile; the copy is then invalid. */
static bool Copy(const struct TraceSlot *slot, uint64_t sequence, struct LiteIpcTraceRecord *record)
{
    uint64_t words[RECORD_WORDS];
    for (size_t i = 0; i < RECORD_WORDS; i++) {
        /* acquire: pairs with the release of the words, and keeps the load below behind */
        words[i] = atomic_load_explicit(&slot->words[i], memory_order_acquire);
    }
    memcpy(record, words, sizeof(words));
    /* relaxed: ordered by the loads before it */
    return atomic_load_explicit(&slot->sequence, memory_order_relaxed) == sequence;
}

enum TakeResult { TAKE_DONE, TAKE_LOST, TAKE_LATER };

static enum TakeResult TakeOne(const struct IpcTrace *trace, struct LiteIpcTraceRecord *record)
{
    const struct TraceSlot *slot = &trace->slots[trace->taken & trace->mask];
    uint64_t wanted = 2 * trace->taken + 2;
    /* acquire: pairs with the release at the end of TracePut; the words are complete */
    uint64_t sequence = atomic_load_explicit(&slot->sequence, memory_order_acquire);
    if (sequence == wanted) {
        return Copy(slot, sequence, record) ? TAKE_DONE : TAKE_LOST;
    }
    /* acquire: pairs with LeaveOut */
    bool leftOut = atomic_load_explicit(&slot->leftOut, memory_order_acquire) > trace->taken;
    return sequence > wanted || leftOut ? TAKE_LOST : TAKE_LATER;
}

size_t TraceTake(struct IpcTrace *trace, struct LiteIpcTraceRecord *records, size_t maximum,
                 uint64_t *lost)
{
    /* relaxed: an upper bound; each slot states whether its record is complete */
    uint64_t next = atomic_load_explicit(&trace->next, memory_order_relaxed);
    uint64_t oldest = next > trace->mask ? next - trace->mask - 1 : 0;
    *lost = 0;
    if (trace->taken < oldest) {
        *lost = oldest - trace->taken;
        trace->taken = oldest;
    }
    size_t count = 0;
    while (count < maximum && trace->taken < next) {
        enum TakeResult result = TakeOne(trace, &records[count]);
        if (result == TAKE_LATER) {
            break;
        }
        count += result == TAKE_DONE;
        *lost += result == TAKE_LOST;
        trace->taken++;
    }
    return count;
}
