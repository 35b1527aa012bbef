/*
 * Implements the lists of the classes, and makes and unmakes spans.
 *
 * A class list is a stack of spans that may have room. Allocation looks at the top span without
 * removing it; only a span that turns out full is removed. Freeing in a full span pushes it back on
 * top: the memory that was freed last is used first, while it is in the cache.
 */
#include "mem/slab_internal.h"

#define HEAD_EMPTY ((uint64_t)NO_UNIT)

static uint32_t HeadSpan(uint64_t head)
{
    return (uint32_t)head;
}

/* Returns the head that follows `head`: another top span, and the counter incremented. */
static uint64_t HeadAfter(uint64_t head, uint32_t span)
{
    return (((head >> 32) + 1) << 32) | span;
}

/*
 * Nodes of a span: as many as fit the target (at least one, at most 28), or somewhat fewer if that
 * fills the units better.
 */
void SlabClassInit(struct SlabClass *self, uint32_t index, uint32_t unitShift, size_t target)
{
    uint32_t granules = SizeClassAmount(index);
    size_t nodeBytes = (size_t)granules * SLAB_POOL_ALIGNMENT;
    size_t most = target / nodeBytes;
    if (most < 1) {
        most = 1;
    } else if (most > SPAN_NODES_MAX) {
        most = SPAN_NODES_MAX;
    }
    size_t best = most;
    size_t bestUnits = 0;
    for (size_t count = most; count >= 1 && count * 2 >= most; count--) {
        size_t units = ((count * nodeBytes - 1) >> unitShift) + 1;
        /* Fewer units per node; both sides are multiplied out. */
        if (bestUnits == 0 || units * best < bestUnits * count) {
            best = count;
            bestUnits = units;
        }
    }
    atomic_init(&self->head, HEAD_EMPTY);
    self->nodeMask = (UINT64_C(1) << best) - 1;
    self->nodeBytes = (uint32_t)nodeBytes;
    self->reciprocal = (uint32_t)(((UINT64_C(1) << RECIPROCAL_SHIFT) + granules - 1) / granules);
    self->nodeCount = (uint32_t)best;
    self->spanUnits = (uint32_t)bestUnits;
}

/*
 * Says that SlabReclaim may find an empty span. Both this load and what the caller did just before
 * (emptying a word, pushing on a head), and in SlabReclaim the exchange and the looks at heads and
 * words after it, are sequentially consistent. So if the load still sees the 1 that SlabReclaim
 * is about to clear, then SlabReclaim looks later than what the caller did, and sees it.
 */
void SlabNoteEmptied(struct SlabPool *pool)
{
    if (atomic_load_explicit(&pool->emptied, memory_order_seq_cst) == 0) {
        atomic_store_explicit(&pool->emptied, 1, memory_order_seq_cst);
    }
}

/* Pushes a chain of spans, linked from `first` to `last`, on top of the list. */
static void PushChain(struct SlabPool *pool, struct SlabClass *sizeClass, uint32_t first,
                      uint32_t last)
{
    /* Relaxed: only a number to compare with; nothing is read through it. */
    uint64_t head = atomic_load_explicit(&sizeClass->head, memory_order_relaxed);
    do {
        /* Relaxed: published by the exchange below. */
        atomic_store_explicit(&pool->units[last].nextListed, HeadSpan(head), memory_order_relaxed);
        /*
         * Release: who acquires this head in SlabClassTake or ReclaimClass sees the links and the
         * words of the chain. Sequentially consistent for SlabNoteEmptied.
         */
    } while (!atomic_compare_exchange_weak_explicit(&sizeClass->head, &head, HeadAfter(head, first),
                                                    memory_order_seq_cst, memory_order_relaxed));
}

void SlabClassPush(struct SlabPool *pool, uint32_t index, uint32_t span)
{
    PushChain(pool, &pool->classes[index], span, span);
    /* While the span was off the list SlabReclaim could not see that it became empty. */
    SlabNoteEmptied(pool);
}

