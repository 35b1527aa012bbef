/*
 * Tests paths and descriptors of the device: every way to open it, its metadata, duplicates,
 * operations that the driver does not have, and closing all descriptors. Also compiled with
 * _FORTIFY_SOURCE.
 *   descriptors              the program
 *   descriptors no-exec      without the part that executes this file again
 *   descriptors inherited N  after an exec: descriptor N is the device, not opened by this process
 */
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "support/device.h"

#define LOWEST_FREE 3

static void CheckOpens(int (*make)(void))
{
    int device = make();
    IpcVersion version = {0};
    CHECK(device >= 0);
    CHECK(ioctl(device, IPC_GET_VERSION, &version) == 0 && version.driverVersion == 2);
    CHECK(close(device) == 0);
    CHECK_ERRNO(ioctl(device, IPC_GET_VERSION, &version), IOCTL_ERROR(EBADF));
}

static int Plain(void)
{
    return open("/dev/lite_ipc", O_RDONLY);
}

static int WithMode(void)
{
    return open("/dev/lite_ipc", O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC, 0600);
}

static int Relative(void)
{
    CHECK(chdir("/dev") == 0);
    int device = open("lite_ipc", O_WRONLY);
    CHECK(chdir("/") == 0);
    CHECK(device >= 0 && close(device) == 0);
    return open("dev/../dev/./lite_ipc", O_RDWR);
}

static int Doubled(void)
{
    return open("//dev//lite_ipc", O_RDWR);
}

static int AtFolder(void)
{
    int folder = open("/dev", O_RDONLY | O_DIRECTORY);
    CHECK(folder >= 0);
    int device = openat(folder, "lite_ipc", O_RDWR);
    CHECK(close(folder) == 0);
    return device;
}

static int AtNowhere(void)
{
    return openat(-1, "/dev/lite_ipc", O_RDWR);
}

static int Created(void)
{
    return creat("/dev/lite_ipc", 0644);
}

/* With _FORTIFY_SOURCE and flags that are not constant, this calls __open_2 and __openat_2. */
static int Fortified(void)
{
    volatile int flags = O_RDWR;
    int device = open("/dev/lite_ipc", flags);
    CHECK(device >= 0 && close(device) == 0);
    return openat(AT_FDCWD, "/dev/lite_ipc", flags);
}

#ifdef __GLIBC__
static int Large(void)
{
    int device = open64("/dev/lite_ipc", O_RDWR);
    CHECK(device >= 0 && close(device) == 0);
    device = openat64(AT_FDCWD, "/dev/lite_ipc", O_RDWR);
    CHECK(device >= 0 && close(device) == 0);
    return creat64("/dev/lite_ipc", 0644);
}
#endif

