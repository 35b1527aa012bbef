/** Tests the limits of a service: running calls, waiting calls, refused calls, and cleanup. */
import { setTimeout as sleep } from 'node:timers/promises';
import ava from 'ava';
import { LiteIpcError, RemoteError, defineService, method, oneway, type Device } from 'liteipc';
import { forkProgram } from '#test/support/child-program.js';
import { Attention, Attentive } from '#test/support/attention.js';
import { startDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { scaled, until } from '#test/support/deadlines.js';

usePrivateRuntime();
const test = ava;

const Desk = defineService('desk', {
  serve: method<string, string>(),
  quick: method<string, string>(),
  fail: method<string>(),
  inform: oneway<string>(),
});

async function desk(
  t: Parameters<typeof startDomain>[0],
  limits: { readonly concurrency: number; readonly queue?: number },
) {
  const domain = await startDomain(t);
  const service = await domain.open();
  const order: string[] = [];
  const errors: unknown[] = [];
  const releases: (() => void)[] = [];
  let most = 0;
  const work = async (name: string): Promise<string> => {
    order.push(name);
    await new Promise<void>((resolve) => {
      most = Math.max(most, releases.push(resolve));
    });
    return name;
  };
  const exposed = await service.expose(
    Desk,
    {
      serve: work,
      quick: (name) => {
        order.push(name);
        return name;
      },
      fail: (name) => {
        order.push(name);
        throw new Error(name);
      },
      inform: async (name) => {
        await work(name);
      },
    },
    { ...limits, onError: (error) => errors.push(error) },
  );
  /** Ends this number of running calls, one after another. */
  const release = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index++) {
      await until(() => releases.length > 0);
      releases.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const client = async (device?: Device) => (device ?? (await domain.open())).service(Desk);
  return { domain, service, exposed, order, errors, releases, release, client, most: () => most };
}

/** After this call every earlier message of its client has reached the service. */
async function arrived(device: Device): Promise<void> {
  await (await device.service(Attention)).quick();
}

test('no more calls run at once than the limit, and the others wait in order', async (t) => {
  const { client, order, release, most } = await desk(t, { concurrency: 3 });
  const one = await client();
  const calls = Array.from({ length: 10 }, (_, index) => one.serve(String(index)));
  await until(() => order.length === 3);
  await release(10);
  const names = Array.from({ length: 10 }, (_, index) => String(index));
  t.deepEqual(await Promise.all(calls), names);
  t.deepEqual(order, names);
  t.is(most(), 3);
});

test('a full queue rejects calls with EBUSY at once, and accepts calls when it has room', async (t) => {
  const { client, order, release } = await desk(t, { concurrency: 1, queue: 2 });
  const one = await client();
  const calls = ['a', 'b', 'c'].map((name) => one.serve(name));
  const error = await t.throwsAsync(one.serve('d'), { instanceOf: LiteIpcError, code: 'EBUSY' });
  t.false(error instanceof RemoteError);
  t.regex(error.message, /^desk\.serve: the service is busy and its queue is full;.*\(EBUSY\)$/);
  await release(3);
  await Promise.all(calls);
  const later = one.serve('e');
  await release(1);
  t.is(await later, 'e');
  t.deepEqual(order, ['a', 'b', 'c', 'e']);
});

test('without a queue only calls that can run at once are accepted', async (t) => {
  const { client, release } = await desk(t, { concurrency: 1, queue: 0 });
  const one = await client();
  const call = one.serve('a');
  await t.throwsAsync(one.serve('b'), { code: 'EBUSY' });
  await release(1);
  t.is(await call, 'a');
  t.is(await one.quick('c'), 'c');
  // A call that throws frees its slot, too.
  for (let round = 0; round < 5; round++) await t.throwsAsync(one.fail('d'), { message: 'd' });
  t.is(await one.quick('e'), 'e');
});

test('processes take turns, and the one with most waiting calls loses one', async (t) => {
  const { client, order, release, domain, service } = await desk(t, { concurrency: 1, queue: 6 });
  await service.expose(Attention, new Attentive());
  const devices = [await domain.open(), await domain.open()] as const;
  const greedy = await client(devices[0]);
  const modest = await client(devices[1]);
  const first = greedy.serve('first');
  const many = [1, 2, 3, 4, 5, 6].map((index) => greedy.serve(`greedy ${index}`));
  for (const call of many) call.catch(() => undefined);
  await arrived(devices[0]);
  await t.throwsAsync(greedy.serve('greedy 7'), { code: 'EBUSY' });
  const few = [1, 2, 3].map((index) => modest.serve(`modest ${index}`));
  // Now three calls of each process wait. The next call removes one, of any process.
  await t.throwsAsync(modest.serve('modest 4'), { code: 'EBUSY' });
  for (const call of many.slice(3)) await t.throwsAsync(call, { code: 'EBUSY' });
  await release(7);
  await Promise.all([first, ...few, ...many.slice(0, 3)]);
  t.deepEqual(order, [
    ...['first', 'greedy 1', 'modest 1', 'greedy 2', 'modest 2', 'greedy 3', 'modest 3'],
  ]);
});

test('a waiting call that is aborted or times out leaves the queue and never runs', async (t) => {
  const { client, order, release, service } = await desk(t, { concurrency: 1, queue: 2 });
  const one = await client();
  await one.quick('lane');
  const first = one.serve('first');
  const controller = new AbortController();
  const aborted = one.serve('aborted', { signal: controller.signal });
  const late = one.serve('late', { timeoutMs: 600 });
  await t.throwsAsync(one.serve('too many'), { code: 'EBUSY' });
  controller.abort();
  await t.throwsAsync(aborted, { name: 'AbortError' });
  await t.throwsAsync(late, { code: 'ETIME' });
  // Their slots are free again, although the first call still runs.
  await until(() => service.counters()['poolNodes'] === 1);
  const next = [one.serve('next'), one.serve('next')];
  await release(3);
  t.is(await first, 'first');
  t.deepEqual(await Promise.all(next), ['next', 'next']);
  t.deepEqual(order, ['lane', 'first', 'next', 'next']);
  await until(() => service.counters()['poolNodes'] === 0);
});

test('a killed process leaves no calls in the queue', async (t) => {
  const domain = await startDomain(t);
  const service = await domain.open();
  const implementation = new Attentive();
  await service.expose(Attention, implementation, { concurrency: 1, queue: 2 });
  const client = await (await domain.open()).service(Attention);
  const held = client.deaf(undefined, { timeoutMs: Infinity });
  await until(() => implementation.releases.length === 1);
  const children = ['one', 'two'].map((label) =>
    forkProgram(t, 'attention-caller', [domain.name, label]),
  );
  // Every call occupies its message until it is answered or cancelled.
  const messages = (): number => service.counters()['poolNodes'] ?? NaN;
  await until(() => messages() === 3);
  await t.throwsAsync(client.quick(), { code: 'EBUSY' });
  for (const child of children) child.kill('SIGKILL');
  await until(() => messages() === 1);
  const waiting = [client.quick(), client.quick()];
  await t.throwsAsync(client.quick(), { code: 'EBUSY' });
  for (const release of implementation.releases) release();
  await held;
  t.deepEqual(await Promise.all(waiting), [false, false]);
  t.deepEqual(implementation.begun, []);
});

test('one-way messages wait, too, and onError receives those that are refused', async (t) => {
  const { client, order, errors, release, domain, service } = await desk(t, {
    concurrency: 1,
    queue: 1,
  });
  await service.expose(Attention, new Attentive());
  const device = await domain.open();
  const one = await client(device);
  for (const name of ['a', 'b', 'c']) await one.inform(name);
  await arrived(device);
  t.deepEqual(order, ['a']);
  t.like(errors, [{ code: 'EBUSY', method: 'inform' }] as object);
  // Its sender has terminated before the call can start.
  await device.close();
  await sleep(scaled(50));
  await release(2);
  t.deepEqual(order, ['a', 'b']);
});

test('a long queue of calls that end at once does not recurse deeply', async (t) => {
  const { client, release } = await desk(t, { concurrency: 1, queue: 100_000 });
  const one = await client();
  const first = one.serve('first');
  const calls = Array.from({ length: 3000 }, (_, index) => one.quick(String(index)));
  await release(1);
  await first;
  t.is((await Promise.all(calls)).length, 3000);
});

test('waiting calls fail with EPIPE when the service is disposed', async (t) => {
  const { client, exposed, order } = await desk(t, { concurrency: 1 });
  const one = await client();
  const calls = ['a', 'b', 'c'].map((name) => one.serve(name));
  for (const call of calls) call.catch(() => undefined);
  await until(() => order.length === 1);
  await exposed.dispose();
  for (const call of calls) await t.throwsAsync(call, { code: 'EPIPE' });
  t.deepEqual(order, ['a']);
});

test('invalid limits are rejected', async (t) => {
  const domain = await startDomain(t);
  const device = await domain.open();
  for (const [limits, text] of [
    [{ concurrency: 0 }, /Expected an integer from 1 to 1000000 for concurrency/],
    [{ concurrency: 1, queue: -1 }, /Expected an integer from 0 to 1000000 for queue/],
    [{ queue: 5 }, /Expected concurrency for options with a queue/],
  ] as const) {
    await t.throwsAsync(device.expose(Attention, new Attentive(), limits), {
      instanceOf: TypeError,
      message: text,
    });
  }
});