/* Removes the full span from the top, if it still is the top and still full. */
static void RemoveFull(struct SlabPool *pool, uint32_t index, uint64_t head)
{
    struct SlabClass *sizeClass = &pool->classes[index];
    uint32_t span = HeadSpan(head);
    struct SlabUnit *unit = &pool->units[span];
    /* Relaxed: belongs to `head`, acquired by the caller; if outdated, the exchange fails. */
    uint32_t next = atomic_load_explicit(&unit->nextListed, memory_order_relaxed);
    /* Relaxed on failure and success: nothing is read through the new head here. */
    if (!atomic_compare_exchange_strong_explicit(&sizeClass->head, &head, HeadAfter(head, next),
                                                 memory_order_relaxed, memory_order_relaxed)) {
        return;
    }
    /* No other thread can remove or push this span until LISTED is cleared. */
    uint64_t word = atomic_load_explicit(&unit->word, memory_order_relaxed);
    do {
        if (SpanRoom(word, sizeClass->nodeMask) != 0) {
            SlabClassPush(pool, index, span);
            return;
        }
        /*
         * Release: pairs with the acquire of the thread that frees a node of this span next, so
         * that its push comes after the removal above.
         */
    } while (!atomic_compare_exchange_weak_explicit(&unit->word, &word, word & ~SPAN_LISTED,
                                                    memory_order_release, memory_order_relaxed));
}

void *SlabClassTake(struct SlabPool *pool, uint32_t index)
{
    struct SlabClass *sizeClass = &pool->classes[index];
    for (;;) {
        /* Acquire: pairs with PushChain; the top span's word and link are at least as new. */
        uint64_t head = atomic_load_explicit(&sizeClass->head, memory_order_acquire);
        uint32_t span = HeadSpan(head);
        if (span == NO_UNIT) {
            return NULL;
        }
        struct SlabUnit *unit = &pool->units[span];
        /* Relaxed: a guess, which the exchange confirms. */
        uint64_t word = atomic_load_explicit(&unit->word, memory_order_relaxed);
        while (SpanTag(word) == index + 1) {
            uint64_t room = SpanRoom(word, sizeClass->nodeMask);
            if (room == 0) {
                RemoveFull(pool, index, head);
                break;
            }
            uint32_t node = (uint32_t)__builtin_ctzll(room);
            /*
             * Acquire: pairs with the release in SlabPoolFree, so that the last owner of the node
             * is done with its bytes, and with that in SlabSpanOpen (hint of this node).
             */
            if (atomic_compare_exchange_weak_explicit(&unit->word, &word,
                                                      word | (UINT64_C(1) << node),
                                                      memory_order_acquire, memory_order_relaxed)) {
                uint8_t *taken = SlabUnitAddress(pool, span);
                taken += (size_t)node * sizeClass->nodeBytes;
                SlabUnpoison(pool, taken, sizeClass->nodeBytes);
                return taken;
            }
        }
        /* The span is full or was unmade meanwhile: another span is the top now. */
    }
}

void *SlabSpanOpen(struct SlabPool *pool, uint32_t index)
{
    struct SlabClass *sizeClass = &pool->classes[index];
    uint32_t span = UnitRunsTake(&pool->runs, sizeClass->spanUnits);
    if (span == NO_UNIT) {
        return NULL;
    }
    for (uint32_t node = 0; node < sizeClass->nodeCount; node++) {
        uint32_t distance = (uint32_t)(((size_t)node * sizeClass->nodeBytes) >> pool->unitShift);
        /* Relaxed: the word publishes it; a stale reader may read any value. */
        atomic_store_explicit(&pool->units[span + distance].hint, Hint(index + 1, distance),
                              memory_order_relaxed);
    }
    uint64_t word = SpanWord(index + 1, 1);
    bool room = SpanRoom(word, sizeClass->nodeMask) != 0;
    /*
     * Release: pairs with the acquire in SlabClassTake (hints). A plain store is enough: the word
     * was SPAN_NONE, from which no exchange starts.
     */
    atomic_store_explicit(&pool->units[span].word, room ? word | SPAN_LISTED : word,
                          memory_order_release);
    if (room) {
        SlabClassPush(pool, index, span);
    }
    return SlabUnitAddress(pool, span);
}

