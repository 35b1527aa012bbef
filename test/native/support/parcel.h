/* Messages with special objects: building them piece by piece, and taking them apart. */
#ifndef LITEIPC_TEST_PARCEL_H
#define LITEIPC_TEST_PARCEL_H

#include <stdbool.h>
#include <stdint.h>

#include "liteipc/liteipc.h"

#define PARCEL_OBJECTS_MAX 300

/* `msg` points into the parcel, which must not be moved while it is used. */
struct Parcel {
    IpcMsg msg;
    uint32_t offsets[PARCEL_OBJECTS_MAX];
    _Alignas(SpecialObj) char data[IPC_MSG_DATA_SZ_MAX + 64];
};

/* An empty one with this header. */
void ParcelBegin(struct Parcel *parcel, IpcMsg header);
/* Each appends to the data; objects at the next offset that is good for one. */
void ParcelBytes(struct Parcel *parcel, const void *bytes, uint32_t size);
void ParcelObject(struct Parcel *parcel, const SpecialObj *object);
void ParcelFd(struct Parcel *parcel, int descriptor);
/* The memory must stay until the parcel was sent. */
void ParcelPtr(struct Parcel *parcel, const void *memory, uint32_t size);
void ParcelSvc(struct Parcel *parcel, uint32_t handle, uint32_t token, uint32_t cookie);

/* Objects of a received message. Fails the test if it has no such object. */
SpecialObj ParcelGet(const IpcMsg *msg, uint32_t index, ObjType type);
/* The buffer of an OBJ_PTR, which must be so many bytes of this value. */
const void *ParcelBuffer(const IpcMsg *msg, uint32_t index, int value, uint32_t size);
/* The descriptor of an OBJ_FD. */
int ParcelFdOf(const IpcMsg *msg, uint32_t index);
/*
 * Is that descriptor, close-on-exec, the writing end of the pipe whose reading end this is? Closes
 * it.
 */
bool ParcelIsPipe(const IpcMsg *msg, uint32_t index, int readingEnd);

#endif
