/* The parcel: its bytes, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "device/ipc_io.h"

/* Upstream spells them with a capital I. */
#define ReadUint8Unaligned  ReadUInt8Unaligned
#define ReadUint16Unaligned ReadUInt16Unaligned

typedef bool ElementOfBool, ElementOfBoolUnaligned, ElementOfBoolVector;
typedef int8_t ElementOfInt8, ElementOfInt8Unaligned, ElementOfInt8Vector;
typedef int16_t ElementOfInt16, ElementOfInt16Unaligned, ElementOfInt16Vector;
typedef int32_t ElementOfInt32, ElementOfInt32Vector;
typedef int64_t ElementOfInt64, ElementOfInt64Vector;
typedef uint8_t ElementOfUint8, ElementOfUint8Unaligned, ElementOfUInt8Vector;
typedef uint16_t ElementOfUint16, ElementOfUint16Unaligned, ElementOfUInt16Vector;
typedef uint32_t ElementOfUint32, ElementOfUInt32Vector;
typedef uint64_t ElementOfUint64, ElementOfUInt64Vector;
typedef float ElementOfFloat, ElementOfFloatVector;
typedef double ElementOfDouble, ElementOfDoubleVector;

/* A parcel in memory of exactly its size, so that the sanitizer sees a byte too far. */
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

static size_t FromHex(const char *hex, unsigned char *bytes)
{
    size_t size = 0;
    for (; *hex != '\0'; hex++) {
        unsigned byte;
        if (*hex != ' ') {
            assert_int_equal(sscanf(hex, "%2x", &byte), 1);
            bytes[size++] = (unsigned char)byte;
            hex++;
        }
    }
    return size;
}

/* Are these the bytes written so far. */
static void ExpectBytes(const IpcIo *io, const char *hex)
{
    unsigned char expected[512];
    size_t size = FromHex(hex, expected);
    assert_int_equal(IpcIoUsed(io), size);
    assert_memory_equal(io->bufferBase, expected, size);
}

/* The message that a written parcel becomes, to be read. */
static IpcIo Sent(const IpcIo *written)
{
    IpcMsg msg = {0};
    IpcIo io;
    assert_true(IpcIoToMsg(written, &msg));
    IpcIoInitFromMsg(&io, &msg);
    return io;
}

