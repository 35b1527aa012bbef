/*
 * The embedding API of LiteIPC: start a domain, open a device, make tasks, send and receive with or
 * without blocking, and a descriptor to wait on. The ioctl face of the kernel is
 * liteipc/hm_liteipc.h together with LiteIpcOpen, LiteIpcMmap, LiteIpcIoctl and LiteIpcClose below.
 *
 * Glossary
 *   domain  one LiteIPC system: a control socket, one ServiceManager, many services
 *   device  one opened /dev/lite_ipc, that is one LiteIPC process. Several may live in one OS
 *           process
 *   thread  the receiving context of one OS thread: its lanes, its control socket, its epoll set
 *   task    a queue plus identity (a "task ID", also the handle of its service), owned by a thread
 *
 * Status: every function that returns `int` returns 0 (or a count where said) or a negative errno.
 *
 * Threads: LiteIpcDomain... and LiteIpcDevice... may be called from any thread. A LiteIpcThread and
 * its tasks are used by one OS thread at a time, except for the functions marked "any thread".
 *
 * Order of destruction: tasks, then their thread, then the device. A thread that is destroyed ends
 * its tasks; a device must have no threads left (LiteIpcDeviceShutdown wakes those that block).
 */
#ifndef LITEIPC_H
#define LITEIPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef LOSCFG_SECURITY_CAPABILITY
#define LOSCFG_SECURITY_CAPABILITY
#endif
#include "liteipc/hm_liteipc.h"
#include "liteipc/hook_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Domain ---------------------------------------------------------------------------------- */

enum LiteIpcProfile {
    LITEIPC_PROFILE_HOST = 0,     /* 1024 processes, 4096 tasks, 64 KiB of data in a message */
    LITEIPC_PROFILE_LITEOS_A = 1, /* the kernel's limits: 64, 128, 6144 bytes */
};

struct LiteIpcDomainOptions {
    const char *name; /* 1 to 64 of [A-Za-z0-9._-], or the absolute path of the socket */
    enum LiteIpcProfile profile;
    uint32_t socketMode;     /* permission bits of the socket; 0 = 0600 */
    uint32_t socketGid;      /* group of the socket; (uint32_t)-1 = unchanged */
    const uint32_t *cmsUids; /* uids that may become ServiceManager; NULL = the starter's alone */
    size_t cmsUidCount;
    const char *cmsProgram; /* and, when not NULL, the executable that it must run */
};

/* What a domain holds at a moment, for tests and tools. */
struct LiteIpcDomainCounters {
    uint32_t processes, threads, tasks, lanes, parkedRequests;
};

struct LiteIpcDomain;

/*
 * Starts a domain in this OS process: one thread that never waits for anyone. -EADDRINUSE when one
 * of that name runs, -EINVAL for a bad name, -EPERM when the runtime directory is not safe.
 */
int LiteIpcDomainStart(const struct LiteIpcDomainOptions *options, struct LiteIpcDomain **domain);
/* Ends it: every device of the domain sees -ENODEV. The object is gone afterwards. */
void LiteIpcDomainStop(struct LiteIpcDomain *domain);
/*
 * For a program that forks without an exec(3) while it runs a domain, as LiteIpcForkPrepare for a
 * device: without them a child that outlives the program keeps the domain's sockets and its name
 * taken, and nobody learns that the domain is gone. The child may do nothing else with its copy.
 * Not during LiteIpcDomainStart and LiteIpcDomainStop.
 */
void LiteIpcDomainForkPrepare(struct LiteIpcDomain *domain);
void LiteIpcDomainForkParent(struct LiteIpcDomain *domain);
void LiteIpcDomainForkChild(struct LiteIpcDomain *domain);
void LiteIpcDomainCount(struct LiteIpcDomain *domain, struct LiteIpcDomainCounters *counters);
/* Path of the control socket, valid as long as the domain. */
const char *LiteIpcDomainPath(const struct LiteIpcDomain *domain);

/* ---- Device, thread, task -------------------------------------------------------------------- */

struct LiteIpcDevice;
struct LiteIpcThread;
struct LiteIpcTask;

/*
 * Becomes a process of the domain (name or absolute socket path). Blocks for one exchange with the
 * domain's thread, at most 5 s. -ENODEV: no such domain is running. -EACCES: the socket may not be
 * used by this user. -EAGAIN: the domain's or the user's share of processes is used up.
 * The process has not opened the device yet: LiteIpcOpen does that.
 */
