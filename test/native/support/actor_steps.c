/* Implements the device's operations as steps, each of which runs in the actor's thread. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "support/actors.h"

/* Defined in actors.c: the message that the actor sends. */
IpcMsg *ActorOut(struct Actor *actor);
IpcContent *ActorContent(struct Actor *actor);

static int OpenStep(struct Actor *actor, void *argument)
{
    (void)argument;
    return LiteIpcOpen(ActorTask(actor));
}

int ActorOpen(struct Actor *actor)
{
    return ActorRun(actor, OpenStep, NULL);
}

struct MapStep {
    size_t size;
    int prot, flags;
};

static int MapStep(struct Actor *actor, void *argument)
{
    const struct MapStep *step = argument;
    void *address = NULL;
    int status = LiteIpcMmap(ActorTask(actor), step->size, step->prot, step->flags, &address);
    return status == 0 && address == NULL ? -EFAULT : status;
}

int ActorMap(struct Actor *actor, size_t size, int prot, int flags)
{
    struct MapStep step = {.size = size, .prot = prot, .flags = flags};
    return ActorRun(actor, MapStep, &step);
}

struct IoctlStep {
    unsigned cmd;
    unsigned long arg;
};

static int IoctlStep(struct Actor *actor, void *argument)
{
    const struct IoctlStep *step = argument;
    return LiteIpcIoctl(ActorTask(actor), step->cmd, step->arg);
}

int ActorIoctl(struct Actor *actor, unsigned cmd, unsigned long arg)
{
    struct IoctlStep step = {.cmd = cmd, .arg = arg};
    return ActorRun(actor, IoctlStep, &step);
}

int ActorSetCms(struct Actor *actor, unsigned long maxMsgSize)
{
    return ActorIoctl(actor, IPC_SET_CMS, maxMsgSize);
}

int ActorCmsCommand(struct Actor *actor, int cmd, uint32_t taskID, uint32_t *handle)
{
    CmsCmdContent content = {
        .cmd = (CmsCmd)cmd, .taskID = taskID, .serviceHandle = handle == NULL ? 0 : *handle};
    int status = ActorIoctl(actor, IPC_CMS_CMD, (unsigned long)&content);
    if (handle != NULL) {
        *handle = content.serviceHandle;
    }
    return status;
}

int ActorGrant(struct Actor *manager, const struct Actor *client, const struct Actor *service)
{
    uint32_t handle = ActorID(service);
    return ActorCmsCommand(manager, CMS_ADD_ACCESS, ActorID(client), &handle);
}

static int RevokeStep(struct Actor *actor, void *argument)
{
    struct LiteIpcControlRequest *request = argument;
    struct LiteIpcEvent event;
    request->task = ActorTask(actor);
    int status = LiteIpcControlStart(ActorThread(actor), request, 1);
    while (status == 0) {
        if (LiteIpcReceive(ActorThread(actor), &event, 1) == 1) {
            return event.kind == LITEIPC_EVENT_CONTROL ? event.status : -EPROTO;
        }
        status = LiteIpcWait(ActorThread(actor), TEST_DEADLINE_MS) >= 0 ? 0 : -ETIME;
    }
    return status;
}

int ActorRevoke(struct Actor *manager, const struct Actor *client, const struct Actor *service)
{
    struct LiteIpcControlRequest request = {.operation = LITEIPC_CONTROL_REMOVE_ACCESS,
                                            .value0 = ActorProcessID(client),
                                            .value1 = ActorID(service)};
    return ActorRun(manager, RevokeStep, &request);
}

static int MsgStep(struct Actor *actor, void *argument)
{
    return LiteIpcIoctl(ActorTask(actor), IPC_SEND_RECV_MSG, (unsigned long)argument);
}

static IpcContent *Prepare(struct Actor *actor, uint32_t flag, const IpcMsg *out,
                           const void *toFree)
{
    IpcContent *content = ActorContent(actor);
    *content = (IpcContent){.flag = flag, .buffToFree = (void *)(uintptr_t)toFree};
    if (out != NULL) {
        *ActorOut(actor) = *out;
        content->outMsg = ActorOut(actor);
    }
    return content;
}

void ActorMsgStart(struct Actor *actor, uint32_t flag, const IpcMsg *out, const void *toFree)
{
    ActorStart(actor, MsgStep, Prepare(actor, flag, out, toFree));
}

int ActorMsgEnd(struct Actor *actor, IpcMsg **in)
{
    int status = ActorJoin(actor);
    IpcMsg *received = ActorContent(actor)->inMsg;
    if (status == 0 && in != NULL) {
        *in = received;
    } else if (status == 0 && received != NULL) {
        assert_int_equal(ActorFree(actor, received), 0);
    }
    return status;
}

int ActorMsg(struct Actor *actor, uint32_t flag, const IpcMsg *out, const void *toFree, IpcMsg **in)
{
    (void)ActorRun(actor, MsgStep, Prepare(actor, flag, out, toFree));
    return ActorMsgEnd(actor, in);
}

int ActorSend(struct Actor *actor, const IpcMsg *out)
{
    return ActorMsg(actor, SEND, out, NULL, NULL);
}

int ActorReceive(struct Actor *actor, IpcMsg **in)
{
    return ActorMsg(actor, RECV, NULL, NULL, in);
}

int ActorFree(struct Actor *actor, const void *message)
{
    return ActorMsg(actor, BUFF_FREE, NULL, message, NULL);
}

IpcMsg ActorReplyTo(MsgType type, const IpcMsg *request, uint32_t code)
{
    return (IpcMsg){.type = type,
                    .target = {.handle = request->taskID},
                    .timestamp = request->timestamp,
                    .code = code};
}

int ActorReply(struct Actor *actor, MsgType type, const IpcMsg *request, uint32_t code)
{
    IpcMsg out = ActorReplyTo(type, request, code);
    return ActorMsg(actor, SEND | BUFF_FREE, &out, request, NULL);
}

IpcMsg ActorRequest(uint32_t handle, uint32_t code)
{
    return (IpcMsg){.type = MT_REQUEST, .target = {.handle = handle}, .code = code};
}

IpcMsg ActorOneway(uint32_t handle, uint32_t code)
{
    IpcMsg out = ActorRequest(handle, code);
    out.flag = LITEIPC_FLAG_ONEWAY;
    return out;
}

bool ActorIsMessage(const IpcMsg *msg, MsgType type, uint32_t code, const struct Actor *from)
{
    bool as =
        msg->type == type && msg->code == code &&
        (from == NULL || (msg->taskID == ActorID(from) && msg->processID == ActorProcessID(from)));
    if (!as) {
        print_error("got a message of type %u, code %u, from task %u of process %u\n", msg->type,
                    msg->code, msg->taskID, msg->processID);
    }
    return as;
}

bool ActorPoolIsEmpty(const struct Actor *actor)
{
    size_t nodes = 0;
    size_t bytes = 0;
    uint64_t deadline = TestDeadline();
    do {
        LiteIpcPoolCount(ActorDevice(actor), &nodes, &bytes);
        if (nodes == 0 && bytes == 0) {
            return true;
        }
    } while (TestRetry(deadline));
    print_error("the pool still holds %zu messages with %zu bytes\n", nodes, bytes);
    return false;
}
