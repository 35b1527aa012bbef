/**
 * Processes of another user: refused by the socket's mode, or by policy; admitted if named. Needs
 * root.
 */
import { chownSync, mkdtempSync, statSync } from 'node:fs';
import { join } from 'node:path';
import ava from 'ava';
import { allow } from 'liteipc';
import { asRoot } from '#test/support/conditions.js';
import { makeOpenFolder } from '#test/support/other-user.js';
import { Participant, endParticipants } from '#test/support/participant.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';

usePrivateRuntime();
const test = ava.serial;
test.afterEach.always(endParticipants);

/** Nobody: no file of this checkout is this user's. */
const OTHER_USER = 65534;

/** A folder that every user may pass, for the sockets of domains that several users share. */
const folder = makeOpenFolder();

let domainsNamed = 0;
function freshPath(): string {
  domainsNamed += 1;
  return join(folder, `domain-${domainsNamed}.sock`);
}

async function startOther(name = 'other user'): Promise<Participant> {
  return Participant.start(name, { user: OTHER_USER });
}

asRoot('another user: the default socket is closed to it', async (t) => {
  const domain = freshPath();
  const manager = await Participant.start('manager');
  await manager.do('startManager', { domain });
  t.is(statSync(domain).mode & 0o777, 0o600);
  const other = await startOther();
  const error = await t.throwsAsync(other.do('open', { domain }), { code: 'EACCES' } as object);
  t.regex(error.message, /socketMode/);
  t.is((await manager.do('counters', undefined)).processes, 1);
});

asRoot('another user: it does not even find a domain in the private folder', async (t) => {
  const manager = await Participant.start('manager');
  await manager.do('startManager', { domain: 'private' });
  const other = await startOther();
  const error = await t.throwsAsync(other.do('open', { domain: 'private' }));
  t.true(['ENODEV', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? ''));
});

asRoot('another user: without a rule a service admits the manager’s own uid alone', async (t) => {
  const domain = freshPath();
  const manager = await Participant.start('manager');
  await manager.do('startManager', { domain, socketMode: 0o666 });
  const service = await Participant.start('service');
  await service.do('open', { domain });
  await service.do('expose', {});
  const other = await startOther();
  await other.do('open', { domain });
  const outcome = await other.do('call', { method: 'who' });
  t.like(outcome, { ok: false, code: 'EACCES' });
  const { message } = outcome as { message: string };
  t.true(message.includes('"work"'), message);
  t.true(message.includes(`process ${other.pid} (uid 65534, gid 65534)`), message);
  // Nor may it serve a name, or learn whether one is there.
  await t.throwsAsync(other.do('expose', { service: 'mine' }), { code: 'EACCES' } as object);
  const unknown = await other.do('call', { service: 'not there', method: 'who' });
  t.false(unknown.ok);
  const none = await other.do('call', { service: 'nobody', method: 'who' });
  t.like(none, { ok: false, code: 'EACCES' });
});

asRoot(
  'another user: named by uid it is admitted, with its own identity; others are not',
  async (t) => {
    const domain = freshPath();
    const manager = await Participant.start('manager');
    const policy = allow('work').to({ uid: OTHER_USER });
    await manager.do('startManager', { domain, socketMode: 0o666, policy });
    const service = await Participant.start('service');
    await service.do('open', { domain });
    await service.do('expose', {});
    const other = await startOther();
    await other.do('open', { domain });
    const outcome = await other.do('call', { method: 'who' });
    if (!outcome.ok) throw new Error(outcome.message);
    t.like(outcome.value, { uid: OTHER_USER, gid: OTHER_USER, pid: other.pid });
    // The rule admits exactly those named, not even root.
    const own = await Participant.start('own user');
    await own.do('open', { domain });
    const refused = await own.do('call', { method: 'who' });
    t.like(refused, { ok: false, code: 'EACCES' });
    t.true((refused as { message: string }).message.includes('admit uid 65534'));
    // Killed like any other.
    await other.do('begin', { method: 'hold', count: 10, timeoutMs: 30_000 });
    await other.kill();
    t.true((await service.do('facts', {})).connected);
  },
);

asRoot(
  'another user: a domain of its own; root is refused, because it cannot be distinguished',
  async (t) => {
    const own = mkdtempSync(join(folder, 'own-'));
    chownSync(own, OTHER_USER, OTHER_USER);
    const domain = join(own, 'domain.sock');
    const manager = await startOther('manager of another user');
    await manager.do('startManager', { domain });
    const service = await startOther('service of another user');
    await service.do('open', { domain });
    await service.do('expose', {});
    const client = await startOther('client of another user');
    await client.do('open', { domain });
    t.like(await client.do('call', { method: 'add', input: [1, 2] }), { ok: true, value: 3 });
    // Uid 0 of another user namespace must be refused, and this user may not see root's namespace.
    const root = await Participant.start('root');
    const error = await t.throwsAsync(root.do('open', { domain }), { code: 'EPERM' } as object);
    t.regex(error.message, /root may use only domains that root started/);
    t.like(await client.do('call', { method: 'add', input: [1, 2] }), { ok: true, value: 3 });
  },
);
