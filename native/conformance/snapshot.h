/*
 * Copies a received message out of the pool. The worker that received it makes the copy, and the
 * director compares it. A copy is needed because the director may run in another process, and
 * because the scenario may free the message before it is compared.
 */
#ifndef CONFORMANCE_SNAPSHOT_H
#define CONFORMANCE_SNAPSHOT_H

#include "conformance/table.h"
#include "liteipc/hm_liteipc.h"

/* The fields of the message in the pool. */
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
    uint32_t isOpen; /* FD: whether it is a descriptor of the receiver */
    uint32_t descriptor;
    uint64_t address; /* PTR: address of the buffer */
};

/* A copied message. If its memory cannot be read, `fault` states why. */
struct Snapshot {
    struct SnapshotHead head;
    char fault[96]; /* not empty: the fault of the message; the other fields are undefined */
    uint8_t *data;  /* head.dataSz bytes */
    struct SnapshotObject *objects; /* head.spObjNum */
    uint8_t **buffers;              /* `size` bytes for each object, or NULL */
};

/*
 * Runs in the receiver's process. Makes the bytes that SnapshotParse reads; the caller frees them
 * with free(3). Returns 0 or -ENOMEM.
 */
int SnapshotTake(const IpcMsg *message, uint8_t **blob, uint32_t *size);
/* Returns 0, -EINVAL for bytes that are no snapshot, or -ENOMEM. The caller calls SnapshotFree. */
int SnapshotParse(const uint8_t *blob, uint32_t size, struct Snapshot *snapshot);
void SnapshotFree(struct Snapshot *snapshot);

#endif
