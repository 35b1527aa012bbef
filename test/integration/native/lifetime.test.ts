/**
 * Tests the end of devices and domains: closing, exits, workers, garbage collection. See
 * types/native.d.ts.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { setTimeout as sleep } from 'node:timers/promises';
import ava, { type ExecutionContext } from 'ava';
import { loadNativeBinding } from '#lib/native/binding.js';
import type { WorkerOrder } from '#test/programs/addon-worker.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import {
  RawDevice,
  errno,
  freshName,
  grant,
  makeWorld,
  type World,
} from '#test/support/raw-device.js';
import { testProgram } from '#test/support/paths.js';

usePrivateRuntime();
const binding = loadNativeBinding();
// Serial, because the tests count descriptors and processes.
const test = ava.serial;

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Waits until a number has fallen to its expected value. Returns the number. */
async function settles(read: () => number, expected: number): Promise<number> {
  for (let round = 0; read() !== expected && round < 400; round++) await sleep(5);
  return read();
}

/** Runs the body once as a warm-up and then for all rounds. Afterwards no descriptor may remain. */
async function leavesNoDescriptor(
  t: ExecutionContext,
  rounds: number,
  body: (rounds: number) => Promise<void> | void,
): Promise<void> {
  await body(1);
  const before = descriptors();
  await body(rounds);
  t.is(await settles(descriptors, before), before, 'descriptors');
}

test('200 devices opened and closed leave no descriptor', async (t) => {
  await leavesNoDescriptor(t, 200, async (rounds) => {
    const world = await makeWorld(freshName());
    let most = 0;
    for (let round = 0; round < rounds; round++) {
      const device = await RawDevice.open(world.domain.path);
      await grant(world.manager, world.managerTask, device.native.callTaskId, world.handle);
      t.is((await device.call(world.handle, new Uint8Array(100))).status, 0);
      await device.close();
      most = Math.max(most, descriptors());
    }
    t.true(most < 200, `${most} descriptors while the domain runs`);
    t.is(await settles(() => world.domain.counters().processes, 3), 3);
    await world.end();
  });
});

test('50 domains started and stopped leave no descriptor', async (t) => {
  await leavesNoDescriptor(t, 50, (rounds) => {
    for (let round = 0; round < rounds; round++) binding.startDomain({ name: 'again' }).stop();
  });
});

test('many devices can be opened at the same time', async (t) => {
  const name = freshName();
  const domain = binding.startDomain({ name });
  const devices = await Promise.all(Array.from({ length: 30 }, () => RawDevice.open(name)));
  t.is(new Set(devices.map((device) => device.native.processId)).size, 30);
  t.is(domain.counters().processes, 30);
  await Promise.all(devices.map((device) => device.close()));
  t.is(domain.counters().processes, 0);
  domain.stop();
});

test('after close every method throws ENODEV, and close resolves', async (t) => {
  const world = await makeWorld(freshName());
  const { native } = world.client;
  const closing = native.close();
  const expected = { code: 'ENODEV', message: 'the device is closed' };
  const calls: (() => unknown)[] = [
    () => native.sendRequest(),
    () => native.sendReply(),
    () => native.free(1),
    () => native.cancel(1),
    () => native.control(0, 0, 0, 0, 0, 0, 0),
    () => native.query(1),
    () => native.hasAccess(1),
    () => native.counters(),
    () => {
      native.ref();
    },
    () => {
      native.unref();
    },
    () => {
      native.setSpin(0);
    },
  ];
  for (const call of calls) t.throws(call, expected);
  t.is(native.close(), closing);
  await closing;
  for (const call of calls) t.throws(call, expected);
  t.is(native.close(), closing);
  await native.close();
  t.is(typeof native.processId, 'number');
  await world.end();
});

type Member = 'client' | 'service' | 'manager' | 'domain';

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, index) =>
    permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]),
  );
}

test('client, service, manager and domain close in every order, with calls in flight', async (t) => {
  const before = descriptors();
  for (const order of permutations<Member>(['client', 'service', 'manager', 'domain'])) {
    const world = await makeWorld(freshName());
    await world.client.call(world.handle, new Uint8Array(10));
    const held = [1, 2, 3].map(() => world.client.tryCall(world.handle, new Uint8Array(500)));
    t.true(held.every((call) => call.status === 0));
    for (const member of order) {
      if (member === 'domain') world.domain.stop();
      else await world[member].close();
      await sleep(1);
    }
  }
  t.is(await settles(descriptors, before), before);
});

