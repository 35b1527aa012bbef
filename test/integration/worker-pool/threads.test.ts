/** Tests services and clients in worker threads, each with its own device. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { startDomain } from '#test/support/domain.js';
import { testProgram } from '#test/support/paths.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { Counter } from '#test/programs/counter-contract.js';
import { until } from '#test/support/deadlines.js';

usePrivateRuntime();

function startWorker(domain: string, role: 'serve' | 'call'): Worker {
  return new Worker(testProgram('counter-worker'), {
    workerData: { domain, role },
  });
}

test('a service in a worker answers the main thread', async (t) => {
  const domain = await startDomain(t);
  const worker = startWorker(domain.name, 'serve');
  await once(worker, 'message');
  const client = await (await domain.open()).service(Counter);
  const sums = await Promise.all(
    Array.from({ length: 1000 }, (_, index) => client.add([index, 1])),
  );
  t.deepEqual(
    sums,
    Array.from({ length: 1000 }, (_, index) => index + 1),
  );
  t.deepEqual(await client.echo(Buffer.alloc(60_000, 3)), Buffer.alloc(60_000, 3));
  worker.postMessage('close');
  t.deepEqual(await once(worker, 'exit'), [0]);
});

test('two workers call a service of the main thread', async (t) => {
  const domain = await startDomain(t);
  const seen = new Set<number>();
  await (
    await domain.open()
  ).expose(Counter, {
    add: ([a, b], call) => {
      seen.add(call.caller.processId);
      return a + b;
    },
    echo: (value) => value,
  });
  const ends = ['one', 'two'].map(() => {
    const worker = startWorker(domain.name, 'call');
    return Promise.all([once(worker, 'message'), once(worker, 'exit')]);
  });
  for (const [[sums], [status]] of await Promise.all(ends)) {
    t.deepEqual(sums, [1, 2, 3, 4, 5]);
    t.is(status, 0);
  }
  t.is(seen.size, 2);
});

test('a terminated worker fails its calls with EPIPE and frees the name', async (t) => {
  const domain = await startDomain(t);
  const worker = startWorker(domain.name, 'serve');
  await once(worker, 'message');
  const client = await (await domain.open()).service(Counter);
  t.is(await client.add([1, 1]), 2);
  const calls = Array.from({ length: 10 }, () => client.echo('hang'));
  const outcomes = Promise.allSettled(calls);
  await worker.terminate();
  for (const outcome of await outcomes) {
    t.is(outcome.status, 'rejected');
    if (outcome.status === 'rejected') t.is((outcome.reason as { code: string }).code, 'EPIPE');
  }
  await until(() => domain.manager.services().length === 0);
  const next = startWorker(domain.name, 'serve');
  await once(next, 'message');
  t.is(await client.add([2, 2]), 4);
  await next.terminate();
});
