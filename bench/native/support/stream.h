/*
 * Both measurements over a pair of byte streams, for the transports that are just that.
 *
 * Every message begins with its number (8 bytes); the other end checks it, so a transport that
 * loses, doubles or reorders a message fails instead of looking fast.
 */
#ifndef BENCH_STREAM_H
#define BENCH_STREAM_H

#include "support/options.h"

/*
 * The two ends of a connection. For a socket pair the request descriptor of one end is also its
 * reply descriptor. Each end closes what belongs to the other before it starts.
 */
struct StreamPair {
    const char *name; /* the transport, for the report */
    int clientWrite;  /* requests out */
    int serverRead;   /* requests in */
    int serverWrite;  /* replies out */
    int clientRead;   /* replies in */
};

/* Runs what the options ask for in two processes. Returns 0 or a negative errno. */
int StreamPairRun(struct StreamPair *pair, const struct BenchOptions *options);

#endif
