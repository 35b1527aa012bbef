/** Tests the comparison with the kernel's source: each kind of change, with name and position. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { compareHeader, compareTexts, differences, rowOf } from '#test/support/comparison.js';
import { HEADER, SOURCE, change, withoutFunction } from '#test/support/kernel-text.js';
import { root } from '#test/support/paths.js';

const OWN_HEADER = join(root, 'native/include/liteipc/hm_liteipc.h');

const inHeader = (before: string, after: string): Promise<string[]> =>
  compareTexts(change(HEADER, before, after)).then(differences);
const inSource = (before: string, after: string): Promise<string[]> =>
  compareTexts(HEADER, change(SOURCE, before, after)).then(differences);

test('an equal text has no difference', async (t) => {
  const comparison = await compareTexts();
  t.deepEqual(differences(comparison), []);
  t.deepEqual(comparison.damage, []);
  t.true(comparison.isSame);
  // The result is not due to an empty comparison.
  for (const { category, compared, same } of comparison.table) {
    t.true(compared >= 5, category);
    t.is(same, compared, category);
  }
});

test('values of both ABIs and of both configurations are listed', async (t) => {
  const comparison = await compareTexts();
  t.is(rowOf(comparison, 'constants', 'IPC_MSG_DATA_SZ_MAX').there, '6553 (ILP32); 6144 (LP64)');
  t.is(
    rowOf(comparison, 'ioctl numbers', 'IPC_SEND_RECV_MSG').there,
    '0xC0106904 (ILP32); 0xC0206904 (LP64)',
  );
  const header = rowOf(comparison, 'structures', 'IpcMsg').there ?? '';
  t.regex(header, /56 bytes, aligned to 8 \(ILP32 without LOSCFG_SECURITY_CAPABILITY\)/);
  t.regex(header, /64 bytes, aligned to 8 \(ILP32 with LOSCFG_SECURITY_CAPABILITY\)/);
  t.regex(header, /72 bytes, aligned to 8 \(LP64 without LOSCFG_SECURITY_CAPABILITY\)/);
  t.regex(header, /80 bytes, aligned to 8 \(LP64 with LOSCFG_SECURITY_CAPABILITY\)/);
});

test('each function of the kernel is listed with its file', async (t) => {
  const comparison = await compareTexts();
  const where = (name: string): string | undefined => rowOf(comparison, 'functions', name).where;
  t.is(where('CheckPara'), 'kernel/write.c');
  t.is(where('LiteIpcPoolDestroy'), 'device/device.c, as LiteIpcDeviceDetach');
  t.is(where('GetTid'), 'kernel/control_blocks.h, as LiteIpcTask.taskID');
  t.is(comparison.rows.filter(({ category }) => category === 'functions').length, 49);
});

test('a changed enumerator is reported', async (t) => {
  t.deepEqual(
    await inHeader('    MT_REPLY,\n    MT_FAILED_REPLY,', '    MT_FAILED_REPLY,\n    MT_REPLY,'),
    [
      'enumerators: MT_REPLY: re-valued: 2 there, 1 here',
      'enumerators: MT_FAILED_REPLY: re-valued: 1 there, 2 here',
    ],
  );
  t.deepEqual(await inHeader('LITEIPC_FLAG_DEFAULT = 0', 'LITEIPC_FLAG_DEFAULT = 1 << 2'), [
    'enumerators: LITEIPC_FLAG_DEFAULT: re-valued: 4 there, 0 here',
    'enumerators: LITEIPC_FLAG_ONEWAY: re-valued: 5 there, 1 here',
  ]);
});

test('new, removed, renamed and moved enumerators are reported', async (t) => {
  t.deepEqual(await inHeader('OBJ_SVC }', 'OBJ_SVC, OBJ_DMA }'), [
    'enumerators: OBJ_DMA: only there',
  ]);
  t.deepEqual(await inHeader(', OBJ_SVC }', ' }'), ['enumerators: OBJ_SVC: only here']);
  t.deepEqual(await inHeader('OBJ_SVC }', 'OBJ_SERVICE }'), [
    'enumerators: OBJ_SVC: renamed to OBJ_SERVICE',
  ]);
  t.deepEqual(
    await inHeader(
      'LITEIPC_FLAG_ONEWAY } IpcFlag',
      '} IpcFlag; typedef enum { LITEIPC_FLAG_ONEWAY = 1 } Way',
    ),
    ['enumerators: LITEIPC_FLAG_ONEWAY: moved from IpcFlag to Way'],
  );
});

test('a moved field is reported with the fields that it shifts', async (t) => {
  const found = await compareTexts(
    change(
      change(HEADER, '    UINT32 code;\n', ''),
      '    UINT32 dataSz;\n',
      '    UINT32 dataSz;\n    UINT32 code;\n',
    ),
  );
  const fields = differences(found).filter((line) => line.startsWith('structures: IpcMsg.'));
  t.deepEqual(fields, [
    'structures: IpcMsg.code: moved: after dataSz there, after target here, offset 36 there, 16 here',
    'structures: IpcMsg.flag: offset 16 there, 20 here',
    // On LP64 the padding before the pointer absorbs the shift.
    'structures: IpcMsg.data: offset 40 there, 36 here (ILP32)',
    'structures: IpcMsg.spObjNum: offset 44 there, 40 here (ILP32)',
    'structures: IpcMsg.offsets: offset 48 there, 44 here (ILP32)',
    'structures: IpcMsg.processID: offset 52 there, 48 here (ILP32)',
    'structures: IpcMsg.taskID: offset 56 there, 52 here (ILP32)',
    'structures: IpcMsg.userID: offset 60 there, 56 here (ILP32 with LOSCFG_SECURITY_CAPABILITY)',
    'structures: IpcMsg.gid: offset 64 there, 60 here (ILP32 with LOSCFG_SECURITY_CAPABILITY)',
  ]);
  const line = (name: string): number =>
    rowOf(found, 'structures', `IpcMsg.${name}`).place?.line ?? 0;
  t.is(line('code'), line('dataSz') + 1);
});

test('a widened field changes sizes, the numbers of commands and the limits that follow', async (t) => {
  const found = await inHeader('UINT32 serviceHandle;', 'UINT64 serviceHandle;');
  t.deepEqual(found, [
    'ioctl numbers: IPC_CMS_CMD: argument of 16 bytes there, 12 here',
    'structures: CmsCmdContent: 16 bytes, aligned to 8 there, 12 bytes, aligned to 4 here',
    'structures: CmsCmdContent.serviceHandle: widened: 8 bytes there, 4 here',
  ]);
  const narrowed = await inHeader('UINT32 token;', 'UINT16 token;');
  t.true(narrowed.includes('structures: SvcIdentity.token: narrowed: 2 bytes there, 4 here'));
  const pointer = await inHeader('UINT32 cookie;', 'UINTPTR cookie;');
  t.true(pointer.includes('structures: SvcIdentity.cookie: widened: 8 bytes there, 4 here (LP64)'));
  const objects = await inHeader('UINT32 token;', 'UINT64 token;');
  const limit = 'constants: IPC_MSG_DATA_SZ_MAX: re-valued: ';
  t.true(
    objects.includes(
      `${limit}7281 there, 6553 here (ILP32); re-valued: 6553 there, 6144 here (LP64)`,
    ),
  );
});

test('renamed, new and removed fields are reported', async (t) => {
  t.deepEqual(await inHeader('VOID *buffToFree;', 'VOID *bufferToFree;'), [
    'structures: IpcContent.buffToFree: renamed to bufferToFree',
  ]);
  t.deepEqual(
    await inHeader('int32_t driverVersion; }', 'int32_t driverVersion; int32_t build; }'),
    [
      'ioctl numbers: IPC_GET_VERSION: argument of 8 bytes there, 4 here',
      'structures: IpcVersion: 8 bytes, aligned to 4 there, 4 bytes, aligned to 4 here',
      'structures: IpcVersion.build: only there',
    ],
  );
  const gone = await inHeader('    UINT32 spObjNum;\n', '');
  t.true(gone.includes('structures: IpcMsg.spObjNum: only here'));
});

test('a pointer that became a number of the same size is a note', async (t) => {
  t.deepEqual(await inHeader('VOID *kvaddr;', 'UINTPTR kvaddr;'), [
    'structures: IpcPool.kvaddr: unsigned there, pointer here',
  ]);
});

test('a change of only the sign is a note', async (t) => {
  const comparison = await compareTexts(change(HEADER, '{ UINT32 fd;', '{ INT32 fd;'));
  t.true(comparison.isSame);
  t.true(comparison.notes.includes('ObjContent.fd is signed there, unsigned here: the same bytes'));
});

test('a changed ioctl number is reported part by part', async (t) => {
  t.deepEqual(await inHeader('_IO(IPC_IOC_MAGIC, 3)', '_IO(IPC_IOC_MAGIC, 6)'), [
    'ioctl numbers: IPC_SET_IPC_THREAD: number 6 there, 3 here',
  ]);
  t.deepEqual(await inHeader('_IOWR(IPC_IOC_MAGIC, 2,', '_IOR(IPC_IOC_MAGIC, 2,'), [
    'ioctl numbers: IPC_CMS_CMD: direction _IOR there, _IOWR here',
  ]);
  const magic = await inHeader("IPC_IOC_MAGIC 'i'", "IPC_IOC_MAGIC 'j'");
  t.is(magic.length, 6);
  t.true(magic.includes('constants: IPC_IOC_MAGIC: re-valued: 106 there, 105 here'));
  t.true(magic.includes('ioctl numbers: IPC_SET_CMS: magic 0x6A there, 0x69 here'));
  t.deepEqual(await inHeader('#define IPC_GET_VERSION', '#define IPC_GET_DRIVER_VERSION'), [
    'ioctl numbers: IPC_GET_VERSION: renamed to IPC_GET_DRIVER_VERSION',
  ]);
});

test('a changed constant is reported', async (t) => {
  t.deepEqual(await inSource('LITEIPC_TIMEOUT_MS 5000UL', 'LITEIPC_TIMEOUT_MS 7000UL'), [
    'constants: LITEIPC_TIMEOUT_MS: re-valued: 7000 there, 5000 here',
  ]);
  t.deepEqual(await inSource('#define MINOR_VERSION (0)', '#define MINOR_VERSION (1)'), [
    'constants: MINOR_VERSION: re-valued: 1 there, 0 here',
    'constants: DRIVER_VERSION: re-valued: 65538 there, 2 here',
  ]);
  t.deepEqual(await inHeader('"/dev/lite_ipc"', '"/dev/liteipc"'), [
    'constants: LITEIPC_DRIVER: re-valued: "/dev/liteipc" there, "/dev/lite_ipc" here',
  ]);
  t.deepEqual(await inSource('POOL_PAGE_MAX_NUM 64', 'POOL_PAGE_MAX_NUM 128'), [
    'constants: LITE_IPC_POOL_MAX_SIZE: re-valued: 524288 there, 262144 here',
    'constants: LITE_IPC_POOL_PAGE_MAX_NUM: re-valued: 128 there, 64 here',
  ]);
});

test('new, removed and renamed constants are reported', async (t) => {
  t.deepEqual(
    await inSource('#define USE_MMAP 1\n', '#define USE_MMAP 1\n#define IPC_DEPTH_MAX 7\n'),
    ['constants: IPC_DEPTH_MAX: only there'],
  );
  t.deepEqual(await inSource('#define LITEIPC_TIMEOUT_MS 5000UL\n', ''), [
    'constants: LITEIPC_TIMEOUT_MS: only here',
  ]);
  t.deepEqual(await inSource('#define INVAILD_ID', '#define INVALID_IPC_ID'), [
    'constants: INVAILD_ID: renamed to INVALID_IPC_ID',
  ]);
});

test('missing, new and renamed functions are reported', async (t) => {
  t.deepEqual(differences(await compareTexts(HEADER, withoutFunction(SOURCE, 'IsValidReply'))), [
    'functions: IsValidReply: only here',
  ]);
  const more = `${SOURCE}\nSTATIC UINT32 HandleMemory(UINT32 first)\n{\n    return -EPERM;\n}\n`;
  const comparison = await compareTexts(HEADER, more);
  t.deepEqual(differences(comparison), ['functions: HandleMemory: only there']);
  t.is(rowOf(comparison, 'functions', 'HandleMemory').there, 'defined, gives EPERM');
  t.deepEqual(await inSource('CheckReceivedMsg(', 'CheckRecievedMsg('), [
    'functions: CheckReceivedMsg: renamed to CheckRecievedMsg',
  ]);
});

test('a changed error code is reported with its position', async (t) => {
  const [found, ...rest] = await inSource('-ERFKILL', '-EINTR');
  t.deepEqual(rest, []);
  t.regex(
    found ?? '',
    /^error codes: LiteIpcRead: new: EINTR at hm_liteipc\.c:\d+:\d+; gone: ERFKILL$/,
  );
  const positive = await compareTexts(
    HEADER,
    SOURCE.replace('return -EFAULT', 'return EFAULT').replace('ret = -EFAULT', 'ret = EFAULT'),
  );
  t.regex(differences(positive)[0] ?? '', /CheckUsedBuffer: new: \+EFAULT at .*; gone: EFAULT$/);
});

test('error codes are found in every form that C permits', async (t) => {
  const body = (code: string): string => `${withoutFunction(SOURCE, 'SetCms')}
#define CMS_EXISTS (-EEXIST)
UINT32 SetCms(UINTPTR size)
{
    ${code}
}
`;
  const codes = async (code: string): Promise<string | undefined> =>
    rowOf(await compareTexts(HEADER, body(code)), 'error codes', 'SetCms').there;
  t.is(await codes('return size ? (UINT32)-EINVAL : (UINT32)(-EEXIST);'), 'EEXIST EINVAL');
  t.is(
    await codes('int ret = -EINVAL; if (size) { ret = CMS_EXISTS; } return ret;'),
    'EEXIST EINVAL',
  );
  t.is(await codes('int a, b; a = b = -EINVAL; return a;'), 'EINVAL');
  t.is(await codes('return -22;'), 'EINVAL');
  t.is(await codes('ret = Other(-EINVAL); return ret;'), 'none');
  t.is(await codes('if (Other() == -EINVAL) { Log(-EEXIST); } return LOS_NOK;'), 'none');
  t.is(await codes('if (ret == -EINVAL) { return ret; } return 0;'), 'EINVAL');
  t.is(await codes('/* return -EPERM; */ return 0; // -EIO'), 'none');
  t.is(await codes('Print("return -EPERM;"); return 0;'), 'none');
});

