/*
 * Holds the private state of one LiteIPC process, its threads and its tasks: the part of LiteOS-A's
 * PCB, TCB and ProcIpcInfo that is not shared through the control table.
 *
 * Ownership: a device owns its pool and its table mapping. A thread owns the receiving ends of its
 * lanes, the sending ends that it leases, its control socket, its epoll set and its tasks. One OS
 * thread at a time uses a struct LiteIpcThread and everything below it; other threads touch only
 * fields marked "any thread". No lock is held while a message is sent or received.
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

/* Lanes that a thread looks at on every read. The others are armed and ring. */
#define HOT_LANES_MAX 16
/* Number of malformed records, or of rings without a record, after which a lane is closed. */
#define LANE_GARBAGE_MAX     16
#define LANE_EMPTY_RINGS_MAX 256
/* The kernel's limit for a synchronous call. */
#define LITEIPC_TIMEOUT_MS 5000U
#define LITEIPC_TIMEOUT_NS (LITEIPC_TIMEOUT_MS * NANOSECONDS_PER_MILLISECOND)

/* Largest number of descriptors in one message, and in flight in one lane. */
#define IPC_DESCRIPTORS_MAX 16U

/* Holds the descriptors that arrived with one record. Number 0: unused. */
struct DescriptorBatch {
    uint16_t number;
    uint16_t sent; /* count that the sender states */
    uint32_t count;
    int descriptors[IPC_DESCRIPTORS_MAX];
};

enum InboundLaneState {
    LANE_SPARE,    /* deposited with the domain; no sender yet */
    LANE_LIVE,     /* in use by a sender */
    LANE_DRAINING, /* its process ended: deliver its records, then report it as drained */
    LANE_CLOSED,   /* unmapped except for the cursors, which live until every message is freed */
};

/*
 * Holds the receiving end of a lane. Its address is stable until the last of its messages is freed.
 */
struct InboundLane {
    LOS_DL_LIST listNode; /* in LiteIpcThread.lanes or LiteIpcDevice.orphans */
    LOS_DL_LIST rangNode; /* in LiteIpcThread.rang if it has rung and is not hot */
    struct RingReader reader;
    /*
     * Any thread: its owner, to choose between RingFree and RingFreeElsewhere; NULL after its end
     */
    struct LiteIpcThread *_Atomic thread;
    enum InboundLaneState state;
    bool hot;
    const void *ring; /* the sender's memory, NULL while spare or closed */
    size_t ringSize;  /* bytes */
    struct RingCursors *cursors;
    struct Bell bell;               /* listening end, in the thread's epoll set; -1: closed */
    struct OwnedDescriptors *owned; /* the device's */
    int socket;                     /* for descriptors; -1 before the first */
    bool socketAwaited; /* a record with descriptors arrived before the domain's socket event */
    struct DescriptorBatch *batches; /* IPC_DESCRIPTORS_MAX stored ones; NULL without a socket */
    uint64_t drainedEpoch;           /* epoch of the ring when the bell was last drained */
    uint32_t laneID, endID;
    uint32_t processID, processGeneration; /* the sender */
    uint32_t pid, uid, gid;                /* of the sender, from the control table */
    uint64_t headStamp;   /* ns; effective stamp of the record at the head, if headKnown */
    bool headKnown;       /* the head was seen and its stamp is final */
    bool headFuture;      /* the head was once seen with a stamp later than the look */
    uint64_t lastEmpty;   /* ns; time when the lane was last seen empty */
    uint64_t markTime;    /* ns; time of a look that found the lane at position markTaken */
    uint64_t markTaken;   /* bytes; a record a whole ring later was published after markTime */
    uint64_t floorStamp;  /* ns; the head cannot have been published earlier */
    uint64_t takenCharge; /* bytes of all messages taken, ever */
    uint32_t queued;      /* messages of this lane in the queues of tasks */
    uint32_t garbage;     /* malformed records so far */
    uint32_t emptyRings;  /* rings without a record since the last record */
};

enum OutboundLaneState {
    LANE_OPENING, /* requested from the domain */
    LANE_READY,
};

/* Names the task that a message was for while its lane was opening. */
struct LaneWaiter {
    uint32_t taskID, generation;
};

/* Holds the sending end of a lane, leased to one thread. */
struct OutboundLane {
    LOS_DL_LIST listNode; /* in LiteIpcThread.outboundLanes or LiteIpcDevice.idleLanes */
    struct RingWriter writer;
    enum OutboundLaneState state;
    void *ring;
    size_t ringSize;
    uint64_t allowance;             /* bytes that may be pending at the receiver */
    const void *cursors;            /* the receiver's, read-only */
    struct Bell bell;               /* the receiver's; both ends, see platform/bell.h */
    struct OwnedDescriptors *owned; /* the device's */
    int socket;                     /* for descriptors; -1 before the first */
    uint32_t datagramSize;          /* bytes that a datagram takes in the socket; 0: unknown */
    uint64_t descriptorsSent;       /* in total */
    uint16_t descriptorBatch;       /* number of the last message with descriptors */
    uint8_t batchCounts[IPC_DESCRIPTORS_MAX]; /* descriptors of the last messages, by number */
    uint32_t laneID;
    uint32_t threadID, threadGeneration; /* the receiver */
    struct LaneWaiter *waiters;          /* destinations tried while it was opening */
    unsigned waiterCount, waiterCapacity;
};

