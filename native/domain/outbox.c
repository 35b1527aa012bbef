#include "domain/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "platform/discard.h"

struct QueuedMessage {
    struct List link;
    struct ControlMessage message;
    int descriptors[CONTROL_DESCRIPTORS_MAX];
    uint32_t descriptorCount;
};

static void TakeControl(struct msghdr *header, struct DomainInput *input, bool *tooMany,
                        bool *identified)
{
    uint32_t count = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL;
         part = CMSG_NXTHDR(header, part)) {
        if (part->cmsg_level != SOL_SOCKET) {
            continue;
        }
        if (part->cmsg_type == SCM_CREDENTIALS) {
            memcpy(&input->credentials, CMSG_DATA(part), sizeof(input->credentials));
            *identified = true;
        } else if (part->cmsg_type == SCM_RIGHTS) {
            size_t bytes = part->cmsg_len - CMSG_LEN(0);
            for (size_t at = 0; at + sizeof(int) <= bytes; at += sizeof(int)) {
                int descriptor;
                memcpy(&descriptor, CMSG_DATA(part) + at, sizeof(descriptor));
                if (count < CONTROL_DESCRIPTORS_MAX) {
                    input->descriptors[count++] = descriptor;
                } else {
                    DescriptorDiscard(descriptor);
                    *tooMany = true;
                }
            }
        }
    }
    if (header->msg_flags & MSG_CTRUNC) {
        /* Either there were more than fit, or this process has no free descriptors. */
        *tooMany = *tooMany || count == CONTROL_DESCRIPTORS_MAX;
        input->descriptorsLost = true;
    }
}

int DomainReceive(int descriptor, struct DomainInput *input)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct ucred)) +
                   CMSG_SPACE(sizeof(int) * CONTROL_DESCRIPTORS_MAX)];
    } control;
    struct iovec part = {.iov_base = &input->message, .iov_len = sizeof(input->message)};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof(control.bytes)};
    bool tooMany = false;
    bool identified = false;
    ssize_t length;

    memset(input, 0, sizeof(*input));
    for (uint32_t index = 0; index < CONTROL_DESCRIPTORS_MAX; index++) {
        input->descriptors[index] = -1;
    }
    do {
        /* ECONNRESET is reported once, before the messages that the peer had sent. */
        length = recvmsg(descriptor, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (length < 0 && (errno == EINTR || errno == ECONNRESET));
    if (length < 0) {
        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    }
    TakeControl(&header, input, &tooMany, &identified);
    if (length == 0 && !identified) {
        return 0;
    }
    if (length != sizeof(input->message) || (header.msg_flags & MSG_TRUNC) || tooMany ||
        !identified) {
        DomainInputClose(input);
        return -EBADMSG;
    }
    return 1;
}

void DomainInputClose(struct DomainInput *input)
{
    for (uint32_t index = 0; index < CONTROL_DESCRIPTORS_MAX; index++) {
        DescriptorDiscard(DomainInputTake(input, index));
    }
}

int DomainInputTake(struct DomainInput *input, uint32_t index)
{
    int descriptor = input->descriptors[index];
    input->descriptors[index] = -1;
    return descriptor;
}

int DomainTransmit(int descriptor, const struct ControlMessage *message, const int *descriptors,
                   uint32_t descriptorCount)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * CONTROL_DESCRIPTORS_MAX)];
    } control = {.bytes = {0}};
    struct iovec part = {.iov_base = (void *)(uintptr_t)message, .iov_len = sizeof(*message)};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t length;

    if (descriptorCount > 0) {
        header.msg_control = control.bytes;
        header.msg_controllen = CMSG_SPACE(sizeof(int) * descriptorCount);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int) * descriptorCount);
        memcpy(CMSG_DATA(rights), descriptors, sizeof(int) * descriptorCount);
    }
    do {
        length = sendmsg(descriptor, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (length < 0 && errno == EINTR);
    if (length < 0) {
        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    }
    return 0;
}

/* Queues a message until there is room. Returns false without memory or room in the queue. */
static bool Enqueue(struct Domain *domain, struct DomainSocket *socket,
                    const struct ControlMessage *message, const int *descriptors,
                    uint32_t descriptorCount)
{
    struct QueuedMessage *queued;

    if (socket->queued >= DOMAIN_OUTBOX_MAX) {
        return false;
    }
    queued = calloc(1, sizeof(*queued));
    if (queued == NULL) {
        return false;
    }
    queued->message = *message;
    for (uint32_t index = 0; index < descriptorCount; index++) {
        int copy = fcntl(descriptors[index], F_DUPFD_CLOEXEC, 0);
        if (copy < 0) {
            while (queued->descriptorCount > 0) {
                close(queued->descriptors[--queued->descriptorCount]);
            }
            free(queued);
            return false;
        }
        queued->descriptors[queued->descriptorCount++] = copy;
    }
    ListAppend(&socket->outbox, &queued->link);
    socket->queued++;
    DomainSocketWatchRoom(domain, socket, true);
    return true;
}

void DomainSend(struct Domain *domain, struct DomainProcess *process, struct DomainSocket *socket,
                const struct ControlMessage *message, const int *descriptors,
                uint32_t descriptorCount)
{
    int status = -EAGAIN;

    if (socket->descriptor < 0 || domain->stopping) {
        return;
    }
    if (socket->queued == 0) {
        status = DomainTransmit(socket->descriptor, message, descriptors, descriptorCount);
    }
    if (status == -EAGAIN && Enqueue(domain, socket, message, descriptors, descriptorCount)) {
        return;
    }
    /* EPIPE: the peer closed its end, which causes an event of its own. */
    if (status != 0 && status != -EPIPE && status != -ECONNRESET) {
        DomainProcessTerminate(domain, process);
    }
}

void DomainSendThread(struct Domain *domain, struct DomainThread *thread,
                      const struct ControlMessage *message, const int *descriptors,
                      uint32_t descriptorCount)
{
    DomainSend(domain, thread->process, &thread->socket, message, descriptors, descriptorCount);
    ControlThreadNotify(ControlThreadAt(domain->table, thread->id));
}

int DomainSocketInit(struct Domain *domain, struct DomainSocket *socket, int descriptor,
                     uint64_t key, bool known)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = key};

    if (epoll_ctl(domain->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, descriptor, &event) != 0) {
        return -errno;
    }
    socket->descriptor = descriptor;
    socket->key = key;
    ListInit(&socket->outbox);
    socket->queued = 0;
    socket->watchesRoom = false;
    return 0;
}

