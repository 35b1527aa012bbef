/** Tests the methods that only the ServiceManager may call on a service. */
import test, { type ExecutionContext } from 'ava';
import { defineService, method, oneway } from 'liteipc';
import { ConnectionSource } from '#lib/connection/source.js';
import type { Connection } from '#lib/connection/connection.js';
import { Exposure } from '#lib/device/exposure.js';
import { openConnection } from '#lib/device/open-connection.js';
import { RegistryClient } from '#lib/registry/client.js';
import {
  ServiceControl,
  ServiceControlContract,
  type ControlMethod,
} from '#lib/service/control.js';
import { ServiceControlClient } from '#lib/manager/service-control-client.js';
import { ServiceHost } from '#lib/service/host.js';
import { NamedTarget } from '#lib/client/named-target.js';
import { ServiceProxy } from '#lib/client/proxy.js';
import { startDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';

usePrivateRuntime();

const Shop = defineService('shop', {
  hold: method(),
  fail: method(),
  note: oneway<string>(),
});

interface World {
  /** Key of the service's control methods. */
  readonly key: Uint8Array;
  /** Ends all running calls of `hold`. */
  readonly release: () => void;
  readonly shop: {
    hold(): Promise<unknown>;
    fail(): Promise<unknown>;
    note(text: string): Promise<unknown>;
  };
  /** Calls like the manager, with this key. */
  readonly control: (key: Uint8Array) => ServiceControlClient;
}

/**
 * Starts a service with two running calls and one waiting call at most, and a client that may call
 * it.
 */
async function start(t: ExecutionContext): Promise<World> {
  const domain = await startDomain(t);
  const open = async (): Promise<Connection> => {
    const path = { domain: domain.manager.path };
    const connection = await openConnection(path);
    t.teardown(() => connection.close());
    return connection;
  };
  let held: (() => void)[] = [];
  const implementation = {
    hold: () => new Promise<void>((resolve) => held.push(resolve)),
    fail: () => {
      throw new Error('on purpose');
    },
    note: () => undefined,
  };
  const limits = { concurrency: 2, queue: 1 };
  const host = new ServiceHost(Shop, implementation, () => undefined, limits);
  const exposure = new Exposure(host);
  const own = await open();
  await exposure.start(own);
  // Replaces the key that only the manager knows.
  const served = new ServiceControl(own.native, host, exposure.handle);
  host.control = served.host;

  const client = await open();
  const source = new ConnectionSource('the domain');
  source.set(client);
  const registry = new RegistryClient(client, client.native.callTaskId);
  const [found] = (await registry.lookup(Shop)).instances;
  const { handle = 0, generation = 0 } = found ?? {};
  return {
    key: served.key,
    release: () => {
      for (const resolve of held) resolve();
      held = [];
    },
    shop: new ServiceProxy(
      Shop,
      source,
      0,
      (connection, owner) =>
        new NamedTarget(connection, owner, Shop, { waitMs: 0, balance: 'round-robin' }),
    ).client as World['shop'],
    control: (key) => new ServiceControlClient(client, 'shop', handle, generation, key),
  };
}

test('a service returns its statistics to the owner of its key', async (t) => {
  const { key, shop, control, release } = await start(t);
  const asking = control(key);
  t.like(await asking.statistics(), { calls: 0, errors: 0, refused: 0, running: 0, waiting: 0 });

  await t.throwsAsync(shop.fail());
  await shop.note('one');
  const calls = [shop.hold(), shop.hold(), shop.hold()];
  await t.throwsAsync(shop.hold(), { code: 'EBUSY' });
  const before = await asking.statistics();
  t.like(before, { calls: 6, errors: 1, refused: 1, running: 2, waiting: 1 });
  t.true(before.device.poolMessages >= 3, 'those that are held lie in the pool');
  t.true(before.device.poolBytes > 0);
  t.true(before.device.received >= 6);
  t.is(before.device.poolSize, 256 * 1024);
  t.is(before.queued, 0);
  t.deepEqual(before.dropped, {});

  release();
  await Promise.all(calls.slice(0, 2));
  release();
  await Promise.all(calls);
  const after = await asking.statistics();
  t.like(after, { calls: 6, errors: 1, refused: 1, running: 0, waiting: 0 });
  t.true(after.time > before.time);
});

test('concurrent requests for statistics share one call', async (t) => {
  const { key, control } = await start(t);
  const asking = control(key);
  const first = asking.statistics();
  t.is(asking.statistics(), first);
  await first;
  const second = asking.statistics();
  t.not(second, first);
  await second;
});

test('without the key the methods do not exist', async (t) => {
  const { key, shop, control } = await start(t);
  for (const wrongKey of [
    new Uint8Array(16),
    new Uint8Array(0),
    'key' as never,
    undefined as never,
  ]) {
    for (const name of Object.keys(ServiceControlContract.methods) as ControlMethod[]) {
      await t.throwsAsync(control(wrongKey).send(name, {}, 5000), {
        code: 'EPROTO',
        message: /Only the ServiceManager/,
      });
    }
  }
  await shop.note('still there');
  t.like(await control(key).statistics(), { calls: 1 });
});