test('everything can be closed in one tick', async (t) => {
  const before = descriptors();
  const world = await makeWorld(freshName());
  await world.client.call(world.handle, new Uint8Array(10));
  void world.client.call(world.handle, new Uint8Array(10));
  const closing = [world.client.close(), world.service.close(), world.manager.close()];
  world.domain.stop();
  await Promise.all(closing);
  t.is(await settles(descriptors, before), before);
});

test('a service that closes fails its calls at once', async (t) => {
  const world = await makeWorld(freshName());
  await world.client.call(world.handle, new Uint8Array(10));
  world.service.onRequest = () => undefined;
  const pending = Array.from({ length: 20 }, () =>
    world.client.call(world.handle, new Uint8Array(10)),
  );
  await sleep(5);
  await world.service.close();
  for (const answer of await Promise.all(pending)) t.is(answer.status, errno.EPIPE);
  t.is(world.service.native.processId > 0, true);
  await world.end();
});

test('an idle device does not use the processor', async (t) => {
  const world = await makeWorld(freshName());
  await world.client.call(world.handle, new Uint8Array(10));
  await sleep(50);
  const before = process.cpuUsage();
  await sleep(400);
  const used = process.cpuUsage(before);
  t.true(used.user + used.system < 200_000, `${used.user + used.system} us of 400 ms`);
  await world.end();
});

// ---- other processes ----

function startChild(
  mode: string,
  domain: string,
  milliseconds: number,
  ...flags: string[]
): ChildProcess {
  return fork(testProgram('addon-child'), [mode, domain, String(milliseconds)], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    execArgv: flags,
  });
}

interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
  readonly output: string;
}

async function ended(child: ChildProcess): Promise<Ending> {
  let output = '';
  child.stdout?.on('data', (text: Buffer) => (output += text.toString()));
  child.stderr?.on('data', (text: Buffer) => (output += text.toString()));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code, signal, output };
}

/** Grants the child its right and sends the handle when it asks. */
function admit(world: World, child: ChildProcess): void {
  child.once('message', (task) => {
    grant(world.manager, world.managerTask, task as number, world.handle).then(
      () => child.send(world.handle, () => undefined),
      () => undefined, // it has exited meanwhile
    );
  });
}

test('a process may exit with calls in flight at any moment', async (t) => {
  const world = await makeWorld(freshName());
  const rounds: [mode: string, milliseconds: number][] = [
    ...Array.from({ length: 12 }, (_, index): [string, number] => ['exit', index * 4]),
    ...[0, 1, 5, 50].map((count): [string, number] => ['exit-in-callback', count]),
  ];
  for (const [mode, milliseconds] of rounds) {
    const child = startChild(mode, world.domain.path, milliseconds);
    admit(world, child);
    const ending = await ended(child);
    t.like(ending, { code: 0, signal: null, output: '' }, `${mode} ${milliseconds}`);
    t.is(await settles(() => world.domain.counters().processes, 3), 3);
  }
  t.is((await world.client.call(world.handle, new Uint8Array(10))).status, 0);
  t.is(await settles(() => world.service.native.counters()['poolNodes'] ?? NaN, 0), 0);
  await world.end();
});

test('an unreferenced device does not keep its process alive', async (t) => {
  const world = await makeWorld(freshName());
  const child = startChild('unref', world.domain.path, 0);
  admit(world, child);
  t.like(await ended(child), { code: 0, signal: null, output: '' });
  t.is(await settles(() => world.domain.counters().processes, 3), 3);
  await world.end();
});

test('an exception in onEvents ends a process that does not handle it', async (t) => {
  const world = await makeWorld(freshName());
  const child = startChild('throw', world.domain.path, 0);
  admit(world, child);
  const ending = await ended(child);
  t.is(ending.code, 1);
  t.regex(ending.output, /Error: thrown by onEvents/);
  await world.end();
});

test('the process of the domain may exit with calls in flight', async (t) => {
  for (let round = 0; round < 6; round++) {
    const ending = await ended(startChild('exit-with-domain', freshName(), round * 9));
    t.like(ending, { code: 0, signal: null, output: '' });
  }
});

