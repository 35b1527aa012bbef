#include "domain/address.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LOCK_ATTEMPTS 100

/*
 * The domains whose files exit(3) removes. The list is global because an exit handler gets no
 * argument; only the handler reads it.
 */
static struct List exitList = {&exitList, &exitList};
static pthread_mutex_t exitLock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t exitOnce = PTHREAD_ONCE_INIT;

static void RemoveFiles(const struct Domain *domain)
{
    (void)unlink(domain->path);
    (void)unlink(domain->lockPath);
}

/*
 * The domain's thread may still run: only strings that do not change are read. Does not wait for
 * the lock, because a forked child may have inherited it locked.
 */
static void RemoveAtExit(void)
{
    if (pthread_mutex_trylock(&exitLock) != 0) {
        return;
    }
    LIST_EACH (node, &exitList) {
        const struct Domain *domain = LIST_ENTRY(node, struct Domain, inExitList);
        if (domain->ownerPid == getpid()) { /* not in a forked child */
            RemoveFiles(domain);
        }
    }
    pthread_mutex_unlock(&exitLock);
}

static void RegisterExit(void)
{
    (void)atexit(RemoveAtExit);
}

static int LockOnce(const char *path)
{
    struct stat locked, present;
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) {
        return -errno;
    }
    int status = 0;
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        status = errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
    } else if (fstat(descriptor, &locked) != 0) {
        status = -errno;
    } else if (lstat(path, &present) != 0 || present.st_dev != locked.st_dev ||
               present.st_ino != locked.st_ino) {
        status = -EAGAIN;
    }
    if (status != 0) {
        close(descriptor);
        return status;
    }
    return descriptor;
}

static int Lock(const char *path)
{
    int result = -EAGAIN;
    for (int attempt = 0; attempt < LOCK_ATTEMPTS && result == -EAGAIN; attempt++) {
        result = LockOnce(path);
    }
    return result == -EAGAIN ? -EADDRINUSE : result;
}

static int RemoveStale(const char *path)
{
    struct stat facts;
    if (lstat(path, &facts) != 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    if (!S_ISSOCK(facts.st_mode)) {
        return -EEXIST;
    }
    return unlink(path) == 0 || errno == ENOENT ? 0 : -errno;
}

/* Mode and group are set before listen(2): no client can connect earlier. */
static int Listen(struct Domain *domain, uint32_t mode, gid_t gid)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int on = 1;

    memcpy(address.sun_path, domain->path, strlen(domain->path) + 1);
    domain->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (domain->listener < 0 ||
        setsockopt(domain->listener, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0 ||
        bind(domain->listener, (struct sockaddr *)&address, sizeof(address)) != 0) {
        return -errno;
    }
    if (chmod(domain->path, mode) != 0 ||
        (gid != (gid_t)-1 && lchown(domain->path, (uid_t)-1, gid) != 0) ||
        listen(domain->listener, SOMAXCONN) != 0) {
        int status = -errno;
        (void)unlink(domain->path);
        return status;
    }
    return 0;
}

int DomainAddressTake(struct Domain *domain, uint32_t socketMode, gid_t socketGid)
{
    size_t length = strlen(domain->path);
    memcpy(domain->lockPath, domain->path, length);
    memcpy(domain->lockPath + length, DOMAIN_LOCK_SUFFIX, sizeof(DOMAIN_LOCK_SUFFIX));

    domain->lockDescriptor = Lock(domain->lockPath);
    if (domain->lockDescriptor < 0) {
        int status = domain->lockDescriptor;
        domain->lockDescriptor = -1;
        return status;
    }
    int status = RemoveStale(domain->path);
    if (status == 0) {
        status = Listen(domain, socketMode != 0 ? socketMode : 0600, socketGid);
    }
    if (status != 0) {
        (void)unlink(domain->lockPath);
        close(domain->lockDescriptor);
        domain->lockDescriptor = -1;
        return status;
    }
    (void)pthread_once(&exitOnce, RegisterExit);
    pthread_mutex_lock(&exitLock);
    ListAppend(&exitList, &domain->inExitList);
    pthread_mutex_unlock(&exitLock);
    return 0;
}

void DomainAddressRelease(struct Domain *domain)
{
    if (domain->lockDescriptor >= 0) {
        pthread_mutex_lock(&exitLock);
        ListRemove(&domain->inExitList);
        pthread_mutex_unlock(&exitLock);
        RemoveFiles(domain);
        close(domain->lockDescriptor);
        domain->lockDescriptor = -1;
    }
    if (domain->listener >= 0) {
        close(domain->listener);
        domain->listener = -1;
    }
}
