#include "kernel/descriptors.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/control_blocks.h"

#define TAKEN_OFFSET 128U

static _Atomic uint64_t *TakenWord(const void *cursors)
{
    return (_Atomic uint64_t *)((uintptr_t)cursors + TAKEN_OFFSET);
}

uint64_t DescriptorsTaken(const void *cursors)
{
    /* relaxed: a number that limits; nothing is read on the strength of it */
    return atomic_load_explicit(TakenWord(cursors), memory_order_relaxed);
}

void DescriptorsTakenAdd(void *cursors, uint64_t count)
{
    /* relaxed: as above; the receiving thread is the only writer */
    uint64_t taken = atomic_load_explicit(TakenWord(cursors), memory_order_relaxed);
    atomic_store_explicit(TakenWord(cursors), taken + count, memory_order_relaxed);
}

union Ancillary {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int) * IPC_DESCRIPTORS_MAX)];
};

int DescriptorsTransmit(int socket, uint16_t number, const int *descriptors, uint32_t count)
{
    union Ancillary ancillary;
    struct iovec data = {.iov_base = &number, .iov_len = sizeof(number)};
    struct msghdr packet = {.msg_iov = &data,
                            .msg_iovlen = 1,
                            .msg_control = &ancillary,
                            .msg_controllen = CMSG_SPACE(sizeof(int) * count)};
    memset(&ancillary, 0, sizeof(ancillary));
    struct cmsghdr *header = CMSG_FIRSTHDR(&packet);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(header), descriptors, sizeof(int) * count);
    ssize_t sent;
    do {
        sent = sendmsg(socket, &packet, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent == (ssize_t)sizeof(number)) {
        return 0;
    }
    /* EAGAIN, ETOOMANYREFS, ENOBUFS: too much is on its way already. */
    return errno == EBADF ? -EBADF : -ENOMEM;
}

int DescriptorsTake(int socket, uint16_t *number, int *descriptors, uint32_t *count)
{
    union Ancillary ancillary;
    struct iovec data = {.iov_base = number, .iov_len = sizeof(*number)};
    struct msghdr packet = {.msg_iov = &data,
                            .msg_iovlen = 1,
                            .msg_control = &ancillary,
                            .msg_controllen = sizeof(ancillary)};
    ssize_t length;
    do {
        length = recvmsg(socket, &packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (length < 0 && errno == EINTR);
    *count = 0;
    if (length < 0) {
        return errno == EAGAIN ? 0 : -EPROTO;
    }
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&packet); header != NULL;
         header = CMSG_NXTHDR(&packet, header)) {
        if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
            *count = (uint32_t)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
            memcpy(descriptors, CMSG_DATA(header), *count * sizeof(int));
        }
    }
    bool cut = (packet.msg_flags & MSG_CTRUNC) != 0;
    if (cut || length != (ssize_t)sizeof(*number)) {
        for (uint32_t i = 0; i < *count; i++) {
            (void)close(descriptors[i]);
        }
        return cut ? -EMFILE : length == 0 ? 0 : -EPROTO;
    }
    return 1;
}
