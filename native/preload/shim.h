/*
 * The device shim: a library for LD_PRELOAD that gives a dynamically linked program a
 * /dev/lite_ipc.
 *
 *   interpose_*.c      the libc functions that the program calls. Each checks with few instructions
 *                      whether it is called for the device, and else calls libc
 *   operations.c       open, mmap and ioctl of the device, with the embedding API
 *   process.c          the LiteIPC process, its threads, fork and exit
 *   node.c             recognises paths and descriptors of the device
 *   pool_view.c        protects the mapping of the pool
 *   own_descriptors.c  the set of the core's descriptors, which the program must not close
 *   core_calls.c       the libc functions that the core calls (bound by the linker)
 *   libc_calls.c       the libc functions behind the interposed ones
 *
 * The shim has global state, because the program has no place for it. Functions return 0 or a
 * negative errno; only the interposed functions set errno.
 */
#ifndef LITEIPC_PRELOAD_SHIM_H
#define LITEIPC_PRELOAD_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "liteipc/liteipc.h"

/* Makes a function of the shim replace the libc function `symbol` for the program. */
#define INTERPOSES(symbol) __asm__(#symbol) __attribute__((visibility("default")))
/* Defines a second name for an interposed function of the same file with the symbol `target`. */
#define INTERPOSES_TOO(symbol, target)                                                             \
    __asm__(#symbol) __attribute__((visibility("default"), alias(#target)))

/* ---- process.c: results and messages --------------------------------------------------------- */

/* Converts a negative status to -1 and errno; returns any other status unchanged. */
int ShimResult(int status);

/* Writes a line to standard error if LITEIPC_DEBUG is set, to explain an errno. */
__attribute__((format(printf, 1, 2))) void ShimExplain(const char *format, ...);

/*
 * Returns true if the shim was built for another libc than the program's. Such a program (the child
 * of a musl program, for instance) may load the shim all the same; it gets no device.
 */
bool ShimIsForeign(void);

/* ---- node.c ---------------------------------------------------------------------------------- */

/*
 * Returns true if the path, relative to `directory` as in openat(2), is /dev/lite_ipc in any
 * spelling. Makes no system call for a path that does not end in lite_ipc. `path` may be NULL.
 */
bool NodeIsPath(int directory, const char *path);
/* Returns true for a descriptor of the device. Calls fstat(2). */
bool NodeIsDescriptor(int descriptor);
/* The same with the result of fstat(2). */
bool NodeIsFacts(int descriptor, const struct stat *facts);
/*
 * Gets the path of the control socket of the domain that LITEIPC_DOMAIN named when the program
 * started. *path is valid until the program ends. -ENODEV: not set, or not a name; -EACCES: the
 * runtime directory is not safe.
 */
int NodeDomainPath(const char **path);
/*
 * Returns a new descriptor of the device, or a negative errno (-ENODEV, -EMFILE). It is the
 * domain's control socket, opened with O_PATH, and with O_CLOEXEC if `flags` has it. The inode
 * identifies it and its duplicates, in this process and in one that inherits it. The OS refuses
 * read(2), write(2) and lseek(2) on it with EBADF, like LiteOS-A for a driver without these
 * operations.
 */
int NodeOpen(int flags);
/* Changes the facts about the control socket to those of a character device. */
void NodeDisguise(struct stat *facts);
/* Implement stat(2) and access(2) of the device. -ENOENT: the domain does not run. */
int NodeStat(struct stat *facts);
int NodeAccess(int mode);

/* ---- process.c ------------------------------------------------------------------------------- */

struct ShimDevice;

/* The task and device of an operation, between ShimEnter and ShimLeave. */
struct ShimOperation {
    struct LiteIpcTask *task;
    struct LiteIpcDevice *device;
};

enum ShimNeed {
    SHIM_OPENED,   /* -EINVAL if this process has not opened the device */
    SHIM_ATTACHED, /* attaches the process if it is not attached, or if its domain is gone */
};

/*
 * Begins an operation: attaches the process and creates a task for the thread if necessary, and
 * disables pthread_cancel. -EBUSY: called in a signal handler that interrupted an operation of the
 * same thread. ShimLeave must follow a success.
 */
int ShimEnter(enum ShimNeed need, struct ShimOperation *operation);
/*
 * Ends an operation with its status. Does not return after an error if another thread is in
 * exit(3), because the error is then caused by the end of the process.
 */
void ShimLeave(int status);
/*
 * Makes epoll_wait a cancellation point during an operation, for waits without a timeout.
 */
void ShimAllowCancel(bool allow);
bool ShimCancelAllowed(void);
/*
 * A clean-up handler of pthread_cancel: ends the operation, so that the program's own handlers may
 * use the device.
 */
void ShimCancelled(void *unused);
/* Frees the devices of domains that are gone, with their pools, after a new pool was mapped. */
void ShimFreeRetired(void);
/* Returns the device of this process, or NULL before its first operation and after a fork. */
struct LiteIpcDevice *ShimCurrentDevice(void);

/* ---- operations.c ---------------------------------------------------------------------------- */

/* Opens the device: returns a descriptor or a negative errno. */
int DeviceOpen(int flags);
int DeviceMap(size_t size, int prot, int flags, void **address);
int DeviceControl(unsigned int request, unsigned long argument);

/* ---- pool_view.c ----------------------------------------------------------------------------- */

/* Sets the program's view of the pool; NULL, 0: none. */
void PoolViewSet(const void *address, size_t size);
bool PoolViewOverlaps(const void *address, size_t size);
/* Implements munmap(2) for a range that overlaps the view. -1 and errno. */
int PoolViewUnmap(void *address, size_t size);

/* ---- own_descriptors.c ----------------------------------------------------------------------- */

/* Returns true for a descriptor of the core. Any thread, without a lock. */
bool OwnDescriptorsHave(int descriptor);
void OwnDescriptorsAdd(int descriptor);
void OwnDescriptorsRemove(int descriptor);
/* Returns the core's first descriptor in [first, last], or -1. */
int OwnDescriptorsNext(unsigned first, unsigned last);
/*
 * Adds a new descriptor to the core's and moves it to a high number, because programs use low,
 * fixed numbers. Returns its number, the old one if no high number is free. -1 for -1.
 */
int OwnDescriptorsAdopt(int descriptor);

#endif
