/** Tests `liteipc call`: methods of running services are called without a contract. */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ava, { type ExecutionContext } from 'ava';
import { ServiceManager, defineService, deny, method, oneway, openDevice } from 'liteipc';
import { parcel } from 'liteipc/native';
import { fromJson, toJson, type Json } from '#lib/cli/call/plain-json.js';
import { distance } from '#lib/common/edit-distance.js';
import { liteipc, startLiteipc, type Ending } from '#test/support/preload-programs.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { commandLine } from '#test/support/paths.js';
import { until } from '#test/support/deadlines.js';

const runtime = usePrivateRuntime();
process.env['LITEIPC_DOMAIN'] = 'shop';
const test = ava.serial;

const number = parcel<number>({
  write: (io, value) => io.writeInt32(value),
  read: (io) => io.readInt32(),
});
const Shop = defineService('shop', {
  add: method<readonly [number, number], number>(),
  echo: method<unknown, unknown>(),
  note: oneway<string>(),
  fail: method<string>(),
  wait: method(),
  count: method<void, readonly string[]>(),
  context: method<void, unknown>(),
  packed: method({ input: number, output: number }),
});

const notes: string[] = [];
let [started, aborted] = [0, 0];
const uid = process.getuid?.() ?? 0;
const manager = await ServiceManager.start({
  domain: 'shop',
  policy: [deny('closed').to({ uid })],
});
const device = await openDevice({ domain: 'shop' });
await device.expose(Shop, {
  add: ([left, right]) => left + right,
  echo: (value) => value,
  note: (text) => void notes.push(text),
  fail: (text) => {
    throw Object.assign(new RangeError(text), { code: 'E_SOLD_OUT' });
  },
  wait: (_, call) =>
    new Promise<void>((_resolve, reject) => {
      started += 1;
      call.signal.addEventListener('abort', () => {
        aborted += 1;
        reject(call.signal.reason as Error);
      });
    }),
  count: (_, call) => call.files.map((file) => readFileSync(file.fd, 'utf8')),
  context: (_, call) => ({ metadata: call.metadata, hasTime: call.remainingMs > 10_000 }),
  packed: (value) => value,
});
test.after.always(async () => {
  await device.close();
  await manager.close();
});

const call = (...args: readonly string[]): Promise<Ending> => liteipc(['call', ...args]);

async function answers(
  t: ExecutionContext,
  args: readonly string[],
  output: string,
): Promise<void> {
  const { code, stdout, stderr } = await call(...args);
  t.deepEqual([code, stdout, stderr], [0, output, '']);
}

