/*
 * A received message, copied out of the pool by the worker that received it and compared by the
 * director. A copy, since the director may live in another process, and since the scenario may free
 * the message before it looks at it.
 */
#ifndef CONFORMANCE_SNAPSHOT_H
#define CONFORMANCE_SNAPSHOT_H

#include "conformance/table.h"
#include "liteipc/hm_liteipc.h"

/* The message's fields as they lay in the pool. */
struct SnapshotHead {
    uint32_t type, handle, token, cookie, code, flag;
    uint64_t timestamp;
    uint32_t dataSz, spObjNum, processID, taskID;
};

enum SnapshotObjectState {
    OBJECT_READABLE,
    OBJECT_OUTSIDE,   /* its offset leaves no room for a SpecialObj in the data */
    OBJECT_NO_BUFFER, /* an OBJ_PTR without a buffer, or with one that no pool can hold */
};

struct SnapshotObject {
    uint32_t offset, state, type;
    uint32_t size;   /* PTR: bytes of the buffer, which follow */
    uint32_t isOpen; /* FD: is it a descriptor of the receiver */
    uint32_t descriptor;
    uint64_t address; /* PTR: of the buffer */
};

/* One that is nowhere says so by a sentence instead of bytes. */
struct Snapshot {
    struct SnapshotHead head;
    char fault[96]; /* not empty: what is wrong with the message itself; nothing else holds */
    uint8_t *data;  /* head.dataSz bytes */
    struct SnapshotObject *objects; /* head.spObjNum */
    uint8_t **buffers;              /* of the objects: `size` bytes, or NULL */
};

/*
 * In the receiver's process: makes the bytes that SnapshotParse reads, to be freed with free(3). 0
 * or -ENOMEM.
 */
int SnapshotTake(const IpcMsg *message, uint8_t **blob, uint32_t *size);
/* 0, -EINVAL for bytes that are no snapshot, -ENOMEM. Free it with SnapshotFree. */
int SnapshotParse(const uint8_t *blob, uint32_t size, struct Snapshot *snapshot);
void SnapshotFree(struct Snapshot *snapshot);

#endif
