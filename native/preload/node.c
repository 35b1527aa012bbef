/* Recognises the paths and descriptors of the device. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "platform/runtime_directory.h"
#include "preload/libc_calls.h"
#include "preload/shim.h"

#define NODE_NAME "lite_ipc"
/* The device number, in the range that Linux reserves for local use. */
#define NODE_MAJOR 240
#define NODE_MINOR 0
/* The control sockets that this process remembers. A restarted domain has a new inode. */
#define SOCKETS_MAX 8U

/* A socket, by device and inode. A mixture of two entries matches no file. */
struct KnownSocket {
    _Atomic dev_t device;
    _Atomic ino_t inode;
};

static struct KnownSocket known[SOCKETS_MAX];
static _Atomic unsigned knownCount;

static pthread_once_t namedOnce = PTHREAD_ONCE_INIT;
static char domainName[RUNTIME_PATH_SIZE]; /* empty: LITEIPC_DOMAIN is not set */

static char domainPath[RUNTIME_PATH_SIZE];
static _Atomic bool domainPathKnown;
static pthread_mutex_t domainPathLock = PTHREAD_MUTEX_INITIALIZER;

static void RememberDomain(void)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): only one thread exists yet */
    const char *name = ShimIsForeign() ? NULL : getenv("LITEIPC_DOMAIN");
    if (name != NULL && strlen(name) < sizeof(domainName)) {
        memcpy(domainName, name, strlen(name) + 1);
    }
}

/* At the start, before the program can change or clear its environment. */
__attribute__((constructor)) static void RememberDomainAtStart(void)
{
    (void)pthread_once(&namedOnce, RememberDomain);
}

int NodeDomainPath(const char **path)
{
    *path = domainPath;
    /* acquire: pairs with the release below */
    if (atomic_load_explicit(&domainPathKnown, memory_order_acquire)) {
        return 0;
    }
    (void)pthread_once(&namedOnce, RememberDomain); /* another constructor may have run first */
    if (domainName[0] == '\0') {
        ShimExplain("LITEIPC_DOMAIN names no domain");
        return -ENODEV;
    }
    char found[RUNTIME_PATH_SIZE];
    int status = RuntimeSocketPath(domainName, false, found, sizeof(found));
    if (status != 0) {
        ShimExplain("LITEIPC_DOMAIN=%s names no domain: error %d", domainName, -status);
        return status == -EPERM ? -EACCES : -ENODEV;
    }
    (void)pthread_mutex_lock(&domainPathLock);
    /* relaxed: written under this lock */
    if (!atomic_load_explicit(&domainPathKnown, memory_order_relaxed)) {
        memcpy(domainPath, found, sizeof(domainPath));
        atomic_store_explicit(&domainPathKnown, true, memory_order_release);
    }
    (void)pthread_mutex_unlock(&domainPathLock);
    return 0;
}

static bool IsKnown(const struct stat *facts)
{
    /* acquire, here and below: pairs with the release in Learn */
    unsigned count = atomic_load_explicit(&knownCount, memory_order_acquire);
    for (unsigned i = 0; i < count && i < SOCKETS_MAX; i++) {
        if (atomic_load_explicit(&known[i].inode, memory_order_acquire) == facts->st_ino &&
            atomic_load_explicit(&known[i].device, memory_order_acquire) == facts->st_dev) {
            return true;
        }
    }
    return false;
}

static void Learn(const struct stat *facts)
{
    if (IsKnown(facts)) {
        return;
    }
    (void)pthread_mutex_lock(&domainPathLock);
    unsigned count = atomic_load_explicit(&knownCount, memory_order_acquire);
    struct KnownSocket *slot = &known[count % SOCKETS_MAX];
    atomic_store_explicit(&slot->inode, 0, memory_order_release);
    atomic_store_explicit(&slot->device, facts->st_dev, memory_order_release);
    atomic_store_explicit(&slot->inode, facts->st_ino, memory_order_release);
    atomic_store_explicit(&knownCount, count + 1, memory_order_release);
    (void)pthread_mutex_unlock(&domainPathLock);
}

static int SocketFacts(struct stat *facts)
{
    const char *path;
    int status = NodeDomainPath(&path);
    if (status != 0) {
        return status;
    }
    if (LibcFstatAt(AT_FDCWD, path, facts, AT_SYMLINK_NOFOLLOW) != 0) {
        return -errno;
    }
    return S_ISSOCK(facts->st_mode) ? 0 : -ENOENT;
}

