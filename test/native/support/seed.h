/* Chooses the seed of random tests. */
#ifndef LITEIPC_TEST_SEED_H
#define LITEIPC_TEST_SEED_H

#include <stdint.h>

/* Returns LITEIPC_TEST_SEED from the environment, else a random number, and prints it. */
uint64_t TestSeed(void);

#endif
