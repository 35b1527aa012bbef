/** Tests the audit events of messages that a service refuses. */
import { setTimeout as sleep } from 'node:timers/promises';
import ava, { type ExecutionContext } from 'ava';
import { allow, defineService, deny, limit, method, oneway, type Device } from 'liteipc';
import type { AuditEvent } from 'liteipc/manager';
import { methodsOf } from '#lib/contract/method-table.js';
import { openConnection } from '#lib/device/open-connection.js';
import { RefusalReports } from '#lib/device/refusal-reports.js';
import { RegistryClient } from '#lib/registry/client.js';
import { REFUSALS_MAX, Registry, type RefusalReport } from '#lib/registry/protocol.js';
import { Route } from '#lib/calls/route.js';
import type { Caller } from '../../../../types/wire.js';
import { startDomain, type TestDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { until } from '#test/support/deadlines.js';

usePrivateRuntime();
const test = ava.serial;

const Log = defineService('log', {
  write: oneway<string>(),
  read: method<void, number>(),
  clear: method(),
});
const { pid } = process;
const uid = process.getuid?.() ?? 0;
const here = { pid, uid, gid: process.getgid?.() ?? 0 };

async function exposeLog(device: Device): Promise<void> {
  const log = { write: () => undefined, read: () => 0, clear: () => undefined };
  await device.expose(Log, log, { onError: () => undefined });
}

/** Returns the events of refused messages. */
function listen({ manager }: TestDomain): AuditEvent[] {
  const events: AuditEvent[] = [];
  manager.on('audit', (event) => {
    if (event.occasion === 'message') events.push(event);
  });
  return events;
}

function countOf(events: readonly AuditEvent[]): number {
  return events.reduce((sum, { count = 0, others = 0 }) => sum + count + others, 0);
}

test('refused methods are audited with the rule and the count', async (t) => {
  const domain = await startDomain(t, {
    policy: [allow(Log, 'read', 'write').to({ uid }), deny(Log, 'write').to({ pid })],
  });
  const events = listen(domain);
  await exposeLog(await domain.open());
  const log = await (await domain.open()).service(Log);
  t.is(await log.read(), 0);
  for (let count = 0; count < 20; count++) await log.write('no');
  for (let count = 0; count < 3; count++) await t.throwsAsync(log.clear(), { code: 'EACCES' });
  await until(() => countOf(events) === 23);
  const eventOf = (name: string) => events.find((event) => event.method === name);
  t.like(eventOf('write'), {
    ...{ occasion: 'message', action: 'call', service: 'log', caller: here, allowed: false },
    explanation: `rule 2 denies pid ${pid} to write`,
    rule: domain.manager.rules[1],
  });
  t.like(eventOf('clear'), {
    explanation: `its rules admit uid ${uid} to read, write`,
    rule: undefined,
  });
  t.is(eventOf('read'), undefined);
});

test('the audit event of an exceeded quota names the rule', async (t) => {
  const domain = await startDomain(t, {
    policy: [limit(Log, { callsPerSecond: 0.001, burst: 2 }).to({ uid })],
  });
  const events = listen(domain);
  await exposeLog(await domain.open());
  const log = await (await domain.open()).service(Log);
  await Promise.allSettled(Array.from({ length: 7 }, () => log.read()));
  await until(() => countOf(events) === 5);
  t.like(events[0], {
    ...{ method: 'read', caller: here, allowed: false, rule: domain.manager.rules[0] },
    explanation: `rule 1 limits uid ${uid} to 0.001 calls per second (2 at once)`,
  });
});

test('a flood of refusals is reported once a second, as a count', async (t) => {
  const domain = await startDomain(t, { policy: [allow(Log, 'read').to({ uid })] });
  const events = listen(domain);
  await exposeLog(await domain.open());
  const log = await (await domain.open()).service(Log);
  const startedAt = performance.now();
  let sent = 0;
  while (performance.now() - startedAt < 1500) {
    for (let count = 0; count < 50; count++, sent++) await log.write('no');
    await log.read();
  }
  await until(() => countOf(events) === sent);
  const seconds = (performance.now() - startedAt) / 1000;
  const found = `${events.length} events for ${sent} messages in ${seconds} s`;
  t.true(events.length >= 2 && events.length <= seconds + 3, found);
  t.true(events.length < sent / 20, found);
});

test('the size of a report is bounded', async (t) => {
  const sent: Omit<RefusalReport, 'name'>[] = [];
  const reports = new RefusalReports((report) => {
    sent.push(report);
    return Promise.reject(new Error('no listener'));
  });
  for (let processId = 0; processId < REFUSALS_MAX + 10; processId++) {
    const caller = { processId, taskId: processId } as Caller;
    reports.add(caller, 3, 0);
    reports.add(caller, 3, 0);
  }
  await until(() => sent.length === 1);
  t.is(sent[0]?.entries.length, REFUSALS_MAX);
  t.is(sent[0]?.others, 20);
  t.deepEqual(sent[0]?.entries[5], [5, 5, 3, 0, 2]);
  reports.add({ processId: 1, taskId: 1 } as Caller, 0, 0);
  reports.dispose();
  await sleep(100);
  t.is(sent.length, 1);
});

interface Reporter {
  readonly processId: number;
  readonly taskId: number;
  report(input: unknown): Promise<unknown>;
}

/** Opens a connection that reports to the manager. With `serve` it has registered Log before. */
async function reporter(t: ExecutionContext, domain: string, serve: boolean): Promise<Reporter> {
  const connection = await openConnection({ domain });
  t.teardown(() => connection.close());
  const task = connection.native.callTaskId;
  if (serve) await new RegistryClient(connection, task).register(Log, new Uint8Array(16));
  const route = new Route(Registry.name, task, undefined);
  connection.routes.add(route);
  const refused = methodsOf(Registry).find(({ method: name }) => name === 'refused');
  if (refused === undefined) throw new Error('no method');
  return {
    processId: connection.native.processId,
    taskId: task,
    report: (input) => connection.requests.send(route, refused, input, 5000),
  };
}

test('a report is accepted only from the serving task, if it is valid and not too frequent', async (t) => {
  const domain = await startDomain(t);
  const events = listen(domain);
  const service = await reporter(t, domain.manager.path, true);
  const stranger = await reporter(t, domain.manager.path, false);
  const entry = [stranger.taskId, stranger.processId, 1, 0, 7];
  const report = { name: 'log', entries: [entry], others: 0 };
  await t.throwsAsync(stranger.report(report), {
    code: 'EACCES',
    message: /"log" is not served by process/,
  });
  await t.throwsAsync(service.report({ ...report, name: 'bank' }), { code: 'EACCES' });
  for (const bad of [
    undefined,
    { ...report, name: 5 },
    { ...report, others: -1 },
    { ...report, entries: {} },
    { ...report, entries: Array.from({ length: REFUSALS_MAX + 1 }, () => entry) },
    { ...report, entries: [[1, 2, 3]] },
    { ...report, entries: [[1, 2, 3, 4, 'many']] },
  ]) {
    await t.throwsAsync(service.report(bad), { code: 'EPROTO', message: /^ServiceManager: / });
  }
  t.deepEqual(events, []);
  // The manager knows the caller's identity itself. A process that does not exist is omitted.
  const absent = [4000, 900, 1, 0, 1];
  await service.report({ name: 'log', entries: [absent, [...entry.slice(0, 4), 7]], others: 2 });
  await until(() => events.length === 1);
  t.like(events[0], { caller: here, method: 'read', count: 7, others: 2 });
  const ends = await Promise.allSettled(Array.from({ length: 20 }, () => service.report(report)));
  const taken = ends.filter(({ status }) => status === 'fulfilled').length;
  t.true(taken >= 1 && taken <= 6, String(taken));
  t.true(
    ends.every(
      (end) => end.status === 'fulfilled' || (end.reason as Error).message.includes('EAGAIN'),
    ),
  );
});
