/*
 * Sending and receiving one message: the kernel's paths of these names. `task` is the calling task,
 * used on its own thread.
 */
#ifndef LITEIPC_KERNEL_MESSAGE_H
#define LITEIPC_KERNEL_MESSAGE_H

#include "kernel/control_blocks.h"

/* A message on its way out, and what the caller's face of the driver adds to it. */
struct IpcSend {
    const IpcMsg *msg;
    /* The message that the same call frees (BUFF_FREE), which is what a reply answers; or NULL. */
    struct IpcNode *buffToFree;
    uint32_t generation; /* requests: of the destination, 0 = whichever is there */
    uint32_t deadlineMs; /* requests: answers after so long are refused; 0 = never */
    uint32_t callIndex;  /* requests: see IpcRecord */
    bool wait;           /* for a lane that is being made */

    /* Set by LiteIpcWrite for a request that was sent. */
    uint64_t timestamp;
    struct ControlTaskFacts target;
    uint32_t targetTask;
    uint32_t revocations; /* of rights to it, before the own right was looked at */
};

/*
 * CheckPara: the sizes, the right, the request that a reply answers, in the kernel's order. Fills
 * in timestamp, target and targetTask.
 */
int CheckPara(struct LiteIpcTask *task, struct IpcSend *send);

/* IsValidReply: does `reply` answer the request in `node`, and may this process answer it. */
bool IsValidReply(const struct LiteIpcTask *task, const struct IpcNode *node, const IpcMsg *reply);

/*
 * LiteIpcWrite: checks, passes objects on, puts the message in the receiver's lane, rings if it
 * sleeps. Frees nothing.
 * As in the kernel, and -EINPROGRESS without `wait` while the lane is being made, -ENODEV when the
 * domain is gone. After an error nothing was sent.
 */
int LiteIpcWrite(struct LiteIpcTask *task, struct IpcSend *send);

/*
 * What a message means to a task that waits for the answer to `call` (NULL: to a task that just
 * receives). CheckReceivedMsg of the kernel: 0 = deliver, 1 = drop, -ENOENT = the call failed.
 * *reason is set unless it is to be delivered.
 */
int CheckReceivedMsg(const struct LiteIpcTask *task, const struct IpcNode *node,
                     const struct IpcCall *call, enum IpcDropReason *reason);

/*
 * LiteIpcRead: waits for the next message, or for the answer to `call`, and hands it out in the
 * user view. -ETIME at `deadline` (ns), -ENOENT when the call failed or its service died,
 * -EMFILE when the answer's descriptors find no room, -EPROTO when they did not come, -ERFKILL when
 * the process ends, -ENODEV when the domain is gone.
 */
int LiteIpcRead(struct LiteIpcTask *task, const struct IpcCall *call, uint64_t deadline,
                IpcMsg **inMsg);

/*
 * A message for `task` goes to the program, which may free it from now on: *msg is the program's
 * address of it. -EMFILE: this process has no room for its descriptors; -EPROTO: they did not come.
 * Then it has to be dropped.
 */
int IpcDeliver(struct LiteIpcTask *task, struct IpcNode *node, IpcMsg **msg);
/* Why it has to be, from the status of IpcDeliver. */
enum IpcDropReason IpcUndeliverable(int status);

/* IPC_SEND_RECV_MSG: frees, sends and receives, in this order. */
int LiteIpcMsgHandle(struct LiteIpcTask *task, IpcContent *content);

#endif
