/*
 * A ring of trace records: several threads write without a lock, the oldest record gives way, one
 * reader takes what is there. It knows nothing of devices.
 *
 * Memory: 80 bytes for each record, fixed when it is made.
 */
#ifndef LITEIPC_KERNEL_TRACE_H
#define LITEIPC_KERNEL_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "liteipc/hook_types.h"

struct IpcTrace;

/* `capacity` records, a power of two. 0 or -ENOMEM. */
int TraceCreate(uint32_t capacity, struct IpcTrace **trace);
/* Nobody may use it any more. NULL is fine. */
void TraceFree(struct IpcTrace *trace);
uint32_t TraceCapacity(const struct IpcTrace *trace);

/*
 * Appends a record. Any number of threads, also beside TraceTake; never waits. A thread that was
 * stopped in here for as long as the others needed for a whole round makes them leave out its
 * place.
 */
void TracePut(struct IpcTrace *trace, const struct LiteIpcTraceRecord *record);

/*
 * Takes the oldest records, at most `maximum`, in the order of TracePut. `*lost` becomes the number
 * of records since the last call that gave way before anyone could read them. Returns how many were
 * taken: fewer than `maximum` if there are no more, or if the next one is being written at this
 * moment. One thread at a time.
 */
size_t TraceTake(struct IpcTrace *trace, struct LiteIpcTraceRecord *records, size_t maximum,
                 uint64_t *lost);

#endif
