/*
 * The embedding API of LiteIPC: starts a domain, opens a device, creates tasks, and sends and
 * receives messages, blocking or in an event loop. The kernel's device interface is
 * liteipc/hm_liteipc.h together with LiteIpcOpen, LiteIpcMmap, LiteIpcIoctl and LiteIpcClose.
 *
 * Glossary
 *   domain  one LiteIPC system: a control socket, one ServiceManager, many services
 *   device  one opened /dev/lite_ipc, which is one LiteIPC process. An OS process may have several
 *   thread  the receiving context of one OS thread: its lanes, control socket and epoll set
 *   task    a message queue with an identity (the task ID, which is also the handle of its
 *           service). It belongs to one thread
 *   lane    a ring in shared memory from one sending thread to one receiving thread
 *   pool    the memory of a device that holds the messages which it has received
 *
 * Status: a function that returns `int` returns 0 (or a count, where stated) or a negative errno.
 *
 * Threads: the functions LiteIpcDomain... and LiteIpcDevice... may be called from any thread. One
 * OS thread at a time uses a LiteIpcThread and its tasks, except for the functions marked "any
 * thread".
 *
 * Order of destruction: tasks, their thread, the device. Destroying a thread ends its tasks. A
 * device must have no threads left; LiteIpcDeviceShutdown wakes those that block.
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

/* ---- Domain (defined in device/domain.c) ----------------------------------------------------- */

enum LiteIpcProfile {
    LITEIPC_PROFILE_HOST = 0,     /* 1024 processes, 4096 tasks, 64 KiB of data in a message */
    LITEIPC_PROFILE_LITEOS_A = 1, /* the kernel's limits: 64, 128, 6144 bytes */
};

struct LiteIpcDomainOptions {
    const char *name; /* 1 to 64 of [A-Za-z0-9._-], or the absolute path of the socket */
    enum LiteIpcProfile profile;
    uint32_t socketMode;     /* permission bits of the socket; 0 = 0600 */
    uint32_t socketGid;      /* group of the socket; (uint32_t)-1 = unchanged */
    const uint32_t *cmsUids; /* uids that may become ServiceManager; NULL = only the starter's */
    size_t cmsUidCount;
    const char *cmsProgram; /* if not NULL, the ServiceManager must also run this executable */
};

/* Current numbers of a domain, for tests and tools. */
struct LiteIpcDomainCounters {
    uint32_t processes, threads, tasks, lanes, parkedRequests;
};

struct LiteIpcDomain;

/*
 * Starts a domain in this OS process, as one thread that never waits for a client. Copies the
 * options. -EADDRINUSE: a domain of this name runs; -EINVAL: bad name; -EPERM: the runtime
 * directory is not safe.
 */
int LiteIpcDomainStart(const struct LiteIpcDomainOptions *options, struct LiteIpcDomain **domain);
/* Ends a domain and frees it. Its devices get -ENODEV from then on. */
void LiteIpcDomainStop(struct LiteIpcDomain *domain);
/*
 * Surround a fork(2) without an exec(3) in a program that runs a domain, like LiteIpcForkPrepare
 * for a device. Without them a child that outlives the program keeps the domain's sockets open and
 * its name in use, and clients do not notice the end of the domain. The child may not use its copy
 * of the domain otherwise. Not during LiteIpcDomainStart and LiteIpcDomainStop.
 */
void LiteIpcDomainForkPrepare(struct LiteIpcDomain *domain);
void LiteIpcDomainForkParent(struct LiteIpcDomain *domain);
void LiteIpcDomainForkChild(struct LiteIpcDomain *domain);
void LiteIpcDomainCount(struct LiteIpcDomain *domain, struct LiteIpcDomainCounters *counters);
/* Returns the path of the control socket, valid as long as the domain. */
const char *LiteIpcDomainPath(const struct LiteIpcDomain *domain);

/* ---- Device (defined in device/device.c and device/fork.c) ----------------------------------- */

struct LiteIpcDevice;
struct LiteIpcThread;
struct LiteIpcTask;

/*
 * Becomes a process of the domain with this name or absolute socket path. Blocks for one exchange
 * with the domain, at most 5 s. -ENODEV: no such domain runs; -EACCES: this user may not use the
 * socket; -EAGAIN: the domain has no free process, or the user's quota is used up. The process has
 * not opened the device yet: see LiteIpcOpen.
 */
