/** Tests exposeInWorkers: a service in a pool of worker threads. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { pathToFileURL } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { z } from 'zod';
import {
  defineService,
  exposeInWorkers,
  method,
  type LiteIpcError,
  type WorkerPoolOptions,
} from 'liteipc';
import { startDomain } from '#test/support/domain.js';
import { Cruncher } from '#test/programs/pool-module.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { testProgram } from '#test/support/paths.js';
import { scaled, until } from '#test/support/deadlines.js';

usePrivateRuntime();

const module = pathToFileURL(testProgram('pool-module'));

async function world(t: ExecutionContext, options: Partial<WorkerPoolOptions> = {}, count = 2) {
  const domain = await startDomain(t);
  const pool = await exposeInWorkers(Cruncher, module, count, { domain: domain.name, ...options });
  t.teardown(() => pool.dispose());
  const client = await domain.open();
  return { domain, pool, client };
}

test('two workers compute at the same time', async (t) => {
  const { pool, client } = await world(t, { data: { some: 'data' } });
  t.is(pool.size, 2);
  const cruncher = await client.service(Cruncher, { balance: 'least-loaded' });
  t.deepEqual(await cruncher.data(), { some: 'data' });
  const workers = await Promise.all([1, 2, 3, 4].map(() => cruncher.crunch(100)));
  t.deepEqual(workers.sort(), [1, 1, 2, 2]);
  // Each is a separate thread, and none is this one.
  const threads = new Set([await cruncher.thread(), await cruncher.thread()]);
  t.is(threads.size, 2);
  t.false(threads.has(0));
});

for (const how of ['exit', 'throw'] as const) {
  test(`a worker that ends (${how}) fails its calls and is replaced`, async (t) => {
    const ends: string[] = [];
    const { domain, pool, client } = await world(t, {
      onWorkerEnd: (error, worker) => ends.push(`${worker}: ${error.message}`),
    });
    const cruncher = await client.service(Cruncher);
    await t.throwsAsync(cruncher.end(how), { code: 'EPIPE' });
    await until(() => pool.size === 1);
    t.regex(ends[0] ?? '', how === 'exit' ? /it ended with status 3/ : /thrown on purpose/);
    t.true((await cruncher.thread()) > 0, 'the other one serves');
    await until(() => pool.size === 2);
    await until(() => domain.manager.services().length === 2);
    const threads = new Set<number>();
    for (let time = 0; time < 50 && threads.size < 2; time++) {
      threads.add(await cruncher.thread());
      await sleep(20);
    }
    t.is(threads.size, 2);
  });
}

test('without restart a worker that ends is not replaced', async (t) => {
  const { pool, client } = await world(t, { restart: false, onWorkerEnd: () => undefined });
  const cruncher = await client.service(Cruncher);
  await t.throwsAsync(cruncher.end('exit'), { code: 'EPIPE' });
  await until(() => pool.size === 1);
  await sleep(300);
  t.is(pool.size, 1);
});

test('an error at the start names the worker and leaves nothing behind', async (t) => {
  const domain = await startDomain(t);
  const options = { domain: domain.name };
  await t.throwsAsync(exposeInWorkers(Cruncher, module, 2, { ...options, data: 'fail 2' }), {
    message: /^Worker 2 of "cruncher": on purpose$/,
  });
  const missing = pathToFileURL(testProgram('none'));
  await t.throwsAsync(exposeInWorkers(Cruncher, missing, 1, options), {
    code: 'ERR_MODULE_NOT_FOUND',
    message: /^Worker 1 of "cruncher": Cannot find module/,
  });
  const Checked = defineService('checked', { add: method({ input: z.number() }) });
  await t.throwsAsync(exposeInWorkers(Checked, module, 1, options), {
    code: 'EINVAL',
    message: /^Worker 1 of "checked": the module must also export the contract/,
  });
  await t.throwsAsync(exposeInWorkers(Cruncher, module, 1, { domain: 'nowhere' }), {
    code: 'ENODEV',
    message: /^Worker 1 of "cruncher": Domain "nowhere"/,
  });
  await until(() => domain.manager.services().length === 0);
  t.is(domain.manager.counters().processes, 1);
});

test('drain finishes calls, and dispose ends them', async (t) => {
  const { domain, pool, client } = await world(t);
  const cruncher = await client.service(Cruncher);
  const calls = Promise.all([cruncher.crunch(200), cruncher.crunch(200)]);
  await sleep(50);
  t.is(await pool.drain(), 0);
  t.deepEqual((await calls).sort(), [1, 2]);
  t.is(pool.size, 0);
  await pool.dispose();

  const next = await exposeInWorkers(Cruncher, module, 2, { domain: domain.name });
  const waiting = await client.service(Cruncher, { waitMs: 3000 });
  const lost = [waiting.crunch(60_000), waiting.crunch(60_000)].map((call) =>
    call.catch((error: unknown) => (error as LiteIpcError).code),
  );
  await sleep(100);
  await next.dispose();
  t.deepEqual(await Promise.all(lost), ['EPIPE', 'EPIPE']);
  t.is(next.size, 0);
});

test('a program ends by itself after the pool is disposed', async (t) => {
  const { stdout } = await promisify(execFile)(process.execPath, [testProgram('pool-program')], {
    timeout: scaled(20_000),
  });
  t.is(stdout, 'computed in worker 1\n');
});

test('arguments are checked', async (t) => {
  const options = { domain: 'any' };
  for (const [contract, url, count, given] of [
    [{}, module, 1, options],
    [Cruncher, './relative.js', 1, options],
    [Cruncher, module, 0, options],
    [Cruncher, module, 65, options],
    [Cruncher, module, 1, {}],
    [Cruncher, module, 1, { ...options, restart: 1 }],
    [Cruncher, module, 1, { ...options, onWorkerEnd: 1 }],
    [Cruncher, module, 1, { ...options, queue: 1 }],
    [Cruncher, module, 1, { ...options, startTimeoutMs: 0 }],
  ] as const) {
    await t.throwsAsync(exposeInWorkers(contract as never, url, count, given as never), {
      instanceOf: TypeError,
    });
  }
});
