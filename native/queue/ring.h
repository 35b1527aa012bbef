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
 *   armed       an epoch; odd means "ring the bell after publishing", at most once per epoch. The
 *               caller owns the bell itself
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
 *
 * Functions marked "Sender" are defined in ring_writer.c, those marked "Receiver" in ring_reader.c,
 * RingCheck... in ring_check.c.
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

/* Every record must be charged at least this much; see RingMemorySize. */
#define RING_MINIMUM_CHARGE 64U

/* Largest allowance, 4 GiB. */
#define RING_MAXIMUM_ALLOWANCE (1ULL << 32)

/*
 * A sender that finds the ring empty returns to the beginning once it is this far from it (bytes).
 * So little memory is touched, and it stays in the caches of both ends. Between 4 and 64 KiB the
 * size makes no measurable difference across cores; with 512 bytes, a round trip of 1 KiB takes a
 * quarter longer.
 */
#define RING_HOT_WINDOW 16384U

/* Lies at offset 0 of the ring. Written once, before the ring is shared. */
struct RingHeader {
    _Alignas(64) uint64_t magic;
    uint32_t version;
    uint32_t reserved;
    uint64_t capacity; /* bytes behind the header, a multiple of RING_ALIGNMENT */
    uint64_t firstSequence;
    _Alignas(64) unsigned char forCaller[64]; /* for the sender's use; the ring does not read it;
                                                 zero at first */
};

/* Begins every record. Only `size` bytes, these included, belong to the record. */
struct RingRecord {
    _Atomic uint64_t sequence;
    uint32_t size;   /* bytes, this prefix included, before rounding up; 0: a skip */
    uint32_t skipTo; /* in a skip: the offset to continue at, in units of RING_ALIGNMENT; else 0 */
    /* the caller's bytes follow */
};

/* Lies at offset 0 of the cursors. The receiver may use the rest of the page. */
struct RingCursors {
    _Alignas(64) _Atomic uint64_t taken; /* position of the first byte not yet consumed */
    _Atomic uint64_t freed;              /* charge that the receiving thread gave back, in total */
    _Atomic uint64_t
        freedElsewhere; /* charge that other threads of its process gave back, in total */
    _Alignas(64) _Atomic uint64_t armed;
};

_Static_assert(sizeof(struct RingHeader) == RING_HEADER_SIZE, "records begin behind the header");
_Static_assert(sizeof(struct RingRecord) == 16, "shared layout");
_Static_assert(offsetof(struct RingRecord, size) == 8, "shared layout");
_Static_assert(sizeof(struct RingCursors) == 128, "shared layout");
_Static_assert(offsetof(struct RingCursors, armed) == 64, "armed has a cache line of its own");

/*
 * The sending end: private memory, embedded by the caller, used by one thread at a time. The caller
 * synchronises the transfer to another thread. Fields are for native/queue and the tests.
 *
 * The hole: after a restart at the beginning, the skip that led there lies unread in the middle of
 * memory that is otherwise free. Until it is consumed the sender jumps over its 64 bytes. So a
 * burst right after a restart finds the whole ring, not only the part before the skip.
 */
struct RingWriter {
    unsigned char *data; /* behind the header */
    const struct RingCursors *cursors;
    uint64_t capacity;
    uint64_t allowance;

    uint64_t written;   /* position after the last published record */
    uint64_t offset;    /* written % capacity */
    uint64_t taken;     /* last checked value of the cursor */
    uint64_t sequence;  /* sequence of the next record */
    uint64_t hole;      /* position of the hole */
    bool holePending;   /* the hole exists: taken == hole, as far as is known */
    uint64_t restartAt; /* offset from which the sender checks whether the ring is empty */

    uint64_t sent;  /* charge published, in total */
    uint64_t freed; /* last checked values of the cursors */
    uint64_t freedElsewhere;
    uint64_t rungEpoch; /* the last epoch of `armed` in which the bell was rung */

    uint32_t reservedSize; /* size of the reservation, 0 for none */
    bool reservedRestart;  /* publishing leaves a hole */
    uint64_t reservedCharge;
    uint64_t reservedOffset;  /* offset of the reserved record */
    uint64_t reservedWritten; /* position after the reserved record */
};

/* One record as the receiver sees it, and the position after it. */
struct RingStep {
    const struct RingRecord *record;
    uint32_t size;     /* checked */
    uint64_t bytes;    /* ring bytes that the record takes, with a skip before it; 0: no record */
    uint64_t offset;   /* offset of the next record */
    uint64_t sequence; /* sequence of the next record */
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
    uint64_t sequence; /* sequence of the next record */
    uint64_t freed;    /* charge that this thread gave back, in total */
    uint64_t epoch;    /* the value of `armed` */
    struct RingStep peeked;
};

