/* Tests the parcel: writes and reads the bytes of support/ipc_io_vectors.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "liteipc/ipc_io.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Upstream's name has a capital I. */
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

/* Vectors that are read into the reader's memory. */
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

/* Asserts that the parcel contains these bytes. */
static void ExpectBytes(const IpcIo *io, const char *hex)
{
    unsigned char expected[512];
    size_t size = FromHex(hex, expected);
    assert_int_equal(IpcIoUsed(io), size);
    assert_memory_equal(io->bufferBase, expected, size);
}

/* Macros that write the vectors. */
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
        char memory[512];                                                                          \
        IpcIo parcel, *io = &parcel;                                                               \
        IpcIoInit(io, memory, sizeof(memory), 8);                                                  \
        steps ExpectBytes(io, hex);                                                                \
        vectors++;                                                                                 \
    } while (0);
#define ILP32_PARCEL(hex, steps)                                                                   \
    if (sizeof(SpecialObj) == 16) {                                                                \
        PARCEL(hex, steps)                                                                         \
    }

static void WritesTheBytesOfTheTable(void **state)
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

/* Macros that read the same vectors; objects are included where they have the reference size. */
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

/* Lists the current position as an offset, because the vectors do not contain offsets. */
static void NextObject(IpcIo *io, uint32_t *offsets, IpcMsg *msg)
{
    offsets[msg->spObjNum++] = (uint32_t)IpcIoUsed(io);
    io->offsetsLeft++;
}

static void ReadsTheWrittenValues(void **state)
{
    (void)state;
#include "support/ipc_io_vectors.h"
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(WritesTheBytesOfTheTable),
        cmocka_unit_test(ReadsTheWrittenValues),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
