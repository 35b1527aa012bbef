/**
 * Tests the comparison of damaged and hostile texts: readable parts are compared, and each
 * unreadable part is reported with its location.
 */
import test from 'ava';
import { compareTexts, differences, rowOf } from '#test/support/comparison.js';
import { HEADER, SOURCE, change } from '#test/support/kernel-text.js';
import type { Comparison } from '#lib/compare-source/compare.js';
import { scaled } from '#test/support/deadlines.js';

const damage = ({ damage: findings }: Comparison): string[] =>
  findings.map(({ place, message }) => `${place.file}:${place.line}:${place.column}: ${message}`);

function lineOf(text: string, piece: string): number {
  return text.slice(0, text.indexOf(piece)).split('\n').length;
}

test('a syntax error is reported with line and column, and the rest is compared', async (t) => {
  const source = change(SOURCE, 'CheckUsedBuffer(UINT32 first', 'CheckUsedBuffer(UINT32 ] first');
  const comparison = await compareTexts(HEADER, source);
  t.false(comparison.isSame);
  const line = lineOf(source, 'CheckUsedBuffer(UINT32 ]');
  const [first] = damage(comparison);
  t.true(first?.startsWith(`hm_liteipc.c:${line}:`), first);
  // All other functions are read.
  t.is(rowOf(comparison, 'functions', 'LiteIpcIoctl').status, 'same');
  t.is(rowOf(comparison, 'error codes', 'LiteIpcIoctl').there, 'EINVAL ENOMEM');
});

test('a damaged structure does not hide the other structures', async (t) => {
  const header = change(HEADER, 'VOID *buff; } BuffPtr', 'VOID *buff @@ } BuffPtr');
  const comparison = await compareTexts(header);
  t.true(damage(comparison).length > 0);
  t.is(rowOf(comparison, 'structures', 'CmsCmdContent').status, 'same');
  t.is(rowOf(comparison, 'ioctl numbers', 'IPC_CMS_CMD').status, 'same');
});

test('a text that is cut off anywhere is read to its end', async (t) => {
  for (let at = 300; at < HEADER.length; at += 311) {
    const comparison = await compareTexts(HEADER.slice(0, at));
    t.false(comparison.isSame, `cut at ${at}`);
  }
  for (let at = 1000; at < SOURCE.length; at += 3333) {
    const comparison = await compareTexts(HEADER, SOURCE.slice(0, at));
    t.false(comparison.isSame, `cut at ${at}`);
  }
});

test('a missing brace is reported', async (t) => {
  const source = SOURCE.replace('\n}\n', '\n\n');
  const comparison = await compareTexts(HEADER, source);
  t.true(damage(comparison).length > 0);
  t.is(rowOf(comparison, 'functions', 'LiteIpcIoctl').status, 'same');
  t.is(rowOf(comparison, 'error codes', 'LiteIpcMmap').status, 'same');
});

test('unterminated, unopened and unreadable conditions are reported', async (t) => {
  const findings = async (header: string): Promise<string[]> => damage(await compareTexts(header));
  const open = change(HEADER, '    UINT32 gid;\n#endif\n', '    UINT32 gid;\n');
  t.true((await findings(open)).some((line) => line.endsWith('a condition without #endif')));
  const [closed] = await findings(`${HEADER}#endif\n`);
  const last = HEADER.split('\n').length;
  t.is(closed, `hm_liteipc.h:${last}:1: #endif without a condition`);
  const [elses] = await findings(`${HEADER}#else\n`);
  t.is(elses, `hm_liteipc.h:${last}:1: #else without a condition`);
  const [strange] = await findings(`${HEADER}#if 1 +\n#endif\n`);
  t.is(strange, `hm_liteipc.h:${last}:1: a condition that is not understood: a value is missing`);
  const [unknown] = await findings(`${HEADER}#frobnicate\n`);
  t.is(unknown, `hm_liteipc.h:${last}:1: #frobnicate is no directive of C`);
  const [refuses] = await findings(`${HEADER}#error don't\n`);
  t.is(refuses, `hm_liteipc.h:${last}:1: the text refuses to be compiled: #error don't`);
});

test('an unterminated comment is reported', async (t) => {
  const comparison = await compareTexts(`${HEADER}/* and so on`);
  const line = HEADER.split('\n').length;
  t.deepEqual(damage(comparison), [`hm_liteipc.h:${line}:1: a comment without an end`]);
  t.deepEqual(differences(comparison), []);
});

