/*
 * Inside the slab pool: what its files share. Not for users of the pool.
 *
 * A span's whole truth is one 64-bit word, changed by compare-and-swap only:
 *
 *     63       57   56   55                28 27                 0
 *     +----------+------+--------------------+--------------------+
 *     |   tag    |LISTED|     DELIVERED      |        LIVE        |
 *     +----------+------+--------------------+--------------------+
 *
 * LIVE        bit i: node i is allocated.
 * DELIVERED   bit i: node i may be given back by the program; LIVE is set too.
 * LISTED      the span is in the list of its class, or on the way into or out of it.
 * tag         0: there is no span here. TAG_SINGLE: one node, as long as the run. Else class + 1.
 *
 * Invariants while no thread is inside a function:
 *   DELIVERED is a subset of LIVE, which is a subset of the nodes the tag's class has;
 *   the span has a free node  =>  LISTED  <=>  it is in the list of its class exactly once.
 *
 * Because the tag is in the word, a compare-and-swap that succeeds also proves that the span is
 * still of the class whose geometry was used for it: the place of a span and its class fix the
 * address of each node. So a word that was A, then B, then A again is no problem, and everything
 * that leads to a word (the head of a list, a unit's hint) is only a hint.
 */
#ifndef LITEIPC_MEM_SLAB_INTERNAL_H
#define LITEIPC_MEM_SLAB_INTERNAL_H

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "mem/poison.h"
#include "mem/slab_pool.h"
#include "mem/two_views.h"
#include "mem/unit_runs.h"

#define SPAN_NODES_MAX       28U
#define SPAN_NODES_MASK      ((UINT64_C(1) << SPAN_NODES_MAX) - 1)
#define SPAN_DELIVERED_SHIFT SPAN_NODES_MAX
#define SPAN_LISTED          (UINT64_C(1) << 56)
#define SPAN_TAG_SHIFT       57
#define SPAN_NONE            UINT64_C(0)

/* 37 classes: 64 bytes to 80 KiB, so that a message of 64 KiB with its header is in one. */
#define SLAB_CLASS_COUNT        37U
#define SLAB_CLASS_GRANULES_MAX 1280U
#define TAG_SINGLE              127U

#define RECIPROCAL_SHIFT 31

#define CACHE_LINE 64

/* Belongs to the unit of the same index. Zero, as fresh memory is, means: no span here. */
struct SlabUnit {
    _Atomic uint64_t word;       /* of the span that begins in this unit */
    _Atomic uint32_t nextListed; /* the span below in its list; written while it is off the list */
    _Atomic uint32_t hint;       /* to the span whose nodes begin in this unit: see Hint */
};
_Static_assert(sizeof(struct SlabUnit) == 16, "four units to a cache line");

/* A size class. Constant but for `head`. */
struct SlabClass {
    /* Stack of LISTED spans: first unit below, change counter above (against A-B-A). */
    alignas(CACHE_LINE) _Atomic uint64_t head;
    uint64_t nodeMask;   /* a bit for each node of a span */
    uint32_t nodeBytes;  /* size of a node */
    uint32_t reciprocal; /* 2^31 / granules of a node, rounded up: to divide without dividing */
    uint32_t nodeCount;  /* nodes of a span */
    uint32_t spanUnits;  /* units of a span */
};

struct SlabPool {
    /* Constant after SlabPoolCreate. */
    uint8_t *kernelBase;
    const uint8_t *userBase;
    size_t capacity;        /* bytes in each view */
    struct SlabUnit *units; /* one per unit, in `bookkeeping` */
    uint32_t unitShift;     /* a unit is 1 << unitShift bytes */
    pid_t owner;            /* the process that has the mappings */
    struct TwoViews views;
    void *bookkeeping; /* private, lazily touched: units, then runs */
    size_t bookkeepingBytes;

    struct SlabClass classes[SLAB_CLASS_COUNT];

    /* Not 0 if a span may have become empty since SlabReclaim last looked. */
    alignas(CACHE_LINE) _Atomic uint32_t emptied;

    alignas(CACHE_LINE) pthread_mutex_t lock;
    struct UnitRuns runs; /* under `lock` */
};

static inline uint32_t SpanTag(uint64_t word)
{
    return (uint32_t)(word >> SPAN_TAG_SHIFT);
}

static inline uint64_t SpanWord(uint32_t tag, uint64_t live)
{
    return ((uint64_t)tag << SPAN_TAG_SHIFT) | live;
}

/* Returns the free nodes of a span; 0 for a single. */
static inline uint64_t SpanRoom(uint64_t word, uint64_t nodeMask)
{
    return ~word & nodeMask;
}

/*
 * The hint in a unit: tag of the span, and how many units below this one it begins. A span has far
 * fewer than 2^16 units: at most 28 nodes, and at most 1 MiB, or one node of 80 KiB.
 */
static inline uint32_t Hint(uint32_t tag, uint32_t distance)
{
    return tag << 16 | distance;
}

static inline uint32_t HintTag(uint32_t hint)
{
    return hint >> 16;
}

static inline uint32_t HintDistance(uint32_t hint)
{
    return hint & 0xffffU;
}

static inline void *SlabUnitAddress(const struct SlabPool *pool, uint32_t unit)
{
    return pool->kernelBase + ((size_t)unit << pool->unitShift);
}

/*
 * For AddressSanitizer: nobody may touch a free node of a span, in either view. Free runs are not
 * poisoned, so that neither making a pool nor using a large single costs sanitizer memory.
 */
static inline void SlabPoison(const struct SlabPool *pool, const void *address, size_t bytes)
{
    MemoryPoison(address, bytes);
    MemoryPoison(pool->userBase + ((const uint8_t *)address - pool->kernelBase), bytes);
}

static inline void SlabUnpoison(const struct SlabPool *pool, const void *address, size_t bytes)
{
    MemoryUnpoison(address, bytes);
    MemoryUnpoison(pool->userBase + ((const uint8_t *)address - pool->kernelBase), bytes);
}

/* ---- Defined in slab_spans.c: the lists of the classes --------------------------------------- */

/*
 * Fills in the class for pools whose unit is 1 << unitShift bytes, of spans of about `target`
 * bytes.
 */
void SlabClassInit(struct SlabClass *self, uint32_t index, uint32_t unitShift, size_t target);

/* Takes a free node of the listed spans of class `index`; null if none has room. Lock-free. */
void *SlabClassTake(struct SlabPool *pool, uint32_t index);

/*
 * Pushes a span that is LISTED, and that the caller has removed from the list, onto the list of its
 * class.
 */
void SlabClassPush(struct SlabPool *pool, uint32_t index, uint32_t span);

/* Called after a span became empty, so that SlabReclaim looks for it. */
void SlabNoteEmptied(struct SlabPool *pool);

/* Caller holds `lock`. Makes a new span of class `index` and takes its first node; null if full. */
void *SlabSpanOpen(struct SlabPool *pool, uint32_t index);

/* Caller holds `lock`. Makes a single of at least `size` bytes; null if full. */
void *SlabSingleOpen(struct SlabPool *pool, size_t size);

/*
 * Caller holds `lock`. Turns all empty spans back into free runs. Returns whether there were any.
 */
bool SlabReclaim(struct SlabPool *pool);

/* Removes the marks of SlabPoison before the pool is unmapped. */
void SlabUnpoisonAll(struct SlabPool *pool);

#endif
