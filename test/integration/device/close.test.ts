/**
 * Tests every order of closing: no call hangs, both sides are notified, everything is released.
 */
import ava from 'ava';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceManager, defineService, method, openDevice, type Device } from 'liteipc';
import { startDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { until } from '#test/support/deadlines.js';

usePrivateRuntime();
const test = ava.serial;

const Echo = defineService('echo', { echo: method<unknown, unknown>(), hang: method() });
const echo = {
  echo: (value: unknown) => value,
  hang: () => new Promise<void>(() => undefined),
};
let names = 0;

/** Starts a manager, a service and a client with a call in flight. */
async function world() {
  names += 1;
  const domain = `close-${process.pid}-${names}`;
  const manager = await ServiceManager.start({ domain });
  const service = await openDevice({ domain });
  await service.expose(Echo, echo);
  const device = await openDevice({ domain });
  const client = await device.service(Echo);
  const pending = client.hang(undefined, { timeoutMs: Infinity }).then(
    () => 'answered',
    (error: unknown) => (error as { code: string }).code,
  );
  await client.echo(1);
  return { domain, parts: { manager, service, device }, client, pending };
}

const orders = [
  ['manager', 'service', 'device'],
  ['manager', 'device', 'service'],
  ['service', 'manager', 'device'],
  ['service', 'device', 'manager'],
  ['device', 'manager', 'service'],
  ['device', 'service', 'manager'],
] as const;

for (const order of orders) {
  test(`close in the order ${order.join(', ')}`, async (t) => {
    const { parts, pending, client } = await world();
    const expected = { manager: 'ENODEV', service: 'EPIPE', device: 'ECANCELED' }[order[0]];
    await parts[order[0]].close();
    t.is(await pending, expected);
    await parts[order[1]].close();
    await parts[order[2]].close();
    await t.throwsAsync(client.echo(1), { code: 'ECANCELED' });
  });

  test(`close without a pause in the order ${order.join(', ')}`, async (t) => {
    const { parts, pending, client } = await world();
    for (const name of order) await parts[name].close();
    t.true(['ENODEV', 'EPIPE', 'ECANCELED'].includes(await pending));
    await t.throwsAsync(client.echo(1), { code: 'ECANCELED' });
  });
}

test('everything can be closed at once and repeatedly', async (t) => {
  const { parts, pending } = await world();
  const all = Object.values(parts);
  await Promise.all(all.map((part) => part.close()));
  t.true(['ENODEV', 'EPIPE', 'ECANCELED'].includes(await pending));
  await Promise.all(all.map((part) => part.close()));
});

test('a device can be closed in an implementation and right after a call', async (t) => {
  const domain = await startDomain(t);
  const service = await domain.open();
  await service.expose(Echo, {
    echo: (value) => {
      void service.close();
      return value;
    },
    hang: echo.hang,
  });
  const device = await domain.open();
  const client = await device.service(Echo);
  await t.throwsAsync(client.echo(1), { code: 'EPIPE' });
  const unsent = client.echo(2);
  const closed = device.close();
  await t.throwsAsync(unsent, { code: 'ECANCELED' });
  await closed;
});

test('a closed device rejects everything with ECANCELED', async (t) => {
  const domain = await startDomain(t);
  const device = await domain.open();
  await device.close();
  await t.throwsAsync(device.expose(Echo, echo), { code: 'ECANCELED' });
  await t.throwsAsync(device.service(Echo), { code: 'ECANCELED' });
  t.false(device.connected);
  t.is(device.processId, 0);
});

test('await using closes the device', async (t) => {
  const domain = `using-${process.pid}`;
  let used: Device;
  {
    await using manager = await ServiceManager.start({ domain });
    await using device = await openDevice({ domain: manager.domain });
    await using exposed = await device.expose(Echo, echo);
    t.true(exposed.handle > 0);
    used = device;
    t.true(used.connected);
  }
  t.false(used.connected);
  await t.throwsAsync(openDevice({ domain }), { code: 'ENODEV' });
});

test('services and clients continue after a restart of the domain', async (t) => {
  const { domain, parts, client, pending } = await world();
  const events: string[] = [];
  for (const name of ['service', 'device'] as const) {
    parts[name].on('lost', () => events.push(`${name} lost`));
    parts[name].on('reconnected', () => events.push(`${name} reconnected`));
  }
  await parts.manager.close();
  t.is(await pending, 'ENODEV');
  await until(() => events.length === 2);
  await t.throwsAsync(client.echo(1), {
    code: 'ENODEV',
    message: /^echo\.echo: the domain has ended; the device reconnects/,
  });
  await sleep(100);
  const next = await ServiceManager.start({ domain });
  await until(() => events.length === 4);
  t.is(await client.echo('again'), 'again');
  t.is(next.services().length, 1);
  await parts.device.close();
  await parts.service.close();
  await next.close();
});

test('a device can be closed at any time during its reconnection', async (t) => {
  for (const delayMs of [0, 20, 60, 120]) {
    const { parts, pending } = await world();
    await parts.manager.close();
    await sleep(delayMs);
    await parts.device.close();
    await parts.service.close();
    t.is(await pending, 'ENODEV');
  }
});

test('closed clients and services leave nothing in the domain', async (t) => {
  const domain = await startDomain(t);
  const before = domain.manager.counters();
  for (let round = 0; round < 20; round++) {
    const service = await domain.open();
    await service.expose(Echo, echo);
    const device = await domain.open();
    t.is(await (await device.service(Echo)).echo(round), round);
    await device.close();
    await service.close();
  }
  await until(() => JSON.stringify(domain.manager.counters()) === JSON.stringify(before));
  t.pass();
});
