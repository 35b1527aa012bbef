/** The manager dies, is restarted, or is stopped for a while: what the others see of it. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import ava, { type ExecutionContext } from 'ava';
import { ServiceManager } from 'liteipc';
import { Participant, endParticipants, nowMs } from '#test/support/participant.js';
import type { Outcome } from '#test/support/participant-commands.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { scaled, until } from '#test/support/deadlines.js';

const runtimeFolder = usePrivateRuntime();
// One after the other: they measure times, and the machine may have two cores.
const test = ava.serial;
test.afterEach.always(endParticipants);

/** A device is back so soon after its domain is, ms: it tries again at most every second. */
const RECONNECT_MAX_MS = 5000;

const domain = 'restart';

async function startManager(): Promise<Participant> {
  const manager = await Participant.start('manager');
  await manager.do('startManager', { domain });
  return manager;
}

async function startWith(name: string, asWorker = false): Promise<Participant> {
  const participant = await Participant.start(name, { asWorker });
  await participant.do('open', { domain });
  return participant;
}

async function answers(t: ExecutionContext, client: Participant): Promise<void> {
  const outcome = await client.do('call', { method: 'add', input: [40, 2] });
  t.like(outcome, { ok: true, value: 42 }, JSON.stringify(outcome));
}

function allSay(t: ExecutionContext, outcomes: readonly Outcome[], code: string): void {
  for (const outcome of outcomes) t.like(outcome, { ok: false, code }, JSON.stringify(outcome));
}

async function settles(manager: Participant, expected: object): Promise<void> {
  let now = {};
  await until(
    async () => {
      const counters = await manager.do('counters', undefined);
      now = counters;
      return Object.entries(expected).every(
        ([key, count]) => counters[key as keyof typeof counters] === count,
      );
    },
    () => `the domain holds ${JSON.stringify(now)}, expected ${JSON.stringify(expected)}`,
  );
}

test('the manager is killed and restarted: calls fail with ENODEV, then everything works again', async (t) => {
  let manager = await startManager();
  const service = await startWith('service');
  await service.do('expose', {});
  const clients = [await startWith('client'), await startWith('client worker', true)];
  for (const client of clients) await answers(t, client);
  const settled = await manager.do('counters', undefined);

  for (let round = 0; round < 3; round++) {
    for (const client of clients) {
      await client.do('begin', { method: 'hold', count: 20, timeoutMs: 30_000 });
      await answers(t, client);
    }
    const kill = await manager.kill();
    for (const client of clients) {
      const outcomes = await client.do('outcomes', undefined, 5000);
      t.is(outcomes.length, 20);
      allSay(t, outcomes, 'ENODEV');
      for (const { endedAtMs } of outcomes) {
        t.true(endedAtMs - kill.at < kill.limitMs, `after ${(endedAtMs - kill.at).toFixed(1)} ms`);
      }
      await client.do('event', 'lost', 1000);
      // No domain: a clear error at once, no waiting.
      const before = nowMs();
      const outcome = await client.do('call', { method: 'add', input: [1, 1] });
      allSay(t, [outcome], 'ENODEV');
      t.true(outcome.endedAtMs - before < scaled(500));
      t.false((await client.do('facts', {})).connected);
    }

    manager = await startManager();
    const startedAt = nowMs();
    for (const participant of [service, ...clients]) {
      await participant.do('event', 'reconnected', RECONNECT_MAX_MS);
    }
    for (const client of clients) await answers(t, client);
    t.log(`round ${round}: working again ${Math.round(nowMs() - startedAt)} ms after the restart`);
    const { processes, threads, tasks } = settled;
    await settles(manager, { processes, threads, tasks });
    t.deepEqual(await service.do('events', undefined), round === 0 ? ['lost'] : ['lost']);
  }
});

test('the manager is killed and its name stays: the socket is replaced, none is left', async (t) => {
  const socket = join(runtimeFolder, 'liteipc', `${domain}.sock`);
  const files = (): string[] => readdirSync(join(runtimeFolder, 'liteipc'));
  const first = await startManager();
  await first.kill();
  t.true(files().includes(`${domain}.sock`), 'a killed manager leaves its socket');
  const client = await Participant.start('client');
  await t.throwsAsync(client.do('open', { domain }), { code: 'ENODEV' } as object);
  const second = await startManager();
  await client.do('open', { domain });
  await client.do('close', {});
  await second.do('stopManager', undefined);
  t.deepEqual(files(), [], socket);
});

