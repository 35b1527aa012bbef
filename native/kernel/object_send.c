/* The sender's half of special objects. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/access.h"
#include "kernel/descriptors.h"
#include "kernel/object.h"
#include "kernel/outbound.h"
#include "kernel/thread_control.h"

/* What HandleObj and the functions below it need to know. */
struct ObjectCheck {
    struct LiteIpcTask *task;
    const struct IpcSend *send;
    struct OutboundLane *lane;
    uint64_t available;
    struct IpcObjects *objects;
    /* Rights that the receiver needs and does not have yet. */
    uint32_t grantCount;
    struct ControlObject grants[IPC_OBJECTS_MAX];
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
    if (check->lane->descriptorsSent - DescriptorsTaken(check->lane->cursors) +
            check->objects->descriptorCount >=
        IPC_DESCRIPTORS_MAX) {
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
 * HandleSvc: -1 is "me"; anything else must be a living task that this process may call. The receiver
 * gets the right when the whole message was found good.
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
        check->grants[check->grantCount++] =
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

/* The message's generation and task, as the notice for whoever has to send again says them. */
static uint64_t Waiter(const struct IpcSend *send)
{
    return ((uint64_t)send->targetTask << 32) | send->target.generation;
}

static int Ask(struct ObjectCheck *check, struct ControlMessage *message,
               enum ControlPendingKind kind)
{
    struct LiteIpcThread *thread = check->task->thread;
    struct ControlPending pending = {.kind = kind, .userData = Waiter(check->send)};
    int status = ThreadControlStart(thread, message, NULL, 0, pending);
    return status == 0 ? -EINPROGRESS : status;
}

static int GrantAll(struct ObjectCheck *check)
{
    int status = -ERESTART;
    for (uint32_t i = 0; i < check->grantCount; i++) {
        struct ControlMessage message = {
            .type = CONTROL_GRANT_ACCESS,
            .access = {.callerTaskID = check->task->taskID,
                       .processID = check->send->target.processID,
                       .processGeneration = check->send->target.processGeneration,
                       .serviceHandle = check->grants[i].id,
                       .serviceGeneration = check->grants[i].generation}};
        if (check->send->wait) {
            int granted = ThreadControlCall(check->task->thread, &message);
            if (granted != 0) {
                return granted;
            }
        } else {
            status = Ask(check, &message, PENDING_STEP);
            if (status != -EINPROGRESS) {
                return status;
            }
        }
    }
    return status;
}

static int SocketAsk(struct ObjectCheck *check)
{
    struct ControlMessage message = {.type = CONTROL_LANE_SOCKET,
                                     .object = {.id = check->lane->laneID}};
    if (!check->send->wait) {
        return Ask(check, &message, PENDING_SOCKET);
    }
    int descriptor = -1;
    int status = ThreadControlCallFor(check->task->thread, &message, &descriptor);
    if (status == 0) {
        OutboundLaneSocket(check->task->thread, message.object.id, &descriptor);
        status = -ERESTART;
    }
    if (descriptor >= 0) {
        (void)close(descriptor);
    }
    return status;
}

int HandleSpecialObjects(struct LiteIpcTask *task, const struct IpcSend *send,
                         struct OutboundLane *lane, uint64_t available,
                         struct IpcObjects *objects)
{
    const IpcMsg *msg = send->msg;
    struct ObjectCheck check = {.task = task,
                                .send = send,
                                .lane = lane,
                                .available = available,
                                .objects = objects};
    uint64_t next = 0; /* where the next object may begin */
    *objects = (struct IpcObjects){.count = msg->spObjNum};
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
    if (check.grantCount > 0) {
        return GrantAll(&check);
    }
    return objects->descriptorCount > 0 && lane->socket < 0 ? SocketAsk(&check) : 0;
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
        /* Zeroed first: what lies between the fields of the sender's object stays here. */
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
    uint16_t number = ++lane->descriptorBatch == 0 ? ++lane->descriptorBatch : lane->descriptorBatch;
    record->descriptors = number;
    return DescriptorsSend(lane, objects, number);
}
