/** Tests streams within one process: delivery, order and end. */
import { setTimeout as sleep } from 'node:timers/promises';
import ava, { type ExecutionContext } from 'ava';
import { LiteIpcError, RemoteError, type ExposeOptions } from 'liteipc';
import { startDomain } from '#test/support/domain.js';
import { Flowing, Flows, collect } from '#test/support/flows.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { until } from '#test/support/deadlines.js';

usePrivateRuntime();
const test = ava;

const unhandled: unknown[] = [];
process.on('unhandledRejection', (error) => unhandled.push(error));

async function flows(t: ExecutionContext, options?: ExposeOptions, profile?: 'liteos-a') {
  const domain = await startDomain(t, profile === undefined ? {} : { profile });
  const service = await domain.open();
  const flowing = new Flowing();
  const exposed = await service.expose(Flows, flowing, options);
  const device = await domain.open();
  const client = await device.service(Flows);
  /** Checks that no stream remains on either side. */
  const checkClean = async (): Promise<void> => {
    await until(() => device.pendingCalls === 0 && service.counters()['openRequests'] === 0);
    t.is(await client.ping(), 'pong');
    t.is(service.counters()['poolNodes'], 0);
    t.deepEqual(unhandled, []);
  };
  return { domain, service, exposed, device, client, flowing, checkClean };
}

async function* endless(progress?: { ended: boolean; given: number }): AsyncGenerator<number> {
  try {
    for (let index = 0; ; index++) {
      if (progress !== undefined) progress.given++;
      yield await Promise.resolve(index);
    }
  } finally {
    if (progress !== undefined) progress.ended = true;
  }
}

test('items arrive in order, in none to many batches', async (t) => {
  const { client, checkClean } = await flows(t);
  for (const count of [0, 1, 255, 256, 257, 1000, 5000]) {
    const expected = Array.from({ length: count }, (_, index) => index);
    t.deepEqual(await collect(client.count(count)), expected);
  }
  const values = [undefined, null, 'text', new Map([[1, { a: 1n }]]), new Date(5), [1, [2]]];
  t.deepEqual(await collect(client.list(values)), values);
  await checkClean();
});

test('items of any size up to a message arrive, in both profiles', async (t) => {
  for (const [profile, sizes] of [
    [undefined, [0, 1, 30_000, 40_000, 65_000]],
    ['liteos-a', [0, 1, 3000, 4000, 6000]],
  ] as const) {
    const { client, checkClean } = await flows(t, undefined, profile);
    for (const size of sizes) {
      const chunks = await collect(client.chunks([20, size]));
      t.deepEqual(
        chunks.map((chunk) => [chunk.length, chunk[size - 1]]),
        Array.from({ length: 20 }, (_, index) => [size, size === 0 ? undefined : index]),
      );
    }
    await checkClean();
  }
});

test('an item that cannot be sent ends the stream after the previous items, and the error names it', async (t) => {
  const { client, flowing, checkClean } = await flows(t);
  for (const [bad, code, message] of [
    ['function', 'EINVAL', 'flows.list: output[2].inner[0]: a function cannot be sent (EINVAL)'],
    ['huge', 'EMSGSIZE', /^flows\.list: output\[2\] takes 7\d+ bytes, an item at most 6\d+; send/],
  ] as const) {
    const stream = client.list(['a', 'b', bad, 'c']);
    t.deepEqual(
      [await stream.next(), await stream.next()].map(({ value }) => value),
      ['a', 'b'],
    );
    const error = await t.throwsAsync(stream.next(), { instanceOf: LiteIpcError, code, message });
    t.false(error instanceof RemoteError);
    t.deepEqual(await stream.next(), { done: true, value: undefined });
  }
  t.deepEqual(flowing.ended, ['list', 'list']);
  await checkClean();
});

test('an exception of the producer arrives after the previous items', async (t) => {
  const { client, checkClean } = await flows(t);
  const items = [...Array.from({ length: 600 }, (_, index) => index), 'throw it'];
  const stream = client.list(items);
  const got: unknown[] = [];
  const error = await t.throwsAsync(
    (async () => {
      for await (const item of stream) got.push(item);
    })(),
    { instanceOf: RemoteError, name: 'RangeError', message: 'throw it', code: 'E_LIST' },
  );
  t.is(got.length, 600);
  t.like(error, { service: 'flows', method: 'list' });
  await checkClean();
});

