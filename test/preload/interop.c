/*
 * Implements the C side of calls between C and TypeScript, in a domain whose ServiceManager is a
 * TypeScript program:
 *   interop client NAME CALLS   calls the service NAME: method add, method greet, method fail,
 *                               oneway note, method change; CALLS times change with 1 KiB and with
 *                               6,000 bytes
 *   interop service NAME        runs such a service until a caller sends note with 0
 */
#include "support/messagepack.h"

/* The contract: methods are numbered in this order. */
#define SHAPE "method add\nmethod greet\nmethod fail\noneway note\nmethod change"
enum { ADD, GREET, FAIL, NOTE, CHANGE };
#define LARGE 6000
#define MASK  0x5A /* change applies it to every byte */
/* Codes of the ServiceManager's contract. */
enum { REGISTER, UNREGISTER, LOOKUP };

static IpcMsg Packed(uint32_t handle, uint32_t code, const struct Pack *pack)
{
    return Request(handle, code, pack->bytes, pack->size); /* cookie 0: plain MessagePack */
}

static uint32_t LookupService(int device, const char *name)
{
    struct Pack input = {0};
    PackMap(&input, 2);
    PackText(&input, "name");
    PackText(&input, name);
    PackText(&input, "hash");
    PackNumber(&input, ShapeHash(SHAPE));
    IpcMsg request = Packed(0, LOOKUP, &input), *reply;
    if (Call(device, &request, &reply) != 0) {
        CHECK(errno == ENOENT); /* refused: the reason is in the FAILED_REPLY */
        return 0;
    }
    struct Unpack output = {.bytes = reply->data, .size = reply->dataSz};
    CHECK(UnpackMap(&output) == 2);
    char key[16];
    UnpackText(&output, key, sizeof(key));
    CHECK(strcmp(key, "handle") == 0);
    uint32_t handle = UnpackNumber(&output);
    UnpackText(&output, key, sizeof(key));
    CHECK(strcmp(key, "generation") == 0 && UnpackNumber(&output) > 0 && output.size == 0);
    CHECK(Free(device, reply) == 0);
    return handle;
}

static uint32_t Add(int device, uint32_t handle, uint32_t left, uint32_t right)
{
    struct Pack input = {0};
    PackArray(&input, 2);
    PackNumber(&input, left);
    PackNumber(&input, right);
    IpcMsg request = Packed(handle, ADD, &input), *reply;
    CHECK(Call(device, &request, &reply) == 0 && reply->type == MT_REPLY);
    struct Unpack output = {.bytes = reply->data, .size = reply->dataSz};
    uint32_t sum = UnpackNumber(&output);
    CHECK(output.size == 0 && Free(device, reply) == 0);
    return sum;
}

static void Greet(int device, uint32_t handle)
{
    char text[64];
    struct Pack input = {0};
    PackText(&input, "C");
    IpcMsg request = Packed(handle, GREET, &input), *reply;
    CHECK(Call(device, &request, &reply) == 0);
    struct Unpack output = {.bytes = reply->data, .size = reply->dataSz};
    UnpackText(&output, text, sizeof(text));
    CHECK(strcmp(text, "hello, C") == 0 && Free(device, reply) == 0);
}

static void Change(int device, uint32_t handle, uint32_t size, uint32_t seed)
{
    static unsigned char data[LARGE];
    static struct Pack input;
    for (uint32_t i = 0; i < size; i++) {
        data[i] = (unsigned char)(seed + i * 7);
    }
    input.size = 0;
    PackBytes(&input, data, size);
    IpcMsg request = Packed(handle, CHANGE, &input), *reply;
    CHECK(Call(device, &request, &reply) == 0);
    struct Unpack output = {.bytes = reply->data, .size = reply->dataSz};
    uint32_t changedSize;
    const unsigned char *changed = UnpackBytes(&output, &changedSize);
    CHECK(changedSize == size && output.size == 0);
    for (uint32_t i = 0; i < size; i++) {
        CHECK(changed[i] == (data[i] ^ MASK));
    }
    CHECK(Free(device, reply) == 0);
}

