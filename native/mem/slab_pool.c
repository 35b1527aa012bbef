#include "mem/slab_pool.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mem/slab_internal.h"

#define PAGE_BYTES ((size_t)4096)

/* Units: the smaller the pool, the finer it is divided. All sizes are powers of two. */
#define UNIT_SHIFT_MIN     6U
#define UNIT_SHIFT_MAX     10U
#define UNITS_WANTED_SHIFT 10U /* 1024 units, unless that makes them larger than the maximum */

/*
 * A span is at most this part of the pool, so that all classes can have a span with room to spare.
 */
#define SPANS_WANTED   256U
#define SPAN_BYTES_MAX ((size_t)1 << 20)

static uint32_t UnitShift(size_t capacity)
{
    uint32_t log2 = 63U - (uint32_t)__builtin_clzll(capacity);
    if (log2 <= UNIT_SHIFT_MIN + UNITS_WANTED_SHIFT) {
        return UNIT_SHIFT_MIN;
    }
    uint32_t shift = log2 - UNITS_WANTED_SHIFT;
    return (shift < UNIT_SHIFT_MAX) ? shift : UNIT_SHIFT_MAX;
}

/* Maps the arrays of the pool. They are zero, and use memory only where they are touched. */
static int MapBookkeeping(struct SlabPool *pool)
{
    uint32_t unitCount = (uint32_t)(pool->capacity >> pool->unitShift);
    size_t unitBytes = (size_t)unitCount * sizeof(struct SlabUnit);
    size_t bytes = unitBytes + (size_t)unitCount * sizeof(struct UnitRun);
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return -errno;
    }
    /* Huge pages would make a rarely used pool large. Systems without them are fine. */
    (void)madvise(memory, bytes, MADV_NOHUGEPAGE);
    if (madvise(memory, bytes, MADV_DONTFORK) != 0) {
        int status = -errno;
        (void)munmap(memory, bytes);
        return status;
    }
    pool->bookkeeping = memory;
    pool->bookkeepingBytes = bytes;
    pool->units = memory;
    UnitRunsInit(&pool->runs, (struct UnitRun *)(void *)((uint8_t *)memory + unitBytes), unitCount);
    return 0;
}

static int InitPool(struct SlabPool *pool, size_t capacity)
{
    *pool = (struct SlabPool){.capacity = capacity, .unitShift = UnitShift(capacity)};
    pool->owner = getpid();
    size_t target = capacity / SPANS_WANTED;
    if (target > SPAN_BYTES_MAX) {
        target = SPAN_BYTES_MAX;
    }
    for (uint32_t index = 0; index < SLAB_CLASS_COUNT; index++) {
        SlabClassInit(&pool->classes[index], index, pool->unitShift, target);
    }
    int status = TwoViewsCreate("liteipc-pool", capacity, &pool->views);
    if (status != 0) {
        return status;
    }
    pool->kernelBase = pool->views.writable;
    pool->userBase = pool->views.readable;
    status = MapBookkeeping(pool);
    if (status == 0) {
        status = -pthread_mutex_init(&pool->lock, NULL);
        if (status == 0) {
            return 0;
        }
        (void)munmap(pool->bookkeeping, pool->bookkeepingBytes);
    }
    TwoViewsDestroy(&pool->views);
    return status;
}

