/** Tests the trace of a device and its conversion for viewers. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import ava from 'ava';
import { LiteIpcError, ServiceManager, defineService, method, oneway, openDevice } from 'liteipc';
import {
  dropReasons,
  traceHooks,
  traceToChrome,
  type Trace,
  type TraceRecord,
} from 'liteipc/native';
import { parseChrome } from '#test/support/chrome-trace.js';
import { startDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { freshName, makeWorld } from '#test/support/raw-device.js';
import { root } from '#test/support/paths.js';
import { until } from '#test/support/deadlines.js';

usePrivateRuntime();
const test = ava;

const Echo = defineService('echo', {
  now: method<string, string>(),
  after: method<number, string>(),
  notify: oneway<string>(),
});

class EchoImplementation {
  notified = 0;
  now(text: string): string {
    return text;
  }
  async after(ms: number): Promise<string> {
    await sleep(ms);
    return 'done';
  }
  notify(): void {
    this.notified += 1;
  }
}

/** Opens a service and a client that have exchanged a call. */
async function pair(t: Parameters<typeof startDomain>[0]) {
  const domain = await startDomain(t);
  const server = await domain.open();
  const implementation = new EchoImplementation();
  const exposed = await server.expose(Echo, implementation);
  const client = await domain.open();
  const echo = await client.service(Echo);
  await echo.now('');
  return { domain, server, client, echo, implementation, handle: exposed.handle };
}

const only = (trace: Trace, ...hooks: TraceRecord['hook'][]): TraceRecord[] =>
  trace.records.filter(({ hook }) => hooks.includes(hook));

function throwsCode(t: Parameters<typeof startDomain>[0], code: string, run: () => unknown): void {
  const error = t.throws(run, { instanceOf: LiteIpcError });
  t.is(error?.code, code);
}

test('names and texts equal those of the core', (t) => {
  const path = join(root, 'native/include/liteipc/hook_types.h');
  const header = readFileSync(path, 'utf8');
  const list = (macro: string): [string, string][] => {
    const body = new RegExp(`#define ${macro}\\(X\\)([^]*?)\\n\\n`).exec(header)?.[1] ?? '';
    const entries = body.matchAll(/X\((\w+),\s*"([^"]*)"\)/g);
    return [...entries].map(([, name = '', text = '']) => [name, text]);
  };
  t.deepEqual(list('IPC_HOOKS'), Object.entries(traceHooks));
  t.deepEqual(list('IPC_DROP_REASONS'), Object.entries(dropReasons));
  t.is(Object.keys(traceHooks).length, 7);
});

test('the documentation has every hook and every reason', (t) => {
  const path = join(root, 'docs/tracing.md');
  const rows = readFileSync(path, 'utf8').matchAll(/^\| `(\w+)` \| (.*) \|$/gm);
  const { NONE, ...reasons } = dropReasons;
  t.is(NONE, 'it was not dropped');
  t.deepEqual(
    [...rows].map(([, name = '', text = '']) => [name, text]),
    Object.entries({ ...traceHooks, ...reasons }),
  );
});

test('the native trace rejects invalid use with an error', async (t) => {
  const world = await makeWorld(freshName());
  const { native } = world.client;
  t.throws(() => native.readTrace(), { code: 'ENODATA' });
  t.throws(
    () => {
      native.stopTrace();
    },
    { code: 'EALREADY' },
  );
  for (const [records, expected] of [
    [0, { code: 'EINVAL' }],
    [262_145, { instanceOf: TypeError }],
    ['4', { instanceOf: TypeError }],
    [undefined, { instanceOf: TypeError }],
  ] as const) {
    t.throws(() => {
      native.startTrace(records as number);
    }, expected);
  }
  native.startTrace(2000);
  for (let index = 0; index < 1200; index += 1) {
    await world.client.call(world.handle, new Uint8Array(index % 50));
  }
  const { words, lost } = native.readTrace();
  t.is(words.length % 16, 0);
  t.true(words.length / 16 + lost >= 2400, 'more than one helping');
  t.deepEqual(native.readTrace().words, new Uint32Array(0));
  await world.end();
  t.throws(() => native.readTrace(), { code: 'ENODEV' });
});

