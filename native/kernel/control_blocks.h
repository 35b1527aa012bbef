/*
 * The private state of one LiteIPC process, its threads and its tasks: what LiteOS-A keeps in PCB,
 * TCB and ProcIpcInfo, as far as it is not shared through the control table.
 *
 * Ownership: a device owns its pool and its table mapping; a thread owns its lanes' receiving ends,
 * the sending ends it leases, its control socket, its epoll set and its tasks. A struct
 * LiteIpcThread and everything below it is used by one OS thread at a time; only what is marked
 * "any thread" is touched by others. No lock is held while a message is sent or received.
 */
#ifndef LITEIPC_KERNEL_CONTROL_BLOCKS_H
#define LITEIPC_KERNEL_CONTROL_BLOCKS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/message.h"
#include "control/table.h"
#include "kernel/hooks.h"
#include "kernel/los_liteipc.h"
#include "kernel/record.h"
#include "platform/bell.h"
#include "platform/owned_descriptors.h"
#include "platform/runtime_directory.h"
#include "queue/ring.h"

/* Lanes that a thread looks at on every read; the others ring before they are looked at. */
#define HOT_LANES_MAX 16
/* Malformed records, or rings without a record, after which a lane is closed. */
#define LANE_GARBAGE_MAX     16
#define LANE_EMPTY_RINGS_MAX 256
/* The kernel's limit for a synchronous call. */
#define LITEIPC_TIMEOUT_MS 5000U
#define LITEIPC_TIMEOUT_NS (LITEIPC_TIMEOUT_MS * NANOSECONDS_PER_MILLISECOND)

/* Descriptors in one message, and on their way in one lane. */
#define IPC_DESCRIPTORS_MAX 16U

/* Descriptors that came with one record; number 0: none. */
struct DescriptorBatch {
    uint16_t number;
    uint16_t sent; /* how many, as the sender says */
    uint32_t count;
    int descriptors[IPC_DESCRIPTORS_MAX];
};

enum InboundLaneState {
    LANE_SPARE,    /* deposited with the domain, no sender yet */
    LANE_LIVE,     /* a sender has it */
    LANE_DRAINING, /* its process died: deliver what is there, then report it drained */
    LANE_CLOSED,   /* unmapped but for the cursors, which live until every message was freed */
};

/* The receiving end of a lane. The address is stable until the last of its messages was freed. */
struct InboundLane {
    LOS_DL_LIST listNode; /* in LiteIpcThread.lanes or LiteIpcDevice.orphans */
    LOS_DL_LIST rangNode; /* in LiteIpcThread.rang while it has rung and is not hot */
    struct RingReader reader;
    /* NULL when the thread has ended. Any thread reads it to tell "mine" from "elsewhere" */
    struct LiteIpcThread *_Atomic thread;
    enum InboundLaneState state;
    bool hot;
    const void *ring; /* the sender's memory, NULL while spare or closed */
    size_t ringSize;  /* bytes */
    struct RingCursors *cursors;
    struct Bell bell;               /* its listening end is in the thread's epoll set; closed: -1 */
    struct OwnedDescriptors *owned; /* the device's */
    int socket;                     /* where descriptors come from, -1 before the first */
    bool
        socketAwaited; /* a record with descriptors was seen before the domain's word of a socket */
    struct DescriptorBatch *batches; /* IPC_DESCRIPTORS_MAX out of turn; NULL without a socket */
    uint64_t drainedEpoch;           /* of the ring when the bell was drained last */
    uint32_t laneID, endID;
    uint32_t processID, processGeneration; /* the sender */
    uint32_t pid, uid, gid;                /* of the sender, from the control table */
    uint64_t headStamp;   /* effective stamp of the record at the head, if headKnown */
    bool headKnown;       /* the head was seen, its stamp settled */
    bool headFuture;      /* the head was seen once with a stamp later than the look */
    uint64_t lastEmpty;   /* ns; when the lane was last seen empty */
    uint64_t markTime;    /* ns; a look at which the lane stood at position markTaken */
    uint64_t markTaken;   /* bytes; what is a whole ring further on was published after it */
    uint64_t floorStamp;  /* ns; nothing at the head can have been published before */
    uint64_t takenCharge; /* bytes of all messages taken, ever */
    uint32_t queued;      /* of these, messages that wait in the queues of tasks */
    uint32_t garbage;     /* malformed records so far */
    uint32_t emptyRings;  /* rings without a record since the last record */
};

