/*
 * The documented interface of the LiteIPC module towards the rest of the kernel: what module start,
 * process creation, fork and exit, and task exit call. Names as in LiteOS-A; what the kernel keeps
 * in globals is passed explicitly here.
 */
#ifndef LITEIPC_KERNEL_LOS_LITEIPC_H
#define LITEIPC_KERNEL_LOS_LITEIPC_H

#include <stdint.h>

struct Domain;
struct SlabPool;

/*
 * OsLiteIpcInit: module start. There is no ServiceManager and the device can be opened from now on:
 * the control table is ready to be handed out.
 *
 * Called once, before the first process. 0; -EBUSY: the table already holds a ServiceManager.
 * Source: OsLiteIpcInit, a LOS_MODULE_INIT.
 */
int OsLiteIpcInit(struct Domain *domain);

/*
 * LiteIpcRemoveServiceHandle: task exit. The task's own process loses its access bit; every other
 * process that could call the task loses the right and, if it has an IPC task, is told by
 * MT_DEATH_NOTIFY. Whoever lost a right is woken once the task has been marked dead.
 *
 * `taskID` is a living task of the domain; others are ignored. Domain's thread only. Messages that
 * lie in the task's queue belong to its process, which frees them itself.
 * Source: LiteIpcRemoveServiceHandle, called by OsTaskExit.
 */
void LiteIpcRemoveServiceHandle(struct Domain *domain, uint32_t taskID);

/* ---- Memory of a process --------------------------------------------------------------------- */

/*
 * pool: memory in which messages *to* a process lie. Written by the core through `kvaddr`, read by
 * the program through `uvaddr`.
 */
struct IpcPool {
    const void *uvaddr; /* the program's read-only view; kept across LiteIpcPoolReInit */
    void *kvaddr;       /* the core's view of the same memory; NULL while there is none */
    uint32_t poolSize;  /* bytes that each sender may have pending; 0 while there is no memory */
};

/* What a process that opened the device has of its own. */
struct ProcIpcInfo {
    struct IpcPool pool;
    struct SlabPool *slab; /* owns both views; NULL while there is no memory */
    uint32_t ipcTaskID;    /* task that gets death notices, 0 for none */
};

/*
 * LiteIpcPoolInit: the state of a process that has just opened the device: no addresses, size 0, no
 * IPC task, no used nodes. `ipcInfo` is the caller's and holds nothing that would have to be freed.
 * Returns 0, or -EINVAL for NULL. Not thread-safe: the process is being made.
 */
int LiteIpcPoolInit(struct ProcIpcInfo *ipcInfo);

/*
 * LiteIpcPoolReInit: the state of a forked child, which inherits that the device is open and at
 * which user address the parent had its pool, and nothing else: no memory, size 0, no IPC task, no
 * access rights. It must map a pool of its own before any ioctl. `child` holds nothing that would
 * have to be freed; `parent` is only read.
 * Returns 0, or -EINVAL for NULL. Not thread-safe: the child is being made.
 */
int LiteIpcPoolReInit(struct ProcIpcInfo *child, const struct ProcIpcInfo *parent);

/*
 * LiteIpcPoolDelete: frees the memory with every node in it; addresses, size and IPC task are as
 * after LiteIpcPoolInit. That the process loses its rights is the domain's part of the same event.
 * Nobody may use the pool any more. Deleting twice is harmless.
 * Returns 0, or -EINVAL for NULL.
 */
int LiteIpcPoolDelete(struct ProcIpcInfo *ipcInfo);

#endif