int LiteIpcDeviceAttach(const char *domain, struct LiteIpcDevice **device);
/* Ends the LiteIPC process. Threads that block in it return -ERFKILL. Idempotent. Any thread. */
void LiteIpcDeviceShutdown(struct LiteIpcDevice *device);
/* Calls LiteIpcDeviceShutdown and frees the device, which must have no threads left. */
void LiteIpcDeviceDetach(struct LiteIpcDevice *device);
uint32_t LiteIpcDeviceProcessID(const struct LiteIpcDevice *device);
/* Returns false once the domain is gone or the device was shut down. Any thread. */
bool LiteIpcDeviceAlive(const struct LiteIpcDevice *device);

/*
 * Surround a fork(2) without an exec(3): a program calls these in pthread_atfork(3) handlers, for
 * each of its devices. Without them the child holds copies of the parent's descriptors, and the
 * domain notices the end of the parent only through its pid.
 *
 * From Prepare until Parent or Child, threads that create, receive or close a descriptor wait;
 * Prepare itself waits for those that are doing so (microseconds). Sending and receiving continue.
 * LiteIpcDeviceAttach and LiteIpcDeviceDetach of this device must not run at the same time.
 *
 * Child closes every descriptor of the parent's device; its mappings are not inherited. In the
 * child the parent's device may be used for LiteIpcDeviceForked only, its threads and tasks not at
 * all. Their heap memory is not freed, because other threads of the parent may have been changing
 * it. The parent is not affected. None of the three can fail. Do not call them from a signal
 * handler that may have interrupted a function of this library.
 */
void LiteIpcForkPrepare(struct LiteIpcDevice *device);
void LiteIpcForkParent(struct LiteIpcDevice *device);
void LiteIpcForkChild(struct LiteIpcDevice *device);
/*
 * LiteIpcPoolReInit: becomes a new process of the domain of `parent`. The device is open if the
 * parent's was. The process has no pool, task, right, IPC task or role of its own. For the child of
 * a fork after LiteIpcForkChild, or for the parent's OS process, which then has both devices;
 * `parent` is not changed. Blocks and fails like LiteIpcDeviceAttach; -ENODEV also if another
 * domain has replaced the parent's. May be called again after an error.
 */
int LiteIpcDeviceForked(struct LiteIpcDevice *parent, struct LiteIpcDevice **child);

/* ---- Thread and task (defined in device/thread.c) -------------------------------------------- */

/*
 * Creates the context of an OS thread that sends or receives. Blocks for one exchange with the
 * domain.
 */
int LiteIpcThreadCreate(struct LiteIpcDevice *device, struct LiteIpcThread **thread);
/* Ends the tasks and lanes of a thread and frees it. */
void LiteIpcThreadDestroy(struct LiteIpcThread *thread);

/* Creates a task of this thread. Blocks for one exchange. -EAGAIN: no task ID is free. */
int LiteIpcTaskCreate(struct LiteIpcThread *thread, struct LiteIpcTask **task);
/*
 * Ends a task and frees it: LiteIpcRemoveServiceHandle. Messages in its queue are dropped; its
 * pending calls end without an event. Events of the task that have not been received yet have
 * `task` NULL.
 */
void LiteIpcTaskExit(struct LiteIpcTask *task);
uint32_t LiteIpcTaskID(const struct LiteIpcTask *task);
uint32_t LiteIpcTaskGeneration(const struct LiteIpcTask *task);
struct LiteIpcThread *LiteIpcTaskThread(const struct LiteIpcTask *task);

/* ---- File operations of the kernel's device; `task` calls (defined in device/ioctl.c) -------- */

int LiteIpcOpen(struct LiteIpcTask *task);
int LiteIpcClose(struct LiteIpcTask *task);
/*
 * Creates the pool, which belongs to the device, and sets *address to its read-only view. `size` in
 * bytes; `prot` and `flags` as for mmap(2). -EINVAL, -EEXIST, -ENOMEM as in the kernel.
 */
int LiteIpcMmap(struct LiteIpcTask *task, size_t size, int prot, int flags, void **address);
/*
 * Reports that the program has unmapped, moved or replaced a part of its view. The rest of the view
 * then belongs to the program, and LiteIpcDeviceDetach does not unmap it. The pool remains:
 * messages still arrive and can be freed, and a second LiteIpcMmap returns -EEXIST, as in the
 * kernel. Does nothing before LiteIpcMmap. Any thread.
 */