test('an older revision is compared', async (t) => {
  const header = change(
    change(
      HEADER,
      '#ifdef LOSCFG_SECURITY_CAPABILITY\n    UINT32 userID;\n    UINT32 gid;\n#endif\n',
      '',
    ),
    '#define IPC_GET_VERSION _IOR(IPC_IOC_MAGIC, 5, IpcVersion)\n',
    '',
  );
  const source = SOURCE.replaceAll(
    '(USE_TASKID_AS_HANDLE == 1)',
    '(USE_TASKID_AS_HANDLE == YES)',
  ).replace('#define USE_TASKID_AS_HANDLE 1', '#define USE_TASKID_AS_HANDLE YES');
  const found = differences(
    await compareTexts(header, withoutFunction(source, 'HandleGetVersion')),
  );
  const withSecurity = 'with LOSCFG_SECURITY_CAPABILITY';
  t.deepEqual(found, [
    'ioctl numbers: IPC_GET_VERSION: only here',
    `structures: IpcMsg: 56 bytes, aligned to 8 there, 64 bytes, aligned to 8 here (ILP32 ${withSecurity}); ` +
      `72 bytes, aligned to 8 there, 80 bytes, aligned to 8 here (LP64 ${withSecurity})`,
    'structures: IpcMsg.userID: only here',
    'structures: IpcMsg.gid: only here',
    `structures: IpcListNode: 64 bytes, aligned to 8 there, 72 bytes, aligned to 8 here (ILP32 ${withSecurity}); ` +
      `88 bytes, aligned to 8 there, 96 bytes, aligned to 8 here (LP64 ${withSecurity})`,
    `structures: IpcListNode.msg: narrowed: 56 bytes there, 64 here (ILP32 ${withSecurity}); ` +
      `narrowed: 72 bytes there, 80 here (LP64 ${withSecurity})`,
    `structures: IpcListNode.listNode: offset 56 there, 64 here (ILP32 ${withSecurity}); ` +
      `offset 72 there, 80 here (LP64 ${withSecurity})`,
    'functions: HandleGetVersion: only here',
  ]);
});

