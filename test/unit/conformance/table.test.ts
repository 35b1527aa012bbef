/** Tests the encoding of scenarios as tables, and the detection of those that depend on LP64. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { findLp64Reason } from '#lib/conformance/abi.js';
import { parseScenario } from '#lib/conformance/parse.js';
import { compileTable } from '#lib/conformance/table.js';
import { scenarioFolder } from '#test/support/conformance.js';

const setUp = [
  { task: 'cms', do: 'open' },
  { task: 'cms', do: 'mmap', size: 65536 },
  { task: 'cms', do: 'setCms', maxMsgSize: 8192 },
] as const;

const scenario = (steps: readonly object[], more: object = {}) =>
  parseScenario(
    JSON.stringify({
      ...{ name: 'x', about: 'for a test', processes: { M: ['cms'] }, steps },
      ...more,
    }),
    'x.json',
  );

const none = 0xffff_ffff;

test('a table has the words of native/conformance/table.h in their order', (t) => {
  const steps = [
    { task: 'cms', do: 'open' },
    { task: 'cms', do: 'mmap', size: 4096, prot: 'rw', want: 'EINVAL' },
    { task: 'cms', do: 'ioctlRaw', cmd: 26887, arg: 4294967298, want: 'FAIL' },
  ];
  t.deepEqual(
    [...compileTable(scenario(steps, { name: 'names' }))],
    [
      ...[0x5049434c, 1, 42, 0], // magic, version, words, flags
      ...[5, 0x656d616e, 0x73, 0], // "names", no reason
      ...[1, 1, 0x4d, 1, 3, 0x736d63], // one process "M" with one task "cms"
      ...[0, 0, 0], // handles, messages, labels
      ...[3],
      ...[1, 0, 0, 0, none, 0], // step 1: task 0, open, OK, not started; no message wanted
      ...[2, 0, 5, 2, none, 4096, 1, 0, 0], // mmap, EINVAL; size, writable, not shared
      ...[3, 0, 9, 1, none, 26887, 2, 1, 0], // ioctlRaw, FAIL; command, argument in two words
    ],
  );
});

test('a value is a task, process, handle or message plus a number modulo 2^64', (t) => {
  const value = (of: unknown) => {
    const words = compileTable(
      scenario([...setUp, { task: 'cms', do: 'cmsCmd', cmd: 'gen', of }], {
        processes: { A: ['a', 'b'], M: ['cms'] },
      }),
    );
    return [...words].slice(-8, -5);
  };
  t.deepEqual(value(7), [0, 7, 0]);
  t.deepEqual(value(-1), [0, none, none]);
  t.deepEqual(value({ tid: 'cms' }), [1 | (2 << 8), 0, 0]);
  t.deepEqual(value({ pid: 'M' }), [2 | (1 << 8), 0, 0]);
  t.deepEqual(value({ add: [{ tid: 'b' }, -2] }), [1 | (1 << 8), none - 1, none]);
  t.deepEqual(value({ add: [{ add: [{ tid: 'b' }, 3] }, 4] }), [1 | (1 << 8), 7, 0]);
});

test('a scenario always has the same table, which contains the reason to skip it', (t) => {
  const one = scenario(setUp);
  t.deepEqual(compileTable(one), compileTable(scenario(setUp)));
  const skipped = compileTable(one, 'D1');
  t.is(skipped[3], 2);
  t.is(skipped[2], skipped.length);
});

test('every scenario of the project fits into a table', (t) => {
  for (const folder of ['recorded', 'own'].map(scenarioFolder)) {
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
      const words = compileTable(parseScenario(readFileSync(join(folder, file), 'utf8'), file));
      t.is(words[2], words.length, file);
    }
  }
});

// ---- LP64 --------------------------------------------------------------------------------------

const reason = (step: object, more: object = {}): string | undefined =>
  findLp64Reason(scenario([...setUp, { task: 'cms', do: 'msg', flag: ['SEND'], ...step }], more));

const sending = (out: object): object => ({ out: { type: 'REQUEST', handle: 0, ...out } });
const fill = (size: number): object => ({ fill: 1, size });
const object = { obj: 'svc', handle: -1, token: 1, cookie: 0 };

test('a scenario with equal results is valid for both ABIs', (t) => {
  t.is(findLp64Reason(scenario(setUp)), undefined);
  t.is(reason(sending({ data: [fill(100), object, { u32: 1 }, object] })), undefined);
  t.is(reason(sending({ data: [fill(6144)] })), undefined);
  t.is(reason(sending({ data: [fill(6554)] })), undefined);
  t.is(reason(sending({ dataSz: 100000 })), undefined);
  t.is(reason(sending({ spObjNum: 410, dataSz: 0 })), undefined);
  t.is(reason(sending({ data: [fill(3)], dataNull: true })), undefined);
});

test('a message between the limits of the two ABIs is LP64', (t) => {
  const between = 'sizes of the LP64 ABI: step 4, the size of a message at a limit';
  t.is(reason(sending({ data: [fill(6145)] })), between);
  t.is(reason(sending({ data: [fill(6553)] })), between);
  t.is(reason(sending({ data: [fill(20)], spObjNum: 1 })), between);
  t.is(reason(sending({ spObjNum: 257, dataSz: 6144 })), between);
});

test('a message at the limit of the ServiceManager is LP64', (t) => {
  const limited = (maxMsgSize: number, size: number): string | undefined =>
    findLp64Reason(
      scenario([
        ...setUp.slice(0, 2),
        { task: 'cms', do: 'setCms', maxMsgSize },
        { task: 'cms', do: 'msg', flag: ['SEND'], ...sending({ data: [fill(size)] }) },
      ]),
    );
  t.is(limited(200, 100), undefined);
  t.is(limited(200, 145), undefined);
  t.regex(limited(200, 136) ?? '', /step 4, the size of a message at a limit/);
  t.regex(limited(200, 128) ?? '', /step 4/);
  t.regex(limited(200, 121) ?? '', /step 4/);
  t.is(limited(200, 120), undefined);
  t.regex(limited(79, 1) ?? '', /step 3, the size of IpcMsg/);
  t.is(limited(55, 1), undefined);
});

test('literal sizes and offsets of objects are LP64', (t) => {
  const literal = /step 4, dataSz or offsets of a message with objects/;
  t.regex(reason(sending({ data: [object], dataSz: 24 })) ?? '', literal);
  t.regex(reason(sending({ data: [object], offsets: [0] })) ?? '', literal);
  const wanted = { ...sending({}), flag: ['RECV'], wantMsg: { dataSz: 24, spObjNum: 1 } };
  t.regex(reason({ ...wanted, out: undefined }) ?? '', /step 4, dataSz of a message with objects/);
  t.is(reason({ ...wanted, out: undefined, wantMsg: { dataSz: 24 } }), undefined);
  t.is(reason({ ...wanted, out: undefined, wantMsg: { spObjNum: 1 } }), undefined);
});

test('commands that carry a size, and bytes in a pool, are LP64', (t) => {
  const raw = (cmd: number): object => ({ do: 'ioctlRaw', flag: undefined, cmd, arg: 0 });
  t.regex(reason(raw(0xc0206904)) ?? '', /step 4, the size of IpcContent/);
  t.is(reason(raw(0x6907)), undefined);
  const pool = (wantUsed: unknown): object => ({ do: 'pool', flag: undefined, wantUsed });
  t.regex(reason(pool(96)) ?? '', /step 4, bytes in a pool/);
  t.is(reason(pool('empty')), undefined);
});

test('a file can declare its ABI', (t) => {
  t.is(reason(sending({}), { abi: 'lp64' }), 'sizes of the LP64 ABI');
  t.throws(() => reason(sending({}), { abi: 'ilp32' }), { message: /abi/ });
});

test('most recorded scenarios are for both ABIs', (t) => {
  const folder = scenarioFolder('recorded');
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  const lp64 = files.filter(
    (file) =>
      findLp64Reason(parseScenario(readFileSync(join(folder, file), 'utf8'), file)) !== undefined,
  );
  t.true(lp64.length < files.length / 10, lp64.join());
});
