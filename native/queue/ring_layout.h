/* Computations that both ends of a ring share. Internal to native/queue. */
#ifndef LITEIPC_QUEUE_RING_LAYOUT_H
#define LITEIPC_QUEUE_RING_LAYOUT_H

#include "queue/ring.h"

#define RING_MINIMUM_SIZE 4096U

/* `skipTo` counts units of RING_ALIGNMENT in 32 bits. */
#define RING_MAXIMUM_CAPACITY ((uint64_t)UINT32_MAX * RING_ALIGNMENT)

/* 64 bits wide: a size near 4 GiB must not wrap to 0. */
static inline uint64_t RingRoundUp(uint64_t bytes)
{
    return (bytes + RING_ALIGNMENT - 1) & ~(uint64_t)(RING_ALIGNMENT - 1);
}

/* Skips 0, because fresh memory holds it. */
static inline uint64_t RingNextSequence(uint64_t sequence)
{
    return sequence == UINT64_MAX ? 1 : sequence + 1;
}

/*
 * Returns the size of the largest record: half of the ring. In an empty ring it fits either before
 * or after the current offset.
 */
static inline uint64_t RingMaximumRecord(uint64_t capacity)
{
    return (capacity / 2) & ~(uint64_t)(RING_ALIGNMENT - 1);
}

static inline bool RingIsAligned(const void *address)
{
    return address != NULL && ((uintptr_t)address & (RING_ALIGNMENT - 1)) == 0;
}

static inline bool RingSizeIsPossible(size_t size)
{
    return size >= RING_MINIMUM_SIZE && size % RING_ALIGNMENT == 0 &&
           size - RING_HEADER_SIZE <= RING_MAXIMUM_CAPACITY;
}

/* Returns the distance of a skip, or 0 if the skip is impossible. */
static inline uint64_t RingSkipBytes(uint64_t capacity, uint64_t from, uint64_t to)
{
    if (to > from) {
        return to < capacity ? to - from : 0;
    }
    return to == 0 && from != 0 ? capacity - from : 0;
}

/*
 * Looks at step->offset for the record with step->sequence. Returns 1: the step is filled and leads
 * to the next record; 0: no record; -EPROTO: see RingPeek. The step changes only with 1.
 */
int RingPeekAt(const struct RingReader *reader, struct RingStep *step);

#endif
