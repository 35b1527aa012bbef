#include "preload/libc_calls.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * NULL if no library has it: an old libc, say. An allocator that calls mmap may be the first caller of all,
 * so nothing here allocates; dlsym(3) does only to describe an error.
 */
static void *Next(const char *name, void *_Atomic *slot)
{
    /* relaxed: whoever looks finds the same, and a function does not change */
    void *found = atomic_load_explicit(slot, memory_order_relaxed);
    if (found == NULL) {
        found = dlsym(RTLD_NEXT, name);
        atomic_store_explicit(slot, found, memory_order_relaxed);
    }
    return found;
}

int LibcOpenAt(int directory, const char *path, int flags, mode_t mode)
{
    static void *_Atomic slot;
    int (*next)(int, const char *, int, ...) =
        (int (*)(int, const char *, int, ...))Next("openat", &slot);
    return next != NULL ? next(directory, path, flags, mode)
                        : (int)syscall(SYS_openat, directory, path, flags, mode);
}

int LibcClose(int descriptor)
{
    static void *_Atomic slot;
    int (*next)(int) = (int (*)(int))Next("close", &slot);
    return next != NULL ? next(descriptor) : (int)syscall(SYS_close, descriptor);
}

int LibcCloseRange(unsigned first, unsigned last, int flags)
{
    /* musl has no function of this name. */
    return (int)syscall(SYS_close_range, first, last, flags);
}

int LibcDup2(int from, int to)
{
    static void *_Atomic slot;
    int (*next)(int, int) = (int (*)(int, int))Next("dup2", &slot);
    return next != NULL ? next(from, to) : -1;
}

int LibcDup3(int from, int to, int flags)
{
    static void *_Atomic slot;
    int (*next)(int, int, int) = (int (*)(int, int, int))Next("dup3", &slot);
    return next != NULL ? next(from, to, flags) : (int)syscall(SYS_dup3, from, to, flags);
}

int LibcFcntl(int descriptor, int command, unsigned long argument)
{
    static void *_Atomic slot;
    int (*next)(int, int, ...) = (int (*)(int, int, ...))Next("fcntl", &slot);
    return next != NULL ? next(descriptor, command, argument)
                        : (int)syscall(SYS_fcntl, descriptor, command, argument);
}

int LibcIoctl(int descriptor, unsigned long request, unsigned long argument)
{
    static void *_Atomic slot;
    int (*next)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))Next("ioctl", &slot);
    return next != NULL ? next(descriptor, request, argument)
                        : (int)syscall(SYS_ioctl, descriptor, request, argument);
}

void *LibcMmap(void *address, size_t size, int prot, int flags, int descriptor, off_t offset)
{
    static void *_Atomic slot;
    void *(*next)(void *, size_t, int, int, int, off_t) =
        (void *(*)(void *, size_t, int, int, int, off_t))Next("mmap", &slot);
    return next != NULL ? next(address, size, prot, flags, descriptor, offset)
                        : (void *)syscall(SYS_mmap, address, size, prot, flags, descriptor, offset);
}

int LibcMunmap(void *address, size_t size)
{
    static void *_Atomic slot;
    int (*next)(void *, size_t) = (int (*)(void *, size_t))Next("munmap", &slot);
    return next != NULL ? next(address, size) : (int)syscall(SYS_munmap, address, size);
}

void *LibcMremap(void *address, size_t oldSize, size_t newSize, int flags, void *newAddress)
{
    static void *_Atomic slot;
    void *(*next)(void *, size_t, size_t, int, ...) =
        (void *(*)(void *, size_t, size_t, int, ...))Next("mremap", &slot);
    return next != NULL ? next(address, oldSize, newSize, flags, newAddress)
                        : (void *)syscall(SYS_mremap, address, oldSize, newSize, flags, newAddress);
}

int LibcFstatAt(int directory, const char *path, struct stat *facts, int flags)
{
    static void *_Atomic slot;
    int (*next)(int, const char *, struct stat *, int) =
        (int (*)(int, const char *, struct stat *, int))Next("fstatat", &slot);
    return next != NULL ? next(directory, path, facts, flags)
                        : (int)syscall(SYS_newfstatat, directory, path, facts, flags);
}

int LibcFstat(int descriptor, struct stat *facts)
{
    static void *_Atomic slot;
    int (*next)(int, struct stat *) = (int (*)(int, struct stat *))Next("fstat", &slot);
    return next != NULL ? next(descriptor, facts) : (int)syscall(SYS_fstat, descriptor, facts);
}

int LibcStatx(int directory, const char *path, int flags, unsigned mask, void *facts)
{
    static void *_Atomic slot;
    int (*next)(int, const char *, int, unsigned, void *) =
        (int (*)(int, const char *, int, unsigned, void *))Next("statx", &slot);
    return next != NULL ? next(directory, path, flags, mask, facts)
                        : (int)syscall(SYS_statx, directory, path, flags, mask, facts);
}

int LibcFaccessAt(int directory, const char *path, int mode, int flags)
{
    static void *_Atomic slot;
    int (*next)(int, const char *, int, int) =
        (int (*)(int, const char *, int, int))Next("faccessat", &slot);
    return next != NULL ? next(directory, path, mode, flags) : -1;
}