int LiteIpcDeviceAttach(const char *domain, struct LiteIpcDevice **device);
/* Any thread: ends the LiteIPC process. Threads that block in it return -ERFKILL. Idempotent. */
void LiteIpcDeviceShutdown(struct LiteIpcDevice *device);
/* Shutdown, then frees everything. No thread may be left. */
void LiteIpcDeviceDetach(struct LiteIpcDevice *device);
uint32_t LiteIpcDeviceProcessID(const struct LiteIpcDevice *device);
/* False once the domain is gone or the device was shut down. Any thread. */
bool LiteIpcDeviceAlive(const struct LiteIpcDevice *device);

/*
 * Fork. A program that forks without an exec(3) afterwards calls these from pthread_atfork(3)
 * handlers, for each of its devices; without them the child holds copies of the parent's
 * descriptors, which keep the domain from hearing of the parent's end by anything but its pid.
 *
 * Prepare waits until no other thread is about to make, receive or close a descriptor
 * (microseconds: nothing that waits is done there); until Parent or Child such threads wait.
 * Sending and receiving goes on. LiteIpcDeviceAttach and LiteIpcDeviceDetach of this device must
 * not be running.
 *
 * Child closes every descriptor of the parent's device; its mappings were not inherited. The
 * parent's device, threads and tasks may not be used in the child any more, but for
 * LiteIpcDeviceForked. What they take in malloc's memory stays, as do the stacks of the parent's
 * threads: they may have been changing it. The parent notices nothing of all this. None of the
 * three fails. Not from a signal handler that may have interrupted a function of this library.
 */
void LiteIpcForkPrepare(struct LiteIpcDevice *device);
void LiteIpcForkParent(struct LiteIpcDevice *device);
void LiteIpcForkChild(struct LiteIpcDevice *device);
/*
 * LiteIpcPoolReInit: becomes a new process of the domain that `parent` belongs to. It has the
 * device open if the parent had, and nothing else: no pool, no task, no right, no IPC task, no part
 * in the ServiceManager. In the child of a fork after LiteIpcForkChild, or in the parent's own OS
 * process, which then holds both devices (`parent` is not changed). Blocks and fails as
 * LiteIpcDeviceAttach; -ENODEV also when another domain has taken the place of the parent's. May be
 * called again after a failure.
 */
int LiteIpcDeviceForked(struct LiteIpcDevice *parent, struct LiteIpcDevice **child);

/* One per OS thread that sends or receives. Blocks for one exchange with the domain. */
int LiteIpcThreadCreate(struct LiteIpcDevice *device, struct LiteIpcThread **thread);
/* Ends its tasks and lanes. */
void LiteIpcThreadDestroy(struct LiteIpcThread *thread);

/* A new task of this thread. Blocks for one exchange. -EAGAIN when there are no more task IDs. */
int LiteIpcTaskCreate(struct LiteIpcThread *thread, struct LiteIpcTask **task);
/*
 * The task ends: LiteIpcRemoveServiceHandle. What waits in its queue is dropped, its pending calls
 * are forgotten without an event. The object is gone afterwards; events of it that were not taken
 * yet come with `task` NULL.
 */
void LiteIpcTaskExit(struct LiteIpcTask *task);
uint32_t LiteIpcTaskID(const struct LiteIpcTask *task);
uint32_t LiteIpcTaskGeneration(const struct LiteIpcTask *task);
struct LiteIpcThread *LiteIpcTaskThread(const struct LiteIpcTask *task);

/* ---- The device's file operations, as in the kernel. `task` is the calling task -------------- */

int LiteIpcOpen(struct LiteIpcTask *task);
int LiteIpcClose(struct LiteIpcTask *task);
/*
 * `prot` and `flags` as for mmap(2). *address becomes the read-only view of the pool.
 * -EINVAL, -EEXIST, -ENOMEM as in the kernel; the pool belongs to the device.
 */
int LiteIpcMmap(struct LiteIpcTask *task, size_t size, int prot, int flags, void **address);
/*
 * To be told when the program has unmapped, moved or replaced any part of its view: what is left of
 * it is the program's own from then on, and LiteIpcDeviceDetach does not touch it (the addresses
 * may be somebody else's by then). The pool stays: messages go on coming and can be freed, a second
 * LiteIpcMmap is -EEXIST, as in the kernel. Does nothing before LiteIpcMmap. Any thread.
 */
