#include "support/parcel.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

void ParcelBegin(struct Parcel *parcel, IpcMsg header)
{
    memset(parcel, 0, sizeof(*parcel));
    parcel->msg = header;
    parcel->msg.data = parcel->data;
    parcel->msg.offsets = parcel->offsets;
}

void ParcelBytes(struct Parcel *parcel, const void *bytes, uint32_t size)
{
    assert_true(parcel->msg.dataSz + size <= sizeof(parcel->data));
    memcpy(parcel->data + parcel->msg.dataSz, bytes, size);
    parcel->msg.dataSz += size;
}

void ParcelObject(struct Parcel *parcel, const SpecialObj *object)
{
    static const char padding[_Alignof(SpecialObj)];
    uint32_t over = parcel->msg.dataSz % _Alignof(SpecialObj);
    if (over != 0) {
        ParcelBytes(parcel, padding, (uint32_t) _Alignof(SpecialObj) - over);
    }
    assert_true(parcel->msg.spObjNum < PARCEL_OBJECTS_MAX);
    parcel->offsets[parcel->msg.spObjNum++] = parcel->msg.dataSz;
    ParcelBytes(parcel, object, sizeof(*object));
}

void ParcelFd(struct Parcel *parcel, int descriptor)
{
    SpecialObj object = {.type = OBJ_FD, .content.fd = (uint32_t)descriptor};
    ParcelObject(parcel, &object);
}

void ParcelPtr(struct Parcel *parcel, const void *memory, uint32_t size)
{
    SpecialObj object = {.type = OBJ_PTR,
                         .content.ptr = {.buffSz = size, .buff = (void *)(uintptr_t)memory}};
    ParcelObject(parcel, &object);
}

void ParcelSvc(struct Parcel *parcel, uint32_t handle, uint32_t token, uint32_t cookie)
{
    SpecialObj object = {.type = OBJ_SVC,
                         .content.svc = {.handle = handle, .token = token, .cookie = cookie}};
    ParcelObject(parcel, &object);
}

SpecialObj ParcelGet(const IpcMsg *msg, uint32_t index, ObjType type)
{
    SpecialObj object;
    uint32_t offset;
    assert_true(index < msg->spObjNum);
    assert_int_equal((uintptr_t)msg->offsets % sizeof(offset), 0);
    memcpy(&offset, (const char *)msg->offsets + index * sizeof(offset), sizeof(offset));
    assert_true(offset + sizeof(object) <= msg->dataSz);
    memcpy(&object, (const char *)msg->data + offset, sizeof(object));
    assert_int_equal(object.type, type);
    return object;
}

const void *ParcelBuffer(const IpcMsg *msg, uint32_t index, int value, uint32_t size)
{
    SpecialObj object = ParcelGet(msg, index, OBJ_PTR);
    assert_int_equal(object.content.ptr.buffSz, size);
    char *expected = malloc(size);
    assert_non_null(expected);
    memset(expected, value, size);
    assert_memory_equal(object.content.ptr.buff, expected, size);
    free(expected);
    return object.content.ptr.buff;
}

int ParcelFdOf(const IpcMsg *msg, uint32_t index)
{
    return (int)ParcelGet(msg, index, OBJ_FD).content.fd;
}

bool ParcelIsPipe(const IpcMsg *msg, uint32_t index, int readingEnd)
{
    int descriptor = ParcelFdOf(msg, index);
    char byte = 0;
    bool is = write(descriptor, "x", 1) == 1 && read(readingEnd, &byte, 1) == 1 && byte == 'x' &&
              (fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0;
    return close(descriptor) == 0 && is;
}
