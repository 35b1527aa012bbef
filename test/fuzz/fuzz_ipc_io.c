/*
 * Fuzzes the readers of IpcIo (liteipc/ipc_io.h) with any message. No reader may touch memory
 * outside the message; the sanitizer sees it if one does.
 */
#include <stdlib.h>

#include "fuzz/input.h"
#include "liteipc/ipc_io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void Read(IpcIo *io, uint8_t operation, size_t number)
{
    union {
        bool boolean;
        SvcIdentity service;
        size_t length;
    } result;
    volatile uint8_t sink;
    const uint8_t *bytes;
    switch (operation % 9) {
        case 0:
            (void)ReadBool(io, &result.boolean);
            break;
        case 1:
            bytes = ReadString(io, &result.length);
            if (bytes != NULL) {
                sink = bytes[result.length]; /* the terminating zero belongs to the text */
                (void)sink;
            }
            break;
        case 2:
            (void)ReadString16(io, &result.length);
            break;
        case 3:
            (void)ReadInterfaceToken(io, &result.length);
            break;
        case 4:
            bytes = ReadBuffer(io, number);
            if (bytes != NULL && number > 0) {
                sink = bytes[number - 1];
                (void)sink;
            }
            break;
        case 5:
            (void)ReadRawData(io, number);
            break;
        case 6:
            (void)ReadFileDescriptor(io);
            break;
        case 7:
            (void)ReadRemoteObject(io, &result.service);
            break;
        default:
            (void)ReadBoolUnaligned(io, &result.boolean);
            break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct Input input = {.next = data, .left = size};
    uint32_t objects = InputByte(&input) % 4;
    uint32_t dataSize = InputByte(&input);
    uint8_t steps[32];
    uint32_t offsets[4];
    InputBytes(&input, steps, sizeof(steps));
    InputBytes(&input, offsets, sizeof(offsets));
    /* On the heap, so that the sanitizer sees every byte beyond. Offsets are what the core checked.
     */
    char *bytes = malloc(dataSize > 0 ? dataSize : 1);
    uint32_t *copied = malloc(sizeof(offsets));
    InputBytes(&input, bytes, dataSize);
    uint32_t good = 0;
    for (uint32_t i = 0; i < objects; i++) {
        if (dataSize >= sizeof(SpecialObj)) {
            copied[good++] = offsets[i] % (dataSize - (uint32_t)sizeof(SpecialObj) + 1) & ~7U;
        }
    }
    IpcMsg message = {.data = bytes, .dataSz = dataSize, .offsets = copied, .spObjNum = good};
    IpcIo io;
    IpcIoInitFromMsg(&io, &message);
    for (size_t i = 0; i + 1 < sizeof(steps); i += 2) {
        Read(&io, steps[i], steps[i + 1] < 0xF0 ? steps[i + 1] : (size_t)-1 / steps[i + 1]);
    }
    free(copied);
    free(bytes);
    return 0;
}
