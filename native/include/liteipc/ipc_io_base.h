/*
 * The inside of IpcIo: its memory, and what the functions of liteipc/ipc_io.h are made of. Programs
 * include that one, which states the rules.
 */
#ifndef LITEIPC_IPC_IO_BASE_H
#define LITEIPC_IPC_IO_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "liteipc/hm_liteipc.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "parcels are little-endian");

#define MAX_IO_SIZE        8192U /* bytes, with the table of offsets */
#define MAX_OBJ_NUM        32U
#define IPC_IO_INITIALIZED 0x01U
#define IPC_IO_OVERFLOW    0x02U

#define IPC_IO_ALIGN(size) (((size) + 3U) & ~(size_t)3)

typedef struct {
    char *bufferBase;   /* first byte of data */
    char *offsetsBase;  /* where each object lies in the data, uint32_t each */
    char *bufferCur;    /* next byte to write or to read */
    char *offsetsCur;   /* next entry to write or to read */
    size_t bufferLeft;  /* bytes after bufferCur */
    size_t offsetsLeft; /* entries after offsetsCur */
    uint32_t flag;      /* IPC_IO_INITIALIZED, IPC_IO_OVERFLOW */
} IpcIo;

/*
 * Begins a parcel in `bufferSize` bytes (1 to 8192), of which the first 4 * maxobjects (at most 32)
 * become its table of offsets. Arguments out of range: the parcel is not INITIALIZED. A table that
 * does not fit: OVERFLOW. In both cases nothing can be written.
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
 * A parcel to be read from a message, which must not be freed before; it must not be written.
 * OVERFLOW if the message has more than a parcel holds.
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

/* Bytes written or read so far. */
static inline size_t IpcIoUsed(const IpcIo *io)
{
    return io->bufferCur == NULL ? 0 : (size_t)(io->bufferCur - io->bufferBase);
}

/* Entries of the table written or read so far. */
static inline size_t IpcIoObjects(const IpcIo *io)
{
    return io->offsetsCur == NULL ? 0
                                  : (size_t)(io->offsetsCur - io->offsetsBase) / sizeof(uint32_t);
}

/*
 * Makes a written parcel the message's data and objects. False, and nothing done, if it overflowed.
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

/* Are there `size` more bytes to write or to read; if not, the parcel has overflowed. */
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
 * May so many of something be written: not none of it, which is refused, and not more than `most`,
 * which no parcel holds.
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

/* Goes `size` bytes on, which are there; where they begin. */
static inline char *IpcIoAdvance(IpcIo *io, size_t size)
{
    char *start = io->bufferCur;
    if (size > 0) {
        io->bufferCur += size;
        io->bufferLeft -= size;
    }
    return start;
}

/* Copies `size` bytes and zeroes up to `room`. False if there is no room. */
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

/* A count, then `size` bytes in `room`. */
static inline bool IpcIoPutCounted(IpcIo *io, size_t count, const void *bytes, size_t size,
                                   size_t room)
{
    uint32_t number = (uint32_t)count;
    return IpcIoHas(io, sizeof(number) + room) &&
           IpcIoPut(io, &number, sizeof(number), sizeof(number)) && IpcIoPut(io, bytes, size, room);
}

/* Copies the first `size` of the next `room` bytes out. */
static inline bool IpcIoGet(IpcIo *io, void *bytes, size_t size, size_t room)
{
    if (!IpcIoHas(io, room)) {
        return false;
    }
    memcpy(bytes, IpcIoAdvance(io, room), size);
    return true;
}

/* The number that comes next, without going on. */
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
 * Where a counted vector lies, whose elements take `each` bytes; goes behind it. NULL if it is not
 * there.
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

/* Text of `unit` bytes a character and a zero behind it. NULL also if the zero is missing. */
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
 * Zero bytes before an object: none with 32 bits; with 64 it begins at a multiple of 8, as the
 * driver wants it. What an unaligned write has left is not made good, in neither.
 */
static inline size_t IpcIoObjectPadding(const IpcIo *io)
{
    size_t over = IpcIoUsed(io) % _Alignof(SpecialObj);
    return over != 0 && over % 4 == 0 ? _Alignof(SpecialObj) - over : 0;
}

/* An object of any type, with its entry in the table. */
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

/* The object that begins here, if it is of this type. */
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
