/*
 * Interposes stat(2), access(2) and their variants: the device is a character device that exists
 * while its domain runs. 64-bit Linux has one layout of struct stat, so the functions for large
 * files and the __xstat functions (for programs built with a glibc before 2.33) are the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "preload/libc_calls.h"
#include "preload/shim.h"

_Static_assert(sizeof(void *) == 8, "a 32-bit libc has several layouts of struct stat");

int InterposedStat(const char *path, struct stat *facts) INTERPOSES(stat);
int InterposedStat64(const char *path, struct stat *facts) INTERPOSES_TOO(stat64, stat);
int InterposedLstat(const char *path, struct stat *facts) INTERPOSES(lstat);
int InterposedLstat64(const char *path, struct stat *facts) INTERPOSES_TOO(lstat64, lstat);
int InterposedFstat(int descriptor, struct stat *facts) INTERPOSES(fstat);
int InterposedFstat64(int descriptor, struct stat *facts) INTERPOSES_TOO(fstat64, fstat);
int InterposedFstatAt(int directory, const char *path, struct stat *facts, int flags)
    INTERPOSES(fstatat);
int InterposedFstatAt64(int directory, const char *path, struct stat *facts, int flags)
    INTERPOSES_TOO(fstatat64, fstatat);
int InterposedXstat(int version, const char *path, struct stat *facts) INTERPOSES(__xstat);
int InterposedXstat64(int version, const char *path, struct stat *facts)
    INTERPOSES_TOO(__xstat64, __xstat);
int InterposedLxstat(int version, const char *path, struct stat *facts) INTERPOSES(__lxstat);
int InterposedLxstat64(int version, const char *path, struct stat *facts)
    INTERPOSES_TOO(__lxstat64, __lxstat);
int InterposedFxstat(int version, int descriptor, struct stat *facts) INTERPOSES(__fxstat);
int InterposedFxstat64(int version, int descriptor, struct stat *facts)
    INTERPOSES_TOO(__fxstat64, __fxstat);
int InterposedFxstatAt(int version, int directory, const char *path, struct stat *facts, int flags)
    INTERPOSES(__fxstatat);
int InterposedFxstatAt64(int version, int directory, const char *path, struct stat *facts,
                         int flags) INTERPOSES_TOO(__fxstatat64, __fxstatat);
int InterposedAccess(const char *path, int mode) INTERPOSES(access);
int InterposedEuidaccess(const char *path, int mode) INTERPOSES(euidaccess);
int InterposedEaccess(const char *path, int mode) INTERPOSES_TOO(eaccess, euidaccess);
int InterposedFaccessAt(int directory, const char *path, int mode, int flags) INTERPOSES(faccessat);

int InterposedFstatAt(int directory, const char *path, struct stat *facts, int flags)
{
    if (NodeIsPath(directory, path)) {
        return ShimResult(NodeStat(facts));
    }
    int status = LibcFstatAt(directory, path, facts, flags);
    if (status == 0 && (flags & AT_EMPTY_PATH) != 0 && (path == NULL || path[0] == '\0') &&
        NodeIsFacts(directory, facts)) {
        NodeDisguise(facts);
    }
    return status;
}

int InterposedStat(const char *path, struct stat *facts)
{
    return InterposedFstatAt(AT_FDCWD, path, facts, 0);
}

int InterposedLstat(const char *path, struct stat *facts)
{
    return InterposedFstatAt(AT_FDCWD, path, facts, AT_SYMLINK_NOFOLLOW);
}

int InterposedFstat(int descriptor, struct stat *facts)
{
    int status = LibcFstat(descriptor, facts);
    if (status == 0 && NodeIsFacts(descriptor, facts)) {
        NodeDisguise(facts);
    }
    return status;
}

int InterposedXstat(int version, const char *path, struct stat *facts)
{
    (void)version;
    return InterposedStat(path, facts);
}

int InterposedLxstat(int version, const char *path, struct stat *facts)
{
    (void)version;
    return InterposedLstat(path, facts);
}

int InterposedFxstat(int version, int descriptor, struct stat *facts)
{
    (void)version;
    return InterposedFstat(descriptor, facts);
}

int InterposedFxstatAt(int version, int directory, const char *path, struct stat *facts, int flags)
{
    (void)version;
    return InterposedFstatAt(directory, path, facts, flags);
}

int InterposedFaccessAt(int directory, const char *path, int mode, int flags)
{
    return NodeIsPath(directory, path) ? ShimResult(NodeAccess(mode))
                                       : LibcFaccessAt(directory, path, mode, flags);
}

int InterposedAccess(const char *path, int mode)
{
    return InterposedFaccessAt(AT_FDCWD, path, mode, 0);
}

int InterposedEuidaccess(const char *path, int mode)
{
    return InterposedFaccessAt(AT_FDCWD, path, mode, AT_EACCESS);
}

#ifdef STATX_BASIC_STATS
int InterposedStatx(int directory, const char *path, int flags, unsigned mask, struct statx *facts)
    INTERPOSES(statx);

static void Disguise(struct statx *facts, const struct stat *disguised)
{
    facts->stx_mode = (__typeof__(facts->stx_mode))disguised->st_mode;
    facts->stx_rdev_major = major(disguised->st_rdev);
    facts->stx_rdev_minor = minor(disguised->st_rdev);
    facts->stx_size = 0;
    facts->stx_blocks = 0;
}

int InterposedStatx(int directory, const char *path, int flags, unsigned mask, struct statx *facts)
{
    struct stat disguised;
    if (NodeIsPath(directory, path)) {
        const char *socket;
        int status = NodeStat(&disguised);
        if (status == 0) {
            status = NodeDomainPath(&socket);
        }
        if (status != 0) {
            return ShimResult(status);
        }
        status = LibcStatx(AT_FDCWD, socket, flags | AT_SYMLINK_NOFOLLOW, mask, facts);
        if (status == 0) {
            Disguise(facts, &disguised);
        }
        return status;
    }
    int status = LibcStatx(directory, path, flags, mask, facts);
    if (status == 0 && (flags & AT_EMPTY_PATH) != 0 && (path == NULL || path[0] == '\0') &&
        LibcFstat(directory, &disguised) == 0 && NodeIsFacts(directory, &disguised)) {
        NodeDisguise(&disguised);
        Disguise(facts, &disguised);
    }
    return status;
}
#endif
