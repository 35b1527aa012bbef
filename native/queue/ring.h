/*
 * A ring of records with one producer and one consumer in different processes that do not trust
 * each other. It knows nothing of messages, processes or system calls.
 *
 * Two shared memories, each written by one side only (the caller has the OS enforce that):
 *   ring     written by the sender:   header (RING_HEADER_SIZE bytes), then records
 *   cursors  written by the receiver: RING_CURSORS_SIZE bytes, zero at first
 *
 * Glossary
 *   record      struct RingRecord and the caller's bytes behind it, 64-byte aligned, contiguous
 *   sequence    number of a record; the first is chosen at random by the sender. Storing it in the
 *               record's first word publishes the record. 0 is never used: it is what fresh memory
 *               holds. Bytes left over from earlier records can never be taken for a record, not
 *               even if a stranger chose them: only the two ends know the first number
 *   skip        a record of size 0: "go on at offset `skipTo`, where the next record already is"
 *   charge      what a record costs the receiver until it gives it back, in the caller's units
 *   allowance   how much charge may be outstanding
 *   attend      an epoch; odd means "ring the bell after publishing", at most once per epoch. The
 *               bell itself is the caller's
 *
 * Invariants
 *   - Positions (`written`, `taken`) count ring bytes from the beginning of time, skipped ones
 *     included; a position modulo the capacity is the offset behind the header.
 *   - taken <= written <= taken + capacity; what lies between them is not touched by the sender
 *     (apart from the hole, see struct RingWriter).
 *   - One release store publishes a record of any size, together with a skip that leads to it.
 *   - No lock, no system call, and no atomic read-modify-write but RingFreeElsewhere's.
 *   - A number read from the other side is read once and checked before use. A lying end can spoil
 *     its own lane; it cannot make the other end touch memory outside the two mappings, and what it
 *     breaks is reported as -EPROTO.
 */
#ifndef LITEIPC_QUEUE_RING_H
#define LITEIPC_QUEUE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_HEADER_SIZE  128U
#define RING_ALIGNMENT    64U
#define RING_CURSORS_SIZE 4096U

#define RING_MAGIC   0x31474e4952435049ULL
#define RING_VERSION 1U

/* Every record must be charged at least this much, see RingMemorySize. */
#define RING_MINIMUM_CHARGE 64U

/* Largest allowance, 4 GiB. */
#define RING_MAXIMUM_ALLOWANCE (1ULL << 32)

/*
 * A sender that finds the ring empty goes back to the beginning once it is this far from it
 * (bytes): little memory is ever touched, and it stays in the caches of both ends. Between 4 and
 * 64 KiB the size makes no difference that can be measured across cores; with 512 bytes, a round
 * trip of 1 KiB takes a quarter longer.
 */
#define RING_HOT_WINDOW 16384U

/* At offset 0 of the ring. Written once, before the ring is shared. */
struct RingHeader {
    _Alignas(64) uint64_t magic;
    uint32_t version;
    uint32_t reserved;
    uint64_t capacity; /* bytes behind the header, a multiple of RING_ALIGNMENT */
    uint64_t firstSequence;
    _Alignas(
        64) unsigned char forCaller[64]; /* the sender's, without meaning here; zero at first */
};

/* At the beginning of every record. Only `size` bytes, these included, belong to the record. */
struct RingRecord {
    _Atomic uint64_t sequence;
    uint32_t size;   /* bytes, this prefix included, before rounding up; 0: a skip */
    uint32_t skipTo; /* in a skip: where to go on, in units of RING_ALIGNMENT; else 0 */
    /* the caller's bytes follow */
};

/* At offset 0 of the cursors. The rest of the page is the receiver's, without meaning here. */
struct RingCursors {
    _Alignas(64) _Atomic uint64_t taken; /* position of the first byte not yet consumed */
    _Atomic uint64_t freed;              /* charge given back by the receiving thread, ever */
    _Atomic uint64_t freedElsewhere;     /* the same, by other threads of its process */
    _Alignas(64) _Atomic uint64_t armed;
};

_Static_assert(sizeof(struct RingHeader) == RING_HEADER_SIZE, "records begin behind the header");
_Static_assert(sizeof(struct RingRecord) == 16, "shared layout");
_Static_assert(offsetof(struct RingRecord, size) == 8, "shared layout");
_Static_assert(sizeof(struct RingCursors) == 128, "shared layout");
_Static_assert(offsetof(struct RingCursors, armed) == 64, "armed has a cache line of its own");