void LiteIpcMunmap(struct LiteIpcDevice *device);
/* Returns the result of the kernel: 0, a task ID (IPC_SET_IPC_THREAD), or a negative errno. */
int LiteIpcIoctl(struct LiteIpcTask *task, unsigned int cmd, unsigned long arg);

/* ---- Event loops: nothing blocks except LiteIpcWait (defined in device/events.c) ------------- */

/*
 * A message to send. The library copies what it needs before the function returns.
 *
 * Objects are those of the kernel. OBJ_FD: a descriptor, which the sender still owns; the receiver
 * gets a descriptor of its own. OBJ_PTR: memory, which is copied. OBJ_SVC: a service that the
 * sender may call; the receiver may then call it too. The receiver closes the descriptors and frees
 * the memory with LiteIpcFree.
 */
struct LiteIpcOutgoing {
    uint32_t handle;     /* requests: 0 for the ServiceManager, else the service's task ID */
    uint32_t generation; /* requests: generation of that task; 0 = any */
    uint32_t token, cookie, code;
    uint32_t flag;       /* requests: LITEIPC_FLAG_ONEWAY or LITEIPC_FLAG_DEFAULT */
    uint32_t dataSz;     /* bytes, at most LiteIpcDataLimit() */
    uint32_t deadlineMs; /* requests: after so many ms an answer is refused with ETIME; 0 = never */
    bool failed;         /* replies: MT_FAILED_REPLY, which an ioctl caller gets as ENOENT */
    uint32_t spObjNum;   /* objects, at most 256, of which 16 are descriptors */
    const void *data;
    /* spObjNum times uint32_t, ascending: offset of each SpecialObj in `data` */
    const void *offsets;
};

/*
 * Sends a request. With LITEIPC_FLAG_DEFAULT it becomes a pending call of `task`; its end is
 * reported by one LITEIPC_EVENT_CALL with `userData`. Any number of calls may be pending. The
 * library has no timer: a caller ends an overdue call with LiteIpcCancelCall.
 *
 * After an error nothing was sent. -EINPROGRESS: the lane to the receiver is being set up, or its
 * channel for descriptors, or the receiver's right to call a service in the message. Send again
 * after the LITEIPC_EVENT_LANE for this handle with status 0. -ENOMEM: this sender has used its
 * share of the receiver's pool, or 16 descriptors are in flight. -EBADF: no such descriptor.
 * -EACCES: this process may not call the receiver, or a service in the message. -EMSGSIZE: over a
 * limit. -EINVAL, -ENODEV.
 */
int LiteIpcSendRequest(struct LiteIpcTask *task, const struct LiteIpcOutgoing *out,
                       uint64_t userData, uint32_t *callID);
/*
 * Answers `request`, a message received by a task of this thread, and frees it. `out->handle`,
 * `generation`, `flag` and `deadlineMs` are not used.
 *
 * After -EINPROGRESS, -ENOMEM, -EMSGSIZE, or any error of a reply with objects, nothing was sent
 * and the request still exists: answer it (without objects, for instance) or free it. Any other
 * result has freed it: 0; -EINVAL: the caller is gone; -ETIME: the deadline has passed.
 */
int LiteIpcSendReply(struct LiteIpcTask *task, const IpcMsg *request,
                     const struct LiteIpcOutgoing *out);
/* Cancels a pending call; its answer will be dropped. -ENOENT: the call has ended already. */
int LiteIpcCancelCall(struct LiteIpcTask *task, uint32_t callID);
/*
 * BUFF_FREE: frees a received message. `thread` belongs to the calling OS thread; any thread of the
 * process may have received the message. -EINVAL, -EFAULT as in the kernel.
 */
int LiteIpcFree(struct LiteIpcThread *thread, const void *message);