test('both sides record a call under the same name', async (t) => {
  const { server, client, echo, implementation, handle } = await pair(t);
  server.startTrace();
  client.startTrace();
  const before = process.hrtime.bigint();
  t.is(await echo.now('hello'), 'hello');
  await echo.notify('line');
  await until(() => implementation.notified === 1);
  const after = process.hrtime.bigint();

  const ofClient = client.readTrace();
  const ofServer = server.readTrace();
  t.is(ofClient.lost + ofServer.lost, 0);
  const [request, oneWay, ...none] = only(ofClient, 'IPC_WRITE');
  const [taken, takenOneWay] = only(ofServer, 'IPC_READ');
  const [answered] = only(ofServer, 'IPC_WRITE');
  const [answer] = only(ofClient, 'IPC_READ');
  if (!request || !oneWay || !taken || !takenOneWay || !answered || !answer) {
    t.fail('something was not recorded');
    return;
  }
  t.deepEqual(none, []);
  t.is(request.processId, client.processId as typeof request.processId);
  t.is(request.peerProcessId, server.processId as typeof request.processId);
  t.is(Number(request.peerTaskId), handle);
  t.is(Number(request.handle), handle);
  t.is(request.messageType, 'request');
  t.true(request.size > 0);
  t.false(request.oneWay);
  t.true(oneWay.oneWay && takenOneWay.oneWay);
  t.is(request.reason, undefined);
  t.is(taken.processId, request.peerProcessId);
  t.is(taken.taskId, request.peerTaskId);
  t.is(taken.peerTaskId, request.taskId);
  t.is(taken.size, request.size);
  t.is(answered.messageType, 'reply');
  t.is(answered.peerTaskId, request.taskId);
  t.is(answer.peerTaskId, taken.taskId);
  const times = [before, request.time, taken.time, answered.time, answer.time, after];
  t.deepEqual(
    times,
    times.toSorted((a, b) => (a < b ? -1 : 1)),
  );
  for (const record of [taken, answered, answer]) t.is(record.timestamp, request.timestamp);
  t.deepEqual(only(ofClient, 'IPC_READ_DROP', 'IPC_WRITE_DROP', 'IPC_KILL'), []);
  t.deepEqual(only(ofServer, 'IPC_READ_DROP', 'IPC_WRITE_DROP', 'IPC_KILL'), []);

  const again = client.readTrace();
  t.deepEqual(only(again, 'IPC_WRITE', 'IPC_READ'), [], 'reading drains');
});

test('a dropped message is recorded with its reason', async (t) => {
  const { server, client, echo } = await pair(t);
  server.startTrace();
  client.startTrace();

  // Cancelled by the caller; the service's answer is too late.
  await t.throwsAsync(echo.after(30, { timeoutMs: 5 }), { code: 'ETIME' });

  const ofClient: TraceRecord[] = [];
  const ofServer: TraceRecord[] = [];
  await until(() => {
    ofClient.push(...client.readTrace().records);
    ofServer.push(...server.readTrace().records);
    return ofServer.some(({ hook }) => hook === 'IPC_WRITE_DROP');
  });
  const [request] = ofClient.filter(({ hook }) => hook === 'IPC_WRITE');
  const [given] = ofClient.filter(({ hook }) => hook === 'IPC_READ_TIMEOUT');
  t.is(given?.reason, 'ECANCELED');
  t.is(given?.messageType, 'reply');
  t.is(given?.timestamp, request?.timestamp);
  t.is(given?.peerTaskId, request?.peerTaskId);
  const [refused] = ofServer.filter(({ hook }) => hook === 'IPC_WRITE_DROP');
  t.is(refused?.reason, 'ETIME');
  t.is(refused?.messageType, 'reply');
  t.is(refused?.timestamp, request?.timestamp);

  const { slices, arrows } = parseChrome(t, [{ records: ofClient }, { records: ofServer }]);
  const drops = slices.filter(({ cname }) => cname === 'bad').map(({ name }) => name);
  t.deepEqual(drops, ['IPC_WRITE_DROP ETIME']);
  t.is(arrows.length, 1, 'nothing but the request arrived');
});

test('two devices in one file have an arrow for each message', async (t) => {
  const { server, client, echo, implementation } = await pair(t);
  server.startTrace();
  client.startTrace();
  await Promise.all(Array.from({ length: 20 }, (_, index) => echo.now(`call ${index}`)));
  for (let index = 0; index < 5; index += 1) await echo.notify('line');
  await until(() => implementation.notified === 5);
  const sources = [
    { ...client.readTrace(), name: 'the client' },
    { ...server.readTrace(), name: 'the service' },
  ];
  const { slices, arrows, names, lost } = parseChrome(t, sources);
  t.is(arrows.length, 45);
  const ways = new Map<string, number>();
  for (const { from, to } of arrows) {
    t.is(from.args['timestamp'], to.args['timestamp']);
    t.is(from.args['size'], to.args['size']);
    t.is(from.args['peerTask'], to.tid);
    t.is(to.args['peerTask'], from.tid);
    const way = `${names.get(from.pid)}: ${from.name} > ${names.get(to.pid)}: ${to.name}`;
    ways.set(way, (ways.get(way) ?? 0) + 1);
  }
  t.deepEqual(Object.fromEntries(ways), {
    'the client: IPC_WRITE request > the service: IPC_READ request': 25,
    'the service: IPC_WRITE reply > the client: IPC_READ reply': 20,
  });
  t.true(slices.every(({ dur }) => dur > 0));
  t.is(lost, 0);

  // One side alone has messages and no arrows.
  const alone = parseChrome(t, sources[0] ?? []);
  t.is(alone.arrows.length, 0);
  t.true(alone.slices.length >= 45 - 20);
});

