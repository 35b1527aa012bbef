/*
 * The set of the core's descriptors: sockets, pipes, memfds. A program that closes descriptors
 * which it did not open (daemons do) would break the core, or worse, reuse their numbers. So the
 * interposed close functions skip these.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#include "preload/libc_calls.h"
#include "preload/shim.h"

#define BITS_PER_WORD 64U
/* The size of the set. A descriptor with a higher number is not protected. */
#define NUMBERS 65536U
/*
 * The lowest number that a descriptor is moved to: above those of select(2) and fixed numbers, but
 * low enough for a small table.
 */
#define PREFERRED_NUMBER 1024U

static _Atomic uint64_t own[NUMBERS / BITS_PER_WORD];

bool OwnDescriptorsHave(int descriptor)
{
    if (descriptor < 0 || (unsigned)descriptor >= NUMBERS) {
        return false;
    }
    /*
     * relaxed, here and below: the bit orders nothing. A program that closes a descriptor while it
     * is being opened has a race anyway.
     */
    uint64_t word =
        atomic_load_explicit(&own[(unsigned)descriptor / BITS_PER_WORD], memory_order_relaxed);
    return (word >> ((unsigned)descriptor % BITS_PER_WORD)) & 1;
}

void OwnDescriptorsAdd(int descriptor)
{
    if (descriptor >= 0 && (unsigned)descriptor < NUMBERS) {
        (void)atomic_fetch_or_explicit(&own[(unsigned)descriptor / BITS_PER_WORD],
                                       1ULL << ((unsigned)descriptor % BITS_PER_WORD),
                                       memory_order_relaxed);
    }
}

void OwnDescriptorsRemove(int descriptor)
{
    if (OwnDescriptorsHave(descriptor)) {
        (void)atomic_fetch_and_explicit(&own[(unsigned)descriptor / BITS_PER_WORD],
                                        ~(1ULL << ((unsigned)descriptor % BITS_PER_WORD)),
                                        memory_order_relaxed);
    }
}

int OwnDescriptorsNext(unsigned first, unsigned last)
{
    unsigned number = first;
    while (number < NUMBERS && number <= last) {
        uint64_t word = atomic_load_explicit(&own[number / BITS_PER_WORD], memory_order_relaxed) >>
                        (number % BITS_PER_WORD);
        if (word != 0) {
            number += (unsigned)__builtin_ctzll(word);
            return number <= last ? (int)number : -1;
        }
        number = (number / BITS_PER_WORD + 1) * BITS_PER_WORD;
    }
    return -1;
}

static unsigned long LowestNumber(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= 2UL * PREFERRED_NUMBER) {
        return PREFERRED_NUMBER;
    }
    return limit.rlim_cur / 2;
}

int OwnDescriptorsAdopt(int descriptor)
{
    if (descriptor < 0) {
        return descriptor;
    }
    unsigned long lowest = LowestNumber();
    int moved =
        (unsigned long)descriptor >= lowest ? -1 : LibcFcntl(descriptor, F_DUPFD_CLOEXEC, lowest);
    if (moved >= 0) {
        (void)LibcClose(descriptor);
        descriptor = moved;
    }
    OwnDescriptorsAdd(descriptor);
    return descriptor;
}
