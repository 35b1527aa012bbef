/**
 * The unit of examples/systemd: what it starts is started here as systemd would, as a user of its
 * own with a runtime directory, and clients of other users come through the group, or do not. Needs
 * root.
 */
import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ava, { type ExecutionContext } from 'ava';
import { asUser, installPackage, makeOpenFolder, type User } from '#test/support/other-user.js';
import { asRoot, isMissing, needs } from '#test/support/conditions.js';
import { start, type Ending, type Running } from '#test/support/preload-programs.js';
import { root } from '#test/support/paths.js';

const test = ava.serial;
const unitFile = join(root, 'examples/systemd/liteipc@.service');
const unitText = readFileSync(unitFile, 'utf8');

/** The values of each key, in order, in whatever section. */
const unit = new Map<string, string[]>();
for (const line of unitText.split('\n')) {
  const [, key, value] = /^([A-Z]\w*)=(.*)$/.exec(line) ?? [];
  if (key !== undefined) unit.set(key, [...(unit.get(key) ?? []), value ?? '']);
}
const setting = (key: string): string => unit.get(key)?.at(-1) ?? '';

const server: User = { uid: 64_101, gid: 64_101 };
/** In the server's group besides its own. */
const service: User = { uid: 64_102, gid: 64_102, groups: [server.gid] };
const member: User = { uid: 64_103, gid: 64_103, groups: [server.gid] };
const unnamed: User = { uid: 64_104, gid: 64_104, groups: [server.gid] };
const stranger: User = { uid: member.uid, gid: 64_105 };

test('the unit says what makes a domain of several users safe', (t) => {
  t.is(setting('User'), 'liteipc');
  t.regex(setting('RuntimeDirectoryMode'), /^0?7[0-5]0$/, 'nobody but the server may write there');
  t.is(setting('Restart'), 'on-failure');
  t.is(setting('Type'), 'notify');
  t.is(setting('NotifyAccess'), 'all', 'a child of the server notifies it');
  t.is(setting('PrivateUsers'), '', 'uids would not be what they are');
  const command = setting('ExecStart');
  t.true(command.includes(`--domain /run/${setting('RuntimeDirectory')}/`), command);
  t.true(command.includes(`--socket-group ${setting('Group')} `), command);
  t.true(command.includes(`--audit-log /var/log/${setting('LogsDirectory')}/`), command);
});

const withSystemd = needs(isMissing('systemd-analyze') ? 'systemd-analyze' : undefined);

withSystemd('systemd finds nothing wrong with the unit', (t) => {
  const folder = makeOpenFolder();
  // A name that is there instead of the program's, which may not be installed here.
  const text = unitText.replaceAll('/usr/local/bin/liteipc', '/bin/true').replaceAll('%i', 'shop');
  const file = join(folder, 'liteipc.service');
  writeFileSync(file, text.replace(/^(User|Group)=.*$/gm, '$1=root'));
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', file], {
    encoding: 'utf8',
  });
  t.deepEqual([status, stderr.includes('liteipc.service')], [0, false], stderr);
});

/** Runs code of a module of the installed package as that user. */
function runAs(user: User, place: string, code: string, domain: string): Running {
  const script = `import { defineService, method, openDevice } from 'liteipc';
    const Shop = defineService('shop', { buy: method(), price: method() });
    const device = await openDevice({ domain: ${JSON.stringify(domain)} }).catch((error) => {
      console.log('open', error.code);
      process.exit(0);
    });
    ${code}`;
  const node = [...asUser(user), '--input-type=module', '--eval', script];
  // The path of the folder is the only one that every user may look into.
  return start('env', ['-C', place, process.execPath, ...node], {}, 30_000);
}

const buying = `
  const shop = await device.service(Shop).catch((error) => console.log('service', error.code));
  if (shop) for (const name of ['buy', 'price']) {
    console.log(name, await shop[name]().then(JSON.stringify, (error) => error.code));
  }
  await device.close();`;
const selling = `
  await device.expose(Shop, { buy: (_, call) => call.caller.uid, price: () => 3 });
  console.log('sells');`;

async function unitRuns(t: ExecutionContext): Promise<void> {
  const folder = makeOpenFolder();
  const place = installPackage(folder);
  const policy = join(folder, 'shop.jsonc');
  writeFileSync(
    policy,
    `{
      "call": { "shop": { "allow": [{ "uid": ${member.uid}, "methods": ["buy"] }] } },
      "serve": { "shop": { "allow": [{ "uid": ${service.uid} }] } },
    }`,
  );
  const runtimeFolder = join(folder, 'run');
  const logs = join(folder, 'log');
  const mode = Number.parseInt(setting('RuntimeDirectoryMode'), 8);
  for (const path of [runtimeFolder, logs]) {
    mkdirSync(path, { mode });
    chownSync(path, server.uid, server.gid);
  }
  const replaced = setting('ExecStart')
    .replace('/usr/local/bin/liteipc', join(place, 'dist/cli/liteipc.js'))
    .replace('/run/liteipc/%i', runtimeFolder)
    .replace('/etc/liteipc/%i.jsonc', policy)
    .replace('/var/log/liteipc/%i.log', join(logs, 'shop.log'))
    .replace('--socket-group liteipc', `--socket-group ${server.gid}`);
  t.false(replaced.includes('%'), replaced);
  const running = start(
    'sh',
    [
      ...['-c', `umask ${setting('UMask')}; cd /; exec "$@"`, 'sh', process.execPath],
      ...asUser(server),
      ...replaced.split(' '),
    ],
    { LITEIPC_DOMAIN: '', NOTIFY_SOCKET: '' },
    60_000,
  );
  t.teardown(async () => {
    running.child.kill('SIGKILL');
    await running.ended;
  });
  await running.says(' is ready: ');
  const domain = join(runtimeFolder, 'domain.sock');

  const seller = runAs(service, place, selling, domain);
  t.teardown(async () => {
    seller.child.kill('SIGKILL');
    await seller.ended;
  });
  await seller.says('sells\n');

  const said = async (user: User): Promise<string> => {
    const ending: Ending = await runAs(user, place, buying, domain).ended;
    t.is(ending.code, 0, ending.stderr);
    return ending.stdout;
  };
  t.is(await said(member), `buy ${member.uid}\nprice EACCES\n`);
  t.is(await said(unnamed), 'service EACCES\n', 'in the group, and not in the policy');
  t.is(await said(stranger), 'open EACCES\n', 'in the policy, and not in the group');
  const root: User = { uid: 0, gid: 0 };
  t.is(await said(root), 'open EPERM\n', 'root may use only domains that root started');
  // A member cannot put a socket of its own in the place of the domain's.
  const code = `require('node:fs').renameSync(${JSON.stringify(domain)}, '${domain}.gone')`;
  const thief = start(process.execPath, [...asUser(member), '--eval', code]);
  t.regex((await thief.ended).stderr, /EACCES/);

  running.child.kill('SIGTERM');
  const { code: status, stderr } = await running.ended;
  t.deepEqual([status, stderr], [0, '']);
  t.false(existsSync(domain));
  const decisions = readFileSync(join(logs, 'shop.log'), 'utf8').trimEnd().split('\n');
  t.true(decisions.some((line) => line.includes(`"uid":${unnamed.uid}`)));
}

asRoot('what the unit starts serves other users through the group, by the policy', unitRuns);
