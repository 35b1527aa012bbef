/* Implements the sender's half of special objects. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/access.h"
#include "kernel/descriptors.h"
#include "kernel/object.h"
#include "kernel/outbound.h"
#include "kernel/thread_control.h"

/* The context of HandleObj and of the functions that it calls. */
struct ObjectCheck {
    const struct LiteIpcTask *task;
    const struct IpcSend *send;
    const struct OutboundLane *lane;
    uint64_t available;
    struct IpcObjects *objects;
};

/* HandleFd: a descriptor of this process; at most 16 in a message and on their way in a lane. */
static int HandleFd(struct ObjectCheck *check, SpecialObj *object)
{
    if (fcntl((int)object->content.fd, F_GETFD) < 0) {
        return -EBADF;
    }
    if (check->objects->descriptorCount == IPC_DESCRIPTORS_MAX) {
        return -EINVAL;
    }
    if (DescriptorsInFlight(check->lane) + check->objects->descriptorCount >= IPC_DESCRIPTORS_MAX) {
        return -ENOMEM;
    }
    check->objects->descriptorCount++;
    return 0;
}

/* HandlePtr: memory that is copied to the receiver's pool, as far as the allowance goes. */
static int HandlePtr(struct ObjectCheck *check, SpecialObj *object)
{
    const BuffPtr *ptr = &object->content.ptr;
    struct IpcObjects *objects = check->objects;
    if (ptr->buff == NULL || ptr->buffSz == 0 ||
        (uint64_t)objects->buffersSize + ptr->buffSz + 3 > UINT32_MAX ||
        objects->buffersSize + IpcAlign4(ptr->buffSz) > check->available) {
        return -EINVAL;
    }
    objects->buffersSize += IpcAlign4(ptr->buffSz);
    return 0;
}

/*
 * HandleSvc: -1 is "me"; anything else must be a living task that this process may call. The
 * receiver gets the right when the whole message was found good.
 */
static int HandleSvc(struct ObjectCheck *check, SpecialObj *object)
{
    const struct LiteIpcTask *task = check->task;
    const struct LiteIpcDevice *device = task->thread->device;
    SvcIdentity *svc = &object->content.svc;
    if (svc->handle == INVALID_ID) {
        if (svc->token != 1 || IsCmsTask(device->table, task->taskID)) {
            return -EINVAL;
        }
        svc->handle = task->taskID;
    } else if (!IsTaskAlive(device->table, svc->handle)) {
        return -EINVAL;
    }
    struct ControlTaskFacts service;
    if (ControlTaskRead(device->table, svc->handle, &service) != 0 ||
        service.state != CONTROL_ALIVE) {
        return -EINVAL;
    }
    if (service.processID != device->identity.processID &&
        !HasServiceAccess(device->table, device->identity.processID, svc->handle)) {
        return -EACCES;
    }
    uint32_t receiver = check->send->target.processID;
    if (receiver != service.processID && !HasServiceAccess(device->table, receiver, svc->handle)) {
        struct IpcObjects *objects = check->objects;
        objects->grants[objects->grantCount++] =
            (struct ControlObject){.id = svc->handle, .generation = service.generation};
    }
    return 0;
}

static int HandleObj(struct ObjectCheck *check, SpecialObj *object)
{
    switch (object->type) {
        case OBJ_FD:
            return HandleFd(check, object);
        case OBJ_PTR:
            return HandlePtr(check, object);
        case OBJ_SVC:
            return HandleSvc(check, object);
        default:
            return -EINVAL;
    }
}

/* Returns the message's generation and task, which the notice for a retry carries. */
static uint64_t Waiter(const struct IpcSend *send)
{
    return ((uint64_t)send->targetTask << 32) | send->target.generation;
}

static int Ask(struct LiteIpcTask *task, const struct IpcSend *send, struct ControlMessage *message,
               enum ControlPendingKind kind)
{
    struct ControlPending pending = {.kind = kind, .userData = Waiter(send)};
    int status = ThreadControlStart(task->thread, message, NULL, 0, pending);
    return status == 0 ? -EINPROGRESS : status;
}

static int GrantAll(struct LiteIpcTask *task, const struct IpcSend *send,
                    const struct IpcObjects *objects)
{
    for (uint32_t i = 0; i < objects->grantCount; i++) {
        struct ControlMessage message = {
            .type = CONTROL_GRANT_ACCESS,
            .access = {.callerTaskID = task->taskID,
                       .processID = send->target.processID,
                       .processGeneration = send->target.processGeneration,
                       .serviceHandle = objects->grants[i].id,
                       .serviceGeneration = objects->grants[i].generation}};
        /*
         * Answers come in order, so the last one reports for all. If an earlier right was refused,
         * only that one is missing at the retry, requested again, and reported.
         */
        bool last = i + 1 == objects->grantCount;
        int status = send->wait ? ThreadControlCall(task->thread, &message)
                                : Ask(task, send, &message, last ? PENDING_STEP : PENDING_IGNORED);
        if (status != 0 && status != -EINPROGRESS) {
            return status;
        }
    }
    return send->wait ? -ERESTART : -EINPROGRESS;
}

