/* Implements the sending end of a ring. See ring.h. */
#include <errno.h>
#include <string.h>

#include "queue/ring_layout.h"

static struct RingRecord *RecordAt(const struct RingWriter *writer, uint64_t offset)
{
    return (struct RingRecord *)(writer->data + offset);
}

size_t RingMemorySize(uint64_t allowance)
{
    /*
     * Let A be the allowance, c the charge of a record and r its rounded size, r <= 5/3 c + 64.
     * In the worst case memory holds, all at once,
     *   - records that are not consumed, the new one included: c >= 64 each, together A at most, so
     *     64 per record is A at most, and their r together 5/3 A + A;
     *   - the rest of the lap before a record that had to wrap (less than that record's r), and
     *     twice that if the new record is one that must wrap itself;
     *   - the rest before the hole, jumped over for another record (less than its r + 64), the
     *     hole.
     * Those records are different ones, so their charges also add up to A at most, and what is
     * wasted for them to 5/3 A plus some alignments; as every large record is also one record less,
     * the whole stays below 10/3 A + 512. 4 A + 4096 is a round figure above it, and half of it
     * is above the largest record, 5/3 A + 64.
     */
    if (allowance > RING_MAXIMUM_ALLOWANCE) {
        return 0;
    }
    return (size_t)((allowance * 4 + RING_HEADER_SIZE + 4096 + 4095) & ~4095ULL);
}

int RingFormat(void *memory, size_t size, uint64_t firstSequence)
{
    struct RingHeader *header = memory;

    if (!RingIsAligned(memory) || !RingSizeIsPossible(size) || firstSequence == 0) {
        return -EINVAL;
    }
    memset(header, 0, sizeof(*header));
    header->magic = RING_MAGIC;
    header->version = RING_VERSION;
    header->capacity = size - RING_HEADER_SIZE;
    header->firstSequence = firstSequence;
    return 0;
}

int RingWriterInit(struct RingWriter *writer, void *ring, size_t size, const void *cursors,
                   uint64_t allowance)
{
    const struct RingHeader *header = ring;

    if (!RingIsAligned(ring) || !RingIsAligned(cursors) || !RingSizeIsPossible(size) ||
        allowance == 0 || allowance > RING_MAXIMUM_ALLOWANCE) {
        return -EINVAL;
    }
    /* This process wrote the header: a mismatch is a mistake of the caller, not an attack. */
    if (header->magic != RING_MAGIC || header->version != RING_VERSION ||
        header->capacity != size - RING_HEADER_SIZE || header->firstSequence == 0) {
        return -EINVAL;
    }
    memset(writer, 0, sizeof(*writer));
    writer->data = (unsigned char *)ring + RING_HEADER_SIZE;
    writer->cursors = cursors;
    writer->capacity = header->capacity;
    writer->allowance = allowance;
    writer->sequence = header->firstSequence;
    writer->restartAt = RING_HOT_WINDOW;
    return 0;
}

/*
 * Reads the position that the receiver consumed. Returns -EPROTO without a change if it is
 * impossible.
 */
static int RefreshTaken(struct RingWriter *writer)
{
    /*
     * Acquire: synchronises with the release store in RingTake. The receiver is done with the bytes
     * before `taken`; they may be overwritten.
     */
    uint64_t taken = atomic_load_explicit(&writer->cursors->taken, memory_order_acquire);

    /* The position may not move back, nor beyond what was published. */
    if (taken - writer->taken > writer->written - writer->taken || taken % RING_ALIGNMENT != 0) {
        return -EPROTO;
    }
    writer->taken = taken;
    if (writer->holePending && taken != writer->hole) {
        writer->holePending = false;
    }
    return 0;
}

