/*
 * Size classes: a ladder of sizes, four to each doubling, so that rounding a size up to its class
 * wastes at most a fifth of it.
 *
 *     1 2 3 4 5 6 7 8 | 10 12 14 16 | 20 24 28 32 | 40 48 56 64 | 80 ...
 *
 * Amounts have no unit here: the slab pool counts nodes in granules of 64 bytes, the run allocator
 * counts units of the pool. Both use the same ladder.
 */
#ifndef LITEIPC_MEM_SIZE_CLASSES_H
#define LITEIPC_MEM_SIZE_CLASSES_H

#include <assert.h>
#include <stdint.h>

/* Number of classes of all amounts up to 2^31. */
#define SIZE_CLASS_COUNT 120U

/* Each amount up to this one is a class of its own. */
#define SIZE_CLASS_EXACT 8U

/* Returns the amount of class `sizeClass`. `sizeClass` < SIZE_CLASS_COUNT. */
static inline uint32_t SizeClassAmount(uint32_t sizeClass)
{
    assert(sizeClass < SIZE_CLASS_COUNT);
    if (sizeClass < SIZE_CLASS_EXACT) {
        return sizeClass + 1;
    }
    uint32_t doubling = (sizeClass - SIZE_CLASS_EXACT) / 4;
    uint32_t step = (sizeClass - SIZE_CLASS_EXACT) % 4;
    return (5 + step) << (doubling + 1);
}

/* Returns the smallest class whose amount is at least `amount`. 1 <= `amount` <= 2^31. */
static inline uint32_t SizeClassAtLeast(uint32_t amount)
{
    if (amount <= SIZE_CLASS_EXACT) {
        return amount - 1;
    }
    uint32_t below = amount - 1;
    uint32_t log2 = 31U - (uint32_t)__builtin_clz(below);
    return SIZE_CLASS_EXACT + (log2 - 3) * 4 + (below >> (log2 - 2)) - 4;
}

/* Returns the largest class whose amount is at most `amount`. 1 <= `amount` <= 2^31. */
static inline uint32_t SizeClassAtMost(uint32_t amount)
{
    uint32_t sizeClass = SizeClassAtLeast(amount);
    return (SizeClassAmount(sizeClass) == amount) ? sizeClass : sizeClass - 1;
}

#endif
