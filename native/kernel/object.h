/*
 * Transfers special objects: descriptors, memory and services inside a message.
 *
 * The sender checks and rewrites them (HandleSpecialObjects, HandleObj, HandleFd, HandlePtr,
 * HandleSvc). The receiver gives them memory when the message arrives, and installs descriptors
 * when it is delivered. A dropped message releases everything.
 */
#ifndef LITEIPC_KERNEL_OBJECT_H
#define LITEIPC_KERNEL_OBJECT_H

#include "kernel/control_blocks.h"
#include "kernel/message.h"

/* Largest number of objects that any profile allows. */
#define IPC_OBJECTS_MAX 256U

/* Holds one object of an outgoing message, as it was when it was checked. */
struct IpcObject {
    uint32_t offset; /* in the data, bytes */
    SpecialObj object;
};

/* Holds the objects of an outgoing message. */
struct IpcObjects {
    uint32_t count;
    uint32_t buffersSize; /* bytes of all OBJ_PTR contents, each padded to 4 */
    uint32_t descriptorCount;
    uint32_t grantCount;
    struct IpcObject list[IPC_OBJECTS_MAX];
    struct ControlObject grants[IPC_OBJECTS_MAX]; /* services that the receiver may not call yet */
};

/* ---- Sender, defined in object_send.c -------------------------------------------------------- */

/*
 * Copies the message's objects and checks one after another, in the kernel's order of errors.
 * `available` is what the allowance leaves for OBJ_PTR contents, bytes. Changes nothing. Returns 0
 * if everything may be sent, else the error of the message.
 */
int HandleSpecialObjects(const struct LiteIpcTask *task, const struct IpcSend *send,
                         const struct OutboundLane *lane, uint64_t available,
                         struct IpcObjects *objects);

/* Returns true if ObjectsPrepare has to request something from the domain. */
bool ObjectsNeedDomain(const struct OutboundLane *lane, const struct IpcObjects *objects);

/*
 * Requests a socket for descriptors from the domain, and then, when nothing else can stop the
 * message, the rights that it grants. Only Linux's refusal to take the descriptors (too many of
 * this user are in flight) can come later. Returns -ERESTART when that is done: the caller checks
 * everything again, because the lane may be gone. Returns -EINPROGRESS (without send->wait) if a
 * lane notice will follow, else the error of the message.
 */
int ObjectsPrepare(struct LiteIpcTask *task, const struct IpcSend *send, struct OutboundLane *lane,
                   const struct IpcObjects *objects);

/*
 * Writes offsets, rewritten objects and buffers to a record whose data was copied, and sends the
 * descriptors before it is published. Returns 0, -EBADF or -ENOMEM; after an error the caller
 * publishes nothing.
 */
int ObjectsWrite(const IpcMsg *msg, struct OutboundLane *lane, const struct IpcObjects *objects,
                 struct IpcRecord *record);

/* ---- Receiver, defined in object_receive.c --------------------------------------------------- */

/*
 * Gives the objects of a message that was copied to `node` memory of their own. `buffers` are the
 * contents in the record, at most `maximum` bytes together. Returns 0, -ENOMEM if the message has
 * to wait, -EPROTO if it is malformed. After an error nothing is left but `node`.
 */
int ObjectsArrive(struct LiteIpcThread *thread, struct IpcNode *node, const char *buffers,
                  uint32_t buffersSize, uint64_t maximum);

/*
 * Prepares delivery to the program: its buffers may be freed from now on, and its descriptors are
 * installed. Returns -EPROTO if the descriptors did not arrive, -EMFILE if this process has no room
 * for them; the caller then drops the message.
 */
int ObjectsDeliver(struct LiteIpcThread *thread, struct IpcNode *node);

/* Releases the objects of a message that was not delivered. */
void ObjectsRollback(struct LiteIpcThread *thread, struct IpcNode *node);

/* Closes the descriptors of a record that is dropped. */
void DescriptorsDrop(struct InboundLane *lane, uint16_t number);
/* Closes the stored descriptors of a lane, and its socket. Its cursors are still mapped. */
void DescriptorsFree(struct InboundLane *lane);

#endif