test('the manager is stopped and started in order: as after a kill', async (t) => {
  const manager = await startManager();
  const service = await startWith('service');
  await service.do('expose', {});
  const client = await startWith('client');
  await answers(t, client);
  await client.do('begin', { method: 'hold', count: 10, timeoutMs: 30_000 });
  await answers(t, client);
  await manager.do('stopManager', undefined);
  allSay(t, await client.do('outcomes', undefined, 5000), 'ENODEV');
  await manager.do('startManager', { domain });
  for (const participant of [service, client]) {
    await participant.do('event', 'reconnected', RECONNECT_MAX_MS);
  }
  await answers(t, client);
});

test('a client without calls is notified of the restarts of its service and of the domain', async (t) => {
  const manager = await startManager();
  let service = await startWith('service');
  await service.do('expose', {});
  const clients = [await startWith('client'), await startWith('client worker', true)];
  for (const client of clients) await client.do('watchRestarts', {});
  await service.kill();
  service = await startWith('service again');
  await service.do('expose', {});
  for (const client of clients) await client.do('event', 'restart work', RECONNECT_MAX_MS);
  await manager.kill();
  await startManager();
  for (const client of clients) {
    await client.do('event', 'restart work', RECONNECT_MAX_MS);
    await answers(t, client);
    // Nothing is reported twice.
    const rest = await client.do('events', undefined);
    t.deepEqual(
      rest.filter((event) => event.startsWith('restart')),
      [],
    );
  }
});

test('a client without calls receives the restart of a service that ends while the manager is busy', async (t) => {
  const local = 'late-manager';
  const manager = await ServiceManager.start({ domain: local });
  t.teardown(() => manager.close());
  const service = await Participant.start('service');
  const client = await Participant.start('client');
  for (const participant of [service, client]) await participant.do('open', { domain: local });
  await service.do('expose', {});
  await client.do('watchRestarts', {});
  process.kill(service.pid, 'SIGKILL');
  // The manager runs in this thread. It handles the death and the lookup of the client together.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  const next = await Participant.start('next service');
  await next.do('open', { domain: local });
  await next.do('expose', {});
  await client.do('event', 'restart work', RECONNECT_MAX_MS);
  t.pass();
});

test('a participant closes while there is no domain: no error, and it does not come back', async (t) => {
  let manager = await startManager();
  const service = await startWith('service');
  await service.do('expose', {});
  const client = await startWith('client');
  await answers(t, client);
  await manager.kill();
  await service.do('event', 'lost');
  await client.do('event', 'lost');
  await client.do('close', {});
  manager = await startManager();
  await service.do('event', 'reconnected', RECONNECT_MAX_MS);
  await settles(manager, { processes: 2 });
  await client.do('open', { domain });
  await answers(t, client);
});

test('the domain does not wait for its manager: the manager process stops, calls go on', async (t) => {
  const manager = await startManager();
  const service = await startWith('service');
  await service.do('expose', {});
  const client = await startWith('client');
  await answers(t, client);
  // Its JavaScript does nothing for a while; the domain's thread runs.
  await manager.do('open', { domain, device: 'own' });
  await manager.do('expose', { device: 'own', service: 'blocker' });
  const late = await Participant.start('late');
  const blocking = client.do('call', { service: 'blocker', method: 'block', input: 2000 });
  let isBlocked = true;
  void blocking.then(() => (isBlocked = false));
  await sleep(100);
  await answers(t, client);
  t.true((await late.do('open', { domain })) > 0);
  t.true(isBlocked, 'nobody waited for the manager');
  t.like(await blocking, { ok: true });
  // Who asked for a name meanwhile is answered afterwards.
  await answers(t, late);
  // Stopped altogether, with its domain: what is established goes on.
  process.kill(manager.pid, 'SIGSTOP');
  await client.do('begin', { method: 'add', input: [1, 2], count: 100 });
  for (const outcome of await client.do('outcomes', undefined)) t.like(outcome, { ok: true });
  process.kill(manager.pid, 'SIGCONT');
});
