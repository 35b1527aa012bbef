/*
 * Implements both measurements over a pair of byte streams.
 *
 * Every message begins with its number (8 bytes), which the other end checks. A transport that
 * loses, duplicates or reorders a message fails instead of appearing fast.
 */
#ifndef BENCH_STREAM_H
#define BENCH_STREAM_H

#include "support/options.h"

/*
 * Holds the two ends of a connection. With a socket pair, the request descriptor of an end is also
 * its reply descriptor. Each end closes the descriptors of the other before it starts.
 */
struct StreamPair {
    const char *name; /* name of the transport, for the report */
    int clientWrite;  /* requests out */
    int serverRead;   /* requests in */
    int serverWrite;  /* replies out */
    int clientRead;   /* replies in */
};

/* Runs the selected measurement in two processes. Returns 0 or a negative errno. */
int StreamPairRun(struct StreamPair *pair, const struct BenchOptions *options);

#endif
