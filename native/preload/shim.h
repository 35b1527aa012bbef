/*
 * The device shim: a library for LD_PRELOAD that gives a dynamically linked program a
 * /dev/lite_ipc.
 *
 *   interpose_*.c   the libc functions that the program calls; each decides with few instructions
 *                   whether the device is meant, and else does what libc does
 *   operations.c    open, mmap and ioctl of the device, on the embedding API
 *   process.c       the LiteIPC process behind it, its threads, fork and exit
 *   node.c          which paths and which descriptors are the device
 *   pool_view.c     what the program may not do to the pool's mapping
 *   own_descriptors.c, core_calls.c
 *                   the core's own descriptors, which the program must not close by accident
 *   libc_calls.c    libc's functions, as the program would have got them without the shim
 *
 * The shim is the one place that keeps global state: a program's process has nowhere else to put
 * it. Functions return 0 or a negative errno; only the interposed functions set errno.
 */
#ifndef LITEIPC_PRELOAD_SHIM_H
#define LITEIPC_PRELOAD_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "liteipc/liteipc.h"

/* Declares a function of the shim to be the program's libc function of this name. */
#define INTERPOSES(symbol) __asm__(#symbol) __attribute__((visibility("default")))
/* A second name for an interposed function of the same file: `target` is that one's symbol. */
#define INTERPOSES_TOO(symbol, target)                                                             \
    __asm__(#symbol) __attribute__((visibility("default"), alias(#target)))

/* Ends an interposed function: the status as -1 and errno, or as it is. */
int ShimResult(int status);

/* A line to standard error if LITEIPC_DEBUG is set: why something failed that only has an errno. */
__attribute__((format(printf, 1, 2))) void ShimExplain(const char *format, ...);

/*
 * Was the shim built for another libc than the program's? Such a program (a musl program's child,
 * say) has the library among its own all the same; it gets no device and is otherwise left alone.
 */
bool ShimIsForeign(void);

/* ---- node.c ---------------------------------------------------------------------------------- */

/*
 * Is this path, relative to `directory` as in openat(2), the device? /dev/lite_ipc in any spelling.
 * Costs nothing for paths that do not end in lite_ipc. NULL is not.
 */
bool NodeIsPath(int directory, const char *path);
/* Is it a descriptor of the device: one fstat(2). */
bool NodeIsDescriptor(int descriptor);
/* The same for facts that fstat(2) has given. */
bool NodeIsFacts(int descriptor, const struct stat *facts);
/*
 * The control socket of the domain that LITEIPC_DOMAIN named when the program started. -ENODEV when
 * it names none or is no name; other errors of RuntimeSocketPath. *path lives as long as the
 * program.
 */
int NodeDomainPath(const char **path);
/*
 * A new descriptor of the device, with O_CLOEXEC if `flags` has it: the domain's control socket,
 * opened O_PATH. Its inode tells it from every other descriptor, in this process and in one that
 * inherits it, so duplicates need no book-keeping; and the OS refuses read(2), write(2) and
 * lseek(2) on it with EBADF, as LiteOS-A does for a driver without these operations. -ENODEV,
 * -EMFILE, ...
 */
int NodeOpen(int flags);
/* Makes the facts about the control socket those of a character device. */
void NodeDisguise(struct stat *facts);
/* stat(2) and access(2) of the device: -ENOENT when no domain runs. */
int NodeStat(struct stat *facts);
int NodeAccess(int mode);

/* ---- process.c ------------------------------------------------------------------------------- */

struct ShimDevice;

/* What an operation of the calling thread works with, between ShimEnter and ShimLeave. */
struct ShimOperation {
    struct LiteIpcTask *task;
    struct LiteIpcDevice *device;
};

enum ShimNeed {
    SHIM_OPENED,   /* -EINVAL if this process has not opened the device */
    SHIM_ATTACHED, /* becomes a LiteIPC process if it is none, or anew if its domain is gone */
};

/*
 * Begins an operation: makes the process a LiteIPC process and the thread a task of it as needed,
 * and keeps pthread_cancel away. -EBUSY in a signal handler that interrupted an operation of the
 * same thread.
 */
int ShimEnter(enum ShimNeed need, struct ShimOperation *operation);
/*
 * Ends it. An operation that fails because of exit(3) in another thread does not return: the task
 * is dead.
 */
void ShimLeave(int status);
/*
 * During an operation: may epoll_wait be a cancellation point? For a wait that has no end of its
 * own.
 */
void ShimAllowCancel(bool allow);
bool ShimCancelAllowed(void);
/*
 * A clean-up handler: the operation is over, and those of the program's own handlers may use the
 * device.
 */
void ShimCancelled(void *unused);
/* The pool has been mapped: devices of domains that are gone are given up, with their pools. */
void ShimForgetRetired(void);
/* The device of this process, NULL if it has none of its own. */
struct LiteIpcDevice *ShimCurrentDevice(void);

/* ---- operations.c ---------------------------------------------------------------------------- */

/* A descriptor of the device, or a negative errno. */
int DeviceOpen(int flags);
int DeviceMap(size_t size, int prot, int flags, void **address);
int DeviceControl(unsigned int request, unsigned long argument);

/* ---- pool_view.c ----------------------------------------------------------------------------- */

/* The program's view of the pool from now on; NULL, 0: none. */
void PoolViewSet(const void *address, size_t size);
bool PoolViewOverlaps(const void *address, size_t size);
/* munmap(2) where it meets the view. -1 and errno. */
int PoolViewUnmap(void *address, size_t size);

/* ---- own_descriptors.c ----------------------------------------------------------------------- */

/* Is this descriptor the core's? Any thread, without a lock. */
bool OwnDescriptorsHave(int descriptor);
void OwnDescriptorsAdd(int descriptor);
void OwnDescriptorsRemove(int descriptor);
/* The first of the core's descriptors in [first, last], or -1. */
int OwnDescriptorsNext(unsigned first, unsigned last);
/*
 * Makes a new descriptor the core's and moves it out of the way of programs that use low, fixed
 * numbers. Returns its number, which is the old one if there is no room above; -1 stays -1.
 */
int OwnDescriptorsAdopt(int descriptor);

#endif
