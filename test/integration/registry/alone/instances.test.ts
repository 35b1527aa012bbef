/**
 * Tests services with several instances: the distribution of calls, and the end of an instance.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import {
  allow,
  defineService,
  method,
  oneway,
  type Device,
  type Exposed,
  type LiteIpcError,
  type ServiceManagerOptions,
} from 'liteipc';
import { startDomain, type TestDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { until } from '#test/support/deadlines.js';

usePrivateRuntime();

const Work = defineService('work', {
  who: method<void, string>(),
  hold: method<void, string>(),
  note: oneway<number>(),
});

interface Instance {
  readonly device: Device;
  readonly exposed: Exposed;
  readonly notes: number[];
  held: number;
  release(): void;
}

async function expose(device: Device, name: string): Promise<Instance> {
  const releases: (() => void)[] = [];
  const instance: Instance = {
    device,
    notes: [],
    held: 0,
    release: () => {
      for (const release of releases.splice(0)) release();
    },
    exposed: await device.expose(
      Work,
      {
        who: () => name,
        hold: () => {
          instance.held++;
          return new Promise<string>((resolve) => {
            releases.push(() => {
              resolve(name);
            });
          });
        },
        note: (number) => void instance.notes.push(number),
      },
      { instances: 'many' },
    ),
  };
  return instance;
}

async function world(
  t: ExecutionContext,
  names: readonly string[],
  options: Omit<ServiceManagerOptions, 'domain'> = {},
): Promise<{ domain: TestDomain; instances: Instance[]; client: Device }> {
  const domain = await startDomain(t, options);
  const instances: Instance[] = [];
  for (const name of names) instances.push(await expose(await domain.open(), name));
  return { domain, instances, client: await domain.open() };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return (error as LiteIpcError).code;
  }
  return 'none';
}

async function count(times: number, call: () => Promise<string>): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let time = 0; time < times; time++) {
    const name = await call();
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

test('round-robin covers instances in one and in several processes', async (t) => {
  const { domain, instances, client } = await world(t, ['a', 'b']);
  await expose((instances[0] as Instance).device, 'c');
  t.deepEqual(
    domain.manager.services().map((service) => service.instances),
    ['many', 'many', 'many'],
  );
  const work = await client.service(Work);
  await count(3, () => work.who());
  t.deepEqual(await count(30, () => work.who()), { a: 10, b: 10, c: 10 });
});

test('least-loaded selects the instance with the fewest calls of this client in flight', async (t) => {
  const { instances, client } = await world(t, ['a', 'b', 'c']);
  const [a, b, c] = instances as [Instance, Instance, Instance];
  const work = await client.service(Work, { balance: 'least-loaded' });
  await count(6, () => work.who());
  const calls = Array.from({ length: 9 }, () => work.hold());
  await until(() => a.held === 3 && b.held === 3 && c.held === 3);
  b.release();
  await sleep(50);
  t.deepEqual(await count(5, () => work.who()), { b: 5 });
  a.release();
  c.release();
  await Promise.all(calls);
});

test('a new instance is called soon, and an ended one is not called', async (t) => {
  const { domain, instances, client } = await world(t, ['a']);
  const work = await client.service(Work);
  let restarts = 0;
  let deaths = 0;
  client.onRestart(work, () => restarts++);
  client.onDeath(work, () => deaths++);
  t.is(await work.who(), 'a');
  const b = await expose(await domain.open(), 'b');
  await until(async () => (await work.who()) === 'b', undefined, 1500);
  t.is(restarts, 0, 'nothing had ended');

  const [a] = instances as [Instance];
  const held = [work.hold(), work.hold()];
  await until(() => a.held === 1 && b.held === 1);
  const ends = held.map((call) => codeOf(call));
  await a.device.close();
  await until(() => deaths === 1);
  b.release();
  t.deepEqual((await Promise.all(ends)).sort(), ['EPIPE', 'none']);
  t.deepEqual(await count(10, () => work.who()), { b: 10 });
  await expose(await domain.open(), 'c');
  await until(() => restarts === 1);
  t.deepEqual(Object.keys(await count(10, () => work.who())).sort(), ['b', 'c']);
});

test('an idle client finds new instances with its next calls', async (t) => {
  const { domain, client } = await world(t, ['a']);
  const work = await client.service(Work);
  await work.who();
  for (const name of ['b', 'c']) await expose(await domain.open(), name);
  const seen = new Set<string>();
  await until(
    async () => seen.add(await work.who()).size === 3,
    () => `only ${[...seen].join(', ')}`,
    1500,
  );
  t.pass();
});

test('a client finds a new instance after all others have ended', async (t) => {
  const { domain, instances, client } = await world(t, ['a', 'b']);
  const work = await client.service(Work);
  const waitingClient = await client.service(Work, { waitMs: 5000 });
  await Promise.all([work.who(), waitingClient.who()]);
  for (const { exposed } of instances) await exposed.dispose();
  t.is(await codeOf(work.who()), 'ENOENT');
  const waiting = waitingClient.who();
  await expose(await domain.open(), 'c');
  t.is(await waiting, 'c');
  t.is(await work.who(), 'c');
});

test('a drain loses no call: calls that have not begun move to another instance', async (t) => {
  const { instances, client } = await world(t, ['a', 'b', 'c']);
  const work = await client.service(Work);
  const results: string[] = [];
  let stopped = false;
  const loops = Array.from({ length: 4 }, async () => {
    while (!stopped) results.push(await work.who());
  });
  for (const { exposed } of instances.slice(0, 2)) {
    await sleep(50);
    t.is(await exposed.drain(), 0);
  }
  await sleep(50);
  stopped = true;
  await Promise.all(loops);
  t.true(['a', 'b', 'c'].every((name) => results.includes(name)));
  t.deepEqual(await count(5, () => work.who()), { c: 5 });
});

test('rules and revocations apply to every instance', async (t) => {
  const pid = process.pid;
  const policy = [allow(Work, 'who', 'note').to({ pid })];
  const { domain, instances, client } = await world(t, ['a', 'b'], { policy });
  const work = await client.service(Work);
  await count(4, () => work.who());
  for (let time = 0; time < 4; time++) t.is(await codeOf(work.hold()), 'EACCES');
  // One-way messages are not sent again: the instance that receives one refuses it.
  t.is(await domain.manager.revoke(Work, { pid }), 2);
  for (let time = 0; time < 6; time++) t.is(await codeOf(work.who()), 'EACCES');
  await work.note(1).catch(() => undefined);
  await sleep(50);
  t.deepEqual(
    instances.flatMap(({ notes }) => notes),
    [],
  );
  await domain.manager.grant(Work, { pid }, ['who']);
  await domain.manager.grant(Work, { pid });
  t.deepEqual(Object.keys(await count(10, () => work.who())).sort(), ['a', 'b']);
});

test('every instance must set many and have the same contract', async (t) => {
  const { domain } = await world(t, ['a']);
  const device = await domain.open();
  const implementation = { who: () => 'x', hold: () => 'x', note: () => undefined };
  await t.throwsAsync(device.expose(Work, implementation), {
    code: 'EEXIST',
    message: /every one of several instances must say instances: 'many'/,
  });
  const Other = defineService('work', { who: method<void, string>() });
  await t.throwsAsync(device.expose(Other, implementation, { instances: 'many' }), {
    code: 'EPROTO',
    message: /with another contract: /,
  });
  await device.expose(defineService('one', Work.methods), implementation);
  await t.throwsAsync(
    (await domain.open()).expose(defineService('one', Work.methods), implementation, {
      instances: 'many',
    }),
    { code: 'EEXIST' },
  );
  for (const instances of ['two', 2]) {
    await t.throwsAsync(device.expose(Work, implementation, { instances } as never), {
      instanceOf: TypeError,
    });
  }
  await t.throwsAsync(device.service(Work, { balance: 'random' } as never), {
    instanceOf: TypeError,
  });
});

test('a service has at most 64 instances', async (t) => {
  const { domain } = await world(t, []);
  const device = await domain.open();
  for (let index = 0; index < 64; index++) await expose(device, String(index));
  await t.throwsAsync(expose(device, 'one too many'), { code: 'EAGAIN' });
  const work = await (await domain.open()).service(Work);
  t.is(Object.keys(await count(128, () => work.who())).length, 64);
});
