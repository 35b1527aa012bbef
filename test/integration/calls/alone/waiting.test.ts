/**
 * Tests clients that wait for their service. The manager delays its answers, so that no lookups
 * are repeated.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { ServiceManager, defineService, method, openDevice, type LiteIpcError } from 'liteipc';
import { startDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { scaled, until } from '#test/support/deadlines.js';

usePrivateRuntime();

const Echo = defineService('echo', { echo: method<unknown, unknown>() });
const echo = { echo: (value: unknown) => value };

/** Tolerance for slow machines in ms. */
const SLACK_MS = scaled(700);

/** Returns the time until the failure, ms, and the error. */
async function failure(
  promise: Promise<unknown>,
): Promise<{ code: string; message: string; ms: number }> {
  const before = performance.now();
  try {
    await promise;
  } catch (error) {
    const { code, message } = error as LiteIpcError;
    return { code, message, ms: performance.now() - before };
  }
  throw new Error('it did not fail');
}

function isAbout(t: ExecutionContext, ms: number, expected: number): void {
  t.true(ms > expected - 20 && ms < expected + SLACK_MS, `${ms} ms, expected ${expected}`);
}

test('a service that registers in time is found by one lookup, which the manager delays', async (t) => {
  const domain = await startDomain(t);
  const device = await domain.open();
  device.startTrace();
  const found = device.service(Echo, { waitMs: 10_000 });
  await sleep(300);
  await (await domain.open()).expose(Echo, echo);
  const before = performance.now();
  const client = await found;
  t.true(performance.now() - before < SLACK_MS);
  const sent = device.readTrace().records.filter(({ hook }) => hook === 'IPC_WRITE');
  t.true(sent.length <= 2, `${sent.length} messages`);
  t.is(await client.echo(1), 1);
});

test('ENOENT says how long the client waited for a missing service', async (t) => {
  const device = await (await startDomain(t)).open();
  const { code, message, ms } = await failure(device.service(Echo, { waitMs: 300 }));
  t.is(code, 'ENOENT');
  t.is(
    message,
    'No service "echo" was registered within 300 ms: start the process that exposes it, or wait longer (waitMs) (ENOENT)',
  );
  isAbout(t, ms, 300);
});

test('later calls wait, too, each for its own time', async (t) => {
  const domain = await startDomain(t);
  const first = await (await domain.open()).expose(Echo, echo);
  const client = await (await domain.open()).service(Echo, { waitMs: 1500 });
  t.is(await client.echo(1), 1);
  await first.dispose();
  const early = failure(client.echo('early'));
  await sleep(500);
  const late = client.echo('late');
  const shortly = failure(client.echo('shortly', { timeoutMs: 60 }));
  t.like(await shortly, { code: 'ETIME' });
  const { code, ms } = await early;
  t.is(code, 'ENOENT');
  isAbout(t, ms, 1500);
  // The call has 500 ms left.
  await (await domain.open()).expose(Echo, echo);
  t.is(await late, 'late');
});

test('a waiting call that is aborted is not sent', async (t) => {
  const domain = await startDomain(t);
  const first = await (await domain.open()).expose(Echo, echo);
  const client = await (await domain.open()).service(Echo, { waitMs: 5000 });
  await first.dispose();
  const controller = new AbortController();
  const aborted = failure(client.echo('aborted', { signal: controller.signal }));
  const other = client.echo('other');
  await sleep(50);
  controller.abort();
  t.like(await aborted, { code: 'ABORT_ERR' });
  const seen: unknown[] = [];
  await (await domain.open()).expose(Echo, { echo: (value) => (seen.push(value), value) });
  t.is(await other, 'other');
  t.deepEqual(seen, ['other']);
});

test('a client without permission is refused at once, even while it waits', async (t) => {
  const domain = await startDomain(t);
  const device = await domain.open();
  const waiting = failure(device.service(Echo, { waitMs: 10_000 }));
  await sleep(100);
  await domain.manager.revoke(Echo, { pid: process.pid });
  const { code, ms } = await waiting;
  t.is(code, 'EACCES');
  isAbout(t, ms, 100);
  t.like(await failure(device.service(Echo, { waitMs: 10_000 })), { code: 'EACCES' });
});

test('a process can have at most 64 delayed lookups', async (t) => {
  const domain = await startDomain(t);
  const device = await domain.open();
  const names = Array.from({ length: 66 }, (_, index) => `none${index}`);
  const started = names.map((name) =>
    failure(device.service(defineService(name, Echo.methods), { waitMs: 500 })),
  );
  // A second device counts as another process.
  const other = failure((await domain.open()).service(Echo, { waitMs: 200 }));
  const codes = (await Promise.all(started)).map(({ code }) => code);
  t.is(codes.filter((code) => code === 'EAGAIN').length, 2);
  t.is(codes.filter((code) => code === 'ENOENT').length, 64);
  t.like(await other, { code: 'ENOENT' });
  // The slots are free again.
  t.like(await failure(device.service(Echo, { waitMs: 10 })), { code: 'ENOENT' });
});

test('closing the device rejects a waiting call with ECANCELED', async (t) => {
  const domain = await startDomain(t);
  const device = await domain.open();
  const waiting = failure(device.service(Echo, { waitMs: 10_000 }));
  await sleep(50);
  await device.close();
  const { code, ms } = await waiting;
  t.is(code, 'ECANCELED');
  isAbout(t, ms, 50);
  t.like(await failure(device.service(Echo, { waitMs: 10_000 })), { code: 'ECANCELED' });
});

test('a client that waits during a restart of the domain finds the service', async (t) => {
  const domain = `waiting-${process.pid}`;
  let manager = await ServiceManager.start({ domain });
  const [service, device, device2] = [
    await openDevice({ domain }),
    await openDevice({ domain }),
    await openDevice({ domain }),
  ];
  t.teardown(async () => {
    for (const each of [service, device, device2]) await each.close();
    await manager.close();
  });
  await service.expose(Echo, echo);
  const waiting = await device.service(Echo, { waitMs: 10_000 });
  const immediate = await device.service(Echo);
  t.not(waiting, immediate);
  t.is(waiting, await device.service(Echo, { waitMs: 10_000 }));
  const Other = defineService('other', Echo.methods);
  const other = device2.service(Other, { waitMs: 10_000 });
  await sleep(50);
  await manager.close();
  await until(() => !device.connected);
  const call = waiting.echo('waited');
  const controller = new AbortController();
  const aborted = failure(waiting.echo('aborted', { signal: controller.signal }));
  controller.abort();
  t.like(await aborted, { code: 'ABORT_ERR' });
  t.like(await failure(immediate.echo('at once')), { code: 'ENODEV' });
  const short = await failure(waiting.echo('short', { timeoutMs: 100 }));
  t.is(short.code, 'ENODEV');
  isAbout(t, short.ms, 100);
  manager = await ServiceManager.start({ domain });
  t.is(await call, 'waited');
  await service.expose(Other, echo);
  t.is(await (await other).echo(2), 2);
});

test('options of service are checked', async (t) => {
  const device = await (await startDomain(t)).open();
  for (const options of [1, null, { waitMs: -1 }, { waitMs: 'x' }, { waitMs: 2 ** 31 }]) {
    await t.throwsAsync(device.service(Echo, options as never), { instanceOf: TypeError });
  }
});
