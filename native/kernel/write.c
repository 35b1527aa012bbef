/* Implements LiteIpcWrite: turns a message of the caller into a record in the receiver's lane. */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "kernel/access.h"
#include "kernel/message.h"
#include "kernel/object.h"
#include "kernel/outbound.h"
#include "platform/clock.h"

/* A request's timestamp identifies it among the requests of its task, so no value repeats. */
static uint64_t NextTimestamp(struct LiteIpcTask *task)
{
    uint64_t now = ClockNow();
    task->lastTimestamp = now > task->lastTimestamp ? now : task->lastTimestamp + 1;
    return task->lastTimestamp;
}

bool IsValidReply(const struct LiteIpcTask *task, const struct IpcNode *node, const IpcMsg *reply)
{
    const IpcMsg *request = &node->node.msg;
    struct ControlTaskFacts addressed;
    if (!IpcNodeIsMessage(node) || request->type != MT_REQUEST ||
        request->flag == LITEIPC_FLAG_ONEWAY || reply->timestamp != request->timestamp ||
        reply->target.handle != request->taskID) {
        return false;
    }
    /* The request's service must still exist; any task of its process may answer for it. */
    return ControlTaskRead(task->thread->device->table, node->prefix.destinationTask, &addressed) ==
               0 &&
           addressed.state == CONTROL_ALIVE &&
           addressed.generation == node->prefix.destinationGeneration;
}

static bool TooLate(const struct IpcNode *request)
{
    uint32_t deadlineMs = request->prefix.deadlineMs;
    return deadlineMs != 0 &&
           ClockNow() > request->node.msg.timestamp + deadlineMs * NANOSECONDS_PER_MILLISECOND;
}

static int CheckSizes(const struct LiteIpcTask *task, const IpcMsg *msg)
{
    const struct ControlLimits *limits = &task->thread->device->table->limits;
    if ((msg->dataSz > 0 && msg->data == NULL) || (msg->spObjNum > 0 && msg->offsets == NULL) ||
        msg->dataSz > limits->dataLimit || msg->spObjNum > limits->objectLimit ||
        msg->dataSz < (uint64_t)msg->spObjNum * sizeof(SpecialObj)) {
        return -EINVAL;
    }
    return 0;
}

static uint32_t Revocations(const struct ControlTable *table, uint32_t handle)
{
    return handle < table->limits.taskLimit ? ControlRevocations(ControlTaskAt(table, handle)) : 0;
}

int CheckPara(struct LiteIpcTask *task, struct IpcSend *send)
{
    const IpcMsg *msg = send->msg;
    const struct LiteIpcDevice *device = task->thread->device;
    int status = CheckSizes(task, msg);
    if (status != 0) {
        return status;
    }
    uint32_t generation = send->generation;
    send->targetTask = msg->target.handle;
    if (msg->type == MT_REQUEST) {
        send->revocations = Revocations(device->table, msg->target.handle);
        if (!HasServiceAccess(device->table, device->identity.processID, msg->target.handle)) {
            return -EACCES;
        }
        if (msg->target.handle == CMS_HANDLE) {
            send->targetTask = GetCmsTaskID(device->table, &generation);
        }
        send->timestamp = NextTimestamp(task);
    } else {
        const struct IpcNode *request = send->buffToFree;
        if (request == NULL || !IsValidReply(task, request, msg)) {
            return -EINVAL;
        }
        if (TooLate(request)) {
            return -ETIME;
        }
        generation = request->prefix.sourceGeneration;
        send->timestamp = msg->timestamp;
    }
    if (ControlTaskRead(device->table, send->targetTask, &send->target) != 0 ||
        send->target.state != CONTROL_ALIVE ||
        (generation != 0 && generation != send->target.generation)) {
        return -EINVAL;
    }
    return 0;
}

/*
 * CheckMsgSize: checks the size that the ServiceManager accepts at handle 0, the buffers of OBJ_PTR
 * included.
 */
