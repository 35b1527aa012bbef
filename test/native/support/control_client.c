#include "support/control_client.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/control_path/control_paths.h"

static uint32_t nextRequestID;

void TestDirectoryMake(char *path, size_t size)
{
    assert_true(snprintf(path, size, "/tmp/liteipc-test-XXXXXX") < (int)size);
    assert_non_null(mkdtemp(path));
    assert_int_equal(setenv("XDG_RUNTIME_DIR", path, 1), 0);
}

void TestDirectoryRemove(const char *path)
{
    char inner[256];
    snprintf(inner, sizeof(inner), "%s/liteipc", path);
    (void)rmdir(inner);
    assert_int_equal(rmdir(path), 0);
    unsetenv("XDG_RUNTIME_DIR");
}

struct DomainOptions TestDomainOptions(const char *name)
{
    return (struct DomainOptions){
        .name = name,
        .limits = {.profile = 1,
                   .processLimit = 64,
                   .taskLimit = 128,
                   .threadLimit = 128,
                   .laneLimit = 256,
                   .dataLimit = 6144,
                   .objectLimit = 256,
                   .poolDefault = 64 * 1024,
                   .poolMaximum = 256 * 1024},
        .socketGid = (gid_t)-1,
        .kernel = &LITEIPC_KERNEL_OPERATIONS,
    };
}

bool TestDomainIsEmpty(const struct Domain *domain)
{
    struct DomainCounters counters;
    uint64_t deadline = TestDeadline();
    do {
        DomainCount(domain, &counters);
        if (counters.connections + counters.processes + counters.threads + counters.tasks +
                counters.lanes + counters.laneEnds + counters.parked ==
            0) {
            return true;
        }
    } while (TestRetry(deadline));
    print_error("connections %u processes %u threads %u tasks %u lanes %u ends %u parked %u\n",
                counters.connections, counters.processes, counters.threads, counters.tasks,
                counters.lanes, counters.laneEnds, counters.parked);
    return false;
}

size_t TestDescriptorCount(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory) != NULL) {
        count++;
    }
    closedir(directory);
    return count;
}

size_t TestDescriptorsSettled(void)
{
    size_t count = TestDescriptorCount();
    for (unsigned same = 0; same < 30; same++) {
        SleepMs(1);
        size_t now = TestDescriptorCount();
        if (now != count) {
            count = now;
            same = 0;
        }
    }
    return count;
}

bool TestDescriptorCountIs(size_t expected)
{
    uint64_t deadline = TestDeadline();
    while (TestDescriptorCount() != expected && TestRetry(deadline)) {
    }
    return TestDescriptorCount() == expected;
}

int TestConnect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int descriptor = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_true(descriptor >= 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (connect(descriptor, (struct sockaddr *)&address, sizeof(address)) != 0) {
        int status = -errno;
        close(descriptor);
        return status;
    }
    return descriptor;
}

struct rlimit TestDescriptorRoom(unsigned count)
{
    struct rlimit before, now;
    int next = dup(0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    now = before;
    now.rlim_cur = (rlim_t)next + count;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    return before;
}

int TestSend(int descriptor, const void *bytes, size_t size, const int *descriptors, size_t count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * TEST_SENT_MAX)];
    } control = {.bytes = {0}};
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        header.msg_control = control.bytes;
        header.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(rights), descriptors, sizeof(int) * count);
    }
    return sendmsg(descriptor, &header, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int TestReceive(int descriptor, struct TestMessage *message, int timeoutMs)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * CONTROL_DESCRIPTORS_MAX)];
    } control;
    struct iovec part = {.iov_base = &message->message, .iov_len = sizeof(message->message)};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof(control.bytes)};
    struct pollfd readable = {.fd = descriptor, .events = POLLIN};

    for (size_t index = 0; index < CONTROL_DESCRIPTORS_MAX; index++) {
        message->descriptors[index] = -1;
    }
    if (poll(&readable, 1, timeoutMs) == 0) {
        return -ETIMEDOUT;
    }
    ssize_t length = recvmsg(descriptor, &header, MSG_CMSG_CLOEXEC);
    if (length < 0) {
        return errno == ECONNRESET ? 0 : -errno;
    }
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    if (rights != NULL && rights->cmsg_type == SCM_RIGHTS) {
        memcpy(message->descriptors, CMSG_DATA(rights), rights->cmsg_len - CMSG_LEN(0));
    }
    return length == 0 ? 0 : 1;
}

void TestMessageClose(struct TestMessage *message)
{
    for (size_t index = 0; index < CONTROL_DESCRIPTORS_MAX; index++) {
        if (message->descriptors[index] >= 0) {
            close(message->descriptors[index]);
            message->descriptors[index] = -1;
        }
    }
}

bool TestIsCutOff(int descriptor)
{
    struct TestMessage message;
    int status;
    while ((status = TestReceive(descriptor, &message, TEST_DEADLINE_MS)) == 1) {
        TestMessageClose(&message);
    }
    return status == 0;
}

