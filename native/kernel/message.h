/*
 * Sends and receives one message: the kernel's paths of these names. `task` is the calling task,
 * used on its own thread.
 */
#ifndef LITEIPC_KERNEL_MESSAGE_H
#define LITEIPC_KERNEL_MESSAGE_H

#include "kernel/control_blocks.h"

/* Describes an outgoing message and what the caller's interface of the driver adds to it. */
struct IpcSend {
    const IpcMsg *msg;
    /* Message that the same call frees (BUFF_FREE), which is what a reply answers; or NULL */
    struct IpcNode *buffToFree;
    uint32_t generation; /* requests: of the destination; 0: any */
    uint32_t deadlineMs; /* requests: later replies are refused; 0: never */
    uint32_t callIndex;  /* requests: see IpcRecord */
    bool wait;           /* blocks until a lane that is being opened is ready */

    /* Set by LiteIpcWrite for a request that was sent. */
    uint64_t timestamp; /* ns */
    struct ControlTaskFacts target;
    uint32_t targetTask;
    uint32_t revocations; /* of rights to the target, read before the caller's own right */
};

/* ---- Defined in write.c ---------------------------------------------------------------------- */

/*
 * CheckPara: checks sizes, right, and the request that a reply answers, in the kernel's order.
 * Fills in timestamp, target and targetTask.
 */
int CheckPara(struct LiteIpcTask *task, struct IpcSend *send);

/*
 * IsValidReply: returns true if `reply` answers the request in `node` and this process may answer
 * it.
 */
bool IsValidReply(const struct LiteIpcTask *task, const struct IpcNode *node, const IpcMsg *reply);

/*
 * LiteIpcWrite: checks the message, transfers its objects, writes it to the receiver's lane, and
 * rings if the lane is armed. Frees nothing. Returns the kernel's errors; without `wait`,
 * -EINPROGRESS while the lane is being opened; -ENODEV when the domain is gone. After an error
 * nothing was sent.
 */
int LiteIpcWrite(struct LiteIpcTask *task, struct IpcSend *send);

/* ---- Defined in read.c ----------------------------------------------------------------------- */

/*
 * CheckReceivedMsg: decides about a message for a task that waits for the reply to `call` (NULL: a
 * task that only receives). Returns 0 to deliver it, 1 to drop it, -ENOENT if the call failed. Sets
 * *reason to IPC_DROP_NONE if it is to be delivered, else to why not.
 */
int CheckReceivedMsg(const struct LiteIpcTask *task, const struct IpcNode *node,
                     const struct IpcCall *call, enum IpcDropReason *reason);

/*
 * LiteIpcRead: waits for the next message, or for the reply to `call`, and returns it in the user
 * view. Returns -ETIME at `deadline` (ns), -ENOENT when the call failed or its service ended,
 * -EMFILE when there is no room for the reply's descriptors, -EPROTO when they did not arrive,
 * -ERFKILL when the process ends, -ENODEV when the domain is gone.
 */
int LiteIpcRead(struct LiteIpcTask *task, const struct IpcCall *call, uint64_t deadline,
                IpcMsg **inMsg);

/*
 * Delivers a message to the program, which may free it from now on; *msg is its address in the user
 * view. Returns -EMFILE if this process has no room for its descriptors, -EPROTO if they did not
 * arrive; the caller then drops the message.
 */
int IpcDeliver(struct LiteIpcTask *task, struct IpcNode *node, IpcMsg **msg);
/* Returns the drop reason for a status of IpcDeliver. */
enum IpcDropReason IpcUndeliverable(int status);

/* ---- Defined in msg_handle.c ----------------------------------------------------------------- */

/* Handles IPC_SEND_RECV_MSG: frees, sends and receives, in this order. */
int LiteIpcMsgHandle(struct LiteIpcTask *task, IpcContent *content);

#endif
