/*
 * What goes over the control sockets of a domain: fixed-size messages, at most three descriptors
 * each.
 *
 * Sockets are AF_UNIX SOCK_SEQPACKET, close-on-exec, non-blocking at the domain's end. A process
 * has one *process socket*, made by connect(); over it it asks for *thread sockets*, one per
 * receiving thread (one end of a socketpair that the domain makes). Each socket is used by one
 * thread at a time, so no lock is shared between the threads of a process.
 *
 * Every request has an answer: the same type and requestID with `status` 0 or a negative errno,
 * except those marked "no answer". Answers come at once; only LANE_OPEN may be parked by the domain
 * until the receiving thread deposits another lane end. Events have requestID 0.
 *
 * The domain believes nothing: IDs, generations, sizes and seals are checked on every request, the
 * sender's identity comes from SCM_CREDENTIALS and SO_PEERCRED. A malformed message ends the
 * connection.
 */
#ifndef LITEIPC_CONTROL_MESSAGE_H
#define LITEIPC_CONTROL_MESSAGE_H

#include <stdint.h>

#define CONTROL_PROTOCOL_VERSION 1U
/* The requestID of a request whose answer nobody awaits. */
#define CONTROL_REQUEST_NOBODYS UINT32_MAX
#define CONTROL_DESCRIPTORS_MAX 3
/* Lane ends that a thread deposits when it starts, and the most that the domain keeps for it. */
#define CONTROL_LANE_ENDS_INITIAL 4
#define CONTROL_LANE_ENDS_MAX     64
/* Lanes between one process and another. */
#define CONTROL_LANES_PER_PAIR 16

enum ControlMessageType {
    /* process socket */
    CONTROL_HELLO = 1,     /* protocolVersion -> identity; + descriptor of the control table */
    CONTROL_THREAD_CREATE, /* -> object {threadID, generation}; + descriptor of its socket */
    CONTROL_PROCESS_EXIT,  /* the whole process ends; answered when everything has been done */

    /* thread socket */
    CONTROL_THREAD_EXIT,   /* its tasks end, its inbound lanes are dropped; then the answer */
    CONTROL_PROCESS_OPEN,  /* LiteIpcOpen: the process may be given rights and messages. The process
                             socket takes it, too: the child of a fork has no thread yet */
    CONTROL_PROCESS_MAP,   /* LiteIpcMmap: map.poolSize; 0 takes the pool away again */
    CONTROL_TASK_CREATE,   /* -> object {taskID, generation}, owned by this thread */
    CONTROL_TASK_EXIT,     /* object.id: LiteIpcRemoveServiceHandle, then the slot dies */
    CONTROL_TASK_INIT,     /* object {taskID, generation}: LiteIpcTaskInit, the queue exists */
    CONTROL_SET_CMS,       /* cms {taskID, maxMsgSize} */
    CONTROL_SET_IPC_TASK,  /* object.id = calling task */
    CONTROL_CMS_COMMAND,   /* cmsCommand -> cmsCommand.serviceHandle */
    CONTROL_REMOVE_ACCESS, /* access: takes a right away (not in the kernel; the CMS only) */
    CONTROL_GRANT_ACCESS,  /* access: passes a right that the caller has on to a process, whose
                             generation is given; the service gets a queue. HandleSvc */
    CONTROL_LANE_SOCKET,   /* object.id = laneID, leased by the caller: a way for descriptors;
                             + the sender's end. The receiver gets EVENT_LANE_SOCKET before */
    CONTROL_LANE_OPEN,     /* lane {taskID, generation, ringSize}; + ring -> laneOpened {laneID,
                             threadID, threadGeneration}; + cursors, bell (2) */
    CONTROL_LANE_LEASE,    /* object.id = laneID: another thread of the process takes over a lane */
    CONTROL_LANE_CLOSE,    /* object.id = laneID: either end is done with the lane (the receiver
                             because it was fed garbage); the other side gets LANE_CLOSED */
    /* object.id = endID, chosen by the receiver; + cursors, bell (2). No answer */
    CONTROL_LANE_DEPOSIT,
    CONTROL_LANE_DRAINED, /* object.id = laneID of a dead process, all of it delivered. No answer */

    /* events to a thread socket */
    CONTROL_EVENT_LANE,        /* laneNew; + ring: a sender got the deposited end laneNew.endID */
    CONTROL_EVENT_LANE_SOCKET, /* object.id = laneID; + the receiver's end */
    CONTROL_EVENT_LANE_CLOSED, /* object.id = laneID */
    CONTROL_EVENT_DEATH,       /* death: for the IPC task of this process */
    CONTROL_EVENT_WAKE,        /* look at the table: a process, thread or task died, or a right
                                  changed. Says nothing else, so it need not be queued twice */
    CONTROL_EVENT_RESTOCK,     /* object.id = how many lane ends the domain would like to have */
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
    uint32_t serviceHandle,
        serviceGeneration; /* generation 0: whichever has the ID, as in the kernel */
};

struct ControlAccess {
    uint32_t callerTaskID;
    uint32_t processID, processGeneration; /* who gets or loses it; 0 means "whichever is there" */
    uint32_t serviceHandle, serviceGeneration;
};

struct ControlLaneOpen {
    uint32_t taskID, generation; /* destination; generation 0 means "whichever is there" */
    uint32_t sourceTaskID;       /* a task of the asking thread */
    uint32_t isReply;            /* 1 when the lane is wanted for an answer, not for a request */
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
    uint32_t requestID; /* chosen by the asking side, not 0; 0 in events */
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
