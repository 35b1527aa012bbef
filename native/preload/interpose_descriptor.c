/*
 * Interposes ioctl(2), fcntl(2), and the functions that close or replace descriptors. libc closes
 * and duplicates descriptors of the device like any other. These functions protect the core's
 * descriptors, and implement what the OS cannot do for the device.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <unistd.h>

#include "preload/libc_calls.h"
#include "preload/shim.h"

/* The driver of a request, see ioctl(2). Not every libc has _IOC_TYPE. */
#define REQUEST_TYPE(request) (((request) >> 8) & 0xFF)

/* The width of `request` differs between libc implementations; its upper half is not used. */
int InterposedIoctl(int descriptor, unsigned long request, ...) INTERPOSES(ioctl);
int InterposedFcntl(int descriptor, int command, ...) INTERPOSES(fcntl);
int InterposedFcntl64(int descriptor, int command, ...) INTERPOSES_TOO(fcntl64, fcntl);
int InterposedOldFcntl(int descriptor, int command, ...) INTERPOSES_TOO(__fcntl, fcntl);
int InterposedClose(int descriptor) INTERPOSES(close);
int InterposedOldClose(int descriptor) INTERPOSES_TOO(__close, close);
int InterposedCloseRange(unsigned first, unsigned last, int flags) INTERPOSES(close_range);
void InterposedCloseFrom(int first) INTERPOSES(closefrom);
int InterposedDup2(int from, int to) INTERPOSES(dup2);
int InterposedOldDup2(int from, int to) INTERPOSES_TOO(__dup2, dup2);
int InterposedDup3(int from, int to, int flags) INTERPOSES(dup3);

int InterposedIoctl(int descriptor, unsigned long request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    unsigned long argument = va_arg(arguments, unsigned long);
    va_end(arguments);
    if (REQUEST_TYPE(request) == IPC_IOC_MAGIC && NodeIsDescriptor(descriptor)) {
        return ShimResult(DeviceControl((unsigned int)request, argument));
    }
    int result = LibcIoctl(descriptor, request, argument);
    if (result < 0 && errno == EBADF && NodeIsDescriptor(descriptor)) {
        return ShimResult(DeviceControl((unsigned int)request, argument));
    }
    return result;
}

int InterposedFcntl(int descriptor, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    unsigned long argument = va_arg(arguments, unsigned long);
    va_end(arguments);
    int result = LibcFcntl(descriptor, command, argument);
    if (command == F_GETFL && result >= 0 && (result & O_PATH) != 0 &&
        NodeIsDescriptor(descriptor)) {
        return O_RDWR;
    }
    if (command == F_SETFL && result < 0 && errno == EBADF && NodeIsDescriptor(descriptor)) {
        return 0; /* the driver ignores O_NONBLOCK and other flags */
    }
    return result;
}

int InterposedClose(int descriptor)
{
    return OwnDescriptorsHave(descriptor) ? ShimResult(-EBADF) : LibcClose(descriptor);
}

/* Closes a range without descriptors of the core. Linux before 5.9 has no close_range(2). */
static int CloseRange(unsigned first, unsigned last, int flags)
{
    int status = LibcCloseRange(first, last, flags);
    if (status == 0 || errno != ENOSYS || flags != 0) {
        return status;
    }
    long limit = sysconf(_SC_OPEN_MAX);
    for (unsigned number = first; number <= last && (long)number < limit; number++) {
        (void)LibcClose((int)number);
    }
    return 0;
}

int InterposedCloseRange(unsigned first, unsigned last, int flags)
{
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4
#endif
    if (first > last || (flags & CLOSE_RANGE_CLOEXEC) != 0) {
        /* the core's descriptors are close-on-exec already */
        return LibcCloseRange(first, last, flags);
    }
    for (;;) {
        int own = OwnDescriptorsNext(first, last);
        if (own < 0) {
            return CloseRange(first, last, flags);
        }
        if ((unsigned)own > first) {
            int status = CloseRange(first, (unsigned)own - 1, flags);
            if (status != 0) {
                return status;
            }
        }
        if ((unsigned)own == last) {
            return 0;
        }
        first = (unsigned)own + 1;
    }
}

void InterposedCloseFrom(int first)
{
    (void)InterposedCloseRange(first < 0 ? 0 : (unsigned)first, UINT_MAX, 0);
}

/*
 * A number of the core cannot be replaced: EBUSY, as dup2(2) returns for a number that is just
 * being opened.
 */
int InterposedDup2(int from, int to)
{
    return OwnDescriptorsHave(to) ? ShimResult(-EBUSY) : LibcDup2(from, to);
}

int InterposedDup3(int from, int to, int flags)
{
    return OwnDescriptorsHave(to) ? ShimResult(-EBUSY) : LibcDup3(from, to, flags);
}
