/* Builds messages with special objects step by step, and takes them apart. */
#ifndef LITEIPC_TEST_PARCEL_H
#define LITEIPC_TEST_PARCEL_H

#include <stdbool.h>
#include <stdint.h>

#include "liteipc/liteipc.h"

#define PARCEL_OBJECTS_MAX 300

/* `msg` points into the parcel, which must not move while the message is used. */
struct Parcel {
    IpcMsg msg;
    uint32_t offsets[PARCEL_OBJECTS_MAX];
    _Alignas(SpecialObj) char data[IPC_MSG_DATA_SZ_MAX + 64];
};

/* Begins an empty parcel with this header. */
void ParcelBegin(struct Parcel *parcel, IpcMsg header);
/* Each function appends to the data. Objects are placed at the next aligned offset. */
void ParcelBytes(struct Parcel *parcel, const void *bytes, uint32_t size);
void ParcelObject(struct Parcel *parcel, const SpecialObj *object);
void ParcelFd(struct Parcel *parcel, int descriptor);
/* The memory must remain valid until the parcel has been sent. */
void ParcelPtr(struct Parcel *parcel, const void *memory, uint32_t size);
void ParcelSvc(struct Parcel *parcel, uint32_t handle, uint32_t token, uint32_t cookie);

/* Returns an object of a received message. Fails the test if there is no such object. */
SpecialObj ParcelGet(const IpcMsg *msg, uint32_t index, ObjType type);
/* Returns the buffer of an OBJ_PTR, which must contain `size` bytes of this value. */
const void *ParcelBuffer(const IpcMsg *msg, uint32_t index, int value, uint32_t size);
/* Returns the descriptor of an OBJ_FD. */
int ParcelFdOf(const IpcMsg *msg, uint32_t index);
/*
 * Returns true if that descriptor is close-on-exec and the write end of the pipe with this read
 * end. Closes it.
 */
bool ParcelIsPipe(const IpcMsg *msg, uint32_t index, int readingEnd);

#endif
