/** Every kind of rule, about every kind of subject, with processes of real users. Needs root. */
import { chmodSync, constants, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ava from 'ava';
import { ServiceManager, allow, deny, limit } from 'liteipc';
import type { PolicyInput, Rule, Subject } from 'liteipc/manager';
import { asRoot } from '#test/support/conditions.js';
import { makeOpenFolder } from '#test/support/other-user.js';
import { Participant, endParticipants } from '#test/support/participant.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { workService } from '#test/support/work.js';

usePrivateRuntime();
const test = ava.serial;
const Work = workService('work');

/** Users that no file of this checkout belongs to; each has the group of the same number. */
const ONE = 64_001;
const OTHER = 64_002;
const EVERYBODY = { uidRange: { from: 0, to: 0xffff_ffff } };

const folder = makeOpenFolder();
/** The program that the process of the other user runs: the same under another name. */
const otherNode = join(folder, 'node');
let service: Participant;
let one: Participant;
let other: Participant;
let domains = 0;
let endScene: (() => Promise<void>) | undefined;

// Once for all tests: a process takes half a second to start.
test.before(async () => {
  copyFileSync(process.execPath, otherNode, constants.COPYFILE_FICLONE);
  chmodSync(otherNode, 0o755);
  [service, one, other] = await Promise.all([
    Participant.start('service'),
    Participant.start('one', { user: ONE }),
    Participant.start('other', { user: OTHER, execPath: otherNode }),
  ]);
});
test.afterEach.always(async () => endScene?.());
test.after.always(endParticipants);

/** The same rules as a policy file. */
function asFile(rules: readonly Rule[]): string {
  const file: Record<string, Record<string, Record<string, object[]>>> = {};
  for (const { action, service: name, effect, subject, methods, quota } of rules) {
    const lists = ((file[action] ??= {})[name] ??= {});
    (lists[effect] ??= []).push({ ...subject, ...(methods && { methods }), ...quota });
  }
  const path = join(folder, `policy-${domains}.json`);
  writeFileSync(path, JSON.stringify(file), { mode: 0o600 });
  return path;
}

/** A manager and the service "work" of root, and a device of each of the two users. */
async function start(
  input: PolicyInput,
  source: 'code' | 'file' = 'code',
): Promise<ServiceManager> {
  await endScene?.();
  const domain = join(folder, `domain-${++domains}.sock`);
  const rules: Rule[] = input.flat();
  const policy = source === 'code' ? { policy: rules } : { policyFile: asFile(rules) };
  const manager = await ServiceManager.start({ domain, socketMode: 0o666, ...policy });
  endScene = async () => {
    endScene = undefined;
    for (const participant of [one, other, service]) await participant.do('close', {});
    await manager.close();
  };
  for (const participant of [service, one, other]) await participant.do('open', { domain });
  await service.do('expose', {});
  return manager;
}

type Answer = 'served' | 'refused' | 'too much';

async function ask(participant: Participant, method: 'add' | 'received' = 'add'): Promise<Answer> {
  const outcome = await participant.do('call', { method, input: [1, 2] });
  if (outcome.ok) return 'served';
  if (outcome.code === 'EDQUOT') return 'too much';
  if (outcome.code !== 'EACCES') throw new Error(outcome.message);
  return 'refused';
}

async function askBoth(method?: 'add' | 'received'): Promise<readonly [Answer, Answer]> {
  return [await ask(one, method), await ask(other, method)];
}

async function serve(participant: Participant, name: string): Promise<Answer> {
  try {
    await participant.do('expose', { service: name });
    return 'served';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    return 'refused';
  }
}

/** Each is about the process "one" and nobody else of these. */
const kinds: readonly (readonly [string, () => Subject])[] = [
  ['uid', () => ({ uid: ONE })],
  ['gid', () => ({ gid: ONE })],
  ['pid', () => ({ pid: one.pid })],
  ['uids', () => ({ uids: [...Array.from({ length: 20 }, (_, index) => index + 1), ONE] })],
  ['uidRange', () => ({ uidRange: { from: ONE - 100, to: ONE } })],
  ['executable', () => ({ executable: process.execPath })],
  ['predicate', () => ({ predicate: ({ uid, gid }) => uid === ONE && gid === ONE })],
];

for (const [kind, subject] of kinds) {
  for (const source of ['code', 'file'] as const) {
    // A function cannot stand in a file.
    if (kind === 'predicate' && source === 'file') continue;
    const named = `${kind}, in ${source === 'code' ? 'code' : 'a file'}`;

    asRoot(`${named}: allow and deny a service`, async (t) => {
      await start([allow(Work).to(subject())], source);
      t.deepEqual(await askBoth(), ['served', 'refused']);
      await start([allow(Work).to(EVERYBODY), deny(Work).to(subject())], source);
      t.deepEqual(await askBoth(), ['refused', 'served']);
    });

    asRoot(`${named}: allow and deny single methods`, async (t) => {
      await start(
        [
          allow(Work, 'add').to(subject()),
          allow(Work, 'received').to(EVERYBODY),
          deny(Work, 'received').to(subject()),
        ],
        source,
      );
      t.deepEqual(await askBoth('add'), ['served', 'refused']);
      t.deepEqual(await askBoth('received'), ['refused', 'served']);
    });

    asRoot(`${named}: allow and deny to serve a name`, async (t) => {
      await start(
        [
          allow('shop').toServe(subject()),
          allow('bank').toServe(EVERYBODY),
          deny('bank').toServe(subject()),
        ],
        source,
      );
      t.deepEqual([await serve(other, 'shop'), await serve(one, 'shop')], ['refused', 'served']);
      t.deepEqual([await serve(one, 'bank'), await serve(other, 'bank')], ['refused', 'served']);
    });

    asRoot(`${named}: a quota`, async (t) => {
      await start(
        [allow(Work).to(EVERYBODY), limit(Work, { callsPerSecond: 0.001, burst: 2 }).to(subject())],
        source,
      );
      t.deepEqual(await askBoth(), ['served', 'served']);
      t.deepEqual(await askBoth(), ['served', 'served']);
      t.deepEqual(await askBoth(), ['too much', 'served']);
    });
  }

  asRoot(`${kind}: granted and revoked while it runs`, async (t) => {
    const manager = await start([allow('another').to({ uid: 0 })]);
    t.deepEqual(await askBoth(), ['refused', 'refused']);
    await manager.grant(Work, subject());
    t.deepEqual(await askBoth(), ['served', 'refused']);
    await manager.revoke(Work, subject());
    t.deepEqual(await askBoth(), ['refused', 'refused']);
    await manager.grant(Work, EVERYBODY);
    t.deepEqual(await askBoth(), ['refused', 'served']);
  });
}

asRoot('executable: the program that is named, not another of the same user', async (t) => {
  await start([allow(Work).to({ executable: '/usr/bin/env' }, { executable: otherNode })]);
  t.deepEqual(await askBoth(), ['refused', 'served']);
});

asRoot('quotas: each user has its own, and root is no exception', async (t) => {
  await start([
    allow(Work).to(EVERYBODY),
    limit(Work, { callsPerSecond: 0.001, burst: 2 }).to(EVERYBODY),
  ]);
  await service.do('find', {});
  for (const participant of [one, other, service]) {
    const answers = [await ask(participant), await ask(participant), await ask(participant)];
    t.deepEqual(answers, ['served', 'served', 'too much'], participant.name);
  }
});

asRoot('a refusal names the rules and the caller, as the domain knows it', async (t) => {
  await start([allow('shop').toServe({ uids: [ONE] }), deny('bank').toServe({ uid: 0 })]);
  const error = await t.throwsAsync(other.do('expose', { service: 'shop' }), {
    code: 'EACCES',
  } as object);
  t.is(
    error.message,
    `Service "shop" may not be served by process ${other.pid} (uid ${OTHER}, gid ${OTHER}): its rules admit uids ${ONE} (EACCES)`,
  );
  await t.throwsAsync(service.do('expose', { service: 'shop' }), { message: /uid 0, gid 0/ });
  await t.throwsAsync(service.do('expose', { service: 'bank' }), {
    message: /rule 2 denies uid 0/,
  });
});
