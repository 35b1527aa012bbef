/*
 * Sends and receives one message: the kernel's paths of these names. `task` is the calling task,
 * used on its own thread.
 */
#ifndef LITEIPC_KERNEL_MESSAGE_H
#define LITEIPC_KERNEL_MESSAGE_H

#include "kernel/control_blocks.h"

/* An outgoing message, and what the caller's face of the driver adds to it. */
struct IpcSend {
    const IpcMsg *msg;
    /* The message that the same call frees (BUFF_FREE), which a reply answers; or NULL. */
    struct IpcNode *buffToFree;
    uint32_t generation; /* requests: generation of the destination, 0 = any */
    uint32_t deadlineMs; /* requests: later answers are refused; 0 = never */
    uint32_t callIndex;  /* requests: see IpcRecord */
    bool wait;           /* waits for a lane that is being made */

    /* LiteIpcWrite sets these for a request that was sent. */
    uint64_t timestamp;
    struct ControlTaskFacts target;
    uint32_t targetTask;
    uint32_t revocations; /* revocations of rights to it, read before the own right was checked */
};

/*
 * CheckPara: checks the sizes, the right, and the request that a reply answers, in the kernel's
 * order. Fills in timestamp, target and targetTask.
 */
int CheckPara(struct LiteIpcTask *task, struct IpcSend *send);

/*
 * IsValidReply: returns whether `reply` answers the request in `node` and this process may answer
 * it.
 */
bool IsValidReply(const struct LiteIpcTask *task, const struct IpcNode *node, const IpcMsg *reply);

/*
 * LiteIpcWrite: checks, passes objects on, publishes the message in the receiver's lane, and rings
 * if it sleeps. Frees nothing. Errors as in the kernel, and -EINPROGRESS without `wait` while the
 * lane is being made, -ENODEV if the domain is gone. After an error nothing was sent.
 */
int LiteIpcWrite(struct LiteIpcTask *task, struct IpcSend *send);

/*
 * CheckReceivedMsg of the kernel: decides what a message means to a task that waits for the answer
 * to `call` (NULL: to a task that just receives). 0 = deliver, 1 = drop, -ENOENT = the call failed.
 * *reason is set unless the message has to be delivered.
 */
int CheckReceivedMsg(const struct LiteIpcTask *task, const struct IpcNode *node,
                     const struct IpcCall *call, enum IpcDropReason *reason);

/*
 * LiteIpcRead: waits for the next message, or for the answer to `call`, and returns its address in
 * the user view. -ETIME at `deadline` (ns), -ENOENT if the call failed or its service ended,
 * -EMFILE if the answer's descriptors find no room, -EPROTO if they did not come, -ERFKILL if the
 * process ends, -ENODEV if the domain is gone.
 */
int LiteIpcRead(struct LiteIpcTask *task, const struct IpcCall *call, uint64_t deadline,
                IpcMsg **inMsg);

/*
 * Delivers a message for `task` to the program, which may free it from now on: *msg is the
 * program's address of it. -EMFILE: this process has no room for its descriptors; -EPROTO: they did
 * not come. The caller then drops the message.
 */
int IpcDeliver(struct LiteIpcTask *task, struct IpcNode *node, IpcMsg **msg);
/* Returns the reason for dropping it, from the status of IpcDeliver. */
enum IpcDropReason IpcUndeliverable(int status);

/* IPC_SEND_RECV_MSG: frees, sends and receives, in this order. */
int LiteIpcMsgHandle(struct LiteIpcTask *task, IpcContent *content);

#endif
