/**
 * Facts about driver 2.0 of the LiteOS-A kernel that this package's own header does not state,
 * because they are internal to the kernel: functions with their error codes, structures, and
 * constants. Facts only, in this project's own words.
 */

/** Where this package has a function of the kernel under another name. */
export interface Counterpart {
  /** A function, or a member written `Structure.field`. */
  readonly name: string;
  /** File below `native/`. */
  readonly file: string;
}

export interface KernelFunction {
  readonly name: string;
  /** Error codes that the function itself produces. */
  readonly codes: readonly string[];
  /** Codes that may appear in the function or in one that it calls. */
  readonly optional: readonly string[];
  readonly counterpart: Counterpart | undefined;
  /** True if the header declares the function for the rest of the kernel. */
  readonly isPublic: boolean;
}

/** Function: its own codes, then in brackets the optional ones. */
const CODES: Readonly<Record<string, string>> = {
  OsLiteIpcInit: '',
  LiteIpcOpen: '(ENOMEM)',
  LiteIpcClose: '',
  LiteIpcMmap: 'EEXIST EINVAL (ENOMEM)',
  DoIpcMmap: '(EINVAL)',
  IsPoolMapped: '',
  LiteIpcPoolInit: '',
  LiteIpcPoolCreate: '',
  LiteIpcPoolReInit: '',
  LiteIpcPoolDelete: '',
  LiteIpcPoolDestroy: '(EINVAL)',
  LiteIpcTaskInit: '',
  EnableIpcNodeFreeByUser: '',
  LiteIpcNodeAlloc: '',
  LiteIpcNodeFree: '',
  IsIpcNode: '',
  GetIpcUserAddr: '',
  GetIpcKernelAddr: '',
  CheckUsedBuffer: 'EFAULT EINVAL',
  GetTid: 'EINVAL',
  GenerateServiceHandle: 'EINVAL',
  RefreshServiceHandle: '',
  AddServiceAccess: 'EINVAL',
  HasServiceAccess: '',
  SetIpcTask: 'EINVAL',
  IsIpcTaskSet: '',
  GetIpcTaskID: '',
  SendDeathMsg: 'EINVAL',
  LiteIpcRemoveServiceHandle: '',
  SetCms: 'EEXIST EINVAL',
  IsCmsSet: '',
  IsCmsTask: '',
  IsTaskAlive: '',
  HandleFd: '(EBADF)',
  HandlePtr: 'EINVAL',
  HandleSvc: 'EACCES EINVAL',
  HandleObj: 'EINVAL',
  HandleSpecialObjects: 'EINVAL',
  CheckMsgSize: 'EINVAL',
  CopyDataFromUser: '',
  IsValidReply: '',
  CheckPara: 'EACCES EINVAL ETIME',
  LiteIpcWrite: 'EINVAL ENOMEM',
  CheckReceivedMsg: 'EINVAL ENOENT',
  LiteIpcRead: 'ERFKILL ETIME (ENOENT)',
  LiteIpcMsgHandle: 'EINVAL',
  HandleCmsCmd: 'EACCES EINVAL',
  HandleGetVersion: '(EINVAL)',
  LiteIpcIoctl: 'EINVAL ENOMEM',
};

const COUNTERPARTS: Readonly<Record<string, Counterpart>> = {
  LiteIpcPoolCreate: { name: 'LiteIpcOpen', file: 'device/ioctl.c' },
  LiteIpcPoolDestroy: { name: 'LiteIpcDeviceDetach', file: 'device/device.c' },
  LiteIpcTaskInit: { name: 'ServiceQueueMake', file: 'kernel/control_path/service.c' },
  IsIpcNode: { name: 'SlabPoolTakeUser', file: 'mem/slab_pool.c' },
  GetTid: { name: 'LiteIpcTask.taskID', file: 'kernel/control_blocks.h' },
};

const PUBLIC = new Set([
  'OsLiteIpcInit',
  'LiteIpcPoolReInit',
  'LiteIpcPoolDestroy',
  'LiteIpcRemoveServiceHandle',
]);

export const KERNEL_FUNCTIONS: readonly KernelFunction[] = Object.entries(CODES).map(
  ([name, text]) => {
    const words = text.split(' ').filter((word) => word !== '');
    return {
      name,
      codes: words.filter((word) => !word.startsWith('(')),
      optional: words.filter((word) => word.startsWith('(')).map((word) => word.slice(1, -1)),
      counterpart: COUNTERPARTS[name],
      isPublic: PUBLIC.has(name),
    };
  },
);

/**
 * Structures that never leave the kernel, as C declarations. They determine the bytes that a
 * message takes in a pool, and the limits. Their shape differs in this package (see the kernel
 * map).
 */
