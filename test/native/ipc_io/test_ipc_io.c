/* Tests the parcel: limits and errors, objects, and appending. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "liteipc/ipc_io.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A parcel in memory of its exact size, so that the sanitizer detects an access beyond it. */
struct Box {
    IpcIo io;
    char *memory;
};

static struct Box BoxOpen(size_t size, size_t objects)
{
    struct Box box = {.memory = malloc(size == 0 ? 1 : size)};
    assert_non_null(box.memory);
    memset(box.memory, 0xAA, size);
    IpcIoInit(&box.io, box.memory, size, objects);
    return box;
}

static void BoxClose(struct Box *box)
{
    free(box->memory);
}

/* Returns a written parcel as a received message, for reading. */
static IpcIo Sent(const IpcIo *written)
{
    IpcMsg msg = {0};
    IpcIo io;
    assert_true(IpcIoToMsg(written, &msg));
    IpcIoInitFromMsg(&io, &msg);
    return io;
}

/* Invalid arguments of IpcIoInit, and an offset table larger than the memory. */
static void InitChecksItsArguments(void **state)
{
    char memory[64];
    IpcIo io;
    (void)state;

    IpcIoInit(NULL, memory, sizeof(memory), 0);
    static const struct {
        size_t size, objects;
        uint32_t flag;
    } cases[] = {{0, 0, 0},
                 {MAX_IO_SIZE + 1, 0, 0},
                 {64, MAX_OBJ_NUM + 1, 0},
                 {64, 17, IPC_IO_OVERFLOW},
                 {3, 1, IPC_IO_OVERFLOW}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        memset(&io, 0xFF, sizeof(io));
        IpcIoInit(&io, memory, cases[i].size, cases[i].objects);
        assert_int_equal(io.flag, cases[i].flag);
        assert_false(WriteBool(&io, true));
        assert_false(WriteString(&io, ""));
        assert_int_equal(IpcIoUsed(&io), 0);
    }
    memset(&io, 0xFF, sizeof(io));
    IpcIoInit(&io, NULL, 64, 0);
    assert_false(WriteInt32(&io, 1));
    IpcIoInit(&io, memory, 64, 16);
    assert_int_equal(io.flag, IPC_IO_INITIALIZED);
    assert_false(WriteUint8Unaligned(&io, 1));
    assert_int_equal(io.flag, IPC_IO_INITIALIZED | IPC_IO_OVERFLOW);
}

/* The last byte fits, one more does not, and after that nothing does. */
static void OverflowIsPermanentAndWritesNothing(void **state)
{
    (void)state;
    for (size_t left = 0; left < 12; left++) {
        struct Box box = BoxOpen(20 + left, 0);
        IpcIo *io = &box.io;
        assert_true(WriteUint64(io, 1) && WriteUint64(io, 2) && WriteUint32(io, 3));
        bool fits = left >= 8;
        assert_int_equal(WriteString(io, "abc"), fits);
        assert_int_equal(IpcIoUsed(io), fits ? 28 : 20);
        assert_int_equal((io->flag & IPC_IO_OVERFLOW) != 0, !fits);
        assert_int_equal(WriteBoolUnaligned(io, true), fits && left > 8);
        if (!fits) {
            for (size_t i = 20; i < 20 + left; i++) {
                assert_int_equal((unsigned char)box.memory[i], 0xAA);
            }
        }
        IpcMsg msg;
        assert_int_equal(IpcIoToMsg(io, &msg), fits && left > 8);
        BoxClose(&box);
    }
}

