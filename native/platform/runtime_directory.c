#include "platform/runtime_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool IsName(const char *name)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = strlen(name);
    return length >= 1 && length <= RUNTIME_NAME_MAX && name[0] != '.' &&
           strspn(name, allowed) == length;
}

/* Concatenates three strings, within the limit of a socket path. */
static int Join(char *path, size_t size, const char *first, const char *second, const char *third)
{
    size_t limit = size < RUNTIME_PATH_SIZE ? size : RUNTIME_PATH_SIZE;
    int length = snprintf(path, limit, "%s%s%s", first, second, third);
    return length >= 0 && (size_t)length < limit ? 0 : -ENAMETOOLONG;
}

static const char *AbsoluteVariable(const char *name)
{
    /* The caller ensures that the environment does not change: see the header. */
    const char *value = getenv(name); /* NOLINT(concurrency-mt-unsafe) */
    return value != NULL && value[0] == '/' ? value : NULL;
}

static int DirectoryPath(char *path, size_t size)
{
    const char *runtime = AbsoluteVariable("XDG_RUNTIME_DIR");
    if (runtime != NULL) {
        return Join(path, size, runtime, "/liteipc", "");
    }
    const char *temporary = AbsoluteVariable("TMPDIR");
    char uid[16];
    snprintf(uid, sizeof(uid), "%u", (unsigned)geteuid());
    return Join(path, size, temporary != NULL ? temporary : "/tmp", "/liteipc-", uid);
}

/*
 * In a directory that others may write (/tmp), another user may have created the directory first.
 * It is used only if it is a real directory that this user owns and others cannot access.
 */
static int CheckDirectory(const char *path)
{
    struct stat facts;
    int directory = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0) {
        return errno == ENOTDIR || errno == ELOOP ? -EPERM : -errno;
    }
    int status = fstat(directory, &facts) == 0 ? 0 : -errno;
    close(directory);
    if (status == 0 &&
        (!S_ISDIR(facts.st_mode) || facts.st_uid != geteuid() || (facts.st_mode & 0777) != 0700)) {
        status = -EPERM;
    }
    return status;
}

int RuntimeSocketPath(const char *domain, bool create, char *path, size_t size)
{
    char directory[RUNTIME_PATH_SIZE];

    if (domain == NULL || path == NULL) {
        return -EINVAL;
    }
    if (domain[0] == '/') {
        return Join(path, size, domain, "", "");
    }
    if (!IsName(domain)) {
        return -EINVAL;
    }
    int status = DirectoryPath(directory, sizeof(directory));
    if (status == 0 && create && mkdir(directory, 0700) != 0 && errno != EEXIST) {
        status = -errno;
    }
    if (status == 0) {
        status = CheckDirectory(directory);
    }
    if (status != 0) {
        return status;
    }
    char file[RUNTIME_NAME_MAX + 8];
    snprintf(file, sizeof(file), "/%s.sock", domain);
    return Join(path, size, directory, file, "");
}