static int SocketAsk(struct LiteIpcTask *task, const struct IpcSend *send,
                     const struct OutboundLane *lane)
{
    struct ControlMessage message = {.type = CONTROL_LANE_SOCKET, .object = {.id = lane->laneID}};
    if (!send->wait) {
        return Ask(task, send, &message, PENDING_SOCKET);
    }
    int descriptor = -1;
    int status = ThreadControlCallFor(task->thread, &message, &descriptor);
    if (status == 0) {
        OutboundLaneSocket(task->thread, message.object.id, &descriptor);
        status = -ERESTART;
    }
    OwnedClose(lane->owned, descriptor);
    return status;
}

static bool SocketIsMissing(const struct OutboundLane *lane, const struct IpcObjects *objects)
{
    return objects->descriptorCount > 0 && lane->socket < 0;
}

bool ObjectsNeedDomain(const struct OutboundLane *lane, const struct IpcObjects *objects)
{
    return objects->grantCount > 0 || SocketIsMissing(lane, objects);
}

int ObjectsPrepare(struct LiteIpcTask *task, const struct IpcSend *send, struct OutboundLane *lane,
                   const struct IpcObjects *objects)
{
    return SocketIsMissing(lane, objects) ? SocketAsk(task, send, lane)
                                          : GrantAll(task, send, objects);
}

int HandleSpecialObjects(const struct LiteIpcTask *task, const struct IpcSend *send,
                         const struct OutboundLane *lane, uint64_t available,
                         struct IpcObjects *objects)
{
    const IpcMsg *msg = send->msg;
    struct ObjectCheck check = {
        .task = task, .send = send, .lane = lane, .available = available, .objects = objects};
    uint64_t next = 0; /* lowest offset of the next object */
    objects->count = msg->spObjNum;
    objects->buffersSize = 0;
    objects->descriptorCount = 0;
    objects->grantCount = 0;
    for (uint32_t i = 0; i < msg->spObjNum; i++) {
        struct IpcObject *entry = &objects->list[i];
        memcpy(&entry->offset, (const char *)msg->offsets + i * sizeof(uint32_t), sizeof(uint32_t));
        if (entry->offset < next || (uint64_t)entry->offset + sizeof(SpecialObj) > msg->dataSz ||
            entry->offset % _Alignof(SpecialObj) != 0) {
            return -EINVAL;
        }
        next = (uint64_t)entry->offset + sizeof(SpecialObj);
        memcpy(&entry->object, (const char *)msg->data + entry->offset, sizeof(SpecialObj));
        int status = HandleObj(&check, &entry->object);
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

static int DescriptorsSend(struct OutboundLane *lane, const struct IpcObjects *objects,
                           uint16_t number)
{
    int descriptors[IPC_DESCRIPTORS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < objects->count; i++) {
        if (objects->list[i].object.type == OBJ_FD) {
            descriptors[count++] = (int)objects->list[i].object.content.fd;
        }
    }
    int status = DescriptorsTransmit(lane->socket, number, descriptors, count);
    lane->batchCounts[number % IPC_DESCRIPTORS_MAX] = (uint8_t)(status == 0 ? count : 0);
    if (status == 0) {
        lane->descriptorsSent += count;
    }
    return status;
}

int ObjectsWrite(const IpcMsg *msg, struct OutboundLane *lane, const struct IpcObjects *objects,
                 struct IpcRecord *record)
{
    char *data = (char *)(record + 1);
    char *offsets = data + IpcAlign4(msg->dataSz);
    char *buffers = offsets + objects->count * sizeof(uint32_t);
    uint32_t descriptor = 0;
    for (uint32_t i = 0; i < objects->count; i++) {
        const struct IpcObject *entry = &objects->list[i];
        /* Zeroed first, so that padding of the sender's object is not sent. */
        SpecialObj out;
        memset(&out, 0, sizeof(out));
        out.type = entry->object.type;
        if (out.type == OBJ_PTR) {
            uint32_t size = entry->object.content.ptr.buffSz;
            out.content.ptr.buffSz = size;
            memcpy(buffers, entry->object.content.ptr.buff, size);
            memset(buffers + size, 0, IpcAlign4(size) - size);
            buffers += IpcAlign4(size);
        } else if (out.type == OBJ_SVC) {
            out.content.svc = entry->object.content.svc;
        } else {
            out.content.fd = descriptor++;
        }
        memcpy(data + entry->offset, &out, sizeof(out));
        memcpy(offsets + i * sizeof(uint32_t), &entry->offset, sizeof(uint32_t));
    }
    record->buffersSize = objects->buffersSize;
    record->descriptors = 0;
    if (objects->descriptorCount == 0) {
        return 0;
    }
    if (++lane->descriptorBatch == 0) {
        lane->batchCounts[0] = 0;
        lane->descriptorBatch = 1; /* 0 is not a valid number */
    }
    record->descriptors = lane->descriptorBatch;
    return DescriptorsSend(lane, objects, lane->descriptorBatch);
}