int SlabPoolCreate(size_t capacity, struct SlabPool **pool)
{
    if (pool == NULL || capacity == 0 || capacity > SLAB_POOL_CAPACITY_MAX) {
        return -EINVAL;
    }
    struct SlabPool *made = aligned_alloc(CACHE_LINE, sizeof(struct SlabPool));
    if (made == NULL) {
        return -ENOMEM;
    }
    int status = InitPool(made, (capacity + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES);
    if (status != 0) {
        free(made);
        return status;
    }
    *pool = made;
    return 0;
}

void SlabPoolDestroy(struct SlabPool *pool)
{
    if (pool == NULL) {
        return;
    }
    /* In a child of fork the mappings do not exist, and their addresses may be reused. */
    if (pool->owner == getpid()) {
        SlabUnpoisonAll(pool);
        (void)pthread_mutex_destroy(&pool->lock);
        (void)munmap(pool->bookkeeping, pool->bookkeepingBytes);
        TwoViewsDestroy(&pool->views);
    }
    free(pool);
}

void SlabPoolForked(const struct SlabPool *pool)
{
    /* The marks of the parent would be wrong for new mappings at these addresses. */
    SlabUnpoison(pool, pool->kernelBase, pool->capacity);
}

void SlabPoolDisownUserView(struct SlabPool *pool)
{
    pool->views.disowned = true;
}

void *SlabPoolKernelBase(const struct SlabPool *pool)
{
    return pool->kernelBase;
}

const void *SlabPoolUserBase(const struct SlabPool *pool)
{
    return pool->userBase;
}

size_t SlabPoolCapacity(const struct SlabPool *pool)
{
    return pool->capacity;
}

/* `index` is SLAB_CLASS_COUNT for sizes that no class has. Caller holds `lock`. */
static void *AllocateLocked(struct SlabPool *pool, uint32_t index, size_t size)
{
    bool small = index < SLAB_CLASS_COUNT;
    /* Another thread may have made a span while this one waited for the lock. */
    void *node = small ? SlabClassTake(pool, index) : NULL;
    if (node != NULL) {
        return node;
    }
    do {
        node = small ? SlabSpanOpen(pool, index) : NULL;
        if (node == NULL) {
            node = SlabSingleOpen(pool, size);
        }
    } while (node == NULL && SlabReclaim(pool));
    for (uint32_t larger = index + 1; node == NULL && larger < SLAB_CLASS_COUNT; larger++) {
        node = SlabClassTake(pool, larger);
    }
    return node;
}

int SlabPoolAllocate(struct SlabPool *pool, size_t size, void **node)
{
    if (size == 0) {
        return -EINVAL;
    }
    if (size > pool->capacity) {
        return -ENOMEM;
    }
    uint32_t index = SLAB_CLASS_COUNT;
    if (size <= (size_t)SLAB_CLASS_GRANULES_MAX * SLAB_POOL_ALIGNMENT) {
        index = SizeClassAtLeast((uint32_t)((size - 1) / SLAB_POOL_ALIGNMENT) + 1);
        void *taken = SlabClassTake(pool, index);
        if (taken != NULL) {
            *node = taken;
            return 0;
        }
    }
    (void)pthread_mutex_lock(&pool->lock);
    void *taken = AllocateLocked(pool, index, size);
    (void)pthread_mutex_unlock(&pool->lock);
    if (taken == NULL) {
        return -ENOMEM;
    }
    *node = taken;
    return 0;
}

/* Locates the state of a node. */
struct NodePlace {
    uint32_t span; /* first unit of the span */
    uint32_t tag;  /* that the span's word must have */
    uint64_t bit;  /* of the node in LIVE; 0: no node begins at that address */
};

/*
 * Locates the node that begins `offset` (below the capacity) bytes into the pool. The result is
 * computed from the hint alone, without waiting for the word, so it is a guess: right if the word
 * has its tag and its bit (IsLive), and always right for nodes that are live.
 */
static struct NodePlace FindNode(const struct SlabPool *pool, size_t offset)
{
    uint32_t unit = (uint32_t)(offset >> pool->unitShift);
    /* Relaxed: only a hint; the exchange of the word decides. */
    uint32_t hint = atomic_load_explicit(&pool->units[unit].hint, memory_order_relaxed);
    struct NodePlace place = {.span = unit - HintDistance(hint), .tag = HintTag(hint)};
    size_t distance = offset - ((size_t)place.span << pool->unitShift);
    if (place.tag == TAG_SINGLE) {
        place.bit = (distance == 0) ? 1 : 0;
    } else if (place.tag != 0) {
        const struct SlabClass *sizeClass = &pool->classes[place.tag - 1];
        /* Exact: a distance is below 2^17 granules, so the error is far below 1 / 1280. */
        uint64_t node =
            (distance / SLAB_POOL_ALIGNMENT * sizeClass->reciprocal) >> RECIPROCAL_SHIFT;
        bool begins = node < sizeClass->nodeCount && node * sizeClass->nodeBytes == distance;
        place.bit = begins ? UINT64_C(1) << node : 0;
    }
    return place;
}

static bool IsLive(const struct NodePlace *place, uint64_t word)
{
    return SpanTag(word) == place->tag && (word & place->bit) != 0;
}

/* Gives back the run of a single whose word is SPAN_NONE already. */
static void CloseSingle(struct SlabPool *pool, uint32_t span)
{
    (void)pthread_mutex_lock(&pool->lock);
    UnitRunsGive(&pool->runs, span);
    (void)pthread_mutex_unlock(&pool->lock);
}

int SlabPoolFree(struct SlabPool *pool, void *node)
{
    size_t offset = (uintptr_t)node - (uintptr_t)pool->kernelBase;
    if (offset >= pool->capacity) {
        return -EINVAL;
    }
    struct NodePlace place = FindNode(pool, offset);
    struct SlabUnit *unit = &pool->units[place.span];
    /* Relaxed: a guess, which the exchange confirms. */
    uint64_t word = atomic_load_explicit(&unit->word, memory_order_relaxed);
    uint64_t after = 0;
    bool push = false;
    do {
        if (!IsLive(&place, word)) {
            return -EFAULT;
        }
        if (place.tag == TAG_SINGLE) {
            after = SPAN_NONE;
            continue;
        }
        const struct SlabClass *sizeClass = &pool->classes[place.tag - 1];
        SlabPoison(pool, node, sizeClass->nodeBytes);
        after = word & ~(place.bit | place.bit << SPAN_DELIVERED_SHIFT);
        push = SpanRoom(word, sizeClass->nodeMask) == 0 && (word & SPAN_LISTED) == 0;
        if (push) {
            after |= SPAN_LISTED;
        }
        /*
         * Release: all use of the node comes before its next allocation (SlabClassTake) or the
         * reuse of its run (ReclaimClass, or the mutex for a single). Acquire: pairs with
         * RemoveFull, so that the push comes after the removal. Sequentially consistent for
         * SlabNoteEmptied.
         */
    } while (!atomic_compare_exchange_weak_explicit(&unit->word, &word, after, memory_order_seq_cst,
                                                    memory_order_relaxed));
    if (place.tag == TAG_SINGLE) {
        CloseSingle(pool, place.span);
    } else if (push) {
        SlabClassPush(pool, place.tag - 1, place.span);
    } else if ((after & SPAN_NODES_MASK) == 0) {
        SlabNoteEmptied(pool);
    }
    return 0;
}

/*
 * Changes the DELIVERED bit of the live node at `offset` to `on`. Returns 0, -EINVAL (outside the
 * view) or -EFAULT (not a live node whose bit is the opposite). `order` is that of the exchange.
 */
static inline int ExchangeDelivered(struct SlabPool *pool, size_t offset, bool on,
                                    memory_order order)
{
    if (offset >= pool->capacity) {
        return -EINVAL;
    }
    struct NodePlace place = FindNode(pool, offset);
    struct SlabUnit *unit = &pool->units[place.span];
    /* Relaxed: a guess, which the exchange confirms. */
    uint64_t word = atomic_load_explicit(&unit->word, memory_order_relaxed);
    uint64_t delivered = place.bit << SPAN_DELIVERED_SHIFT;
    do {
        if (!IsLive(&place, word) || ((word & delivered) != 0) == on) {
            return -EFAULT;
        }
    } while (!atomic_compare_exchange_weak_explicit(&unit->word, &word, word ^ delivered, order,
                                                    memory_order_relaxed));
    return 0;
}

int SlabPoolDeliver(struct SlabPool *pool, void *node)
{
    size_t offset = (uintptr_t)node - (uintptr_t)pool->kernelBase;
    /* Release: pairs with SlabPoolTakeUser; the taker finds the node filled. */
    return ExchangeDelivered(pool, offset, true, memory_order_release);
}

int SlabPoolTakeUser(struct SlabPool *pool, const void *userAddress, void **node)
{
    size_t offset = (uintptr_t)userAddress - (uintptr_t)pool->userBase;
    /* Acquire: pairs with the release in SlabPoolDeliver. Clearing the bit picks the winner. */
    int status = ExchangeDelivered(pool, offset, false, memory_order_acquire);
    if (status == 0) {
        *node = pool->kernelBase + offset;
    }
    return status;
}

size_t SlabPoolNodeSize(const struct SlabPool *pool, const void *node)
{
    size_t offset = (uintptr_t)node - (uintptr_t)pool->kernelBase;
    if (offset >= pool->capacity) {
        return 0;
    }
    struct NodePlace place = FindNode(pool, offset);
    /* Relaxed: the caller holds the node, so its tag and its run stay as they are. */
    uint64_t word = atomic_load_explicit(&pool->units[place.span].word, memory_order_relaxed);
    if (!IsLive(&place, word)) {
        return 0;
    }
    return (place.tag == TAG_SINGLE) ? (size_t)pool->runs.runs[place.span].length << pool->unitShift
                                     : pool->classes[place.tag - 1].nodeBytes;
}

void *SlabPoolKernelAddress(const struct SlabPool *pool, const void *userAddress)
{
    size_t offset = (uintptr_t)userAddress - (uintptr_t)pool->userBase;
    return (offset < pool->capacity) ? pool->kernelBase + offset : NULL;
}

const void *SlabPoolUserAddress(const struct SlabPool *pool, const void *node)
{
    size_t offset = (uintptr_t)node - (uintptr_t)pool->kernelBase;
    return (offset < pool->capacity) ? pool->userBase + offset : NULL;
}