/*
 * The sending end: private memory, embedded by the caller, used by one thread at a time (handing it
 * to another thread is the caller's synchronisation). Fields are for native/queue and the tests.
 *
 * The hole: after a restart at the beginning the skip that led there lies unread in the middle of
 * memory that is otherwise free. Until it is consumed the sender jumps over its 64 bytes, so that
 * a burst right after a restart finds the whole ring, not only what lies before the skip.
 */
struct RingWriter {
    unsigned char *data; /* behind the header */
    const struct RingCursors *cursors;
    uint64_t capacity;
    uint64_t allowance;

    uint64_t written;   /* position behind the last published record */
    uint64_t offset;    /* written % capacity */
    uint64_t taken;     /* last checked value of the cursor */
    uint64_t sequence;  /* of the next record */
    uint64_t hole;      /* position of the hole */
    bool holePending;   /* it exists: taken == hole, as far as is known */
    uint64_t restartAt; /* offset from which on to look whether the ring is empty */

    uint64_t sent;  /* charge published, ever */
    uint64_t freed; /* last checked values of the cursors */
    uint64_t freedElsewhere;
    uint64_t rungEpoch; /* the epoch of `armed` that was rung last */

    uint32_t reservedSize; /* the reservation: 0 for none */
    bool reservedRestart;  /* leaves a hole */
    uint64_t reservedCharge;
    uint64_t reservedOffset;  /* of the record */
    uint64_t reservedWritten; /* position behind the record */
};

/* One record as the receiver sees it, and the way on behind it. */
struct RingStep {
    const struct RingRecord *record;
    uint32_t size;     /* checked */
    uint64_t bytes;    /* ring bytes that it takes, a skip before it included; 0: no record */
    uint64_t offset;   /* of the next record */
    uint64_t sequence; /* of the next record */
};

/*
 * The receiving end: private memory, embedded by the caller, used by one thread. Fields are for
 * native/queue and the tests.
 */
struct RingReader {
    const unsigned char *data; /* behind the header */
    struct RingCursors *cursors;
    uint64_t capacity;

    uint64_t taken;
    uint64_t offset;   /* taken % capacity */
    uint64_t sequence; /* of the next record */
    uint64_t freed;    /* what this thread gave back, ever */
    uint64_t epoch;    /* what `armed` holds */
    struct RingStep peeked;
};

/*
 * Bytes of ring memory, a multiple of 4096, that make the ring never the tighter limit: as long as
 * the charge allows a record, RingReserve finds room for it. For allowances up to
 * RING_MAXIMUM_ALLOWANCE (0 for larger ones). Holds for records with
 *     charge >= RING_MINIMUM_CHARGE  and  size rounded up to 64 <= charge * 5 / 3 + 64;
 * other records are safe too, but may meet -ENOMEM although the charge would allow them.
 */
size_t RingMemorySize(uint64_t allowance);

/*
 * Sender, before sharing: writes the header. `memory` is `size` bytes of zeroes, 64-byte aligned
 * (as from a fresh memfd). `firstSequence` is random, from the OS, and not 0; nobody but the two
 * ends may learn it. -EINVAL for a size below 4096 or above what offsets can express, a bad
 * alignment, or 0.
 */
int RingFormat(void *memory, size_t size, uint64_t firstSequence);

/*
 * Sender: `ring` was formatted by this process and never written since, `cursors` is the mapped
 * page of the receiver (it may already hold an attend epoch). Both mappings must outlive the
 * writer. -EINVAL: not such a ring, bad alignment, or an allowance of 0 or over the maximum.
 */
int RingWriterInit(struct RingWriter *writer, void *ring, size_t size, const void *cursors,
                   uint64_t allowance);

/*
 * Receiver: checks the header once and copies what it needs. `cursors` is the receiver's own page,
 * zeroed. Starts disarmed. Both mappings must outlive the reader. -EINVAL: bad arguments of the
 * caller; -EPROTO: the sender's header is not that of a ring of `size` bytes.
 */
int RingReaderInit(struct RingReader *reader, const void *ring, size_t size, void *cursors);

