/*
 * Measures the bare ring (native/queue) between two spinning processes. Records are reserved,
 * charged, filled, published, copied out, taken and freed, but they carry no messages. The
 * difference to the floor is the cost of the ring; the difference to LiteIPC is the cost of
 * messages.
 *
 * `--bytes` is the payload of a record behind its prefix of 16 bytes.
 *
 * round-trip:  one record in each direction, one at a time.
 * one-way:     records in one direction, as many in flight as the allowance permits.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "queue/ring.h"
#include "support/pair.h"
#include "support/report.h"

#define ALLOWANCE   262144U
#define STOP_NUMBER UINT64_MAX

struct Lane {
    void *ring;
    void *cursors;
    size_t size;
    struct RingWriter writer; /* each end uses the copy of its own process */
    struct RingReader reader;
};

struct RingBench {
    struct Lane request;
    struct Lane reply;
};

static inline void Relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int LaneCreate(struct Lane *lane, uint64_t firstSequence)
{
    int status;

    lane->size = RingMemorySize(ALLOWANCE);
    lane->ring = mmap(NULL, lane->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    lane->cursors =
        mmap(NULL, RING_CURSORS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (lane->ring == MAP_FAILED || lane->cursors == MAP_FAILED) {
        return -errno;
    }
    status = RingFormat(lane->ring, lane->size, firstSequence);
    if (status == 0) {
        status = RingWriterInit(&lane->writer, lane->ring, lane->size, lane->cursors, ALLOWANCE);
    }
    if (status == 0) {
        status = RingReaderInit(&lane->reader, lane->ring, lane->size, lane->cursors);
    }
    return status;
}

/* Publishes a record; waits while the ring has no room. */
static int Put(struct Lane *lane, const void *message, size_t bytes)
{
    uint32_t size = (uint32_t)(sizeof(struct RingRecord) + bytes);
    uint64_t charge = size < RING_MINIMUM_CHARGE ? RING_MINIMUM_CHARGE : size;
    struct RingRecord *record = NULL;
    int status;

    while ((status = RingReserve(&lane->writer, size, charge, &record)) == -ENOMEM) {
        Relax();
    }
    if (status == 0) {
        memcpy(record + 1, message, bytes);
        (void)RingPublish(&lane->writer); /* the receiver never sleeps here */
    }
    return status;
}

/* Waits for a record, which must carry `bytes` bytes of payload. */
static int Get(struct Lane *lane, void *message, size_t bytes)
{
    const struct RingRecord *record = NULL;
    uint32_t size = 0;
    int status;

    while (RingReaderEmpty(&lane->reader)) {
        Relax();
    }
    status = RingPeek(&lane->reader, &record, &size);
    if (status != 1 || size != sizeof(*record) + bytes) {
        return status < 0 ? status : -EBADMSG;
    }
    memcpy(message, record + 1, bytes);
    RingTake(&lane->reader);
    RingFree(&lane->reader, size < RING_MINIMUM_CHARGE ? RING_MINIMUM_CHARGE : size);
    return 0;
}

static int Echo(struct RingBench *bench, const struct BenchOptions *options)
{
    char message[BENCH_MAX_BYTES];
    uint64_t number = 0;
    int status;

    do {
        status = Get(&bench->request, message, options->bytes);
        memcpy(&number, message, sizeof(number));
        if (status == 0 && number != STOP_NUMBER) {
            status = Put(&bench->reply, message, options->bytes);
        }
    } while (status == 0 && number != STOP_NUMBER);
    return status;
}

static int Ask(struct RingBench *bench, const struct BenchOptions *options)
{
    static struct RoundTripMeter meter;
    const uint64_t stop = STOP_NUMBER;
    char message[BENCH_MAX_BYTES] = {0};
    uint64_t number = 0;
    int status;

    RoundTripMeterStart(&meter, options);
    do {
        uint64_t sent = ++number;
        uint64_t answered = 0;

        memcpy(message, &sent, sizeof(sent));
        status = Put(&bench->request, message, options->bytes);
        if (status == 0) {
            status = Get(&bench->reply, message, options->bytes);
        }
        memcpy(&answered, message, sizeof(answered));
        if (status == 0 && answered != sent) {
            status = -EBADMSG;
        }
    } while (status == 0 && RoundTripMeterStep(&meter));
    if (status == 0) {
        memcpy(message, &stop, sizeof(stop));
        status = Put(&bench->request, message, options->bytes);
    }
    return status == 0 ? RoundTripReport(&meter, "ring", options) : status;
}

static int Drain(struct RingBench *bench, const struct BenchOptions *options)
{
    static struct RateMeter meter;
    char message[BENCH_MAX_BYTES];
    uint64_t expected = 0;

    RateMeterStart(&meter, options);
    for (;;) {
        uint64_t number = 0;
        int status = Get(&bench->request, message, options->bytes);

        memcpy(&number, message, sizeof(number));
        if (status == 0 && number == STOP_NUMBER) {
            return RateReport(&meter, "ring", options);
        }
        if (status != 0 || number != ++expected) {
            return status != 0 ? status : -EBADMSG;
        }
        RateMeterArrived(&meter, 1);
    }
}

static int Produce(struct RingBench *bench, const struct BenchOptions *options)
{
    char message[BENCH_MAX_BYTES] = {0};
    uint64_t endNs = ClockNs() + options->warmUpNs + options->measureNs;
    const uint64_t stop = STOP_NUMBER;
    uint64_t number = 0;
    int status = 0;

    do {
        for (int inBlock = 0; status == 0 && inBlock < BENCH_RATE_BLOCK; inBlock++) {
            number++;
            memcpy(message, &number, sizeof(number));
            status = Put(&bench->request, message, options->bytes);
        }
    } while (status == 0 && ClockNs() < endNs);
    memcpy(message, &stop, sizeof(stop));
    return status == 0 ? Put(&bench->request, message, options->bytes) : status;
}

static int Server(void *context, const struct BenchOptions *options)
{
    return options->measure == BENCH_ROUND_TRIP ? Echo(context, options) : Drain(context, options);
}

static int Client(void *context, const struct BenchOptions *options)
{
    return options->measure == BENCH_ROUND_TRIP ? Ask(context, options) : Produce(context, options);
}

int main(int argumentCount, char **arguments)
{
    struct BenchOptions options;
    static struct RingBench bench;
    int status;

    if (BenchOptionsParse(&options, argumentCount, arguments, NULL, NULL) != 0) {
        return EXIT_FAILURE;
    }
    status = LaneCreate(&bench.request, ClockNs() | 1);
    if (status == 0) {
        status = LaneCreate(&bench.reply, ClockNs() | 1);
    }
    if (status == 0) {
        status = BenchPairRun(Server, Client, &bench, &options);
    }
    if (status != 0) {
        fprintf(stderr, "ring: %s\n", strerror(-status));
    }
    return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
