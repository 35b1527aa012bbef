/**
 * A header and a source that are equivalent to driver 2.0 of the kernel for the comparison: they
 * have the names, layouts and error codes of `docs/kernel-map.md` and of the package's header.
 * Tests change these texts and check the differences that the comparison reports.
 */

export const HEADER = `/* The driver's interface, written for a test. */
#ifndef HM_LITEIPC_H
#define HM_LITEIPC_H

#include "sys/ioctl.h"
#include "los_config.h"

#ifdef __cplusplus
#if __cplusplus
extern "C" {
#endif
#endif

#define LITEIPC_DRIVER "/dev/lite_ipc"
#define LITEIPC_DRIVER_MODE 0644
#define MAX_SERVICE_NUM LOSCFG_BASE_CORE_TSK_LIMIT
#define USE_TIMESTAMP 1

typedef enum { HANDLE_NOT_USED, HANDLE_REGISTING, HANDLE_REGISTED } HandleStatus;
typedef struct { HandleStatus status; UINT32 taskID; UINTPTR maxMsgSize; } HandleInfo;
typedef struct { VOID *uvaddr; VOID *kvaddr; UINT32 poolSize; } IpcPool;
typedef struct {
    IpcPool pool;
    UINT32 ipcTaskID;
    LOS_DL_LIST ipcUsedNodelist;
    UINT32 access[LOSCFG_BASE_CORE_TSK_LIMIT];
} ProcIpcInfo;
typedef struct {
    LOS_DL_LIST msgListHead;
    BOOL accessMap[LOSCFG_BASE_CORE_PROCESS_LIMIT];
} IpcTaskInfo;

typedef enum { OBJ_FD, OBJ_PTR, OBJ_SVC } ObjType;
typedef struct { UINT32 buffSz; VOID *buff; } BuffPtr;
typedef struct { UINT32 handle; UINT32 token; UINT32 cookie; } SvcIdentity;
typedef union { UINT32 fd; BuffPtr ptr; SvcIdentity svc; } ObjContent;
typedef struct { ObjType type; ObjContent content; } SpecialObj;

typedef enum {
    MT_REQUEST,
    MT_REPLY,
    MT_FAILED_REPLY,
    MT_DEATH_NOTIFY,
    MT_NUM
} MsgType;

typedef struct { int32_t driverVersion; } IpcVersion;

#define IPC_IOC_MAGIC 'i'
#define IPC_SET_CMS _IO(IPC_IOC_MAGIC, 1)
#define IPC_CMS_CMD _IOWR(IPC_IOC_MAGIC, 2, CmsCmdContent)
#define IPC_SET_IPC_THREAD _IO(IPC_IOC_MAGIC, 3)
#define IPC_SEND_RECV_MSG _IOWR(IPC_IOC_MAGIC, 4, IpcContent)
#define IPC_GET_VERSION _IOR(IPC_IOC_MAGIC, 5, IpcVersion)

typedef enum { CMS_GEN_HANDLE, CMS_REMOVE_HANDLE, CMS_ADD_ACCESS } CmsCmd;
typedef struct { CmsCmd cmd; UINT32 taskID; UINT32 serviceHandle; } CmsCmdContent;
typedef enum { LITEIPC_FLAG_DEFAULT = 0, LITEIPC_FLAG_ONEWAY } IpcFlag;

typedef struct {
    MsgType type;
    SvcIdentity target;
    UINT32 code;
    UINT32 flag;
#if (USE_TIMESTAMP == 1)
    UINT64 timestamp;
#endif
    UINT32 dataSz;
    VOID *data;
    UINT32 spObjNum;
    VOID *offsets;
    UINT32 processID;
    UINT32 taskID;
#ifdef LOSCFG_SECURITY_CAPABILITY
    UINT32 userID;
    UINT32 gid;
#endif
} IpcMsg;

typedef struct { IpcMsg msg; LOS_DL_LIST listNode; } IpcListNode;

#define SEND (1 << 0)
#define RECV (1 << 1)
#define BUFF_FREE (1 << 2)

typedef struct {
    UINT32 flag;
    IpcMsg *outMsg;
    IpcMsg *inMsg;
    VOID *buffToFree;
} IpcContent;

extern UINT32 OsLiteIpcInit(VOID);
extern ProcIpcInfo *LiteIpcPoolReInit(const ProcIpcInfo *parent);
extern VOID LiteIpcRemoveServiceHandle(UINT32 taskID);
extern UINT32 LiteIpcPoolDestroy(UINT32 processID);

#ifdef __cplusplus
#if __cplusplus
}
#endif
#endif

#endif
`;