static int CheckMsgSize(const struct LiteIpcTask *task, const IpcMsg *msg)
{
    uint64_t size = sizeof(IpcMsg) + (uint64_t)msg->dataSz + 4ULL * msg->spObjNum;
    for (uint32_t i = 0; i < msg->spObjNum; i++) {
        uint32_t offset;
        SpecialObj object;
        memcpy(&offset, (const char *)msg->offsets + i * sizeof(offset), sizeof(offset));
        if ((uint64_t)offset + sizeof(object) > msg->dataSz) {
            return -EINVAL;
        }
        memcpy(&object, (const char *)msg->data + offset, sizeof(object));
        if (object.type == OBJ_PTR) {
            size += object.content.ptr.buffSz;
        }
    }
    /* relaxed: written before the role was published, which CheckPara has read with acquire */
    uint32_t maximum =
        atomic_load_explicit(&task->thread->device->table->cmsMaxMsgSize, memory_order_relaxed);
    return size > maximum ? -EINVAL : 0;
}

/* CopyDataFromUser: copies field by field, so that only the message leaves this process. */
static void CopyDataFromUser(const struct LiteIpcTask *task, const struct IpcSend *send,
                             struct RingRecord *record)
{
    const IpcMsg *msg = send->msg;
    struct IpcRecord *out = (struct IpcRecord *)record;
    bool request = msg->type == MT_REQUEST;
    out->timestamp = send->timestamp;
    out->sentAt = request ? send->timestamp : ClockNow();
    out->destinationTask = send->targetTask;
    out->destinationGeneration = send->target.generation;
    out->sourceTask = task->taskID;
    out->sourceGeneration = task->generation;
    out->code = msg->code;
    out->token = msg->target.token;
    out->cookie = msg->target.cookie;
    out->flag = msg->flag;
    out->dataSz = msg->dataSz;
    out->spObjNum = (uint16_t)msg->spObjNum;
    out->type = (uint8_t)msg->type;
    out->bits = request && msg->target.handle == CMS_HANDLE ? IPC_RECORD_TO_CMS : 0;
    out->callIndex = request ? send->callIndex : send->buffToFree->prefix.callIndex;
    out->deadlineMs = request ? send->deadlineMs : 0;
    int processor = sched_getcpu();
    out->processor = processor < 0 ? 0 : (uint16_t)processor;
    out->descriptors = 0;
    out->buffersSize = 0;
    if (msg->dataSz > 0) {
        char *data = (char *)(out + 1);
        memcpy(data, msg->data, msg->dataSz);
        memset(data + msg->dataSz, 0, IpcAlign4(msg->dataSz) - msg->dataSz);
    }
}

/*
 * Reserves room in the lane. To the sender, a message that can never fit and a broken lane look
 * like a full pool.
 */
static int Reserve(struct OutboundLane *lane, uint64_t size, uint64_t charge,
                   struct RingRecord **record)
{
    int status =
        size > UINT32_MAX ? -EMSGSIZE : RingReserve(&lane->writer, (uint32_t)size, charge, record);
    return status == -EMSGSIZE || status == -EPROTO ? -ENOMEM : status;
}

static bool IsForCms(const IpcMsg *msg)
{
    return msg->type == MT_REQUEST && msg->target.handle == CMS_HANDLE;
}

/* Reports the message as the kernel would have stamped it. */
HOOK_COLD static void WriteHook(struct LiteIpcTask *task, const struct IpcSend *send,
                                enum LosHookType type, uint32_t waitState, int reason)
{
    const struct ControlIdentity *identity = &task->thread->device->identity;
    IpcMsg msg = *send->msg;
    msg.timestamp = send->timestamp;
    msg.processID = identity->processID;
    msg.taskID = task->taskID;
    OsHookCall(task->thread, type, .task = task->taskID, .msg = &msg, .dstTask = send->targetTask,
               .dstProcess = send->target.processID, .waitState = waitState, .reason = reason);
}

static void Publish(struct LiteIpcTask *task, const struct IpcSend *send, struct OutboundLane *lane)
{
    /*
     * Reported before it can be read: a viewer of all traces, sorted by time, sees the write first.
     */
    if (HookIsOn(&task->thread->device->hooks, LOS_HOOK_TYPE_IPC_WRITE)) {
        uint32_t waitState = RingIsArmed(&lane->writer) ? IPC_WAIT_LITEIPC : IPC_WAIT_NONE;
        WriteHook(task, send, LOS_HOOK_TYPE_IPC_WRITE, waitState, 0);
    }
    OutboundLanePublish(task->thread, lane);
}