void LiteIpcMunmap(struct LiteIpcDevice *device);
/* Returns what the kernel returns: 0, a task ID (IPC_SET_IPC_THREAD), or a negative errno. */
int LiteIpcIoctl(struct LiteIpcTask *task, unsigned int cmd, unsigned long arg);

/* ---- Without blocking: for event loops ------------------------------------------------------- */

/*
 * A message on its way out. Nothing is kept of it once the function returns.
 *
 * Objects are the kernel's: OBJ_FD, a descriptor, which stays the sender's and arrives as one of
 * the receiver's own; OBJ_PTR, memory that is copied; OBJ_SVC, a service that the sender may call,
 * which the receiver then may call too. Who receives them has to close descriptors and LiteIpcFree
 * memory.
 */
struct LiteIpcOutgoing {
    uint32_t handle;     /* requests: 0 for the ServiceManager, else the service's task ID */
    uint32_t generation; /* requests: the task meant; 0 = whichever has this ID now */
    uint32_t token, cookie, code;
    uint32_t flag;       /* requests: LITEIPC_FLAG_ONEWAY or LITEIPC_FLAG_DEFAULT */
    uint32_t dataSz;     /* bytes, at most LiteIpcDataLimit() */
    uint32_t deadlineMs; /* requests: after so many ms an answer is refused with ETIME; 0 = never */
    bool failed;         /* replies: MT_FAILED_REPLY, which an ioctl caller gets as ENOENT */
    uint32_t spObjNum;   /* objects, at most 256, of which 16 are descriptors */
    const void *data;
    const void *offsets; /* spObjNum times uint32_t, rising: where in `data` a SpecialObj lies */
};

/*
 * Sends a request, with flag DEFAULT as a pending call of `task` whose end is reported once as
 * LITEIPC_EVENT_CALL with `userData`. Any number of calls may be pending.
 * -EINPROGRESS: nothing was sent, the lane to the receiver is being made, or the first message with
 * descriptors makes a way for them, or a service in the message becomes callable for the receiver;
 * send again after the LITEIPC_EVENT_LANE for this handle, unless its status says that it was
 * refused. -ENOMEM: this sender's share of the receiver's pool is used up, or 16 descriptors are on
 * their way already; nothing was sent. -EBADF: no such descriptor. -EACCES (the receiver, or a
 * service in the message, is not one that this process may call), -EINVAL, -EMSGSIZE (more than the
 * limit), -ENODEV. The core has no timer: LiteIpcCancelCall ends a call whose time is up.
 */
int LiteIpcSendRequest(struct LiteIpcTask *task, const struct LiteIpcOutgoing *out,
                       uint64_t userData, uint32_t *callID);
/*
 * Answers `request`, a message received by a task of this thread, and frees it. `out->handle`,
 * `generation`, `flag` and `deadlineMs` are not used. On -EINPROGRESS and -ENOMEM nothing was sent
 * and the request is still there to be answered, and so it is after -EMSGSIZE, and after whatever
 * error of a reply with objects: answer it without, or free it. After any other result it has been
 * freed (0, -EINVAL: the caller is gone, -ETIME: too late).
 */
int LiteIpcSendReply(struct LiteIpcTask *task, const IpcMsg *request,
                     const struct LiteIpcOutgoing *out);
/* Forgets a pending call; its answer will be dropped. -ENOENT when it has ended already. */
int LiteIpcCancelCall(struct LiteIpcTask *task, uint32_t callID);
/*
 * BUFF_FREE of a received message. `thread` is the caller's own; the message may have been received
 * by any thread of the process. -EINVAL, -EFAULT as in the kernel.
 */
int LiteIpcFree(struct LiteIpcThread *thread, const void *message);

/* Control requests for event loops: answered by a LITEIPC_EVENT_CONTROL with the same userData. */
enum LiteIpcControlOperation {
    LITEIPC_CONTROL_TASK_CREATE,  /* with a queue at once; event: value0 task ID, `task` */
    LITEIPC_CONTROL_TASK_EXIT,    /* as LiteIpcTaskExit; `task` is gone when the event comes */
    LITEIPC_CONTROL_SET_CMS,      /* value0 = maximum message size, bytes */
    LITEIPC_CONTROL_SET_IPC_TASK, /* `task` receives the process's death notices */
    LITEIPC_CONTROL_GEN_HANDLE, /* value0 = task ID, value2 = its generation; event: value0 handle.
                                      Generation 0, here and below: whichever, as in the kernel */
    LITEIPC_CONTROL_ADD_ACCESS, /* value0 = client's task ID, value1 = handle,
                                      value2 = generation of the task, value3 = of the handle */
    LITEIPC_CONTROL_REMOVE_ACCESS, /* value0 = client's process ID, value1 = handle,
                                      value2 = process generation, value3 = handle generation.
                                      Not in the kernel */
};

