/*
 * One memory, mapped twice: a view to write and a view that can only ever be read.
 *
 * The memory is an anonymous file of the kernel (memfd_create(2)) with a fixed size, touched as it
 * is used. No descriptor of it is left open, so nobody can map it once more. mprotect(2) can not
 * make the readable view writable. Neither view is inherited by a child of fork(2).
 */
#ifndef LITEIPC_MEM_TWO_VIEWS_H
#define LITEIPC_MEM_TWO_VIEWS_H

#include <stdbool.h>
#include <stddef.h>

struct TwoViews {
    void *writable;       /* the view the core writes */
    const void *readable; /* the same bytes, for the program to read */
    size_t bytes;         /* length of either view, a multiple of the page size */
    bool releasable;      /* TwoViewsRelease works on this system */
    bool disowned;        /* the readable view is not TwoViewsDestroy's to unmap */
};

/*
 * Maps `bytes` (a multiple of the page size, not 0) of zeroed memory twice. `name` is what
 * /proc/PID/maps shows. Returns 0, -EFBIG (more than RLIMIT_FSIZE allows), or what the system calls
 * say: -ENOMEM, -EMFILE, -ENFILE, -ENOSYS.
 */
int TwoViewsCreate(const char *name, size_t bytes, struct TwoViews *views);

/* Unmaps the views, the readable one unless it is disowned. Nobody may use them any more. */
void TwoViewsDestroy(struct TwoViews *views);

/*
 * Gives the whole pages of [offset, offset + length) back to the system; they read as zeroes then,
 * until written again. Any thread. Returns 0, -EOPNOTSUPP where `releasable` is false, or the error
 * of madvise(2).
 */
int TwoViewsRelease(const struct TwoViews *views, size_t offset, size_t length);

#endif