/* Vectors that are read into memory of their own. */
enum {
    ReadInt8VectorIsOwned = 0,
    ReadUInt8VectorIsOwned = 0,
    ReadUInt16VectorIsOwned = 0,
    ReadInt32VectorIsOwned = 0,
    ReadUInt32VectorIsOwned = 0,
    ReadInt64VectorIsOwned = 0,
    ReadUInt64VectorIsOwned = 0,
    ReadFloatVectorIsOwned = 0,
    ReadDoubleVectorIsOwned = 0,
    ReadBoolVectorIsOwned = 1,
    ReadInt16VectorIsOwned = 1,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Writing the vectors. */
#define VALUE(Name, value) assert_true(Write##Name(io, (value)));
#define TEXT(text)         assert_true(WriteString(io, text));
#define TEXT16(text)       assert_true(WriteString16(io, text, COUNT(text) - 1));
#define TOKEN(text)        assert_true(WriteInterfaceToken(io, text, COUNT(text) - 1));
#define BYTES(Name, ...)                                                                           \
    assert_true(Write##Name(io, (const uint8_t[]){__VA_ARGS__}, COUNT(((uint8_t[]){__VA_ARGS__}))));
#define LIST(Name, ...)                                                                            \
    assert_true(Write##Name(io, (const ElementOf##Name[]){__VA_ARGS__},                            \
                            COUNT(((ElementOf##Name[]){__VA_ARGS__}))));
#define DESCRIPTOR(fd) assert_true(WriteFileDescriptor(io, fd));
#define OBJECT(h, t, c)                                                                            \
    assert_true(WriteRemoteObject(                                                                 \
        io, &(SvcIdentity){.handle = (uint32_t)(h), .token = (t), .cookie = (c)}));
#define PARCEL(hex, steps)                                                                         \
    do {                                                                                           \
        struct Box box = BoxOpen(512, 8);                                                          \
        IpcIo *io = &box.io;                                                                       \
        steps ExpectBytes(io, hex);                                                                \
        BoxClose(&box);                                                                            \
        vectors++;                                                                                 \
    } while (0);
#define ILP32_PARCEL(hex, steps)                                                                   \
    if (sizeof(SpecialObj) == 16) {                                                                \
        PARCEL(hex, steps)                                                                         \
    }

static void NumbersTextAndBytesAsTheTableSays(void **state)
{
    unsigned vectors = 0;
    (void)state;
#include "support/ipc_io_vectors.h"
    assert_true(vectors >= 40);
}

#undef VALUE
#undef TEXT
#undef TEXT16
#undef TOKEN
#undef BYTES
#undef LIST
#undef DESCRIPTOR
#undef OBJECT
#undef PARCEL
#undef ILP32_PARCEL

/* Reading the same vectors; objects, too, where they have their reference size. */
#define VALUE(Name, value)                                                                         \
    {                                                                                              \
        ElementOf##Name got;                                                                       \
        assert_true(Read##Name(&io, &got));                                                        \
        assert_true(got == (ElementOf##Name)(value));                                              \
    }
#define TEXT(text)                                                                                 \
    {                                                                                              \
        size_t length;                                                                             \
        const uint8_t *got = ReadString(&io, &length);                                             \
        assert_non_null(got);                                                                      \
        assert_int_equal(length, sizeof(text) - 1);                                                \
        assert_memory_equal(got, text, sizeof(text));                                              \
    }
#define TEXT16_AS(Name, text)                                                                      \
    {                                                                                              \
        size_t length;                                                                             \
        const uint16_t *got = Read##Name(&io, &length);                                            \
        assert_non_null(got);                                                                      \
        assert_int_equal(length, COUNT(text) - 1);                                                 \
        assert_memory_equal(got, text, sizeof(text));                                              \
    }
#define TEXT16(text) TEXT16_AS(String16, text)
#define TOKEN(text)  TEXT16_AS(InterfaceToken, text)
#define BYTES(Name, ...)                                                                           \
    {                                                                                              \
        const uint8_t wanted[] = {__VA_ARGS__};                                                    \
        const void *got = Read##Name(&io, sizeof(wanted));                                         \
        assert_non_null(got);                                                                      \
        assert_memory_equal(got, wanted, sizeof(wanted));                                          \
    }
#define LIST(Name, ...)                                                                            \
    {                                                                                              \
        const ElementOf##Name wanted[] = {__VA_ARGS__};                                            \
        size_t count;                                                                              \
        const void *got = Read##Name(&io, &count);                                                 \
        assert_non_null(got);                                                                      \
        assert_int_equal(count, COUNT(wanted));                                                    \
        assert_memory_equal(got, wanted, sizeof(wanted));                                          \
        if (Read##Name##IsOwned) {                                                                 \
            free((void *)(uintptr_t)got);                                                          \
        }                                                                                          \
    }
#define DESCRIPTOR(fd)                                                                             \
    NextObject(&io, offsets, &msg);                                                                \
    assert_int_equal(ReadFileDescriptor(&io), fd);
#define OBJECT(h, t, c)                                                                            \
    {                                                                                              \
        SvcIdentity got;                                                                           \
        NextObject(&io, offsets, &msg);                                                            \
        assert_true(ReadRemoteObject(&io, &got));                                                  \
        assert_int_equal(got.handle, (uint32_t)(h));                                               \
        assert_true(got.token == (t) && got.cookie == (c));                                        \
    }
#define PARCEL(hex, steps)                                                                         \
    {                                                                                              \
        char bytes[512];                                                                           \
        uint32_t offsets[8];                                                                       \
        IpcMsg msg = {.data = bytes, .offsets = offsets};                                          \
        IpcIo io;                                                                                  \
        msg.dataSz = (uint32_t)FromHex(hex, (unsigned char *)bytes);                               \
        IpcIoInitFromMsg(&io, &msg);                                                               \
        (void)NextObject;                                                                          \
        steps assert_int_equal(io.bufferLeft, 0);                                                  \
        assert_int_equal(io.flag, IPC_IO_INITIALIZED);                                             \
    }
#define ILP32_PARCEL(hex, steps)                                                                   \
    if (sizeof(SpecialObj) == 16) {                                                                \
        PARCEL(hex, steps)                                                                         \
    }

/* The vectors do not list offsets: an object lies where it is read. */
static void NextObject(IpcIo *io, uint32_t *offsets, IpcMsg *msg)
{
    offsets[msg->spObjNum++] = (uint32_t)IpcIoUsed(io);
    io->offsetsLeft++;
}

static void WhatWasWrittenIsRead(void **state)
{
    (void)state;
#include "support/ipc_io_vectors.h"
}

/* Arguments of IpcIoInit that are none, and a table larger than the memory. */
static void BeginsOnlyWithinTheLimits(void **state)
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

/* The last byte fits, one more does not, and then nothing does. */
static void OverflowSticksAndWritesNothing(void **state)
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

static void EmptyIsRefusedAndTooLongOverflows(void **state)
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

    /* 8187 bytes are the longest text that fits beside its length. */
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

static void ObjectsLieInTheTable(void **state)
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
    assert_int_equal(ReadFileDescriptor(&read), -1); /* not here yet: overflow */
    assert_false(ReadUint64(&read, &number));
    read = Sent(io);
    assert_true(ReadUint64(&read, &number));
    assert_false(ReadRemoteObject(&read, &got)); /* it is a descriptor: nothing happens */
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

static void AppendMovesDataAndObjects(void **state)
{
    struct Box to = BoxOpen(128, 3), from = BoxOpen(128, 2);
    uint32_t offsets[3];
    (void)state;

    assert_true(IpcIoAppend(&to.io, &from.io)); /* nothing */
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

    /* Room for the byte, not for its padding. */
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
        cmocka_unit_test(NumbersTextAndBytesAsTheTableSays),
        cmocka_unit_test(WhatWasWrittenIsRead),
        cmocka_unit_test(BeginsOnlyWithinTheLimits),
        cmocka_unit_test(OverflowSticksAndWritesNothing),
        cmocka_unit_test(EmptyIsRefusedAndTooLongOverflows),
        cmocka_unit_test(ObjectsLieInTheTable),
        cmocka_unit_test(AppendMovesDataAndObjects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
