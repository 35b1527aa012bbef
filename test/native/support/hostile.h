/*
 * Implements a hostile peer: a process of the domain that uses only native/queue and the control
 * protocol, so that it can write into its lanes what no correct client writes. It holds the real
 * ring, cursors and bell.
 */
#ifndef LITEIPC_TEST_HOSTILE_H
#define LITEIPC_TEST_HOSTILE_H

#include <stdint.h>

#include "kernel/record.h"
#include "queue/ring.h"
#include "support/control_client.h"

struct HostileLane {
    struct RingWriter writer;
    void *ring;
    size_t ringSize; /* bytes */
    const void *cursors;
    int ringDescriptor, cursorsDescriptor;
    struct Bell bell;
    uint32_t laneID;
};

struct Hostile {
    struct TestProcess process;
    struct HostileLane lane;
};

/* Opens a ready process with a task. */
void HostileOpen(const char *domain, struct Hostile *hostile);
void HostileClose(struct Hostile *hostile);

/*
 * Opens a lane for requests or replies to the thread of this task. Returns the domain's status. The
 * ring has the size for a pool of `poolSize` bytes; the writer's allowance is far larger.
 */
int HostileLaneOpen(struct Hostile *hostile, uint32_t taskID, uint64_t poolSize, bool isReply);
void HostileLaneClose(struct HostileLane *lane);

/* Returns a request with valid fields from the hostile's task to this task, with `dataSz` bytes. */
struct IpcRecord HostileRequest(const struct Hostile *hostile, uint32_t taskID, uint32_t code,
                                uint32_t dataSz);
/*
 * Publishes `size` bytes as a record, the header followed by zeroes, and rings the bell. Returns 0
 * or the error of RingReserve.
 */
int HostilePublish(struct HostileLane *lane, const struct IpcRecord *record, uint32_t size);
/* Publishes a record with this body. */
int HostilePublishBody(struct HostileLane *lane, const struct IpcRecord *record, const void *body,
                       uint32_t bodySize);
/*
 * Sends CONTROL_LANE_SOCKET to get the sending end of the descriptor socket. Returns the domain's
 * status.
 */
int HostileSocket(struct Hostile *hostile, int *descriptor);
/* Calls HostilePublish with the matching size. */
int HostileSend(struct HostileLane *lane, const struct IpcRecord *record);
void HostileRing(struct HostileLane *lane);

#endif
