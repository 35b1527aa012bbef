/*
 * Declares what a program for the kernel has in its own header: the same names and layouts without
 * LOSCFG_SECURITY_CAPABILITY, so that IpcMsg has 72 bytes. Nothing here is taken from the library
 * under test.
 */
#ifndef OWN_ABI_H
#define OWN_ABI_H

#include <stdint.h>
#include <sys/ioctl.h>

#define LITEIPC_DRIVER "/dev/lite_ipc"

typedef enum { OBJ_FD, OBJ_PTR, OBJ_SVC } ObjType;
typedef enum { MT_REQUEST, MT_REPLY, MT_FAILED_REPLY, MT_DEATH_NOTIFY, MT_NUM } MsgType;
typedef enum { CMS_GEN_HANDLE, CMS_REMOVE_HANDLE, CMS_ADD_ACCESS } CmsCmd;
typedef enum { LITEIPC_FLAG_DEFAULT, LITEIPC_FLAG_ONEWAY } IpcFlag;

typedef struct {
    uint32_t handle, token, cookie;
} SvcIdentity;

typedef struct {
    ObjType type;
    union {
        uint32_t fd;
        struct {
            uint32_t buffSz;
            void *buff;
        } ptr;
        SvcIdentity svc;
    } content;
} SpecialObj;

typedef struct {
    MsgType type;
    SvcIdentity target;
    uint32_t code;
    uint32_t flag;
    uint64_t timestamp;
    uint32_t dataSz;
    void *data;
    uint32_t spObjNum;
    void *offsets;
    uint32_t processID;
    uint32_t taskID;
} IpcMsg;

#define SEND      (1 << 0)
#define RECV      (1 << 1)
#define BUFF_FREE (1 << 2)

typedef struct {
    uint32_t flag;
    IpcMsg *outMsg;
    IpcMsg *inMsg;
    void *buffToFree;
} IpcContent;

typedef struct {
    CmsCmd cmd;
    uint32_t taskID;
    uint32_t serviceHandle;
} CmsCmdContent;

typedef struct {
    int32_t driverVersion;
} IpcVersion;

#define IPC_SET_CMS        _IO('i', 1)
#define IPC_CMS_CMD        _IOWR('i', 2, CmsCmdContent)
#define IPC_SET_IPC_THREAD _IO('i', 3)
#define IPC_SEND_RECV_MSG  _IOWR('i', 4, IpcContent)
#define IPC_GET_VERSION    _IOR('i', 5, IpcVersion)

#endif