void *SlabSingleOpen(struct SlabPool *pool, size_t size)
{
    uint32_t span = UnitRunsTake(&pool->runs, (uint32_t)((size - 1) >> pool->unitShift) + 1);
    if (span == NO_UNIT) {
        return NULL;
    }
    /* Relaxed and release: as in SlabSpanOpen. */
    atomic_store_explicit(&pool->units[span].hint, Hint(TAG_SINGLE, 0), memory_order_relaxed);
    atomic_store_explicit(&pool->units[span].word, SpanWord(TAG_SINGLE, 1), memory_order_release);
    return SlabUnitAddress(pool, span);
}

static void UnpoisonSpan(const struct SlabPool *pool, uint32_t span)
{
    SlabUnpoison(pool, SlabUnitAddress(pool, span),
                 (size_t)pool->runs.runs[span].length << pool->unitShift);
}

/* Takes the whole list, unmakes its empty spans and pushes the rest back in order. */
static bool ReclaimClass(struct SlabPool *pool, uint32_t index)
{
    struct SlabClass *sizeClass = &pool->classes[index];
    /* Sequentially consistent: see SlabNoteEmptied. As acquire it pairs with PushChain (links). */
    uint64_t head = atomic_load_explicit(&sizeClass->head, memory_order_seq_cst);
    do {
        if (HeadSpan(head) == NO_UNIT) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&sizeClass->head, &head,
                                                    HeadAfter(head, NO_UNIT), memory_order_seq_cst,
                                                    memory_order_seq_cst));
    bool found = false;
    uint32_t firstListed = NO_UNIT;
    uint32_t lastListed = NO_UNIT;
    for (uint32_t span = HeadSpan(head); span != NO_UNIT;) {
        struct SlabUnit *unit = &pool->units[span];
        /* Relaxed: the links came with the head. */
        uint32_t next = atomic_load_explicit(&unit->nextListed, memory_order_relaxed);
        uint64_t empty = SpanWord(index + 1, 0) | SPAN_LISTED;
        /*
         * Acquire: pairs with the release in SlabPoolFree; the last owners are done with the nodes
         * before the run is used for something else. Sequentially consistent: SlabNoteEmptied.
         */
        if (atomic_compare_exchange_strong_explicit(&unit->word, &empty, SPAN_NONE,
                                                    memory_order_seq_cst, memory_order_seq_cst)) {
            UnpoisonSpan(pool, span);
            UnitRunsGive(&pool->runs, span);
            found = true;
        } else if (firstListed == NO_UNIT) {
            firstListed = span;
            lastListed = span;
        } else {
            /* Relaxed: published by PushChain. */
            atomic_store_explicit(&pool->units[lastListed].nextListed, span, memory_order_relaxed);
            lastListed = span;
        }
        span = next;
    }
    if (firstListed != NO_UNIT) {
        PushChain(pool, sizeClass, firstListed, lastListed);
    }
    return found;
}

bool SlabReclaim(struct SlabPool *pool)
{
    /* Sequentially consistent: see SlabNoteEmptied. */
    if (atomic_exchange_explicit(&pool->emptied, 0, memory_order_seq_cst) == 0) {
        return false;
    }
    bool found = false;
    for (uint32_t index = 0; index < SLAB_CLASS_COUNT; index++) {
        found = ReclaimClass(pool, index) || found;
    }
    return found;
}

void SlabUnpoisonAll(struct SlabPool *pool)
{
    if (!MEMORY_POISONS) {
        return;
    }
    for (uint32_t span = 0; span != NO_UNIT; span = UnitRunsAbove(&pool->runs, span)) {
        /* Relaxed: nobody uses the pool any more. */
        uint32_t tag = SpanTag(atomic_load_explicit(&pool->units[span].word, memory_order_relaxed));
        if (tag != 0 && tag != TAG_SINGLE) {
            UnpoisonSpan(pool, span);
        }
    }
}