/*
 * Sender: room for a record of `size` bytes (prefix included). `*record` is then writable by the
 * caller behind the prefix, up to `size`, until RingPublish or RingAbandon; nobody sees it before.
 * A new reservation replaces one that was not published.
 *   -EINVAL    size below sizeof(struct RingRecord)
 *   -EMSGSIZE  could never fit: charge over the allowance, or size over half of the ring
 *   -ENOMEM    not now: the charge would exceed the allowance, or the ring is full
 *   -EPROTO    the receiver's cursors are impossible; give the lane up
 * On failure nothing has changed but that there is no reservation.
 */
int RingReserve(struct RingWriter *writer, uint32_t size, uint64_t charge,
                struct RingRecord **record);

/*
 * Sender: publishes the reserved record. True if the bell must be rung now: the receiver asked for
 * it in an epoch that was not rung yet. Without a reservation: does nothing, false.
 */
bool RingPublish(struct RingWriter *writer);

/* Sender: has the receiver asked to be rung just now? A hint for those who watch. */
static inline bool RingIsArmed(const struct RingWriter *writer)
{
    /* relaxed: nothing follows from it */
    return (atomic_load_explicit(&writer->cursors->armed, memory_order_relaxed) & 1) != 0;
}

/* Sender: forgets the reservation, if there is one. */
void RingAbandon(struct RingWriter *writer);

/*
 * Sender: charge published and not yet given back. Reads the receiver's cursors; impossible values
 * there are ignored (the last possible ones count).
 */
uint64_t RingOutstanding(struct RingWriter *writer);

/*
 * Sender: true if the receiver has consumed everything that was published (it may still hold the
 * charge). Reads the cursors; impossible values are ignored.
 */
bool RingWriterDrained(struct RingWriter *writer);

/*
 * Receiver: looks at the next record without consuming it. 1: `*record` and `*size` are set and
 * stay valid until RingTake; 0: nothing there; -EPROTO: the sender broke the format;
 * give the lane up.
 * `*size` is the record's size, checked: at least sizeof(struct RingRecord), wholly within the
 * ring. Use that value, never record->size again: the sender can still write the record, so copy
 * its bytes before checking them.
 */
int RingPeek(struct RingReader *reader, const struct RingRecord **record, uint32_t *size);

/* Receiver: consumes the record that RingPeek returned last; its memory is then the sender's. */
void RingTake(struct RingReader *reader);

/*
 * Receiver: is no record visible? For spin loops: one acquire load. Not ordered after RingArm.
 * Synchronises with the store of the sequence in RingPublish.
 */
static inline bool RingReaderEmpty(const struct RingReader *reader)
{
    const struct RingRecord *next = (const struct RingRecord *)(reader->data + reader->offset);

    return atomic_load_explicit(&next->sequence, memory_order_acquire) != reader->sequence;
}

/*
 * Receiver: asks to be rung for the next record, in a new epoch (also if it was armed already: then
 * the bell may ring once more). Before sleeping call RingArm, then RingLookAfterArm, and sleep only
 * if that is false; whatever is published later rings. A bell may also be late: rung for an epoch
 * that is over.
 */
void RingArm(struct RingReader *reader);

/*
 * Receiver: is a record visible? Ordered after RingArm: either this sees a record or its sender
 * sees the epoch. If true, RingPeek finds it. With several lanes: arm all, then look at all.
 */
bool RingLookAfterArm(const struct RingReader *reader);

/* Receiver: asks not to be rung any more. Does nothing if disarmed. */
void RingDisarm(struct RingReader *reader);

/* Receiver, owner thread: gives `charge` back to the sender. */
void RingFree(struct RingReader *reader, uint64_t charge);

/*
 * Receiver, any other thread of the process, at any time between RingReaderInit and the unmapping:
 * the same. Takes nothing but the cursors from `reader`.
 */
void RingFreeElsewhere(struct RingReader *reader, uint64_t charge);

/*
 * For tests and debug builds, from the thread that uses this end: are the invariants of its private
 * state kept, and is what lies in the ring well formed? RingCheckWriter walks the records from the
 * last known `taken` of an honest receiver to the last published one: 0 or -EINVAL.
 * RingCheckReader walks all that is visible: 0, -EINVAL for the private state, -EPROTO for the
 * ring.
 */
int RingCheckWriter(const struct RingWriter *writer);
int RingCheckReader(const struct RingReader *reader);

#endif