/* Control requests. In each value a generation of 0 matches any, as in the kernel. */
enum LiteIpcControlOperation {
    LITEIPC_CONTROL_TASK_CREATE,   /* creates a task with a queue; event: value0 task ID, `task` */
    LITEIPC_CONTROL_TASK_EXIT,     /* like LiteIpcTaskExit; the event comes when `task` is freed */
    LITEIPC_CONTROL_SET_CMS,       /* value0 = maximum message size, bytes */
    LITEIPC_CONTROL_SET_IPC_TASK,  /* `task` receives the process's death notices */
    LITEIPC_CONTROL_GEN_HANDLE,    /* value0 = task ID, value2 = its generation; event: value0
                                      handle */
    LITEIPC_CONTROL_ADD_ACCESS,    /* value0 = client's task ID, value1 = handle,
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

/*
 * Starts a control request (defined in device/control.c). 0: a LITEIPC_EVENT_CONTROL with the same
 * `userData` will report its result. -ENODEV, -ENOMEM.
 */
int LiteIpcControlStart(struct LiteIpcThread *thread, const struct LiteIpcControlRequest *request,
                        uint64_t userData);

enum LiteIpcEventKind {
    LITEIPC_EVENT_MESSAGE, /* `message` for `task`: MT_REQUEST or MT_DEATH_NOTIFY. Free it */
    LITEIPC_EVENT_CALL,    /* a call ended. 0: `message` is the MT_REPLY, free it. -ENOENT:
                              MT_FAILED_REPLY, with `message` if it has data and no objects, free
                              it. -EPIPE: the service ended. -EACCES: the right to call it was
                              revoked. -EMFILE: this process has no free descriptors for those of
                              the reply. -EPROTO: the descriptors of the reply are missing.
                              -ENODEV */
    LITEIPC_EVENT_CONTROL, /* a control request ended: status, value0, value1, task */
    LITEIPC_EVENT_LANE,    /* the reason of an -EINPROGRESS has ended. 0: send again; else the
                              request was refused. value0, value1 = task ID and generation of the
                              destination, as passed by the sender */
    LITEIPC_EVENT_LOST,    /* the domain is gone. Once, the last event */
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
    /* MESSAGE: the sender's, counted from message->timestamp; 0 = none */
    uint32_t deadlineMs;
};

/*
 * Receives up to `maximum` events of the thread's tasks, oldest first, without blocking. Returns
 * their number; 0: none.
 */
int LiteIpcReceive(struct LiteIpcThread *thread, struct LiteIpcEvent *events, size_t maximum);
/*
 * Prepares for a wait on the descriptor: arms the lanes, so that senders ring, and checks for work
 * once more. 1: there is work, and the lanes are not armed; call LiteIpcReceive. 0: wait until
 * LiteIpcThreadDescriptor is readable.
 */
int LiteIpcPrepareSleep(struct LiteIpcThread *thread);
/* Disarms the lanes after a wait, or instead of one: senders need not ring. */
void LiteIpcAwake(struct LiteIpcThread *thread);
/*
 * Makes the next LiteIpcReceive find out which senders rang. Call it when the descriptor is
 * readable, or it may stay readable.
 */
void LiteIpcCollect(struct LiteIpcThread *thread);
/*
 * Polls for work for up to `limitNs` if recent waits were short and the peer runs on another core;
 * else returns at once. 1: there is work; 0: there is none.
 */
int LiteIpcSpin(struct LiteIpcThread *thread, uint64_t limitNs);
/*
 * Waits for work. 1: there is work; 0: `timeoutMs` has passed (-1 = no timeout); -EINTR; -ENODEV.
 */
int LiteIpcWait(struct LiteIpcThread *thread, int timeoutMs);
/*
 * Returns the epoll descriptor of the thread, which is readable when a sender rang. The thread owns
 * it (defined in device/thread.c, like LiteIpcThreadSetSpin).
 */
int LiteIpcThreadDescriptor(const struct LiteIpcThread *thread);
/* Sets the longest spin before a blocking wait, in ns. 0 disables it. Default: 50,000. */
void LiteIpcThreadSetSpin(struct LiteIpcThread *thread, uint64_t limitNs);

/* ---- Trace: records of the seven hooks. Any thread (defined in device/trace.c) --------------- */

#define LITEIPC_TRACE_RECORDS_MAX 262144U

/*
 * Records every hook of this device in a ring of `records` (rounded up to a power of two; 80 bytes
 * each), which belongs to the device. New records overwrite the oldest. Discards earlier records.
 * -EINVAL: 0, or over LITEIPC_TRACE_RECORDS_MAX; -EALREADY: recording already; -ENOMEM; -ENOSPC:
 * the device has IPC_HOOK_LISTENERS_MAX listeners.
 */
int LiteIpcTraceStart(struct LiteIpcDevice *device, uint32_t records);
/*
 * Stops recording. Existing records can still be read. -EALREADY: not recording; -EDEADLK: called
 * from a hook.
 */
int LiteIpcTraceStop(struct LiteIpcDevice *device);
/*
 * Reads and removes up to `maximum` of the oldest records. Returns their number. `*lost` becomes
 * the number of records that were overwritten since the last read. A record is complete or absent.
 * -ENODATA: no trace was ever started; -EINVAL.
 */
int LiteIpcTraceRead(struct LiteIpcDevice *device, struct LiteIpcTraceRecord *records,
                     size_t maximum, uint64_t *lost);

/* ---- Queries and counters. Any thread, unless stated (defined in device/facts.c) ------------- */

struct LiteIpcTaskInfo {
    uint32_t taskID, generation;
    uint32_t processID, processGeneration;
    uint32_t pid, uid, gid;
    bool alive;
};

/* -EINVAL: out of range; -ESRCH: no such task. */
int LiteIpcTaskQuery(const struct LiteIpcDevice *device, uint32_t taskID,
                     struct LiteIpcTaskInfo *info);
/* Returns true if this process may send requests to the handle now. */
bool LiteIpcHasAccess(const struct LiteIpcDevice *device, uint32_t handle);
/*
 * Returns how often a right to call the task was revoked, for LiteIpcCallerStatus. 0 if there is no
 * such task.
 */
uint32_t LiteIpcRevocations(const struct LiteIpcDevice *device, uint32_t taskID);
/*
 * Returns 0 if the caller of a request to `taskID` can still receive an answer. -EPIPE: the caller
 * has ended; -EACCES: it may not call the task now, or its right was revoked after
 * LiteIpcRevocations had returned `revocations`. No right is needed for the ServiceManager.
 */
int LiteIpcCallerStatus(const struct LiteIpcDevice *device, uint32_t taskID, uint32_t callerTaskID,
                        uint32_t callerGeneration, uint32_t revocations);
/* Returns the largest dataSz of a message in this domain, in bytes. */
uint32_t LiteIpcDataLimit(const struct LiteIpcDevice *device);
/* Returns the recommended `size` for LiteIpcMmap in this domain, in bytes. */
size_t LiteIpcPoolDefault(const struct LiteIpcDevice *device);
/*
 * Returns the read-only view of the pool, and its size in bytes of address space. NULL before
 * LiteIpcMmap.
 */
const void *LiteIpcPoolView(const struct LiteIpcDevice *device, size_t *size);
/* Returns the bytes that each sender may have pending in the pool; 0 before LiteIpcMmap. */
size_t LiteIpcPoolSize(const struct LiteIpcDevice *device);
/* Counts the nodes in use in the pool and their bytes: 0 when every message was freed. */
void LiteIpcPoolCount(const struct LiteIpcDevice *device, size_t *nodes, size_t *bytes);

/* Counts since the creation of the thread. */
struct LiteIpcThreadCounters {
    uint64_t sent, received;
    uint64_t dropped;   /* well-formed, but not delivered (no right, no call waits for it) */
    uint64_t malformed; /* records that break the rules */
    uint64_t bellsRung; /* system calls to wake others */
    uint64_t sleeps;    /* system calls to wait */
    uint64_t spinsHit, spinsMissed;
    uint32_t lanesIn, lanesOut, lanesClosedForGarbage;
    uint32_t pendingCalls;
};
/* By the thread itself. */
void LiteIpcThreadCount(const struct LiteIpcThread *thread, struct LiteIpcThreadCounters *counters);

/* Counts since the creation of the task, and current numbers. */
struct LiteIpcTaskStatistics {
    uint64_t received; /* messages delivered to the program, answers included */
    /* by reason; messages that arrive for a task that has ended are not counted */
    uint64_t dropped[IPC_DROP_NUM];
    uint32_t queued;       /* messages taken from their lanes and not delivered yet */
    uint32_t waitingLanes; /* lanes of its thread with messages, for any task, not looked at yet */
};
/* By the task's own thread. */
void LiteIpcTaskCount(const struct LiteIpcTask *task, struct LiteIpcTaskStatistics *statistics);

#ifdef __cplusplus
}
#endif

#endif
