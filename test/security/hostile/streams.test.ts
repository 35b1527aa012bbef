/**
 * A client that bypasses the TypeScript layer and breaks the rules of streams: it loses its stream,
 * no more.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import ava, { type ExecutionContext } from 'ava';
import { pack, unpack } from 'msgpackr';
import { Cookie, StreamCode } from '#lib/wire/header.js';
import { startDomain } from '#test/support/domain.js';
import { Flowing, Flows, collect } from '#test/support/flows.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { RawDevice, errno, type RawEvent } from '#test/support/raw-device.js';
import { until } from '#test/support/deadlines.js';

usePrivateRuntime();
const test = ava;
const names = Object.keys(Flows.methods);
const nothing = new Uint8Array(0);
const FAILED = 2;
const END = 1;

async function attack(t: ExecutionContext) {
  const domain = await startDomain(t);
  const service = await domain.open();
  const flowing = new Flowing();
  const { handle } = await service.expose(Flows, flowing);
  const raw = await RawDevice.open(domain.name);
  t.teardown(() => raw.close());
  const call = async (
    code: number,
    data: Uint8Array,
    token = 0,
    cookie = 0,
    to: number = handle,
  ) => {
    for (;;) {
      const { status, ended } = raw.tryCall(to, data, { code, token, cookie });
      if (status === 0) return await ended;
      if (status !== errno.EINPROGRESS) throw new Error(`the send failed with ${status}`);
      await sleep(2);
    }
  };
  // ServiceManager.lookup
  await call(2, pack({ name: Flows.name, hash: Flows.hash }), 0, 0, 0);
  await call(names.indexOf('ping'), nothing);
  return {
    domain,
    service,
    flowing,
    raw,
    call,
    /** Opens a stream; settles when it has ended. */
    open: (name: string, input: Uint8Array, token: number) =>
      call(names.indexOf(name), input, token, Cookie.Abortable),
    pull: (token: number) => call(StreamCode.Pull, nothing, token),
    push: (data: Uint8Array, token: number) =>
      raw.sendOneway(handle, data, { code: StreamCode.Push, token }),
    /** The service is as it was before. */
    check: async () => {
      await until(() => service.counters()['openRequests'] === 0);
      t.is(service.counters()['poolNodes'], 0);
      const client = await (await domain.open()).service(Flows);
      t.deepEqual(await collect(client.count(3)), [0, 1, 2]);
    },
  };
}

function codeOf(event: RawEvent): unknown {
  return event.status === errno.ENOENT ? (unpack(event.data) as { code: string }).code : 'no error';
}

test('asking for streams that are not there is refused', async (t) => {
  const { call, raw, push, check } = await attack(t);
  for (const token of [0, 1, 0xffff_ffff]) {
    t.is(codeOf(await call(StreamCode.Pull, nothing, token)), 'ECANCELED');
    t.is(codeOf(await call(StreamCode.Ready, nothing, token)), 'ECANCELED');
    t.is(await push(Uint8Array.of(0, 2, 0, 0, 0, 1), token), 0);
  }
  t.false(raw.lost);
  await check();
});

test('a stream that cannot be named is refused', async (t) => {
  const { call, check } = await attack(t);
  for (const name of ['count', 'sum', 'double', 'changed']) {
    t.is(codeOf(await call(names.indexOf(name), pack(5), 7)), 'EPROTO', name);
  }
  await check();
});

test('more PULLs than are allowed end the stream, and all are answered', async (t) => {
  const { open, pull, flowing, check } = await attack(t);
  const ended = open('idle', nothing, 7);
  const answers = await Promise.all([pull(7), pull(7), pull(7), pull(7), pull(7)]);
  t.is(codeOf(await ended), 'EPROTO');
  t.true(answers.map(codeOf).includes('EPROTO'));
  await until(() => flowing.ended.length === 1);
  t.deepEqual(flowing.ended, ['idle EPROTO']);
  await check();
});

test('items for a stream that takes none, PULLs of a sink, a second READY', async (t) => {
  const { open, pull, push, call, check } = await attack(t);
  const count = open('count', pack(1e9), 1);
  await push(Uint8Array.of(0), 1);
  t.is(codeOf(await count), 'EPROTO');
  const sum = open('sum', nothing, 2);
  t.is(codeOf(await pull(2)), 'EPROTO');
  t.is(codeOf(await sum), 'EPROTO');
  const double = open('double', nothing, 3);
  const ready = [call(StreamCode.Ready, nothing, 3), call(StreamCode.Ready, nothing, 3)];
  t.is(codeOf(await double), 'EPROTO');
  t.true((await Promise.all(ready)).map(codeOf).includes('EPROTO'));
  await check();
});

test('more items than were asked for end the stream: nothing piles up', async (t) => {
  const { open, push, flowing, check } = await attack(t);
  const ended = open('idle', nothing, 5);
  const batch = new Uint8Array(60_000);
  batch.set([0, 0x80, 0xd4, 1]); // one item of 60,000 bytes
  for (let count = 0; count < 20; count++) await push(batch, 5);
  t.is(codeOf(await ended), 'EPROTO');
  await until(() => flowing.ended.length === 1);
  await check();
});

test('garbage as items is EPROTO for its own stream', async (t) => {
  const { open, push, flowing, check } = await attack(t);
  let seed = 7;
  const random = (): number => (seed = (seed * 48271) % 0x7fffffff);
  for (let token = 0; token < 200; token++) {
    const ended = open('sum', nothing, token);
    const data = Uint8Array.from({ length: random() % 60 }, () => random() & 0xff);
    data[0] = token % 5;
    await push(data, token);
    await push(Uint8Array.of(END), token);
    const code = codeOf(await ended);
    t.true(['EPROTO', 'ABORT_ERR', 'no error'].includes(code as string), String(code));
    if (code === 'ABORT_ERR') t.not((data[0] ?? 0) & FAILED, 0);
  }
  t.true(flowing.itemErrors.length > 100);
  await check();
});

test('a client that goes away in the middle leaves nothing', async (t) => {
  const { open, pull, raw, flowing, service } = await attack(t);
  void open('idle', nothing, 1).catch(() => undefined);
  void open('count', pack(1e9), 2).catch(() => undefined);
  void pull(2).catch(() => undefined);
  await sleep(50);
  await raw.close();
  await until(() => flowing.ended.length === 2);
  t.deepEqual([...flowing.ended].sort(), ['count EPIPE', 'idle EPIPE']);
  await until(() => service.counters()['openRequests'] === 0);
});
