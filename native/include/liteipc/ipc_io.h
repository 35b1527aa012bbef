/*
 * IpcIo: the parcel of OpenHarmony's small system, for programs that use the device. Plain C; needs
 * only liteipc/ipc_io_base.h and liteipc/hm_liteipc.h. docs/ipc-io.md describes the bytes that each
 * function writes. Numbers are little-endian.
 *
 * Objects (descriptors, services) are SpecialObj of the compiling ABI. A 32-bit program uses the
 * layout of the small system, 16 bytes. A 64-bit program uses 24 bytes, aligned to 8 with zero
 * bytes before the object. Everything else is the same in both.
 *
 * A parcel is either written from its start (IpcIoInit, in memory of the caller) or read
 * (IpcIoInitFromMsg, from a message). The parcel does not own its memory, which must outlive the
 * parcel and all pointers read from it. One thread at a time.
 *
 * A function that fails returns false, NULL or -1 and changes nothing except the flag. If there is
 * no room, or nothing more to read, it sets IPC_IO_OVERFLOW; after that every function fails. Null
 * pointers, empty vectors and unexpected bytes (a string without its NUL, an object of another
 * type) only make the one call fail.
 *
 * Reading does not copy. A pointer into a parcel has the alignment with which the parcel was
 * written: after an "Unaligned" write or a vector of bytes, copy numbers with memcpy.
 *
 * Source: interfaces/innerkits/c/ipc/include/serializer.h of OpenHarmony's communication_ipc (facts
 * only). WritePointer is omitted, because a pointer has no meaning in another process.
 */
#ifndef LITEIPC_IPC_IO_H
#define LITEIPC_IPC_IO_H

#include <stdlib.h>

#include "liteipc/ipc_io_base.h"

/* ---- Numbers: Write...(io, value), Read...(io, &value) --------------------------------------- */

/* A `Type` written as a `Word` of 4 or 8 bytes. Reading takes the low part of a wider word. */
#define IPC_IO_NUMBER(Name, Type, Word)                                                            \
    static inline bool Write##Name(IpcIo *io, Type value)                                          \
    {                                                                                              \
        Word word = (Word)value;                                                                   \
        return IpcIoPut(io, &word, sizeof(word), sizeof(word));                                    \
    }                                                                                              \
    static inline bool Read##Name(IpcIo *io, Type *value)                                          \
    {                                                                                              \
        return value != NULL && IpcIoGet(io, value, sizeof(*value), sizeof(Word));                 \
    }

/* A number of 1 or 2 bytes. Values after it are not aligned. */
#define IPC_IO_UNALIGNED(WriteName, ReadName, Type)                                                \
    static inline bool WriteName(IpcIo *io, Type value)                                            \
    {                                                                                              \
        return IpcIoPut(io, &value, sizeof(value), sizeof(value));                                 \
    }                                                                                              \
    static inline bool ReadName(IpcIo *io, Type *value)                                            \
    {                                                                                              \
        return value != NULL && IpcIoGet(io, value, sizeof(*value), sizeof(*value));               \
    }

IPC_IO_NUMBER(Int8, int8_t, int32_t)
IPC_IO_NUMBER(Int16, int16_t, int32_t)
IPC_IO_NUMBER(Int32, int32_t, int32_t)
IPC_IO_NUMBER(Uint8, uint8_t, uint32_t)
IPC_IO_NUMBER(Uint16, uint16_t, uint32_t)
IPC_IO_NUMBER(Uint32, uint32_t, uint32_t)
IPC_IO_NUMBER(Int64, int64_t, int64_t)
IPC_IO_NUMBER(Uint64, uint64_t, uint64_t)
IPC_IO_NUMBER(Float, float, float)
IPC_IO_NUMBER(Double, double, double)
IPC_IO_UNALIGNED(WriteInt8Unaligned, ReadInt8Unaligned, int8_t)
IPC_IO_UNALIGNED(WriteInt16Unaligned, ReadInt16Unaligned, int16_t)
/* The names of the two read functions are spelled as upstream. */
IPC_IO_UNALIGNED(WriteUint8Unaligned, ReadUInt8Unaligned, uint8_t)
IPC_IO_UNALIGNED(WriteUint16Unaligned, ReadUInt16Unaligned, uint16_t)

static inline bool WriteBool(IpcIo *io, bool value)
{
    return WriteInt32(io, value);
}

static inline bool ReadBool(IpcIo *io, bool *value)
{
    uint8_t byte;
    if (value == NULL || !ReadUint8(io, &byte)) {
        return false;
    }
    *value = byte != 0;
    return true;
}

static inline bool WriteBoolUnaligned(IpcIo *io, bool value)
{
    return WriteUint8Unaligned(io, value);
}

