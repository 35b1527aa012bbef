/**
 * Runs a service for several users. A policy file says who may do what, and the identities of the
 * operating system enforce it. As root the example starts clients of four users; otherwise it
 * starts one client of this user, whom the policy does not name.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServiceManager, openDevice } from 'liteipc';
import { Ledger, type Attempts } from './contract.js';

const users = [
  { name: 'accountant', uid: 64_001, gid: 64_001 },
  { name: 'clerk', uid: 64_002, gid: 64_010 },
  { name: 'guest', uid: 64_003, gid: 64_003 },
  { name: 'on leave', uid: 64_004, gid: 64_010 },
];
const isRoot = process.getuid?.() === 0;
const [uid = 0, gid = 0] = [process.getuid?.(), process.getgid?.()];
const shown = isRoot ? users : [{ name: 'you', uid, gid }];

// Clients need search permission on the folder of the socket; only this user may read the policy.
const folder = mkdtempSync(join(tmpdir(), 'liteipc-users-'));
chmodSync(folder, 0o711);
const policyFile = join(folder, 'policy.jsonc');
const given = new URL('../../../examples/users/policy.jsonc', import.meta.url);
const rules = readFileSync(given, 'utf8');
writeFileSync(policyFile, rules, { mode: 0o600 });
const children: ChildProcess[] = [];

try {
  const domain = join(folder, 'domain.sock');
  await using manager = await ServiceManager.start({ domain, policyFile, socketMode: 0o666 });
  manager.on('audit', ({ caller, allowed, explanation }) => {
    console.log(`  audit: uid ${caller.uid} ${allowed ? 'admitted' : 'refused'}: ${explanation}`);
  });

  await using device = await openDevice({ domain });
  const lines: string[] = [];
  await device.expose(Ledger, {
    read: () => lines,
    write: (line, call) => lines.push(`${line} (uid ${call.caller.uid}, reported by the kernel)`),
  });

  const clients: { name: string; uid: number; gid: number; child: ChildProcess }[] = [];
  for (const user of shown) {
    const program = new URL('./client.js', import.meta.url);
    const child = fork(program, [domain, String(user.uid), String(user.gid)]);
    children.push(child);
    await once(child, 'message');
    clients.push({ ...user, child });
  }
  const tryAll = async (): Promise<void> => {
    for (const { name, child, ...user } of clients) {
      const answered = once(child, 'message') as Promise<[Attempts]>;
      child.send('try');
      const [{ read, write }] = await answered;
      console.log(`${name} (uid ${user.uid}, gid ${user.gid}): read ${read}, write ${write}`);
    }
  };

  console.log(`The policy is ${given.pathname}`);
  await tryAll();
  if (isRoot) {
    console.log('The policy changes: the office loses read access, the guest gets full access.');
    const loaded = once(manager, 'policyLoaded');
    const changed = rules
      .replace('"gid": 64010', '"uid": 64003')
      .replace(', "methods": ["read"] }', ' }');
    writeFileSync(policyFile, changed);
    await loaded;
    await tryAll();
    console.log(`The ledger: ${lines.join('; ')}`);
  } else {
    console.log(
      'Only root can start programs of other users. To see all: sudo npm run example users',
    );
  }
  const { explanation } = manager.explain({ pid: 0, uid: 64_004, gid: 64_010 }, 'ledger', 'read');
  console.log(`Why uid 64004 may not read: ${explanation}`);
} finally {
  for (const child of children) {
    if (child.connected) child.disconnect();
    if (child.exitCode === null) await once(child, 'exit');
  }
  rmSync(folder, { recursive: true, force: true });
}