static void BeClient(const char *name, uint32_t calls)
{
    int device = DeviceReady();
    CHECK(LookupService(device, "not-there") == 0);
    uint32_t handle = LookupService(device, name);
    CHECK(handle > 0);
    Greet(device, handle);
    struct Pack empty = {0};
    IpcMsg failing = Packed(handle, FAIL, &empty), *reply;
    CHECK_ERRNO(Call(device, &failing, &reply), ENOENT); /* as for every FAILED_REPLY */
    CHECK(Add(device, handle, 70000, 1000) == 71000);
    for (uint32_t i = 0; i < calls; i++) {
        Change(device, handle, 1024, i);
        Change(device, handle, LARGE, i);
    }
    struct Pack note = {0};
    PackNumber(&note, calls);
    IpcMsg oneWay = Packed(handle, NOTE, &note);
    oneWay.flag = LITEIPC_FLAG_ONEWAY;
    CHECK(Send(device, &oneWay) == 0);
    /* Another call, so that the note has been handled when this program exits. */
    CHECK(Add(device, handle, 1, 1) == 2);
    printf("ok\n");
}

static void RegisterService(int device, const char *name)
{
    struct Pack input = {0};
    PackMap(&input, 2);
    PackText(&input, "name");
    PackText(&input, name);
    PackText(&input, "shape");
    PackText(&input, SHAPE);
    IpcMsg request = Packed(0, REGISTER, &input), *reply;
    CHECK(Call(device, &request, &reply) == 0 && reply->dataSz == 0); /* undefined has no data */
    CHECK(Free(device, reply) == 0);
}

/* Answers a request. Returns false after the last one. */
static bool Answer(int device, IpcMsg *request)
{
    struct Unpack input = {.bytes = request->data, .size = request->dataSz};
    static struct Pack output;
    char text[32], answer[64];
    output.size = 0;
    CHECK(request->type == MT_REQUEST && request->target.cookie == 0);
    switch (request->code) {
        case ADD: {
            CHECK(UnpackArray(&input) == 2);
            uint32_t left = UnpackNumber(&input);
            PackNumber(&output, left + UnpackNumber(&input));
            break;
        }
        case GREET:
            UnpackText(&input, text, sizeof(text));
            snprintf(answer, sizeof(answer), "hello, %s", text);
            PackText(&output, answer);
            break;
        case CHANGE: {
            static unsigned char changed[LARGE];
            uint32_t size;
            const unsigned char *data = UnpackBytes(&input, &size);
            CHECK(size <= sizeof(changed));
            for (uint32_t i = 0; i < size; i++) {
                changed[i] = data[i] ^ MASK;
            }
            PackBytes(&output, changed, size);
            break;
        }
        case FAIL:
            CHECK(Reply(device, request, MT_FAILED_REPLY, NULL, 0) == 0);
            return true;
        default: {
            CHECK(request->code == NOTE && request->flag == LITEIPC_FLAG_ONEWAY);
            uint32_t number = UnpackNumber(&input);
            CHECK(Free(device, request) == 0);
            return number != 0;
        }
    }
    /* The reply has the request's code, which a TypeScript caller ignores. */
    CHECK(Reply(device, request, MT_REPLY, output.bytes, output.size) == 0);
    return true;
}

static void BeService(const char *name)
{
    int device = DeviceReady();
    RegisterService(device, name);
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        IpcMsg *request;
        CHECK(Receive(device, &request) == 0);
        if (!Answer(device, request)) {
            break;
        }
    }
    printf("ok\n");
}

int main(int count, char **arguments)
{
    CHECK(count >= 3);
    if (strcmp(arguments[1], "client") == 0) {
        CHECK(count == 4);
        BeClient(arguments[2], (uint32_t)strtoul(arguments[3], NULL, 10));
    } else {
        BeService(arguments[2]);
    }
    return 0;
}
