/* Implements the receiver's half of special objects. Nothing that the sender wrote is trusted. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/descriptors.h"
#include "kernel/node.h"
#include "kernel/object.h"
#include "kernel/pool.h"

/*
 * Datagrams that are read to find one. At most this many can precede it: 16 of messages in flight,
 * and as many of messages that failed after their descriptors were sent.
 */
#define DATAGRAMS_MAX (2 * IPC_DESCRIPTORS_MAX)

static const char *DataOf(const struct IpcNode *node)
{
    return (const char *)(node + 1);
}

static uint32_t OffsetAt(const struct IpcNode *node, uint32_t index)
{
    uint32_t offset;
    memcpy(&offset, DataOf(node) + IpcAlign4(node->node.msg.dataSz) + index * sizeof(offset),
           sizeof(offset));
    return offset;
}

static SpecialObj ObjectAt(const struct IpcNode *node, uint32_t index)
{
    SpecialObj object;
    memcpy(&object, DataOf(node) + OffsetAt(node, index), sizeof(object));
    return object;
}

static void ObjectPut(struct IpcNode *node, uint32_t index, const SpecialObj *object)
{
    memcpy((char *)(node + 1) + OffsetAt(node, index), object, sizeof(*object));
}

/* Returns the node of the program's address of an OBJ_PTR buffer. */
static struct IpcNode *BufferNode(const struct ProcIpcInfo *ipcInfo, const SpecialObj *object)
{
    const char *user = object->content.ptr.buff;
    return GetIpcKernelAddr(ipcInfo, user - sizeof(struct IpcNodePrefix));
}

/*
 * Returns whether offsets are ordered, and objects are disjoint, within the data and of known
 * types.
 */
static bool ObjectsAreSound(const struct IpcNode *node, uint32_t buffersSize, uint64_t maximum)
{
    uint64_t next = 0, buffers = 0, contents = 0;
    uint32_t descriptors = 0;
    for (uint32_t i = 0; i < node->node.msg.spObjNum; i++) {
        uint32_t offset = OffsetAt(node, i);
        if (offset < next || (uint64_t)offset + sizeof(SpecialObj) > node->node.msg.dataSz ||
            offset % _Alignof(SpecialObj) != 0) {
            return false;
        }
        next = (uint64_t)offset + sizeof(SpecialObj);
        SpecialObj object = ObjectAt(node, i);
        if (object.type == OBJ_PTR) {
            if (object.content.ptr.buffSz == 0 || object.content.ptr.buffSz > buffersSize) {
                return false;
            }
            buffers += IpcAlign4(object.content.ptr.buffSz);
            contents += object.content.ptr.buffSz;
        } else if (object.type == OBJ_FD) {
            descriptors++;
        } else if (object.type != OBJ_SVC) {
            return false;
        }
    }
    return buffers == buffersSize && contents <= maximum && descriptors <= IPC_DESCRIPTORS_MAX &&
           (descriptors > 0) == (node->prefix.descriptors != 0);
}

/* Frees the buffers of the first `count` objects, without giving their charge back. */
static void BuffersFree(struct LiteIpcThread *thread, struct IpcNode *node, uint32_t count)
{
    struct ProcIpcInfo *ipcInfo = &thread->device->ipcInfo;
    for (uint32_t i = 0; i < count; i++) {
        SpecialObj object = ObjectAt(node, i);
        if (object.type == OBJ_PTR) {
            LiteIpcNodeFree(ipcInfo, BufferNode(ipcInfo, &object));
        }
    }
}

int ObjectsArrive(struct LiteIpcThread *thread, struct IpcNode *node, const char *buffers,
                  uint32_t buffersSize, uint64_t maximum)
{
    struct ProcIpcInfo *ipcInfo = &thread->device->ipcInfo;
    if (!ObjectsAreSound(node, buffersSize, maximum)) {
        return -EPROTO;
    }
    for (uint32_t i = 0; i < node->node.msg.spObjNum; i++) {
        SpecialObj object = ObjectAt(node, i);
        if (object.type != OBJ_PTR) {
            continue;
        }
        uint32_t size = object.content.ptr.buffSz;
        struct IpcNode *buffer;
        if (ArrivalAlloc(thread, IpcBufferNodeSize(size), &buffer) != 0) {
            BuffersFree(thread, node, i);
            return -ENOMEM;
        }
        buffer->prefix =
            (struct IpcNodePrefix){.lane = node->prefix.lane, .charge = IpcAlign4(size)};
        memcpy((char *)buffer + sizeof(struct IpcNodePrefix), buffers, size);
        buffers += IpcAlign4(size);
        const char *user = GetIpcUserAddr(ipcInfo, buffer);
        object.content.ptr.buff = (void *)(uintptr_t)(user + sizeof(struct IpcNodePrefix));
        ObjectPut(node, i, &object);
    }
    return 0;
}

/* Finishes a batch: its sender may send as many descriptors again. */
static void BatchSettle(struct InboundLane *lane, struct DescriptorBatch *batch)
{
    DescriptorsTakenAdd(lane->cursors, batch->sent);
    *batch = (struct DescriptorBatch){0};
}

static void BatchDrop(struct InboundLane *lane, struct DescriptorBatch *batch)
{
    DescriptorsDiscard(lane->owned, batch->descriptors, batch->count);
    BatchSettle(lane, batch);
}