static inline bool ReadBoolUnaligned(IpcIo *io, bool *value)
{
    uint8_t byte;
    if (value == NULL || !ReadUInt8Unaligned(io, &byte)) {
        return false;
    }
    *value = byte != 0;
    return true;
}

/* ---- Text and bytes -------------------------------------------------------------------------- */

/* Writes at most 8191 bytes and a NUL. */
static inline bool WriteString(IpcIo *io, const char *value)
{
    size_t length = 0;
    while (value != NULL && length < MAX_IO_SIZE && value[length] != '\0') {
        length++;
    }
    return IpcIoMay(io, value, length + 1, MAX_IO_SIZE) &&
           IpcIoPutCounted(io, length, value, length, IPC_IO_ALIGN(length + 1));
}

/* Returns a pointer into the parcel, with its NUL. `len` (bytes, without NUL) may be NULL. */
static inline const uint8_t *ReadString(IpcIo *io, size_t *len)
{
    return (const uint8_t *)IpcIoGetText(io, len, 1);
}

/* Writes `len` code units, 1 to 4095, and a zero. */
static inline bool WriteString16(IpcIo *io, const uint16_t *value, size_t len)
{
    return IpcIoMay(io, value, len, MAX_IO_SIZE / sizeof(*value) - 1) &&
           IpcIoPutCounted(io, len, value, len * sizeof(*value),
                           IPC_IO_ALIGN((len + 1) * sizeof(*value)));
}

static inline const uint16_t *ReadString16(IpcIo *io, size_t *len)
{
    return len == NULL ? NULL : (const uint16_t *)IpcIoGetText(io, len, sizeof(uint16_t));
}

static inline bool WriteInterfaceToken(IpcIo *io, const uint16_t *name, size_t len)
{
    return WriteString16(io, name, len);
}

static inline const uint16_t *ReadInterfaceToken(IpcIo *io, size_t *len)
{
    return ReadString16(io, len);
}

/* Writes `size` bytes without their number, which the reader must know. */
static inline bool WriteBuffer(IpcIo *io, const void *data, size_t size)
{
    return IpcIoMay(io, data, size, MAX_IO_SIZE) && IpcIoPut(io, data, size, IPC_IO_ALIGN(size));
}

static inline const uint8_t *ReadBuffer(IpcIo *io, size_t size)
{
    if (!IpcIoMay(io, io, size, MAX_IO_SIZE) || !IpcIoHas(io, IPC_IO_ALIGN(size))) {
        return NULL;
    }
    return (const uint8_t *)IpcIoAdvance(io, IPC_IO_ALIGN(size));
}

static inline bool WriteRawData(IpcIo *io, const void *data, size_t size)
{
    return IpcIoMay(io, data, size, MAX_IO_SIZE) &&
           IpcIoPutCounted(io, size, data, size, IPC_IO_ALIGN(size));
}

/* Returns NULL also if the data has another size. */
static inline const void *ReadRawData(IpcIo *io, size_t size)
{
    size_t number;
    if (!IpcIoMay(io, io, size, MAX_IO_SIZE) || !IpcIoPeekCount(io, &number) || number != size ||
        !IpcIoHas(io, sizeof(uint32_t) + IPC_IO_ALIGN(size))) {
        return NULL;
    }
    return IpcIoAdvance(io, sizeof(uint32_t) + IPC_IO_ALIGN(size)) + sizeof(uint32_t);
}

/* ---- Vectors: Write...Vector(io, values, count), Read...Vector(io, &count) ------------------- */

#define IPC_IO_VECTOR(Name, Type)                                                                  \
    static inline bool Write##Name(IpcIo *io, const Type *val, size_t size)                        \
    {                                                                                              \
        return IpcIoMay(io, val, size, MAX_IO_SIZE) &&                                             \
               IpcIoPutCounted(io, size, val, size * sizeof(Type), size * sizeof(Type));           \
    }                                                                                              \
    /* Returns a pointer into the parcel. */                                                       \
    static inline const Type *Read##Name(IpcIo *io, size_t *size)                                  \
    {                                                                                              \
        return (const Type *)IpcIoGetCounted(io, size, sizeof(Type));                              \
    }

IPC_IO_VECTOR(Int8Vector, int8_t)
IPC_IO_VECTOR(Int32Vector, int32_t)
IPC_IO_VECTOR(Int64Vector, int64_t)
IPC_IO_VECTOR(UInt8Vector, uint8_t)
IPC_IO_VECTOR(UInt16Vector, uint16_t)
IPC_IO_VECTOR(UInt32Vector, uint32_t)
IPC_IO_VECTOR(UInt64Vector, uint64_t)
IPC_IO_VECTOR(FloatVector, float)
IPC_IO_VECTOR(DoubleVector, double)

