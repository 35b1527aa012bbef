/*
 * The control table: what the kernel would keep in its process and task control blocks, in one
 * memfd that the domain server alone can write and every process of the domain maps read-only.
 *
 * Glossary
 *   process  one opened device; slot 0 is the domain itself and never used
 *   thread   a receiving thread of a process: the owner of tasks and the end of lanes
 *   task     a queue plus identity, owned by one thread; its slot is its task ID and its handle.
 *            Slot 0 is never used: handle 0 means the ServiceManager
 *   right    one bit: may this process send requests to this task
 *
 * Invariants
 *   - An entry is filled while its state is FREE, then published by one release store of its state
 *     word, which holds {generation, state}. Apart from the words that are documented as changing,
 *     it is not modified until it is FREE again.
 *   - A generation is never 0 in a published entry. It grows by one when the slot is *freed* (so
 *     that {g, FREE} never has the generation of what was there before), and the fields of the
 *     next use are stored with release order after that.
 *   - A reader takes the state word (acquire), the fields, and the state word again: equal words
 *     mean that the fields belong together.
 *   - Nobody waits for anybody here: there is no lock that a dead writer could hold.
 *
 * Every field is atomic because readers run at any time; plain accesses would be data races even
 * where the generation check discards the result. Fields are relaxed; the state word orders them.
 */
#ifndef LITEIPC_CONTROL_TABLE_H
#define LITEIPC_CONTROL_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTROL_TABLE_MAGIC   0x4c49544549504331ULL /* "LITEIPC1" */
#define CONTROL_TABLE_VERSION 1U

/* What a domain allows. Sizes in bytes. See LiteIpcProfile in liteipc/liteipc.h. */
struct ControlLimits {
    uint32_t profile;      /* enum LiteIpcProfile */
    uint32_t processLimit; /* slots, slot 0 included */
    uint32_t taskLimit;    /* slots, slot 0 included; handles are below it */
    uint32_t threadLimit;  /* slots, slot 0 included */
    uint32_t laneLimit;    /* lanes of the whole domain */
    uint32_t dataLimit;    /* largest dataSz of a message */
    uint32_t objectLimit;  /* largest spObjNum of a message */
    uint32_t reserved;
    uint64_t poolDefault; /* pool size when none is asked for */
    uint64_t poolMaximum; /* largest pool size */
};

enum ControlState {
    CONTROL_FREE = 0,
    CONTROL_ALIVE = 1,
    CONTROL_DEAD = 2, /* ended; kept until what it published has been delivered */
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
    _Atomic uint32_t pid; /* as the domain sees it */
    _Atomic uint32_t uid; /* at connect, checked by the domain */
    _Atomic uint32_t gid;
    _Atomic uint32_t opened; /* changing: 0, then 1 from LiteIpcOpen on */
    _Atomic uint64_t
        poolSize; /* changing: 0 until mapped; bytes that each sender may have pending */
    _Atomic uint32_t ipcTask; /* changing: task ID that gets death notices, 0 for none */
};

struct ControlThread {
    _Alignas(128) _Atomic uint64_t state;
    _Atomic uint32_t processID;
    _Atomic uint32_t processGeneration;
    /*
     * changing: grows whenever the thread has to look at its control socket or at the table again.
     * The domain bumps it (release, after the change and after the socket message was sent); the
     * thread compares it (acquire) on every look. A line of its own.
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
    /* changing: how often a right to a task of this slot was taken away; never starts again */
    _Atomic uint32_t revocations;
    uint32_t padding[8];
    /*
     * changing: bit p of the map says that process p may send requests; accessWords words, then
     * processLimit times 32 bits: which of the revocations was the last of process p (0: none)
     */
    _Atomic uint64_t access[];
};

struct ControlTable {
    uint64_t magic;
    uint32_t version;
    uint32_t accessWords; /* 64-bit words in a task's access map */
    uint64_t size;        /* bytes of the whole table */
    uint64_t epoch;       /* random; tells one life of a domain from the next */
    uint64_t processOffset;
    uint64_t threadOffset;
    uint64_t taskOffset;
    uint64_t taskStride; /* bytes from one ControlTask to the next */
    struct ControlLimits limits;
    /* changing: {generation: 32, taskID: 32} of the ServiceManager's task, 0 for none */
    _Alignas(64) _Atomic uint64_t cms;
    _Atomic uint32_t cmsMaxMsgSize; /* changing, written before cms; bytes */
    _Atomic uint32_t running;       /* changing: 1, then 0 when the domain stops in good order */
};