enum OutboundLaneState {
    LANE_OPENING, /* asked for */
    LANE_READY,
};

struct LaneWaiter {
    uint32_t taskID, generation;
};

/* The sending end of a lane, leased to one thread. */
struct OutboundLane {
    LOS_DL_LIST listNode; /* in LiteIpcThread.outboundLanes or LiteIpcDevice.shelf */
    struct RingWriter writer;
    enum OutboundLaneState state;
    void *ring;
    size_t ringSize;
    uint64_t allowance;             /* bytes that may be pending at the receiver */
    const void *cursors;            /* the receiver's, read-only */
    struct Bell bell;               /* the receiver's; both ends, see platform/bell.h */
    struct OwnedDescriptors *owned; /* the device's */
    int socket;                     /* where descriptors go, -1 before the first */
    uint32_t datagramSize;          /* what one weighs in the socket, bytes; 0: not known */
    uint64_t descriptorsSent;       /* ever */
    uint16_t descriptorBatch;       /* number of the last message that had any */
    uint8_t batchCounts[IPC_DESCRIPTORS_MAX]; /* descriptors of the last messages, by number */
    uint32_t laneID;
    uint32_t threadID, threadGeneration; /* the receiver */
    struct LaneWaiter *waiters;          /* who tried to send while it was opening */
    unsigned waiterCount, waiterCapacity;
};

/* A request that waits for its answer. */
struct IpcCall {
    bool used;
    bool byRight;    /* a right is needed to call its service, and can be taken away */
    uint16_t serial; /* tells one use of the slot from the next */
    int failure;     /* 0, or what it will fail with after one more look: see CallLoss */
    uint32_t next;   /* free list, index + 1 */
    uint64_t timestamp;
    uint64_t userData;
    uint32_t targetTask, targetGeneration;
    uint32_t targetProcess, targetProcessGeneration;
    uint32_t revocations; /* of rights to its service, before the right was looked at */
};

struct IpcCallTable {
    struct IpcCall *calls;
    uint32_t capacity, used;
    uint32_t free; /* index + 1 of the first free slot, 0 for none */
};

/* See LiteIpcTaskStatistics for the meaning. */
struct TaskCounters {
    uint64_t received;
    uint64_t dropped[IPC_DROP_NUM];
    uint32_t queued;
};

struct LiteIpcTask {
    struct LiteIpcThread *thread;
    LOS_DL_LIST listNode;  /* in LiteIpcThread.tasks */
    LOS_DL_LIST readyNode; /* in LiteIpcThread.ready while the queue holds something */
    bool ready;
    bool queueMade; /* LiteIpcTaskInit was done */
    enum IpcWaitState waitState;
    uint32_t taskID, generation;
    uint64_t lastTimestamp;  /* ns; timestamps of a task's requests strictly increase */
    LOS_DL_LIST msgListHead; /* IpcListNode.listNode, in the pool */
    struct IpcCallTable calls;
    struct TaskCounters counters;
};

/* Something for the caller of the event face that is not a message. See LiteIpcEvent. */
enum IpcNoticeKind { NOTICE_CALL, NOTICE_CONTROL, NOTICE_LANE, NOTICE_LOST };

struct IpcNotice {
    enum IpcNoticeKind kind;
    int status;
    struct LiteIpcTask *task;
    uint64_t userData;
    uint32_t value0, value1;
};

struct IpcNoticeQueue {
    struct IpcNotice *notices;
    size_t head, count, capacity;
};

/* A control request whose answer is awaited. */
enum ControlPendingKind {
    PENDING_CALL,    /* somebody blocks for it: the answer goes to `answer` */
    PENDING_LANE,    /* a lane: `lane` */
    PENDING_EVENT,   /* a notice with userData */
    PENDING_IGNORED, /* nobody: the answer is not needed */
    /* a lane's way for descriptors; a lane notice for userData {task, generation} */
    PENDING_SOCKET,
    PENDING_STEP, /* something that a message needs before it can be sent: a lane notice, too */
};

struct ControlPending {
    uint32_t requestID;
    uint32_t type; /* enum ControlMessageType */
    enum ControlPendingKind kind;
    struct OutboundLane *lane;
    struct LiteIpcTask *task;
    struct ControlMessage *answer;
    bool *answered;
    int *descriptor; /* where to put what the answer brings, or NULL */
    uint64_t userData;
};