static void EmptyDataIsRefusedAndLongDataOverflows(void **state)
{
    static char longText[MAX_IO_SIZE + 1];
    static uint16_t units[4096];
    static const int8_t one[1] = {1};
    (void)state;

    struct Box box = BoxOpen(MAX_IO_SIZE, 0);
    IpcIo *io = &box.io;
    assert_false(WriteString16(io, units, 0) || WriteInterfaceToken(io, units, 0));
    assert_false(WriteString(io, NULL) || WriteString16(io, NULL, 1));
    assert_false(WriteBuffer(io, one, 0) || WriteRawData(io, one, 0) || WriteBuffer(io, NULL, 1));
    assert_false(WriteInt8Vector(io, one, 0) || WriteInt8Vector(io, NULL, 1));
    assert_false(WriteBoolVector(io, NULL, 1) || WriteRemoteObject(io, NULL));
    assert_int_equal(io->flag, IPC_IO_INITIALIZED);
    assert_int_equal(IpcIoUsed(io), 0);

    /* 8187 bytes are the longest text that fits together with its length. */
    memset(longText, 'x', MAX_IO_SIZE);
    longText[8187] = '\0';
    assert_true(WriteString(io, longText));
    assert_int_equal(IpcIoUsed(io), MAX_IO_SIZE);
    longText[8187] = 'x';
    for (unsigned variant = 0; variant < 7; variant++) {
        IpcIoInit(io, box.memory, MAX_IO_SIZE, 0);
        longText[8191] = variant == 0 ? '\0' : 'x'; /* 8191: allowed, but there is no room */
        bool written = variant < 2    ? WriteString(io, longText)
                       : variant == 2 ? WriteString16(io, units, 4096)
                       : variant == 3 ? WriteBuffer(io, longText, SIZE_MAX)
                       : variant == 4 ? WriteRawData(io, longText, SIZE_MAX)
                       : variant == 5 ? WriteInt64Vector(io, (void *)units, SIZE_MAX / 8 + 2)
                                      : WriteBoolVector(io, (void *)units, SIZE_MAX / 4 + 1);
        assert_false(written);
        assert_int_equal(IpcIoUsed(io), 0);
        assert_int_equal(io->flag, IPC_IO_INITIALIZED | IPC_IO_OVERFLOW);
    }
    IpcIoInit(io, box.memory, MAX_IO_SIZE, 0);
    assert_true(WriteString16(io, units, 4093));
    assert_int_equal(IpcIoUsed(io), MAX_IO_SIZE);
    BoxClose(&box);
}

static void ObjectsAreListedInTheTable(void **state)
{
    struct Box box = BoxOpen(512, 2);
    IpcIo *io = &box.io;
    SvcIdentity svc = {.handle = INVALID_ID, .token = 1, .cookie = 9}, got;
    uint32_t offsets[2];
    (void)state;

    assert_true(WriteUint64(io, 7) && WriteFileDescriptor(io, 5) && WriteRemoteObject(io, &svc));
    memcpy(offsets, io->offsetsBase, sizeof(offsets));
    assert_int_equal(offsets[0], 8);
    assert_int_equal(offsets[1], 8 + sizeof(SpecialObj));
    IpcIo read = Sent(io);
    assert_int_equal(read.offsetsLeft, 2);
    uint64_t number;
    assert_int_equal(ReadFileDescriptor(&read), -1); /* not at this position: overflow */
    assert_false(ReadUint64(&read, &number));
    read = Sent(io);
    assert_true(ReadUint64(&read, &number));
    assert_false(ReadRemoteObject(&read, &got)); /* it is a descriptor: nothing is read */
    assert_int_equal(read.flag, IPC_IO_INITIALIZED);
    assert_int_equal(ReadFileDescriptor(&read), 5);
    assert_true(ReadRemoteObject(&read, &got));
    assert_memory_equal(&got, &svc, sizeof(svc));
    assert_int_equal(ReadFileDescriptor(&read), -1);
    assert_int_equal(read.flag, IPC_IO_INITIALIZED | IPC_IO_OVERFLOW);

    size_t used = IpcIoUsed(io);
    assert_false(WriteFileDescriptor(io, 6)); /* the table is full */
    assert_int_equal(IpcIoUsed(io), used);
    assert_int_equal(io->flag, IPC_IO_INITIALIZED | IPC_IO_OVERFLOW);
    BoxClose(&box);
}