test('items are validated by the service in both directions, and errors name them', async (t) => {
  const { client, flowing, checkClean } = await flows(t);
  const stream = client.checked([1, 2, 'x']);
  t.is((await stream.next()).value, 1);
  t.is((await stream.next()).value, 2);
  await t.throwsAsync(stream.next(), {
    code: 'EINVAL',
    message: /^flows\.checked: item 2 of the output is not valid: .*number/,
  });
  await t.throwsAsync(client.checkedSum([1, 101, 2]), {
    code: 'EINVAL',
    message: /^flows\.checkedSum: item 1 of the input is not valid: /,
  });
  t.is(await client.checkedSum([1, 100]), 101);
  await t.throwsAsync(collect(client.checked('no array' as never)), { code: 'EINVAL' });
  t.is(flowing.itemErrors.length, 1);
  await checkClean();
});

test('leaving the loop ends the producer', async (t) => {
  const { client, flowing, checkClean } = await flows(t);
  for await (const item of client.count(Infinity)) if (item === 1000) break;
  await until(() => flowing.ended.length === 1);
  t.deepEqual(flowing.ended, ['count ABORT_ERR']);
  {
    await using stream = client.chunks([Infinity, 10]);
    await stream.next();
  }
  await until(() => flowing.ended.length === 2);
  t.deepEqual(flowing.ended.slice(1), ['chunks ABORT_ERR']);
  const stream = client.count(Infinity);
  t.deepEqual(await stream.return(), { done: true, value: undefined });
  t.deepEqual(await stream.return(), { done: true, value: undefined });
  t.deepEqual(await stream.next(), { done: true, value: undefined });
  await checkClean();
});

test('an abort and a deadline end the stream at both sides at once', async (t) => {
  const { client, flowing, checkClean } = await flows(t);
  const controller = new AbortController();
  const stream = client.count(Infinity, { signal: controller.signal });
  await stream.next();
  const reason = new Error('enough');
  controller.abort(reason);
  await sleep(0);
  await t.throwsAsync(stream.next(), { name: 'AbortError', code: 'ABORT_ERR' });
  t.true((await stream.next()).done);
  await until(() => flowing.ended.length === 1);
  t.deepEqual(flowing.ended, ['count ABORT_ERR']);

  const limited = client.idle([], { timeoutMs: 1000 });
  await limited.opened;
  await t.throwsAsync(limited.next(), { code: 'ETIME' });
  await until(() => flowing.ended.length === 2);
  t.deepEqual(flowing.ended.slice(1), ['idle ETIME']);

  const aborted = client.count(5, { signal: AbortSignal.abort() });
  await t.throwsAsync(aborted.opened, { code: 'ABORT_ERR' });
  await t.throwsAsync(aborted.next(), { code: 'ABORT_ERR' });
  await t.throwsAsync(client.sum([1], { signal: AbortSignal.abort() }), { code: 'ABORT_ERR' });
  await checkClean();
});

test('an unread stream buffers two batches, and one more in the service', async (t) => {
  const { client, flowing, checkClean } = await flows(t);
  const stream = client.count(Infinity);
  await stream.opened;
  await until(() => flowing.produced > 256);
  await sleep(100);
  t.true(flowing.produced > 256 && flowing.produced <= 3 * 256 + 1, String(flowing.produced));
  for (let read = 1; read <= 1000; read++) {
    await stream.next();
    t.true(flowing.produced - read <= 3 * 256 + 1);
  }
  await stream.return();
  await checkClean();
});

test('sink: all items and the result arrive', async (t) => {
  const { client, checkClean } = await flows(t);
  t.is(await client.sum([]), 0);
  t.is(await client.sum(new Set([1, 2, 3])), 6);
  t.is(await client.sum(Array.from({ length: 5000 }, (_, index) => index)), 12_497_500);
  await checkClean();
});

test('sink: a service that returns early ends the items of the caller', async (t) => {
  const { client, checkClean } = await flows(t);
  const progress = { ended: false, given: 0 };
  const some = await client.takeSome(
    (async function* () {
      yield 3;
      yield* endless(progress);
    })(),
  );
  t.deepEqual(some, [3, 0, 1]);
  await until(() => progress.ended);
  t.true(progress.given <= 3 * 256 + 2, String(progress.given));
  await checkClean();
});