export const KERNEL_STRUCTURES = `
typedef struct { HandleStatus status; UINT32 taskID; UINTPTR maxMsgSize; } HandleInfo;
typedef struct { VOID *uvaddr; VOID *kvaddr; UINT32 poolSize; } IpcPool;
typedef struct {
  IpcPool pool; UINT32 ipcTaskID; LOS_DL_LIST ipcUsedNodelist;
  UINT32 access[LOSCFG_BASE_CORE_TSK_LIMIT];
} ProcIpcInfo;
typedef struct {
  LOS_DL_LIST msgListHead; BOOL accessMap[LOSCFG_BASE_CORE_PROCESS_LIMIT];
} IpcTaskInfo;
typedef struct { IpcMsg msg; LOS_DL_LIST listNode; } IpcListNode;
typedef struct { LOS_DL_LIST list; VOID *ptr; } IpcUsedNode;
`;

export const KERNEL_STRUCTURE_NAMES: ReadonlySet<string> = new Set([
  'HandleInfo',
  'IpcPool',
  'ProcIpcInfo',
  'IpcTaskInfo',
  'IpcListNode',
  'IpcUsedNode',
]);

/**
 * Constants that this package's header has under another name. The kernel's usual name comes first.
 */
export const RENAMED_CONSTANTS: Readonly<Record<string, readonly string[]>> = {
  DRIVER_MAJOR_VERSION: ['MAJOR_VERSION', 'DRIVER_MAJOR_VERSION'],
  DRIVER_MINOR_VERSION: ['MINOR_VERSION', 'DRIVER_MINOR_VERSION'],
  INVALID_ID: ['INVAILD_ID', 'INVALID_ID'],
};

/** Constants of this package's header that have no name in the kernel. */
export const OWN_CONSTANTS: ReadonlySet<string> = new Set(['CMS_HANDLE']);

/** Constants of the kernel's source file, apart from those in {@link DRIVER_CONSTANTS}. */
export const SOURCE_CONSTANTS: ReadonlySet<string> = new Set([
  'IPC_IO_DATA_MAX',
  'IPC_MSG_DATA_SZ_MAX',
  'IPC_MSG_OBJECT_NUM_MAX',
  'DRIVER_MAJOR_VERSION',
  'DRIVER_MINOR_VERSION',
  'DRIVER_VERSION',
  'INVALID_ID',
]);

export interface DriverConstant {
  readonly name: string;
  /** The value as a C expression, if nothing in this package corresponds to it. */
  readonly value?: string;
  /**
   * The counterpart in this package: a macro, or a limit of the profile `liteos-a`, and a divisor.
   */
  readonly here?: { readonly name: string; readonly file: string; readonly divisor?: bigint };
  readonly inHeader?: true;
}

const PROFILE_FILE = 'device/domain.c';
const PAGE = 4096n;

export const DRIVER_CONSTANTS: readonly DriverConstant[] = [
  { name: 'MAX_SERVICE_NUM', here: { name: 'taskLimit', file: PROFILE_FILE }, inHeader: true },
  { name: 'LITE_IPC_POOL_MAX_SIZE', here: { name: 'poolMaximum', file: PROFILE_FILE } },
  { name: 'LITE_IPC_POOL_DEFAULT_SIZE', here: { name: 'poolDefault', file: PROFILE_FILE } },
  {
    name: 'LITE_IPC_POOL_PAGE_MAX_NUM',
    here: { name: 'poolMaximum', file: PROFILE_FILE, divisor: PAGE },
  },
  {
    name: 'LITE_IPC_POOL_PAGE_DEFAULT_NUM',
    here: { name: 'poolDefault', file: PROFILE_FILE, divisor: PAGE },
  },
  {
    name: 'LITEIPC_TIMEOUT_MS',
    here: { name: 'LITEIPC_TIMEOUT_MS', file: 'kernel/control_blocks.h' },
  },
  {
    name: 'LITEIPC_TIMEOUT_NS',
    here: { name: 'LITEIPC_TIMEOUT_NS', file: 'kernel/control_blocks.h' },
  },
  // A handle is a task ID, pools are mapped, messages have timestamps: this package has no other
  // mode.
  { name: 'USE_TASKID_AS_HANDLE', value: '1' },
  { name: 'USE_MMAP', value: '1' },
  { name: 'USE_TIMESTAMP', value: '1', inHeader: true },
  // Names and locations of memory in the kernel.
  { name: 'LITE_IPC_POOL_NAME', value: '"liteipc"' },
  { name: 'LITE_IPC_POOL_UVADDR', value: '0x10000000' },
];

/** Headers of this package that define what the macros in {@link DRIVER_CONSTANTS} refer to. */
export const CONSTANT_HEADERS: readonly string[] = ['platform/clock.h', 'kernel/control_blocks.h'];
