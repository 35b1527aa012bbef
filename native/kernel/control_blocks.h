/*
 * Defines the private state of one LiteIPC process, its threads and its tasks: what LiteOS-A stores
 * in PCB, TCB and ProcIpcInfo, as far as it is not shared through the control table.
 *
 * Ownership: a device owns its pool and its table mapping. A thread owns the receiving ends of its
 * lanes, the sending ends that it leases, its control socket, its epoll set and its tasks. One OS
 * thread at a time uses a struct LiteIpcThread and everything below it; other threads touch only
 * what is marked "any thread". No lock is held while a message is sent or received.
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

/*
 * Number of lanes that a thread polls on every read. The other lanes ring before they are polled.
 */
#define HOT_LANES_MAX 16
/* A lane is closed after this number of malformed records, or of rings without a record. */
#define LANE_GARBAGE_MAX     16
#define LANE_EMPTY_RINGS_MAX 256
/* The kernel's time limit for a synchronous call. */
#define LITEIPC_TIMEOUT_MS 5000U
#define LITEIPC_TIMEOUT_NS (LITEIPC_TIMEOUT_MS * NANOSECONDS_PER_MILLISECOND)

/* Most descriptors in one message, and in flight in one lane. */
#define IPC_DESCRIPTORS_MAX 16U

/* Descriptors that came with one record. Number 0: none. */
struct DescriptorBatch {
    uint16_t number;
    uint16_t sent; /* number of descriptors according to the sender */
    uint32_t count;
    int descriptors[IPC_DESCRIPTORS_MAX];
};

enum InboundLaneState {
    LANE_SPARE,    /* deposited with the domain, no sender yet */
    LANE_LIVE,     /* in use by a sender */
    LANE_DRAINING, /* its process ended: deliver what it published, then report it drained */
    LANE_CLOSED,   /* unmapped except for the cursors, which live until every message was freed */
};

/* The receiving end of a lane. Its address is stable until the last of its messages was freed. */
struct InboundLane {
    LOS_DL_LIST listNode; /* in LiteIpcThread.lanes or LiteIpcDevice.orphans */
    LOS_DL_LIST rangNode; /* in LiteIpcThread.rang while it has rung and is not hot */
    struct RingReader reader;
    /*
     * NULL after the thread has ended. Any thread reads it to distinguish "mine" from "elsewhere".
     */
    struct LiteIpcThread *_Atomic thread;
    enum InboundLaneState state;
    bool hot;
    const void *ring; /* the sender's memory, NULL while spare or closed */
    size_t ringSize;  /* bytes */
    struct RingCursors *cursors;
    struct Bell bell;               /* its listening end is in the thread's epoll set; closed: -1 */
    struct OwnedDescriptors *owned; /* belongs to the device */
    int socket;                     /* socket that descriptors arrive on, -1 before the first */
    bool socketAwaited; /* a record with descriptors came before the domain's message about the
                           socket */
    struct DescriptorBatch
        *batches; /* IPC_DESCRIPTORS_MAX batches that came out of order; NULL without a socket */
    uint64_t drainedEpoch; /* epoch of the ring when the bell was drained last */
    uint32_t laneID, endID;
    uint32_t processID, processGeneration; /* the sending process */
    uint32_t pid, uid, gid;                /* identity of the sender, from the control table */
    uint64_t headStamp;   /* effective stamp of the record at the head, if headKnown */
    bool headKnown;       /* the head was seen and its stamp is settled */
    bool headFuture;      /* the head was seen once with a stamp later than the look */
    uint64_t lastEmpty;   /* ns; when the lane was last empty */
    uint64_t markTime;    /* ns; a look at which the lane was at position markTaken */
    uint64_t markTaken;   /* bytes; a record a whole ring further on was published after it */
    uint64_t floorStamp;  /* ns; nothing at the head can have been published earlier */
    uint64_t takenCharge; /* bytes of all messages taken, in total */
    uint32_t queued;      /* of these, messages in the queues of tasks */
    uint32_t garbage;     /* malformed records so far */
    uint32_t emptyRings;  /* rings without a record since the last record */
};

enum OutboundLaneState {
    LANE_OPENING, /* requested from the domain */
    LANE_READY,
};

struct LaneWaiter {
    uint32_t taskID, generation;
};

/* The sending end of a lane, leased to one thread. */
struct OutboundLane {
    LOS_DL_LIST listNode; /* in LiteIpcThread.outboundLanes or LiteIpcDevice.idleLanes */
    struct RingWriter writer;
    enum OutboundLaneState state;
    void *ring;
    size_t ringSize;
    uint64_t allowance;             /* bytes that may be pending at the receiver */
    const void *cursors;            /* the receiver's memory, read-only */
    struct Bell bell;               /* the receiver's bell; both ends, see platform/bell.h */
    struct OwnedDescriptors *owned; /* belongs to the device */
    int socket;                     /* socket that descriptors are sent on, -1 before the first */
    uint32_t datagramSize;          /* bytes that a datagram takes in the socket; 0: not known */
    uint64_t descriptorsSent;       /* in total */
    uint16_t descriptorBatch;       /* number of the last message with descriptors */
    uint8_t batchCounts[IPC_DESCRIPTORS_MAX]; /* descriptors of the last messages, by number */
    uint32_t laneID;
    uint32_t threadID, threadGeneration; /* the receiving thread */
    struct LaneWaiter *waiters;          /* tasks that tried to send while the lane was opening */
    unsigned waiterCount, waiterCapacity;
};

