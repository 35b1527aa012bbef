/*
 * The messages on the control sockets of a domain: fixed size, with at most three descriptors.
 *
 * Sockets are AF_UNIX SOCK_SEQPACKET, close-on-exec, non-blocking at the domain's end. A process
 * has one *process socket*, from connect(). On it the process requests *thread sockets*, one per
 * receiving thread (one end of a socketpair that the domain creates). One thread at a time uses a
 * socket, so the threads of a process share no lock.
 *
 * Every request that is not marked "no answer" has an answer: the same type and requestID, with
 * `status` 0 or a negative errno. The domain answers at once, except that it may park a LANE_OPEN
 * until the receiving thread deposits another lane end. Events have requestID 0.
 *
 * The domain trusts no client: it checks IDs, generations, sizes and seals of every request, and
 * takes the sender's identity from SCM_CREDENTIALS and SO_PEERCRED. A malformed message ends the
 * connection.
 */
#ifndef LITEIPC_CONTROL_MESSAGE_H
#define LITEIPC_CONTROL_MESSAGE_H

#include <stdint.h>

#define CONTROL_PROTOCOL_VERSION 1U
/* The requestID of a request whose answer the client ignores. */
#define CONTROL_REQUEST_IGNORED UINT32_MAX
#define CONTROL_DESCRIPTORS_MAX 3
/* The lane ends that a thread deposits at its start, and the most that the domain stores for it. */
#define CONTROL_LANE_ENDS_INITIAL 4
#define CONTROL_LANE_ENDS_MAX     64
/* The most lanes from one process to another. */
#define CONTROL_LANES_PER_PAIR 16

enum ControlMessageType {
    /* process socket */
    CONTROL_HELLO = 1,     /* protocolVersion -> identity; + descriptor of the control table */
    CONTROL_THREAD_CREATE, /* -> object {threadID, generation}; + descriptor of its socket */
    CONTROL_PROCESS_EXIT,  /* ends the process; the answer follows when everything is done */

    /* thread socket */
    CONTROL_THREAD_EXIT,   /* ends the tasks, drops the inbound lanes; then the answer follows */
    CONTROL_PROCESS_OPEN,  /* LiteIpcOpen: the process may get rights and messages. Also on the
                             process socket, because the child of a fork has no thread yet */
    CONTROL_PROCESS_MAP,   /* LiteIpcMmap: map.poolSize; 0 removes the pool */
    CONTROL_TASK_CREATE,   /* -> object {taskID, generation}, owned by this thread */
    CONTROL_TASK_EXIT,     /* object.id: LiteIpcRemoveServiceHandle, then the task is dead */
    CONTROL_TASK_INIT,     /* object {taskID, generation}: LiteIpcTaskInit, the queue exists */
    CONTROL_SET_CMS,       /* cms {taskID, maxMsgSize} */
    CONTROL_SET_IPC_TASK,  /* object.id = calling task */
    CONTROL_CMS_COMMAND,   /* cmsCommand -> cmsCommand.serviceHandle */
    CONTROL_REMOVE_ACCESS, /* access: revokes a right (not in the kernel; only the CMS) */
    CONTROL_GRANT_ACCESS,  /* access: gives a right of the caller to another process, whose
                             generation is given; the service gets a queue. HandleSvc */
    CONTROL_LANE_SOCKET,   /* object.id = laneID, leased by the caller: creates its channel for
                             descriptors; + the sender's end. The receiver gets
                             EVENT_LANE_SOCKET before */
    CONTROL_LANE_OPEN,     /* lane {taskID, generation, ringSize}; + ring -> laneOpened {laneID,
                             threadID, threadGeneration}; + cursors, bell (2) */
    CONTROL_LANE_LEASE,    /* object.id = laneID: another thread of the process uses the lane */
    CONTROL_LANE_CLOSE,    /* object.id = laneID: ends the lane, from either end (a receiver
                             does so after malformed records); the other gets LANE_CLOSED */
    CONTROL_LANE_DEPOSIT,  /* object.id = endID, chosen by the receiver; + cursors, bell (2). No
                             answer */
    CONTROL_LANE_DRAINED,  /* object.id = lane of a dead process, all delivered. No answer */

    /* events to a thread socket */
    CONTROL_EVENT_LANE,        /* laneNew; + ring: a sender uses the deposited end laneNew.endID */
    CONTROL_EVENT_LANE_SOCKET, /* object.id = laneID; + the receiver's end */
    CONTROL_EVENT_LANE_CLOSED, /* object.id = laneID */
    CONTROL_EVENT_DEATH,       /* death: for the IPC task of this process */
    CONTROL_EVENT_WAKE,        /* read the table: a process, thread or task died, or a right
                                  changed. Never queued twice, because it has no content */
    CONTROL_EVENT_RESTOCK,     /* object.id = number of lane ends that the domain requests */
    CONTROL_MESSAGE_TYPES,
};

struct ControlObject {
    uint32_t id;
    uint32_t generation;
};

struct ControlIdentity {
    uint32_t processID, generation;
    uint32_t uid, gid, pid;
    uint64_t tableSize; /* bytes of the control table */
};

struct ControlCms {
    uint32_t taskID;
    uint32_t maxMsgSize; /* bytes */
};

struct ControlCmsCommand {
    uint32_t callerTaskID;
    uint32_t cmd; /* CmsCmd, or any other number */
    uint32_t taskID, taskGeneration;
    uint32_t serviceHandle, serviceGeneration; /* generation 0: any, as in the kernel */
};

struct ControlAccess {
    uint32_t callerTaskID;
    uint32_t processID, processGeneration; /* gets or loses the right; generation 0: any */
    uint32_t serviceHandle, serviceGeneration;
};

struct ControlLaneOpen {
    uint32_t taskID, generation; /* destination; generation 0: any */
    uint32_t sourceTaskID;       /* a task of the requesting thread */
    uint32_t isReply;            /* 1: the lane is for an answer, not for a request */
    uint64_t ringSize;           /* bytes of the ring memfd, header included */
};

struct ControlLaneOpened {
    uint32_t laneID;
    uint32_t threadID, threadGeneration;
};

struct ControlLaneNew {
    uint32_t laneID, endID;
    uint32_t processID, processGeneration; /* the sender */
    uint64_t ringSize;
};

struct ControlDeath {
    uint32_t ipcTaskID;
    uint32_t deadTaskID, deadGeneration;
    uint32_t deadProcessID;
    uint32_t uid, gid;  /* of the dead task's process */
    uint64_t timestamp; /* CLOCK_MONOTONIC ns of the death */
};

struct ControlMessage {
    uint32_t type;      /* enum ControlMessageType */
    uint32_t requestID; /* chosen by the client, not 0; 0 in events */
    int32_t status;     /* answers: 0 or a negative errno; else 0 */
    uint32_t protocolVersion;
    union {
        struct ControlIdentity identity;
        struct ControlObject object;
        struct ControlCms cms;
        struct ControlCmsCommand cmsCommand;
        struct ControlAccess access;
        struct ControlLaneOpen lane;
        struct ControlLaneOpened laneOpened;
        struct ControlLaneNew laneNew;
        struct ControlDeath death;
        struct {
            uint64_t poolSize;
        } map;
        uint8_t bytes[48];
    };
};

_Static_assert(sizeof(struct ControlMessage) == 64, "wire layout");

#endif