static int WritePlain(struct LiteIpcTask *task, struct IpcSend *send, struct OutboundLane *lane)
{
    const IpcMsg *msg = send->msg;
    struct RingRecord *record;
    int status = Reserve(lane, IpcRecordSize(msg->dataSz, 0), IpcCharge(msg->dataSz, 0), &record);
    if (status == 0 && IsForCms(msg)) {
        status = CheckMsgSize(task, msg);
    }
    if (status != 0) {
        RingAbandon(&lane->writer);
        return status;
    }
    CopyDataFromUser(task, send, record);
    Publish(task, send, lane);
    return 0;
}

/*
 * The kernel allocates the message, then its buffers one by one: no room for the message is ENOMEM,
 * none for a buffer is EINVAL. Here both come out of the same allowance, so the room for the
 * message alone is checked first.
 */
static int WriteWithObjects(struct LiteIpcTask *task, struct IpcSend *send,
                            struct OutboundLane *lane)
{
    const IpcMsg *msg = send->msg;
    uint64_t charge = IpcCharge(msg->dataSz, msg->spObjNum);
    uint64_t outstanding = RingOutstanding(&lane->writer);
    if (outstanding + charge > lane->allowance) {
        return -ENOMEM;
    }
    if (IsForCms(msg) && CheckMsgSize(task, msg) != 0) {
        return -EINVAL;
    }
    struct IpcObjects objects;
    int status =
        HandleSpecialObjects(task, send, lane, lane->allowance - outstanding - charge, &objects);
    if (status != 0) {
        return status;
    }
    struct RingRecord *record;
    uint64_t size = IpcRecordSize(msg->dataSz, msg->spObjNum);
    status = Reserve(lane, size + objects.buffersSize, charge + objects.buffersSize, &record);
    if (status == 0 && ObjectsNeedDomain(lane, &objects)) {
        RingAbandon(&lane->writer); /* the room was there: only this thread takes room */
        return ObjectsPrepare(task, send, lane, &objects);
    }
    if (status == 0) {
        CopyDataFromUser(task, send, record);
        status = ObjectsWrite(msg, lane, &objects, (struct IpcRecord *)record);
    }
    if (status != 0) {
        RingAbandon(&lane->writer);
        return status;
    }
    Publish(task, send, lane);
    return 0;
}

static int Write(struct LiteIpcTask *task, struct IpcSend *send)
{
    struct LiteIpcThread *thread = task->thread;
    const IpcMsg *msg = send->msg;
    if (thread->lost) {
        return -ENODEV;
    }
    int status;
    do {
        status = CheckPara(task, send);
        if (status != 0) {
            return status;
        }
        const struct ControlProcess *process =
            ControlProcessAt(thread->device->table, send->target.processID);
        /* acquire: pairs with the domain's release when the process opens the device */
        if (atomic_load_explicit(&process->opened, memory_order_acquire) == 0) {
            return -EINVAL;
        }
        struct OutboundLane *lane;
        status = OutboundLaneGet(thread, send->targetTask, &send->target, task->taskID,
                                 msg->type != MT_REQUEST, send->wait, &lane);
        if (status != 0) {
            return status;
        }
        status =
            msg->spObjNum == 0 ? WritePlain(task, send, lane) : WriteWithObjects(task, send, lane);
        /* The domain had to be asked, and anything may have changed meanwhile. */
    } while (status == -ERESTART);
    return status;
}

int LiteIpcWrite(struct LiteIpcTask *task, struct IpcSend *send)
{
    send->targetTask = send->msg->target.handle;
    send->timestamp = send->msg->type == MT_REQUEST ? 0 : send->msg->timestamp;
    int status = Write(task, send);
    /* -EINPROGRESS is no refusal: the same message is sent again. */
    if (status != 0 && status != -EINPROGRESS &&
        HookIsOn(&task->thread->device->hooks, LOS_HOOK_TYPE_IPC_WRITE_DROP)) {
        WriteHook(task, send, LOS_HOOK_TYPE_IPC_WRITE_DROP, IPC_WAIT_NONE, status);
    }
    return status;
}