static void CheckWaysToOpen(void)
{
    CheckOpens(Plain);
    CheckOpens(WithMode);
    CheckOpens(Relative);
    CheckOpens(Doubled);
    CheckOpens(AtFolder);
    CheckOpens(AtNowhere);
    CheckOpens(Created);
    CheckOpens(Fortified);
#ifdef __GLIBC__
    CheckOpens(Large);
#endif
    CHECK_ERRNO(open("/dev/lite_ipc", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
    CHECK_ERRNO(open("/dev/lite_ipc", O_RDONLY | O_DIRECTORY), ENOTDIR);
    CHECK_ERRNO(open("/dev/lite_ipc/x", O_RDONLY), ENOENT);
    CHECK_ERRNO(open("/dev/xlite_ipc", O_RDONLY), ENOENT);
    CHECK_ERRNO(open("/tmp/lite_ipc", O_RDONLY), ENOENT);
    CHECK_ERRNO(open("lite_ipc", O_RDONLY), ENOENT);
    CHECK_ERRNO(openat(9999, "lite_ipc", O_RDONLY), EBADF);
    const char *volatile nowhere = NULL;
    CHECK_ERRNO(open(nowhere, O_RDONLY), EFAULT);
    int folder = open("/tmp", O_TMPFILE | O_RDWR, 0640); /* the mode must be passed on */
    struct stat facts;
    CHECK(folder >= 0 && fstat(folder, &facts) == 0 && (facts.st_mode & 0777) == 0640);
    CHECK(close(folder) == 0);
}

static void CheckCharacterDevice(const struct stat *facts)
{
    CHECK(S_ISCHR(facts->st_mode) && (facts->st_mode & 07777) == 0644);
    CHECK(facts->st_rdev != 0 && facts->st_size == 0);
}

static void CheckFacts(int device)
{
    struct stat facts, other;
    CHECK(stat("/dev/lite_ipc", &facts) == 0);
    CheckCharacterDevice(&facts);
    CHECK(lstat("/dev/lite_ipc", &other) == 0 && other.st_ino == facts.st_ino);
    CheckCharacterDevice(&other);
    CHECK(fstat(device, &other) == 0 && other.st_ino == facts.st_ino);
    CHECK(other.st_dev == facts.st_dev && other.st_rdev == facts.st_rdev);
    CheckCharacterDevice(&other);
    CHECK(fstatat(AT_FDCWD, "//dev/lite_ipc", &other, 0) == 0);
    CheckCharacterDevice(&other);
    CHECK(fstatat(device, "", &other, AT_EMPTY_PATH) == 0);
    CheckCharacterDevice(&other);
#ifdef STATX_BASIC_STATS
    struct statx extended;
    CHECK(statx(AT_FDCWD, "/dev/lite_ipc", 0, STATX_BASIC_STATS, &extended) == 0);
    CHECK(S_ISCHR(extended.stx_mode) && extended.stx_ino == facts.st_ino);
    CHECK(statx(device, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &extended) == 0);
    CHECK(S_ISCHR(extended.stx_mode) && (extended.stx_mode & 07777) == 0644);
#endif
#ifdef __GLIBC__
    struct stat64 large;
    CHECK(stat64("/dev/lite_ipc", &large) == 0 && S_ISCHR(large.st_mode));
    CHECK(fstat64(device, &large) == 0 && S_ISCHR(large.st_mode));
    /* The function that a program built for an old glibc calls. */
    int __xstat(int version, const char *path, struct stat *facts);
    int __fxstat(int version, int descriptor, struct stat *facts);
    CHECK(__xstat(1, "/dev/lite_ipc", &other) == 0 && S_ISCHR(other.st_mode));
    CHECK(__fxstat(1, device, &other) == 0 && S_ISCHR(other.st_mode));
    CHECK(euidaccess("/dev/lite_ipc", R_OK | W_OK) == 0);
#endif
    CHECK(access("/dev/lite_ipc", F_OK) == 0 && access("/dev/lite_ipc", R_OK | W_OK) == 0);
    CHECK_ERRNO(access("/dev/lite_ipc", X_OK), EACCES);
    CHECK(faccessat(AT_FDCWD, "/dev/lite_ipc", W_OK, 0) == 0);

    /* Other descriptors are not affected. */
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    CHECK(fstat(ends[0], &other) == 0 && S_ISSOCK(other.st_mode));
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
    CHECK(stat("/dev/null", &other) == 0 && S_ISCHR(other.st_mode) && other.st_ino != facts.st_ino);
    CHECK_ERRNO(stat("/nowhere/lite_ipc", &other), ENOENT);
}

static void CheckMissingOperations(int device)
{
    char byte = 0;
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    CHECK_ERRNO(read(device, &byte, 1), EBADF);
    CHECK_ERRNO(write(device, &byte, 1), EBADF);
    CHECK_ERRNO(pread(device, &byte, 1, 0), EBADF);
    CHECK_ERRNO(pwrite(device, &byte, 1, 0), EBADF);
    CHECK_ERRNO(readv(device, &data, 1), EBADF);
    CHECK_ERRNO(writev(device, &data, 1), EBADF);
    CHECK_ERRNO(lseek(device, 0, SEEK_SET), EBADF);
    CHECK_ERRNO(ftruncate(device, 0), EBADF);
    CHECK_ERRNO(syscall(SYS_read, device, &byte, 1), EBADF);

    CHECK_ERRNO(ioctl(device, IPC_SEND_RECV_MSG, NULL), EINVAL);
    CHECK_ERRNO(ioctl(device, IPC_GET_VERSION, NULL), EINVAL);
    CHECK_ERRNO(ioctl(device, _IO('i', 99), 0), EINVAL);
    CHECK_ERRNO(ioctl(device, _IO('x', 4), 0), IOCTL_ERROR(EINVAL));
    CHECK_ERRNO(ioctl(device, FIONREAD, &device), EINVAL);
    /* The same commands for other descriptors. */
    int null = open("/dev/null", O_RDWR);
    CHECK(null >= 0);
    CHECK_ERRNO(ioctl(null, IPC_GET_VERSION, &device), IOCTL_ERROR(ENOTTY));
    CHECK_ERRNO(ioctl(-1, IPC_GET_VERSION, &device), IOCTL_ERROR(EBADF));
    CHECK(close(null) == 0);
    int flags = fcntl(device, F_GETFL);
    CHECK(flags >= 0 && (flags & O_ACCMODE) == O_RDWR);
    CHECK(fcntl(device, F_SETFL, flags | O_NONBLOCK) == 0);
}

static bool Works(int device)
{
    IpcVersion version = {0};
    return ioctl(device, IPC_GET_VERSION, &version) == 0 && version.driverVersion == 2;
}

static void CheckDuplicates(int device)
{
    int copies[] = {dup(device), dup2(device, 100), dup3(device, 101, O_CLOEXEC),
                    fcntl(device, F_DUPFD, 102), fcntl(device, F_DUPFD_CLOEXEC, 200)};
    CHECK(copies[1] == 100 && copies[2] == 101 && copies[3] == 102 && copies[4] == 200);
    for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); i++) {
        CHECK(copies[i] >= 0 && Works(copies[i]));
    }
    CHECK(fcntl(copies[2], F_GETFD) == FD_CLOEXEC && fcntl(copies[3], F_GETFD) == 0);
    /* Another file with the same number is not the device. */
    int null = open("/dev/null", O_RDWR);
    CHECK(dup2(null, copies[1]) == copies[1]);
    CHECK_ERRNO(ioctl(copies[1], IPC_GET_VERSION, &null), IOCTL_ERROR(ENOTTY));
    CHECK(close(null) == 0);
    for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); i++) {
        CHECK(close(copies[i]) == 0);
    }
    CHECK_ERRNO(close(copies[0]), EBADF);
    CHECK(Works(device));
}

