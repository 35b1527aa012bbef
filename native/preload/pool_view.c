/*
 * Protects the program's view of the pool. The OS refuses mprotect(2), because the mapping was made
 * through a descriptor without write permission. The addresses must also stay reserved: the core
 * unmaps them at its end, when another mapping could be there.
 */
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "preload/libc_calls.h"
#include "preload/shim.h"

static _Atomic uintptr_t viewStart;
static _Atomic uintptr_t viewEnd; /* 0: no view */

void PoolViewSet(const void *address, size_t size)
{
    /*
     * release: pairs with the acquires below; the end is stored last, so that both are seen or none
     */
    atomic_store_explicit(&viewEnd, 0, memory_order_release);
    atomic_store_explicit(&viewStart, (uintptr_t)address, memory_order_release);
    atomic_store_explicit(&viewEnd, (uintptr_t)address + size, memory_order_release);
}

bool PoolViewOverlaps(const void *address, size_t size)
{
    uintptr_t start = (uintptr_t)address;
    uintptr_t end = atomic_load_explicit(&viewEnd, memory_order_acquire);
    if (end == 0) {
        return false;
    }
    return start < end && size > 0 &&
           start + size > atomic_load_explicit(&viewStart, memory_order_acquire);
}

int PoolViewUnmap(void *address, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = (uintptr_t)address;
    uintptr_t end = (start + size + page - 1) / page * page;
    uintptr_t first = atomic_load_explicit(&viewStart, memory_order_acquire);
    uintptr_t last = atomic_load_explicit(&viewEnd, memory_order_acquire);
    if (start % page != 0) {
        return LibcMunmap(address, size); /* EINVAL */
    }
    if (start < first && LibcMunmap(address, first - start) != 0) {
        return -1;
    }
    if (end > last && LibcMunmap((void *)last, end - last) != 0) {
        return -1;
    }
    uintptr_t from = start > first ? start : first;
    uintptr_t to = end < last ? end : last;
    /* Not accessible any more, but still reserved. */
    void *held = LibcMmap((void *)from, to - from, PROT_NONE,
                          MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return held == MAP_FAILED ? -1 : 0;
}
