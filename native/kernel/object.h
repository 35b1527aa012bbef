/*
 * Special objects: descriptors, memory and services inside a message.
 *
 * The sender checks and rewrites them (HandleSpecialObjects, HandleObj, HandleFd, HandlePtr,
 * HandleSvc; object_send.c). The receiver takes ownership: of memory when the message arrives, of
 * descriptors when it is delivered (object_receive.c). A dropped message releases everything.
 */
#ifndef LITEIPC_KERNEL_OBJECT_H
#define LITEIPC_KERNEL_OBJECT_H

#include "kernel/control_blocks.h"
#include "kernel/message.h"

/* Most objects of a message in any profile. */
#define IPC_OBJECTS_MAX 256U

/* One object of an outgoing message, as it was checked. */
struct IpcObject {
    uint32_t offset; /* offset in the data */
    SpecialObj object;
};

/* The objects of an outgoing message. */
struct IpcObjects {
    uint32_t count;
    uint32_t buffersSize; /* bytes of all OBJ_PTR contents, each padded to 4 */
    uint32_t descriptorCount;
    uint32_t grantCount;
    struct IpcObject list[IPC_OBJECTS_MAX];
    struct ControlObject grants[IPC_OBJECTS_MAX]; /* services that the receiver may not call yet */
};

/*
 * Sender: copies the message's objects and checks them in order, with the kernel's order of errors.
 * `available` is the remaining allowance for OBJ_PTR contents, bytes. Changes nothing. Returns 0 if
 * all may be sent, else the error of the message.
 */
int HandleSpecialObjects(const struct LiteIpcTask *task, const struct IpcSend *send,
                         const struct OutboundLane *lane, uint64_t available,
                         struct IpcObjects *objects);

/* Returns whether ObjectsPrepare has to ask the domain for something. */
bool ObjectsNeedDomain(const struct OutboundLane *lane, const struct IpcObjects *objects);

/*
 * Sender: asks the domain for a socket for descriptors, and then, when nothing else can stop the
 * message, for the rights that come with it. Only the kernel's own refusal of the descriptors (too
 * many of this user are in flight) can come later. -ERESTART: done, check everything again, because
 * the lane may be gone. -EINPROGRESS (without send->wait): requested, a lane notice will come. Else
 * the error of the message.
 */
int ObjectsPrepare(struct LiteIpcTask *task, const struct IpcSend *send, struct OutboundLane *lane,
                   const struct IpcObjects *objects);

/*
 * Sender: writes offsets, rewritten objects and buffers to a record whose data was copied, and
 * sends the descriptors first. Returns 0, -EBADF or -ENOMEM; after an error nothing may be
 * published.
 */
int ObjectsWrite(const IpcMsg *msg, struct OutboundLane *lane, const struct IpcObjects *objects,
                 struct IpcRecord *record);

/*
 * Receiver: allocates memory for the objects of a message that was copied to `node`. `buffers` are
 * the contents in the record; together they are at most `maximum` bytes. 0; -ENOMEM: the message
 * has to wait; -EPROTO: malformed. After an error only `node` is left.
 */
int ObjectsArrive(struct LiteIpcThread *thread, struct IpcNode *node, const char *buffers,
                  uint32_t buffersSize, uint64_t maximum);

/*
 * Receiver: prepares the delivery of a message to the program: its buffers may be freed from now
 * on, its descriptors are installed. -EPROTO: the descriptors did not come; -EMFILE: this process
 * has no room for them. The message must be dropped then.
 */
int ObjectsDeliver(struct LiteIpcThread *thread, struct IpcNode *node);

/* Receiver: releases the objects of a message that was not delivered. */
void ObjectsRollback(struct LiteIpcThread *thread, struct IpcNode *node);

/* Receiver: closes the descriptors of a record that is dropped. */
void DescriptorsDrop(struct InboundLane *lane, uint16_t number);
/*
 * Receiver: closes everything that is stored for a lane, and its socket. Its cursors still exist.
 */
void DescriptorsFree(struct InboundLane *lane);

#endif