test('a newer revision is compared, with and without its switches', async (t) => {
  const header = change(
    change(
      HEADER,
      '    UINT32 gid;\n#endif\n',
      '    UINT32 gid;\n#endif\n#ifdef LOSCFG_IPC_CONTAINER\n    UINT32 containerID;\n#endif\n',
    ),
    'MT_NUM\n',
    'MT_CANCEL,\n    MT_NUM\n',
  );
  const source = `${SOURCE}
#ifdef LOSCFG_IPC_CONTAINER
LITE_OS_SEC_TEXT STATIC UINT32 ContainerOf(UINT32 taskID)
{
    return -ESRCH;
}
#endif
`;
  const found = differences(await compareTexts(header, source));
  t.true(found.includes('enumerators: MT_NUM: re-valued: 5 there, 4 here'));
  t.true(found.includes('enumerators: MT_CANCEL: only there'));
  t.true(found.includes('structures: IpcMsg.containerID: only there'));
  t.true(found.includes('functions: ContainerOf: only there'));
  const comparison = await compareTexts(header, source);
  const { there } = rowOf(comparison, 'functions', 'ContainerOf');
  t.is(there, 'defined, gives ESRCH (with LOSCFG_IPC_CONTAINER)');
});

test('fields without their condition are reported', async (t) => {
  const header = HEADER.replace('#ifdef LOSCFG_SECURITY_CAPABILITY\n', '#if 1\n');
  const comparison = await compareTexts(header);
  const row = rowOf(comparison, 'structures', 'IpcMsg.userID');
  t.is(row.status, 'different');
  t.deepEqual(row.changes, ['new there (without LOSCFG_SECURITY_CAPABILITY)']);
});

