/** Tests how a client detects the restarts of its service without calls. */
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { ServiceManager, defineService, method, openDevice } from 'liteipc';
import { startDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { until } from '#test/support/deadlines.js';

usePrivateRuntime();

const Echo = defineService('echo', { echo: method<unknown, unknown>() });
const echo = { echo: (value: unknown) => value };

test('onRestart is called once for each new instance, without a call', async (t) => {
  const domain = await startDomain(t);
  const service = await domain.open();
  let exposed = await service.expose(Echo, echo);
  const device = await domain.open();
  const client = await device.service(Echo);
  let restarts = 0;
  const watch = device.onRestart(client, () => restarts++);
  await sleep(50);
  t.is(restarts, 0, 'what is there has not come back');

  await exposed.dispose();
  device.startTrace();
  await sleep(300);
  t.is(restarts, 0);
  const sent = device.readTrace().records.filter(({ hook }) => hook === 'IPC_WRITE');
  t.true(sent.length <= 3, `${sent.length} messages in 300 ms`);
  t.is(device.pendingCalls, 0, 'the delayed lookup is not a call of the program');

  exposed = await service.expose(Echo, echo);
  await until(() => restarts === 1);
  t.is(await client.echo(1), 1);
  // A second process registers without a pause.
  await exposed.dispose();
  exposed = await (await domain.open()).expose(Echo, echo);
  await until(() => restarts === 2);
  t.is(await client.echo(2), 2);

  watch[Symbol.dispose]();
  await exposed.dispose();
  await service.expose(Echo, echo);
  t.is(await client.echo(3), 3);
  await sleep(50);
  t.is(restarts, 2, 'nobody listens any more');
});

test('a call that finds the service first causes no second event', async (t) => {
  const domain = await startDomain(t);
  const service = await domain.open();
  const exposed = await service.expose(Echo, echo);
  const device = await domain.open();
  const client = await device.service(Echo, { waitMs: 5000 });
  let restarts = 0;
  const seen: unknown[] = [];
  device.onRestart(client, () => {
    restarts++;
    void client.echo('from the listener').then((value) => seen.push(value));
  });
  await exposed.dispose();
  const calls = [client.echo(1), client.echo(2)];
  await service.expose(Echo, echo);
  t.deepEqual(await Promise.all(calls), [1, 2]);
  await until(() => seen.length === 1);
  await sleep(100);
  t.is(restarts, 1);
});

test('a listener that is added after the end is called, too', async (t) => {
  const domain = await startDomain(t);
  const service = await domain.open();
  const exposed = await service.expose(Echo, echo);
  const device = await domain.open();
  const client = await device.service(Echo);
  let deaths = 0;
  device.onDeath(client, () => deaths++);
  await exposed.dispose();
  await until(() => deaths === 1);
  let restarts = 0;
  device.onRestart(client, () => restarts++);
  await service.expose(Echo, echo);
  await until(() => restarts === 1);
  t.is(await client.echo(1), 1);
});

test('onRestart is called when a revoked right is granted again', async (t) => {
  const domain = await startDomain(t);
  const service = await domain.open();
  const exposed = await service.expose(Echo, echo);
  const device = await domain.open();
  const client = await device.service(Echo);
  let restarts = 0;
  device.onRestart(client, () => restarts++);
  await exposed.dispose();
  await sleep(50);
  await domain.manager.revoke(Echo, { pid: process.pid });
  await service.expose(Echo, echo);
  await sleep(200);
  t.is(restarts, 0);
  await domain.manager.grant(Echo, { pid: process.pid });
  await until(() => restarts === 1);
  t.is(await client.echo(1), 1);
});

test('after a restart of the domain onRestart is called once, when the service is available', async (t) => {
  const domain = `restart-${process.pid}`;
  let manager = await ServiceManager.start({ domain });
  const [service, device] = [await openDevice({ domain }), await openDevice({ domain })];
  t.teardown(async () => {
    await device.close();
    await service.close();
    await manager.close();
  });
  await service.expose(Echo, echo);
  const client = await device.service(Echo);
  let restarts = 0;
  device.onRestart(client, () => restarts++);
  for (let round = 1; round <= 2; round++) {
    await manager.close();
    await until(() => !device.connected);
    manager = await ServiceManager.start({ domain });
    await until(() => restarts === round);
    t.is(await client.echo(round), round);
  }
});

test('a device that closes during the lookups leaves nothing', async (t) => {
  const domain = await startDomain(t);
  const exposed = await (await domain.open()).expose(Echo, echo);
  const device = await domain.open();
  const client = await device.service(Echo);
  device.onRestart(client, () => t.fail());
  await exposed.dispose();
  await sleep(50);
  await device.close();
  await (await domain.open()).expose(Echo, echo);
  await sleep(50);
  t.throws(() => device.onRestart({}, () => undefined), { instanceOf: TypeError });
  t.throws(() => device.onRestart(client, 1 as never), { instanceOf: TypeError });
});