/*
 * Stores a batch that came before the wanted one. An honest sender has at most 16 descriptors in
 * flight.
 */
static void BatchStore(struct InboundLane *lane, struct DescriptorBatch *batch)
{
    struct DescriptorBatch *free = NULL;
    uint32_t stored = 0;
    for (unsigned i = 0; i < IPC_DESCRIPTORS_MAX; i++) {
        stored += lane->batches[i].count;
        if (lane->batches[i].number == 0) {
            free = &lane->batches[i];
        }
    }
    if (free == NULL || batch->number == 0 || stored + batch->count > IPC_DESCRIPTORS_MAX) {
        BatchDrop(lane, batch);
    } else {
        *free = *batch;
    }
}

static bool BatchTakeStored(struct InboundLane *lane, uint16_t number,
                            struct DescriptorBatch *found)
{
    for (unsigned i = 0; i < IPC_DESCRIPTORS_MAX; i++) {
        if (lane->batches[i].number == number) {
            *found = lane->batches[i];
            lane->batches[i] = (struct DescriptorBatch){0};
            return true;
        }
    }
    return false;
}

static void StoredDrop(struct InboundLane *lane)
{
    for (unsigned i = 0; i < IPC_DESCRIPTORS_MAX; i++) {
        if (lane->batches[i].number != 0) {
            BatchDrop(lane, &lane->batches[i]);
        }
    }
}

/* Finds the descriptors that came with the record of this number (not 0). 0 or -EPROTO. */
static int BatchFind(struct InboundLane *lane, uint16_t number, struct DescriptorBatch *found)
{
    if (lane->socket < 0) {
        return -EPROTO;
    }
    bool is = BatchTakeStored(lane, number, found);
    for (unsigned i = 0;
         !is && i < DATAGRAMS_MAX && DescriptorsTake(lane->owned, lane->socket, found) > 0; i++) {
        is = found->number == number;
        if (!is && lane->queued > 0) {
            BatchStore(lane, found); /* perhaps for another task, whose turn is later */
        } else if (!is) {
            BatchDrop(lane, found); /* its message never came */
        }
    }
    if (lane->queued == 0) {
        StoredDrop(lane);
    }
    return is ? 0 : -EPROTO;
}

void DescriptorsDrop(struct InboundLane *lane, uint16_t number)
{
    struct DescriptorBatch batch;
    if (number != 0 && BatchFind(lane, number, &batch) == 0) {
        BatchDrop(lane, &batch);
    }
}

void DescriptorsFree(struct InboundLane *lane)
{
    if (lane->batches != NULL) {
        StoredDrop(lane);
        free(lane->batches);
        lane->batches = NULL;
    }
    OwnedClose(lane->owned, lane->socket);
    lane->socket = -1;
}

static uint32_t DescriptorObjects(const struct IpcNode *node)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < node->node.msg.spObjNum; i++) {
        count += ObjectAt(node, i).type == OBJ_FD;
    }
    return count;
}

static int DescriptorsInstall(struct IpcNode *node)
{
    struct InboundLane *lane = node->prefix.lane;
    struct DescriptorBatch batch;
    int status = BatchFind(lane, node->prefix.descriptors, &batch);
    node->prefix.descriptors = 0;
    if (status != 0) {
        return status;
    }
    if (batch.count != DescriptorObjects(node)) {
        status = batch.count < batch.sent ? -EMFILE : -EPROTO;
        BatchDrop(lane, &batch);
        return status;
    }
    OwnedEnter(lane->owned); /* from now on the program owns them, and its children inherit them */
    OwnedRelease(lane->owned, batch.descriptors, batch.count);
    OwnedLeave(lane->owned);
    uint32_t next = 0;
    for (uint32_t i = 0; i < node->node.msg.spObjNum; i++) {
        SpecialObj object = ObjectAt(node, i);
        if (object.type == OBJ_FD) {
            object.content.fd = (uint32_t)batch.descriptors[next++];
            ObjectPut(node, i, &object);
        }
    }
    BatchSettle(lane, &batch);
    return 0;
}

int ObjectsDeliver(struct LiteIpcThread *thread, struct IpcNode *node)
{
    struct ProcIpcInfo *ipcInfo = &thread->device->ipcInfo;
    if (node->prefix.descriptors != 0) {
        int status = DescriptorsInstall(node);
        if (status != 0) {
            return status;
        }
    }
    for (uint32_t i = 0; i < node->node.msg.spObjNum; i++) {
        SpecialObj object = ObjectAt(node, i);
        if (object.type == OBJ_PTR) {
            EnableIpcNodeFreeByUser(ipcInfo, BufferNode(ipcInfo, &object));
        }
    }
    return 0;
}

void ObjectsRollback(struct LiteIpcThread *thread, struct IpcNode *node)
{
    struct ProcIpcInfo *ipcInfo = &thread->device->ipcInfo;
    if (node->prefix.descriptors != 0) {
        DescriptorsDrop(node->prefix.lane, node->prefix.descriptors);
        node->prefix.descriptors = 0;
    }
    for (uint32_t i = 0; i < node->node.msg.spObjNum; i++) {
        SpecialObj object = ObjectAt(node, i);
        if (object.type == OBJ_PTR) {
            IpcNodeRelease(thread->device, thread, BufferNode(ipcInfo, &object));
        }
    }
}