/*
 * Returns true for a descriptor from before an exec(2) or from another process, if this process has
 * not opened the device itself. Only O_PATH descriptors of sockets cost more than one system call.
 */
static bool IsInherited(int descriptor, const struct stat *facts)
{
    struct stat socket;
    int flags = LibcFcntl(descriptor, F_GETFL, 0);
    if (flags < 0 || (flags & O_PATH) == 0 || SocketFacts(&socket) != 0 ||
        socket.st_ino != facts->st_ino || socket.st_dev != facts->st_dev) {
        return false;
    }
    Learn(facts);
    return true;
}

bool NodeIsFacts(int descriptor, const struct stat *facts)
{
    return S_ISSOCK(facts->st_mode) && (IsKnown(facts) || IsInherited(descriptor, facts));
}

bool NodeIsDescriptor(int descriptor)
{
    int before = errno;
    struct stat facts;
    bool is =
        descriptor >= 0 && LibcFstat(descriptor, &facts) == 0 && NodeIsFacts(descriptor, &facts);
    errno = before;
    return is;
}

/* Returns true if the first `length` characters of the path lead to /dev. */
static bool IsDeviceFolder(int directory, const char *path, size_t length)
{
    char folder[4096];
    struct stat there, folderOfDevices;
    if (length >= sizeof(folder)) {
        return false;
    }
    if (length == 0) {
        memcpy(folder, ".", 2);
    } else {
        memcpy(folder, path, length);
        folder[length] = '\0';
    }
    return LibcFstatAt(directory, folder, &there, 0) == 0 &&
           LibcFstatAt(AT_FDCWD, "/dev", &folderOfDevices, 0) == 0 &&
           there.st_ino == folderOfDevices.st_ino && there.st_dev == folderOfDevices.st_dev;
}

bool NodeIsPath(int directory, const char *path)
{
    if (path == NULL) {
        return false;
    }
    if (strcmp(path, LITEIPC_DRIVER) == 0) {
        return !ShimIsForeign();
    }
    size_t length = strlen(path);
    size_t name = sizeof(NODE_NAME) - 1;
    if (length < name || memcmp(path + length - name, NODE_NAME, name) != 0 ||
        (length > name && path[length - name - 1] != '/')) {
        return false;
    }
    int before = errno;
    bool is = !ShimIsForeign() && IsDeviceFolder(directory, path, length - name);
    errno = before;
    return is;
}

int NodeOpen(int flags)
{
    const char *path;
    struct stat facts;
    int status = NodeDomainPath(&path);
    if (status != 0) {
        return status;
    }
    int descriptor = LibcOpenAt(AT_FDCWD, path, O_PATH | O_NOFOLLOW | (flags & O_CLOEXEC), 0);
    if (descriptor < 0) {
        return errno == ENOENT ? -ENODEV : -errno;
    }
    if (LibcFstat(descriptor, &facts) != 0 || !S_ISSOCK(facts.st_mode)) {
        (void)LibcClose(descriptor);
        return -ENODEV;
    }
    Learn(&facts);
    return descriptor;
}

void NodeDisguise(struct stat *facts)
{
    facts->st_mode = S_IFCHR | LITEIPC_DRIVER_MODE;
    facts->st_rdev = makedev(NODE_MAJOR, NODE_MINOR);
    facts->st_size = 0;
    facts->st_blocks = 0;
}

int NodeStat(struct stat *facts)
{
    int status = SocketFacts(facts);
    if (status != 0) {
        return status == -ENODEV ? -ENOENT : status;
    }
    NodeDisguise(facts);
    return 0;
}

int NodeAccess(int mode)
{
    struct stat facts;
    const char *path;
    int status = SocketFacts(&facts);
    if (status == 0) {
        status = NodeDomainPath(&path);
    }
    if (status != 0) {
        return status == -ENODEV ? -ENOENT : status;
    }
    if ((mode & X_OK) != 0) {
        return -EACCES;
    }
    /* A process that may connect may do everything. */
    if ((mode & (R_OK | W_OK)) != 0 && LibcFaccessAt(AT_FDCWD, path, W_OK, AT_EACCESS) != 0) {
        return -errno;
    }
    return 0;
}
