/*
 * Measures bare shared memory between two processes: the lower bound for every transport.
 *
 * Option --wait spin (default): the waiting process spins on the flag and makes no system call.
 * Option --wait futex: the waiting process sleeps in the kernel at once and is woken by a futex
 * call.
 *
 * round-trip:  the client copies a request into a slot and raises a flag; the server copies it out,
 *              copies it into the other slot and raises the other flag. There are no checks and no
 *              queue.
 * one-way:     a ring of slots with one writer and one reader. The writer publishes each message
 *              with a store of its own. The reader copies out the available messages, at most 256
 *              at a time. Only with --wait spin.
 */
#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "support/pair.h"
#include "support/report.h"

#define CACHE_LINE   64
#define RING_SLOTS   4096U
#define RETURN_SLOTS 256U /* the reader takes and returns at most this many slots at a time */
#define STOP_NUMBER  UINT32_MAX

struct Flag {
    _Alignas(CACHE_LINE) _Atomic uint32_t number; /* number of the message in the slot */
    char slot[BENCH_MAX_BYTES];                   /* may share the cache line of the number */
};

struct Ring {
    _Alignas(CACHE_LINE) _Atomic uint64_t written;
    _Alignas(CACHE_LINE) _Atomic uint64_t read;
    _Alignas(CACHE_LINE) _Atomic uint32_t closed;
    _Alignas(CACHE_LINE) char slots[RING_SLOTS * BENCH_MAX_BYTES]; /* see Slot */
};

struct Shared {
    struct Flag request;
    struct Flag reply;
    struct Ring ring;
};

struct Floor {
    struct Shared *shared;
    bool sleeps;
};

static inline void Relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static const char *Name(const struct Floor *bench)
{
    return bench->sleeps ? "floor_futex" : "floor_spin";
}

static void Raise(struct Flag *flag, uint32_t number, bool sleeps)
{
    /* Release: pairs with the acquire in Await, so the slot's bytes are visible with the number. */
    atomic_store_explicit(&flag->number, number, memory_order_release);
    if (sleeps) {
        syscall(SYS_futex, &flag->number, FUTEX_WAKE, 1, NULL, NULL, 0);
    }
}

/* Waits until the flag's number differs from `before` and returns the number. */
static uint32_t Await(struct Flag *flag, uint32_t before, bool sleeps)
{
    for (;;) {
        /* Acquire: pairs with the release in Raise. */
        uint32_t number = atomic_load_explicit(&flag->number, memory_order_acquire);
        if (number != before) {
            return number;
        }
        if (sleeps) {
            syscall(SYS_futex, &flag->number, FUTEX_WAIT, before, NULL, NULL, 0);
        } else {
            Relax();
        }
    }
}

static int Echo(struct Floor *bench, const struct BenchOptions *options)
{
    struct Shared *shared = bench->shared;
    char message[BENCH_MAX_BYTES];
    uint32_t number = 0;

    for (;;) {
        number = Await(&shared->request, number, bench->sleeps);
        if (number == STOP_NUMBER) {
            return 0;
        }
        memcpy(message, shared->request.slot, options->bytes);
        memcpy(shared->reply.slot, message, options->bytes);
        Raise(&shared->reply, number, bench->sleeps);
    }
}

static int Ask(struct Floor *bench, const struct BenchOptions *options)
{
    static struct RoundTripMeter meter;
    struct Shared *shared = bench->shared;
    char message[BENCH_MAX_BYTES] = {0};
    uint32_t number = 0;
    int status = 0;

    RoundTripMeterStart(&meter, options);
    do {
        uint64_t sent = ++number;
        uint64_t answered = 0;
        memcpy(message, &sent, sizeof(sent));
        memcpy(shared->request.slot, message, options->bytes);
        Raise(&shared->request, number, bench->sleeps);
        (void)Await(&shared->reply, number - 1, bench->sleeps);
        memcpy(message, shared->reply.slot, options->bytes);
        memcpy(&answered, message, sizeof(answered));
        status = answered == sent ? 0 : -EBADMSG;
    } while (status == 0 && RoundTripMeterStep(&meter));
    Raise(&shared->request, STOP_NUMBER, bench->sleeps);
    return status == 0 ? RoundTripReport(&meter, Name(bench), options) : status;
}