int TestAnswer(struct TestSocket *socket, uint32_t requestID, int timeoutMs,
               struct TestMessage *answer)
{
    for (;;) {
        int status = TestReceive(socket->descriptor, answer, timeoutMs);
        if (status != 1) {
            return status == 0 ? -ENODEV : status;
        }
        if (answer->message.requestID == requestID) {
            return answer->message.status;
        }
        assert_int_equal(answer->message.requestID, 0);
        assert_true(socket->eventCount < TEST_EVENTS_MAX);
        socket->events[socket->eventCount++] = *answer;
    }
}

int TestCall(struct TestSocket *socket, struct ControlMessage *message, const int *descriptors,
             size_t count, int received[CONTROL_DESCRIPTORS_MAX])
{
    struct TestMessage answer;
    message->requestID = ++nextRequestID;
    uint32_t type = message->type;
    int status = TestSend(socket->descriptor, message, sizeof(*message), descriptors, count);
    if (status != 0) {
        return -ENODEV;
    }
    status = TestAnswer(socket, message->requestID, TEST_DEADLINE_MS, &answer);
    if (status == -ENODEV || status == -ETIMEDOUT) {
        return status;
    }
    assert_int_equal(answer.message.type, type);
    *message = answer.message;
    if (received != NULL) {
        memcpy(received, answer.descriptors, sizeof(answer.descriptors));
    } else {
        TestMessageClose(&answer);
    }
    return status;
}

int TestEvent(struct TestSocket *socket, struct TestMessage *event, int timeoutMs)
{
    if (socket->eventCount == 0) {
        return TestReceive(socket->descriptor, event, timeoutMs);
    }
    *event = socket->events[0];
    socket->eventCount--;
    memmove(&socket->events[0], &socket->events[1], socket->eventCount * sizeof(socket->events[0]));
    return 1;
}

bool TestEventOf(struct TestSocket *socket, uint32_t type, struct TestMessage *event)
{
    while (TestEvent(socket, event, TEST_DEADLINE_MS) == 1) {
        if (event->message.type == type) {
            return true;
        }
        TestMessageClose(event);
    }
    return false;
}

bool TestNoEventOf(struct TestSocket *socket, uint32_t type)
{
    struct TestMessage event;
    bool none = true;
    while (TestEvent(socket, &event, 0) == 1) {
        none = none && event.message.type != type;
        TestMessageClose(&event);
    }
    return none;
}

