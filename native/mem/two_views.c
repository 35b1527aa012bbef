#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "mem/two_views.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* Returns the error of a failed call, never 0. */
static int LastError(void)
{
    return (errno != 0) ? -errno : -EIO;
}

static int MapView(int descriptor, size_t bytes, int protection, void **view)
{
    void *address = mmap(NULL, bytes, protection, MAP_SHARED | MAP_NORESERVE, descriptor, 0);
    if (address == MAP_FAILED) {
        return LastError();
    }
    if (madvise(address, bytes, MADV_DONTFORK) != 0) {
        int status = LastError();
        (void)munmap(address, bytes);
        return status;
    }
    *view = address;
    return 0;
}

/*
 * A mapping through a descriptor that is open only for reading stays read-only for ever.
 * F_SEAL_FUTURE_WRITE would do the same, but it also forbids punching holes, so memory could never
 * be returned to the system (shmem_fallocate in mm/shmem.c). So the file is opened once more, for
 * reading; the seal is the fallback for systems without /proc.
 */
static int MapReadable(int descriptor, struct TwoViews *views, void **view)
{
    char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", descriptor);
    int readOnly = open(path, O_RDONLY | O_CLOEXEC);
    views->releasable = (readOnly >= 0);

    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    if (!views->releasable) {
        seals |= F_SEAL_FUTURE_WRITE;
    }
    int status = 0;
    if (fcntl(descriptor, F_ADD_SEALS, seals) != 0) {
        status = LastError();
    } else {
        status = MapView(views->releasable ? readOnly : descriptor, views->bytes, PROT_READ, view);
    }
    if (readOnly >= 0) {
        (void)close(readOnly);
    }
    return status;
}

/* Beyond this limit ftruncate(2) does not just fail: it raises SIGXFSZ, which kills the process. */
static int CheckFileSizeLimit(size_t bytes)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0) {
        return LastError();
    }
    return (limit.rlim_cur != RLIM_INFINITY && bytes > limit.rlim_cur) ? -EFBIG : 0;
}

int TwoViewsCreate(const char *name, size_t bytes, struct TwoViews *views)
{
    int status = CheckFileSizeLimit(bytes);
    if (status != 0) {
        return status;
    }
    int descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (descriptor < 0) {
        return LastError();
    }
    struct TwoViews made = {.bytes = bytes};
    void *readable = NULL;
    if (ftruncate(descriptor, (off_t)bytes) != 0) {
        status = LastError();
    } else {
        status = MapView(descriptor, bytes, PROT_READ | PROT_WRITE, &made.writable);
    }
    if (status == 0) {
        status = MapReadable(descriptor, &made, &readable);
        if (status != 0) {
            (void)munmap(made.writable, bytes);
        }
    }
    (void)close(descriptor);
    if (status == 0) {
        made.readable = readable;
        *views = made;
    }
    return status;
}

void TwoViewsDestroy(struct TwoViews *views)
{
    (void)munmap(views->writable, views->bytes);
    if (!views->disowned) {
        (void)munmap((void *)(uintptr_t)views->readable, views->bytes);
    }
    *views = (struct TwoViews){0};
}

int TwoViewsRelease(const struct TwoViews *views, size_t offset, size_t length)
{
    if (!views->releasable) {
        return -EOPNOTSUPP;
    }
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t first = (offset + page - 1) / page * page;
    size_t end = (offset + length) / page * page;
    if (first >= end) {
        return 0;
    }
    return (madvise((char *)views->writable + first, end - first, MADV_REMOVE) == 0) ? 0
                                                                                     : LastError();
}