const PREAMBLE = `#include "hm_liteipc.h"
#include "los_mux.h"

#define USE_TASKID_AS_HANDLE 1
#define USE_MMAP 1
#define IPC_IO_DATA_MAX 8192UL
#define IPC_MSG_DATA_SZ_MAX \\
    (IPC_IO_DATA_MAX * sizeof(SpecialObj) / (sizeof(SpecialObj) + sizeof(size_t)))
#define IPC_MSG_OBJECT_NUM_MAX (IPC_MSG_DATA_SZ_MAX / sizeof(SpecialObj))
#define LITE_IPC_POOL_NAME "liteipc"
#define LITE_IPC_POOL_PAGE_MAX_NUM 64
#define LITE_IPC_POOL_PAGE_DEFAULT_NUM 16
#define LITE_IPC_POOL_MAX_SIZE (LITE_IPC_POOL_PAGE_MAX_NUM << PAGE_SHIFT)
#define LITE_IPC_POOL_DEFAULT_SIZE (LITE_IPC_POOL_PAGE_DEFAULT_NUM << PAGE_SHIFT)
#define LITE_IPC_POOL_UVADDR 0x10000000
#define INVAILD_ID (-1)
#define LITEIPC_TIMEOUT_MS 5000UL
#define LITEIPC_TIMEOUT_NS 5000000000ULL
#define MAJOR_VERSION (2)
#define MINOR_VERSION (0)
#define DRIVER_VERSION (MAJOR_VERSION | MINOR_VERSION << 16)

typedef struct { LOS_DL_LIST list; VOID *ptr; } IpcUsedNode;

STATIC LosMux g_mutex;
#if (USE_TASKID_AS_HANDLE == 1)
STATIC HandleInfo g_manager;
#else
STATIC HandleInfo g_handles[MAX_SERVICE_NUM];
#endif
SPIN_LOCK_INIT(g_lock);
#define IPC_LOCK(state) LOS_SpinLockSave(&g_lock, &(state))

STATIC UINT32 LiteIpcWrite(IpcContent *content);
`;

