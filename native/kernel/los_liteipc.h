/*
 * Declares the documented interface of the LiteIPC module for the rest of the kernel: calls at
 * module start, process creation, fork, process exit and task exit. The names are those of
 * LiteOS-A; its global state is passed explicitly.
 */
#ifndef LITEIPC_KERNEL_LOS_LITEIPC_H
#define LITEIPC_KERNEL_LOS_LITEIPC_H

#include <stdint.h>

struct Domain;
struct SlabPool;

/*
 * OsLiteIpcInit: module start. There is no ServiceManager, and the device can be opened from now
 * on: the control table is ready to be shared.
 *
 * Called once, before the first process. 0; -EBUSY: the table already holds a ServiceManager.
 * Source: OsLiteIpcInit, a LOS_MODULE_INIT.
 */
int OsLiteIpcInit(struct Domain *domain);

/*
 * LiteIpcRemoveServiceHandle: task exit. The task's own process loses its access bit. Every other
 * process that could call the task loses the right and, if it has an IPC task, receives
 * MT_DEATH_NOTIFY. Processes that lost a right are woken after the task was marked as ended.
 *
 * `taskID` is a living task of the domain; other values are ignored. Domain's thread only. Messages
 * in the task's queue belong to its process, which frees them itself. Source:
 * LiteIpcRemoveServiceHandle, called by OsTaskExit.
 */
void LiteIpcRemoveServiceHandle(struct Domain *domain, uint32_t taskID);

/* ---- Memory of a process --------------------------------------------------------------------- */

/*
 * pool: memory for the messages *to* a process. The core writes it through `kvaddr`, the program
 * reads it through `uvaddr`.
 */
struct IpcPool {
    const void *uvaddr; /* the program's read-only view; preserved across LiteIpcPoolReInit */
    void *kvaddr;       /* the core's view of the same memory; NULL while there is none */
    uint32_t poolSize;  /* bytes that each sender may have pending; 0 while there is no memory */
};

/* The state of a process that opened the device. */
struct ProcIpcInfo {
    struct IpcPool pool;
    struct SlabPool *slab; /* owns both views; NULL while there is no memory */
    uint32_t ipcTaskID;    /* task that receives death notices, 0 for none */
};

/*
 * LiteIpcPoolInit: initialises the state of a process that has just opened the device: no
 * addresses, size 0, no IPC task, no used nodes. The caller owns `ipcInfo`, which holds nothing to
 * be freed. Returns 0, or -EINVAL for NULL. Not thread-safe: the process is being made.
 */
int LiteIpcPoolInit(struct ProcIpcInfo *ipcInfo);

/*
 * LiteIpcPoolReInit: initialises the state of a forked child. It inherits the open device and the
 * user address of the parent's pool, and nothing else: no memory, size 0, no IPC task, no access
 * rights. It must map a pool of its own before any ioctl. `child` holds nothing to be freed;
 * `parent` is only read. Returns 0, or -EINVAL for NULL. Not thread-safe: the child is being made.
 */
int LiteIpcPoolReInit(struct ProcIpcInfo *child, const struct ProcIpcInfo *parent);

/*
 * LiteIpcPoolDelete: frees the memory with every node in it; addresses, size and IPC task are as
 * after LiteIpcPoolInit. The domain removes the rights of the process. The pool may not be used any
 * more. Deleting twice is harmless. Returns 0, or -EINVAL for NULL.
 */
int LiteIpcPoolDelete(struct ProcIpcInfo *ipcInfo);

#endif
