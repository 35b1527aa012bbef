/*
 * Special objects: descriptors, memory and services that travel inside a message.
 *
 * The sender checks and rewrites them (HandleSpecialObjects, HandleObj, HandleFd, HandlePtr,
 * HandleSvc; object_send.c), the receiver makes them its own: memory when the message arrives,
 * descriptors when it is delivered (object_receive.c). A dropped message gives everything back.
 */
#ifndef LITEIPC_KERNEL_OBJECT_H
#define LITEIPC_KERNEL_OBJECT_H

#include "kernel/control_blocks.h"
#include "kernel/message.h"

/* The most objects that any profile allows. */
#define IPC_OBJECTS_MAX 256U

/* One object of a message on its way out, as it was when it was checked. */
struct IpcObject {
    uint32_t offset; /* in the data */
    SpecialObj object;
};

/* The objects of a message on its way out. */
struct IpcObjects {
    uint32_t count;
    uint32_t buffersSize; /* bytes of all OBJ_PTR contents, each padded to 4 */
    uint32_t descriptorCount;
    uint32_t grantCount;
    struct IpcObject list[IPC_OBJECTS_MAX];
    struct ControlObject grants[IPC_OBJECTS_MAX]; /* services that the receiver may not call yet */
};

/*
 * Sender: takes a picture of the message's objects and checks them one after another, in the
 * kernel's order of errors. `available` is what is left of the allowance for OBJ_PTR contents,
 * bytes. Changes nothing. 0: everything may be sent. Else the error of the message.
 */
int HandleSpecialObjects(const struct LiteIpcTask *task, const struct IpcSend *send,
                         const struct OutboundLane *lane, uint64_t available,
                         struct IpcObjects *objects);

/* Is something missing that ObjectsPrepare has to ask the domain for? */
bool ObjectsNeedDomain(const struct OutboundLane *lane, const struct IpcObjects *objects);

/*
 * Sender: asks the domain for a way for descriptors, and then, when nothing else can stop the
 * message, for the rights that come with it. Only the kernel's own refusal to take the descriptors
 * (too many of this user are on their way) can come later. -ERESTART: done, look at everything
 * again, the lane may be gone. -EINPROGRESS (without send->wait): asked, a lane notice will come.
 * Else the error of the message.
 */
int ObjectsPrepare(struct LiteIpcTask *task, const struct IpcSend *send, struct OutboundLane *lane,
                   const struct IpcObjects *objects);

/*
 * Sender: writes offsets, rewritten objects and buffers to a record whose data was copied, and
 * sends the descriptors ahead. 0, -EBADF, or -ENOMEM; then nothing must be published.
 */
int ObjectsWrite(const IpcMsg *msg, struct OutboundLane *lane, const struct IpcObjects *objects,
                 struct IpcRecord *record);

/*
 * Receiver: gives the objects of a message that was copied to `node` memory of their own. `buffers`
 * are the contents in the record; together they are `maximum` bytes at most. 0; -ENOMEM: the
 * message has to wait; -EPROTO: malformed. After an error nothing is left but `node`.
 */
int ObjectsArrive(struct LiteIpcThread *thread, struct IpcNode *node, const char *buffers,
                  uint32_t buffersSize, uint64_t maximum);

/*
 * Receiver: the message is about to be handed to the program: its buffers may be freed from now on,
 * its descriptors are installed. -EPROTO: the descriptors did not come; -EMFILE: this process has
 * no room for them. The message must be dropped then.
 */
int ObjectsDeliver(struct LiteIpcThread *thread, struct IpcNode *node);

/* Receiver: a message that was not delivered gives its objects back. */
void ObjectsRollback(struct LiteIpcThread *thread, struct IpcNode *node);

/* Receiver: closes the descriptors of a record that is not wanted. */
void DescriptorsDrop(struct InboundLane *lane, uint16_t number);
/*
 * Receiver: closes everything that lies ready for a lane, and its socket. Its cursors are still
 * there.
 */
void DescriptorsFree(struct InboundLane *lane);

#endif
