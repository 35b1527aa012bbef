#include "kernel/descriptors.h"

#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/discard.h"

#define TAKEN_OFFSET 128U
_Static_assert(sizeof(struct RingCursors) <= TAKEN_OFFSET, "the ring's part of the cursors page");

/* The data of a datagram. */
struct Label {
    uint16_t number, count;
};

union Ancillary {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int) * IPC_DESCRIPTORS_MAX)];
};

static _Atomic uint64_t *TakenWord(const void *cursors)
{
    return (_Atomic uint64_t *)((uintptr_t)cursors + TAKEN_OFFSET);
}

uint64_t DescriptorsTaken(const void *cursors)
{
    /* relaxed: only a limit; no other memory depends on it */
    return atomic_load_explicit(TakenWord(cursors), memory_order_relaxed);
}

void DescriptorsTakenAdd(void *cursors, uint64_t count)
{
    /* relaxed: as above; the receiving thread is the only writer */
    uint64_t taken = atomic_load_explicit(TakenWord(cursors), memory_order_relaxed);
    atomic_store_explicit(TakenWord(cursors), taken + count, memory_order_relaxed);
}

/* Returns the number of descriptors in unread datagrams, an upper bound. */
static uint64_t Unread(const struct OutboundLane *lane)
{
    int bytes = 0;
    if (lane->socket < 0 || lane->datagramSize == 0 || ioctl(lane->socket, SIOCOUTQ, &bytes) != 0 ||
        bytes <= 0) {
        return 0;
    }
    uint32_t datagrams = ((uint32_t)bytes + lane->datagramSize - 1) / lane->datagramSize;
    uint64_t count = 0;
    for (uint32_t i = 0; i < datagrams && i < IPC_DESCRIPTORS_MAX; i++) {
        count += lane->batchCounts[(uint16_t)(lane->descriptorBatch - i) % IPC_DESCRIPTORS_MAX];
    }
    return count;
}

uint64_t DescriptorsInFlight(const struct OutboundLane *lane)
{
    uint64_t unread = Unread(lane);
    uint64_t unsettled = lane->descriptorsSent - DescriptorsTaken(lane->cursors);
    return unread > unsettled ? unread : unsettled;
}

uint32_t DescriptorDatagramSize(void)
{
    int ends[2];
    int bytes = 0;
    struct Label label = {0};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
        return 0;
    }
    if (send(ends[0], &label, sizeof(label), MSG_NOSIGNAL) != (ssize_t)sizeof(label) ||
        ioctl(ends[0], SIOCOUTQ, &bytes) != 0 || bytes < 0) {
        bytes = 0;
    }
    (void)close(ends[0]);
    (void)close(ends[1]);
    return (uint32_t)bytes;
}

int DescriptorsTransmit(int socket, uint16_t number, const int *descriptors, uint32_t count)
{
    union Ancillary ancillary;
    struct Label label = {.number = number, .count = (uint16_t)count};
    struct iovec data = {.iov_base = &label, .iov_len = sizeof(label)};
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
    if (sent == (ssize_t)sizeof(label)) {
        return 0;
    }
    /* EAGAIN, ETOOMANYREFS, ENOBUFS: too many are in flight already. */
    return sent < 0 && errno == EBADF ? -EBADF : -ENOMEM;
}

/* Copies the received descriptors. The kernel passes no more than fit `ancillary`. */
static void Collect(struct msghdr *packet, struct DescriptorBatch *batch)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(packet); header != NULL;
         header = CMSG_NXTHDR(packet, header)) {
        if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
            batch->count = (uint32_t)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
            memcpy(batch->descriptors, CMSG_DATA(header), batch->count * sizeof(int));
        }
    }
}

void DescriptorsDiscard(struct OwnedDescriptors *owned, const int *descriptors, uint32_t count)
{
    OwnedEnter(owned);
    OwnedRelease(owned, descriptors, count);
    for (uint32_t i = 0; i < count; i++) {
        DescriptorDiscard(descriptors[i]);
    }
    OwnedLeave(owned);
}

int DescriptorsTake(struct OwnedDescriptors *owned, int socket, struct DescriptorBatch *batch)
{
    union Ancillary ancillary;
    struct Label label = {0};
    struct iovec data = {.iov_base = &label, .iov_len = sizeof(label)};
    struct msghdr packet = {.msg_iov = &data,
                            .msg_iovlen = 1,
                            .msg_control = &ancillary,
                            .msg_controllen = sizeof(ancillary)};
    ssize_t length;
    *batch = (struct DescriptorBatch){0};
    OwnedEnter(owned);
    do {
        length = recvmsg(socket, &packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (length < 0 && errno == EINTR);
    if (length >= 0) {
        Collect(&packet, batch);
        OwnedAdd(owned, batch->descriptors, batch->count);
    }
    OwnedLeave(owned);
    if (length < 0) {
        return 0;
    }
    if (length == 0 && batch->count == 0) {
        return 0; /* the sender's end is closed */
    }
    bool known = length == (ssize_t)sizeof(label) && label.count <= IPC_DESCRIPTORS_MAX &&
                 (packet.msg_flags & MSG_TRUNC) == 0 &&
                 (batch->count == label.count || (packet.msg_flags & MSG_CTRUNC) != 0);
    if (known) {
        batch->number = label.number;
        batch->sent = label.count;
    }
    if (!known || batch->count != label.count) {
        DescriptorsDiscard(owned, batch->descriptors, batch->count);
        batch->count = 0;
    }
    return 1;
}
