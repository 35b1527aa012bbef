/**
 * What becomes of the others when a process or worker thread ends, in any way and at any moment.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import ava, { type ExecutionContext } from 'ava';
import { openDevice, ServiceManager } from 'liteipc';
import { Participant, endParticipants, type Kill } from '#test/support/participant.js';
import type { Ending, Facts, Outcome } from '#test/support/participant-commands.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { workService } from '#test/support/work.js';
import { scaled, until } from '#test/support/deadlines.js';

usePrivateRuntime();
// One after the other: they measure times, and the machine may have two cores.
const test = ava.serial;
test.afterEach.always(endParticipants);

let domainsNamed = 0;

interface World {
  readonly domain: string;
  readonly manager: ServiceManager;
  /** Exposes `other`, which nobody harms. */
  readonly bystander: Participant;
}

/** A manager in this process and a service `other` in one of its own. */
async function makeWorld(t: ExecutionContext): Promise<World> {
  domainsNamed += 1;
  const domain = `death-${domainsNamed}`;
  const manager = await ServiceManager.start({ domain });
  // Also if the test fails: an open domain keeps this process alive.
  t.teardown(() => manager.close());
  const bystander = await Participant.start('bystander');
  await bystander.do('open', { domain });
  await bystander.do('expose', { service: 'other' });
  return { domain, manager, bystander };
}

/** Starts one that has a device open. */
async function startWith(world: World, name: string, asWorker = false): Promise<Participant> {
  const participant = await Participant.start(name, { asWorker });
  await participant.do('open', { domain: world.domain });
  return participant;
}

async function startService(world: World, asWorker = false): Promise<Participant> {
  const service = await startWith(world, 'service', asWorker);
  await service.do('expose', {});
  return service;
}

/** Makes `count` calls that the service holds, and waits until it has them all. */
async function hold(client: Participant, count: number, heldBefore = 0): Promise<void> {
  await client.do('begin', { method: 'hold', count, timeoutMs: 30_000 });
  await until(
    async () => {
      const outcome = await client.do('call', { method: 'held' });
      return outcome.ok && outcome.value === heldBefore + count;
    },
    () => `the service does not hold ${count} calls. ${client.diagnosis()}`,
  );
}

async function answers(t: ExecutionContext, client: Participant, service: string): Promise<void> {
  const outcome = await client.do('call', { method: 'add', input: [40, 2], service });
  t.like(outcome, { ok: true, value: 42 }, `${service}: ${JSON.stringify(outcome)}`);
}

/** Asserts that all calls failed with EPIPE soon enough after a kill. */
function noticedInTime(t: ExecutionContext, outcomes: readonly Outcome[], kill: Kill): void {
  for (const outcome of outcomes) {
    t.like(outcome, { ok: false, code: 'EPIPE' }, JSON.stringify(outcome));
    const after = outcome.endedAtMs - kill.at;
    t.true(after < kill.limitMs, `after ${after.toFixed(1)} ms, expected ${kill.limitMs} ms`);
  }
  const last = Math.max(0, ...outcomes.map(({ endedAtMs }) => endedAtMs - kill.at));
  const limit = `the limit is ${kill.limitMs.toFixed(0)} ms`;
  t.log(`${outcomes.length} callers had their errors within ${last.toFixed(1)} ms; ${limit}`);
}

/** The domain holds again what it held; says what it holds. */
async function domainSettles(world: World, expected: Facts | object): Promise<void> {
  const isAsExpected = (): boolean =>
    Object.entries(expected).every(([key, count]) => {
      const now = world.manager.counters()[key as 'processes'];
      return now === count;
    });
  await until(isAsExpected, () => {
    const [now, then] = [world.manager.counters(), expected].map((it) => JSON.stringify(it));
    return `the domain holds ${now ?? ''}, expected ${then ?? ''}`;
  });
}