/*
 * Sender: bytes of ring memory, a multiple of 4096, that make the ring never the tighter limit: as
 * long as the charge allows a record, RingReserve finds room for it. For allowances up to
 * RING_MAXIMUM_ALLOWANCE (0 for larger ones). Holds for records with
 *     charge >= RING_MINIMUM_CHARGE  and  size rounded up to 64 <= charge * 5 / 3 + 64;
 * other records are safe too, but may meet -ENOMEM although the charge would allow them.
 */
size_t RingMemorySize(uint64_t allowance);

/*
 * Sender, before sharing: writes the header. `memory` is `size` bytes of zeroes, 64-byte aligned
 * (as from a fresh memfd). `firstSequence` is random, from the OS, and not 0; only the two ends may
 * know it. Returns 0, or -EINVAL for a size below 4096 or above the range of offsets, a bad
 * alignment, or a `firstSequence` of 0.
 */
int RingFormat(void *memory, size_t size, uint64_t firstSequence);

/*
 * Sender: `ring` was formatted by this process and never written since. `cursors` is the mapped
 * page of the receiver (it may already hold an armed epoch). Both mappings must outlive the writer.
 * Returns 0, or -EINVAL: not such a ring, bad alignment, or an allowance of 0 or over the maximum.
 */
int RingWriterInit(struct RingWriter *writer, void *ring, size_t size, const void *cursors,
                   uint64_t allowance);

/*
 * Receiver: checks the header once and copies what it needs. `cursors` is the receiver's own page,
 * zeroed. The reader starts disarmed. Both mappings must outlive it. Returns 0, -EINVAL: bad
 * arguments of the caller, or -EPROTO: the sender's header is not that of a ring of `size` bytes.
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
 * Sender: publishes the reserved record. Returns true if the bell must be rung now: the receiver
 * armed the ring in an epoch that was not rung yet. Does nothing and returns false without a
 * reservation.
 */
bool RingPublish(struct RingWriter *writer);

/* Sender: returns whether the receiver is armed at this moment. A hint for statistics. */
static inline bool RingIsArmed(const struct RingWriter *writer)
{
    /* relaxed: nothing depends on it */
    return (atomic_load_explicit(&writer->cursors->armed, memory_order_relaxed) & 1) != 0;
}

/* Sender: drops the reservation, if there is one. */
void RingAbandon(struct RingWriter *writer);

/*
 * Sender: returns the charge that was published and not given back. Reads the receiver's cursors;
 * impossible values are ignored (the last possible ones count).
 */
uint64_t RingOutstanding(struct RingWriter *writer);

/*
 * Sender: returns true if the receiver has consumed everything that was published (it may still
 * hold the charge). Reads the cursors; impossible values are ignored.
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

/*
 * Receiver: consumes the record that RingPeek returned last. The sender may then reuse its memory.
 */
void RingTake(struct RingReader *reader);

/*
 * Receiver: returns whether no record is visible. For spin loops: one acquire load. Not ordered
 * after RingArm. Synchronises with the store of the sequence in RingPublish.
 */
static inline bool RingReaderEmpty(const struct RingReader *reader)
{
    const struct RingRecord *next = (const struct RingRecord *)(reader->data + reader->offset);

    return atomic_load_explicit(&next->sequence, memory_order_acquire) != reader->sequence;
}

/*
 * Receiver: asks the sender to ring for the next record, in a new epoch (even if it was armed
 * already; the bell may then ring once more). Before sleeping the receiver calls RingArm, then
 * RingLookAfterArm, and sleeps only if that returns false; every later record rings. A bell may
 * also be late: rung for a past epoch.
 */
void RingArm(struct RingReader *reader);

/*
 * Receiver: returns whether a record is visible. Ordered after RingArm: either this call sees a
 * record or its sender sees the epoch. If true, RingPeek finds the record. With several lanes, the
 * receiver arms all of them and then looks at all of them.
 */
bool RingLookAfterArm(const struct RingReader *reader);

/* Receiver: asks the sender not to ring any more. Does nothing if disarmed. */
void RingDisarm(struct RingReader *reader);

/* Receiver, owner thread: gives `charge` back to the sender. */
void RingFree(struct RingReader *reader, uint64_t charge);

/*
 * Receiver, any other thread of the process: gives `charge` back, at any time between
 * RingReaderInit and the unmapping. Uses only the cursors of `reader`.
 */
void RingFreeElsewhere(struct RingReader *reader, uint64_t charge);

/*
 * For tests and debug builds, from the thread that uses this end: check the invariants of the
 * private state and the format of the ring. RingCheckWriter walks the records from the last known
 * `taken` of an honest receiver to the last published one: 0 or -EINVAL. RingCheckReader walks all
 * visible records: 0, -EINVAL for the private state, -EPROTO for the ring.
 */
int RingCheckWriter(const struct RingWriter *writer);
int RingCheckReader(const struct RingReader *reader);

#endif
