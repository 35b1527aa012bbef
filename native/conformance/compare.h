/*
 * Compares a received message or result with the wanted one, and describes the difference in words.
 */
#ifndef CONFORMANCE_COMPARE_H
#define CONFORMANCE_COMPARE_H

#include "conformance/exchange.h"
#include "conformance/snapshot.h"

#define DIFFERENCE_SIZE 128

/* The first difference: the wanted value and the received value. */
struct Difference {
    char wanted[DIFFERENCE_SIZE], came[DIFFERENCE_SIZE];
};

/* Returns true if there is no difference. */
bool CompareMessage(const struct Scenario *scenario, const uint64_t *environment,
                    const struct WantedMessage *wanted, const struct Snapshot *came,
                    struct Difference *difference);
/*
 * Compares the result of a device call (0 or positive, or a negative errno). `allowed` is the only
 * positive result that is a success, or 0.
 */
bool CompareResult(uint32_t want, int32_t result, uint32_t allowed, struct Difference *difference);

void DifferenceSet(struct Difference *difference, const char *wanted, const char *came, ...);

#endif