test("sink: an exception of the caller's items ends the call at both sides", async (t) => {
  const { client, flowing, checkClean } = await flows(t);
  const error = Object.assign(new RangeError('no more'), { code: 'E_ITEMS' });
  const failing = (async function* () {
    yield 1;
    await sleep(20);
    throw error;
  })();
  t.is(await t.throwsAsync(client.sum(failing)), error);
  await until(() => flowing.itemErrors.length === 1);
  t.like(flowing.itemErrors[0], { name: 'RangeError', message: 'no more', code: 'E_ITEMS' });
  t.true(flowing.itemErrors[0] instanceof RemoteError);
  t.deepEqual(flowing.ended, ['sum ABORT_ERR']);
  await t.throwsAsync(client.sum([1, (() => 1) as never]), {
    code: 'EINVAL',
    message: 'flows.sum: input[1]: a function cannot be sent (EINVAL)',
  });
  await t.throwsAsync(client.sum(5 as never), { instanceOf: TypeError });
  await checkClean();
});

test('sink: an abort ends the items at both sides', async (t) => {
  const { client, flowing, checkClean } = await flows(t);
  const progress = { ended: false, given: 0 };
  const controller = new AbortController();
  const call = client.sum(endless(progress), { signal: controller.signal });
  await until(() => progress.given > 1000);
  controller.abort();
  await t.throwsAsync(call, { code: 'ABORT_ERR' });
  await until(() => progress.ended && flowing.ended.length === 1);
  t.like(flowing.itemErrors[0], { code: 'ABORT_ERR' });
  await checkClean();
});

test('duplex: both directions run at the same time, and either end ends both', async (t) => {
  const { client, flowing, checkClean } = await flows(t);
  t.deepEqual(await collect(client.double([1, 2, 3])), [2, 4, 6]);
  const progress = { ended: false, given: 0 };
  let last = 0;
  for await (const item of client.double(endless(progress))) {
    last = item;
    if (item >= 2000) break;
  }
  t.is(last, 2000);
  await until(() => progress.ended && flowing.ended.length === 2);
  t.deepEqual(flowing.ended, ['double', 'double ABORT_ERR']);
  const failed = client.double(
    (async function* () {
      yield await Promise.resolve(1);
      throw new RangeError('items');
    })(),
  );
  await t.throwsAsync(collect(failed), { instanceOf: RangeError, message: 'items' });
  await checkClean();
});

test('several pending next() are answered in order', async (t) => {
  const { client, checkClean } = await flows(t);
  const stream = client.count(3);
  const steps = await Promise.all([1, 2, 3, 4, 5].map(() => stream.next()));
  t.deepEqual(
    steps.map(({ value }) => value),
    [0, 1, 2, undefined, undefined],
  );
  await checkClean();
});

test('the opening call carries metadata, and streams count as running calls', async (t) => {
  const { client, flowing, checkClean } = await flows(t, { concurrency: 1, queue: 1 });
  const first = client.count(Infinity, { metadata: { trace: 'a' } });
  await first.opened;
  const second = client.count(2);
  let opened = false;
  void second.opened.then(() => (opened = true));
  await t.throwsAsync(client.count(2).next(), { code: 'EBUSY' });
  await sleep(30);
  t.false(opened);
  await first.return();
  t.deepEqual(await collect(second), [0, 1]);
  t.deepEqual(flowing.ended, ['count ABORT_ERR', 'count']);
  await checkClean();
});

test('withdrawing the service or closing the device ends its streams', async (t) => {
  const { client, exposed, device, flowing } = await flows(t);
  const stream = client.count(Infinity);
  await stream.next();
  const upload = client.sum(endless());
  upload.catch(() => undefined);
  await exposed.dispose();
  await t.throwsAsync(collect(stream), { code: 'EPIPE' });
  await t.throwsAsync(upload, { code: 'EPIPE' });
  await until(() => flowing.ended.length === 2);
  t.deepEqual([...flowing.ended].sort(), ['count ECANCELED', 'sum ECANCELED']);
  await until(() => device.pendingCalls === 0);
  await device.close();
  await t.throwsAsync(client.count(1).next(), { code: 'ECANCELED' });
  t.deepEqual(unhandled, []);
});

test('the loss of the domain ends streams with ENODEV at both sides', async (t) => {
  const { domain, client, flowing } = await flows(t);
  const stream = client.idle(endless());
  await stream.opened;
  const ended = t.throwsAsync(stream.next(), { code: 'ENODEV' });
  await domain.manager.close();
  await ended;
  await until(() => flowing.ended.length === 1);
  t.deepEqual(flowing.ended, ['idle ENODEV']);
  t.deepEqual(unhandled, []);
});