int TestClientOpen(const char *path, struct TestClient *client)
{
    struct ControlMessage message = {.type = CONTROL_HELLO,
                                     .protocolVersion = CONTROL_PROTOCOL_VERSION};
    int received[CONTROL_DESCRIPTORS_MAX];

    memset(client, 0, sizeof(*client));
    client->socket.descriptor = TestConnect(path);
    if (client->socket.descriptor < 0) {
        return client->socket.descriptor;
    }
    int status = TestCall(&client->socket, &message, NULL, 0, received);
    if (status != 0) {
        close(client->socket.descriptor);
        client->socket.descriptor = -1;
        return status;
    }
    client->identity = message.identity;
    client->tableDescriptor = received[0];
    void *memory = mmap(NULL, client->identity.tableSize, PROT_READ, MAP_SHARED, received[0], 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    client->table = memory;
    assert_int_equal(ControlTableCheck(client->table, client->identity.tableSize), 0);
    return 0;
}

static void SocketClose(struct TestSocket *socket)
{
    while (socket->eventCount > 0) {
        TestMessageClose(&socket->events[--socket->eventCount]);
    }
    if (socket->descriptor >= 0) {
        close(socket->descriptor);
        socket->descriptor = -1;
    }
}

void TestClientClose(struct TestClient *client)
{
    SocketClose(&client->socket);
    munmap((void *)(uintptr_t)client->table, client->identity.tableSize);
    close(client->tableDescriptor);
}

int TestThreadOpen(struct TestClient *client, struct TestThread *thread)
{
    struct ControlMessage message = {.type = CONTROL_THREAD_CREATE};
    int received[CONTROL_DESCRIPTORS_MAX];

    memset(thread, 0, sizeof(*thread));
    int status = TestCall(&client->socket, &message, NULL, 0, received);
    if (status == 0) {
        thread->socket.descriptor = received[0];
        thread->id = message.object.id;
        thread->generation = message.object.generation;
    }
    return status;
}

void TestThreadClose(struct TestThread *thread)
{
    SocketClose(&thread->socket);
}

int TestProcessReady(struct TestThread *thread)
{
    struct ControlMessage open = {.type = CONTROL_PROCESS_OPEN};
    struct ControlMessage map = {.type = CONTROL_PROCESS_MAP, .map.poolSize = TEST_POOL_SIZE};
    int status = TestCall(&thread->socket, &open, NULL, 0, NULL);
    return status != 0 ? status : TestCall(&thread->socket, &map, NULL, 0, NULL);
}

void TestProcessOpen(const char *path, struct TestProcess *process, uint32_t laneEnds)
{
    memset(process, 0, sizeof(*process));
    assert_int_equal(TestClientOpen(path, &process->client), 0);
    assert_int_equal(TestThreadOpen(&process->client, &process->thread), 0);
    assert_int_equal(TestProcessReady(&process->thread), 0);
    for (uint32_t end = 0; end < laneEnds; end++) {
        assert_int_equal(TestDeposit(&process->thread, ++process->nextEndID), 0);
    }
    assert_int_equal(TestTaskCreate(&process->thread, &process->taskID, &process->taskGeneration),
                     0);
    assert_int_equal(TestObject(&process->thread, CONTROL_TASK_INIT, process->taskID, 0), 0);
}

void TestProcessClose(struct TestProcess *process)
{
    TestThreadClose(&process->thread);
    TestClientClose(&process->client);
}

int TestObject(struct TestThread *thread, uint32_t type, uint32_t id, uint32_t generation)
{
    struct ControlMessage message = {.type = type, .object = {.id = id, .generation = generation}};
    return TestCall(&thread->socket, &message, NULL, 0, NULL);
}

int TestTaskCreate(struct TestThread *thread, uint32_t *taskID, uint32_t *generation)
{
    struct ControlMessage message = {.type = CONTROL_TASK_CREATE};
    int status = TestCall(&thread->socket, &message, NULL, 0, NULL);
    *taskID = message.object.id;
    if (generation != NULL) {
        *generation = message.object.generation;
    }
    return status;
}

int TestSetCms(struct TestThread *thread, uint32_t taskID, uint32_t maxMsgSize)
{
    struct ControlMessage message = {.type = CONTROL_SET_CMS,
                                     .cms = {.taskID = taskID, .maxMsgSize = maxMsgSize}};
    return TestCall(&thread->socket, &message, NULL, 0, NULL);
}

int TestCmsCommand(struct TestThread *thread, uint32_t caller, uint32_t cmd, uint32_t taskID,
                   uint32_t *handle)
{
    struct ControlMessage message = {
        .type = CONTROL_CMS_COMMAND,
        .cmsCommand = {
            .callerTaskID = caller, .cmd = cmd, .taskID = taskID, .serviceHandle = *handle}};
    int status = TestCall(&thread->socket, &message, NULL, 0, NULL);
    *handle = message.cmsCommand.serviceHandle;
    return status;
}

int TestRemoveAccess(struct TestThread *thread, const struct ControlAccess *access)
{
    struct ControlMessage message = {.type = CONTROL_REMOVE_ACCESS, .access = *access};
    return TestCall(&thread->socket, &message, NULL, 0, NULL);
}

int TestMemory(size_t size, int seals)
{
    int descriptor = memfd_create("liteipc-test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(descriptor >= 0);
    assert_int_equal(ftruncate(descriptor, (off_t)size), 0);
    assert_int_equal(fcntl(descriptor, F_ADD_SEALS, seals), 0);
    return descriptor;
}

int TestDeposit(struct TestThread *thread, uint32_t endID)
{
    struct ControlMessage message = {.type = CONTROL_LANE_DEPOSIT, .object.id = endID};
    struct Bell bell;
    assert_int_equal(BellCreate(&bell), 0);
    int descriptors[3] = {TestMemory(4096, TEST_SEALS), bell.listen, bell.ring};
    int status = TestSend(thread->socket.descriptor, &message, sizeof(message), descriptors, 3);
    close(descriptors[0]);
    BellClose(&bell);
    return status;
}

uint32_t TestLaneOpenStart(struct TestThread *thread, uint32_t sourceTask, uint32_t taskID)
{
    struct ControlMessage message = {
        .type = CONTROL_LANE_OPEN,
        .requestID = ++nextRequestID,
        .lane = {.taskID = taskID, .sourceTaskID = sourceTask, .ringSize = TEST_RING_SIZE}};
    int ring = TestMemory(TEST_RING_SIZE, TEST_SEALS);
    assert_int_equal(TestSend(thread->socket.descriptor, &message, sizeof(message), &ring, 1), 0);
    close(ring);
    return message.requestID;
}

int TestLaneOpen(struct TestThread *thread, uint32_t sourceTask, uint32_t taskID, bool isReply,
                 uint32_t *laneID)
{
    struct ControlMessage message = {.type = CONTROL_LANE_OPEN,
                                     .lane = {.taskID = taskID,
                                              .sourceTaskID = sourceTask,
                                              .isReply = isReply,
                                              .ringSize = TEST_RING_SIZE}};
    int ring = TestMemory(TEST_RING_SIZE, TEST_SEALS);
    int status = TestCall(&thread->socket, &message, &ring, 1, NULL);
    close(ring);
    if (laneID != NULL) {
        *laneID = message.laneOpened.laneID;
    }
    return status;
}
