/*
 * Describes the layout of a message in a lane and in the pool of its receiver.
 *
 * In the lane (written by the sender, never trusted): struct IpcRecord, then dataSz bytes of
 * data, padding to 4, then spObjNum offsets of 4 bytes, then the contents of its OBJ_PTR buffers in
 * the order of the offsets, each padded to 4.
 *
 * In the pool (written by the receiving process, read by its program): struct IpcNodePrefix, then
 * IpcListNode as in the kernel, then data, padding to 4, offsets. inMsg of the program is the
 * address of IpcListNode.msg in the user view. The buffer of an OBJ_PTR is a node of its own:
 * struct IpcNodePrefix, then its bytes, at the same distance.
 */
#ifndef LITEIPC_KERNEL_RECORD_H
#define LITEIPC_KERNEL_RECORD_H

#ifndef LOSCFG_SECURITY_CAPABILITY
#define LOSCFG_SECURITY_CAPABILITY
#endif
#include "kernel/list.h"
#include "liteipc/hm_liteipc.h"
#include "queue/ring.h"

/* IpcRecord.bits */
#define IPC_RECORD_TO_CMS 1U /* sent to handle 0: arrives with target.handle 0 */

struct IpcRecord {
    struct RingRecord ring;
    uint64_t timestamp; /* IpcMsg.timestamp, ns */
    uint64_t sentAt;    /* ns, for the order across senders */
    uint32_t destinationTask, destinationGeneration;
    uint32_t sourceTask, sourceGeneration;
    uint32_t code, token, cookie, flag;
    uint32_t dataSz;
    uint16_t spObjNum;
    uint8_t type; /* MsgType */
    uint8_t bits;
    uint32_t callIndex;   /* set by the caller, repeated by the reply; 0: none */
    uint32_t deadlineMs;  /* requests: replies later than timestamp + this are refused; 0: never */
    uint16_t processor;   /* processor of the sender; decides whether the receiver spins */
    uint16_t descriptors; /* number of its datagram in the lane's socket, from 1; 0: none */
    uint32_t buffersSize; /* bytes of all OBJ_PTR contents with their padding */
};

typedef struct {
    IpcMsg msg;
    LOS_DL_LIST listNode;
} IpcListNode;

struct InboundLane;

/* Holds what the core remembers of a message: in the pool, but not part of the kernel's node. */
struct IpcNodePrefix {
    struct InboundLane *lane; /* receives the charge; NULL for death notices */
    uint32_t charge;          /* bytes */
    uint32_t sourceGeneration;
    uint32_t callIndex;
    uint32_t deadlineMs;
    uint32_t destinationGeneration; /* 0: the buffer of an OBJ_PTR, or a death notice */
    uint16_t destinationTask;
    uint16_t descriptors; /* as in the record; 0 once installed or closed */
};

struct IpcNode {
    struct IpcNodePrefix prefix;
    IpcListNode node;
    /* data and offsets follow */
};

/* Returns false for the buffer of an OBJ_PTR, whatever its bytes are, and for a death notice. */
static inline bool IpcNodeIsMessage(const struct IpcNode *node)
{
    return node->prefix.destinationGeneration != 0;
}

_Static_assert(sizeof(struct IpcRecord) == 88, "wire layout: at most sizeof(IpcListNode)");
_Static_assert(sizeof(IpcListNode) == 96, "what the kernel charges for an empty message, LP64");
_Static_assert(sizeof(struct IpcNodePrefix) == 32, "data begins on a cache line of its own");
_Static_assert(sizeof(struct IpcNode) == 128, "data begins on a cache line of its own");

static inline uint32_t IpcAlign4(uint32_t size)
{
    return (size + 3U) & ~3U;
}

/* Returns the charge of a message, in bytes: what the kernel would allocate. */
static inline uint64_t IpcCharge(uint32_t dataSz, uint32_t spObjNum)
{
    return sizeof(IpcListNode) + (uint64_t)dataSz + sizeof(uint32_t) * (uint64_t)spObjNum;
}

/* Returns the bytes of a record. */
static inline uint32_t IpcRecordSize(uint32_t dataSz, uint32_t spObjNum)
{
    return (uint32_t)sizeof(struct IpcRecord) + IpcAlign4(dataSz) + 4U * spObjNum;
}

/* Returns the bytes of the same message in the pool. */
static inline uint32_t IpcNodeSize(uint32_t dataSz, uint32_t spObjNum)
{
    return (uint32_t)sizeof(struct IpcNode) + IpcAlign4(dataSz) + 4U * spObjNum;
}

/* Returns the bytes of the node of an OBJ_PTR buffer. */
static inline uint32_t IpcBufferNodeSize(uint32_t buffSz)
{
    return (uint32_t)sizeof(struct IpcNodePrefix) + IpcAlign4(buffSz);
}

#endif