test('a service is killed during calls: callers have their errors within 100 ms, other calls go on', async (t) => {
  const world = await makeWorld(t);
  const clients = await Promise.all([startWith(world, 'client 1'), startWith(world, 'client 2')]);
  for (let round = 0; round < 4; round++) {
    const service = await startService(world);
    for (const [index, client] of clients.entries()) await hold(client, 20, index * 20);
    for (const client of clients) await answers(t, client, 'other');
    const kill = await service.kill();
    for (const client of clients) {
      const outcomes = await client.do('outcomes', undefined, 5000);
      t.is(outcomes.length, 20);
      noticedInTime(t, outcomes, kill);
      await client.do('event', 'death work', 1000);
      await answers(t, client, 'other');
      t.like(await client.do('call', { method: 'who' }), { ok: false, code: 'ENOENT' });
    }
    t.deepEqual(
      world.manager.services().map(({ name }) => name),
      ['other'],
    );
  }
  // The same clients find the next service of this name.
  await startService(world);
  for (const client of clients) await answers(t, client, 'work');
});

test('a service is killed while calls stream to it: every call ends, none twice, none late', async (t) => {
  const world = await makeWorld(t);
  const client = await startWith(world, 'client');
  for (let round = 0; round < 4; round++) {
    const service = await startService(world);
    await client.do('begin', { method: 'wait', input: 1, count: 300, timeoutMs: 20_000 });
    await client.do('begin', { method: 'echo', input: new Uint8Array(9000), count: 300 });
    await sleep(round * 4);
    const kill = await service.kill();
    const outcomes = await client.do('outcomes', undefined, 5000);
    t.is(outcomes.length, 600);
    const failures = outcomes.filter((outcome) => !outcome.ok);
    noticedInTime(
      t,
      failures.filter(({ code }) => code === 'EPIPE'),
      kill,
    );
    // What was not sent yet looks the name up again, and the manager says that it is gone.
    for (const { code, message, endedAtMs } of failures) {
      if (code === 'EPIPE') continue;
      t.is(code, 'ENOENT', message);
      t.true(endedAtMs - kill.at < scaled(1000), `${message} after ${endedAtMs - kill.at} ms`);
    }
    t.is((await client.do('facts', {})).pendingCalls, 0);
    await answers(t, client, 'other');
  }
});

test('a client is killed during its calls: the service goes on, the lanes are gone', async (t) => {
  const world = await makeWorld(t);
  const service = await startService(world);
  const survivor = await startWith(world, 'surviving client');
  await hold(survivor, 5);
  const before = world.manager.counters();
  for (let round = 0; round < 4; round++) {
    const client = await startWith(world, 'client');
    if (round % 2 === 0) {
      await client.do('begin', { method: 'hold', count: 10, timeoutMs: 30_000 });
      await client.do('call', { method: 'held' });
    } else {
      await client.do('begin', { method: 'wait', input: 1, count: 500 });
    }
    await client.kill();
    await domainSettles(world, before);
    await answers(t, survivor, 'work');
    t.is((await survivor.do('facts', {})).pendingCalls, 5);
  }
  t.is((await service.do('facts', {})).connected, true);
});

const endings: [Ending, number][] = [
  ['exit', 0],
  ['throw', 1],
  ['natural', 0],
];

for (const [ending, code] of endings) {
  test(`a client process ends with calls in flight: ${ending}`, async (t) => {
    const world = await makeWorld(t);
    await startService(world);
    const survivor = await startWith(world, 'surviving client');
    await answers(t, survivor, 'work');
    const before = world.manager.counters();
    for (const count of [1, 64]) {
      const client = await startWith(world, 'client');
      await client.do('begin', { method: 'hold', count, timeoutMs: 30_000 });
      await client.do('begin', { method: 'wait', input: 2, count });
      t.deepEqual(await client.end(ending), { code, signal: null }, client.output);
      if (ending === 'throw') t.regex(client.output, /Error: thrown on purpose/);
      else t.is(client.output, '');
      await domainSettles(world, before);
      await answers(t, survivor, 'work');
    }
  });

  test(`a service process ends with calls in flight: ${ending}`, async (t) => {
    const world = await makeWorld(t);
    const client = await startWith(world, 'client');
    await answers(t, client, 'other');
    const service = await startService(world);
    await hold(client, 30);
    t.deepEqual(await service.end(ending), { code, signal: null }, service.output);
    const outcomes = await client.do('outcomes', undefined, 5000);
    t.is(outcomes.length, 30);
    for (const outcome of outcomes) t.like(outcome, { ok: false, code: 'EPIPE' });
    await answers(t, client, 'other');
    await domainSettles(world, { processes: 3, threads: 3, parkedRequests: 0 });
  });
}

