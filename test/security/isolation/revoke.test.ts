/** A right that is taken away counts at once, also for what was sent before. */
import { setTimeout as sleep } from 'node:timers/promises';
import ava from 'ava';
import { allow } from 'liteipc';
import { Participant, endParticipants } from '#test/support/participant.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';

usePrivateRuntime();
const test = ava.serial;
test.afterEach.always(endParticipants);

test('nothing that a revoked client had sent is delivered, and its calls end; others go on', async (t) => {
  const domain = 'revoke';
  const manager = await Participant.start('manager');
  const service = await Participant.start('service');
  const client = await Participant.start('client');
  const other = await Participant.start('other client');
  const policy = allow('work').to({ pid: client.pid }, { pid: other.pid });
  await manager.do('startManager', { domain, policy });
  for (const participant of [service, client, other]) await participant.do('open', { domain });
  await service.do('expose', {});
  t.like(await client.do('call', { method: 'add', input: [1, 2] }), { ok: true });
  t.like(await other.do('call', { method: 'add', input: [1, 2] }), { ok: true });
  const first = await client.do('flood', { count: 10, ballast: 100, first: 0 });
  t.is(first.accepted, 10);
  t.like(await client.do('call', { method: 'received' }), { value: { count: 10, disorder: 0 } });

  // While the service is busy, messages of both wait in its lanes.
  await other.do('begin', { method: 'block', input: 600, count: 1 });
  await sleep(50);
  t.is((await client.do('flood', { count: 30, ballast: 100, first: 10 })).accepted, 30);
  await client.do('begin', { method: 'add', input: [3, 4], count: 5, timeoutMs: 1500 });
  await other.do('begin', { method: 'add', input: [3, 4], count: 5 });
  const lookedAt = await manager.do('revoke', { service: 'work', pid: client.pid });
  t.is(lookedAt, 1, 'one process lost the right');

  const others = await other.do('outcomes', undefined);
  t.true(others.every((outcome) => outcome.ok));
  for (const outcome of await client.do('outcomes', undefined)) t.false(outcome.ok);
  t.deepEqual(await service.do('received', undefined), { count: 10, disorder: 0 });
  t.like(await client.do('call', { method: 'add', input: [1, 2] }), { ok: false, code: 'EACCES' });
  t.is((await service.do('facts', {})).poolNodes, 0);
  t.like(await other.do('call', { method: 'add', input: [1, 2] }), { ok: true, value: 3 });
});