_Static_assert(sizeof(struct ControlProcess) == 64, "shared layout");
_Static_assert(sizeof(struct ControlThread) == 128, "shared layout");
_Static_assert(sizeof(struct ControlTask) == 64, "shared layout");
_Static_assert(offsetof(struct ControlThread, attention) == 64, "shared layout");
_Static_assert(sizeof(struct ControlTable) == 192, "shared layout");

/* What a reader learns about a process, thread or task: one consistent picture. */
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

/* Bytes of a table with these limits. */
size_t ControlTableSize(const struct ControlLimits *limits);

/* Domain: fills a zeroed, writable mapping of ControlTableSize() bytes. */
void ControlTableInit(struct ControlTable *table, const struct ControlLimits *limits,
                      uint64_t epoch);

/*
 * Reader: checks that a read-only mapping of `size` bytes is a table whose offsets and limits lie
 * inside it. 0 or -EPROTO.
 */
int ControlTableCheck(const struct ControlTable *table, size_t size);

/* Slot addresses; the ID must be below the limit. Valid as long as the mapping. */
struct ControlProcess *ControlProcessAt(const struct ControlTable *table, uint32_t processID);
struct ControlThread *ControlThreadAt(const struct ControlTable *table, uint32_t threadID);
struct ControlTask *ControlTaskAt(const struct ControlTable *table, uint32_t taskID);

/* Any thread. 0, -EINVAL (ID out of range), -ESRCH (slot free or changed while it was read). */
int ControlProcessRead(const struct ControlTable *table, uint32_t processID,
                       struct ControlProcessFacts *facts);
int ControlTaskRead(const struct ControlTable *table, uint32_t taskID,
                    struct ControlTaskFacts *facts);

/* Any thread: is the right bit of (task, process) set. IDs must be below their limits. */
static inline bool ControlAccessTest(const struct ControlTask *task, uint32_t processID)
{
    /* acquire: pairs with the release in ControlAccessSet; a grant is seen with what came before */
    uint64_t word = atomic_load_explicit(&task->access[processID / 64], memory_order_acquire);
    return (word >> (processID % 64)) & 1U;
}

/*
 * Any thread: the count of revocations of a task. Who reads it, then finds its right there and
 * sends, has been robbed of the right since if ControlRevokedSince says so, whatever was granted
 * again.
 */
static inline uint32_t ControlRevocations(const struct ControlTask *task)
{
    /* acquire: the right is read after it; pairs with ControlAccessRevoke */
    return atomic_load_explicit(&task->revocations, memory_order_acquire);
}
bool ControlRevokedSince(const struct ControlTable *table, uint32_t taskID, uint32_t processID,
                         uint32_t revocations);

/*
 * Domain only: the life of a slot. Fill it while it is free, then publish.
 *
 *   ControlStatePublish  FREE -> ALIVE; returns the generation, never 0
 *   ControlStateMarkDead ALIVE -> DEAD, same generation
 *   ControlStateFree     ALIVE or DEAD -> FREE, next generation
 */
uint32_t ControlStatePublish(_Atomic uint64_t *state);
void ControlStateMarkDead(_Atomic uint64_t *state);
void ControlStateFree(_Atomic uint64_t *state);

/* Domain only: the fields of a free slot. The words that change start at 0. */
void ControlProcessFill(struct ControlProcess *entry, uint32_t pid, uint32_t uid, uint32_t gid);
void ControlThreadFill(struct ControlThread *entry, uint32_t processID, uint32_t processGeneration);
void ControlTaskFill(const struct ControlTable *table, struct ControlTask *entry,
                     uint32_t processID, uint32_t processGeneration, uint32_t threadID,
                     uint32_t threadGeneration);

/* Domain only: the thread has to look again. After the change and its message were sent. */
void ControlThreadNotify(struct ControlThread *entry);

/* Domain only: takes a right away, for those to hear of it who have used it. */
void ControlAccessRevoke(const struct ControlTable *table, struct ControlTask *task,
                         uint32_t processID);

/* Domain only. */
static inline void ControlAccessSet(struct ControlTask *task, uint32_t processID, bool granted)
{
    uint64_t bit = 1ULL << (processID % 64);
    /* release: pairs with ControlAccessTest. One writer, so the read-modify-write cannot collide */
    uint64_t word = atomic_load_explicit(&task->access[processID / 64], memory_order_relaxed);
    atomic_store_explicit(&task->access[processID / 64], granted ? (word | bit) : (word & ~bit),
                          memory_order_release);
}

#endif