/* Holds a request that waits for its reply. */
struct IpcCall {
    bool used;
    bool byRight;    /* calling its service needs a right, which can be revoked */
    uint16_t serial; /* distinguishes uses of the slot */
    int failure;     /* 0, or its error unless one more look finds the reply: see CallLoss */
    uint32_t next;   /* free list, index + 1 */
    uint64_t timestamp;
    uint64_t userData;
    uint32_t targetTask, targetGeneration;
    uint32_t targetProcess, targetProcessGeneration;
    uint32_t revocations; /* of rights to its service, read before the right was checked */
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
    LOS_DL_LIST readyNode; /* in LiteIpcThread.ready unless the queue is empty */
    bool ready;
    bool queueMade; /* LiteIpcTaskInit is done */
    enum IpcWaitState waitState;
    uint32_t taskID, generation;
    uint64_t lastTimestamp;  /* ns; timestamps of a task's requests strictly increase */
    LOS_DL_LIST msgListHead; /* IpcListNode.listNode, in the pool */
    struct IpcCallTable calls;
    struct TaskCounters counters;
};

/* Kinds of events other than messages for the event interface. See LiteIpcEvent. */
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

/* Kinds of control requests by the use of their answer. */
enum ControlPendingKind {
    PENDING_CALL,    /* a caller blocks: copied to `answer` */
    PENDING_LANE,    /* opens `lane` */
    PENDING_EVENT,   /* becomes a notice with userData */
    PENDING_IGNORED, /* not used */
    /*
     * brings a lane's socket for descriptors; a lane notice for userData {task, generation} follows
     */
    PENDING_SOCKET,
    PENDING_STEP, /* something else that a message needs before it can be sent; a lane notice
                     follows */
};

/* Describes a control request whose answer is pending. */
struct ControlPending {
    uint32_t requestID;
    uint32_t type; /* enum ControlMessageType */
    enum ControlPendingKind kind;
    struct OutboundLane *lane;
    struct LiteIpcTask *task;
    struct ControlMessage *answer;
    bool *answered;
    int *descriptor; /* receives the answer's descriptor; or NULL */
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
     * Handles a message of the domain: ThreadControlHandle. A pointer, so that thread_control.c
     * does not depend on lanes and tasks
     */
    void (*controlHandler)(struct LiteIpcThread *thread, const struct ControlMessage *message,
                           int *descriptors, unsigned count);
    int epoll;
    int nudge; /* eventfd that wakes this thread; any thread */
    bool lost; /* the domain closed the control socket */
    bool lostHandled, lostReported;

    LOS_DL_LIST lanes;
    LOS_DL_LIST rang;                /* lanes that rang and are not hot; looked at, too */
    struct InboundLane **candidates; /* room for all live and spare lanes, see InboundLook */
    unsigned candidateCapacity;
    struct InboundLane *hot[HOT_LANES_MAX];
    unsigned hotCount, liveCount, spareCount; /* liveCount includes hotCount */
    unsigned evictNext;   /* index of the hot lane to replace next, modulo HOT_LANES_MAX */
    unsigned closedCount; /* lanes whose last message is not yet freed */
    uint32_t nextEndID;
    uint32_t spareTarget;        /* number of spare ends that should be deposited */
    bool armed;                  /* the hot lanes are armed */
    bool collectBells;           /* the epoll set may hold rings not yet collected */
    bool sweepNeeded;            /* closed lanes may have no messages left */
    bool controlReady;           /* the control socket has a message */
    bool poolFull;               /* a record in a lane waits for memory */
    bool scanNeeded;             /* a process ended or a right was revoked: see Scan */
    bool failingCalls;           /* some call has a failure */
    struct ControlDeath *deaths; /* notices not yet queued */
    unsigned deathCount, deathCapacity;

    struct OutboundLane **outbound; /* by thread ID; threadLimit entries */
    LOS_DL_LIST outboundLanes;
    int laneStatus; /* status of the last request for a lane */

    LOS_DL_LIST tasks;
    LOS_DL_LIST endedTasks;        /* events may still name them; freed before the next batch */
    struct LiteIpcTask **taskByID; /* taskLimit entries */
    LOS_DL_LIST ready;

    uint32_t nextRequestID;
    struct ControlPending *pending;
    unsigned pendingCount, pendingCapacity;
    struct IpcNoticeQueue notices;

    uint64_t spinLimit; /* ns */
    int spinScore;      /* threads spin while it is positive */
    unsigned waits;     /* number of waits, to retry the spin now and then */
    uint32_t peerProcessor;
    uint64_t lastSentAt; /* ns; time when the last taken record was sent */
    uint64_t waitStart;  /* ns, 0 when not waiting */
    struct ThreadCounters counters;
    struct IpcHookPresence hookPresence; /* any thread */
};

struct IpcTrace;

struct LiteIpcDevice {
    char address[RUNTIME_PATH_SIZE]; /* the domain's socket */
    struct OwnedDescriptors owned;   /* all descriptors of this device and its threads */
    struct ControlIdentity identity;
    const struct ControlTable *table;
    struct IpcHooks hooks;
    uint64_t epoch;            /* of the table; a child of fork(2) has no table */
    int processSocket;         /* under lock */
    pthread_mutex_t lock;      /* held while waiting only for the process socket */
    pthread_mutex_t setupLock; /* serialises open and mmap */
    LOS_DL_LIST threads;       /* under lock */
    LOS_DL_LIST idleLanes;     /* OutboundLane without a lease, under lock */
    LOS_DL_LIST orphans;       /* InboundLane of ended threads with messages in use, under lock */
    uint32_t nextRequestID;    /* of the process socket, under lock */
    _Atomic bool opened;
    _Atomic bool shutdown;
    _Atomic bool poolFull; /* a thread waits for memory: nudge it when a node is freed */
    pthread_mutex_t traceLock;
    struct IpcTrace *trace;     /* under traceLock; lives from one start of tracing to the next */
    bool tracing;               /* under traceLock */
    struct ProcIpcInfo ipcInfo; /* its addresses change between OwnedEnter and OwnedLeave */
};

#endif
