/** Tests events: subscribers receive all later payloads, or an error if they are too slow. */
import { setTimeout as sleep } from 'node:timers/promises';
import ava, { type ExecutionContext } from 'ava';
import { z } from 'zod';
import { allow, defineService, event, method, type ExposeOptions } from 'liteipc';
import { startDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { until } from '#test/support/deadlines.js';

usePrivateRuntime();
const test = ava;

const Shop = defineService('shop', {
  changed: event<unknown>(),
  price: event({ output: z.number().transform((amount) => `${amount} euros`) }),
  later: event({ output: z.number().refine(async () => Promise.resolve(true)) }),
  tick: event(),
  ping: method(),
});

async function shop(t: ExecutionContext, options?: ExposeOptions) {
  const domain = await startDomain(t);
  const service = await domain.open();
  const exposed = await service.expose(Shop, { ping: () => undefined }, options);
  const device = await domain.open();
  const client = await device.service(Shop);
  return { domain, service, exposed, device, client };
}

test('after opened no payload is missed, and the order is preserved', async (t) => {
  const { client, exposed, device, service } = await shop(t);
  exposed.emit('changed', 'no subscriber');
  const streams = [client.changed(), client.changed()];
  await Promise.all(streams.map(({ opened }) => opened));
  const values = [1, 'two', new Map([['three', 3]]), undefined, new Uint8Array([5])];
  for (const value of values) exposed.emit('changed', value);
  for (const stream of streams) {
    for (const value of values) t.deepEqual(await stream.next(), { done: false, value });
    await stream.return();
  }
  await until(() => service.counters()['openRequests'] === 0);
  t.is(device.pendingCalls, 0);
  exposed.emit('changed', 'no subscriber remains');
});

test('many payloads arrive while the reader reads', async (t) => {
  const { client, exposed } = await shop(t);
  const stream = client.changed();
  await stream.opened;
  let next = 0;
  const emit = setInterval(() => {
    for (let count = 0; count < 300; count++) exposed.emit('changed', next++);
  }, 1);
  t.teardown(() => {
    clearInterval(emit);
  });
  for (let expected = 0; expected < 10_000; expected++) t.is((await stream.next()).value, expected);
  await stream.return();
});

test('a payload is validated when it is emitted, and each side has its type', async (t) => {
  const { client, exposed } = await shop(t);
  const stream = client.price();
  await stream.opened;
  t.throws(() => exposed.emit('price', 'x' as never), {
    code: 'EINVAL',
    message: /^shop\.price: the payload is not valid: /,
  });
  t.throws(() => exposed.emit('changed', { on: () => 1 }), {
    code: 'EINVAL',
    message: 'shop.changed: payload.on: a function cannot be sent (EINVAL)',
  });
  t.throws(() => exposed.emit('changed', new Uint8Array(70_000)), { code: 'EMSGSIZE' });
  t.throws(() => exposed.emit('later', 1), { code: 'EINVAL', message: /must be synchronous/ });
  const untyped = exposed as unknown as { emit: (name: string) => void };
  t.throws(() => untyped.emit('ping'), { instanceOf: TypeError, message: /an event of shop/ });
  exposed.emit('price', 5);
  t.is((await stream.next()).value, '5 euros');
  const ticks = client.tick();
  await ticks.opened;
  exposed.emit('tick');
  t.deepEqual(await ticks.next(), { done: false, value: undefined });
});

for (const [what, size, count] of [
  ['payloads', 1, 20],
  ['bytes', 60_000, 60],
] as const) {
  test(`a subscriber with too many ${what} receives the earlier payloads and EOVERFLOW`, async (t) => {
    const { client, exposed, service } = await shop(t, {
      eventQueue: what === 'payloads' ? 10 : 1000,
    });
    const slow = client.changed();
    const fast = client.changed();
    await Promise.all([slow.opened, fast.opened]);
    const taken: number[] = [];
    const reading = (async () => {
      for await (const value of fast) if ((value as { index: number }).index === count - 1) break;
    })();
    for (let index = 0; index < count; index++) {
      exposed.emit('changed', { index, ballast: new Uint8Array(size) });
      if (what === 'bytes' || index % 5 === 4) await sleep(5);
    }
    // All in one turn, so that a queue of ten overflows.
    if (what === 'payloads') for (let index = 0; index < 1000; index++) exposed.emit('changed', {});
    await reading.catch(() => undefined);
    const error = await t.throwsAsync(
      (async () => {
        for await (const value of slow) taken.push((value as { index: number }).index);
      })(),
      { code: 'EOVERFLOW', message: /were queued for this subscriber/ },
    );
    t.like(error, { service: 'shop', method: 'changed' });
    const known = taken.filter((index) => index !== undefined);
    t.deepEqual(
      known,
      Array.from(known, (_, index) => index),
      'none is missing in between',
    );
    t.true(taken.length >= 10);
    await until(() => service.counters()['openRequests'] === 0);
    const again = client.changed();
    await again.opened;
    exposed.emit('changed', 'again');
    t.is((await again.next()).value, 'again');
  });
}

test('subscribers do not count in the concurrency', async (t) => {
  const { client } = await shop(t, { concurrency: 1, queue: 0 });
  const streams = [client.changed(), client.changed(), client.tick()];
  await Promise.all(streams.map(({ opened }) => opened));
  await t.notThrowsAsync(client.ping());
});

test('when the service is withdrawn, subscriptions end with EPIPE and later ones reach the next instance', async (t) => {
  const { client, exposed, service } = await shop(t);
  const stream = client.changed();
  await stream.opened;
  const ended = t.throwsAsync(stream.next(), { code: 'EPIPE' });
  await exposed.dispose();
  await ended;
  exposed.emit('changed', 1);
  const next = await service.expose(Shop, { ping: () => undefined });
  const again = client.changed();
  await again.opened;
  next.emit('changed', 2);
  t.is((await again.next()).value, 2);
});

test('a caller without the right receives EACCES, and a revocation ends the subscription', async (t) => {
  const domain = await startDomain(t, {
    policy: [allow(Shop, 'changed', 'ping').to({ pid: process.pid })],
  });
  const exposed = await (await domain.open()).expose(Shop, { ping: () => undefined });
  const client = await (await domain.open()).service(Shop);
  await t.throwsAsync(client.tick().opened, { code: 'EACCES' });
  const stream = client.changed();
  await stream.opened;
  exposed.emit('changed', 1);
  t.is((await stream.next()).value, 1);
  const ended = t.throwsAsync(stream.next(), { code: 'EACCES' });
  await domain.manager.revoke('shop', { pid: process.pid }, ['changed']);
  exposed.emit('changed', 2);
  await ended;
});

test('a subscription ends when it is garbage collected', async (t) => {
  const { client, service, device } = await shop(t);
  const { setFlagsFromString } = await import('node:v8');
  setFlagsFromString('--expose-gc');
  const { runInNewContext } = await import('node:vm');
  const collect = runInNewContext('gc') as () => void;
  await (async () => {
    await client.changed().opened;
  })();
  t.is(service.counters()['openRequests'], 2);
  await until(() => {
    collect();
    return device.pendingCalls === 0;
  });
  await until(() => service.counters()['openRequests'] === 0);
});
