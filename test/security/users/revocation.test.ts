/**
 * What is taken away while it is used: messages that are queued, with processes of real users.
 * Needs root.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import ava from 'ava';
import { ServiceManager, allow } from 'liteipc';
import { asRoot } from '#test/support/conditions.js';
import { makeOpenFolder } from '#test/support/other-user.js';
import { Participant, endParticipants } from '#test/support/participant.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { workService } from '#test/support/work.js';

usePrivateRuntime();
const test = ava.serial;
const Work = workService('work');

const ONE = 64_021;
const OTHER = 64_022;
/** How long the service is prevented from reading what is sent, ms. */
const BLOCKED_MS = 700;

const folder = makeOpenFolder();
let manager: ServiceManager;
let service: Participant;
let one: Participant;
let other: Participant;
let domains = 0;

test.beforeEach(async () => {
  const domain = join(folder, `domain-${++domains}.sock`);
  const policy = allow(Work).to({ uids: [ONE, OTHER] });
  manager = await ServiceManager.start({ domain, socketMode: 0o666, policy });
  [service, one, other] = await Promise.all([
    Participant.start('service'),
    Participant.start('one', { user: ONE }),
    Participant.start('other', { user: OTHER }),
  ]);
  for (const participant of [service, one, other]) await participant.do('open', { domain });
  await service.do('expose', {});
  for (const participant of [one, other]) {
    const outcome = await participant.do('call', { method: 'add', input: [1, 2] });
    if (!outcome.ok) throw new Error(outcome.message);
  }
});
test.afterEach.always(async () => {
  await manager.close();
  await endParticipants();
});

/** Keeps the service from reading for so long; resolves when it does not read any more. */
async function block(milliseconds: number): Promise<void> {
  await other.do('begin', { method: 'block', input: milliseconds, count: 1, timeoutMs: 9000 });
  await sleep(100);
}

async function mayCall(participant: Participant): Promise<boolean> {
  const outcome = await participant.do('call', { method: 'add', input: [1, 2] });
  if (!outcome.ok && outcome.code !== 'EACCES') throw new Error(outcome.message);
  return outcome.ok;
}

asRoot(
  'a service: messages and calls that were sent before and not read are not delivered',
  async (t) => {
    await other.do('flood', { count: 1, ballast: 10, first: 0 });
    t.true(await mayCall(other));
    await block(BLOCKED_MS);
    await one.do('flood', { count: 30, ballast: 100, first: 0 });
    await one.do('begin', { method: 'hold', count: 5 });
    t.is(await manager.revoke(Work, { uid: ONE }), 1);
    // The service is still asleep; callers are notified at once.
    const outcomes = await one.do('outcomes', undefined);
    t.deepEqual(
      outcomes.map((outcome) => (outcome.ok ? 'served' : outcome.code)),
      ['EACCES', 'EACCES', 'EACCES', 'EACCES', 'EACCES'],
    );
    t.true((await other.do('outcomes', undefined)).every(({ ok }) => ok));
    t.like(await other.do('call', { method: 'received' }), { value: { count: 1, disorder: 0 } });
    t.like(await other.do('call', { method: 'held' }), { value: 0 });
    t.deepEqual([await mayCall(one), await mayCall(other)], [false, true]);
  },
);

asRoot('a service: the same messages are delivered when nothing is revoked', async (t) => {
  await block(BLOCKED_MS);
  await one.do('flood', { count: 30, ballast: 100, first: 0 });
  await one.do('begin', { method: 'hold', count: 5 });
  t.true((await other.do('outcomes', undefined)).every(({ ok }) => ok));
  t.true(await mayCall(one));
  t.like(await other.do('call', { method: 'received' }), { value: { count: 30, disorder: 0 } });
  t.like(await other.do('call', { method: 'held' }), { value: 5 });
});

asRoot('a method: what was queued when it was taken away is not done after it', async (t) => {
  await one.do('flood', { count: 10, ballast: 100, first: 0 });
  t.true(await mayCall(one));
  await block(BLOCKED_MS);
  await one.do('flood', { count: 30, ballast: 100, first: 10 });
  await manager.revoke(Work, { uid: ONE }, ['note']);
  const before = await service.do('received', undefined);
  await one.do('flood', { count: 30, ballast: 100, first: 40 });
  t.true(await mayCall(one));
  t.deepEqual(await service.do('received', undefined), before);
  t.true(before.count >= 10 && before.disorder === 0);
});

asRoot('methods: a service that does not confirm loses its callers', async (t) => {
  await block(4500);
  await one.do('flood', { count: 5, ballast: 10, first: 0 });
  t.is(await manager.revoke(Work, { uid: ONE }, ['note']), 2);
  // The service still sleeps: of what it finds when it wakes nothing is done. Who asks again is
  // notified.
  await sleep(2000);
  t.deepEqual([await mayCall(one), await mayCall(other)], [true, true]);
  await one.do('flood', { count: 5, ballast: 10, first: 5 });
  t.true(await mayCall(one));
  t.like(await service.do('received', undefined), { count: 0 });
});
