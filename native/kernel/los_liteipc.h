/*
 * Declares the documented interface of the LiteIPC module towards the rest of the kernel: the
 * functions that module start, process creation, fork and exit, and task exit call. Names as in
 * LiteOS-A. What is global in the kernel is a parameter here.
 */
#ifndef LITEIPC_KERNEL_LOS_LITEIPC_H
#define LITEIPC_KERNEL_LOS_LITEIPC_H

#include <stdint.h>

struct Domain;
struct SlabPool;

/*
 * OsLiteIpcInit: starts the module. There is no ServiceManager, and the control table is ready, so
 * that the device can be opened from now on. Defined in control_path/module.c.
 *
 * Called once, before the first process. Returns 0, or -EBUSY if the table already has a
 * ServiceManager.
 * Source: OsLiteIpcInit, a LOS_MODULE_INIT.
 */
int OsLiteIpcInit(struct Domain *domain);

/*
 * LiteIpcRemoveServiceHandle: ends a task. The task's own process loses its access bit. Every other
 * process that could call the task loses the right and, if it has an IPC task, receives a death
 * notice (MT_DEATH_NOTIFY). Processes that lost a right are woken once the task is marked as ended.
 * Defined in control_path/death.c.
 *
 * `taskID` is a living task of the domain; other IDs are ignored. Domain's thread only. Messages
 * in the task's queue belong to its process, which frees them.
 * Source: LiteIpcRemoveServiceHandle, called by OsTaskExit.
 */
void LiteIpcRemoveServiceHandle(struct Domain *domain, uint32_t taskID);

/* ---- Memory of a process, defined in pool.c -------------------------------------------------- */

/*
 * Describes the pool: the memory for messages *to* a process. The core writes it through `kvaddr`,
 * the program reads it through `uvaddr`.
 */
struct IpcPool {
    const void *uvaddr; /* the program's read-only view; LiteIpcPoolReInit preserves it */
    void *kvaddr;       /* the core's view of the same memory; NULL without memory */
    uint32_t poolSize;  /* bytes that each sender may have pending; 0 without memory */
};

/* Holds the state of a process that opened the device. */
struct ProcIpcInfo {
    struct IpcPool pool;
    struct SlabPool *slab; /* owns both views; NULL without memory */
    uint32_t ipcTaskID;    /* task that receives death notices; 0: none */
};

/*
 * LiteIpcPoolInit: sets the state of a process that has just opened the device: no addresses, size
 * 0, no IPC task, no used nodes. `ipcInfo` is the caller's and holds nothing to free. Returns 0, or
 * -EINVAL for NULL. Not thread-safe: the process is being created.
 */
int LiteIpcPoolInit(struct ProcIpcInfo *ipcInfo);

/*
 * LiteIpcPoolReInit: sets the state of a forked child. The child inherits the open device and the
 * user address of the parent's pool, and nothing else: no memory, size 0, no IPC task, no access
 * rights. It must map its own pool before any ioctl. `child` holds nothing to free; `parent` is
 * only read. Returns 0, or -EINVAL for NULL. Not thread-safe: the child is being created.
 */
int LiteIpcPoolReInit(struct ProcIpcInfo *child, const struct ProcIpcInfo *parent);

/*
 * LiteIpcPoolDelete: frees the memory with every node in it; addresses, size and IPC task are then
 * as after LiteIpcPoolInit. The domain revokes the rights of the process in the same event. No
 * thread uses the pool any more. A second call does nothing. Returns 0, or -EINVAL for NULL.
 */
int LiteIpcPoolDelete(struct ProcIpcInfo *ipcInfo);

#endif