/** Runs the command with text at standard input. */
async function piped(input: string, ...args: readonly string[]): Promise<Ending> {
  const command = `printf '%s' "$INPUT" | "$0" "$@"`;

  const child = spawn('sh', ['-c', command, process.execPath, commandLine, 'call', ...args], {
    env: { ...process.env, INPUT: input },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  return await new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

test('a method is called without its contract and the result is JSON', async (t) => {
  await answers(t, ['shop', 'add', '[1, 2]'], '3\n');
  await answers(t, ['shop', 'echo', '{"a":[1,{"b":null}]}', '--json'], '{"a":[1,{"b":null}]}\n');
  await answers(t, ['shop', 'echo', '{"a": 1}'], '{\n  "a": 1\n}\n');
  await answers(t, ['shop', 'echo'], '');
  await answers(t, ['shop', 'add', '[3, 4]', '--domain', manager.path], '7\n');
});

test('a one-way method prints nothing', async (t) => {
  await answers(t, ['shop', 'note', '"hello"'], '');
  await until(() => notes.includes('hello'));
  t.deepEqual(notes, ['hello']);
});

test('the input comes from "-", from a pipe, or from a file at standard input', async (t) => {
  t.like(await piped('[1, 2]', 'shop', 'add', '-'), { code: 0, stdout: '3\n' });
  t.like(await piped('[1, 3]', 'shop', 'add'), { code: 0, stdout: '4\n' });
  t.like(await piped(' \n', 'shop', 'echo'), { code: 0, stdout: '' });
  const wrong = await piped('[1,\n 2', 'shop', 'add');
  t.deepEqual([wrong.code, wrong.stdout], [2, '']);
  t.regex(
    wrong.stderr,
    /^liteipc: call: standard input:2:\d+: CloseBracketExpected; the text is not JSON\n$/,
  );
});

test('values without a JSON form are passed and printed unchanged', async (t) => {
  const given = {
    big: { $bigint: '123456789012345678901234567890' },
    date: { $date: '2026-01-31T12:00:00.000Z' },
    bytes: { $bytes: 'AAEC/w==' },
    map: {
      $map: [
        [1, 'one'],
        [{ $bigint: '2' }, { $set: [1, 'x'] }],
      ],
    },
    numbers: [{ $number: 'NaN' }, { $number: '-Infinity' }],
    pattern: { $regexp: ['a+', 'gi'] },
    array: { $Float64Array: [1.5, -2] },
    plain: { $object: { $bigint: 'a name' } },
    error: { $error: { name: 'RangeError', message: 'far', distance: 3 } },
  };
  await answers(
    t,
    ['shop', 'echo', JSON.stringify(given), '--json'],
    `${JSON.stringify({
      ...given,
      error: { $error: { distance: 3, name: 'RangeError', message: 'far' } },
    })}\n`,
  );
});

test('values are converted to JSON and back', (t) => {
  const there = (value: unknown): unknown =>
    fromJson(JSON.parse(JSON.stringify(toJson(value))) as Json);
  const cyclic: Record<string, unknown> = { name: 'x' };
  cyclic['inner'] = { list: [cyclic] };
  t.deepEqual(toJson(cyclic), { name: 'x', inner: { list: [{ $cycle: 'value' }] } });
  t.throws(() => fromJson(toJson(cyclic)), { message: /is valid in output only/ });
  const same = { a: 1 };
  t.deepEqual(toJson([same, same]), [{ a: 1 }, { a: 1 }], 'twice is no cycle');
  const value = [
    new Map<unknown, unknown>([[new Date(5), 5n]]),
    new Set([undefined, -0, NaN]),
    new BigInt64Array([-1n]),
    new Uint8Array([1, 2]),
    { $a: 1 },
    { $a: 1, b: 2 },
    JSON.parse('{"__proto__": 1}') as unknown,
    /a/u,
  ];
  t.deepEqual(there(value), value);
  for (const wrong of [
    { $none: 1 },
    { $bigint: '1.5' },
    { $date: 'never' },
    { $bytes: '?' },
    { $map: [[1]] },
    { $set: 1 },
    { $number: '5' },
    { $regexp: 'a' },
    { $error: 1 },
    { $object: [] },
    { $Int8Array: ['1'] },
    { $constructor: 1 },
  ]) {
    t.throws(() => fromJson(wrong as unknown as Json), undefined, JSON.stringify(wrong));
  }
});

test('--file, --metadata and --timeout take effect', async (t) => {
  const [one, two] = ['one', 'two'].map((name) => {
    const path = join(runtime, name);
    writeFileSync(path, `content of ${name}`);
    return path;
  }) as [string, string];
  const files = ['--file', one, '--file', two];
  await answers(t, ['shop', 'count', ...files, '--json'], '["content of one","content of two"]\n');
  const metadata = ['--metadata', 'user=me', '--metadata', 'formula=a=b', '--timeout', '60000'];
  const context = '{"metadata":{"user":"me","formula":"a=b"},"hasTime":true}\n';
  await answers(t, ['shop', 'context', ...metadata, '--json'], context);
  const late = await call('shop', 'wait', '--timeout', '100');
  t.deepEqual([late.code, late.stdout], [1, '']);
  t.regex(late.stderr, /^liteipc: shop\.wait: LiteIpcError \(ETIME\): [^\n]+\n$/);
});

test('SIGINT aborts the call at the service', async (t) => {
  const [startedBefore, before] = [started, aborted];
  const running = startLiteipc(['call', 'shop', 'wait', '--timeout', 'none']);
  await until(() => started > startedBefore);
  running.child.kill('SIGINT');
  const { code, stdout, stderr } = await running.ended;
  t.deepEqual([code, stdout, stderr], [130, '', '']);
  await until(() => aborted > before);
});

test('an error of the service prints name, code and message, with status 1', async (t) => {
  const { code, stdout, stderr } = await call('shop', 'fail', '"no bolts"');
  t.deepEqual([code, stdout], [1, '']);
  t.is(stderr, 'liteipc: shop.fail: RangeError (E_SOLD_OUT): no bolts\n');
  const json = await call('shop', 'fail', '"no bolts"', '--json');
  t.is(json.code, 1);
  t.deepEqual(JSON.parse(json.stderr), {
    name: 'RangeError',
    code: 'E_SOLD_OUT',
    message: 'no bolts',
  });
});

test('an unknown name is reported with the existing names, with status 1', async (t) => {
  const cases: [string[], RegExp][] = [
    [['shpo', 'add'], /no service "shpo" is registered; did you mean "shop"\? there are: shop/],
    [['bank', 'add'], /no service "bank" is registered; there are: shop/],
    [['shop', 'ad'], /no method "ad"; did you mean "add"\? it has: add, echo, note/],
    [['shop', 'remove'], /no method "remove"; it has: add, echo/],
    [['shop', 'packed', '1'], /shop\.packed uses a parcel/],
    [['closed', 'add'], /EACCES.*refuses process .* rule 1 denies/],
    [['shop', 'add', '--domain', 'none'], /no LiteIPC domain "none" is running/],
  ];
  const endings = await Promise.all(cases.map(([args]) => call(...args)));
  for (const [index, { code, stdout, stderr }] of endings.entries()) {
    t.deepEqual([code, stdout], [1, ''], stderr);
    t.regex(stderr, /^liteipc: [^\n]+\n$/);
    t.regex(stderr, cases[index]?.[1] ?? /^$/);
  }
});

test('wrong usage and unusable input print one line and exit with status 2', async (t) => {
  const cases: [string[], RegExp][] = [
    [[], /missing required argument 'service'/],
    [['shop'], /missing required argument 'method'/],
    [['shop', 'add', '[1,'], /the input:1:4: .*the text is not JSON/],
    [['shop', 'add', '[1 2]'], /the input:1:4: /],
    [['shop', 'echo', '{"$big": 1}'], /\{"\$big": \.\.\.\} is unknown/],
    [['shop', 'echo', '{"$bigint": "x"}'], /requires a text of digits/],
    [['a shop', 'add'], /1 to 64 of/],
    [['shop', 'add', '1', '2'], /too many arguments/],
    [['shop', 'add', '--timeout', '0'], /Expected a number of ms above 0/],
    [['shop', 'add', '--metadata', 'x'], /Expected KEY=VALUE/],
    [['shop', 'count', '--file', join(runtime, 'nothing')], /ENOENT/],
    [['shop', 'add', '--domain', 'a b'], /1 to 64 of/],
    [['shop', 'add', '--quiet'], /unknown option '--quiet'/],
  ];
  const endings = await Promise.all(cases.map(([args]) => call(...args)));
  for (const [index, { code, stdout, stderr }] of endings.entries()) {
    t.deepEqual([code, stdout], [2, ''], stderr);
    t.regex(stderr, /^[^\n]+\n$/);
    t.regex(stderr, cases[index]?.[1] ?? /^$/);
  }
  const none = await liteipc(['call', 'shop', 'add'], { LITEIPC_DOMAIN: '' });
  t.deepEqual([none.code, none.stderr.includes('no domain is given')], [2, true]);
});

test('distance counts the edits between two names', (t) => {
  t.deepEqual(
    [distance('', 'abc'), distance('abc', 'abc'), distance('shpo', 'shop'), distance('a', 'b')],
    [3, 0, 1, 1],
  );
});
