/** Tests rules for single methods, which the manager decides and the receiver enforces. */
import test, { type ExecutionContext } from 'ava';
import { allow, defineService, deny, method, oneway, type Device } from 'liteipc';
import type { Connection } from '#lib/connection/connection.js';
import { hasMethod, methodBits } from '#lib/service/method-access.js';
import { CONTROL_CODE } from '#lib/service/control.js';
import { methodsOf } from '#lib/contract/method-table.js';
import { openConnection } from '#lib/device/open-connection.js';
import { RegistryClient } from '#lib/registry/client.js';
import { Registry } from '#lib/registry/protocol.js';
import { Route } from '#lib/calls/route.js';
import { startDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { until } from '#test/support/deadlines.js';

usePrivateRuntime();

const Log = defineService('log', {
  write: oneway<string>(),
  read: method<void, number>(),
  clear: method(),
});

async function exposeLog(device: Device): Promise<{ lines: string[]; errors: string[] }> {
  const heard = { lines: [] as string[], errors: [] as string[] };
  const log = {
    write: (line: string) => void heard.lines.push(line),
    read: () => heard.lines.length,
    clear: () => void heard.lines.splice(0),
  };
  await device.expose(Log, log, {
    onError: (error) => void heard.errors.push((error as Error).message),
  });
  return heard;
}

test('methodBits and hasMethod represent sets of methods', (t) => {
  const bits = methodBits([true, false, true, false, false, false, false, false, true]);
  t.deepEqual([...bits], [5, 1]);
  t.deepEqual(
    [0, 1, 2, 7, 8, 9, 5000].map((index) => hasMethod(bits, index)),
    [true, false, true, false, true, false, false],
  );
});

test('a caller may call only the methods that it is admitted to', async (t) => {
  const uid = process.getuid?.() ?? 0;
  const domain = await startDomain(t, { policy: [allow(Log, 'write', 'read').to({ uid })] });
  const heard = await exposeLog(await domain.open());
  const log = await (await domain.open()).service(Log);
  await log.write('one');
  t.is(await log.read(), 1);
  await t.throwsAsync(log.clear(), {
    code: 'EACCES',
    message: `log.clear: the policy does not admit process ${process.pid} (uid ${uid}, gid ${process.getgid?.() ?? 0}) to this method (EACCES)`,
  });
  t.deepEqual(heard.lines, ['one']);
});

test('refused one-way messages are dropped and the first is reported', async (t) => {
  const domain = await startDomain(t, { policy: [allow(Log, 'read').to({ pid: process.pid })] });
  const heard = await exposeLog(await domain.open());
  const log = await (await domain.open()).service(Log);
  for (let count = 0; count < 20; count++) await log.write('no');
  t.is(await log.read(), 0);
  t.is(heard.errors.length, 1);
  t.regex(heard.errors[0] ?? '', /^log\.write: the policy does not admit process/);
});

test('a caller without any permitted method is refused by the manager', async (t) => {
  const pid = process.pid;
  const domain = await startDomain(t, {
    policy: [allow(Log, 'clear').to({ pid }), deny(Log, 'clear').to({ pid })],
  });
  await exposeLog(await domain.open());
  await t.throwsAsync((await domain.open()).service(Log), { code: 'EACCES' });
});

test('a revocation affects present callers and their queued messages', async (t) => {
  const domain = await startDomain(t);
  const heard = await exposeLog(await domain.open());
  const log = await (await domain.open()).service(Log);
  t.is(await log.read(), 0);
  t.is(await domain.manager.revoke(Log, { pid: process.pid }, ['write']), 1);
  await log.write('no');
  t.is(await log.read(), 0, 'another method goes on, over the same lane');
  t.deepEqual(heard.lines, []);
  await domain.manager.grant(Log, { pid: process.pid }, ['write']);
  await log.write('yes');
  t.is(await log.read(), 1);
  t.is(await domain.manager.revoke(Log, { pid: process.pid }), 1);
  await t.throwsAsync(log.read(), { code: 'EACCES', message: /a revocation denies pid/ });
});

test('a service that registers later applies the rules', async (t) => {
  const domain = await startDomain(t);
  await domain.manager.revoke(Log, { pid: process.pid }, ['clear']);
  const first = await domain.open();
  await exposeLog(first);
  const log = await (await domain.open()).service(Log);
  await t.throwsAsync(log.clear(), { code: 'EACCES' });
  await first.close();
  await until(() => domain.manager.services().length === 0);
  await exposeLog(await domain.open());
  t.is(await log.read(), 0);
  await t.throwsAsync(log.clear(), { code: 'EACCES' });
});

test('rules for many callers are sent together', async (t) => {
  const domain = await startDomain(t);
  await exposeLog(await domain.open());
  const logs = await Promise.all(
    Array.from({ length: 40 }, async () => (await domain.open()).service(Log)),
  );
  t.is(await domain.manager.revoke(Log, { pid: process.pid }, ['clear']), 40);
  for (const log of logs) {
    t.is(await log.read(), 0);
    await t.throwsAsync(log.clear(), { code: 'EACCES' });
  }
});

/** Registers a service as older programs and programs in C do: it does not check methods. */
async function registerWithoutCheck(t: ExecutionContext, domain: string): Promise<Connection> {
  const connection = await openConnection({ domain });
  t.teardown(() => connection.close());
  const route = new Route(Registry.name, connection.native.callTaskId, undefined);
  connection.routes.add(route);
  const [register] = methodsOf(Registry);
  if (register === undefined) throw new Error('no method');
  const shape = 'oneway write\nmethod read\nmethod clear';
  await connection.requests.send(route, register, { name: 'log', shape }, 5000);
  return connection;
}

test('a service without method checks admits only callers of all methods', async (t) => {
  const domain = await startDomain(t);
  await registerWithoutCheck(t, domain.manager.path);
  const device = await domain.open();
  await device.service(Log);
  t.is(await domain.manager.revoke(Log, { pid: process.pid }, ['clear']), 1);
  const error = await t.throwsAsync((await domain.open()).service(Log), { code: 'EACCES' });
  t.regex(error.message, /does not check method rules/);
});

test('only the manager can change the rules of a service', async (t) => {
  const pid = process.pid;
  const domain = await startDomain(t, { policy: [allow(Log, 'read').to({ pid })] });
  await exposeLog(await domain.open());
  const connection = await openConnection({ domain: domain.manager.path });
  t.teardown(() => connection.close());
  const registry = new RegistryClient(connection, connection.native.callTaskId);
  const [found] = (await registry.lookup(Log)).instances;
  const { handle = 0, generation = 0 } = found ?? {};
  const route = new Route('log', connection.native.callTaskId, undefined);
  Object.assign(route, { handle, generation });
  connection.routes.add(route);
  const [read] = methodsOf(Log).slice(1);
  if (read === undefined) throw new Error('no method');
  const forged = { ...read, index: CONTROL_CODE };
  for (const key of [new Uint8Array(16), new Uint8Array(0), undefined, 'key']) {
    const update = { key, restricted: false, entries: [] };
    const sent = connection.requests.send(route, forged, update, 5000);
    await t.throwsAsync(sent, { code: 'EPROTO', message: /Only the ServiceManager/ });
  }
  await t.throwsAsync(connection.requests.send(route, forged, undefined, 5000), { code: 'EPROTO' });
  const log = await (await domain.open()).service(Log);
  await t.throwsAsync(log.clear(), { code: 'EACCES' });
});
