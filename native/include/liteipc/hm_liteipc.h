/*
 * The ABI of the LiteIPC device, driver 2.0: the names, numbers and layouts of the LiteOS-A kernel,
 * for programs that use `/dev/lite_ipc` through `open`, `mmap` and `ioctl`.
 *
 * Layouts are those of the compiling ABI. ILP32 is the reference (the small system); the assertions
 * at the end check the sizes of ILP32 and LP64.
 *
 * LOSCFG_SECURITY_CAPABILITY decides only whether `userID` and `gid` are declared at the end of
 * IpcMsg. This implementation always delivers them.
 *
 * Source: kernel/extended/liteipc/hm_liteipc.h of OpenHarmony's kernel_liteos_a (facts only).
 */
#ifndef HM_LITEIPC_H
#define HM_LITEIPC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LITEIPC_DRIVER      "/dev/lite_ipc"
#define LITEIPC_DRIVER_MODE 0644

#define DRIVER_MAJOR_VERSION 2
#define DRIVER_MINOR_VERSION 0
/* The driver version: the major number in bits 0 to 15, the minor number in bits 16 to 31. */
#define DRIVER_VERSION (DRIVER_MAJOR_VERSION | (DRIVER_MINOR_VERSION << 16))

/* The handle of the ServiceManager, in every process. */
#define CMS_HANDLE 0
/* No handle; in a SpecialObj of type OBJ_SVC: the sending task. */
#define INVALID_ID ((uint32_t)-1)

typedef enum {
    OBJ_FD,  /* a file descriptor */
    OBJ_PTR, /* a block of memory, copied to the receiver's pool */
    OBJ_SVC, /* a service; the receiver gets the right to call it */
} ObjType;

typedef enum {
    MT_REQUEST,      /* a request to a service */
    MT_REPLY,        /* the answer to a received request */
    MT_FAILED_REPLY, /* the answer that reports a failure: the caller gets ENOENT */
    MT_DEATH_NOTIFY, /* sent only by the kernel: a service has ended */
    MT_NUM,
} MsgType;

typedef enum {
    CMS_GEN_HANDLE,    /* makes a task a service */
    CMS_REMOVE_HANDLE, /* checks only the range of the handle */
    CMS_ADD_ACCESS,    /* lets a task's process call a service */
} CmsCmd;

typedef enum {
    LITEIPC_FLAG_DEFAULT = 0, /* the caller expects an answer */
    LITEIPC_FLAG_ONEWAY,      /* the request cannot be answered */
} IpcFlag;

/* The state of a service handle. The spelling is part of the upstream interface. */
typedef enum {
    HANDLE_NOT_USED,
    HANDLE_REGISTING,
    HANDLE_REGISTED,
} HandleStatus;

typedef struct {
    uint32_t buffSz; /* bytes */
    void *buff;
} BuffPtr;

typedef struct {
    uint32_t handle; /* the service's task ID, or 0 for the ServiceManager */
    uint32_t token;  /* selects an object inside the service */
    uint32_t cookie; /* private to the owner of the object */
} SvcIdentity;

typedef union {
    uint32_t fd;
    BuffPtr ptr;
    SvcIdentity svc;
} ObjContent;

typedef struct {
    ObjType type;
    ObjContent content;
} SpecialObj;

typedef struct {
    MsgType type;
    SvcIdentity target; /* the destination */
    uint32_t code;      /* the operation, defined by the service */
    uint32_t flag;      /* IpcFlag */
    uint64_t timestamp; /* ns; set when a request is sent; a reply repeats it */
    uint32_t dataSz;    /* bytes at `data` */
    void *data;
    uint32_t spObjNum;  /* number of entries at `offsets` */
    void *offsets;      /* uint32_t each: the offset of a SpecialObj in `data`, in bytes */
    uint32_t processID; /* the sender's; set by the driver */
    uint32_t taskID;    /* the sender's; set by the driver */
#ifdef LOSCFG_SECURITY_CAPABILITY
    uint32_t userID; /* the sender's; set by the driver */
    uint32_t gid;    /* the sender's; set by the driver */
#endif
} IpcMsg;

/* Bits of IpcContent.flag. A call with several bits frees, sends and receives, in this order. */
#define SEND      (1U << 0)
#define RECV      (1U << 1)
#define BUFF_FREE (1U << 2)

typedef struct {
    uint32_t flag;
    IpcMsg *outMsg;   /* with SEND */
    IpcMsg *inMsg;    /* set by RECV: in the pool, read-only, valid until freed */
    void *buffToFree; /* with BUFF_FREE: an inMsg of an earlier call, or the buffer of an OBJ_PTR */
} IpcContent;

typedef struct {
    CmsCmd cmd;
    uint32_t taskID;
    uint32_t serviceHandle;
} CmsCmdContent;

typedef struct {
    int32_t driverVersion;
} IpcVersion;