/* A descriptor that is sent over a socket is still the device in the receiver. */
static void CheckPassing(int device)
{
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } ancillary = {.bytes = {0}};
    char byte = 'x';
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    struct msghdr packet = {.msg_iov = &data,
                            .msg_iovlen = 1,
                            .msg_control = &ancillary,
                            .msg_controllen = sizeof(ancillary)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&packet);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &device, sizeof(device));
    CHECK(sendmsg(ends[0], &packet, 0) == 1);
    CHECK(recvmsg(ends[1], &packet, 0) == 1);
    int copy;
    memcpy(&copy, CMSG_DATA(CMSG_FIRSTHDR(&packet)), sizeof(copy));
    CHECK(copy != device && Works(copy));
    CHECK(close(copy) == 0 && close(ends[0]) == 0 && close(ends[1]) == 0);
}

static int LowestFree(void)
{
    int lowest = dup(0);
    CHECK(lowest >= 0 && close(lowest) == 0);
    return lowest;
}

static void CloseAllOneByOne(void)
{
    long limit = sysconf(_SC_OPEN_MAX);
    for (int number = LOWEST_FREE; number < limit; number++) {
        (void)close(number);
    }
}

/*
 * A daemon closes descriptors that it did not open. The device can be opened again and still works.
 */
static void CheckCloseAll(void (*closeAll)(void), uint32_t *expected)
{
    int device = DeviceOpenOnly();
    closeAll();
    CHECK(LowestFree() == LOWEST_FREE);
    CHECK_ERRNO(ioctl(device, IPC_SET_IPC_THREAD, 0), IOCTL_ERROR(EBADF));
    device = DeviceOpenOnly();
    CHECK(device == LOWEST_FREE && Works(device));
    IpcMsg *msg;
    IpcMsg self = Request(*expected, ++expected[1], &device, sizeof(device));
    CHECK(Send(device, &self) == 0);
    CHECK(Receive(device, &msg) == 0 && msg->code == expected[1] && msg->taskID == *expected);
    CHECK(Free(device, msg) == 0);
    CHECK(close(device) == 0);
}

