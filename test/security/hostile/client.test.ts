/**
 * A client that bypasses the TypeScript layer: services and the ServiceManager refuse, and go on.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import ava, { type ExecutionContext } from 'ava';
import { pack, unpack } from 'msgpackr';
import { defineService, method, oneway } from 'liteipc';
import { startDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { RawDevice, errno, type RawEvent } from '#test/support/raw-device.js';

usePrivateRuntime();
const test = ava;

/** MsgType of what is not answered with a result. */
const FAILED_REPLY = 2;
const REFUSED = 2;
const Guarded = defineService('guarded', {
  length: method<string, number>(),
  note: oneway<string>(),
});

async function rawDevice(t: ExecutionContext, domain: string): Promise<RawDevice> {
  const device = await RawDevice.open(domain);
  t.teardown(() => device.close());
  return device;
}

/** A call to any handle; tries again until the lane is there. */
async function send(
  device: RawDevice,
  handle: number,
  data: Uint8Array,
  code: number,
): Promise<RawEvent> {
  for (;;) {
    const { status, ended } = device.tryCall(handle, data, { code });
    if (status === 0) return await ended;
    if (status !== errno.EINPROGRESS) throw new Error(`the send failed with ${status}`);
    await sleep(2);
  }
}

interface ErrorReply {
  readonly code?: string;
  readonly message?: string;
}

function errorOf(event: RawEvent): ErrorReply {
  return unpack(event.data) as ErrorReply;
}

/** Deterministic garbage. */
function* garbage(count: number): Generator<Uint8Array> {
  let seed = 7;
  const random = (): number => (seed = (seed * 48271) % 0x7fffffff);
  for (let round = 0; round < count; round++) {
    yield Uint8Array.from({ length: random() % 200 }, () => random() & 0xff);
  }
}

test('the ServiceManager refuses what does not fit and goes on', async (t) => {
  const domain = await startDomain(t);
  const raw = await rawDevice(t, domain.name);
  const [REGISTER, UNREGISTER, LOOKUP] = [0, 1, 2];
  for (const [code, input] of [
    [REGISTER, 5],
    [REGISTER, { name: 'a b', shape: '' }],
    [REGISTER, { name: 'a', shape: 7 }],
    [REGISTER, { name: 'a', shape: 'x'.repeat(50_000) }],
    [UNREGISTER, null],
    [UNREGISTER, { name: 3 }],
    [LOOKUP, 'guarded'],
    [LOOKUP, { name: 'guarded', hash: -1 }],
    [LOOKUP, { name: {}, hash: 1 }],
    [99, {}],
  ] as const) {
    const event = await send(raw, 0, pack(input), code);
    t.is(event.status, errno.ENOENT);
    t.is(event.type, FAILED_REPLY);
    t.is(event.code, REFUSED);
    t.is(errorOf(event).code, 'EPROTO', JSON.stringify(errorOf(event)));
  }
  let refused = 0;
  for (const data of garbage(500)) {
    const event = await send(raw, 0, data, refused % 3);
    if (event.code === REFUSED) refused++;
  }
  t.is(refused, 500);
  t.deepEqual(domain.manager.services(), []);
});

test('a task serves one name, and a name of another cannot be taken back', async (t) => {
  const domain = await startDomain(t);
  await (await domain.open()).expose(Guarded, { length: () => 0, note: () => undefined });
  const raw = await rawDevice(t, domain.name);
  const first = await send(raw, 0, pack({ name: 'one', shape: '' }), 0);
  t.is(first.code, 0);
  const second = await send(raw, 0, pack({ name: 'two', shape: '' }), 0);
  t.like(errorOf(second), { code: 'EEXIST' });
  const taken = await send(raw, 0, pack({ name: 'guarded', shape: '' }), 0);
  t.like(errorOf(taken), { code: 'EEXIST' });
  const foreign = await send(raw, 0, pack({ name: 'guarded' }), 1);
  t.like(errorOf(foreign), { code: 'EACCES' });
  t.deepEqual(
    domain.manager.services().map(({ name }) => name),
    ['guarded', 'one'],
  );
});

test('a service refuses garbage and unknown methods and goes on', async (t) => {
  const domain = await startDomain(t);
  const errors: unknown[] = [];
  const exposed = await (
    await domain.open()
  ).expose(
    Guarded,
    { length: (text) => text.length, note: () => undefined },
    { onError: (error) => errors.push(error) },
  );
  const raw = await rawDevice(t, domain.name);
  t.is(raw.tryCall(exposed.handle, pack('abc')).status, errno.EACCES);
  const lookup = await send(raw, 0, pack({ name: 'guarded', hash: Guarded.hash }), 2);
  t.like(unpack(lookup.data), { handle: exposed.handle });

  t.is(unpack((await send(raw, exposed.handle, pack('abc'), 0)).data), 3);
  for (const code of [1, 2, 0xffff_ffff]) {
    const event = await send(raw, exposed.handle, pack('abc'), code);
    t.is(event.code, REFUSED);
    t.like(errorOf(event), { code: 'EPROTO' });
  }
  for (const data of garbage(500)) {
    t.true([0, errno.ENOENT].includes((await send(raw, exposed.handle, data, 0)).status));
    t.is(await raw.sendOneway(exposed.handle, data, { code: 1 }), 0);
    t.is(await raw.sendOneway(exposed.handle, data, { code: 0 }), 0);
  }
  t.is(unpack((await send(raw, exposed.handle, pack('abcd'), 0)).data), 4);
  // One-way messages to a method that answers, and unreadable ones, were reported.
  t.true(errors.length >= 500);
  t.deepEqual(raw.native.counters()['openRequests'], 0);
});