/* A request that waits for its answer. */
struct IpcCall {
    bool used;
    bool byRight;    /* calling the service requires a right, which can be revoked */
    uint16_t serial; /* distinguishes successive uses of the slot */
    int failure;     /* 0, or the error after one more look: see CallLoss */
    uint32_t next;   /* free list, index + 1 */
    uint64_t timestamp;
    uint64_t userData;
    uint32_t targetTask, targetGeneration;
    uint32_t targetProcess, targetProcessGeneration;
    uint32_t
        revocations; /* revocations of rights to the service, read before the right was checked */
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
    LOS_DL_LIST readyNode; /* in LiteIpcThread.ready while the queue is not empty */
    bool ready;
    bool queueMade; /* LiteIpcTaskInit was done */
    enum IpcWaitState waitState;
    uint32_t taskID, generation;
    uint64_t lastTimestamp;  /* ns; timestamps of a task's requests strictly increase */
    LOS_DL_LIST msgListHead; /* IpcListNode.listNode, in the pool */
    struct IpcCallTable calls;
    struct TaskCounters counters;
};

/* An event for the caller of the event face that is not a message. See LiteIpcEvent. */
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

/* What a control request waits for. */
enum ControlPendingKind {
    PENDING_CALL,    /* a thread blocks for it: the answer is written to `answer` */
    PENDING_LANE,    /* a lane: `lane` */
    PENDING_EVENT,   /* a notice with userData */
    PENDING_IGNORED, /* the answer is not needed */
    /* a lane's socket for descriptors; a lane notice for userData {task, generation} */
    PENDING_SOCKET,
    PENDING_STEP, /* something that a message needs before it can be sent: a lane notice as well */
};

struct ControlPending {
    uint32_t requestID;
    uint32_t type; /* enum ControlMessageType */
    enum ControlPendingKind kind;
    struct OutboundLane *lane;
    struct LiteIpcTask *task;
    struct ControlMessage *answer;
    bool *answered;
    int *descriptor; /* receives the descriptor of the answer, or NULL */
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
    /*
     * Handles a message of the domain. A pointer, so that a request can wait for its answer without
     * knowledge of lanes and tasks.
     */
    void (*controlHandler)(struct LiteIpcThread *thread, const struct ControlMessage *message,
                           int *descriptors, unsigned count);
    int epoll;
    int nudge; /* eventfd: any thread of this process wakes this one */
    bool lost; /* the domain closed the control socket */
    bool lostHandled, lostReported;

    LOS_DL_LIST lanes;
    LOS_DL_LIST rang;                /* lanes that rang and are not hot: they are polled as well */
    struct InboundLane **candidates; /* room for liveCount lanes, see InboundLook */
    unsigned candidateCapacity;
    struct InboundLane *hot[HOT_LANES_MAX];
    unsigned hotCount, liveCount, spareCount; /* live ones include the hot ones */
    unsigned evictNext;                       /* the hot lane that is evicted when another rings */
    unsigned closedCount; /* lanes that wait for their last message to be freed */
    uint32_t nextEndID;
    uint32_t spareTarget; /* number of spare ends to deposit */
    bool armed;
    bool collectBells; /* the epoll set may hold rings that were not collected */
    bool sweepNeeded;  /* closed lanes may have become free of messages */
    bool controlReady; /* the control socket is readable */
    bool poolFull;     /* a record waits in its lane for memory */
    bool scanNeeded;   /* a process or task ended: lanes have to be drained, calls may fail */
    bool failingCalls; /* some call is about to fail */
    struct ControlDeath *deaths; /* death notices that found no memory yet */
    unsigned deathCount, deathCapacity;

    struct OutboundLane **outbound; /* by thread ID, threadLimit entries */
    LOS_DL_LIST outboundLanes;
    int laneStatus; /* status of the last request for a lane */

    LOS_DL_LIST tasks;
    LOS_DL_LIST
    endedTasks; /* events may still name them: freed before the next events are delivered */
    struct LiteIpcTask **taskByID; /* taskLimit entries */
    LOS_DL_LIST ready;

    uint32_t nextRequestID;
    struct ControlPending *pending;
    unsigned pendingCount, pendingCapacity;
    struct IpcNoticeQueue notices;

    uint64_t spinLimit; /* ns */
    int spinScore;      /* waits are spun while positive */
    unsigned waits;     /* number of waits, to retry spinning occasionally */
    uint32_t peerProcessor;
    uint64_t lastSentAt; /* ns; when the record taken last was sent */
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
    uint64_t epoch;            /* of the table: a child of fork(2) has no table to read */
    int processSocket;         /* under lock */
    pthread_mutex_t lock;      /* never held while waiting for anything but the process socket */
    pthread_mutex_t setupLock; /* open and mmap: one at a time */
    LOS_DL_LIST threads;       /* under lock */
    LOS_DL_LIST idleLanes;     /* OutboundLane that no thread leases, under lock */
    LOS_DL_LIST
    orphans; /* InboundLane of ended threads whose messages are not freed yet, under lock */
    uint32_t nextRequestID; /* of the process socket, under lock */
    _Atomic bool opened;
    _Atomic bool shutdown;
    _Atomic bool poolFull; /* some thread waits for memory: it is nudged when memory is freed */
    pthread_mutex_t traceLock;
    struct IpcTrace
        *trace;   /* under traceLock; retained when tracing ends, until the next trace begins */
    bool tracing; /* under traceLock */
    struct ProcIpcInfo ipcInfo; /* its addresses change between OwnedEnter and OwnedLeave */
};

#endif
