#include "conformance/portable.h"

#include "conformance/lend.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(SCM_RIGHTS)

union Ancillary {
    struct cmsghdr header; /* for its alignment */
    char bytes[CMSG_SPACE(sizeof(int))];
};

static void Send(int connection, int descriptor)
{
    char byte = 0;
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    union Ancillary ancillary;
    memset(&ancillary, 0, sizeof(ancillary));
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = ancillary.bytes,
                             .msg_controllen = sizeof(ancillary.bytes)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(descriptor));
    memcpy(CMSG_DATA(header), &descriptor, sizeof(descriptor));
    (void)sendmsg(connection, &message, 0);
}

static int Receive(int connection)
{
    char byte;
    int descriptor = -1;
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    union Ancillary ancillary;
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = ancillary.bytes,
                             .msg_controllen = sizeof(ancillary.bytes)};
    ssize_t length;
    do {
        length = recvmsg(connection, &message, 0);
    } while (length < 0 && errno == EINTR);
    struct cmsghdr *header = length > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof(descriptor))) {
        memcpy(&descriptor, CMSG_DATA(header), sizeof(descriptor));
    }
    return descriptor;
}

int LendDescriptor(const char *path)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
        return -1;
    }
    pid_t child = fork();
    if (child == 0) {
        int descriptor = open(path, O_RDONLY);
        if (descriptor >= 0) {
            Send(ends[1], descriptor);
        }
        _exit(0);
    }
    (void)close(ends[1]);
    int descriptor = child < 0 ? -1 : Receive(ends[0]);
    (void)close(ends[0]);
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    return descriptor;
}

#else

int LendDescriptor(const char *path)
{
    (void)path;
    return -1;
}

#endif
