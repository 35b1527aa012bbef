/* Interposes open(2) and its variants, including the fortified ones. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>

#include "preload/libc_calls.h"
#include "preload/shim.h"

int InterposedOpen(const char *path, int flags, ...) INTERPOSES(open);
int InterposedOpen64(const char *path, int flags, ...) INTERPOSES_TOO(open64, open);
int InterposedOldOpen(const char *path, int flags, ...) INTERPOSES_TOO(__open, open);
int InterposedOldOpen64(const char *path, int flags, ...) INTERPOSES_TOO(__open64, open);
int InterposedOpen2(const char *path, int flags) INTERPOSES(__open_2);
int InterposedOpen64Of2(const char *path, int flags) INTERPOSES_TOO(__open64_2, __open_2);
int InterposedOpenAt(int directory, const char *path, int flags, ...) INTERPOSES(openat);
int InterposedOpenAt64(int directory, const char *path, int flags, ...)
    INTERPOSES_TOO(openat64, openat);
int InterposedOpenAt2(int directory, const char *path, int flags) INTERPOSES(__openat_2);
int InterposedOpenAt64Of2(int directory, const char *path, int flags)
    INTERPOSES_TOO(__openat64_2, __openat_2);
int InterposedCreat(const char *path, mode_t mode) INTERPOSES(creat);
int InterposedCreat64(const char *path, mode_t mode) INTERPOSES_TOO(creat64, creat);

static int Open(int directory, const char *path, int flags, mode_t mode)
{
    return NodeIsPath(directory, path) ? ShimResult(DeviceOpen(flags))
                                       : LibcOpenAt(directory, path, flags, mode);
}

/* O_TMPFILE includes O_DIRECTORY. */
static bool TakesMode(int flags)
{
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

int InterposedOpen(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (TakesMode(flags)) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    return Open(AT_FDCWD, path, flags, mode);
}

int InterposedOpen2(const char *path, int flags)
{
    return Open(AT_FDCWD, path, flags, 0);
}

int InterposedOpenAt(int directory, const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (TakesMode(flags)) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    return Open(directory, path, flags, mode);
}

int InterposedOpenAt2(int directory, const char *path, int flags)
{
    return Open(directory, path, flags, 0);
}

int InterposedCreat(const char *path, mode_t mode)
{
    return Open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
