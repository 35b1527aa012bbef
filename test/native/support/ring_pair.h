/*
 * Both ends of one ring for tests, in one process, and records with contents that can be checked.
 */
#ifndef TEST_RING_PAIR_H
#define TEST_RING_PAIR_H

#include "queue/ring.h"

#define RING_PAIR_SMALL          4096U                                /* bytes; the smallest ring */
#define RING_PAIR_SMALL_CAPACITY (RING_PAIR_SMALL - RING_HEADER_SIZE) /* 62 units of 64 */
#define RING_PAIR_NO_LIMIT       (1ULL << 30) /* an allowance that never refuses */

/* A record that `RingPairSend` writes: its number and bytes that follow from it. */
struct RingPairRecord {
    struct RingRecord prefix;
    uint64_t number;
    unsigned char bytes[];
};

/* Memory is from the heap, exactly as large as said: a sanitizer sees any access beyond it. */
struct RingPair {
    unsigned char *ring;
    size_t size;
    struct RingCursors *cursors;
    struct RingWriter writer;
    struct RingReader reader;
};

/* Fails the test if it cannot. `size` in bytes, a multiple of 64. */
void RingPairCreate(struct RingPair *pair, size_t size, uint64_t allowance, uint64_t firstSequence);
void RingPairDestroy(struct RingPair *pair);

/* Random 64 bits from the OS, not 0. */
uint64_t RingPairRandom(void);

/* The next of a reproducible series of 64 bits. */
uint64_t RingPairNextRandom(uint64_t *state);

/* Fills a reserved record of `size` bytes for `number`; checks one. Shorter than 24 bytes: only the
 * prefix is used. */
void RingPairFill(struct RingRecord *record, uint32_t size, uint64_t number);
bool RingPairMatches(const struct RingRecord *record, uint32_t size, uint64_t number);

/* Reserves, fills and publishes. 0 or the error of RingReserve; `*bell` may be NULL. */
int RingPairSend(struct RingWriter *writer, uint32_t size, uint64_t charge, uint64_t number,
                 bool *bell);

/* The following fail the test if anything is not as it should be. */

/* Sends a record that is charged its size; checks the writer. */
void RingPairPut(struct RingPair *pair, uint32_t size, uint64_t number);

/* Receives that record; checks the reader. The charge is not given back. */
void RingPairGet(struct RingPair *pair, uint32_t size, uint64_t number);

/* Sends and receives records of 64 bytes, one by one, `bytes` in all. */
void RingPairGoDown(struct RingPair *pair, uint64_t bytes);

/* No way of looking finds a record. */
void RingPairExpectNothing(struct RingPair *pair);

/* What RingPeek returns. */
int RingPairPeek(struct RingPair *pair);

/* The record at `offset` bytes behind the header, to read or forge. */
struct RingRecord *RingPairAt(struct RingPair *pair, size_t offset);

/* What the receiver's cursor says. */
uint64_t RingPairTaken(struct RingPair *pair);

#endif