/* Reads the charge that was given back. Returns -EPROTO without a change if it is impossible. */
static int RefreshFreed(struct RingWriter *writer)
{
    /*
     * Acquire: synchronise with the release operations in RingFree and RingFreeElsewhere, so that
     * what the receiver put back into its pool is there again when the next record arrives.
     */
    uint64_t freed = atomic_load_explicit(&writer->cursors->freed, memory_order_acquire);
    uint64_t elsewhere =
        atomic_load_explicit(&writer->cursors->freedElsewhere, memory_order_acquire);

    if (freed < writer->freed || elsewhere < writer->freedElsewhere || freed > writer->sent ||
        elsewhere > writer->sent - freed) {
        return -EPROTO;
    }
    writer->freed = freed;
    writer->freedElsewhere = elsewhere;
    return 0;
}

static uint64_t KnownOutstanding(const struct RingWriter *writer)
{
    return writer->sent - writer->freed - writer->freedElsewhere;
}

/* Finds room for `bytes` as far as is known, and reserves it. Returns false if there is none. */
static bool Place(struct RingWriter *writer, uint64_t bytes)
{
    uint64_t capacity = writer->capacity;
    uint64_t lap = writer->written - writer->offset; /* position of offset 0 */
    uint64_t offset = writer->offset;

    if (writer->holePending) {
        uint64_t holeOffset = writer->hole % capacity;

        lap = writer->hole - holeOffset + capacity;
        offset = writer->written - lap; /* is `capacity` when the lap is full */
        /* 64 bytes stay free before the hole, for the skip that leads over it. */
        if (offset < holeOffset && offset + bytes + RING_ALIGNMENT > holeOffset) {
            offset = holeOffset + RING_ALIGNMENT;
        }
        if (offset + bytes > capacity) {
            return false;
        }
    } else {
        if (offset + bytes > capacity) {
            offset = 0;
            lap += capacity;
        }
        if (lap + offset + bytes - writer->taken > capacity) {
            return false;
        }
    }
    writer->reservedOffset = offset;
    writer->reservedWritten = lap + offset + bytes;
    return true;
}

/*
 * Reserves `bytes` at the beginning if the ring has run empty far from it. Returns whether it did.
 */
static bool PlaceAtBeginning(struct RingWriter *writer, uint64_t bytes)
{
    if (writer->taken != writer->written || bytes + RING_ALIGNMENT > writer->offset) {
        writer->restartAt = writer->offset + RING_HOT_WINDOW;
        return false;
    }
    writer->reservedOffset = 0;
    writer->reservedWritten = writer->written - writer->offset + writer->capacity + bytes;
    writer->reservedRestart = true;
    return true;
}

static int PlaceRefreshing(struct RingWriter *writer, uint64_t bytes)
{
    int status;

    if (writer->offset >= writer->restartAt) {
        status = RefreshTaken(writer);
        if (status != 0) {
            return status;
        }
        if (PlaceAtBeginning(writer, bytes)) {
            return 0;
        }
    }
    /* Jumping over a hole that is already consumed would waste room, so refresh first. */
    if (Place(writer, bytes) &&
        !(writer->holePending && writer->reservedOffset != writer->offset)) {
        return 0;
    }
    status = RefreshTaken(writer);
    if (status != 0) {
        return status;
    }
    return Place(writer, bytes) ? 0 : -ENOMEM;
}

int RingReserve(struct RingWriter *writer, uint32_t size, uint64_t charge,
                struct RingRecord **record)
{
    uint64_t bytes = RingRoundUp(size);
    int status;

