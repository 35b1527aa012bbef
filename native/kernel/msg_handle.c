/* Implements LiteIpcMsgHandle: one IPC_SEND_RECV_MSG frees, sends and receives, in this order. */
#include <errno.h>
#include <string.h>

#include "kernel/message.h"
#include "kernel/node.h"
#include "kernel/pool.h"
#include "platform/clock.h"

/*
 * Reads the caller's message once, so that the checked message is the sent message. Omits the last
 * two fields, which a program compiled without LOSCFG_SECURITY_CAPABILITY does not have.
 */
static IpcMsg CopyHeader(const IpcMsg *outMsg)
{
    IpcMsg msg = {0};
    memcpy(&msg, outMsg, offsetof(IpcMsg, userID));
    return msg;
}

int LiteIpcMsgHandle(struct LiteIpcTask *task, IpcContent *content)
{
    struct LiteIpcThread *thread = task->thread;
    struct LiteIpcDevice *device = thread->device;
    struct IpcNode *node = NULL;
    int status = 0;
    IpcMsg msg = {0};
    struct IpcSend send = {.msg = &msg, .deadlineMs = LITEIPC_TIMEOUT_MS, .wait = true};
    if (content->flag & BUFF_FREE) {
        status = CheckUsedBuffer(&device->ipcInfo, content->buffToFree, &node);
        if (status != 0) {
            return status;
        }
        send.buffToFree = node;
    }
    if (content->flag & SEND) {
        status = content->outMsg == NULL ? -EINVAL : 0;
        if (status == 0) {
            msg = CopyHeader(content->outMsg);
            bool known =
                msg.type == MT_REQUEST || msg.type == MT_REPLY || msg.type == MT_FAILED_REPLY;
            status = known ? LiteIpcWrite(task, &send) : -EINVAL;
        }
    }
    /* Also after a failure: a reply that could not be sent has consumed its request. */
    if (node != NULL) {
        IpcNodeRelease(device, thread, node);
    }
    if (status != 0 || !(content->flag & RECV)) {
        return status;
    }
    if (!(content->flag & SEND)) {
        return LiteIpcRead(task, NULL, UINT64_MAX, &content->inMsg);
    }
    bool request = msg.type == MT_REQUEST;
    uint64_t deadline = (request ? send.timestamp : ClockNow()) + LITEIPC_TIMEOUT_NS;
    struct IpcCall call = {
        .used = request, /* a receiver of a reply is not expected to answer it */
        .timestamp = send.timestamp,
        .targetTask = send.targetTask,
        .targetGeneration = send.target.generation,
        .targetProcess = send.target.processID,
        .targetProcessGeneration = send.target.processGeneration,
    };
    return LiteIpcRead(task, &call, deadline, &content->inMsg);
}
