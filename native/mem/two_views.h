/*
 * Maps one memory twice: a view to write, and a view that is read-only for ever.
 *
 * The memory is an anonymous file of the kernel (memfd_create(2)) with a fixed size; memory is used
 * when it is touched. No descriptor of it stays open, so it cannot be mapped again. mprotect(2)
 * cannot make the readable view writable. A child of fork(2) inherits neither view.
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
    bool disowned;        /* TwoViewsDestroy must not unmap the readable view */
};

/*
 * Maps `bytes` (a multiple of the page size, not 0) of zeroed memory twice. /proc/PID/maps shows
 * `name`. Returns 0, -EFBIG (more than RLIMIT_FSIZE allows), or the error of a system call:
 * -ENOMEM, -EMFILE, -ENFILE, -ENOSYS.
 */
int TwoViewsCreate(const char *name, size_t bytes, struct TwoViews *views);

/* Unmaps the views, the readable one unless it is disowned. They may not be used any more. */
void TwoViewsDestroy(struct TwoViews *views);

/*
 * Returns the whole pages of [offset, offset + length) to the system; they read as zeroes until
 * they are written again. Any thread. Returns 0, -EOPNOTSUPP where `releasable` is false, or the
 * error of madvise(2).
 */
int TwoViewsRelease(const struct TwoViews *views, size_t offset, size_t length);

#endif