struct LiteIpcControlRequest {
    enum LiteIpcControlOperation operation;
    struct LiteIpcTask *task; /* the calling task; not used by TASK_CREATE */
    uint32_t value0, value1, value2, value3;
};

/* 0: the event will come. -ENODEV, -ENOMEM. */
int LiteIpcControlStart(struct LiteIpcThread *thread, const struct LiteIpcControlRequest *request,
                        uint64_t userData);

enum LiteIpcEventKind {
    LITEIPC_EVENT_MESSAGE, /* `message` for `task`: MT_REQUEST or MT_DEATH_NOTIFY. Free it */
    LITEIPC_EVENT_CALL,    /* a call ended: status 0 with `message` (MT_REPLY; free it), or
                              -ENOENT (MT_FAILED_REPLY; with `message` if it has data and no
                              objects: free it), -EPIPE (the service died), -EACCES (the right to
                              call it was taken away meanwhile), -ENODEV; -EMFILE
                              (this process has no room for the reply's descriptors), -EPROTO
                              (they did not come with it) */
    LITEIPC_EVENT_CONTROL, /* a control request ended: status, value0, value1, task */
    LITEIPC_EVENT_LANE,    /* a lane, or what else a message waited for, is there (status 0: send
                              again) or refused.
                              value0, value1 = destination's task ID and generation as asked */
    LITEIPC_EVENT_LOST,    /* the domain is gone: nothing more will come. Once, the last event */
};

struct LiteIpcEvent {
    enum LiteIpcEventKind kind;
    int status;
    struct LiteIpcTask *task;
    const IpcMsg *message; /* in the pool, read-only; data at message->data */
    uint64_t userData;
    uint32_t value0, value1;
    uint32_t callerPid;        /* MESSAGE: the sender's pid */
    uint32_t callerGeneration; /* MESSAGE: generation of message->taskID */
    uint32_t deadlineMs;       /* MESSAGE: as the sender gave it, counted from message->timestamp */
};

/*
 * Takes what is there, without blocking and without waiting: at most `maximum` events, oldest
 * first. Returns their number, 0 for none. Only messages for tasks whose thread this is.
 */
int LiteIpcReceive(struct LiteIpcThread *thread, struct LiteIpcEvent *events, size_t maximum);
/*
 * Before sleeping on the descriptor: asks every sender to ring, then looks again. 1: there is work
 * (nobody was asked to ring), call LiteIpcReceive. 0: sleep until LiteIpcThreadDescriptor is
 * readable.
 */
int LiteIpcPrepareSleep(struct LiteIpcThread *thread);
/* After sleeping, or instead of it: senders need not ring any more. */
void LiteIpcAwake(struct LiteIpcThread *thread);
/*
 * The descriptor was found readable: the next LiteIpcReceive finds out who rang. Without it the
 * descriptor may stay readable.
 */
void LiteIpcCollect(struct LiteIpcThread *thread);
/*
 * Looks for work for a while if recent waits were short and the peer runs on another core; at most
 * `limitNs`, and not at all when that would be a waste. 1: there is work. 0: there was none.
 */
int LiteIpcSpin(struct LiteIpcThread *thread, uint64_t limitNs);
/*
 * PrepareSleep, sleep, Awake: 1 when there is work, 0 after `timeoutMs` (-1 = for ever), -EINTR,
 * -ENODEV.
 */
int LiteIpcWait(struct LiteIpcThread *thread, int timeoutMs);
/* The epoll descriptor of the thread: readable when somebody rang. Owned by the thread. */
int LiteIpcThreadDescriptor(const struct LiteIpcThread *thread);
/* Longest spin before a blocking sleep, ns. 0 turns the adaptive wait off. Default 50,000. */
void LiteIpcThreadSetSpin(struct LiteIpcThread *thread, uint64_t limitNs);

/* ---- Trace: what the hooks of kernel/hooks.h say, recorded. Any thread ----------------------- */

#define LITEIPC_TRACE_RECORDS_MAX 262144U

