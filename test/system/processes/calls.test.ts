/** Calls between real processes, and every way in which a call can be refused. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import ava, { type ExecutionContext } from 'ava';
import { allow, openDevice, type Caller } from 'liteipc';
import type { Rule } from 'liteipc/manager';
import { Participant, endParticipants, nowMs } from '#test/support/participant.js';
import type { Outcome } from '#test/support/participant-commands.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { workService } from '#test/support/work.js';
import { scaled, until } from '#test/support/deadlines.js';

const runtimeFolder = usePrivateRuntime();
// One after the other: they measure times, and the machine may have two cores.
const test = ava.serial;
test.afterEach.always(endParticipants);

let domainsNamed = 0;

interface World {
  readonly domain: string;
  readonly manager: Participant;
  readonly service: Participant;
  readonly client: Participant;
}

/** A manager, a service `work` and a client of it, each a process. */
async function makeWorld(policy: readonly Rule[] = [], poolSize?: number): Promise<World> {
  domainsNamed += 1;
  const domain = `calls-${domainsNamed}`;
  const [manager, service, client] = await Promise.all([
    Participant.start('manager'),
    Participant.start('service'),
    Participant.start('client'),
  ]);
  await manager.do('startManager', { domain, policy });
  await service.do('open', { domain, ...(poolSize === undefined ? {} : { poolSize }) });
  await service.do('expose', {});
  await client.do('open', { domain });
  return { domain, manager, service, client };
}

function value(t: ExecutionContext, outcome: Outcome): unknown {
  if (!outcome.ok) t.fail(`${outcome.code}: ${outcome.message}`);
  return outcome.ok ? outcome.value : undefined;
}

function failed(t: ExecutionContext, outcome: Outcome): Outcome & { ok: false } {
  if (outcome.ok) throw new Error(`answered with ${String(outcome.value)}, should have failed`);
  t.regex(outcome.message, new RegExp(`\\(${outcome.code}\\)$`), 'a message ends with its code');
  return outcome;
}

test('request and reply', async (t) => {
  const { client } = await makeWorld();
  t.is(value(t, await client.do('call', { method: 'add', input: [19, 23] })), 42);
  const input = { text: 'äöü', list: [1, null, true], bytes: new Uint8Array(60_000).fill(7) };
  t.deepEqual(value(t, await client.do('call', { method: 'echo', input })), input);
  const error = await client.do('call', { method: 'fail', input: 'out of range' });
  t.like(error, { ok: false, name: 'RangeError', message: 'out of range' });
});

test('who calls is what the domain says', async (t) => {
  const { client, service } = await makeWorld();
  const processId = await client.do('open', { domain: `calls-${domainsNamed}`, device: 'second' });
  const first = value(t, await client.do('call', { method: 'who' })) as Caller;
  const second = value(t, await client.do('call', { method: 'who', device: 'second' })) as Caller;
  t.like(first, { pid: client.pid, uid: process.getuid?.(), gid: process.getgid?.() });
  t.is(second.pid, client.pid);
  t.is<number, number>(second.processId, processId);
  t.not(first.processId, second.processId);
  t.not(client.pid, service.pid);
});

test('one-way messages: all arrive, in the order in which they were sent', async (t) => {
  const { client, service } = await makeWorld();
  const accepted = 2000;
  let first = 0;
  while (first < accepted) {
    const flood = await client.do('flood', { count: accepted - first, ballast: 10, first });
    if (flood.refusal !== undefined) t.like(flood.refusal, { code: 'ENOMEM' });
    first += flood.accepted;
  }
  await until(
    async () => (await service.do('received', undefined)).count >= accepted,
    () => `the ${accepted} messages have not arrived. ${service.diagnosis()}`,
  );
  t.deepEqual(await service.do('received', undefined), { count: accepted, disorder: 0 });
});

test('two clients at once: each gets its own answers', async (t) => {
  const { client, domain } = await makeWorld();
  const other = await Participant.start('other client');
  await other.do('open', { domain });
  const ask = async (participant: Participant, input: string): Promise<void> => {
    await participant.do('begin', { method: 'echo', input, count: 500 });
    const outcomes = await participant.do('outcomes', undefined);
    t.is(outcomes.length, 500);
    t.true(outcomes.every((outcome) => outcome.ok && outcome.value === input));
  };
  await Promise.all([ask(client, 'first'), ask(other, 'second')]);
});

