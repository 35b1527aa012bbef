/*
 * The control table: the data of the kernel's process and task control blocks, in one memfd. Only
 * the domain server can write it; every process of the domain maps it read-only.
 *
 * Glossary
 *   process  one opened device; slot 0 is the domain and never used
 *   thread   a receiving thread of a process: owns tasks, and lanes lead to it
 *   task     a queue with an identity, owned by one thread. Its slot is its task ID and its handle.
 *            Slot 0 is never used: handle 0 means the ServiceManager
 *   right    one bit: the process may send requests to the task
 *
 * Invariants
 *   - An entry is filled while its state is FREE, then published by one release store of its state
 *     word, {generation, state}. Until it is FREE again, only the fields marked "changing" change.
 *   - A generation is never 0 in a published entry. It is incremented when the slot is *freed*, so
 *     that {g, FREE} never has the generation of the previous use. The fields of the next use are
 *     stored with release order after that.
 *   - A reader loads the state word (acquire), the fields, and the state word again. If the two
 *     words are equal, the fields belong together.
 *   - There is no lock that a terminated writer could hold.
 *
 * Every field is atomic because readers run at any time: plain accesses would be data races even
 * where the generation check discards the result.
 */
#ifndef LITEIPC_CONTROL_TABLE_H
#define LITEIPC_CONTROL_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTROL_TABLE_MAGIC   0x4c49544549504331ULL /* "LITEIPC1" */
#define CONTROL_TABLE_VERSION 1U

/* The limits of a domain. Sizes in bytes. See LiteIpcProfile in liteipc/liteipc.h. */
struct ControlLimits {
    uint32_t profile;      /* enum LiteIpcProfile */
    uint32_t processLimit; /* slots, slot 0 included */
    uint32_t taskLimit;    /* slots, slot 0 included; every handle is lower */
    uint32_t threadLimit;  /* slots, slot 0 included */
    uint32_t laneLimit;    /* lanes of the whole domain */
    uint32_t dataLimit;    /* largest dataSz of a message */
    uint32_t objectLimit;  /* largest spObjNum of a message */
    uint32_t reserved;
    uint64_t poolDefault; /* recommended pool size */
    uint64_t poolMaximum; /* largest pool size */
};

enum ControlState {
    CONTROL_FREE = 0,
    CONTROL_ALIVE = 1,
    CONTROL_DEAD = 2, /* ended; not free until its published messages are delivered */
};

/* {generation: high 32 bits, enum ControlState: low 32 bits} */
static inline uint64_t ControlStateWord(uint32_t generation, enum ControlState state)
{
    return ((uint64_t)generation << 32) | (uint32_t)state;
}

static inline uint32_t ControlGenerationOf(uint64_t stateWord)
{
    return (uint32_t)(stateWord >> 32);
}

static inline enum ControlState ControlStateOf(uint64_t stateWord)
{
    return (enum ControlState)(uint32_t)stateWord;
}

struct ControlProcess {
    _Alignas(64) _Atomic uint64_t state;
    _Atomic uint32_t pid; /* in the domain's PID namespace */
    _Atomic uint32_t uid; /* at connect, checked by the domain */
    _Atomic uint32_t gid;
    _Atomic uint32_t opened; /* changing: 0, then 1 from LiteIpcOpen on */
    /* changing: 0 until mapped; bytes that each sender may have pending */
    _Atomic uint64_t poolSize;
    _Atomic uint32_t ipcTask; /* changing: ID of the task that gets death notices, 0: none */
};

struct ControlThread {
    _Alignas(128) _Atomic uint64_t state;
    _Atomic uint32_t processID;
    _Atomic uint32_t processGeneration;
    /*
     * changing: incremented when the thread has to read its control socket or the table again. The
     * domain increments it (release) after the change and after it has sent the message; the thread
     * compares it (acquire) on every look. It has its own cache line.
     */
    _Alignas(64) _Atomic uint32_t attention;
};

struct ControlTask {
    _Alignas(64) _Atomic uint64_t state;
    _Atomic uint32_t processID;
    _Atomic uint32_t processGeneration;
    _Atomic uint32_t threadID;
    _Atomic uint32_t threadGeneration;
    _Atomic uint32_t queueMade; /* changing: 0, then 1 from LiteIpcTaskInit on */
    /* changing: number of revoked rights to the tasks of this slot; never reset */
    _Atomic uint32_t revocations;
    uint32_t padding[8];
    /*
     * changing: accessWords words, bit p set: process p may send requests. Then processLimit times
     * 32 bits: the number of the last revocation for process p (0: none)
     */
    _Atomic uint64_t access[];
};

struct ControlTable {
    uint64_t magic;
    uint32_t version;
    uint32_t accessWords; /* 64-bit words in a task's access map */
    uint64_t size;        /* bytes of the whole table */
    uint64_t epoch;       /* random; differs after a restart of the domain */
    uint64_t processOffset;
    uint64_t threadOffset;
    uint64_t taskOffset;
    uint64_t taskStride; /* bytes from one ControlTask to the next */
    struct ControlLimits limits;
    /* changing: {generation: 32, taskID: 32} of the ServiceManager's task, 0: none */
    _Alignas(64) _Atomic uint64_t cms;
    _Atomic uint32_t cmsMaxMsgSize; /* changing, written before cms; bytes */
    _Atomic uint32_t running;       /* changing: 1, then 0 when DomainStop ends the domain */
};

