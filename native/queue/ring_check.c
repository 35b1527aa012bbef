/* Checks the validity of the two ends of a ring, for tests and debug builds. See ring.h. */
#include <errno.h>

#include "queue/ring_layout.h"

/*
 * Checks that the record at `*offset` has this sequence, or is a skip to such a record. Advances
 * all arguments past it.
 */
static int WalkWritten(const struct RingWriter *writer, uint64_t *offset, uint64_t *sequence,
                       uint64_t *position)
{
    bool skipped = false;

    for (;;) {
        const struct RingRecord *record = (const struct RingRecord *)(writer->data + *offset);
        uint64_t bytes = RingRoundUp(record->size);

        /* Relaxed: this thread wrote it. */
        if (atomic_load_explicit(&record->sequence, memory_order_relaxed) != *sequence) {
            return -EINVAL;
        }
        *sequence = RingNextSequence(*sequence);
        if (record->size == 0) {
            uint64_t to = (uint64_t)record->skipTo * RING_ALIGNMENT;

            bytes = RingSkipBytes(writer->capacity, *offset, to);
            if (skipped || bytes == 0) {
                return -EINVAL;
            }
            skipped = true;
            *position += bytes;
            *offset = to;
            continue;
        }
        if (record->size < sizeof(*record) || record->skipTo != 0 ||
            bytes > RingMaximumRecord(writer->capacity) || bytes > writer->capacity - *offset) {
            return -EINVAL;
        }
        *position += bytes;
        *offset = (*offset + bytes) % writer->capacity;
        return 0;
    }
}

int RingCheckWriter(const struct RingWriter *writer)
{
    uint64_t outstanding = writer->sent - writer->freed - writer->freedElsewhere;
    uint64_t limit = writer->capacity;
    uint64_t position = writer->taken;
    uint64_t offset = position % writer->capacity;
    uint64_t sequence;

    if (writer->sequence == 0 || writer->offset != writer->written % writer->capacity ||
        outstanding > writer->allowance || writer->freed > writer->sent) {
        return -EINVAL;
    }
    if (writer->holePending) {
        if (writer->taken != writer->hole || writer->hole % writer->capacity == 0) {
            return -EINVAL;
        }
        /* The walk ends with the lap after the hole. */
        limit = 2 * writer->capacity - writer->hole % writer->capacity;
    }
    if (writer->written - writer->taken > limit) {
        return -EINVAL;
    }
    if (position == writer->written) {
        return 0;
    }
    /*
     * The first number is unknown. The check is that the numbers are consecutive and lead to the
     * next one.
     */
    sequence = atomic_load_explicit(&((const struct RingRecord *)(writer->data + offset))->sequence,
                                    memory_order_relaxed);
    while (position != writer->written) {
        int status = WalkWritten(writer, &offset, &sequence, &position);

        if (status != 0 || position - writer->taken > writer->written - writer->taken) {
            return -EINVAL;
        }
    }
    return sequence == writer->sequence && offset == writer->offset ? 0 : -EINVAL;
}

int RingCheckReader(const struct RingReader *reader)
{
    struct RingStep step = {.offset = reader->offset, .sequence = reader->sequence};
    uint64_t seen = 0;
    int status;

    /* Relaxed: this thread wrote them. */
    if (reader->sequence == 0 || reader->offset != reader->taken % reader->capacity ||
        atomic_load_explicit(&reader->cursors->taken, memory_order_relaxed) != reader->taken ||
        atomic_load_explicit(&reader->cursors->freed, memory_order_relaxed) != reader->freed ||
        atomic_load_explicit(&reader->cursors->armed, memory_order_relaxed) != reader->epoch) {
        return -EINVAL;
    }
    while ((status = RingPeekAt(reader, &step)) == 1) {
        seen += step.bytes;
        /* An honest sender has at most two laps unread, see RingWriter on the hole. */
        if (seen > 2 * reader->capacity) {
            return -EPROTO;
        }
    }
    return status;
}
