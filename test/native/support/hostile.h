/*
 * A hostile peer: a process of the domain made of native/queue and the control protocol alone, so
 * that it can write into its lanes what no honest client writes. It holds the real ring, cursors
 * and bell.
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

/* A ready process with a task. */
void HostileOpen(const char *domain, struct Hostile *hostile);
void HostileClose(struct Hostile *hostile);

/*
 * A lane to the thread of this task, for requests or answers: status as the domain answers. The
 * memory is made for a pool of `poolSize` bytes; the writer is allowed far more.
 */
int HostileLaneOpen(struct Hostile *hostile, uint32_t taskID, uint64_t poolSize, bool isReply);
void HostileLaneClose(struct HostileLane *lane);

/*
 * A request that is right in every field, from the hostile's task to this one, with `dataSz` bytes.
 */
struct IpcRecord HostileRequest(const struct Hostile *hostile, uint32_t taskID, uint32_t code,
                                uint32_t dataSz);
/*
 * Publishes `size` bytes as a record, these being the header first and then zeroes, and rings the
 * bell. 0, or what RingReserve says.
 */
int HostilePublish(struct HostileLane *lane, const struct IpcRecord *record, uint32_t size);
/* A record whose body is this. */
int HostilePublishBody(struct HostileLane *lane, const struct IpcRecord *record, const void *body,
                       uint32_t bodySize);
/* CONTROL_LANE_SOCKET: the sending end of the way for descriptors. Status as the domain answers. */
int HostileSocket(struct Hostile *hostile, int *descriptor);
/* HostilePublish with the size that fits. */
int HostileSend(struct HostileLane *lane, const struct IpcRecord *record);
void HostileRing(struct HostileLane *lane);

#endif
