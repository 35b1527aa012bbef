#include "support/seed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/ring_pair.h"

uint64_t TestSeed(void)
{
    const char *given = getenv("LITEIPC_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : RingPairRandom();
    printf("LITEIPC_TEST_SEED=%" PRIu64 "\n", seed);
    (void)fflush(stdout);
    return seed;
}