/* Returns the slot of a message. The stride is the smallest multiple of a cache line. */
static char *Slot(struct Ring *ring, uint64_t index, const struct BenchOptions *options)
{
    size_t stride = (options->bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;

    return ring->slots + (index % RING_SLOTS) * stride;
}

static int Drain(struct Floor *bench, const struct BenchOptions *options)
{
    static struct RateMeter meter;
    struct Ring *ring = &bench->shared->ring;
    char message[BENCH_MAX_BYTES];
    uint64_t taken = 0;

    RateMeterStart(&meter, options);
    for (;;) {
        /*
         * Acquire: pairs with the writer's release of `closed`; all earlier messages are visible.
         */
        uint32_t closed = atomic_load_explicit(&ring->closed, memory_order_acquire);
        /* Acquire: pairs with the writer's release of `written`; the slots below it are filled. */
        uint64_t written = atomic_load_explicit(&ring->written, memory_order_acquire);
        if (taken == written) {
            if (closed != 0) {
                return RateReport(&meter, Name(bench), options);
            }
            Relax();
            continue;
        }
        uint64_t first = taken;
        do {
            uint64_t number = 0;
            memcpy(message, Slot(ring, taken, options), options->bytes);
            memcpy(&number, message, sizeof(number));
            if (number != ++taken) {
                return -EBADMSG;
            }
        } while (taken != written && taken - first < RETURN_SLOTS);
        /* Release: pairs with the writer's acquire of `read`; the slots have been copied out. */
        atomic_store_explicit(&ring->read, taken, memory_order_release);
        RateMeterArrived(&meter, (uint32_t)(taken - first));
    }
}

static int Produce(struct Floor *bench, const struct BenchOptions *options)
{
    struct Ring *ring = &bench->shared->ring;
    char message[BENCH_MAX_BYTES] = {0};
    uint64_t endNs = ClockNs() + options->warmUpNs + options->measureNs;
    uint64_t written = 0;
    uint64_t read = 0;

    do {
        for (int inBlock = 0; inBlock < BENCH_RATE_BLOCK; inBlock++) {
            while (written - read == RING_SLOTS) {
                Relax();
                /* Acquire: pairs with the reader's release of `read`. */
                read = atomic_load_explicit(&ring->read, memory_order_acquire);
            }
            uint64_t number = written + 1;
            memcpy(message, &number, sizeof(number));
            memcpy(Slot(ring, written, options), message, options->bytes);
            written = number;
            /* Release: pairs with the reader's acquire of `written`. */
            atomic_store_explicit(&ring->written, written, memory_order_release);
        }
    } while (ClockNs() < endNs);
    /* Release: pairs with the reader's acquire of `closed`. */
    atomic_store_explicit(&ring->closed, 1, memory_order_release);
    return 0;
}

static int Server(void *context, const struct BenchOptions *options)
{
    return options->measure == BENCH_ROUND_TRIP ? Echo(context, options) : Drain(context, options);
}

static int Client(void *context, const struct BenchOptions *options)
{
    return options->measure == BENCH_ROUND_TRIP ? Ask(context, options) : Produce(context, options);
}

static bool WaitOption(void *context, const char *name, const char *value)
{
    struct Floor *bench = context;

    if (strcmp(name, "--wait") != 0) {
        return false;
    }
    bench->sleeps = strcmp(value, "futex") == 0;
    return bench->sleeps || strcmp(value, "spin") == 0;
}

int main(int argumentCount, char **arguments)
{
    struct BenchOptions options;
    struct Floor bench = {0};

    if (BenchOptionsParse(&options, argumentCount, arguments, WaitOption, &bench) != 0) {
        return EXIT_FAILURE;
    }
    if (bench.sleeps && options.measure == BENCH_ONE_WAY) {
        fprintf(stderr, "%s: --measure one-way requires --wait spin\n", arguments[0]);
        return EXIT_FAILURE;
    }
    bench.shared = mmap(NULL, sizeof(struct Shared), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (bench.shared == MAP_FAILED) {
        perror("mmap");
        return EXIT_FAILURE;
    }
    int status = BenchPairRun(Server, Client, &bench, &options);
    if (status != 0) {
        fprintf(stderr, "%s: %s\n", Name(&bench), strerror(-status));
    }
    return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
