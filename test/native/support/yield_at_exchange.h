/*
 * Makes races likely. Included before the code under test, it randomly yields the processor
 * directly before a compare-and-swap, between the load and the exchange. Lock-free algorithms fail
 * at this point, and on two cores the scheduler rarely interrupts them there.
 */
#ifndef LITEIPC_TEST_YIELD_AT_EXCHANGE_H
#define LITEIPC_TEST_YIELD_AT_EXCHANGE_H

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

/*
 * Yields one time out of eight. Every thread has its own sequence, seeded by the address of its
 * variable.
 */
static inline void YieldSometimes(void)
{
    static _Thread_local uint64_t random;
    if (random == 0) {
        random = (uint64_t)(uintptr_t)&random | 1;
    }
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    if (random % 8 == 0) {
        (void)sched_yield();
    }
}

#ifdef __clang__
#define EXCHANGE_WEAK(object, expected, desired, success, failure)                                 \
    __c11_atomic_compare_exchange_weak(object, expected, desired, success, failure)
#define EXCHANGE_STRONG(object, expected, desired, success, failure)                               \
    __c11_atomic_compare_exchange_strong(object, expected, desired, success, failure)
#else
#define EXCHANGE_WEAK(object, expected, desired, success, failure)                                 \
    __atomic_compare_exchange_n(object, expected, desired, 1, success, failure)
#define EXCHANGE_STRONG(object, expected, desired, success, failure)                               \
    __atomic_compare_exchange_n(object, expected, desired, 0, success, failure)
#endif

#undef atomic_compare_exchange_weak_explicit
#undef atomic_compare_exchange_strong_explicit
#define atomic_compare_exchange_weak_explicit(object, expected, desired, success, failure)         \
    (YieldSometimes(), EXCHANGE_WEAK(object, expected, desired, success, failure))
#define atomic_compare_exchange_strong_explicit(object, expected, desired, success, failure)       \
    (YieldSometimes(), EXCHANGE_STRONG(object, expected, desired, success, failure))

#endif
