/**
 * Tests cancelled calls: by a signal, a deadline or a termination. Both sides are notified, and
 * nothing remains.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import ava from 'ava';
import { LiteIpcError, ServiceManager, openDevice } from 'liteipc';
import { forkProgram } from '#test/support/child-program.js';
import { Attention, Attentive } from '#test/support/attention.js';
import { startDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { scaled, until } from '#test/support/deadlines.js';

usePrivateRuntime();
const test = ava;

async function attention(t: Parameters<typeof startDomain>[0], poolSize?: number) {
  const domain = await startDomain(t);
  const service = await domain.open(poolSize === undefined ? {} : { poolSize });
  const implementation = new Attentive();
  const exposed = await service.expose(Attention, implementation);
  const device = await domain.open();
  const client = await device.service(Attention);
  return { domain, service, exposed, device, client, implementation };
}

test('an abort rejects the call at once and reaches the service', async (t) => {
  const { client, implementation, device } = await attention(t);
  const controller = new AbortController();
  const call = client.serve('a', { signal: controller.signal, timeoutMs: Infinity });
  await until(() => implementation.begun.length === 1);
  const reason = new Error('enough');
  controller.abort(reason);
  const error = await t.throwsAsync(call, { instanceOf: LiteIpcError, name: 'AbortError' });
  t.like(error, { code: 'ABORT_ERR', service: 'attention', method: 'serve', cause: reason });
  await until(() => implementation.ended.length === 1);
  t.deepEqual(implementation.ended, ['a ABORT_ERR']);
  t.is(device.pendingCalls, 0);
  t.is(await client.quick(), false);
});

test('an abort affects only one of many calls', async (t) => {
  const { client, implementation } = await attention(t);
  const controllers = Array.from({ length: 100 }, () => new AbortController());
  const calls = controllers.map(({ signal }, index) => client.serve(String(index), { signal }));
  for (const call of calls) call.catch(() => undefined);
  await until(() => implementation.begun.length === 100);
  for (const index of [3, 99, 0]) controllers[index]?.abort();
  await until(() => implementation.ended.length === 3);
  t.deepEqual(implementation.ended, ['3 ABORT_ERR', '99 ABORT_ERR', '0 ABORT_ERR']);
  const others = Promise.race(calls.slice(4, 99)).catch(() => undefined);
  const waited = new Promise((resolve) => setTimeout(resolve, 20, 'still waiting'));
  t.is(await Promise.race([others, waited]), 'still waiting');
  for (const controller of controllers) controller.abort();
  await until(() => implementation.ended.length === 100);
});

test('a call with an aborted signal is not sent', async (t) => {
  const { client, implementation } = await attention(t);
  const signal = AbortSignal.abort();
  await t.throwsAsync(client.serve('a', { signal }), { name: 'AbortError' });
  await t.throwsAsync(client.note('b', { signal }), { name: 'AbortError' });
  await client.quick();
  t.deepEqual(implementation.begun, []);
  t.deepEqual(implementation.notes, []);
});

test('a call that is aborted while it waits for room never reaches the service', async (t) => {
  const { client, implementation } = await attention(t, 64 * 1024);
  const held = [];
  for (let index = 0; index < 3; index++) held.push(client.deaf(new Uint8Array(20_000)));
  await until(() => implementation.releases.length === 3);
  const controller = new AbortController();
  const waiting = client.serve('x'.repeat(20_000), { signal: controller.signal });
  controller.abort();
  await t.throwsAsync(waiting, { name: 'AbortError' });
  for (const release of implementation.releases) release();
  await Promise.all(held);
  await client.quick();
  t.deepEqual(implementation.begun, []);
});

test('an abort that finds no room is sent when there is room', async (t) => {
  const { client, implementation } = await attention(t, 64 * 1024);
  const controller = new AbortController();
  const call = client.serve('a', { signal: controller.signal });
  await until(() => implementation.begun.length === 1);
  // More of them wait than have room: they use any room that is freed, so the abort competes with
  // them.
  const held = Array.from({ length: 40 }, () => client.deaf(new Uint8Array(9_000)));
  const small = Array.from({ length: 600 }, () => client.deaf());
  await until(() => implementation.releases.length >= 6);
  controller.abort();
  await t.throwsAsync(call, { name: 'AbortError' });
  const release = setInterval(() => {
    for (const each of implementation.releases.splice(0)) each();
  }, 1);
  t.teardown(() => {
    clearInterval(release);
  });
  await Promise.all([...held, ...small]);
  await until(() => implementation.ended.length === 1);
  t.deepEqual(implementation.ended, ['a ABORT_ERR']);
});

test('the signal is aborted already if the abort arrives before the implementation reads it', async (t) => {
  const { client, implementation } = await attention(t);
  const controller = new AbortController();
  // Creates the lane, so that the calls are sent at once.
  await client.quick();
  const blocking = client.serveLater(600, { timeoutMs: 400 });
  const call = client.serve('a', { signal: controller.signal });
  controller.abort();
  await t.throwsAsync(call, { name: 'AbortError' });
  await t.throwsAsync(blocking, { code: 'ETIME' });
  await until(() => implementation.ended.length === 2);
  t.deepEqual([...implementation.ended].sort(), ['a ABORT_ERR', 'later ETIME']);
});

test('the service sees the remaining time, and its signal is aborted at the deadline', async (t) => {
  const { client, implementation } = await attention(t);
  const [untilDeadline, remaining] = await client.time(undefined, { timeoutMs: 4000 });
  t.true(untilDeadline > 500 && untilDeadline <= 4001, String(untilDeadline));
  t.true(remaining > 500 && remaining <= 4001, String(remaining));
  t.deepEqual(await client.time(undefined, { timeoutMs: Infinity }), [Infinity, Infinity]);
  const before = performance.now();
  await t.throwsAsync(client.serve('a', { timeoutMs: 500 }), { code: 'ETIME' });
  await until(() => implementation.ended.length === 1);
  const took = performance.now() - before;
  t.deepEqual(implementation.ended, ['a ETIME']);
  t.true(took >= 499 && took < scaled(3000), `${took} ms`);
});

test('the signal is aborted when the caller closes its device', async (t) => {
  const { client, implementation, device } = await attention(t);
  const call = client.serve('a', { timeoutMs: Infinity });
  await until(() => implementation.begun.length === 1);
  await device.close();
  await t.throwsAsync(call, { code: 'ECANCELED' });
  await until(() => implementation.ended.length === 1);
  t.deepEqual(implementation.ended, ['a EPIPE']);
});

test('the signal is aborted when the calling process is killed', async (t) => {
  const { domain, implementation } = await attention(t);
  const children = ['one', 'two'].map((label) =>
    forkProgram(t, 'attention-caller', [domain.name, label]),
  );
  await until(() => implementation.begun.length === 2);
  children[0]?.kill('SIGKILL');
  await until(() => implementation.ended.length === 1);
  t.deepEqual(implementation.ended, ['one EPIPE']);
  children[1]?.kill('SIGKILL');
  await until(() => implementation.ended.length === 2);
  t.deepEqual(implementation.ended, ['one EPIPE', 'two EPIPE']);
});

test('the signal is aborted when the service is disposed or its domain ends', async (t) => {
  const { client, implementation, exposed } = await attention(t);
  const call = client.serve('a', { timeoutMs: Infinity });
  await until(() => implementation.begun.length === 1);
  await Promise.all([exposed.dispose(), t.throwsAsync(call, { code: 'EPIPE' })]);
  t.deepEqual(implementation.ended, ['a ECANCELED']);

  const manager = await ServiceManager.start({ domain: `ends-${process.pid}` });
  const other = await openDevice({ domain: manager.domain });
  t.teardown(() => other.close());
  const second = new Attentive();
  await other.expose(Attention, second);
  const own = (await other.service(Attention)).serve('b', { timeoutMs: Infinity });
  await until(() => second.begun.length === 1);
  await Promise.all([manager.close(), t.throwsAsync(own, { code: 'ENODEV' })]);
  await until(() => second.ended.length === 1);
  t.deepEqual(second.ended, ['b ENODEV']);
});

test('the signal of an answered call is not aborted', async (t) => {
  const { client, implementation } = await attention(t);
  const controller = new AbortController();
  t.is(await client.quick(undefined, { signal: controller.signal, timeoutMs: 1000 }), false);
  controller.abort();
  await sleep(1200);
  t.deepEqual(
    implementation.signals.map(({ aborted }) => aborted),
    [false],
  );
});

test('a signal of many calls retains none of them and causes no warning', async (t) => {
  const { client } = await attention(t);
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on('warning', onWarning);
  t.teardown(() => process.off('warning', onWarning));
  const { signal } = new AbortController();
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners--;
    remove(...args);
  };
  const calls = Array.from({ length: 200 }, () => client.quick(undefined, { signal }));
  t.is(listeners, 1);
  await Promise.all(calls);
  t.is(listeners, 0);
  t.deepEqual(warnings, []);
});

test('invalid options are rejected', async (t) => {
  const { client } = await attention(t);
  await t.throwsAsync(client.quick(undefined, { signal: {} as AbortSignal }), {
    instanceOf: TypeError,
    message: 'Expected an AbortSignal for signal of attention.quick but received Object',
  });
  await t.throwsAsync(client.quick(undefined, 5 as never), { instanceOf: TypeError });
});
