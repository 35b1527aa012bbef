/*
 * Implements a ring of trace records. Several threads write without a lock, a new record replaces
 * the oldest, and one reader takes what is there. It knows nothing of devices.
 *
 * Memory: 80 bytes for each record, fixed at creation.
 */
#ifndef LITEIPC_KERNEL_TRACE_H
#define LITEIPC_KERNEL_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "liteipc/hook_types.h"

struct IpcTrace;

/* Creates a ring of `capacity` records, a power of two. Returns 0 or -ENOMEM. */
int TraceCreate(uint32_t capacity, struct IpcTrace **trace);
/* Frees a ring that no thread uses any more. NULL is allowed. */
void TraceFree(struct IpcTrace *trace);
uint32_t TraceCapacity(const struct IpcTrace *trace);

/*
 * Appends a record. Any number of threads, also concurrently with TraceTake; never waits. While a
 * thread is stopped in here for a whole round of the others, they leave its place out.
 */
void TracePut(struct IpcTrace *trace, const struct LiteIpcTraceRecord *record);

/*
 * Takes the oldest records, at most `maximum`, in the order of TracePut. `*lost` is set to the
 * number of records since the last call that were overwritten before they could be read. Returns
 * how many were taken: fewer than `maximum` if there are no more, or if the next one is being
 * written. One thread at a time.
 */
size_t TraceTake(struct IpcTrace *trace, struct LiteIpcTraceRecord *records, size_t maximum,
                 uint64_t *lost);

#endif
