/*
 * Implements the slab pool's gauges, the return of memory to the system, and the walk that tests
 * invariants.
 */
#include "mem/slab_pool.h"

#include <errno.h>

#include "mem/slab_internal.h"

/* The sums of a walk over all runs. */
struct SlabCensus {
    size_t nodes;
    size_t bytes;
};

static uint64_t LoadWord(const struct SlabPool *pool, uint32_t span)
{
    /*
     * Relaxed: a gauge shows some recent value; a caller that needs an exact one keeps other
     * threads away.
     */
    return atomic_load_explicit(&pool->units[span].word, memory_order_relaxed);
}

static struct SlabCensus TakeCensus(struct SlabPool *pool)
{
    struct SlabCensus census = {0};
    (void)pthread_mutex_lock(&pool->lock);
    for (uint32_t span = 0; span != NO_UNIT; span = UnitRunsAbove(&pool->runs, span)) {
        uint64_t word = LoadWord(pool, span);
        uint32_t tag = SpanTag(word);
        if (tag == 0) {
            continue;
        }
        size_t nodes = (size_t)__builtin_popcountll(word & SPAN_NODES_MASK);
        census.nodes += nodes;
        census.bytes += (tag == TAG_SINGLE)
                            ? (size_t)pool->runs.runs[span].length << pool->unitShift
                            : nodes * pool->classes[tag - 1].nodeBytes;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return census;
}

size_t SlabPoolUsed(struct SlabPool *pool)
{
    return TakeCensus(pool).bytes;
}

size_t SlabPoolUsedNodes(struct SlabPool *pool)
{
    return TakeCensus(pool).nodes;
}

static int ReleaseRun(void *context, uint32_t first, uint32_t length)
{
    const struct SlabPool *pool = context;
    return TwoViewsRelease(&pool->views, (size_t)first << pool->unitShift,
                           (size_t)length << pool->unitShift);
}

int SlabPoolTrim(struct SlabPool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    (void)SlabReclaim(pool);
    int status = UnitRunsVisitTouched(&pool->runs, ReleaseRun, pool);
    (void)pthread_mutex_unlock(&pool->lock);
    return status;
}

static const char *CheckClassSpan(const struct SlabPool *pool, uint32_t span, uint64_t word)
{
    const struct SlabClass *sizeClass = &pool->classes[SpanTag(word) - 1];
    uint64_t live = word & SPAN_NODES_MASK;
    if (pool->runs.runs[span].length != sizeClass->spanUnits) {
        return "slab: a span is not as long as its class says";
    }
    if ((live & ~sizeClass->nodeMask) != 0) {
        return "slab: a node is live that its class does not have";
    }
    if (SpanRoom(word, sizeClass->nodeMask) != 0 && (word & SPAN_LISTED) == 0) {
        return "slab: a span with room is not listed";
    }
    for (uint32_t node = 0; node < sizeClass->nodeCount; node++) {
        uint32_t distance = (uint32_t)(((size_t)node * sizeClass->nodeBytes) >> pool->unitShift);
        /* Relaxed: no other thread uses the pool. */
        if (atomic_load_explicit(&pool->units[span + distance].hint, memory_order_relaxed) !=
            Hint(SpanTag(word), distance)) {
            return "slab: the unit of a node does not lead to its span";
        }
    }
    return NULL;
}

static const char *CheckSpan(const struct SlabPool *pool, uint32_t span)
{
    uint64_t word = LoadWord(pool, span);
    uint64_t live = word & SPAN_NODES_MASK;
    uint64_t delivered = (word >> SPAN_DELIVERED_SHIFT) & SPAN_NODES_MASK;
    uint32_t tag = SpanTag(word);
    if (pool->runs.runs[span].free) {
        return (word == SPAN_NONE) ? NULL : "slab: a free run has a span";
    }
    if ((delivered & ~live) != 0) {
        return "slab: a free node is marked as delivered";
    }
    if (tag == TAG_SINGLE) {
        return (live == 1 && (word & SPAN_LISTED) == 0) ? NULL : "slab: a single is not one node";
    }
    if (tag == 0 || tag > SLAB_CLASS_COUNT) {
        return "slab: a used run has no span";
    }
    return CheckClassSpan(pool, span, word);
}

/* Walks the list of a size class and adds its spans to `*listed`. */
static const char *CheckList(const struct SlabPool *pool, uint32_t index, uint32_t *listed)
{
    /* Relaxed, here and below: no other thread uses the pool. */
    uint64_t head = atomic_load_explicit(&pool->classes[index].head, memory_order_relaxed);
    for (uint32_t span = (uint32_t)head; span != NO_UNIT;) {
        if (span >= pool->runs.unitCount) {
            return "slab: a class list leads out of the pool";
        }
        if (++*listed > pool->runs.unitCount) {
            return "slab: a class list runs in a circle";
        }
        uint64_t word = LoadWord(pool, span);
        if (SpanTag(word) != index + 1 || (word & SPAN_LISTED) == 0) {
            return "slab: a span is in a list where it does not belong";
        }
        span = atomic_load_explicit(&pool->units[span].nextListed, memory_order_relaxed);
    }
    return NULL;
}

static const char *FindBroken(const struct SlabPool *pool)
{
    const char *broken = UnitRunsCheck(&pool->runs);
    uint32_t marked = 0;
    for (uint32_t span = 0; broken == NULL && span != NO_UNIT;
         span = UnitRunsAbove(&pool->runs, span)) {
        broken = CheckSpan(pool, span);
        marked += ((LoadWord(pool, span) & SPAN_LISTED) != 0) ? 1 : 0;
    }
    uint32_t listed = 0;
    for (uint32_t index = 0; broken == NULL && index < SLAB_CLASS_COUNT; index++) {
        broken = CheckList(pool, index, &listed);
    }
    if (broken == NULL && marked != listed) {
        broken = "slab: a span that says it is listed is in no list";
    }
    return broken;
}

int SlabPoolCheckDetail(struct SlabPool *pool, const char **broken)
{
    (void)pthread_mutex_lock(&pool->lock);
    const char *found = FindBroken(pool);
    (void)pthread_mutex_unlock(&pool->lock);
    if (broken != NULL) {
        *broken = found;
    }
    return (found == NULL) ? 0 : -EUCLEAN;
}
