/*
 * Fuzzes the control protocol of a domain: connections, messages, raw bytes and descriptors of
 * every kind, in any order. After each input an honest process must still be served.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz/input.h"
#include "liteipc/liteipc.h"
#include "support/control_client.h"

#define SOCKETS_MAX 8
#define STEPS_MAX   48

static struct LiteIpcDomain *domain;
static struct TestProcess honest;
static int offered[6]; /* descriptors that an input may pass */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void Require(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "fuzz_control: %s\n", what);
        abort();
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    static char directory[64];
    struct LiteIpcDomainOptions options = {.name = "fuzz", .socketGid = (uint32_t)-1};
    int ends[2], pair[2];
    TestDirectoryMake(directory, sizeof(directory));
    Require(LiteIpcDomainStart(&options, &domain) == 0, "the domain did not start");
    TestProcessOpen(LiteIpcDomainPath(domain), &honest, 4);
    Require(TestSetCms(&honest.thread, honest.taskID, 4096) == 0, "no ServiceManager");
    Require(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0 &&
                socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0,
            "no descriptors");
    offered[0] = TestMemory(TEST_RING_SIZE, TEST_SEALS);
    offered[1] = TestMemory(4096, TEST_SEALS);
    offered[2] = ends[0];
    offered[3] = ends[1];
    offered[4] = pair[0];
    offered[5] = open("/dev/null", O_RDWR | O_CLOEXEC);
    return 0;
}

/* Takes what has come. A socket that an answer carries joins the others. */
static void Take(int *sockets, unsigned index)
{
    struct TestMessage message;
    while (sockets[index] >= 0 && TestReceive(sockets[index], &message, 1) == 1) {
        for (unsigned i = 0; i < SOCKETS_MAX; i++) {
            struct sockaddr address;
            socklen_t length = sizeof(address);
            if (sockets[i] < 0 && message.descriptors[0] >= 0 &&
                getsockname(message.descriptors[0], &address, &length) == 0) {
                sockets[i] = message.descriptors[0];
                message.descriptors[0] = -1;
            }
        }
        TestMessageClose(&message);
    }
}

static void Structured(struct Input *input, int socket)
{
    struct ControlMessage message = {.requestID = 1, .protocolVersion = CONTROL_PROTOCOL_VERSION};
    int descriptors[4];
    uint8_t shape = InputByte(input);
    size_t count = shape % 5;
    message.type = InputByte(input) % (CONTROL_MESSAGE_TYPES + 1);
    if (shape & 0x80) {
        message.requestID = InputWord(input);
        message.protocolVersion = InputByte(input);
    }
    /* Small numbers are IDs that exist; any other number is as good as another. */
    for (size_t i = 0; i < sizeof(message.bytes) / sizeof(uint32_t); i++) {
        uint8_t kind = InputByte(input);
        uint32_t word = kind < 0xE0   ? kind % 8
                        : kind < 0xF0 ? 4096U * (kind % 16)
                                      : InputWord(input);
        memcpy(message.bytes + i * sizeof(word), &word, sizeof(word));
    }
    for (size_t i = 0; i < count; i++) {
        descriptors[i] = offered[InputByte(input) % (sizeof(offered) / sizeof(offered[0]))];
    }
    (void)TestSend(socket, &message, sizeof(message), descriptors, count);
}

static void Raw(struct Input *input, int socket)
{
    uint8_t bytes[256];
    size_t size = InputByte(input);
    int descriptor = offered[InputByte(input) % (sizeof(offered) / sizeof(offered[0]))];
    InputBytes(input, bytes, size);
    (void)TestSend(socket, bytes, size, &descriptor, size % 2);
}

static void Hello(int socket)
{
    struct ControlMessage hello = {
        .type = CONTROL_HELLO, .requestID = 1, .protocolVersion = CONTROL_PROTOCOL_VERSION};
    (void)TestSend(socket, &hello, sizeof(hello), NULL, 0);
}

static void Step(struct Input *input, int *sockets)
{
    uint8_t operation = InputByte(input);
    unsigned index = operation / 8 % SOCKETS_MAX;
    if (sockets[index] < 0) {
        sockets[index] = TestConnect(LiteIpcDomainPath(domain));
        if (sockets[index] >= 0 && (operation & 0x80) == 0) {
            Hello(sockets[index]);
            Take(sockets, index);
        }
        return;
    }
    switch (operation % 8) {
        case 0:
            close(sockets[index]);
            sockets[index] = -1;
            break;
        case 1:
            Raw(input, sockets[index]);
            break;
        case 2:
            Take(sockets, index);
            break;
        case 3:
            Hello(sockets[index]);
            break;
        default:
            Structured(input, sockets[index]);
            break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct Input input = {.next = data, .left = size};
    int sockets[SOCKETS_MAX];
    uint32_t taskID, generation;
    for (unsigned i = 0; i < SOCKETS_MAX; i++) {
        sockets[i] = -1;
    }
    for (unsigned step = 0; step < STEPS_MAX && input.left > 0; step++) {
        Step(&input, sockets);
    }
    for (unsigned i = 0; i < SOCKETS_MAX; i++) {
        if (sockets[i] >= 0) {
            close(sockets[i]);
        }
    }
    Require(TestTaskCreate(&honest.thread, &taskID, &generation) == 0 &&
                TestObject(&honest.thread, CONTROL_TASK_EXIT, taskID, generation) == 0,
            "an honest process is not served any more");
    honest.thread.socket.eventCount = 0;
    return 0;
}
