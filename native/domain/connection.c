#include "domain/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "domain/outbox.h"
#include "domain/process.h"
#include "domain/user.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

void DomainConnectionDrop(struct Domain *domain, struct DomainConnection *connection)
{
    (void)epoll_ctl(domain->epoll, EPOLL_CTL_DEL, connection->descriptor, NULL);
    (void)shutdown(connection->descriptor, SHUT_RDWR); /* see DomainSocketClose */
    close(connection->descriptor);
    connection->descriptor = -1;
    DomainUserRefund(domain, connection->user, RESOURCE_CONNECTION);
}

/* Returns a slot for this peer, or null if it is refused. */
static struct DomainConnection *Admit(struct Domain *domain, int descriptor)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    int on = 1;
    struct DomainConnection *connection = NULL;

    for (uint32_t slot = 0; slot < DOMAIN_CONNECTIONS_MAX && connection == NULL; slot++) {
        if (domain->connections[slot].descriptor < 0) {
            connection = &domain->connections[slot];
        }
    }
    if (connection == NULL || getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
        setsockopt(descriptor, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0) {
        return NULL;
    }
    struct DomainUser *user = DomainUserGet(domain, peer.uid);
    if (user == NULL) {
        return NULL;
    }
    if (!DomainUserCharge(domain, user, RESOURCE_CONNECTION)) {
        DomainUserRelease(user);
        return NULL;
    }
    connection->serial = ++domain->connectionSerial;
    connection->deadlineMs = DomainNowMs() + DOMAIN_HELLO_TIMEOUT_MS;
    connection->pid = peer.pid;
    connection->uid = peer.uid;
    connection->gid = peer.gid;
    connection->user = user;
    connection->descriptor = descriptor;
    return connection;
}

/*
 * Refuses a connection when this process has no free descriptors. Otherwise the connection would
 * wake the domain again and again.
 */
static void RefuseOne(struct Domain *domain)
{
    if (domain->spareDescriptor >= 0) {
        close(domain->spareDescriptor);
    }
    int descriptor = accept4(domain->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor >= 0) {
        close(descriptor);
    }
    domain->spareDescriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void DomainConnectionsAccept(struct Domain *domain)
{
    for (int turn = 0; turn < DOMAIN_BATCH; turn++) {
        int descriptor = accept4(domain->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (descriptor < 0) {
            if (errno == EMFILE || errno == ENFILE) {
                RefuseOne(domain);
            }
            return;
        }
        struct DomainConnection *connection = Admit(domain, descriptor);
        if (connection == NULL) {
            close(descriptor);
            continue;
        }
        uint32_t slot = (uint32_t)(connection - domain->connections);
        struct epoll_event event = {.events = EPOLLIN,
                                    .data.u64 =
                                        DomainEventKey(EVENT_CONNECTION, slot, connection->serial)};
        if (epoll_ctl(domain->epoll, EPOLL_CTL_ADD, descriptor, &event) != 0) {
            DomainConnectionDrop(domain, connection);
            continue;
        }
        /* HELLO has usually arrived; handling it now frees the slot. */
        DomainConnectionEvent(domain, slot, connection->serial);
    }
}

/* Returns a pidfd of the process that connected, or a negative errno. */
static int OpenPid(int descriptor, pid_t pid)
{
    int pidDescriptor;
    socklen_t size = sizeof(pidDescriptor);
    if (pid <= 0) {
        return -EPERM; /* a PID namespace that is not visible here: all its processes have pid 0 */
    }
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERPIDFD, &pidDescriptor, &size) == 0) {
        return pidDescriptor; /* the kernel sets close-on-exec */
    }
    pidDescriptor = (int)syscall(SYS_pidfd_open, pid, 0);
    return pidDescriptor >= 0 ? pidDescriptor : -errno;
}

/* Returns true for uid 0 of another user namespace. */
static bool IsForeignRoot(const struct DomainConnection *connection)
{
    char path[48];
    struct stat ours, theirs;

    if (connection->uid != 0) {
        return false;
    }
    snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)connection->pid);
    return stat("/proc/self/ns/user", &ours) != 0 || stat(path, &theirs) != 0 ||
           ours.st_dev != theirs.st_dev || ours.st_ino != theirs.st_ino;
}

