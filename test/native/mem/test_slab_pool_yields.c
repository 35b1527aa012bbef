/*
 * The thread tests of the slab pool once more, on a pool that is built to give up the processor in
 * the midst of its steps. The sources are included here instead of linked, to be built that way.
 */
#include "support/yield_at_exchange.h"

#include "mem/slab_pool.c"   /* NOLINT(bugprone-suspicious-include) */
#include "mem/slab_spans.c"  /* NOLINT(bugprone-suspicious-include) */
#include "mem/slab_upkeep.c" /* NOLINT(bugprone-suspicious-include) */

#include "test_slab_pool_threads.c" /* NOLINT(bugprone-suspicious-include) */
