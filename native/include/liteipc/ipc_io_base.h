/*
 * The memory of an IpcIo, and the internal functions of liteipc/ipc_io.h. Programs include
 * liteipc/ipc_io.h, which describes the rules.
 */
#ifndef LITEIPC_IPC_IO_BASE_H
#define LITEIPC_IPC_IO_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "liteipc/hm_liteipc.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "parcels are little-endian");

#define MAX_IO_SIZE        8192U /* bytes, including the table of offsets */
#define MAX_OBJ_NUM        32U
#define IPC_IO_INITIALIZED 0x01U
#define IPC_IO_OVERFLOW    0x02U

#define IPC_IO_ALIGN(size) (((size) + 3U) & ~(size_t)3)

typedef struct {
    char *bufferBase;   /* first byte of data */
    char *offsetsBase;  /* table of the offsets of the objects in the data, uint32_t each */
    char *bufferCur;    /* next byte to write or to read */
    char *offsetsCur;   /* next entry to write or to read */
    size_t bufferLeft;  /* bytes after bufferCur */
    size_t offsetsLeft; /* entries after offsetsCur */
    uint32_t flag;      /* IPC_IO_INITIALIZED, IPC_IO_OVERFLOW */
} IpcIo;

/*
 * Starts a parcel in `bufferSize` bytes (1 to 8192). The first 4 * maxobjects bytes (maxobjects: at
 * most 32) become its table of offsets. If an argument is out of range, IPC_IO_INITIALIZED is not
 * set; if the table does not fit, IPC_IO_OVERFLOW is set. Every write then fails.
 */
static inline void IpcIoInit(IpcIo *io, void *buffer, size_t bufferSize, size_t maxobjects)
{
    size_t table = maxobjects * sizeof(uint32_t);
    if (io == NULL) {
        return;
    }
    *io = (IpcIo){0};
    if (buffer == NULL || bufferSize == 0 || bufferSize > MAX_IO_SIZE || maxobjects > MAX_OBJ_NUM) {
        return;
    }
    if (table > bufferSize) {
        io->flag = IPC_IO_OVERFLOW;
        return;
    }
    io->offsetsBase = io->offsetsCur = (char *)buffer;
    io->bufferBase = io->bufferCur = (char *)buffer + table;
    io->bufferLeft = bufferSize - table;
    io->offsetsLeft = maxobjects;
    io->flag = IPC_IO_INITIALIZED;
}

/*
 * Starts to read the parcel of a message. The message must not be freed before the parcel is read,
 * and the parcel must not be written. Sets IPC_IO_OVERFLOW if the message is larger than a parcel.
 */
static inline void IpcIoInitFromMsg(IpcIo *io, const IpcMsg *msg)
{
    if (io == NULL) {
        return;
    }
    *io = (IpcIo){0};
    if (msg == NULL) {
        return;
    }
    if (msg->dataSz > MAX_IO_SIZE || msg->spObjNum > MAX_OBJ_NUM) {
        io->flag = IPC_IO_OVERFLOW;
        return;
    }
    io->offsetsBase = io->offsetsCur = (char *)msg->offsets;
    io->bufferBase = io->bufferCur = (char *)msg->data;
    io->bufferLeft = msg->data == NULL ? 0 : msg->dataSz;
    io->offsetsLeft = msg->offsets == NULL ? 0 : msg->spObjNum;
    io->flag = IPC_IO_INITIALIZED;
}

static inline bool IpcIoAvailable(const IpcIo *io)
{
    return io != NULL && io->flag == IPC_IO_INITIALIZED;
}

/* Returns the bytes written or read so far. */
static inline size_t IpcIoUsed(const IpcIo *io)
{
    return io->bufferCur == NULL ? 0 : (size_t)(io->bufferCur - io->bufferBase);
}

/* Returns the number of objects written or read so far. */
static inline size_t IpcIoObjects(const IpcIo *io)
{
    return io->offsetsCur == NULL ? 0
                                  : (size_t)(io->offsetsCur - io->offsetsBase) / sizeof(uint32_t);
}

/*
 * Sets data and objects of a message to those of a written parcel. Returns false and changes
 * nothing if the parcel has overflowed.
 */
static inline bool IpcIoToMsg(const IpcIo *io, IpcMsg *msg)
{
    if (!IpcIoAvailable(io) || msg == NULL) {
        return false;
    }
    msg->dataSz = (uint32_t)IpcIoUsed(io);
    msg->data = msg->dataSz == 0 ? NULL : io->bufferBase;
    msg->spObjNum = (uint32_t)IpcIoObjects(io);
    msg->offsets = msg->spObjNum == 0 ? NULL : io->offsetsBase;
    return true;
}

/* Returns true if `size` more bytes can be written or read; else sets IPC_IO_OVERFLOW. */
static inline bool IpcIoHas(IpcIo *io, size_t size)
{
    if (io == NULL) {
        return false;
    }
    if (!IpcIoAvailable(io) || size > io->bufferLeft) {
        io->flag |= IPC_IO_OVERFLOW;
        return false;
    }
    return true;
}

/*
 * Returns true if `count` values may be written or read: at least 1 and at most `most`. Sets
 * IPC_IO_OVERFLOW for more than `most`.
 */
static inline bool IpcIoMay(IpcIo *io, const void *values, size_t count, size_t most)
{
    if (io == NULL || values == NULL || count == 0) {
        return false;
    }
    if (count > most) {
        io->flag |= IPC_IO_OVERFLOW;
        return false;
    }
    return true;
}