#ifdef __GLIBC__
static void CloseRange(void)
{
    CHECK(close_range(LOWEST_FREE, ~0U, 0) == 0);
}

static void CloseFrom(void)
{
    closefrom(LOWEST_FREE);
}

static void CloseRangeOnExec(void)
{
    CHECK(close_range(LOWEST_FREE, ~0U, CLOSE_RANGE_CLOEXEC) == 0);
    CHECK(close_range(LOWEST_FREE, 900, 0) == 0);
}
#endif

/* dup2 to any number, also to those of the core, leaves the device working. */
static void Overwrite(void)
{
    int null = open("/dev/null", O_RDWR);
    CHECK(null >= 0);
    long limit = sysconf(_SC_OPEN_MAX);
    for (int number = LOWEST_FREE; number < limit; number++) {
        if (number != null && dup2(null, number) < 0) {
            CHECK(errno == EBUSY);
        }
    }
    CloseAllOneByOne();
}

static int Inherited(int device)
{
    struct stat facts;
    uint32_t value;
    CHECK(fstat(device, &facts) == 0);
    CheckCharacterDevice(&facts);
    /* This process has not opened the device. */
    CHECK_ERRNO(ioctl(device, IPC_GET_VERSION, &value), EINVAL);
    CHECK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, device, 0) == MAP_FAILED && errno == EINVAL);
    CHECK_ERRNO(read(device, &value, 1), EBADF);
    int own = DeviceReady();
    CHECK(own != device && Works(own) && Works(device));
    return 0;
}

static void CheckExec(int device, const char *program)
{
    char number[16];
    snprintf(number, sizeof(number), "%d", device);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        execl(program, program, "inherited", number, (char *)NULL);
        _exit(1);
    }
    Await(child);
    /* Close-on-exec follows the flag. */
    int closing = open(LITEIPC_DRIVER, O_RDWR | O_CLOEXEC);
    CHECK(fcntl(closing, F_GETFD) == FD_CLOEXEC && fcntl(device, F_GETFD) == 0);
    CHECK(close(closing) == 0);
}

int main(int count, char **arguments)
{
    if (count == 3 && strcmp(arguments[1], "inherited") == 0) {
        return Inherited(atoi(arguments[2]));
    }
    static char program[4096];
    CHECK(realpath(arguments[0], program) != NULL);
    /* A low limit keeps the loops below short. */
    struct rlimit limit = {.rlim_cur = 3000, .rlim_max = 3000};
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);

    IpcVersion version;
    int device = DeviceOpenOnly();
    CHECK(device == LOWEST_FREE); /* the core's descriptors use high numbers */
    CHECK_ERRNO(ioctl(device, IPC_GET_VERSION, &version), ENOMEM); /* not mapped yet */
    CHECK(mmap(NULL, POOL_SIZE, PROT_READ, MAP_PRIVATE, device, 0) != MAP_FAILED);
    CHECK_ERRNO(ioctl(device, IPC_SET_IPC_THREAD, 0), EINVAL); /* there is no ServiceManager yet */

    CheckWaysToOpen();
    CheckFacts(device);
    CheckMissingOperations(device);
    CheckDuplicates(device);
    CheckPassing(device);
    if (count == 1) {
        CheckExec(device, program);
    }

    BecomeManager(device);
    int task = ioctl(device, IPC_SET_IPC_THREAD, 0);
    CHECK(task > 0);
    CHECK_ERRNO(ioctl(device, IPC_SET_IPC_THREAD, 0), EINVAL);
    uint32_t expected[2] = {(uint32_t)task, 0};
    CheckCloseAll(CloseAllOneByOne, expected);
#ifdef __GLIBC__
    CheckCloseAll(CloseRange, expected);
    CheckCloseAll(CloseFrom, expected);
    CheckCloseAll(CloseRangeOnExec, expected);
#endif
    CheckCloseAll(Overwrite, expected);
    printf("ok\n");
    return 0;
}