test('conditions of all forms choose the right branch', async (t) => {
  const forms = [
    '#if defined(LOSCFG_SECURITY_CAPABILITY)',
    '#if defined LOSCFG_SECURITY_CAPABILITY && !defined(NO_SUCH_THING)',
    '#if (LOSCFG_SECURITY_CAPABILITY == YES)',
    '#if 0\n    UINT64 never;\n#elif LOSCFG_SECURITY_CAPABILITY + 0 > 0',
    '#ifndef LOSCFG_SECURITY_CAPABILITY\n#else',
    '#if !defined(LOSCFG_SECURITY_CAPABILITY) || \\\n    0\n#else',
    '#  if /* comment */ LOSCFG_SECURITY_CAPABILITY ? 1 : 0 // comment',
  ];
  for (const form of forms) {
    const found = await compareTexts(HEADER.replace('#ifdef LOSCFG_SECURITY_CAPABILITY', form));
    t.deepEqual([...differences(found), ...found.damage], [], form);
  }
});

test('branches that are not compiled are noted', async (t) => {
  const { notes } = await compareTexts();
  t.true(
    notes.some((note) => note.includes('USE_TIMESTAMP (0 instead of 1): IpcMsg without timestamp')),
  );
  t.true(notes.some((note) => note.startsWith('the other branch of USE_TASKID_AS_HANDLE')));
  const flipped = await inSource(
    '#define USE_TASKID_AS_HANDLE 1',
    '#define USE_TASKID_AS_HANDLE 0',
  );
  t.deepEqual(flipped, ['constants: USE_TASKID_AS_HANDLE: re-valued: 0 there, 1 here']);
});

