/*
 * A ring of trace records: several threads write without a lock, new records overwrite the oldest,
 * one reader takes them. It has no knowledge of devices.
 *
 * Memory: 80 bytes for each record, fixed when the ring is made.
 */
#ifndef LITEIPC_KERNEL_TRACE_H
#define LITEIPC_KERNEL_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "liteipc/hook_types.h"

struct IpcTrace;

/* Makes a ring of `capacity` records, a power of two. 0 or -ENOMEM. */
int TraceCreate(uint32_t capacity, struct IpcTrace **trace);
/* Frees the ring, which may not be used any more. NULL is allowed. */
void TraceFree(struct IpcTrace *trace);
uint32_t TraceCapacity(const struct IpcTrace *trace);

/*
 * Appends a record. Any number of threads, also beside TraceTake; never waits. If a thread is
 * stopped in here while the others write a whole round, they leave out its slot.
 */
void TracePut(struct IpcTrace *trace, const struct LiteIpcTraceRecord *record);

/*
 * Takes the oldest records, at most `maximum`, in the order of TracePut. `*lost` becomes the number
 * of records since the last call that were overwritten before they could be read. Returns the
 * number of records taken: fewer than `maximum` if there are no more, or if the next one is being
 * written at this moment. One thread at a time.
 */
size_t TraceTake(struct IpcTrace *trace, struct LiteIpcTraceRecord *records, size_t maximum,
                 uint64_t *lost);

#endif
