#include "platform/bell.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

/*
 * Call preadv2 and pwritev2, which musl has only since 1.2.5. The offset has two halves, of which
 * 64-bit systems use only the first; -1 is the only offset that a pipe has.
 */
static ssize_t ReadAtOnce(int descriptor, const struct iovec *data)
{
    return syscall(SYS_preadv2, descriptor, data, 1, -1L, 0L, RWF_NOWAIT);
}

static ssize_t WriteAtOnce(int descriptor, const struct iovec *data)
{
    return syscall(SYS_pwritev2, descriptor, data, 1, -1L, 0L, RWF_NOWAIT);
}

/* ENOSYS: kernels before 4.6, and emulators (qemu-user 7.2). */
static bool IsUnknown(int error)
{
    return error == EOPNOTSUPP || error == ENOSYS;
}

int BellCreate(struct Bell *bell)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        return -errno;
    }
    /* One page, because the memory of a user's pipes is limited. A larger pipe works as well. */
    (void)fcntl(ends[0], F_SETPIPE_SZ, (int)BELL_CAPACITY);
    *bell = (struct Bell){.listen = ends[0], .ring = ends[1]};
    return 0;
}

void BellRing(int ring)
{
    char byte = 1;
    struct iovec data = {.iov_base = &byte, .iov_len = sizeof(byte)};
    if (WriteAtOnce(ring, &data) < 0 && IsUnknown(errno)) {
        (void)!write(ring, &byte, sizeof(byte));
    }
}

void BellDrain(int listen)
{
    char bytes[BELL_CAPACITY];
    struct iovec data = {.iov_base = bytes, .iov_len = sizeof(bytes)};
    if (ReadAtOnce(listen, &data) < 0 && IsUnknown(errno)) {
        (void)!read(listen, bytes, sizeof(bytes));
    }
}

void BellClose(struct Bell *bell)
{
    if (bell->listen >= 0) {
        (void)close(bell->listen);
    }
    if (bell->ring >= 0) {
        (void)close(bell->ring);
    }
    *bell = (struct Bell){.listen = -1, .ring = -1};
}

void BellCloseOwned(struct OwnedDescriptors *owned, struct Bell *bell)
{
    OwnedClose(owned, bell->listen);
    OwnedClose(owned, bell->ring);
    *bell = (struct Bell){.listen = -1, .ring = -1};
}

bool BellIsEnd(int descriptor, bool forWriting)
{
    int flags = fcntl(descriptor, F_GETFL);
    return flags >= 0 && (flags & O_ACCMODE) == (forWriting ? O_WRONLY : O_RDONLY) &&
           fcntl(descriptor, F_GETPIPE_SZ) > 0;
}
