#include "support/stream.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "support/pair.h"
#include "support/report.h"

/* Read size of the receiver of a one-way stream. */
#define READ_BYTES 65536

static int WriteWhole(int descriptor, const void *data, size_t bytes)
{
    const char *next = data;

    while (bytes > 0) {
        ssize_t written = write(descriptor, next, bytes);
        if (written < 0) {
            return -errno;
        }
        next += written;
        bytes -= (size_t)written;
    }
    return 0;
}

/* Reads exactly `bytes`. Returns 1, 0 at the end of the stream, or a negative errno. */
static int ReadWhole(int descriptor, void *data, size_t bytes)
{
    char *next = data;

    while (bytes > 0) {
        ssize_t got = read(descriptor, next, bytes);
        if (got <= 0) {
            return got == 0 ? 0 : -errno;
        }
        next += got;
        bytes -= (size_t)got;
    }
    return 1;
}

static int Echo(const struct StreamPair *pair, const struct BenchOptions *options)
{
    char message[BENCH_MAX_BYTES];
    int status = ReadWhole(pair->serverRead, message, options->bytes);

    while (status == 1) {
        status = WriteWhole(pair->serverWrite, message, options->bytes);
        if (status == 0) {
            status = ReadWhole(pair->serverRead, message, options->bytes);
        }
    }
    return status;
}

static int Ask(const struct StreamPair *pair, const struct BenchOptions *options)
{
    static struct RoundTripMeter meter;
    char message[BENCH_MAX_BYTES] = {0};
    uint64_t number = 0;
    uint64_t answered = 0;

    RoundTripMeterStart(&meter, options);
    do {
        number++;
        memcpy(message, &number, sizeof(number));
        int status = WriteWhole(pair->clientWrite, message, options->bytes);
        if (status != 0) {
            return status;
        }
        status = ReadWhole(pair->clientRead, message, options->bytes);
        if (status != 1) {
            return status == 0 ? -EPIPE : status;
        }
        memcpy(&answered, message, sizeof(answered));
        if (answered != number) {
            return -EBADMSG;
        }
    } while (RoundTripMeterStep(&meter));
    return RoundTripReport(&meter, pair->name, options);
}

/*
 * Checks the numbers of the complete messages in `data`. Returns how many there are, or -EBADMSG.
 */
static int CheckNumbers(const char *data, size_t length, size_t bytes, uint64_t *number)
{
    int messages = 0;

    for (; length >= bytes; length -= bytes, data += bytes) {
        uint64_t got = 0;
        memcpy(&got, data, sizeof(got));
        *number += 1;
        if (got != *number) {
            return -EBADMSG;
        }
        messages++;
    }
    return messages;
}

static int Drain(const struct StreamPair *pair, const struct BenchOptions *options)
{
    static struct RateMeter meter;
    static char buffer[READ_BYTES];
    size_t filled = 0;
    uint64_t number = 0;

    RateMeterStart(&meter, options);
    for (;;) {
        ssize_t got = read(pair->serverRead, buffer + filled, sizeof(buffer) - filled);
        if (got <= 0) {
            return got == 0 ? RateReport(&meter, pair->name, options) : -errno;
        }
        filled += (size_t)got;
        int messages = CheckNumbers(buffer, filled, options->bytes, &number);
        if (messages < 0) {
            return messages;
        }
        RateMeterArrived(&meter, (uint32_t)messages);
        size_t used = (size_t)messages * options->bytes;
        filled -= used;
        memmove(buffer, buffer + used, filled);
    }
}

static int Produce(const struct StreamPair *pair, const struct BenchOptions *options)
{
    char message[BENCH_MAX_BYTES] = {0};
    uint64_t endNs = ClockNs() + options->warmUpNs + options->measureNs;
    uint64_t number = 0;

    do {
        for (int inBlock = 0; inBlock < BENCH_RATE_BLOCK; inBlock++) {
            number++;
            memcpy(message, &number, sizeof(number));
            int status = WriteWhole(pair->clientWrite, message, options->bytes);
            if (status != 0) {
                return status;
            }
        }
    } while (ClockNs() < endNs);
    return 0;
}

static int StreamServer(void *context, const struct BenchOptions *options)
{
    const struct StreamPair *pair = context;

    close(pair->clientWrite);
    if (pair->clientRead != pair->clientWrite) {
        close(pair->clientRead);
    }
    return options->measure == BENCH_ROUND_TRIP ? Echo(pair, options) : Drain(pair, options);
}

static int StreamClient(void *context, const struct BenchOptions *options)
{
    const struct StreamPair *pair = context;

    close(pair->serverRead);
    if (pair->serverWrite != pair->serverRead) {
        close(pair->serverWrite);
    }
    return options->measure == BENCH_ROUND_TRIP ? Ask(pair, options) : Produce(pair, options);
}

static void CloseAll(const struct StreamPair *pair)
{
    close(pair->clientWrite);
    close(pair->serverRead);
    if (pair->clientRead != pair->clientWrite) {
        close(pair->clientRead);
        close(pair->serverWrite);
    }
}

int StreamPairRun(struct StreamPair *pair, const struct BenchOptions *options)
{
    int server = BenchFork("server", StreamServer, options->serverCpu, pair, options);
    int client =
        server < 0 ? server : BenchFork("client", StreamClient, options->clientCpu, pair, options);

    /*
     * If one end exits, the other reads the end of the stream and exits too, so neither has to be
     * killed.
     */
    CloseAll(pair);
    int clientStatus = client < 0 ? client : BenchWait(client);
    int serverStatus = server < 0 ? server : BenchWait(server);
    return clientStatus != 0 ? clientStatus : serverStatus;
}
