/* Grows arrays on the heap. */
#ifndef LITEIPC_KERNEL_ARRAY_H
#define LITEIPC_KERNEL_ARRAY_H

#include <stdlib.h>

/*
 * Returns `array`, moved if necessary, with room for `needed` (at least 1) elements of
 * `elementSize` bytes. Returns NULL without memory; the array is then unchanged. `array` is NULL or
 * from malloc.
 */
static inline void *ArrayGrow(void *array, unsigned needed, unsigned *capacity, size_t elementSize)
{
    if (needed <= *capacity) {
        return array;
    }
    unsigned larger = *capacity * 2 < needed ? needed : *capacity * 2;
    larger = larger < 8 ? 8 : larger;
    void *grown = realloc(array, larger * elementSize);
    if (grown != NULL) {
        *capacity = larger;
    }
    return grown;
}

#endif