/* See LiteIpcThreadCounters for the meaning. */
struct ThreadCounters {
    uint64_t sent, received, dropped, malformed, bellsRung, sleeps, spinsHit, spinsMissed;
    uint32_t lanesClosedForGarbage;
};

struct LiteIpcThread {
    struct LiteIpcDevice *device;
    LOS_DL_LIST listNode; /* in LiteIpcDevice.threads, under its lock */
    uint32_t threadID, generation;
    const struct ControlThread *entry;
    uint32_t attentionSeen;
    int controlSocket;
    /* Handles a message of the domain. A pointer, so that a request can wait for its answer without
       knowing of lanes and tasks */
    void (*controlHandler)(struct LiteIpcThread *thread, const struct ControlMessage *message,
                           int *descriptors, unsigned count);
    int epoll;
    int nudge; /* eventfd: any thread of this process wakes this one */
    bool lost; /* the domain closed the control socket */
    bool lostHandled, lostReported;

    LOS_DL_LIST lanes;
    LOS_DL_LIST rang;                /* lanes that rang and are not hot: they are looked at, too */
    struct InboundLane **candidates; /* room for liveCount lanes, see InboundLook */
    unsigned candidateCapacity;
    struct InboundLane *hot[HOT_LANES_MAX];
    unsigned hotCount, liveCount, spareCount; /* live ones include the hot ones */
    unsigned evictNext;                       /* which hot lane has to go when another rings */
    unsigned closedCount; /* lanes that wait for their last message to be freed */
    uint32_t nextEndID;
    uint32_t spareTarget; /* how many spare ends to keep deposited */
    bool armed;
    bool collectBells;           /* the epoll set may hold rings that were not looked at */
    bool sweepNeeded;            /* closed lanes may have become free of messages */
    bool controlReady;           /* the control socket has something */
    bool poolFull;               /* a record waits in its lane for memory */
    bool scanNeeded;             /* somebody died: lanes to be drained, calls to be doomed */
    bool failingCalls;           /* some call is doomed */
    struct ControlDeath *deaths; /* notices that found no memory yet */
    unsigned deathCount, deathCapacity;

    struct OutboundLane **outbound; /* by thread ID, threadLimit entries */
    LOS_DL_LIST outboundLanes;
    int laneStatus; /* how the last request for a lane ended */

    LOS_DL_LIST tasks;
    LOS_DL_LIST endedTasks; /* events may still name them: freed before the next are handed out */
    struct LiteIpcTask **taskByID; /* taskLimit entries */
    LOS_DL_LIST ready;

    uint32_t nextRequestID;
    struct ControlPending *pending;
    unsigned pendingCount, pendingCapacity;
    struct IpcNoticeQueue notices;

    uint64_t spinLimit; /* ns */
    int spinScore;      /* waits are spun while positive */
    unsigned waits;     /* counts, to try again now and then */
    uint32_t peerProcessor;
    uint64_t lastSentAt; /* ns; when the last record taken was sent */
    uint64_t waitStart;  /* ns, 0 when not waiting */
    struct ThreadCounters counters;
    struct IpcHookPresence hookPresence; /* any thread */
};

struct IpcTrace;

struct LiteIpcDevice {
    char address[RUNTIME_PATH_SIZE]; /* the domain's socket */
    struct OwnedDescriptors owned;   /* every descriptor of this device and its threads */
    struct ControlIdentity identity;
    const struct ControlTable *table;
    struct IpcHooks hooks;
    uint64_t epoch;            /* of the table: a child of fork(2) has no table to look at */
    int processSocket;         /* under lock */
    pthread_mutex_t lock;      /* never held while waiting for anything but the process socket */
    pthread_mutex_t setupLock; /* open and mmap: one at a time */
    LOS_DL_LIST threads;       /* under lock */
    LOS_DL_LIST idleLanes;     /* OutboundLane that no thread leases, under lock */
    LOS_DL_LIST
    orphans; /* InboundLane of ended threads whose messages are still held, under lock */
    uint32_t nextRequestID; /* of the process socket, under lock */
    _Atomic bool opened;
    _Atomic bool shutdown;
    _Atomic bool poolFull; /* some thread waits for memory: nudge it when something is freed */
    pthread_mutex_t traceLock;
    struct IpcTrace *trace;     /* under traceLock; kept when tracing ends, until the next begins */
    bool tracing;               /* under traceLock */
    struct ProcIpcInfo ipcInfo; /* its addresses change between OwnedEnter and OwnedLeave */
};

#endif