test('nothing is recorded before the start and after the stop', async (t) => {
  const { client, echo } = await pair(t);
  throwsCode(t, 'ENODATA', () => client.readTrace());
  throwsCode(t, 'EALREADY', () => {
    client.stopTrace();
  });
  client.startTrace({ records: 1000 });
  throwsCode(t, 'EALREADY', () => {
    client.startTrace();
  });
  t.deepEqual(only(client.readTrace(), 'IPC_WRITE', 'IPC_READ'), []);
  await echo.now('one');
  client.stopTrace();
  await echo.now('two');
  t.is(only(client.readTrace(), 'IPC_WRITE').length, 1, 'what was before the stop');
  t.deepEqual(client.readTrace(), { records: [], lost: 0 });
  throwsCode(t, 'EALREADY', () => {
    client.stopTrace();
  });
  client.startTrace();
  await echo.now('three');
  t.is(only(client.readTrace(), 'IPC_WRITE').length, 1);
});

test('a full trace drops and counts the oldest records', async (t) => {
  const { client, echo } = await pair(t);
  client.startTrace({ records: 4 });
  for (let index = 0; index < 20; index += 1) await echo.now(String(index));
  client.stopTrace();
  const { records, lost } = client.readTrace();
  t.is(records.length, 4);
  t.true(lost >= 36);
  t.is(parseChrome(t, { records, lost }).lost, lost);
  const { events } = parseChrome(t, [{ records, lost }]);
  t.true(events.some((event) => event.ph === 'i' && event.args['lost'] === lost));
});

test('options are checked', async (t) => {
  const { client } = await pair(t);
  for (const records of [0, -1, 1.5, 262_145, NaN, '5' as unknown as number]) {
    t.throws(() => client.startTrace({ records }), { instanceOf: TypeError });
  }
  t.throws(() => client.startTrace(null as unknown as object), { instanceOf: TypeError });
  client.startTrace({ records: 262_144 });
  t.deepEqual(client.readTrace().lost, 0);
});

test('a trace outlives its device, and a device its trace', async (t) => {
  const { domain } = await pair(t);
  let closed;
  {
    await using device = await openDevice({ domain: domain.name });
    device.startTrace();
    await (await device.service(Echo)).now('once');
    closed = device;
  }
  t.is(only(closed.readTrace(), 'IPC_WRITE').length, 2, 'the look-up and the call');
  t.deepEqual(closed.readTrace().records, []);
  throwsCode(t, 'ECANCELED', () => closed.startTrace());
  closed.stopTrace();
});

test('a trace goes on in the next domain of the name', async (t) => {
  const name = `trace-again-${process.pid}`;
  let manager = await ServiceManager.start({ domain: name });
  await using server = await openDevice({ domain: name });
  await server.expose(Echo, new EchoImplementation());
  await using client = await openDevice({ domain: name });
  client.startTrace();
  const echo = await client.service(Echo);
  await echo.now('before');
  const back = Promise.all(
    [client, server].map((device) => new Promise<void>((done) => device.once('reconnected', done))),
  );
  await manager.close();
  manager = await ServiceManager.start({ domain: name });
  await back;
  await echo.now('after');
  client.stopTrace();
  const trace = client.readTrace();
  const replies = only(trace, 'IPC_READ').filter(({ messageType }) => messageType === 'reply');
  t.true(replies.length >= 4, 'two look-ups and two calls');
  t.is(trace.lost, 0);
  const times = trace.records.map(({ time }) => time);
  t.true(times.every((time, index) => index === 0 || time >= (times[index - 1] ?? 0n)));
  await manager.close();
});

// ---- the conversion alone ----------------------------------------------------------------------