test('comments, strings and line ends are accepted anywhere', async (t) => {
  const header = HEADER.replace(
    '#define RECV (1 << 1)',
    '#define RECV /* two */ (1 /* ) */ << \\\n 1) // }',
  )
    .replace('UINT32 code;', 'UINT32 /* "code */ code; // it\'s \\\n UINT64 no;')
    .replace('typedef union {', 'typedef /* struct { */ union /*{*/ {')
    .replace('#define SEND', '/**/#/**/define SEND');
  const source = SOURCE.replace('return -EFAULT', 'return /* -EPERM */ - /**/ EFAULT').replace(
    'ret = -EFAULT',
    "Print(\"/* } */ \\\" -EPERM\", '\"', '\\''); ret = -EFAULT",
  );
  const comparison = await compareTexts(header, source);
  t.deepEqual([...differences(comparison), ...damage(comparison)], []);
});

test('an unknown type is reported', async (t) => {
  const comparison = await compareTexts(change(HEADER, 'UINT32 cookie;', 'CookieType cookie;'));
  const row = rowOf(comparison, 'structures', 'SvcIdentity');
  t.is(row.status, 'different');
  t.regex(row.changes[0] ?? '', /layout unknown: field cookie: the type CookieType is not known/);
  t.regex(
    rowOf(comparison, 'constants', 'IPC_MSG_DATA_SZ_MAX').changes[0] ?? '',
    /^not computable: /,
  );
});

test('recursive structures and arrays with invalid lengths are reported', async (t) => {
  const bodies = [
    'typedef struct { IpcPool again; VOID *kvaddr; UINT32 poolSize; } IpcPool;',
    'typedef IpcPool IpcPool;',
    'typedef Other IpcPool; typedef IpcPool Other;',
    'typedef struct { UINT32 a[-1]; } IpcPool;',
    'typedef struct { UINT32 a[1 / 0]; } IpcPool;',
    'typedef struct { UINT32 a[0xFFFFFFFFFFF]; } IpcPool;',
    'typedef struct { UINT32 a[UNKNOWN]; } IpcPool;',
    'typedef struct { UINT32 a : 99; } IpcPool;',
    'typedef struct IpcPool IpcPool;',
  ];
  for (const body of bodies) {
    const pool = 'typedef struct { VOID *uvaddr; VOID *kvaddr; UINT32 poolSize; } IpcPool;';
    const comparison = await compareTexts(change(HEADER, pool, body));
    t.false(comparison.isSame, body);
    t.is(rowOf(comparison, 'structures', 'IpcMsg').status, 'same', body);
  }
});

test('endless macros and expressions without a value are reported', async (t) => {
  const chain = Array.from({ length: 200 }, (_, i) => `#define DEEP_${i} DEEP_${i + 1}`).join('\n');
  const bushy = Array.from(
    { length: 40 },
    (_, i) => `#define WIDE_${i} (WIDE_${i + 1} + WIDE_${i + 1})`,
  ).join('\n');
  const values = [
    'SELF',
    'OTHER',
    'DEEP_0',
    'WIDE_0',
    '1 << 64',
    '1 / 0',
    `${'('.repeat(5000)}1${')'.repeat(5000)}`,
    `${'-'.repeat(5000)}1`,
    'sizeof(NoSuchType)',
    'sizeof',
    '99999999999999999999999',
    "'too long'",
    'Function(1)',
    '1 ? 2',
    '@',
  ];
  for (const value of values) {
    const header = change(
      HEADER,
      '#define BUFF_FREE (1 << 2)',
      `${chain}\n${bushy}\n#define SELF SELF + 1\n#define OTHER ANOTHER\n#define ANOTHER OTHER\n#define BUFF_FREE ${value}`,
    );
    const comparison = await compareTexts(header);
    t.is(rowOf(comparison, 'constants', 'BUFF_FREE').status, 'different', value);
  }
});

test.serial('huge and deeply nested texts are parsed quickly', async (t) => {
  const texts = [
    `UINT32 deep = ${'('.repeat(20_000)}1${')'.repeat(20_000)};\n`,
    `UINT32 Deep(VOID) ${'{'.repeat(20_000)}${'}'.repeat(20_000)}\n`,
    '{'.repeat(20_000),
    '"'.repeat(20_001),
    '#if 1\n'.repeat(5000),
    'typedef struct { UINT32 a; } T; '.repeat(5000),
    Array.from({ length: 5000 }, (_, i) => `#define MANY_${i} ${i}`).join('\n'),
    Array.from({ length: 2000 }, (_, i) => `UINT32 F${i}(VOID) { return -EINVAL; }`).join('\n'),
    `#define LONG ${'1 + '.repeat(50_000)}1\n`,
    `/*${'*'.repeat(1_000_000)}*/\n`,
    `${'\\\n'.repeat(50_000)}\n`,
    'LITE_OS_SEC_TEXT '.repeat(50_000),
  ];
  for (const text of texts) {
    const start = Date.now();
    const comparison = await compareTexts(HEADER, `${SOURCE}\n${text}`);
    t.true(Date.now() - start < scaled(20_000), `${text.slice(0, 40)}: ${Date.now() - start} ms`);
    t.is(rowOf(comparison, 'structures', 'IpcMsg').status, 'same', text.slice(0, 40));
  }
});