test('64 and more calls in flight, answered out of order', async (t) => {
  const { client } = await makeWorld();
  for (const input of [60, 30, 1]) await client.do('begin', { method: 'wait', input, count: 40 });
  const outcomes = await client.do('outcomes', undefined);
  t.is(outcomes.length, 120);
  for (const [index, outcome] of outcomes.entries()) {
    t.is(value(t, outcome), `after ${[60, 30, 1][Math.floor(index / 40)] ?? '?'}`);
  }
});

test('a timeout: ETIME, not before its time, and the service goes on', async (t) => {
  const { client, service } = await makeWorld();
  await client.do('find', {});
  const before = nowMs();
  const outcome = failed(t, await client.do('call', { method: 'hold', timeoutMs: 150 }));
  t.is(outcome.code, 'ETIME');
  t.regex(outcome.message, /^work\.hold: no answer within 150 ms/);
  t.true(outcome.endedAtMs - before >= 149, `${outcome.endedAtMs - before} ms`);
  t.true(outcome.endedAtMs - before < scaled(450), `${outcome.endedAtMs - before} ms`);

  // An answer that comes too late reaches nobody, not even the next call.
  await client.do('begin', { method: 'wait', input: 100, timeoutMs: 30, count: 20 });
  for (const late of await client.do('outcomes', undefined)) t.is(failed(t, late).code, 'ETIME');
  await client.do('begin', { method: 'echo', input: 'mine', count: 20 });
  for (const own of await client.do('outcomes', undefined)) t.is(value(t, own), 'mine');
  await sleep(100);
  t.is(value(t, await client.do('call', { method: 'add', input: [1, 2] })), 3);
  t.is((await client.do('facts', {})).pendingCalls, 0);
  t.is((await service.do('facts', {})).poolNodes, 1, 'the held request alone is still there');
});

test('a client that the policy does not name: EACCES with service, caller and rule', async (t) => {
  const [chosen, refused] = await Promise.all([
    Participant.start('chosen client'),
    Participant.start('refused client'),
  ]);
  const { domain, manager } = await makeWorld(allow('work').to({ pid: chosen.pid }).slice());
  for (const client of [chosen, refused]) await client.do('open', { domain });
  t.is(value(t, await chosen.do('call', { method: 'add', input: [1, 1] })), 2);
  const before = await manager.do('counters', undefined);
  const outcome = failed(t, await refused.do('call', { method: 'add', input: [1, 1] }));
  t.is(outcome.code, 'EACCES');
  t.true(outcome.message.includes('"work"'), outcome.message);
  t.true(outcome.message.includes(`process ${refused.pid} (uid `), outcome.message);
  t.true(outcome.message.includes(`admit pid ${chosen.pid}`), outcome.message);
  // It may ask the manager, one lane to and fro; nothing leads to the service.
  const after = await manager.do('counters', undefined);
  t.true(after.lanes <= before.lanes + 2, `${before.lanes} lanes before, ${after.lanes} after`);

  t.is(await manager.do('revoke', { service: 'work', pid: chosen.pid }), 1);
  t.is(failed(t, await chosen.do('call', { method: 'add', input: [1, 1] })).code, 'EACCES');
});

test('an unknown service: ENOENT, by name', async (t) => {
  const { client, service } = await makeWorld();
  const unknown = failed(t, await client.do('call', { service: 'nobody', method: 'who' }));
  t.is(unknown.code, 'ENOENT');
  t.regex(unknown.message, /No service "nobody" is registered/);
  // And nothing is remembered of it: as soon as there is one it is found.
  await service.do('expose', { service: 'nobody' });
  t.true((await client.do('call', { service: 'nobody', method: 'who' })).ok);
});

test('no domain is running: ENODEV with the way to start one', async (t) => {
  const client = await Participant.start('client');
  for (const domain of ['nowhere', join(runtimeFolder, 'nowhere.sock'), '/does/not/exist']) {
    const error = await t.throwsAsync(client.do('open', { domain }), { code: 'ENODEV' } as object);
    t.true(error.message.includes(`"${domain}"`), error.message);
    t.true(error.message.includes(`ServiceManager.start({ domain: '${domain}' })`), error.message);
  }
});