function made(part: Partial<Record<keyof TraceRecord, unknown>>): TraceRecord {
  return {
    time: 1_000_000n,
    hook: 'IPC_READ',
    reason: undefined,
    processId: 1,
    taskId: 5,
    peerProcessId: 2,
    peerTaskId: 6,
    messageType: 'request',
    timestamp: 999n,
    code: 0,
    handle: 5,
    size: 0,
    oneWay: false,
    waiting: false,
    ...part,
  } as TraceRecord;
}

test("a wait's slice has the wait's duration and contains its drops", (t) => {
  const times = { start: 5_000_000_000_000_000n, drop: 20_000n, end: 50_000n };
  const records = [
    made({ time: times.start, hook: 'IPC_TRY_READ', messageType: 'reply', timestamp: 0n }),
    made({ time: times.start + times.drop, hook: 'IPC_READ_DROP', reason: 'NOT_RECEIVING' }),
    made({ time: times.start + times.end, hook: 'IPC_READ', messageType: 'reply' }),
    made({ time: times.start + times.end + 300n, hook: 'IPC_TRY_READ' }),
  ];
  const { slices } = parseChrome(t, { records });
  t.deepEqual(
    slices.map(({ name, ts, dur }) => [name, ts, dur]),
    [
      ['wait for a reply', 0, 50],
      ['IPC_READ_DROP NOT_RECEIVING', 20, 1],
      ['IPC_READ reply', 50, 0.3],
      ['wait for a message', 50.3, 1],
    ],
  );
});

test('an arrow leads to a drop with its reason', (t) => {
  const sources = [
    {
      records: [
        made({ hook: 'IPC_WRITE', processId: 2, taskId: 6, peerProcessId: 1, peerTaskId: 5 }),
      ],
    },
    { records: [made({ time: 1_000_500n, hook: 'IPC_READ_DROP', reason: 'NO_RIGHT' })] },
    // Read before it was written, or from a different task: no arrows.
    { records: [made({ time: 1_000_600n, timestamp: 1000n }), made({ peerTaskId: 7 })] },
  ];
  const { arrows } = parseChrome(t, sources);
  const [arrow] = arrows;
  t.is(arrows.length, 1);
  t.is(arrow?.from.name, 'IPC_WRITE request');
  t.is(arrow?.to.name, 'IPC_READ_DROP NO_RIGHT');
  t.is(arrow?.to.cname, 'bad');
  t.is(arrow?.to.args['because'], dropReasons.NO_RIGHT);
});

test('every hook is converted, in any order of the records', (t) => {
  const records = [
    made({ time: 9000n, hook: 'IPC_KILL', reason: 'ERFKILL' }),
    made({ time: 8000n, hook: 'IPC_TRY_READ' }),
    made({ time: 5000n, hook: 'IPC_READ_TIMEOUT', reason: 'ETIME', messageType: 'reply' }),
    made({ time: 2000n, hook: 'IPC_TRY_READ', messageType: 'reply' }),
    made({ time: 1000n, hook: 'IPC_READ', messageType: 'death-notice' }),
    made({ time: 500n, hook: 'IPC_READ_DROP', reason: 'MALFORMED', messageType: 'unknown' }),
  ];
  const { slices } = parseChrome(t, { records });
  t.deepEqual(
    slices.map(({ name, ts, dur }) => [name, ts, dur]),
    [
      ['IPC_READ_DROP MALFORMED', 0, 0.5],
      ['IPC_READ death-notice', 0.5, 1],
      ['wait for a reply', 1.5, 3],
      ['IPC_READ_TIMEOUT ETIME', 4.5, 1],
      ['wait for a message', 7.5, 1],
      ['IPC_KILL ERFKILL', 8.5, 1],
    ],
  );
});

test('the wait of an event loop is a separate thread and ends with the next record', (t) => {
  const records = [
    made({ time: 1000n, hook: 'IPC_TRY_READ', taskId: 0, timestamp: 0n }),
    made({ time: 9000n, hook: 'IPC_READ' }),
  ];
  const { slices, events } = parseChrome(t, { records });
  t.deepEqual(
    slices.map(({ name, dur }) => [name, dur]),
    [
      ['wait for a message', 8],
      ['IPC_READ request', 1],
    ],
  );
  t.true(events.some((event) => event.ph === 'M' && event.args['name'] === 'event loop'));
});

test('an empty trace gives an empty file', (t) => {
  for (const nothing of [[], { records: [] }, [{ records: [], lost: 5 }]]) {
    t.deepEqual(parseChrome(t, nothing).events, []);
  }
  t.is(traceToChrome([{ records: [], lost: 5 }]).otherData.lost, 5);
});