test('equivalent notations have no difference', async (t) => {
  const header = HEADER.replaceAll('UINT32', 'uint32_t')
    .replaceAll('UINT64', 'unsigned long long')
    .replaceAll('VOID *', 'void *')
    .replace('typedef union {', 'typedef union ObjContentTag {')
    .replace('#define RECV (1 << 1)', '#define RECV 0x2U')
    .replace('CMS_REMOVE_HANDLE,', 'CMS_REMOVE_HANDLE = CMS_GEN_HANDLE + 1,');
  const spaced = header.replaceAll(';', ' /* ; */ ;').replaceAll('{', '\n{ // {\n');
  for (const text of [header, spaced, HEADER.replaceAll('\n', '\r\n'), `\uFEFF${HEADER}`]) {
    const source = text.includes('\r\n') ? SOURCE.replaceAll('\n', '\r\n') : SOURCE;
    const comparison = await compareTexts(text, source);
    t.deepEqual(differences(comparison), []);
    t.deepEqual(comparison.damage, []);
  }
});

test('the header can be compared alone', async (t) => {
  const comparison = await compareHeader(HEADER);
  t.deepEqual(differences(comparison), []);
  t.is(rowOf(comparison, 'functions', 'LiteIpcPoolReInit').there, 'declared');
  const changed = await compareHeader(
    change(HEADER, 'extern UINT32 LiteIpcPoolDestroy(UINT32 processID);\n', ''),
  );
  t.deepEqual(differences(changed), ['functions: LiteIpcPoolDestroy: only here']);
});

