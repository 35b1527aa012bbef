#include "control/client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "platform/runtime_directory.h"

int ControlConnect(const char *domain, int *descriptor)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int status = RuntimeSocketPath(domain, false, address.sun_path, sizeof(address.sun_path));
    if (status != 0) {
        return status == -ENOENT ? -ENODEV : status;
    }
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        status = errno == ENOENT || errno == ECONNREFUSED ? -ENODEV : -errno;
        (void)close(fd);
        return status;
    }
    *descriptor = fd;
    return 0;
}

static int WaitFor(int socket, short events, int timeoutMs)
{
    struct pollfd entry = {.fd = socket, .events = events};
    int ready;
    do {
        ready = poll(&entry, 1, timeoutMs);
    } while (ready < 0 && errno == EINTR);
    return ready < 0 ? -errno : ready;
}

int ControlSend(int socket, const struct ControlMessage *message, const int *descriptors,
                unsigned count)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * CONTROL_DESCRIPTORS_MAX)];
    } ancillary;
    struct iovec data = {.iov_base = (void *)message, .iov_len = sizeof(*message)};
    struct msghdr packet = {.msg_iov = &data, .msg_iovlen = 1};
    if (count > 0) {
        memset(&ancillary, 0, sizeof(ancillary));
        packet.msg_control = &ancillary;
        packet.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&packet);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(header), descriptors, sizeof(int) * count);
    }
    for (;;) {
        ssize_t sent = sendmsg(socket, &packet, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent == (ssize_t)sizeof(*message)) {
            return 0;
        }
        if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
            int ready = WaitFor(socket, POLLOUT, CONTROL_ANSWER_TIMEOUT_MS);
            if (ready <= 0) {
                return -ENODEV;
            }
        } else if (sent < 0 && errno != EINTR) {
            return errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN ? -ENODEV : -errno;
        }
    }
}

static unsigned CollectDescriptors(struct msghdr *packet, int *descriptors)
{
    unsigned count = 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(packet); header != NULL;
         header = CMSG_NXTHDR(packet, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        unsigned here = (unsigned)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (unsigned i = 0; i < here; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
            if (count < CONTROL_DESCRIPTORS_MAX) {
                descriptors[count++] = fd;
            } else {
                (void)close(fd);
            }
        }
    }
    return count;
}

int ControlReceive(struct OwnedDescriptors *owned, int socket, struct ControlMessage *message,
                   int descriptors[CONTROL_DESCRIPTORS_MAX], unsigned *count, int timeoutMs)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * CONTROL_DESCRIPTORS_MAX) +
                   CMSG_SPACE(sizeof(struct ucred))];
    } ancillary;
    struct iovec data = {.iov_base = message, .iov_len = sizeof(*message)};
    *count = 0;
    for (;;) {
        struct msghdr packet = {.msg_iov = &data,
                                .msg_iovlen = 1,
                                .msg_control = &ancillary,
                                .msg_controllen = sizeof(ancillary)};
        OwnedEnter(owned);
        ssize_t length = recvmsg(socket, &packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        int error = errno;
        if (length > 0) {
            *count = CollectDescriptors(&packet, descriptors);
            OwnedAdd(owned, descriptors, *count);
        }
        OwnedLeave(owned);
        if (length > 0) {
            if (length == (ssize_t)sizeof(*message) && !(packet.msg_flags & MSG_TRUNC)) {
                return 1;
            }
            for (unsigned i = 0; i < *count; i++) {
                OwnedClose(owned, descriptors[i]);
            }
            *count = 0;
            return -EPROTO;
        }
        if (length == 0) {
            return -ENODEV;
        }
        if (error == EAGAIN) {
            int ready = timeoutMs == 0 ? 0 : WaitFor(socket, POLLIN, timeoutMs);
            if (ready <= 0) {
                return ready;
            }
        } else if (error != EINTR) {
            return error == ECONNRESET ? -ENODEV : -error;
        }
    }
}
