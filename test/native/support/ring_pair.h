/* Provides both ends of a ring in one process for tests, and records with verifiable contents. */
#ifndef TEST_RING_PAIR_H
#define TEST_RING_PAIR_H

#include "queue/ring.h"

#define RING_PAIR_SMALL          4096U                                /* bytes; the smallest ring */
#define RING_PAIR_SMALL_CAPACITY (RING_PAIR_SMALL - RING_HEADER_SIZE) /* 62 units of 64 */
#define RING_PAIR_NO_LIMIT       (1ULL << 30) /* an allowance that never refuses */

/* A record that `RingPairSend` writes: its number and bytes that are derived from the number. */
struct RingPairRecord {
    struct RingRecord prefix;
    uint64_t number;
    unsigned char bytes[];
};

/*
 * The memory is a heap block of the exact size, so that a sanitizer detects any access beyond it.
 */
struct RingPair {
    unsigned char *ring;
    size_t size;
    struct RingCursors *cursors;
    struct RingWriter writer;
    struct RingReader reader;
};

/* Fails the test on an error. `size` is in bytes, a multiple of 64. */
void RingPairCreate(struct RingPair *pair, size_t size, uint64_t allowance, uint64_t firstSequence);
void RingPairDestroy(struct RingPair *pair);

/* Returns 64 random bits from the OS, not 0. */
uint64_t RingPairRandom(void);

/* Returns the next 64 bits of a reproducible sequence. */
uint64_t RingPairNextRandom(uint64_t *state);

/*
 * Fills a reserved record of `size` bytes for `number`; checks such a record. A record shorter than
 * 24 bytes has only the prefix.
 */
void RingPairFill(struct RingRecord *record, uint32_t size, uint64_t number);
bool RingPairMatches(const struct RingRecord *record, uint32_t size, uint64_t number);

/*
 * Reserves, fills and publishes a record. Returns 0 or the error of RingReserve; `bell` may be
 * NULL.
 */
int RingPairSend(struct RingWriter *writer, uint32_t size, uint64_t charge, uint64_t number,
                 bool *bell);

/* The following functions fail the test if a check fails. */

/* Sends a record that is charged its size; checks the writer. */
void RingPairPut(struct RingPair *pair, uint32_t size, uint64_t number);

/* Receives that record and checks the reader. Does not return the charge. */
void RingPairGet(struct RingPair *pair, uint32_t size, uint64_t number);

/* Sends and receives records of 64 bytes one by one, `bytes` in total. */
void RingPairAdvance(struct RingPair *pair, uint64_t bytes);

/* Asserts that neither RingPeek nor RingArm finds a record. */
void RingPairExpectNothing(struct RingPair *pair);

/* Returns the result of RingPeek. */
int RingPairPeek(struct RingPair *pair);

/* Returns the record at `offset` bytes behind the header, to read or forge it. */
struct RingRecord *RingPairAt(struct RingPair *pair, size_t offset);

/* Returns the value of the receiver's `taken` cursor. */
uint64_t RingPairTaken(struct RingPair *pair);

#endif