test('devices that were never closed are closed when the process ends', async (t) => {
  t.like(await ended(startChild('forget', freshName(), 0)), { code: 0, signal: null, output: '' });
});

test('a device that lost its domain does not keep its process alive', async (t) => {
  t.like(await ended(startChild('lost', freshName(), 0)), { code: 0, signal: null, output: '' });
});

test('garbage collection stops a domain but no open device', async (t) => {
  const ending = await ended(startChild('collect', freshName(), 0, '--expose-gc'));
  t.like(ending, { code: 0, signal: null, output: 'lost, 2 devices retained\n' });
});

// ---- worker threads ----

function startWorker(mode: WorkerOrder['mode'], domain: string): Worker {
  const order: WorkerOrder = { mode, domain };
  return new Worker(testProgram('addon-worker'), { workerData: order });
}

/** Returns the first message of the worker. */
async function heard(worker: Worker): Promise<unknown> {
  const [message] = (await once(worker, 'message')) as [unknown];
  return message;
}

async function admitWorker(world: World, worker: Worker): Promise<void> {
  const task = (await heard(worker)) as number;
  await grant(world.manager, world.managerTask, task, world.handle);
  worker.postMessage(world.handle);
}

test('a worker thread calls a service of the main thread', async (t) => {
  const world = await makeWorld(freshName());
  const worker = startWorker('echo', world.domain.path);
  const exited = once(worker, 'exit');
  await admitWorker(world, worker);
  t.deepEqual(await heard(worker), [1, 2, 3]);
  t.deepEqual(await exited, [0]);
  t.is(world.domain.counters().processes, 3);
  await world.end();
});

test('no wake-up is lost in 20,000 calls one by one, without the adaptive wait', async (t) => {
  const world = await makeWorld(freshName());
  world.service.native.setSpin(0);
  const worker = startWorker('one-by-one', world.domain.path);
  await admitWorker(world, worker);
  t.is(await heard(worker), 20_000);
  await once(worker, 'exit');
  await world.end();
});

test('workers can be terminated with calls in flight', async (t) => {
  await leavesNoDescriptor(t, 25, async (rounds) => {
    const world = await makeWorld(freshName());
    for (let round = 0; round < rounds; round++) {
      const worker = startWorker('call', world.domain.path);
      await admitWorker(world, worker);
      await sleep(round % 10);
      await worker.terminate();
    }
    t.is(await settles(() => world.domain.counters().processes, 3), 3);
    t.is((await world.client.call(world.handle, new Uint8Array(10))).status, 0);
    await world.end();
  });
});

test('workers can be terminated with their own domain', async (t) => {
  await leavesNoDescriptor(t, 15, async (rounds) => {
    for (let round = 0; round < rounds; round++) {
      const worker = startWorker('world', freshName());
      await heard(worker);
      await sleep(round % 7);
      await worker.terminate();
    }
  });
});

test('workers can be terminated while they open and close devices', async (t) => {
  await leavesNoDescriptor(t, 15, async (rounds) => {
    const world = await makeWorld(freshName());
    for (let round = 0; round < rounds; round++) {
      const worker = startWorker('open', world.domain.path);
      await heard(worker);
      await sleep(round % 5);
      await worker.terminate();
    }
    t.is(await settles(() => world.domain.counters().processes, 3), 3);
    await world.end();
  });
});

test('a worker can be terminated within onEvents', async (t) => {
  const world = await makeWorld(freshName());
  for (let round = 0; round < 5; round++) {
    const worker = startWorker('busy', world.domain.path);
    await admitWorker(world, worker);
    t.is(await heard(worker), 'busy');
    t.is(await worker.terminate(), 1);
  }
  t.is(await settles(() => world.domain.counters().processes, 3), 3);
  await world.end();
});

test('a worker can exit within onEvents or while its device closes', async (t) => {
  const world = await makeWorld(freshName());
  for (const mode of ['exit', 'close', 'exit', 'close'] as const) {
    const worker = startWorker(mode, world.domain.path);
    const exited = once(worker, 'exit');
    await admitWorker(world, worker);
    t.deepEqual(await exited, [0]);
  }
  t.is(await settles(() => world.domain.counters().processes, 3), 3);
  await world.end();
});