/** Functions with the error codes that each returns, and the form of the return statements. */
const FUNCTIONS: readonly (readonly [result: string, name: string, codes: string])[] = [
  ['UINT32', 'OsLiteIpcInit', ''],
  ['int', 'LiteIpcOpen', 'ENOMEM'],
  ['int', 'LiteIpcClose', ''],
  ['INT32', 'DoIpcMmap', 'EINVAL'],
  ['int', 'LiteIpcMmap', 'EINVAL EEXIST ENOMEM'],
  ['BOOL', 'IsPoolMapped', ''],
  ['UINT32', 'LiteIpcPoolInit', ''],
  ['ProcIpcInfo *', 'LiteIpcPoolCreate', ''],
  ['ProcIpcInfo *', 'LiteIpcPoolReInit', ''],
  ['VOID', 'LiteIpcPoolDelete', ''],
  ['UINT32', 'LiteIpcPoolDestroy', ''],
  ['IpcTaskInfo *', 'LiteIpcTaskInit', ''],
  ['VOID', 'EnableIpcNodeFreeByUser', ''],
  ['VOID *', 'LiteIpcNodeAlloc', ''],
  ['UINT32', 'LiteIpcNodeFree', ''],
  ['BOOL', 'IsIpcNode', ''],
  ['INTPTR', 'GetIpcUserAddr', ''],
  ['INTPTR', 'GetIpcKernelAddr', ''],
  ['UINT32', 'CheckUsedBuffer', 'EINVAL EFAULT'],
  ['UINT32', 'GetTid', 'EINVAL'],
  ['UINT32', 'GenerateServiceHandle', 'EINVAL'],
  ['VOID', 'RefreshServiceHandle', ''],
  ['UINT32', 'AddServiceAccess', 'EINVAL'],
  ['BOOL', 'HasServiceAccess', ''],
  ['UINT32', 'SetIpcTask', 'EINVAL'],
  ['BOOL', 'IsIpcTaskSet', ''],
  ['UINT32', 'GetIpcTaskID', ''],
  ['UINT32', 'SendDeathMsg', 'EINVAL'],
  ['VOID', 'LiteIpcRemoveServiceHandle', ''],
  ['UINT32', 'SetCms', 'EINVAL EEXIST'],
  ['BOOL', 'IsCmsSet', ''],
  ['BOOL', 'IsCmsTask', ''],
  ['BOOL', 'IsTaskAlive', ''],
  ['UINT32', 'HandleFd', ''],
  ['UINT32', 'HandlePtr', 'EINVAL'],
  ['UINT32', 'HandleSvc', 'EINVAL EACCES'],
  ['UINT32', 'HandleObj', 'EINVAL'],
  ['UINT32', 'HandleSpecialObjects', 'EINVAL'],
  ['UINT32', 'CheckMsgSize', 'EINVAL'],
  ['UINT32', 'CopyDataFromUser', ''],
  ['BOOL', 'IsValidReply', ''],
  ['UINT32', 'CheckPara', 'EINVAL EACCES ETIME'],
  ['UINT32', 'LiteIpcWrite', 'EINVAL ENOMEM'],
  ['UINT32', 'CheckReceivedMsg', 'EINVAL ENOENT'],
  ['UINT32', 'LiteIpcRead', 'ETIME ERFKILL'],
  ['UINT32', 'LiteIpcMsgHandle', 'EINVAL'],
  ['UINT32', 'HandleCmsCmd', 'EINVAL EACCES'],
  ['UINT32', 'HandleGetVersion', 'EINVAL'],
  ['int', 'LiteIpcIoctl', 'EINVAL ENOMEM'],
];

/** Returns a body that returns the codes: the first directly, the second through a variable, … */
function body(result: string, codes: readonly string[]): string {
  const lines = [
    '    UINT32 ret = LOS_OK;',
    '    LOS_DL_LIST_FOR_EACH_ENTRY(node, &g_list, Node, list) {',
  ];
  lines.push('        if (node->ptr == NULL) {', '            break;', '        }', '    }');
  codes.forEach((code, index) => {
    lines.push(`    if (Check(${index}) == -EAGAIN) {`);
    if (index % 2 === 0) lines.push(`        return -${code};`);
    else lines.push(`        ret = -${code};`, '        goto EXIT;');
    lines.push('    }');
  });
  lines.push('EXIT:');
  if (result === 'VOID') lines.push('    return;');
  else if (result.endsWith('*')) lines.push('    return NULL;');
  else lines.push('    return ret;');
  return lines.join('\n');
}

export const SOURCE = `${PREAMBLE}
${FUNCTIONS.map(([result, name, codes]) => {
  const list = codes.split(' ').filter((code) => code !== '');
  const gap = result.endsWith('*') ? '' : ' ';
  return `LITE_OS_SEC_TEXT STATIC ${result}${gap}${name}(UINT32 first, const VOID *second)
{
${body(result, list)}
}
`;
}).join('\n')}
LOS_MODULE_INIT(OsLiteIpcInit, LOS_INIT_LEVEL_KMOD_EXTENDED);
`;

/** Replaces a part of a text. Throws if the text does not contain the part exactly once. */
export function change(text: string, before: string, after: string): string {
  const parts = text.split(before);
  if (parts.length !== 2) throw new Error(`${parts.length - 1} positions have ${before}`);
  return parts.join(after);
}

/** Returns {@link SOURCE} without a function. */
export function withoutFunction(text: string, name: string): string {
  const start = text.lastIndexOf('LITE_OS_SEC_TEXT', text.indexOf(`${name}(UINT32 first`));
  const end = text.indexOf('\n}\n', start) + 3;
  if (start < 0 || end < 3) throw new Error(`no function ${name}`);
  return text.slice(0, start) + text.slice(end);
}
