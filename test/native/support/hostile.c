#include "support/hostile.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/clock.h"
#include "platform/shared_memory.h"

void HostileOpen(const char *domain, struct Hostile *hostile)
{
    memset(hostile, 0, sizeof(*hostile));
    TestProcessOpen(domain, &hostile->process, 4);
    hostile->lane.bell = (struct Bell){.listen = -1, .ring = -1};
}

void HostileLaneClose(struct HostileLane *lane)
{
    if (lane->bell.ring < 0) {
        return;
    }
    SharedMemoryUnmap(lane->ring, lane->ringSize);
    SharedMemoryUnmap(lane->cursors, RING_CURSORS_SIZE);
    close(lane->ringDescriptor);
    close(lane->cursorsDescriptor);
    BellClose(&lane->bell);
}

void HostileClose(struct Hostile *hostile)
{
    HostileLaneClose(&hostile->lane);
    TestProcessClose(&hostile->process);
}

int HostileLaneOpen(struct Hostile *hostile, uint32_t taskID, uint64_t poolSize, bool isReply)
{
    struct HostileLane *lane = &hostile->lane;
    int received[3] = {-1, -1, -1};
    HostileLaneClose(lane);
    lane->ringSize = RingMemorySize(poolSize);
    assert_int_equal(
        SharedMemoryCreate("hostile", lane->ringSize, &lane->ring, &lane->ringDescriptor), 0);
    assert_int_equal(RingFormat(lane->ring, lane->ringSize, 0xBADC0DE), 0);
    struct ControlMessage message = {.type = CONTROL_LANE_OPEN,
                                     .lane = {.taskID = taskID,
                                              .sourceTaskID = hostile->process.taskID,
                                              .isReply = isReply,
                                              .ringSize = lane->ringSize}};
    int status =
        TestCall(&hostile->process.thread.socket, &message, &lane->ringDescriptor, 1, received);
    if (status != 0) {
        SharedMemoryUnmap(lane->ring, lane->ringSize);
        close(lane->ringDescriptor);
        return status;
    }
    lane->laneID = message.laneOpened.laneID;
    lane->cursorsDescriptor = received[0];
    lane->bell = (struct Bell){.listen = received[1], .ring = received[2]};
    assert_int_equal(SharedMemoryMap(received[0], RING_CURSORS_SIZE, &lane->cursors), 0);
    assert_int_equal(RingWriterInit(&lane->writer, lane->ring, lane->ringSize, lane->cursors,
                                    RING_MAXIMUM_ALLOWANCE),
                     0);
    return 0;
}

struct IpcRecord HostileRequest(const struct Hostile *hostile, uint32_t taskID, uint32_t code,
                                uint32_t dataSz)
{
    struct ControlTaskFacts facts = {0};
    (void)ControlTaskRead(hostile->process.client.table, taskID, &facts);
    return (struct IpcRecord){.timestamp = ClockNow(),
                              .sentAt = ClockNow(),
                              .destinationTask = taskID,
                              .destinationGeneration = facts.generation,
                              .sourceTask = hostile->process.taskID,
                              .sourceGeneration = hostile->process.taskGeneration,
                              .code = code,
                              .dataSz = dataSz,
                              .type = MT_REQUEST};
}

void HostileRing(struct HostileLane *lane)
{
    BellRing(lane->bell.ring);
}

static int Publish(struct HostileLane *lane, const struct IpcRecord *record, uint32_t size,
                   const void *body, uint32_t bodySize)
{
    struct RingRecord *out;
    uint32_t header = size < sizeof(*record) ? size : (uint32_t)sizeof(*record);
    int status = RingReserve(&lane->writer, size, RING_MINIMUM_CHARGE, &out);
    if (status != 0) {
        return status;
    }
    memset((char *)out + sizeof(*out), 0, size - sizeof(*out));
    if (header > sizeof(*out)) {
        memcpy((char *)out + sizeof(*out), (const char *)record + sizeof(*out),
               header - sizeof(*out));
    }
    if (size > header && bodySize > 0) {
        memcpy((char *)out + header, body, bodySize < size - header ? bodySize : size - header);
    }
    (void)RingPublish(&lane->writer);
    HostileRing(lane);
    return 0;
}

int HostilePublish(struct HostileLane *lane, const struct IpcRecord *record, uint32_t size)
{
    return Publish(lane, record, size, NULL, 0);
}

int HostilePublishBody(struct HostileLane *lane, const struct IpcRecord *record, const void *body,
                       uint32_t bodySize)
{
    return Publish(lane, record, (uint32_t)sizeof(*record) + bodySize, body, bodySize);
}

int HostileSocket(struct Hostile *hostile, int *descriptor)
{
    struct ControlMessage message = {.type = CONTROL_LANE_SOCKET,
                                     .object = {.id = hostile->lane.laneID}};
    int received[CONTROL_DESCRIPTORS_MAX] = {-1, -1, -1};
    int status = TestCall(&hostile->process.thread.socket, &message, NULL, 0, received);
    *descriptor = received[0];
    return status;
}

int HostileSend(struct HostileLane *lane, const struct IpcRecord *record)
{
    return HostilePublish(lane, record, IpcRecordSize(record->dataSz, record->spObjNum));
}
