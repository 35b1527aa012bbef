/*
 * Runs the thread tests of the slab pool on a pool that yields the processor within its steps. The
 * sources are included here instead of linked, so that they are compiled with the yields.
 */
#include "support/yield_at_exchange.h"

#include "mem/slab_pool.c"   /* NOLINT(bugprone-suspicious-include) */
#include "mem/slab_spans.c"  /* NOLINT(bugprone-suspicious-include) */
#include "mem/slab_upkeep.c" /* NOLINT(bugprone-suspicious-include) */

#include "test_slab_pool_threads.c" /* NOLINT(bugprone-suspicious-include) */
