/*
 * Fuzzes the ioctl face (LiteIpcIoctl) with any command and any structure, by a process that is its
 * own client and its own service. Pointers lead to memory of the program or are small numbers. No
 * input may wait: RECV is asked for only when a message is queued.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuzz/input.h"
#include "support/endpoint.h"

#define STEPS_MAX 16

/* The largest message from any offset that Pointer gives stays inside. */
static unsigned char memory[(1U << 16) + 4096];

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    void *state = NULL;
    (void)argc;
    (void)argv;
    return TrioSetUp(&state);
}

static bool IsQueued(void)
{
    struct LiteIpcTaskStatistics statistics;
    LiteIpcTaskCount(trio.service.task, &statistics);
    return statistics.queued > 0;
}

static void *Pointer(struct Input *input)
{
    return memory + InputByte(input) * 8U;
}

static void Message(struct Input *input, IpcMsg *message)
{
    uint8_t shape = InputByte(input);
    *message = (IpcMsg){.type = (MsgType)(shape % 5),
                        .target = {.handle = trio.service.taskID},
                        .code = InputByte(input),
                        .flag = LITEIPC_FLAG_ONEWAY,
                        .dataSz = InputByte(input),
                        .data = Pointer(input),
                        .spObjNum = InputByte(input) % 4,
                        .offsets = Pointer(input)};
    if (shape & 0x80) {
        message->target.handle = InputByte(input) % 8;
    }
    if (shape & 0x40) {
        message->flag = InputWord(input);
    }
    if (shape & 0x20) {
        message->dataSz = InputWord(input);
    }
}

/* Frees a received message with what came with it. */
static void Release(const IpcMsg *message)
{
    for (uint32_t i = 0; i < message->spObjNum; i++) {
        SpecialObj object;
        memcpy(&object, (const char *)message->data + ((const uint32_t *)message->offsets)[i],
               sizeof(object));
        if (object.type == OBJ_FD) {
            close((int)object.content.fd);
        } else if (object.type == OBJ_PTR) {
            (void)LiteIpcFree(trio.service.thread, object.content.ptr.buff);
        }
    }
    (void)LiteIpcFree(trio.service.thread, message);
}

/* OBJ_PTR leads to memory of the program: another address ends any program that sends it. */
static void PointersMakeValid(const IpcMsg *message)
{
    for (uint32_t i = 0; i < message->spObjNum; i++) {
        uint32_t offset;
        SpecialObj object;
        unsigned char *entry = message->offsets;
        memcpy(&offset, entry + i * sizeof(offset), sizeof(offset));
        if ((uint64_t)offset + sizeof(object) > message->dataSz ||
            (unsigned char *)message->data + offset + sizeof(object) > memory + sizeof(memory)) {
            continue;
        }
        memcpy(&object, (unsigned char *)message->data + offset, sizeof(object));
        if (object.type == OBJ_PTR) {
            object.content.ptr.buff = memory;
            memcpy((unsigned char *)message->data + offset, &object, sizeof(object));
        }
    }
}

static void SendReceive(struct Input *input)
{
    IpcMsg message;
    IpcContent content = {.flag = InputByte(input) & (SEND | BUFF_FREE), .outMsg = &message};
    static IpcMsg *received; /* freed already: an address that BUFF_FREE must refuse */
    Message(input, &message);
    PointersMakeValid(&message);
    content.buffToFree =
        InputByte(input) % 2 && received != NULL ? (void *)received : Pointer(input);
    if (IsQueued() && message.type != MT_REQUEST) {
        content.flag |= RECV;
    }
    if (LiteIpcIoctl(trio.service.task, IPC_SEND_RECV_MSG, (unsigned long)(uintptr_t)&content) ==
            0 &&
        (content.flag & RECV) != 0) {
        received = content.inMsg;
        Release(received);
    }
}

/* Any number as a command. Those with a structure have cases of their own, with valid pointers. */
static void Unknown(struct Input *input)
{
    uint32_t command = InputWord(input);
    if (command != IPC_SEND_RECV_MSG && command != IPC_CMS_CMD && command != IPC_GET_VERSION) {
        (void)LiteIpcIoctl(trio.service.task, command, InputByte(input));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct Input input = {.next = data, .left = size};
    struct LiteIpcEvent event;
    InputBytes(&input, memory, InputByte(&input));
    for (unsigned step = 0; step < STEPS_MAX && input.left > 0; step++) {
        uint8_t operation = InputByte(&input);
        CmsCmdContent command = {.cmd = (CmsCmd)(InputByte(&input) % 6),
                                 .taskID = InputByte(&input) % 8,
                                 .serviceHandle = InputByte(&input) % 8};
        switch (operation % 8) {
            case 0:
                Unknown(&input);
                break;
            case 1:
                (void)LiteIpcIoctl(trio.manager.task, IPC_CMS_CMD,
                                   (unsigned long)(uintptr_t)&command);
                break;
            case 2:
                (void)LiteIpcIoctl(trio.service.task, IPC_CMS_CMD,
                                   (unsigned long)(uintptr_t)&command);
                break;
            case 3:
                (void)LiteIpcIoctl(trio.service.task, IPC_GET_VERSION,
                                   (unsigned long)(uintptr_t)memory);
                break;
            default:
                SendReceive(&input);
                break;
        }
    }
    while (EndpointNext(&trio.service, &event, 0)) {
        if (event.message != NULL) {
            Release(event.message);
        }
    }
    return 0;
}