/*
 * From now on every hook of this device is recorded, in a ring of `records` (rounded up to a power
 * of two; 80 bytes each) that belongs to the device; the oldest give way. What was recorded before
 * is forgotten. -EINVAL: 0 or over LITEIPC_TRACE_RECORDS_MAX; -EALREADY: it is on; -ENOMEM;
 * -ENOSPC: the device has IPC_HOOK_LISTENERS_MAX listeners already.
 */
int LiteIpcTraceStart(struct LiteIpcDevice *device, uint32_t records);
/*
 * Once this has returned nothing is recorded any more; what was recorded can still be read.
 * -EALREADY: it is not on; -EDEADLK: from inside of a hook.
 */
int LiteIpcTraceStop(struct LiteIpcDevice *device);
/*
 * Takes the oldest records, at most `maximum`: returns how many; 0 when there are none. `*lost`
 * becomes the number of records since the last read that gave way before anyone read them. A record
 * is whole or not there. -ENODATA: there never was a trace; -EINVAL.
 */
int LiteIpcTraceRead(struct LiteIpcDevice *device, struct LiteIpcTraceRecord *records,
                     size_t maximum, uint64_t *lost);

/* ---- Facts, any thread ----------------------------------------------------------------------- */

struct LiteIpcTaskInfo {
    uint32_t taskID, generation;
    uint32_t processID, processGeneration;
    uint32_t pid, uid, gid;
    bool alive;
};

/* -EINVAL out of range, -ESRCH no such task. */
int LiteIpcTaskQuery(const struct LiteIpcDevice *device, uint32_t taskID,
                     struct LiteIpcTaskInfo *info);
/* May this process send requests to the handle now. */
bool LiteIpcHasAccess(const struct LiteIpcDevice *device, uint32_t handle);
/*
 * How often a right to call the task was taken away from anybody: for LiteIpcCallerStatus. 0 if
 * there is no such task.
 */
uint32_t LiteIpcRevocations(const struct LiteIpcDevice *device, uint32_t taskID);
/*
 * Does the caller of a request to `taskID` still wait: 0. -EPIPE: it has ended. -EACCES: it may not
 * call the task now, or its right was taken away since LiteIpcRevocations gave `revocations`. To
 * the ServiceManager nobody needs a right.
 */
int LiteIpcCallerStatus(const struct LiteIpcDevice *device, uint32_t taskID, uint32_t callerTaskID,
                        uint32_t callerGeneration, uint32_t revocations);
/* Largest dataSz of a message in this domain, bytes. */
uint32_t LiteIpcDataLimit(const struct LiteIpcDevice *device);
/* The pool size of this domain for those who have no opinion, bytes: see LiteIpcMmap. */
size_t LiteIpcPoolDefault(const struct LiteIpcDevice *device);
/* The pool's read-only view and size in bytes of address space; NULL before LiteIpcMmap. */
const void *LiteIpcPoolView(const struct LiteIpcDevice *device, size_t *size);

/* Counted since the thread was created. */
struct LiteIpcThreadCounters {
    uint64_t sent, received;
    uint64_t dropped;   /* well-formed, but not to be delivered (no right, nobody waits for it) */
    uint64_t malformed; /* garbage in a lane */
    uint64_t bellsRung; /* system calls to wake others */
    uint64_t sleeps;    /* system calls to wait */
    uint64_t spinsHit, spinsMissed;
    uint32_t lanesIn, lanesOut, lanesClosedForGarbage;
    uint32_t pendingCalls;
};
void LiteIpcThreadCount(const struct LiteIpcThread *thread, struct LiteIpcThreadCounters *counters);

/* Counted since the task was created, and how things are at this moment. */
struct LiteIpcTaskStatistics {
    uint64_t received; /* messages handed to the program, answers included */
    uint64_t
        dropped[IPC_DROP_NUM]; /* by reason; what came for a task that had ended counts nowhere */
    uint32_t queued;           /* messages taken from their lanes and not handed out yet */
    /*
     * Of its thread: lanes with messages that nobody has looked at yet, for whichever of its tasks.
     */
    uint32_t waitingLanes;
};
/* By the task's own thread. */
void LiteIpcTaskCount(const struct LiteIpcTask *task, struct LiteIpcTaskStatistics *statistics);
/* What each sender may have pending here, bytes; 0 before LiteIpcMmap. Any thread. */
size_t LiteIpcPoolSize(const struct LiteIpcDevice *device);
/* Live nodes in the pool and their bytes: 0 when every message was freed. Any thread. */
void LiteIpcPoolCount(const struct LiteIpcDevice *device, size_t *nodes, size_t *bytes);

#ifdef __cplusplus
}
#endif

#endif