test("this package's own header has no difference", async (t) => {
  const comparison = await compareHeader(readFileSync(OWN_HEADER, 'utf8'));
  t.deepEqual(differences(comparison), []);
  t.deepEqual(comparison.damage, []);
  t.true(comparison.isSame);
});

test('a missing declaration that the package does not need is a note', async (t) => {
  const comparison = await compareTexts(HEADER, change(SOURCE, '#define USE_MMAP 1\n', ''));
  t.true(comparison.isSame);
  t.true(comparison.notes.some((note) => note.endsWith('is not in these texts: USE_MMAP')));
  const bare = await compareHeader(
    HEADER.replace(/^extern .*;\n/gm, '')
      .replace('#define USE_TIMESTAMP 1\n', '#define IPC_IO_DATA_MAX 8192\n')
      .replace('#if (USE_TIMESTAMP == 1)', '#if 1'),
  );
  t.deepEqual(differences(bare), []);
  t.true(
    bare.notes.some((note) => note.includes('USE_TIMESTAMP') && note.includes('OsLiteIpcInit')),
  );
});

test("a text without the driver's internal parts is compared in the rest", async (t) => {
  const names = ['HandleInfo', 'IpcPool', 'ProcIpcInfo', 'IpcTaskInfo', 'IpcListNode'];
  let header = HEADER.replace('#define USE_TIMESTAMP 1\n', '').replace(
    '#if (USE_TIMESTAMP == 1)',
    '#if 1',
  );
  for (const name of names) {
    header = header.replace(new RegExp(`typedef struct \\{[^{}]*\\} ${name};\n`), '');
  }
  const functions = [...SOURCE.matchAll(/^LITE_OS_SEC_TEXT STATIC (.*)$/gm)].map(
    (match) => `${match[1] ?? ''};`,
  );
  const comparison = await compareTexts(header, functions.join('\n'));
  t.deepEqual(differences(comparison), []);
  t.true(
    comparison.notes.some(
      (note) => note.includes('IPC_MSG_DATA_SZ_MAX') && note.includes('IpcTaskInfo'),
    ),
  );
  t.true(comparison.notes.some((note) => note.startsWith('no body')));
});