test('a second domain of the same name, and a second service: refused, the first unharmed', async (t) => {
  const { client, domain } = await makeWorld();
  const other = await Participant.start('other');
  await t.throwsAsync(other.do('startManager', { domain }), { code: 'EADDRINUSE' } as object);
  await other.do('open', { domain });
  const error = await t.throwsAsync(other.do('expose', {}), { code: 'EEXIST' } as object);
  t.regex(error.message, /"work" is being served by process \d+/);
  t.is(value(t, await client.do('call', { method: 'add', input: [2, 2] })), 4);
});

test('a full pool: ENOMEM, and what was accepted arrives, in order', async (t) => {
  const poolSize = 64 * 1024;
  const { client, service, domain } = await makeWorld([], poolSize);
  const other = await Participant.start('other client');
  await other.do('open', { domain });
  await Promise.all([client.do('find', {}), other.do('find', {})]);
  for (let round = 0, sent = 0; round < 3; round++) {
    await other.do('begin', { method: 'block', input: 500, count: 1 });
    await sleep(20);
    const flood = await client.do('flood', { count: 1000, ballast: 1000, first: sent });
    if (flood.refusal === undefined) throw new Error('all were accepted');
    const refusal = failed(t, flood.refusal);
    t.is(refusal.code, 'ENOMEM');
    t.regex(refusal.message, /^work\.note: .* nothing was sent/);
    t.true(flood.accepted >= 40 && flood.accepted <= 64, `${flood.accepted} fit in ${poolSize}`);
    sent += flood.accepted;
    t.true((await other.do('outcomes', undefined)).every((outcome) => outcome.ok));
    await until(
      async () => (await service.do('received', undefined)).count >= sent,
      () => `${sent} messages have not arrived. ${service.diagnosis()}`,
    );
    t.deepEqual(await service.do('received', undefined), { count: sent, disorder: 0 });
  }
  await until(
    async () => (await service.do('facts', {})).poolNodes === 0,
    () => 'messages are left in the pool',
  );
});

test('wrong argument types: TypeError that says what was expected and what came', async (t) => {
  const { domain, client } = await makeWorld();
  const wrong = async (action: () => unknown, message: RegExp): Promise<void> => {
    const tried = new Promise((resolve) => {
      resolve(action());
    });
    await t.throwsAsync(tried, { instanceOf: TypeError, message });
  };
  const anything = (value: unknown): never => value as never;
  await wrong(() => openDevice(anything(undefined)), /Expected an object .*received undefined/);
  await wrong(() => openDevice(anything({ domain: 7 })), /for domain but received number 7/);
  await wrong(() => openDevice({ domain: 'a b' }), /Expected 1 to 64 .* received string "a b"/);
  await wrong(() => openDevice({ domain, poolSize: 1.5 }), /for poolSize but received number 1.5/);
  await wrong(() => workService(anything(null)), /Expected 1 to 64 .* received null/);
  await wrong(() => allow('work').to(anything({ uid: '0' })), /uid of a subject .* string "0"/);
  await using device = await openDevice({ domain });
  const work = await device.service(workService('work'));
  await wrong(() => device.expose(workService('mine'), anything(7)), /received number 7/);
  await wrong(() => device.expose(workService('mine'), anything({})), /a function for mine.echo/);
  await wrong(() => device.service(anything('work')), /contract of service.* string "work"/);
  await wrong(() => work.who(undefined, anything(7)), /Expected an object .* received number 7/);
  await wrong(() => work.who(undefined, { timeoutMs: -1 }), /timeoutMs of work.who .* number -1/);
  // What cannot be sent is refused with the place where it is; and nothing was harmed.
  await t.throwsAsync(async () => work.echo({ a: [() => 1] }), { code: 'EINVAL' } as object);
  t.is(((await work.echo(new Uint8Array(70_000))) as Uint8Array).length, 70_000);
  t.is(await work.add([20, 22]), 42);
  t.true((await client.do('call', { method: 'who' })).ok);
});
