/* Tests the parcel: reading arbitrary bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "liteipc/ipc_io.h"

/* Performs any read: nothing outside is read, and a failure changes nothing. */
static void ReadAnything(IpcIo *io, unsigned what)
{
    IpcIo before = *io;
    size_t size = what / 32;
    union {
        int64_t whole;
        double real;
        SvcIdentity svc;
    } value;
    const void *found = &value;
    void *owned = NULL;
    switch (what % 26) {
        case 0:
            found = ReadBool(io, (bool *)&value) ? found : NULL;
            break;
        case 1:
            found = ReadInt16(io, (int16_t *)&value) ? found : NULL;
            break;
        case 2:
            found = ReadInt64(io, &value.whole) ? found : NULL;
            break;
        case 3:
            found = ReadDouble(io, &value.real) ? found : NULL;
            break;
        case 4:
            found = ReadUInt8Unaligned(io, (uint8_t *)&value) ? found : NULL;
            break;
        case 5:
            found = ReadUInt16Unaligned(io, (uint16_t *)&value) ? found : NULL;
            break;
        case 6:
            found = ReadString(io, &size);
            break;
        case 7:
            found = ReadString16(io, &size);
            break;
        case 8:
            found = ReadBuffer(io, size);
            break;
        case 9:
            found = ReadRawData(io, size);
            break;
        case 10:
            found = owned = ReadBoolVector(io, &size);
            break;
        case 11:
            found = owned = ReadInt16Vector(io, &size);
            break;
        case 12:
            found = ReadInt8Vector(io, &size);
            break;
        case 13:
            found = ReadUInt16Vector(io, &size);
            break;
        case 14:
            found = ReadInt64Vector(io, &size);
            break;
        case 15:
            found = ReadFileDescriptor(io) >= 0 ? found : NULL;
            break;
        case 16:
            found = ReadRemoteObject(io, &value.svc) ? found : NULL;
            break;
        default:
            found = ReadUint8(io, (uint8_t *)&value) ? found : NULL;
    }
    free(owned);
    assert_true(io->bufferCur >= before.bufferCur && io->bufferLeft <= before.bufferLeft);
    assert_int_equal(io->bufferCur - before.bufferCur, before.bufferLeft - io->bufferLeft);
    if (found == NULL && what % 26 != 15) { /* a descriptor of -1 looks like a failure */
        assert_ptr_equal(io->bufferCur, before.bufferCur);
        assert_ptr_equal(io->offsetsCur, before.offsetsCur);
    }
}

static void GarbageIsReadSafely(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 20000; seed++) {
        uint32_t random = seed * 2654435761U;
        size_t size = seed % 97;
        char *bytes = malloc(size + 1);
        uint32_t offsets[MAX_OBJ_NUM];
        assert_non_null(bytes);
        for (size_t i = 0; i < size; i++) {
            random = random * 1664525U + 1013904223U;
            /* Lengths are mostly small or huge. */
            bytes[i] =
                i % 4 == 0 && random >> 30 != 0 ? (char)(random >> 28) : (char)(random >> 24);
            bytes[i] = i % 4 != 0 && random >> 30 != 0 ? 0 : bytes[i];
        }
        for (size_t i = 0; i < MAX_OBJ_NUM; i++) {
            offsets[i] = seed % 2 == 0 ? (uint32_t)i * 8 : random >> i;
        }
        char *exact = malloc(size == 0 ? 1 : size);
        assert_non_null(exact);
        memcpy(exact, bytes, size);
        IpcMsg msg = {.data = exact,
                      .dataSz = (uint32_t)size,
                      .offsets = offsets,
                      .spObjNum = seed % (MAX_OBJ_NUM + 1)};
        IpcIo io;
        IpcIoInitFromMsg(&io, &msg);
        for (unsigned step = 0; step < 40; step++) {
            random = random * 1664525U + 1013904223U;
            ReadAnything(&io, random >> 20);
        }
        free(exact);
        free(bytes);
    }
}

static void InvalidAndEmptyMessagesHaveNoValues(void **state)
{
    static char data[MAX_IO_SIZE + 1];
    uint32_t offsets[MAX_OBJ_NUM + 1] = {0};
    IpcMsg msg = {.data = data, .dataSz = sizeof(data)};
    uint32_t number;
    IpcIo io;
    (void)state;

    IpcIoInitFromMsg(NULL, &msg);
    IpcIoInitFromMsg(&io, &msg);
    assert_false(ReadUint32(&io, &number));
    msg = (IpcMsg){.data = data, .dataSz = 64, .offsets = offsets, .spObjNum = MAX_OBJ_NUM + 1};
    IpcIoInitFromMsg(&io, &msg);
    assert_false(ReadUint32(&io, &number));
    IpcIoInitFromMsg(&io, NULL);
    assert_false(ReadUint32(&io, &number));
    msg = (IpcMsg){0}; /* a received message without data */
    IpcIoInitFromMsg(&io, &msg);
    assert_int_equal(io.flag, IPC_IO_INITIALIZED);
    assert_false(ReadUint32(&io, &number));
    assert_int_equal(io.flag, IPC_IO_INITIALIZED | IPC_IO_OVERFLOW);
    assert_int_equal(ReadFileDescriptor(NULL), -1);
    assert_false(ReadUint32(NULL, &number) || WriteUint32(NULL, 1) || IpcIoAppend(NULL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(GarbageIsReadSafely),
        cmocka_unit_test(InvalidAndEmptyMessagesHaveNoValues),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