/*
 * Vectors that are written as words. Reading allocates the vector, which the caller passes to
 * free(3), and returns NULL also without memory.
 */
#define IPC_IO_WORD_VECTOR(Name, Type)                                                             \
    static inline bool Write##Name(IpcIo *io, const Type *val, size_t size)                        \
    {                                                                                              \
        if (!IpcIoMay(io, val, size, MAX_IO_SIZE) ||                                               \
            !IpcIoHas(io, (size + 1) * sizeof(int32_t))) {                                         \
            return false;                                                                          \
        }                                                                                          \
        bool done = WriteUint32(io, (uint32_t)size);                                               \
        for (size_t i = 0; i < size; i++) {                                                        \
            done = done && WriteInt32(io, val[i]);                                                 \
        }                                                                                          \
        return done;                                                                               \
    }                                                                                              \
    static inline Type *Read##Name(IpcIo *io, size_t *size)                                        \
    {                                                                                              \
        IpcIo before;                                                                              \
        if (io == NULL) {                                                                          \
            return NULL;                                                                           \
        }                                                                                          \
        before = *io;                                                                              \
        const char *words = (const char *)IpcIoGetCounted(io, size, sizeof(int32_t));              \
        if (words == NULL) {                                                                       \
            return NULL;                                                                           \
        }                                                                                          \
        Type *val = (Type *)calloc(*size + 1, sizeof(Type));                                       \
        if (val == NULL) {                                                                         \
            *io = before;                                                                          \
            return NULL;                                                                           \
        }                                                                                          \
        for (size_t i = 0; i < *size; i++) {                                                       \
            int32_t word;                                                                          \
            memcpy(&word, words + i * sizeof(word), sizeof(word));                                 \
            val[i] = (Type)word;                                                                   \
        }                                                                                          \
        return val;                                                                                \
    }

IPC_IO_WORD_VECTOR(BoolVector, bool)
IPC_IO_WORD_VECTOR(Int16Vector, int16_t)

/* ---- Objects --------------------------------------------------------------------------------- */

static inline bool WriteFileDescriptor(IpcIo *io, uint32_t fd)
{
    SpecialObj object;
    memset(&object, 0, sizeof(object)); /* clears the padding */
    object.type = OBJ_FD;
    object.content.fd = fd;
    return IpcIoPutObject(io, &object);
}

/* Handle -1 with token 1 is the sending task; the driver replaces the handle with its ID. */
static inline bool WriteRemoteObject(IpcIo *io, const SvcIdentity *svc)
{
    SpecialObj object;
    if (svc == NULL) {
        return false;
    }
    memset(&object, 0, sizeof(object));
    object.type = OBJ_SVC;
    object.content.svc = *svc;
    return IpcIoPutObject(io, &object);
}

/* Returns -1 on failure. */
static inline int32_t ReadFileDescriptor(IpcIo *io)
{
    SpecialObj object;
    return IpcIoGetObject(io, OBJ_FD, &object) ? (int32_t)object.content.fd : -1;
}

static inline bool ReadRemoteObject(IpcIo *io, SvcIdentity *svc)
{
    SpecialObj object;
    if (svc == NULL || !IpcIoGetObject(io, OBJ_SVC, &object)) {
        return false;
    }
    *svc = object.content.svc;
    return true;
}

/*
 * Appends the bytes that were written to (or read from) `src` to `dst`, rounded up to 4 bytes, with
 * their objects (in a 64-bit program `dst` should then end at a multiple of 8). Returns false
 * without room; sets IPC_IO_OVERFLOW only if the data fits and its padding does not.
 */
static inline bool IpcIoAppend(IpcIo *dst, const IpcIo *src)
{
    if (!IpcIoAvailable(dst) || !IpcIoAvailable(src)) {
        return false;
    }
    size_t size = IpcIoUsed(src);
    size_t objects = IpcIoObjects(src);
    if (size > dst->bufferLeft || objects > dst->offsetsLeft) {
        return false;
    }
    uint32_t start = (uint32_t)IpcIoUsed(dst);
    const char *from = src->bufferBase;
    const char *entries = src->offsetsBase;
    if (size > 0 && !IpcIoPut(dst, from, size, IPC_IO_ALIGN(size))) {
        return false;
    }
    for (size_t i = 0; i < objects; i++) {
        uint32_t offset;
        memcpy(&offset, entries + i * sizeof(offset), sizeof(offset));
        offset += start;
        memcpy(dst->offsetsCur, &offset, sizeof(offset));
        dst->offsetsCur += sizeof(offset);
        dst->offsetsLeft--;
    }
    return true;
}

#endif