    RingAbandon(writer);
    if (size < sizeof(struct RingRecord)) {
        return -EINVAL;
    }
    if (bytes > RingMaximumRecord(writer->capacity) || charge > writer->allowance) {
        return -EMSGSIZE;
    }
    /*
     * Only when the known values do not suffice: reading the cursors takes their cache line away
     * from the receiver, which writes it at every record.
     */
    if (charge > writer->allowance - KnownOutstanding(writer)) {
        status = RefreshFreed(writer);
        if (status != 0) {
            return status;
        }
        if (charge > writer->allowance - KnownOutstanding(writer)) {
            return -ENOMEM;
        }
    }
    status = PlaceRefreshing(writer, bytes);
    if (status != 0) {
        return status;
    }
    writer->reservedSize = size;
    writer->reservedCharge = charge;
    *record = RecordAt(writer, writer->reservedOffset);
    /*
     * If the record ends within a word that held a sequence, its last bytes and the rest of that
     * sequence could together be the sequence of a later record. Relaxed: the memory is free.
     */
    if (size % RING_ALIGNMENT != 0 && size % RING_ALIGNMENT < sizeof(uint64_t)) {
        uint64_t end = writer->reservedOffset + bytes - RING_ALIGNMENT;
        atomic_store_explicit(&RecordAt(writer, end)->sequence, 0, memory_order_relaxed);
    }
    return 0;
}

void RingAbandon(struct RingWriter *writer)
{
    writer->reservedSize = 0;
    writer->reservedRestart = false;
}

/* Writes the record's prefix and publishes everything up to it with one store. */
static void StorePublished(struct RingWriter *writer)
{
    struct RingRecord *record = RecordAt(writer, writer->reservedOffset);
    struct RingRecord *first = record;
    uint64_t sequence = writer->sequence;

    record->size = writer->reservedSize;
    record->skipTo = 0;
    if (writer->reservedOffset != writer->offset) {
        first = RecordAt(writer, writer->offset);
        first->size = 0;
        first->skipTo = (uint32_t)(writer->reservedOffset / RING_ALIGNMENT);
        /*
         * Relaxed: the receiver reaches this record only over the skip, whose release store is
         * below.
         */
        writer->sequence = RingNextSequence(sequence);
        atomic_store_explicit(&record->sequence, writer->sequence, memory_order_relaxed);
    }
    writer->sequence = RingNextSequence(writer->sequence);
    /*
     * Release part: synchronises with the acquire loads of the sequence in RingReaderEmpty,
     * RingPeek and RingLookAfterArm; the record's bytes are visible with it.
     * Sequentially consistent part: see BellIsDue.
     */
    atomic_store_explicit(&first->sequence, sequence, memory_order_seq_cst);
}

static bool BellIsDue(struct RingWriter *writer)
{
    /*
     * Sequentially consistent, as are the store of the sequence before it, the store of `armed` in
     * RingArm and the load of the sequence in RingLookAfterArm: in the one order of these four,
     * either this load comes after the receiver's store and sees the epoch, or the receiver's look
     * comes after our store and sees the record. Nothing is lost between them.
     */
    uint64_t epoch = atomic_load_explicit(&writer->cursors->armed, memory_order_seq_cst);

    if ((epoch & 1) == 0 || epoch == writer->rungEpoch) {
        return false;
    }
    writer->rungEpoch = epoch;
    return true;
}

bool RingPublish(struct RingWriter *writer)
{
    if (writer->reservedSize == 0) {
        return false;
    }
    StorePublished(writer);

    if (writer->reservedRestart) {
        writer->hole = writer->written;
        writer->holePending = true;
    }
    if (writer->reservedOffset < writer->offset) {
        writer->restartAt = RING_HOT_WINDOW;
    }
    writer->written = writer->reservedWritten;
    writer->offset = writer->reservedOffset + RingRoundUp(writer->reservedSize);
    if (writer->offset == writer->capacity) {
        writer->offset = 0;
        writer->restartAt = RING_HOT_WINDOW;
    }
    writer->sent += writer->reservedCharge;
    RingAbandon(writer);
    return BellIsDue(writer);
}

uint64_t RingOutstanding(struct RingWriter *writer)
{
    (void)RefreshFreed(writer);
    return KnownOutstanding(writer);
}

bool RingWriterDrained(struct RingWriter *writer)
{
    (void)RefreshTaken(writer);
    return writer->taken == writer->written;
}