#define IPC_IOC_MAGIC      'i'
#define IPC_SET_CMS        _IO(IPC_IOC_MAGIC, 1)
#define IPC_CMS_CMD        _IOWR(IPC_IOC_MAGIC, 2, CmsCmdContent)
#define IPC_SET_IPC_THREAD _IO(IPC_IOC_MAGIC, 3)
#define IPC_SEND_RECV_MSG  _IOWR(IPC_IOC_MAGIC, 4, IpcContent)
#define IPC_GET_VERSION    _IOR(IPC_IOC_MAGIC, 5, IpcVersion)

#define IPC_IO_DATA_MAX 8192
#define IPC_MSG_DATA_SZ_MAX                                                                        \
    (IPC_IO_DATA_MAX * sizeof(SpecialObj) / (sizeof(SpecialObj) + sizeof(size_t)))
#define IPC_MSG_OBJECT_NUM_MAX (IPC_MSG_DATA_SZ_MAX / sizeof(SpecialObj))

#ifdef __cplusplus
#define HM_LITEIPC_ASSERT(condition) static_assert(condition, #condition)
#else
#define HM_LITEIPC_ASSERT(condition) _Static_assert(condition, #condition)
#endif

HM_LITEIPC_ASSERT(sizeof(ObjType) == 4 && sizeof(MsgType) == 4 && sizeof(CmsCmd) == 4);
HM_LITEIPC_ASSERT(sizeof(SvcIdentity) == 12 && sizeof(CmsCmdContent) == 12);
HM_LITEIPC_ASSERT(IPC_SET_CMS == 0x6901 && IPC_CMS_CMD == 0xC00C6902U);
HM_LITEIPC_ASSERT(IPC_SET_IPC_THREAD == 0x6903 && IPC_GET_VERSION == 0x80046905U);
HM_LITEIPC_ASSERT(offsetof(IpcMsg, target) == 4 && offsetof(IpcMsg, code) == 16);
HM_LITEIPC_ASSERT(offsetof(IpcMsg, flag) == 20 && offsetof(IpcMsg, timestamp) == 24);
HM_LITEIPC_ASSERT(offsetof(IpcMsg, dataSz) == 32);
#if UINTPTR_MAX == 0xFFFFFFFFU
HM_LITEIPC_ASSERT(sizeof(SpecialObj) == 16 && offsetof(SpecialObj, content) == 4);
HM_LITEIPC_ASSERT(sizeof(IpcContent) == 16 && IPC_SEND_RECV_MSG == 0xC0106904U);
HM_LITEIPC_ASSERT(IPC_MSG_DATA_SZ_MAX == 6553 && IPC_MSG_OBJECT_NUM_MAX == 409);
HM_LITEIPC_ASSERT(offsetof(IpcMsg, data) == 36 && offsetof(IpcMsg, spObjNum) == 40);
HM_LITEIPC_ASSERT(offsetof(IpcMsg, offsets) == 44 && offsetof(IpcMsg, processID) == 48);
HM_LITEIPC_ASSERT(offsetof(IpcMsg, taskID) == 52);
#ifdef LOSCFG_SECURITY_CAPABILITY
HM_LITEIPC_ASSERT(offsetof(IpcMsg, userID) == 56 && offsetof(IpcMsg, gid) == 60);
HM_LITEIPC_ASSERT(sizeof(IpcMsg) == 64);
#else
HM_LITEIPC_ASSERT(sizeof(IpcMsg) == 56);
#endif
#else
HM_LITEIPC_ASSERT(sizeof(SpecialObj) == 24 && offsetof(SpecialObj, content) == 8);
HM_LITEIPC_ASSERT(sizeof(IpcContent) == 32 && IPC_SEND_RECV_MSG == 0xC0206904U);
HM_LITEIPC_ASSERT(IPC_MSG_DATA_SZ_MAX == 6144 && IPC_MSG_OBJECT_NUM_MAX == 256);
HM_LITEIPC_ASSERT(offsetof(IpcMsg, data) == 40 && offsetof(IpcMsg, spObjNum) == 48);
HM_LITEIPC_ASSERT(offsetof(IpcMsg, offsets) == 56 && offsetof(IpcMsg, processID) == 64);
HM_LITEIPC_ASSERT(offsetof(IpcMsg, taskID) == 68);
#ifdef LOSCFG_SECURITY_CAPABILITY
HM_LITEIPC_ASSERT(offsetof(IpcMsg, userID) == 72 && offsetof(IpcMsg, gid) == 76);
HM_LITEIPC_ASSERT(sizeof(IpcMsg) == 80);
#else
HM_LITEIPC_ASSERT(sizeof(IpcMsg) == 72);
#endif
#endif

#undef HM_LITEIPC_ASSERT

#ifdef __cplusplus
}
#endif

#endif
