#include "preload/libc_calls.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

enum LibcFunction {
    LIBC_OPENAT,
    LIBC_CLOSE,
    LIBC_DUP2,
    LIBC_DUP3,
    LIBC_FCNTL,
    LIBC_IOCTL,
    LIBC_MMAP,
    LIBC_MUNMAP,
    LIBC_MREMAP,
    LIBC_FSTATAT,
    LIBC_FSTAT,
    LIBC_STATX,
    LIBC_FACCESSAT,
    LIBC_FUNCTIONS,
};

static const char *const NAMES[LIBC_FUNCTIONS] = {
    [LIBC_OPENAT] = "openat",       [LIBC_CLOSE] = "close",   [LIBC_DUP2] = "dup2",
    [LIBC_DUP3] = "dup3",           [LIBC_FCNTL] = "fcntl",   [LIBC_IOCTL] = "ioctl",
    [LIBC_MMAP] = "mmap",           [LIBC_MUNMAP] = "munmap", [LIBC_MREMAP] = "mremap",
    [LIBC_FSTATAT] = "fstatat",     [LIBC_FSTAT] = "fstat",   [LIBC_STATX] = "statx",
    [LIBC_FACCESSAT] = "faccessat",
};

static void *_Atomic found[LIBC_FUNCTIONS];

/*
 * Returns NULL if no library has the function (an old libc, for instance). An allocator that calls
 * mmap may be the first caller, so nothing here allocates; dlsym(3) allocates only for an error.
 */
static void *Next(enum LibcFunction function)
{
    /* relaxed: all threads find the same function, which does not change */
    void *next = atomic_load_explicit(&found[function], memory_order_relaxed);
    if (next == NULL) {
        next = dlsym(RTLD_NEXT, NAMES[function]);
        atomic_store_explicit(&found[function], next, memory_order_relaxed);
    }
    return next;
}

/* At the start: later calls, in signal handlers and between vfork and exec, only read `found`. */
__attribute__((constructor)) static void FindAll(void)
{
    for (unsigned function = 0; function < LIBC_FUNCTIONS; function++) {
        (void)Next((enum LibcFunction)function);
    }
}

int LibcOpenAt(int directory, const char *path, int flags, mode_t mode)
{
    int (*next)(int, const char *, int, ...) =
        (int (*)(int, const char *, int, ...))Next(LIBC_OPENAT);
    return next != NULL ? next(directory, path, flags, mode)
                        : (int)syscall(SYS_openat, directory, path, flags, mode);
}

int LibcClose(int descriptor)
{
    int (*next)(int) = (int (*)(int))Next(LIBC_CLOSE);
    return next != NULL ? next(descriptor) : (int)syscall(SYS_close, descriptor);
}

int LibcCloseRange(unsigned first, unsigned last, int flags)
{
    /* musl has no function of this name. */
    return (int)syscall(SYS_close_range, first, last, flags);
}

int LibcDup2(int from, int to)
{
    int (*next)(int, int) = (int (*)(int, int))Next(LIBC_DUP2);
    return next != NULL ? next(from, to) : -1;
}

int LibcDup3(int from, int to, int flags)
{
    int (*next)(int, int, int) = (int (*)(int, int, int))Next(LIBC_DUP3);
    return next != NULL ? next(from, to, flags) : (int)syscall(SYS_dup3, from, to, flags);
}

int LibcFcntl(int descriptor, int command, unsigned long argument)
{
    int (*next)(int, int, ...) = (int (*)(int, int, ...))Next(LIBC_FCNTL);
    return next != NULL ? next(descriptor, command, argument)
                        : (int)syscall(SYS_fcntl, descriptor, command, argument);
}

int LibcIoctl(int descriptor, unsigned long request, unsigned long argument)
{
    int (*next)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))Next(LIBC_IOCTL);
    return next != NULL ? next(descriptor, request, argument)
                        : (int)syscall(SYS_ioctl, descriptor, request, argument);
}

void *LibcMmap(void *address, size_t size, int prot, int flags, int descriptor, off_t offset)
{
    void *(*next)(void *, size_t, int, int, int, off_t) =
        (void *(*)(void *, size_t, int, int, int, off_t))Next(LIBC_MMAP);
    return next != NULL ? next(address, size, prot, flags, descriptor, offset)
                        : (void *)syscall(SYS_mmap, address, size, prot, flags, descriptor, offset);
}

int LibcMunmap(void *address, size_t size)
{
    int (*next)(void *, size_t) = (int (*)(void *, size_t))Next(LIBC_MUNMAP);
    return next != NULL ? next(address, size) : (int)syscall(SYS_munmap, address, size);
}

void *LibcMremap(void *address, size_t oldSize, size_t newSize, int flags, void *newAddress)
{
    void *(*next)(void *, size_t, size_t, int, ...) =
        (void *(*)(void *, size_t, size_t, int, ...))Next(LIBC_MREMAP);
    return next != NULL ? next(address, oldSize, newSize, flags, newAddress)
                        : (void *)syscall(SYS_mremap, address, oldSize, newSize, flags, newAddress);
}

int LibcFstatAt(int directory, const char *path, struct stat *facts, int flags)
{
    int (*next)(int, const char *, struct stat *, int) =
        (int (*)(int, const char *, struct stat *, int))Next(LIBC_FSTATAT);
    return next != NULL ? next(directory, path, facts, flags)
                        : (int)syscall(SYS_newfstatat, directory, path, facts, flags);
}

int LibcFstat(int descriptor, struct stat *facts)
{
    int (*next)(int, struct stat *) = (int (*)(int, struct stat *))Next(LIBC_FSTAT);
    return next != NULL ? next(descriptor, facts) : (int)syscall(SYS_fstat, descriptor, facts);
}

int LibcStatx(int directory, const char *path, int flags, unsigned mask, void *facts)
{
    int (*next)(int, const char *, int, unsigned, void *) =
        (int (*)(int, const char *, int, unsigned, void *))Next(LIBC_STATX);
    return next != NULL ? next(directory, path, flags, mask, facts)
                        : (int)syscall(SYS_statx, directory, path, flags, mask, facts);
}

int LibcFaccessAt(int directory, const char *path, int mode, int flags)
{
    int (*next)(int, const char *, int, int) =
        (int (*)(int, const char *, int, int))Next(LIBC_FACCESSAT);
    return next != NULL ? next(directory, path, mode, flags) : -1;
}
