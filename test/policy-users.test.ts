/** Every kind of rule with processes of real users. Needs root. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ava, { type ExecutionContext } from 'ava';
import { ServiceManager, allow, deny, type PolicyInput, type Subject } from 'liteipc';
import { Participant, endParticipants } from './support/participant.js';
import { usePrivateRuntime } from './support/private-runtime.js';
import { workService } from './support/work.js';

usePrivateRuntime();
const test = ava.serial;
const isRoot = process.getuid?.() === 0;
const Work = workService('work');

/** Users that no file of this checkout belongs to; each has the group of the same number. */
const ONE = 64_001;
const OTHER = 64_002;

const folder = mkdtempSync(join(tmpdir(), 'liteipc-policy-'));
chmodSync(folder, 0o711);
let manager: ServiceManager | undefined;
let service: Participant;
let one: Participant;
let other: Participant;
let domains = 0;

test.afterEach.always(async () => {
  await manager?.close();
  manager = undefined;
  await endParticipants();
});
test.after.always(() => {
  rmSync(folder, { recursive: true, force: true });
});

function testAsRoot(title: string, body: (t: ExecutionContext) => Promise<void>): void {
  if (isRoot) {
    test(title, body);
  } else {
    test(`not run, needs root: ${title}`, (t) => {
      t.log(`NOT RUN, because it needs root: ${title}`);
      t.pass();
    });
  }
}

/** A manager and a service of root, and a process of each of two users. */
async function start(policy: PolicyInput): Promise<ServiceManager> {
  const domain = join(folder, `domain-${++domains}.sock`);
  manager = await ServiceManager.start({ domain, socketMode: 0o666, policy });
  [service, one, other] = await Promise.all([
    Participant.start('service'),
    Participant.start('one', { user: ONE }),
    Participant.start('other', { user: OTHER }),
  ]);
  for (const participant of [service, one, other]) await participant.do('open', { domain });
  await service.do('expose', {});
  return manager;
}

type Answer = 'served' | 'refused';

async function ask(participant: Participant, method: 'add' | 'told' = 'add'): Promise<Answer> {
  const outcome = await participant.do('call', { method, input: [1, 2] });
  if (outcome.ok) return 'served';
  if (outcome.code !== 'EACCES') throw new Error(outcome.message);
  return 'refused';
}

const kinds: readonly (readonly [string, () => Subject])[] = [
  ['uid', () => ({ uid: ONE })],
  ['gid', () => ({ gid: ONE })],
  ['pid', () => ({ pid: one.pid })],
  ['uids', () => ({ uids: [...Array.from({ length: 20 }, (_, index) => index + 1), ONE] })],
  ['uidRange', () => ({ uidRange: { from: ONE - 100, to: ONE } })],
  ['predicate', () => ({ predicate: ({ uid, gid }) => uid === ONE && gid === ONE })],
  ['executable', () => ({ executable: process.execPath, uid: ONE })],
];

for (const [kind, subject] of kinds) {
  testAsRoot(`${kind}: admits the one, not the other; denies the one, not the other`, async (t) => {
    const everybody = { uidRange: { from: 1, to: 0xffff_fffe } };
    const running = await start([allow('another').to({ uid: 0 })]);
    t.deepEqual([await ask(one), await ask(other)], ['refused', 'refused']);
    await running.grant(Work, subject());
    t.deepEqual([await ask(one), await ask(other)], ['served', 'refused']);
    await running.revoke(Work, subject());
    t.deepEqual([await ask(one), await ask(other)], ['refused', 'refused']);
    await running.grant(Work, everybody);
    t.deepEqual([await ask(one), await ask(other)], ['refused', 'served']);
  });
}

testAsRoot('executable: another program of the same user is refused', async (t) => {
  await start([allow(Work).to({ executable: '/usr/bin/env' })]);
  t.is(await ask(one), 'refused');
});

testAsRoot('methods: each user has its own, checked by the receiver', async (t) => {
  const running = await start([
    allow(Work, 'add', 'told').to({ uid: ONE }),
    allow(Work, 'told').to({ uids: [OTHER] }),
  ]);
  t.deepEqual([await ask(one), await ask(one, 'told')], ['served', 'served']);
  t.deepEqual([await ask(other), await ask(other, 'told')], ['refused', 'served']);
  await running.revoke(Work, { uid: ONE }, ['add']);
  await running.grant(Work, { uid: OTHER }, ['add']);
  t.deepEqual([await ask(one), await ask(one, 'told')], ['refused', 'served']);
  t.deepEqual([await ask(other), await ask(other, 'told')], ['served', 'served']);
});

testAsRoot(
  'methods: what was queued when a method was taken away is not done after it',
  async (t) => {
    const running = await start([allow(Work).to({ uids: [ONE, OTHER] })]);
    await one.do('flood', { count: 10, ballast: 100, first: 0 });
    t.is(await ask(one), 'served');
    await other.do('begin', { method: 'block', input: 500, count: 1 });
    await one.do('flood', { count: 30, ballast: 100, first: 10 });
    await running.revoke(Work, { uid: ONE }, ['note']);
    const before = await service.do('told', undefined);
    await one.do('flood', { count: 30, ballast: 100, first: 40 });
    t.is(await ask(one), 'served');
    t.deepEqual(await service.do('told', undefined), before);
    t.true(before.count >= 10 && before.disorder === 0);
  },
);

testAsRoot('methods: a service that does not confirm loses its callers', async (t) => {
  const running = await start([allow(Work).to({ uids: [ONE, OTHER] })]);
  t.deepEqual([await ask(one), await ask(other)], ['served', 'served']);
  await other.do('begin', { method: 'block', input: 4500, count: 1, timeoutMs: 9000 });
  await new Promise((resolve) => setTimeout(resolve, 100));
  await one.do('flood', { count: 5, ballast: 10, first: 0 });
  t.is(await running.revoke(Work, { uid: ONE }, ['note']), 2);
  // The service still sleeps: of what it finds when it wakes nothing is done. Who asks again is told.
  await new Promise((resolve) => setTimeout(resolve, 2000));
  t.deepEqual([await ask(one), await ask(other)], ['served', 'served']);
  await one.do('flood', { count: 5, ballast: 10, first: 5 });
  t.is(await ask(one), 'served');
  t.like(await service.do('told', undefined), { count: 0 });
});

testAsRoot(
  'serving: a name is registered by those that are named, and by nobody else',
  async (t) => {
    const everybody = { uidRange: { from: 0, to: 0xffff_fffe } };
    await start([
      allow('work').toServe({ uid: 0 }),
      allow('shop').toServe({ uids: [ONE] }),
      deny('bank').toServe({ uid: 0 }),
      allow('shop').to(everybody),
    ]);
    const error = await t.throwsAsync(other.do('expose', { service: 'shop' }), {
      code: 'EACCES',
    } as object);
    t.is(
      error.message,
      `Service "shop" may not be served by process ${other.pid} (uid ${OTHER}, gid ${OTHER}): its rules admit uids ${ONE} (EACCES)`,
    );
    await t.throwsAsync(service.do('expose', { service: 'shop' }), { message: /uid 0, gid 0/ });
    await t.throwsAsync(service.do('expose', { service: 'bank' }), {
      message: /rule 3 denies uid 0/,
    });
    await one.do('expose', { service: 'shop' });
    t.like(await other.do('call', { service: 'shop', method: 'add', input: [2, 2] }), { value: 4 });
  },
);
