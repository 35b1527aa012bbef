/*
 * A client of the service `weather` in C, written like a program of LiteOS-A: it opens the device,
 * asks the ServiceManager for the service's handle, and sends parcels. Usage: client NAME HASH,
 * with name and hash of the contract.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "liteipc/ipc_io.h"

#define POOL_BYTES (64 * 1024)

/* The places of the methods in their contract. */
enum WeatherCode { WEATHER_REPORT, WEATHER_SUMMARY };
enum RegistryCode { REGISTRY_LOOKUP = 2 };

static int device;

static void Fail(const char *what)
{
    fprintf(stderr, "client: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void OpenDevice(void)
{
    device = open(LITEIPC_DRIVER, O_RDWR);
    if (device < 0 || mmap(NULL, POOL_BYTES, PROT_READ, MAP_PRIVATE, device, 0) == MAP_FAILED) {
        Fail(LITEIPC_DRIVER);
    }
}

/* Sends a request. Its answer, if it has one, is valid until it is given back. */
static IpcMsg *Send(uint32_t handle, uint32_t code, const void *data, size_t size, bool oneway)
{
    IpcMsg request = {.type = MT_REQUEST,
                      .target = {.handle = handle},
                      .code = code,
                      .flag = oneway ? LITEIPC_FLAG_ONEWAY : LITEIPC_FLAG_DEFAULT,
                      .dataSz = (uint32_t)size,
                      .data = (void *)(uintptr_t)data};
    IpcContent content = {.flag = oneway ? SEND : SEND | RECV, .outMsg = &request};
    if (ioctl(device, IPC_SEND_RECV_MSG, &content) < 0) {
        Fail("send");
    }
    return content.inMsg;
}

static void Free(IpcMsg *message)
{
    IpcContent content = {.flag = BUFF_FREE, .buffToFree = message};
    if (ioctl(device, IPC_SEND_RECV_MSG, &content) < 0) {
        Fail("free");
    }
}

/*
 * Returns the handle of a service. The ServiceManager uses MessagePack: it answers the request
 * {name: TEXT, hash: NUMBER} with {handle: NUMBER, ...} and grants this process the right to call.
 */
static uint32_t Lookup(const char *name, uint32_t hash)
{
    unsigned char request[128];
    int size = snprintf((char *)request, sizeof(request), "\x82\xa4name\xd9%c%s\xa4hash\xce",
                        (int)strlen(name), name);
    if (size < 0 || (size_t)size + sizeof(hash) > sizeof(request)) {
        errno = EINVAL;
        Fail(name);
    }
    for (int shift = 24; shift >= 0; shift -= 8) {
        request[size++] = (unsigned char)(hash >> shift);
    }
    IpcMsg *reply = Send(CMS_HANDLE, REGISTRY_LOOKUP, request, (size_t)size, false);
    const unsigned char *at = memmem(reply->data, reply->dataSz, "handle", 6);
    if (at == NULL) {
        errno = EPROTO;
        Fail("the contracts differ");
    }
    at += 6;
    uint32_t handle = at[0] < 0x80 ? at[0] : at[0] == 0xcc ? at[1] : ((uint32_t)at[1] << 8 | at[2]);
    Free(reply);
    return handle;
}

int main(int argc, char **argv)
{
    static const double readings[] = {19.5, 20.5, 23.0};
    static char memory[MAX_IO_SIZE];
    uint32_t count;
    double mean;
    IpcIo input, output;

    if (argc != 3) {
        fprintf(stderr, "usage: client NAME HASH\n");
        return 2;
    }
    OpenDevice();
    uint32_t handle = Lookup(argv[1], (uint32_t)strtoul(argv[2], NULL, 10));
    for (size_t i = 0; i < sizeof(readings) / sizeof(readings[0]); i++) {
        IpcIoInit(&input, memory, sizeof(memory), 0);
        WriteString(&input, "kitchen");
        WriteDouble(&input, readings[i]);
        Send(handle, WEATHER_REPORT, input.bufferBase, IpcIoUsed(&input), true);
    }

    IpcIoInit(&input, memory, sizeof(memory), 0);
    WriteString(&input, "kitchen");
    IpcMsg *reply = Send(handle, WEATHER_SUMMARY, input.bufferBase, IpcIoUsed(&input), false);
    IpcIoInitFromMsg(&output, reply);
    if (!ReadUint32(&output, &count) || !ReadDouble(&output, &mean)) {
        errno = EPROTO;
        Fail("the reply");
    }
    printf("client in C: %u reports from the kitchen, %.1f degrees on average\n", count, mean);
    Free(reply);
    return 0;
}