/* Skips `size` bytes, which must exist, and returns a pointer to the first. */
static inline char *IpcIoAdvance(IpcIo *io, size_t size)
{
    char *start = io->bufferCur;
    if (size > 0) {
        io->bufferCur += size;
        io->bufferLeft -= size;
    }
    return start;
}

/* Writes `size` bytes and zeroes up to `room` bytes. Returns false without room. */
static inline bool IpcIoPut(IpcIo *io, const void *bytes, size_t size, size_t room)
{
    if (!IpcIoHas(io, room)) {
        return false;
    }
    char *to = IpcIoAdvance(io, room);
    memcpy(to, bytes, size);
    memset(to + size, 0, room - size);
    return true;
}

/* Writes a count, then `size` bytes and zeroes up to `room` bytes. */
static inline bool IpcIoPutCounted(IpcIo *io, size_t count, const void *bytes, size_t size,
                                   size_t room)
{
    uint32_t number = (uint32_t)count;
    return IpcIoHas(io, sizeof(number) + room) &&
           IpcIoPut(io, &number, sizeof(number), sizeof(number)) && IpcIoPut(io, bytes, size, room);
}

/* Reads `room` bytes and copies the first `size` of them to `bytes`. */
static inline bool IpcIoGet(IpcIo *io, void *bytes, size_t size, size_t room)
{
    if (!IpcIoHas(io, room)) {
        return false;
    }
    memcpy(bytes, IpcIoAdvance(io, room), size);
    return true;
}

/* Reads a count without advancing. */
static inline bool IpcIoPeekCount(IpcIo *io, size_t *count)
{
    uint32_t number;
    if (!IpcIoHas(io, sizeof(number))) {
        return false;
    }
    memcpy(&number, io->bufferCur, sizeof(number));
    *count = number;
    return true;
}

/*
 * Reads a counted vector with elements of `each` bytes and returns a pointer to it in the parcel.
 * NULL if it is not complete.
 */
static inline const void *IpcIoGetCounted(IpcIo *io, size_t *count, size_t each)
{
    size_t number;
    if (count == NULL || !IpcIoPeekCount(io, &number)) {
        return NULL;
    }
    if (number > (io->bufferLeft - sizeof(uint32_t)) / each) {
        io->flag |= IPC_IO_OVERFLOW;
        return NULL;
    }
    *count = number;
    return IpcIoAdvance(io, sizeof(uint32_t) + number * each) + sizeof(uint32_t);
}

/*
 * Reads text with `unit` bytes per character and a zero after it. Returns a pointer into the
 * parcel; NULL also if the zero is missing.
 */
static inline const void *IpcIoGetText(IpcIo *io, size_t *length, size_t unit)
{
    static const char ZERO[2];
    size_t number;
    if (!IpcIoPeekCount(io, &number)) {
        return NULL;
    }
    size_t room = number >= MAX_IO_SIZE ? SIZE_MAX : IPC_IO_ALIGN((number + 1) * unit);
    if (room > io->bufferLeft - sizeof(uint32_t)) {
        io->flag |= IPC_IO_OVERFLOW;
        return NULL;
    }
    const char *text = io->bufferCur + sizeof(uint32_t);
    if (memcmp(text + number * unit, ZERO, unit) != 0) {
        return NULL;
    }
    IpcIoAdvance(io, sizeof(uint32_t) + room);
    if (length != NULL) {
        *length = number;
    }
    return text;
}

/*
 * Returns the number of zero bytes before an object: in a 64-bit program they align the object to
 * 8, as the driver requires; in a 32-bit program there are none. After an unaligned write the
 * object is not aligned.
 */
static inline size_t IpcIoObjectPadding(const IpcIo *io)
{
    size_t over = IpcIoUsed(io) % _Alignof(SpecialObj);
    return over != 0 && over % 4 == 0 ? _Alignof(SpecialObj) - over : 0;
}

/* Writes an object of any type and its entry in the table. */
static inline bool IpcIoPutObject(IpcIo *io, const SpecialObj *object)
{
    if (!IpcIoHas(io, 0)) {
        return false;
    }
    size_t padding = IpcIoObjectPadding(io);
    if (!IpcIoHas(io, padding + sizeof(*object))) {
        return false;
    }
    if (io->offsetsLeft == 0) {
        io->flag |= IPC_IO_OVERFLOW;
        return false;
    }
    memset(IpcIoAdvance(io, padding), 0, padding);
    uint32_t offset = (uint32_t)IpcIoUsed(io);
    memcpy(io->offsetsCur, &offset, sizeof(offset));
    io->offsetsCur += sizeof(offset);
    io->offsetsLeft--;
    return IpcIoPut(io, object, sizeof(*object), sizeof(*object));
}

/* Reads the next object, if it starts here and has this type. */
static inline bool IpcIoGetObject(IpcIo *io, ObjType type, SpecialObj *object)
{
    if (!IpcIoHas(io, 0)) {
        return false;
    }
    uint32_t offset = 0;
    if (io->offsetsLeft > 0) {
        memcpy(&offset, io->offsetsCur, sizeof(offset));
    }
    size_t padding = IpcIoObjectPadding(io);
    if (io->offsetsLeft == 0 || offset != IpcIoUsed(io) + padding) {
        io->flag |= IPC_IO_OVERFLOW;
        return false;
    }
    if (!IpcIoHas(io, padding + sizeof(*object))) {
        return false;
    }
    memcpy(object, io->bufferCur + padding, sizeof(*object));
    if (object->type != type) {
        return false;
    }
    IpcIoAdvance(io, padding + sizeof(*object));
    io->offsetsCur += sizeof(offset);
    io->offsetsLeft--;
    return true;
}

#endif