/* Creates the process of a connection. After an error the connection still owns its descriptor. */
static int Greet(struct Domain *domain, struct DomainConnection *connection,
                 const struct ControlMessage *message, struct DomainProcess **process)
{
    if (message->protocolVersion != CONTROL_PROTOCOL_VERSION) {
        return -EPROTO;
    }
    int pidDescriptor = OpenPid(connection->descriptor, connection->pid);
    if (pidDescriptor < 0) {
        return pidDescriptor;
    }
    /*
     * Checked after the pidfd was opened: if the process still lives, the pid was its own all the
     * time.
     */
    struct pollfd ended = {.fd = pidDescriptor, .events = POLLIN};
    int status = IsForeignRoot(connection) ? -EPERM : 0;
    if (status == 0 && poll(&ended, 1, 0) != 0) {
        status = -ESRCH;
    }
    if (status == 0) {
        status = DomainProcessCreate(domain, connection, pidDescriptor, process);
    }
    if (status != 0) {
        close(pidDescriptor);
    }
    return status;
}

static void Hello(struct Domain *domain, struct DomainConnection *connection,
                  const struct ControlMessage *message)
{
    struct ControlMessage answer = *message;
    struct DomainProcess *process = NULL;

    answer.status = Greet(domain, connection, message, &process);
    if (answer.status != 0) {
        (void)DomainTransmit(connection->descriptor, &answer, NULL, 0);
        DomainConnectionDrop(domain, connection);
        return;
    }
    connection->descriptor = -1; /* now owned by the process */
    DomainUserRefund(domain, connection->user, RESOURCE_CONNECTION);
    answer.protocolVersion = CONTROL_PROTOCOL_VERSION;
    answer.identity = (struct ControlIdentity){
        .processID = process->id,
        .generation = process->generation,
        .uid = process->uid,
        .gid = process->gid,
        .pid = (uint32_t)process->pid,
        .tableSize = domain->tableSize,
    };
    DomainSend(domain, process, &process->socket, &answer, &domain->tableDescriptor, 1);
}

void DomainConnectionEvent(struct Domain *domain, uint32_t slot, uint32_t serial)
{
    struct DomainConnection *connection = &domain->connections[slot];
    struct DomainInput input;

    if (connection->descriptor < 0 || connection->serial != serial) {
        return;
    }
    int status = DomainReceive(connection->descriptor, &input);
    if (status == -EAGAIN) {
        return;
    }
    if (status == 1) {
        bool fits = input.message.type == CONTROL_HELLO && input.message.requestID != 0 &&
                    input.descriptors[0] < 0 && input.credentials.pid == connection->pid &&
                    input.credentials.uid == connection->uid &&
                    input.credentials.gid == connection->gid;
        DomainInputClose(&input);
        if (fits) {
            Hello(domain, connection, &input.message);
            return;
        }
    }
    DomainConnectionDrop(domain, connection);
}

int DomainConnectionsTimeout(const struct Domain *domain)
{
    uint64_t now = DomainNowMs();
    uint64_t first = UINT64_MAX;

    if (atomic_load_explicit(&domain->counts[RESOURCE_CONNECTION], memory_order_relaxed) > 0) {
        for (uint32_t slot = 0; slot < DOMAIN_CONNECTIONS_MAX; slot++) {
            const struct DomainConnection *connection = &domain->connections[slot];
            if (connection->descriptor >= 0 && connection->deadlineMs < first) {
                first = connection->deadlineMs;
            }
        }
    }
    if (domain->pendingDeaths > 0 && now + DOMAIN_DEATHS_TIMEOUT_MS / 4 < first) {
        first = now + DOMAIN_DEATHS_TIMEOUT_MS / 4;
    }
    if (first == UINT64_MAX) {
        return -1;
    }
    return first > now ? (int)(first - now) : 0;
}

void DomainConnectionsExpire(struct Domain *domain)
{
    if (atomic_load_explicit(&domain->counts[RESOURCE_CONNECTION], memory_order_relaxed) == 0) {
        return;
    }
    uint64_t now = DomainNowMs();
    for (uint32_t slot = 0; slot < DOMAIN_CONNECTIONS_MAX; slot++) {
        struct DomainConnection *connection = &domain->connections[slot];
        if (connection->descriptor >= 0 && connection->deadlineMs <= now) {
            DomainConnectionDrop(domain, connection);
        }
    }
}