static void QueuedFree(struct DomainSocket *socket, struct QueuedMessage *queued)
{
    ListRemove(&queued->link);
    socket->queued--;
    for (uint32_t index = 0; index < queued->descriptorCount; index++) {
        close(queued->descriptors[index]);
    }
    free(queued);
}

int DomainSocketDetach(struct Domain *domain, struct DomainSocket *socket)
{
    int descriptor = socket->descriptor;

    if (descriptor >= 0) {
        LIST_EACH_REMOVABLE (node, &socket->outbox) {
            QueuedFree(socket, LIST_ENTRY(node, struct QueuedMessage, link));
        }
        /*
         * close(2) alone is not enough: a copy in a forked child of the host would still cause
         * events.
         */
        (void)epoll_ctl(domain->epoll, EPOLL_CTL_DEL, descriptor, NULL);
        socket->descriptor = -1;
    }
    return descriptor;
}

static void End(int descriptor)
{
    (void)shutdown(descriptor, SHUT_RDWR);
    close(descriptor);
}

void DomainSocketAbandon(struct DomainSocket *socket)
{
    if (socket->descriptor >= 0) {
        LIST_EACH_REMOVABLE (node, &socket->outbox) {
            QueuedFree(socket, LIST_ENTRY(node, struct QueuedMessage, link));
        }
        close(socket->descriptor);
        socket->descriptor = -1;
    }
}

void DomainSocketClose(struct Domain *domain, struct DomainSocket *socket)
{
    int descriptor = DomainSocketDetach(domain, socket);
    if (descriptor >= 0) {
        End(descriptor);
    }
}

void DomainLastAnswer(int descriptor, const struct ControlMessage *answer)
{
    (void)DomainTransmit(descriptor, answer, NULL, 0);
    End(descriptor);
}

bool DomainSocketFlush(struct Domain *domain, struct DomainProcess *process,
                       struct DomainSocket *socket)
{
    LIST_EACH_REMOVABLE (node, &socket->outbox) {
        struct QueuedMessage *queued = LIST_ENTRY(node, struct QueuedMessage, link);
        int status = DomainTransmit(socket->descriptor, &queued->message, queued->descriptors,
                                    queued->descriptorCount);
        if (status == -EAGAIN) {
            return false;
        }
        QueuedFree(socket, queued);
        if (status != 0 && status != -EPIPE && status != -ECONNRESET) {
            DomainProcessTerminate(domain, process);
        }
    }
    DomainSocketWatchRoom(domain, socket, false);
    return true;
}

void DomainSocketWatchRoom(struct Domain *domain, struct DomainSocket *socket, bool watch)
{
    struct epoll_event event = {.events = EPOLLIN | (watch ? EPOLLOUT : 0),
                                .data.u64 = socket->key};

    if (socket->watchesRoom != watch &&
        epoll_ctl(domain->epoll, EPOLL_CTL_MOD, socket->descriptor, &event) == 0) {
        socket->watchesRoom = watch;
    }
}
