/** Tests the withdrawal of services without breaking their calls. */
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import {
  defineService,
  method,
  oneway,
  type Device,
  type Exposed,
  type LiteIpcError,
} from 'liteipc';
import { startDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { isPending, scaled, until } from '#test/support/deadlines.js';

usePrivateRuntime();

const Work = defineService('work', {
  who: method<void, string>(),
  hold: method<void, string>(),
  note: oneway<number>(),
});

interface Worker {
  readonly exposed: Exposed;
  readonly notes: number[];
  held: number;
  /** Answers all calls of `hold`. */
  release(): void;
}

async function work(device: Device, name: string, concurrency = 100): Promise<Worker> {
  let releases: (() => void)[] = [];
  const notes: number[] = [];
  const worker: Worker = {
    notes,
    held: 0,
    release: () => {
      for (const release of releases.splice(0)) release();
    },
    exposed: await device.expose(
      Work,
      {
        who: () => name,
        hold: () => {
          worker.held++;
          return new Promise<string>((resolve) => {
            releases.push(() => {
              resolve(name);
            });
          });
        },
        note: (number) => void notes.push(number),
      },
      { concurrency },
    ),
  };
  releases = [];
  return worker;
}

async function failure(promise: Promise<unknown>): Promise<{ code: string; ms: number }> {
  const before = performance.now();
  try {
    await promise;
  } catch (error) {
    return { code: (error as LiteIpcError).code, ms: performance.now() - before };
  }
  throw new Error('it did not fail');
}

async function world(t: ExecutionContext, concurrency?: number) {
  const domain = await startDomain(t);
  const device = await domain.open();
  const worker = await work(device, 'old', concurrency);
  const client = await domain.open();
  return { domain, device, worker, client, shop: await client.service(Work) };
}

test('calls in flight and waiting calls finish, and new ones are refused', async (t) => {
  const { worker, shop } = await world(t, 2);
  const calls = [shop.hold(), shop.hold(), shop.hold()];
  await until(() => worker.held === 2);
  const drained = worker.exposed.drain();
  t.true(await isPending(drained));
  t.like(await failure(shop.who()), { code: 'ESHUTDOWN' });
  worker.release();
  await until(() => worker.held === 3);
  t.true(await isPending(drained));
  worker.release();
  t.deepEqual(await Promise.all(calls), ['old', 'old', 'old']);
  t.is(await drained, 0);
  t.is(await worker.exposed.drain(), 0);
  t.is(worker.exposed.handle, 0);
  t.like(await failure(shop.who()), { code: 'ENOENT' });
});

test('the name is free at once: the next instance takes over while the first one finishes', async (t) => {
  const { domain, worker, client, shop } = await world(t);
  const waiting = await client.service(Work, { waitMs: 5000 });
  let restarts = 0;
  let deaths = 0;
  client.onRestart(waiting, () => restarts++);
  client.onDeath(waiting, () => deaths++);
  const call = waiting.hold();
  await until(() => worker.held === 1);
  const drained = worker.exposed.drain();
  await until(() => domain.manager.services().length === 0);
  t.true(await isPending(drained));
  // The old instance has refused the calls without beginning them. They are sent to the new one as
  // soon as it exists.
  const next = [waiting.who(), waiting.who()];
  await sleep(50);
  await work(await domain.open(), 'new');
  t.deepEqual(await Promise.all(next), ['new', 'new']);
  t.is(await waiting.who(), 'new');
  t.is(restarts, 1);
  t.is(deaths, 0, 'the old one lives');
  // A client without waitMs receives the refusal, and then finds the new instance.
  t.like(await failure(shop.who()), { code: 'ESHUTDOWN' });
  t.is(await shop.who(), 'new');
  worker.release();
  t.is(await call, 'old');
  t.is(await drained, 0);
  await until(() => deaths === 1);
  t.is(await waiting.who(), 'new');
  t.is(restarts, 1);
});

test('after the time limit the remaining calls fail as with dispose', async (t) => {
  const { worker, shop } = await world(t);
  const call = failure(shop.hold());
  await until(() => worker.held === 1);
  const before = performance.now();
  t.is(await worker.exposed.drain({ timeoutMs: 200 }), 1);
  const ms = performance.now() - before;
  t.true(ms > 190 && ms < scaled(1000), `${ms} ms`);
  t.like(await call, { code: 'EPIPE' });
});

test('one-way messages that were sent before are processed', async (t) => {
  const { worker, shop } = await world(t);
  const numbers = Array.from({ length: 500 }, (_, index) => index);
  for (const number of numbers) await shop.note(number);
  await worker.exposed.drain();
  t.deepEqual(worker.notes, numbers);
});

test('dispose ends a drain at once', async (t) => {
  const { worker, shop } = await world(t);
  const call = failure(shop.hold());
  await until(() => worker.held === 1);
  const drained = worker.exposed.drain({ timeoutMs: Infinity });
  t.true(await isPending(drained));
  await worker.exposed.dispose();
  t.is(await drained, 1);
  t.like(await call, { code: 'EPIPE' });
  t.is(await worker.exposed.drain(), 1);
  await worker.exposed.dispose();
});

test('drain after dispose, and of a device that is closed in the meantime, resolves', async (t) => {
  const { device, worker, shop } = await world(t);
  const call = failure(shop.hold());
  await until(() => worker.held === 1);
  const drained = worker.exposed.drain({ timeoutMs: Infinity });
  await device.close();
  t.is(await drained, 1);
  t.like(await call, { code: 'EPIPE' });
  const second = await world(t);
  await second.worker.exposed.dispose();
  t.is(await second.worker.exposed.drain(), 0);
});

test('a service that is draining when the domain is lost does not return', async (t) => {
  const { domain, device, worker, shop } = await world(t);
  const call = failure(shop.hold());
  await until(() => worker.held === 1);
  const drained = worker.exposed.drain({ timeoutMs: Infinity });
  t.true(await isPending(drained));
  await domain.manager.close();
  t.like(await call, { code: 'ENODEV' });
  t.is(await drained, 1);
  t.is(worker.exposed.handle, 0);
  await device.close();
});

test('a revocation reaches a service that is draining', async (t) => {
  const { domain, worker, shop } = await world(t);
  const call = shop.hold();
  await until(() => worker.held === 1);
  const drained = worker.exposed.drain();
  await until(() => domain.manager.services().length === 0);
  t.is(await domain.manager.revoke(Work, { pid: process.pid }), 1);
  await shop.note(1).catch(() => undefined);
  worker.release();
  await drained;
  t.deepEqual(worker.notes, []);
  await call.catch(() => undefined);
});

test('options of drain are checked', async (t) => {
  const { worker } = await world(t);
  for (const options of [null, 1, { timeoutMs: 0 }, { timeoutMs: 'x' }]) {
    await t.throwsAsync(worker.exposed.drain(options as never), { instanceOf: TypeError });
  }
});
