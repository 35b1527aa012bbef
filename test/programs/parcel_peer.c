/*
 * Runs a program in the style of the small system: it uses only the device, its header and the
 * parcel. It serves or calls the service of test/support/gauge.ts, whose methods take parcels:
 *
 *   parcel_peer serve NAME SHAPE   registers, prints "ready", and answers until it is killed
 *   parcel_peer call NAME HASH     calls every method and prints one line per result
 *   parcel_peer flood NAME HASH    sends descriptors and memory that no method accepts; prints the
 *                                  number of messages
 *
 * Messages to and from the ServiceManager are MessagePack, which this program encodes and decodes
 * manually.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "liteipc/ipc_io.h"

#define POOL_BYTES  (64 * 1024)
#define RETRIES     1500
#define RETRY_MICRO 20000

/* The codes are the positions of the methods in their contract. */
enum GaugeCode { GAUGE_SUM, GAUGE_ECHO, GAUGE_NOTE, GAUGE_NOTES, GAUGE_FAIL };
enum RegistryCode { REGISTRY_REGISTER = 0, REGISTRY_LOOKUP = 2 };

static int device;

static void Fail(const char *what)
{
    fprintf(stderr, "parcel_peer: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void OpenDevice(void)
{
    device = open(LITEIPC_DRIVER, O_RDWR);
    if (device < 0) {
        Fail("open");
    }
    if (mmap(NULL, POOL_BYTES, PROT_READ, MAP_PRIVATE, device, 0) == MAP_FAILED) {
        Fail("mmap");
    }
}

static int Transfer(uint32_t flag, IpcMsg *out, void *buffToFree, IpcMsg **in)
{
    IpcContent content = {.flag = flag, .outMsg = out, .buffToFree = buffToFree};
    int status = ioctl(device, IPC_SEND_RECV_MSG, &content);
    if (in != NULL) {
        *in = content.inMsg;
    }
    return status;
}

/* Sends a request and waits for the answer, which the caller frees. Returns NULL with errno. */
static IpcMsg *Ask(uint32_t handle, uint32_t code, const void *data, size_t size)
{
    IpcMsg *in = NULL;
    IpcMsg out = {.type = MT_REQUEST,
                  .target = {.handle = handle},
                  .code = code,
                  .dataSz = (uint32_t)size,
                  .data = size == 0 ? NULL : (void *)(uintptr_t)data};
    return Transfer(SEND | RECV, &out, NULL, &in) < 0 ? NULL : in;
}

static void Free(IpcMsg *message)
{
    if (Transfer(BUFF_FREE, NULL, message, NULL) < 0) {
        Fail("free");
    }
}

/* ---- The ServiceManager ---------------------------------------------------------------------- */

/* Writes a MessagePack text of up to 255 bytes. */
static size_t PutText(unsigned char *to, const char *text)
{
    size_t length = strlen(text);
    to[0] = 0xd9;
    to[1] = (unsigned char)length;
    memcpy(to + 2, text, length);
    return length + 2;
}

/*
 * Retries, because the ServiceManager may not be running yet, and this task has no queue before its
 * first wait.
 */
static IpcMsg *AskManager(uint32_t code, const unsigned char *data, size_t size)
{
    for (int retry = 0; retry < RETRIES; retry++) {
        IpcMsg *reply = Ask(CMS_HANDLE, code, data, size);
        if (reply != NULL) {
            return reply;
        }
        usleep(RETRY_MICRO);
    }
    Fail("the ServiceManager refuses");
    return NULL;
}

static void Register(const char *name, const char *shape)
{
    unsigned char data[600];
    size_t size = 0;
    data[size++] = 0x82; /* a map of two */
    size += PutText(data + size, "name");
    size += PutText(data + size, name);
    size += PutText(data + size, "shape");
    size += PutText(data + size, shape);
    Free(AskManager(REGISTRY_REGISTER, data, size));
}

static uint32_t Lookup(const char *name, uint32_t hash)
{
    unsigned char data[300];
    size_t size = 0;
    data[size++] = 0x82;
    size += PutText(data + size, "name");
    size += PutText(data + size, name);
    size += PutText(data + size, "hash");
    data[size++] = 0xce; /* a uint32, big-endian */
    for (int shift = 24; shift >= 0; shift -= 8) {
        data[size++] = (unsigned char)(hash >> shift);
    }
    IpcMsg *reply = AskManager(REGISTRY_LOOKUP, data, size);
    const unsigned char *at = memmem(reply->data, reply->dataSz, "handle", 6);
    if (at == NULL) {
        Fail("the contracts differ");
    }
    at += 6;
    uint32_t handle = at[0] < 0x80 ? at[0] : at[0] == 0xcc ? at[1] : ((uint32_t)at[1] << 8 | at[2]);
    Free(reply);
    return handle;
}

/* ---- The service ----------------------------------------------------------------------------- */

static uint32_t notes;

/* Creates the answer to a request. Returns false if there is none. */
static bool Answer(const IpcMsg *request, IpcIo *reply)
{
    IpcIo input;
    IpcIoInitFromMsg(&input, request);
    switch (request->code) {
        case GAUGE_SUM: {
            size_t count, length;
            int64_t total = 0;
            const uint8_t *name = ReadString(&input, &length);
            const int32_t *values = ReadInt32Vector(&input, &count);
            char text[300];
            if (name == NULL || values == NULL || length > 200) {
                return false;
            }
            for (size_t i = 0; i < count; i++) {
                total += values[i];
            }
            snprintf(text, sizeof(text), "%s has %zu values", (const char *)name, count);
            return WriteString(reply, text) && WriteInt64(reply, total);
        }
        case GAUGE_ECHO:
            return WriteBuffer(reply, input.bufferBase, request->dataSz);
        case GAUGE_NOTES:
            return WriteUint32(reply, notes);
        default:
            return false;
    }
}

static void Serve(const char *name, const char *shape)
{
    static char memory[MAX_IO_SIZE];
    Register(name, shape);
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        IpcMsg *request;
        IpcIo reply;
        if (Transfer(RECV, NULL, NULL, &request) < 0) {
            Fail("receive");
        }
        if (request->type != MT_REQUEST || request->flag == LITEIPC_FLAG_ONEWAY) {
            notes += request->type == MT_REQUEST && request->code == GAUGE_NOTE;
            Free(request);
            continue;
        }
        IpcIoInit(&reply, memory, sizeof(memory), 0);
        /* Returns the request's code and flag, as the small system's services do. */
        IpcMsg out = {.type = MT_REPLY,
                      .target = {.handle = request->taskID},
                      .code = request->code,
                      .flag = request->flag,
                      .timestamp = request->timestamp};
        if (!Answer(request, &reply) || !IpcIoToMsg(&reply, &out)) {
            out.type = MT_FAILED_REPLY;
        }
        if (Transfer(SEND | BUFF_FREE, &out, request, NULL) < 0) {
            Fail("reply");
        }
    }
}

/* ---- The client ------------------------------------------------------------------------------ */

static IpcMsg *AskParcel(uint32_t handle, uint32_t code, const IpcIo *parcel)
{
    return Ask(handle, code, parcel->bufferBase, IpcIoUsed(parcel));
}

static void Call(const char *name, uint32_t hash)
{
    static const int32_t values[] = {5, -7, 2000000000, 2000000000};
    static char memory[MAX_IO_SIZE];
    uint32_t handle = Lookup(name, hash);
    IpcIo input, output;
    size_t length;
    int64_t total;
    uint32_t count;

    IpcIoInit(&input, memory, sizeof(memory), 0);
    WriteString(&input, "böiler");
    WriteInt32Vector(&input, values, 4);
    IpcMsg *reply = AskParcel(handle, GAUGE_SUM, &input);
    if (reply == NULL) {
        Fail("sum");
    }
    IpcIoInitFromMsg(&output, reply);
    const uint8_t *text = ReadString(&output, &length);
    if (text == NULL || !ReadInt64(&output, &total) || output.bufferLeft != 0) {
        Fail("the reply of sum");
    }
    printf("sum %s: %lld\n", (const char *)text, (long long)total);
    Free(reply);

    for (uint32_t size = 4; size <= 6144; size += 6140) {
        memset(memory, 'e', size);
        reply = Ask(handle, GAUGE_ECHO, memory, size);
        if (reply == NULL || reply->dataSz != size || memcmp(reply->data, memory, size) != 0) {
            Fail("echo");
        }
        printf("echo %u\n", reply->dataSz);
        Free(reply);
    }

    for (uint32_t i = 0; i < 3; i++) {
        IpcIoInit(&input, memory, sizeof(memory), 0);
        WriteUint8(&input, (uint8_t)i);
        IpcMsg out = {.type = MT_REQUEST,
                      .target = {.handle = handle, .token = 7, .cookie = 3},
                      .code = GAUGE_NOTE,
                      .flag = LITEIPC_FLAG_ONEWAY};
        if (!IpcIoToMsg(&input, &out) || Transfer(SEND, &out, NULL, NULL) < 0) {
            Fail("note");
        }
    }
    reply = Ask(handle, GAUGE_NOTES, NULL, 0);
    if (reply == NULL) {
        Fail("notes");
    }
    IpcIoInitFromMsg(&output, reply);
    if (!ReadUint32(&output, &count)) {
        Fail("the reply of notes");
    }
    printf("notes %u\n", count);
    Free(reply);

    IpcIoInit(&input, memory, sizeof(memory), 0);
    WriteString(&input, "why");
    reply = AskParcel(handle, GAUGE_FAIL, &input);
    printf("fail %s\n", reply == NULL ? strerror(errno) : "not");
    memset(memory, 0xff, 8); /* a parcel that SUM cannot read */
    reply = Ask(handle, GAUGE_SUM, memory, 8);
    printf("garbage %s\n", reply == NULL ? strerror(errno) : "answered");
}

#define FLOODS 300

/* Sends parcel objects that a service in JavaScript does not accept. */
static void Flood(const char *name, uint32_t hash)
{
    static char memory[MAX_IO_SIZE], block[4000];
    uint32_t handle = Lookup(name, hash), answered = 0;
    int null = open("/dev/null", O_RDONLY);
    SpecialObj object = {.type = OBJ_PTR};
    IpcIo input;

    object.content.ptr = (BuffPtr){.buffSz = sizeof(block), .buff = block};
    for (uint32_t i = 0; i < FLOODS; i++) {
        IpcIoInit(&input, memory, sizeof(memory), 3);
        if (!WriteFileDescriptor(&input, (uint32_t)null) || !IpcIoPutObject(&input, &object) ||
            !WriteFileDescriptor(&input, (uint32_t)null)) {
            Fail("write");
        }
        IpcMsg *reply;
        IpcMsg out = {.type = MT_REQUEST, .target = {.handle = handle}, .code = GAUGE_ECHO};
        if (!IpcIoToMsg(&input, &out) || Transfer(SEND | RECV, &out, NULL, &reply) < 0) {
            Fail("send");
        }
        answered += reply->dataSz == IpcIoUsed(&input);
        Free(reply);
        out.code = GAUGE_NOTE;
        out.flag = LITEIPC_FLAG_ONEWAY;
        if (Transfer(SEND, &out, NULL, NULL) < 0) {
            Fail("note");
        }
    }
    printf("answered %u\n", answered);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: parcel_peer serve NAME SHAPE, or call or flood NAME HASH\n");
        return 2;
    }
    OpenDevice();
    if (strcmp(argv[1], "serve") == 0) {
        Serve(argv[2], argv[3]);
    } else if (strcmp(argv[1], "flood") == 0) {
        Flood(argv[2], (uint32_t)strtoul(argv[3], NULL, 10));
    } else {
        Call(argv[2], (uint32_t)strtoul(argv[3], NULL, 10));
    }
    return 0;
}
