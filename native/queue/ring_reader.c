/* Implements the receiving end of a ring. See ring.h. */
#include <errno.h>
#include <string.h>

#include "queue/ring_layout.h"

/* The sender can change its memory at any time: the checked value must be the used value. */
static inline uint32_t ReadOnce32(const uint32_t *address)
{
    return *(const volatile uint32_t *)address;
}

static inline uint64_t ReadOnce64(const uint64_t *address)
{
    return *(const volatile uint64_t *)address;
}

static inline const struct RingRecord *RecordAt(const struct RingReader *reader, uint64_t offset)
{
    return (const struct RingRecord *)(reader->data + offset);
}

int RingReaderInit(struct RingReader *reader, const void *ring, size_t size, void *cursors)
{
    const struct RingHeader *header = ring;
    struct RingCursors *own = cursors;
    uint64_t firstSequence;

    if (!RingIsAligned(ring) || !RingIsAligned(cursors) || !RingSizeIsPossible(size)) {
        return -EINVAL;
    }
    firstSequence = ReadOnce64(&header->firstSequence);
    if (ReadOnce64(&header->magic) != RING_MAGIC || ReadOnce32(&header->version) != RING_VERSION ||
        ReadOnce64(&header->capacity) != size - RING_HEADER_SIZE || firstSequence == 0) {
        return -EPROTO;
    }
    memset(reader, 0, sizeof(*reader));
    reader->data = (const unsigned char *)ring + RING_HEADER_SIZE;
    reader->cursors = own;
    reader->capacity = size - RING_HEADER_SIZE;
    reader->sequence = firstSequence;
    return 0;
}

int RingPeekAt(const struct RingReader *reader, struct RingStep *step)
{
    uint64_t offset = step->offset;
    uint64_t sequence = step->sequence;
    uint64_t skipped = 0;
    const struct RingRecord *record = RecordAt(reader, offset);
    uint64_t bytes;
    uint32_t size;

    /* Acquire: synchronises with the store of the sequence in RingPublish. */
    if (atomic_load_explicit(&record->sequence, memory_order_acquire) != sequence) {
        return 0;
    }
    size = ReadOnce32(&record->size);
    if (size == 0) {
        uint64_t to = (uint64_t)ReadOnce32(&record->skipTo) * RING_ALIGNMENT;

        skipped = RingSkipBytes(reader->capacity, offset, to);
        if (skipped == 0) {
            return -EPROTO;
        }
        offset = to;
        sequence = RingNextSequence(sequence);
        record = RecordAt(reader, offset);
        /* Relaxed: it was stored before the skip, which the acquire load above has seen. */
        if (atomic_load_explicit(&record->sequence, memory_order_relaxed) != sequence) {
            return -EPROTO;
        }
        size = ReadOnce32(&record->size); /* another skip is too small a record */
    }
    bytes = RingRoundUp(size);
    if (size < sizeof(struct RingRecord) || bytes > RingMaximumRecord(reader->capacity) ||
        bytes > reader->capacity - offset) {
        return -EPROTO;
    }
    step->record = record;
    step->size = size;
    step->bytes = skipped + bytes;
    step->offset = offset + bytes == reader->capacity ? 0 : offset + bytes;
    step->sequence = RingNextSequence(sequence);
    return 1;
}

int RingPeek(struct RingReader *reader, const struct RingRecord **record, uint32_t *size)
{
    struct RingStep *step = &reader->peeked;
    int status;

    step->offset = reader->offset;
    step->sequence = reader->sequence;
    step->bytes = 0;
    status = RingPeekAt(reader, step);
    if (status == 1) {
        *record = step->record;
        *size = step->size;
    }
    return status;
}

void RingTake(struct RingReader *reader)
{
    struct RingStep *step = &reader->peeked;

    if (step->bytes == 0) {
        return;
    }
    reader->taken += step->bytes;
    reader->offset = step->offset;
    reader->sequence = step->sequence;
    step->bytes = 0;
    /*
     * Release: synchronises with the acquire load in RefreshTaken (ring_writer.c). Our reads of the
     * record are over before the sender can overwrite it.
     */
    atomic_store_explicit(&reader->cursors->taken, reader->taken, memory_order_release);
}

void RingArm(struct RingReader *reader)
{
    reader->epoch += (reader->epoch & 1) ? 2 : 1;
    /*
     * Sequentially consistent, with the load in RingLookAfterArm after it and, on the other side,
     * the store of the sequence and the load of `armed` in RingPublish. See BellIsDue.
     */
    atomic_store_explicit(&reader->cursors->armed, reader->epoch, memory_order_seq_cst);
}

bool RingLookAfterArm(const struct RingReader *reader)
{
    /*
     * Acquire part: as in RingReaderEmpty. Sequentially consistent part: not before the store in
     * RingArm; either this sees the record or its sender sees the epoch.
     */
    return atomic_load_explicit(&RecordAt(reader, reader->offset)->sequence,
                                memory_order_seq_cst) == reader->sequence;
}

void RingDisarm(struct RingReader *reader)
{
    if ((reader->epoch & 1) == 0) {
        return;
    }
    reader->epoch++;
    /* Relaxed: nothing depends on it. A sender that sees it late rings once for nothing. */
    atomic_store_explicit(&reader->cursors->armed, reader->epoch, memory_order_relaxed);
}

void RingFree(struct RingReader *reader, uint64_t charge)
{
    reader->freed += charge;
    /*
     * Release: synchronises with the acquire load in RefreshFreed, so that the room really exists.
     */
    atomic_store_explicit(&reader->cursors->freed, reader->freed, memory_order_release);
}

void RingFreeElsewhere(struct RingReader *reader, uint64_t charge)
{
    /*
     * Release: as in RingFree. Read-modify-write: several threads of this process may free at once.
     */
    atomic_fetch_add_explicit(&reader->cursors->freedElsewhere, charge, memory_order_release);
}