/* Behind whole words objects have the ABI's alignment; behind single bytes they do not. */
static void ObjectsAreAlignedBehindWords(void **state)
{
    (void)state;
    for (uint32_t words = 0; words < 4; words++) {
        struct Box box = BoxOpen(512, 2);
        SvcIdentity svc = {.handle = INVALID_ID, .token = 1, .cookie = words}, got;
        uint32_t offsets[2], word;
        for (uint32_t i = 0; i < words; i++) {
            assert_true(WriteUint32(&box.io, i));
        }
        assert_true(WriteRemoteObject(&box.io, &svc) && WriteUint8Unaligned(&box.io, 1));
        assert_true(WriteFileDescriptor(&box.io, 3));
        memcpy(offsets, box.io.offsetsBase, sizeof(offsets));
        size_t alignment = sizeof(SpecialObj) == 16 ? 4 : 8;
        assert_int_equal(offsets[0], (words * 4 + alignment - 1) / alignment * alignment);
        assert_int_equal(offsets[1], offsets[0] + sizeof(SpecialObj) + 1);
        IpcIo read = Sent(&box.io);
        for (uint32_t i = 0; i < words; i++) {
            assert_true(ReadUint32(&read, &word));
        }
        bool one;
        assert_true(ReadRemoteObject(&read, &got) && got.cookie == words);
        assert_true(ReadBoolUnaligned(&read, &one) && ReadFileDescriptor(&read) == 3);
        BoxClose(&box);
    }
}

static void AppendMovesDataAndObjects(void **state)
{
    struct Box to = BoxOpen(128, 3), from = BoxOpen(128, 2);
    uint32_t offsets[3];
    (void)state;

    assert_true(IpcIoAppend(&to.io, &from.io)); /* an empty parcel */
    assert_int_equal(IpcIoUsed(&to.io), 0);
    assert_true(WriteInt32(&to.io, 1) && WriteInt32(&from.io, 2) && WriteUint32(&from.io, 3));
    assert_true(WriteFileDescriptor(&from.io, 4) && WriteUint8Unaligned(&from.io, 5));
    assert_true(IpcIoAppend(&to.io, &from.io));
    assert_int_equal(IpcIoUsed(&to.io), 4 + 8 + sizeof(SpecialObj) + 4);
    assert_memory_equal(to.io.bufferBase + 4, from.io.bufferBase, IpcIoUsed(&from.io));
    assert_memory_equal(to.io.bufferCur - 4, "\5\0\0", 4);
    memcpy(offsets, to.io.offsetsBase, sizeof(offsets));
    assert_int_equal(offsets[0], 4 + 8);

    assert_true(IpcIoAppend(&to.io, &to.io));
    memcpy(offsets, to.io.offsetsBase, sizeof(offsets));
    assert_int_equal(offsets[1], 2 * (4 + 8) + sizeof(SpecialObj) + 4);
    size_t used = IpcIoUsed(&to.io);
    struct Box objects = BoxOpen(64, 2);
    assert_true(WriteFileDescriptor(&objects.io, 1) && WriteFileDescriptor(&objects.io, 1));
    assert_false(IpcIoAppend(&to.io, &objects.io)); /* one entry is left */
    assert_int_equal(IpcIoUsed(&to.io), used);
    assert_int_equal(to.io.flag, IPC_IO_INITIALIZED);

    /* There is room for the byte, but not for its padding. */
    struct Box small = BoxOpen(3, 0), byte = BoxOpen(4, 0);
    assert_true(WriteUint8Unaligned(&byte.io, 1));
    assert_false(IpcIoAppend(&small.io, &byte.io));
    assert_int_equal(small.io.flag, IPC_IO_INITIALIZED | IPC_IO_OVERFLOW);
    assert_false(IpcIoAppend(&small.io, &byte.io) || IpcIoAppend(&byte.io, &small.io));
    BoxClose(&to), BoxClose(&from), BoxClose(&objects), BoxClose(&small), BoxClose(&byte);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(InitChecksItsArguments),
        cmocka_unit_test(OverflowIsPermanentAndWritesNothing),
        cmocka_unit_test(EmptyDataIsRefusedAndLongDataOverflows),
        cmocka_unit_test(ObjectsAreListedInTheTable),
        cmocka_unit_test(ObjectsAreAlignedBehindWords),
        cmocka_unit_test(AppendMovesDataAndObjects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