test('a client worker is terminated with calls in flight', async (t) => {
  const world = await makeWorld(t);
  await startService(world);
  const survivor = await startWith(world, 'surviving client');
  await answers(t, survivor, 'work');
  const before = world.manager.counters();
  for (let round = 0; round < 6; round++) {
    const client = await startWith(world, 'client worker', true);
    await client.do('begin', { method: 'hold', count: 20, timeoutMs: 30_000 });
    await client.do('begin', { method: 'wait', input: 1, count: 200 });
    await sleep(round);
    await client.kill();
    await domainSettles(world, before);
    await answers(t, survivor, 'work');
  }
});

test('a service worker is terminated with calls in flight', async (t) => {
  const world = await makeWorld(t);
  const client = await startWith(world, 'client');
  await using device = await openDevice({ domain: world.domain });
  for (let round = 0; round < 4; round++) {
    const service = await startService(world, true);
    await hold(client, 20);
    // This thread, of the worker's own process, is a caller too.
    const own = (await device.service(workService('work'))).hold(undefined, { timeoutMs: 30_000 });
    own.catch(() => undefined);
    await hold(client, 0, 21);
    const kill = await service.kill();
    await t.throwsAsync(own, { code: 'EPIPE' } as object);
    noticedInTime(t, await client.do('outcomes', undefined, 5000), kill);
    await answers(t, client, 'other');
  }
});

test('a worker ends itself with calls in flight', async (t) => {
  const world = await makeWorld(t);
  const service = await startService(world);
  const before = world.manager.counters();
  for (const [ending, code] of endings) {
    const client = await startWith(world, `client worker, ${ending}`, true);
    await client.do('begin', { method: 'hold', count: 20, timeoutMs: 30_000 });
    await client.do('begin', { method: 'wait', input: 1, count: 100 });
    t.is((await client.end(ending)).code, code, client.output);
    await domainSettles(world, { processes: before.processes, threads: before.threads });
  }
  t.true((await service.do('facts', {})).connected);
});

test('a participant that is stopped and goes on: nobody is harmed', async (t) => {
  const world = await makeWorld(t);
  const service = await startService(world);
  const client = await startWith(world, 'client');
  await answers(t, client, 'work');
  process.kill(service.pid, 'SIGSTOP');
  await client.do('begin', { method: 'add', input: [1, 2], count: 10 });
  await client.do('begin', { method: 'add', input: [1, 2], count: 10, timeoutMs: 50 });
  await answers(t, client, 'other');
  await sleep(120);
  process.kill(service.pid, 'SIGCONT');
  const outcomes = await client.do('outcomes', undefined);
  for (const outcome of outcomes.slice(0, 10)) t.like(outcome, { ok: true, value: 3 });
  for (const outcome of outcomes.slice(10)) t.like(outcome, { ok: false, code: 'ETIME' });
  await answers(t, client, 'work');
  // Killed while it is stopped, and a call in its pool: the caller is notified all the same.
  process.kill(service.pid, 'SIGSTOP');
  await client.do('begin', { method: 'add', input: [1, 2], count: 10, timeoutMs: 30_000 });
  const kill = await service.kill();
  noticedInTime(t, await client.do('outcomes', undefined, 5000), kill);
});
