/**
 * Tests sizes and full pools: what does not fit is refused with a clear error, and nothing is
 * lost.
 */
import ava from 'ava';
import { LiteIpcError, defineService, method, oneway } from 'liteipc';
import { startDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';

usePrivateRuntime();
const test = ava.serial;

const Store = defineService('store', {
  echo: method<Buffer, Buffer>(),
  size: method<Buffer | string, number>(),
  make: method<number, Buffer>(),
  add: oneway<Buffer>(),
  count: method<void, number>(),
});

async function store(t: Parameters<typeof startDomain>[0], poolSize?: number) {
  const domain = await startDomain(t);
  let count = 0;
  const service = await domain.open(poolSize === undefined ? {} : { poolSize });
  await service.expose(Store, {
    echo: (data) => data,
    size: (data) => data.length,
    make: (size) => Buffer.alloc(size),
    add: () => {
      count++;
    },
    count: () => count,
  });
  const device = await domain.open();
  return { client: await device.service(Store), device, service };
}

test('payloads of every size up to the limit arrive', async (t) => {
  const { client } = await store(t);
  for (const size of [0, 1, 95, 96, 97, 255, 256, 4095, 4096, 16_384, 65_535 - 4, 65_536 - 5]) {
    const data = Buffer.alloc(size, size & 0xff);
    t.deepEqual(await client.echo(data), data);
  }
});

test('values that are larger than a message arrive', async (t) => {
  const { client } = await store(t);
  t.is(await client.size(Buffer.alloc(65_536)), 65_536);
  t.is((await client.make(100_000)).length, 100_000);
  await client.add(Buffer.alloc(65_536));
  t.is(await client.count(), 1);
});

test('with a full pool calls wait for room, keep their order, and none is lost', async (t) => {
  const { client } = await store(t, 64 * 1024);
  const sizes = Array.from({ length: 500 }, (_, index) => 1000 + ((index * 37) % 20_000));
  const answers = await Promise.all(sizes.map((size) => client.size(Buffer.alloc(size))));
  t.deepEqual(answers, sizes);
});

test('with a full pool all accepted one-way messages arrive', async (t) => {
  const { client } = await store(t, 64 * 1024);
  const outcomes = await Promise.allSettled(
    Array.from({ length: 2000 }, () => client.add(Buffer.alloc(5000))),
  );
  let sent = 0;
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') sent++;
    else t.is((outcome.reason as LiteIpcError).code, 'ENOMEM');
  }
  t.true(sent > 0);
  t.is(await client.count(), sent);
});

test('a full pool without calls in flight rejects with ENOMEM, and recovers', async (t) => {
  const { client, service } = await store(t, 64 * 1024);
  await client.count();
  // No pool of this size can ever hold the message.
  await t.throwsAsync(client.size('x'.repeat(65_500)), {
    code: 'ENOMEM',
    message: /^store\.size: the service's pool is full .* poolSize/,
  });
  t.is(await client.size(Buffer.alloc(100)), 100);
  t.is(service.counters()['openRequests'], 0);
});

test('ETIME says that a call was never sent', async (t) => {
  const Stuck = defineService('stuck', { hold: method<Buffer>() });
  const domain = await startDomain(t);
  const service = await domain.open({ poolSize: 64 * 1024 });
  await service.expose(Stuck, { hold: () => new Promise(() => undefined) });
  const client = await (await domain.open()).service(Stuck);
  const calls = Array.from({ length: 10 }, () =>
    client.hold(Buffer.alloc(20_000), { timeoutMs: 500 }),
  );
  const outcomes = await Promise.allSettled(calls);
  const messages = outcomes.map((outcome) =>
    outcome.status === 'rejected' ? (outcome.reason as Error).message : 'answered',
  );
  t.true(messages.every((message) => message.includes('ETIME')));
  t.true(messages.some((message) => message.includes('never sent')));
  t.true(messages.some((message) => message.includes('busy')));
});

test('replies wait for room, and none is lost', async (t) => {
  const { client, device } = await (async () => {
    const domain = await startDomain(t);
    const service = await domain.open();
    await service.expose(Store, {
      echo: (data) => data,
      size: (data) => data.length,
      make: (size) => Buffer.alloc(size, 1),
      add: () => undefined,
      count: () => 0,
    });
    const small = await domain.open({ poolSize: 64 * 1024 });
    return { client: await small.service(Store), device: small };
  })();
  const answers = await Promise.all(Array.from({ length: 300 }, () => client.make(20_000)));
  for (const answer of answers) t.is(answer.length, 20_000);
  t.is(device.pendingCalls, 0);
});