_Static_assert(sizeof(struct ControlProcess) == 64, "shared layout");
_Static_assert(sizeof(struct ControlThread) == 128, "shared layout");
_Static_assert(sizeof(struct ControlTask) == 64, "shared layout");
_Static_assert(offsetof(struct ControlThread, attention) == 64, "shared layout");
_Static_assert(sizeof(struct ControlTable) == 192, "shared layout");

/* A consistent snapshot of the entry of a process or task. */
struct ControlProcessFacts {
    uint32_t generation;
    enum ControlState state;
    uint32_t pid, uid, gid;
    bool opened;
    uint64_t poolSize;
    uint32_t ipcTask;
};

struct ControlTaskFacts {
    uint32_t generation;
    enum ControlState state;
    uint32_t processID, processGeneration;
    uint32_t threadID, threadGeneration;
    bool queueMade;
};

/* Returns the size of a table with these limits, in bytes. */
size_t ControlTableSize(const struct ControlLimits *limits);

/* Domain: fills a zeroed, writable mapping of ControlTableSize() bytes. */
void ControlTableInit(struct ControlTable *table, const struct ControlLimits *limits,
                      uint64_t epoch);

/*
 * Reader: checks that a read-only mapping of `size` bytes is a table with consistent limits and
 * offsets. 0 or -EPROTO.
 */
int ControlTableCheck(const struct ControlTable *table, size_t size);

/* Return the entry of an ID, which must be below its limit. Valid as long as the mapping. */
struct ControlProcess *ControlProcessAt(const struct ControlTable *table, uint32_t processID);
struct ControlThread *ControlThreadAt(const struct ControlTable *table, uint32_t threadID);
struct ControlTask *ControlTaskAt(const struct ControlTable *table, uint32_t taskID);

/* Any thread. -EINVAL: ID out of range; -ESRCH: slot free, or changed while it was read. */
int ControlProcessRead(const struct ControlTable *table, uint32_t processID,
                       struct ControlProcessFacts *facts);
int ControlTaskRead(const struct ControlTable *table, uint32_t taskID,
                    struct ControlTaskFacts *facts);

/* Any thread. Returns true if the process may call the task. The ID must be below its limit. */
static inline bool ControlAccessTest(const struct ControlTask *task, uint32_t processID)
{
    /* acquire: pairs with the release in ControlAccessSet; earlier stores are visible too */
    uint64_t word = atomic_load_explicit(&task->access[processID / 64], memory_order_acquire);
    return (word >> (processID % 64)) & 1U;
}

/*
 * Any thread. ControlRevocations returns the number of revocations of a task. A sender reads it and
 * then checks its right. Later, ControlRevokedSince returns true if the right was revoked after
 * that, even if it was granted again.
 */
static inline uint32_t ControlRevocations(const struct ControlTask *task)
{
    /* acquire: the right is read afterwards; pairs with ControlAccessRevoke */
    return atomic_load_explicit(&task->revocations, memory_order_acquire);
}
bool ControlRevokedSince(const struct ControlTable *table, uint32_t taskID, uint32_t processID,
                         uint32_t revocations);

/*
 * Domain only: change the state of a slot. It is filled while it is free, then published.
 *
 *   ControlStatePublish  FREE -> ALIVE; returns the generation, never 0
 *   ControlStateMarkDead ALIVE -> DEAD, same generation
 *   ControlStateFree     ALIVE or DEAD -> FREE, next generation
 */
uint32_t ControlStatePublish(_Atomic uint64_t *state);
void ControlStateMarkDead(_Atomic uint64_t *state);
void ControlStateFree(_Atomic uint64_t *state);

/* Domain only: fill a free slot. Fields marked "changing" start at 0. */
void ControlProcessFill(struct ControlProcess *entry, uint32_t pid, uint32_t uid, uint32_t gid);
void ControlThreadFill(struct ControlThread *entry, uint32_t processID, uint32_t processGeneration);
void ControlTaskFill(const struct ControlTable *table, struct ControlTask *entry,
                     uint32_t processID, uint32_t processGeneration, uint32_t threadID,
                     uint32_t threadGeneration);

/* Domain only: makes a thread look again, after the change and after its message was sent. */
void ControlThreadNotify(struct ControlThread *entry);

/* Domain only: revokes a right and counts the revocation. */
void ControlAccessRevoke(const struct ControlTable *table, struct ControlTask *task,
                         uint32_t processID);

/* Domain only: sets or clears a right. */
static inline void ControlAccessSet(struct ControlTask *task, uint32_t processID, bool granted)
{
    uint64_t bit = 1ULL << (processID % 64);
    /* release: pairs with ControlAccessTest. One writer, so the read-modify-write cannot collide */
    uint64_t word = atomic_load_explicit(&task->access[processID / 64], memory_order_relaxed);
    atomic_store_explicit(&task->access[processID / 64], granted ? (word | bit) : (word & ~bit),
                          memory_order_release);
}

#endif
