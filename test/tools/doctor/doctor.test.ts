/** Tests `liteipc doctor` on machines and domains with faults. */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import ava, { type ExecutionContext } from 'ava';
import {
  checkDescriptors,
  checkKernel,
  checkMemory,
  checkNode,
  checkPlatform,
  checkProc,
} from '#lib/doctor/machine-checks.js';
import type { Finding } from '#lib/doctor/finding.js';
import { asRoot } from '#test/support/conditions.js';
import { asUser, installPackage, makeOpenFolder } from '#test/support/other-user.js';
import { liteipc, start, startLiteipc, type Running } from '#test/support/preload-programs.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { commandLine } from '#test/support/paths.js';

const runtime = usePrivateRuntime();
delete process.env['LITEIPC_DOMAIN'];
const test = ava.serial;

/** A temporary directory, in which nothing may remain. */
const makeTemporary = (): string => mkdtempSync(join(runtime, 't-'));

interface Report {
  readonly code: number | null;
  /** Returns the finding of a check; fails the test if there is none. */
  of(check: string): Finding;
  has(check: string): boolean;
}

function read(t: ExecutionContext, { code, stdout, stderr }: Awaited<Running['ended']>): Report {
  t.is(stderr, '');
  const findings = JSON.parse(stdout) as Finding[];
  const some = findings.some(({ result }) => result === 'failed');
  t.is(code, some ? 1 : 0, stdout);
  for (const { result, remedy, check } of findings) {
    t.true(result === 'ok' || remedy !== undefined, `${check} has no remedy`);
  }
  return {
    code,
    has: (check) => findings.some((finding) => finding.check === check),
    of: (check) => {
      const found = findings.find((finding) => finding.check === check);
      if (found === undefined) throw new Error(`no finding "${check}": ${stdout}`);
      return found;
    },
  };
}

async function doctor(
  t: ExecutionContext,
  args: readonly string[] = [],
  environment: NodeJS.ProcessEnv = {},
): Promise<Report> {
  const temporary = makeTemporary();
  const ending = await liteipc(['doctor', '--json', ...args], {
    TMPDIR: temporary,
    ...environment,
  });
  t.deepEqual(readdirSync(temporary), [], 'it leaves nothing behind');
  return read(t, ending);
}

/** Runs the doctor under limits of the shell. */
async function doctorUnder(t: ExecutionContext, limit: string): Promise<Report> {
  const script = `${limit}; exec "$@"`;
  const temporary = makeTemporary();
  const args = ['-c', script, 'sh', process.execPath, commandLine, 'doctor', '--json'];
  const report = read(t, await start('sh', args, { TMPDIR: temporary }).ended);
  t.deepEqual(readdirSync(temporary), []);
  return report;
}

async function run(t: ExecutionContext, args: readonly string[], says: string): Promise<Running> {
  const running = startLiteipc(args);
  t.teardown(async () => {
    running.child.kill('SIGKILL');
    await running.ended;
  });
  await running.says(says);
  return running;
}

test('a working machine gives status 0 after real calls', async (t) => {
  const report = await doctor(t);
  t.is(report.code, 0);
  t.regex(report.of('addon').text, /liteipc\.node loads$/);
  t.regex(report.of('trial').text, /calls return \(the last in \d+ µs\), open files arrive/);
  t.false(report.has('socket'));
  const { code, stdout } = await liteipc(['doctor']);
  t.is(code, 0);
  t.regex(stdout, /^ok {7}liteipc: [\d.]+\nok {7}Node: /);
  t.regex(stdout, /\n\n\d+ ok, \d+ warnings?, 0 failed\n$/);
});

test('a missing or unloadable addon is reported', async (t) => {
  const none = await doctor(t, [], { LITEIPC_ADDON: join(runtime, 'none.node') });
  t.like(none.of('addon'), { result: 'failed' });
  t.regex(none.of('addon').text, /which does not exist/);
  const broken = join(runtime, 'broken.node');
  writeFileSync(broken, 'no addon');
  t.regex((await doctor(t, [], { LITEIPC_ADDON: broken })).of('addon').text, /does not load/);
});

test('low limits and a missing temporary directory are reported', async (t) => {
  const few = await doctorUnder(t, 'ulimit -n 80');
  t.like(few.of('open files'), { result: 'warning' });
  t.like(few.of('trial'), { result: 'failed' });
  t.regex(few.of('trial').remedy ?? '', /^ulimit -n/);
  const small = await doctorUnder(t, 'ulimit -f 1');
  t.regex(small.of('trial').text, /its server could not be started/);
  t.regex(small.of('trial').remedy ?? '', /^ulimit -f unlimited/);
  const none = await liteipc(['doctor', '--json'], { TMPDIR: join(runtime, 'none') });
  t.regex(read(t, none).of('trial').remedy ?? '', /set TMPDIR/);
});

test('an unusable runtime directory is reported', async (t) => {
  const make = (name: string): string => {
    const folder = join(runtime, name);
    mkdirSync(folder);
    return folder;
  };
  const wide = make('wide');
  mkdirSync(join(wide, 'liteipc'));
  chmodSync(join(wide, 'liteipc'), 0o755);
  const linked = make('linked');
  symlinkSync(wide, join(linked, 'liteipc'));
  const long = join(runtime, 'x'.repeat(107 - 40 - runtime.length));
  mkdirSync(join(long, 'liteipc'), { recursive: true, mode: 0o700 });
  const cases: [string, Finding['result'], RegExp, RegExp][] = [
    [wide, 'failed', /has mode 0755, not 0700/, /^chmod 700/],
    [linked, 'failed', /is a symbolic link/, /^remove it/],
    [join(runtime, 'none'), 'failed', /cannot be created: ENOENT/, /set XDG_RUNTIME_DIR/],
    [long, 'warning', /can have at most \d+ characters/, /a shorter path/],
  ];
  const reports = await Promise.all(
    cases.map(([XDG_RUNTIME_DIR]) => doctor(t, [], { XDG_RUNTIME_DIR })),
  );
  for (const [index, [, result, text, remedy]] of cases.entries()) {
    const finding = reports[index]?.of('runtime directory') as Finding;
    t.is(finding.result, result, finding.text);
    t.regex(finding.text, text);
    t.regex(finding.remedy ?? '', remedy);
  }
});

test('a running, a stopped and a killed domain are distinguished', async (t) => {
  const running = await run(t, ['serve', '--domain', 'shop'], ' is ready: ');
  const pid = running.child.pid ?? 0;
  const well = await doctor(t, [], { LITEIPC_DOMAIN: 'shop' });
  t.is(well.code, 0);
  t.regex(well.of('socket').text, /liteipc\/shop\.sock \(uid \d+, gid \d+, mode 0600\)/);
  t.regex(well.of('server').text, new RegExp(`process ${pid} \\(.*serve --domain shop\\) answers`));
  t.is(well.of('manager').text, 'the ServiceManager answers');
  t.regex(well.of('processes').text, new RegExp(`^${pid} \\(uid \\d+, \\d tasks\\)$`));

  running.child.kill('SIGSTOP');
  const stopped = await doctor(t, ['--domain', 'shop']);
  t.regex(stopped.of('server').text, new RegExp(`process ${pid} .*does not answer`));
  t.regex(stopped.of('server').remedy ?? '', /SIGSTOP/);
  running.child.kill('SIGKILL');
  await running.ended;

  const killed = await doctor(t, ['--domain', 'shop']);
  t.like(killed.of('socket'), { result: 'failed' });
  t.regex(killed.of('socket').text, /was left behind by a killed server/);
  t.regex(killed.of('domains').text, /^none is running; left behind .*: shop$/);
});

test('an absent domain, one without a manager, and another program are distinguished', async (t) => {
  const bare = await run(t, ['domain', '--name', 'bare'], 'bare.sock');
  const none = await doctor(t, ['--domain', 'none']);
  t.regex(none.of('socket').text, /nothing is at .*none\.sock; running or left behind: .*bare/);
  t.regex(none.of('socket').remedy ?? '', /^npx liteipc serve --domain none/);
  const found = await doctor(t, ['--domain', 'bare']);
  t.is(found.of('server').result, 'ok');
  t.like(found.of('manager'), { result: 'failed' });
  t.regex(found.of('manager').text, /has no ServiceManager/);
  bare.child.kill('SIGTERM');
  await bare.ended;

  const file = join(runtime, 'file.sock');
  writeFileSync(file, '');
  t.regex((await doctor(t, ['--domain', file])).of('socket').text, /is not a socket/);
  const foreign = join(runtime, 'foreign.sock');
  const server = createServer().listen(foreign);
  await new Promise((resolve) => server.once('listening', () => resolve(undefined)));
  t.regex((await doctor(t, ['--domain', foreign])).of('socket').text, /another program listens/);
  server.close();
});

test('a directory in which other users could replace the socket is reported', async (t) => {
  const folder = mkdtempSync(join(runtime, 'open-'));
  chmodSync(folder, 0o777);
  const domain = join(folder, 'domain.sock');
  await run(t, ['serve', '--domain', domain], ' is ready: ');
  const { result, text } = (await doctor(t, ['--domain', domain])).of('socket directory');
  t.is(result, 'warning');
  t.regex(text, /is writable by every user/);
});

async function reportToOtherUser(t: ExecutionContext): Promise<void> {
  const folder = makeOpenFolder();
  const place = installPackage(folder);
  const stranger = { uid: 64_201, gid: 64_201 };
  const ask = async (domain: string): Promise<Report> => {
    const command = [join(place, 'dist/cli/liteipc.js'), 'doctor', '--json', '--domain', domain];
    const environment = { TMPDIR: '/tmp', XDG_RUNTIME_DIR: '' };
    const running = start(process.execPath, [...asUser(stranger), ...command], environment);
    return read(t, await running.ended);
  };
  const domain = join(folder, 'domain.sock');
  await run(t, ['serve', '--domain', domain], ' is ready: ');
  const refused = await ask(domain);
  t.is(refused.of('trial').result, 'ok');
  t.regex(refused.of('socket').text, /mode 0600\): this user may not connect/);
  t.regex(refused.of('socket').remedy ?? '', /--socket-group/);
  const closed = join(folder, 'closed');
  mkdirSync(closed, { mode: 0o700 });
  const passing = await ask(join(closed, 'domain.sock'));
  t.is(passing.of('socket').text, `this user may not enter the directory ${closed}`);
}

asRoot('another user is shown why the socket refuses the connection', reportToOtherUser);

test('a signal ends the command without leaving anything behind', async (t) => {
  const temporary = makeTemporary();
  const running = startLiteipc(['doctor', '--json'], { TMPDIR: temporary });
  while (readdirSync(temporary).length === 0) await sleep(2);
  running.child.kill('SIGTERM');
  const { code, stdout } = await running.ended;
  t.deepEqual([code, stdout], [143, '']);
  t.deepEqual(readdirSync(temporary), []);
});

test('the checks of other machines give the expected findings', (t) => {
  const result = ({ result: found }: Finding): string => found;
  t.is(result(checkNode('20.18.3', '>=20.19')), 'failed');
  t.is(result(checkNode('20.19.0', '>=20.19')), 'ok');
  t.is(result(checkNode('26.0.0', '>=20.19')), 'ok');
  t.is(result(checkPlatform('darwin', 'arm64')), 'failed');
  t.is(result(checkPlatform('linux', 'ia32')), 'failed');
  t.is(result(checkPlatform('linux', 'arm64')), 'ok');
  t.regex(checkKernel('4.19.0-amd64').text, /F_SEAL_FUTURE_WRITE/);
  t.regex(checkKernel('5.2.1').text, /pidfd_open/);
  t.deepEqual(
    ['5.2.1', '5.3.0', '6.3.9', '6.4.0', '10.0'].map((text) => result(checkKernel(text))),
    [...['failed', 'warning', 'warning', 'ok', 'ok']],
  );
  t.is(result(checkKernel('unknown')), 'warning');
  t.is(result(checkProc(join(runtime, 'none'))), 'failed');
  const files = (soft: string): Finding =>
    checkDescriptors(`Limit    Soft Limit\nMax open files            ${soft}     524288    files`);
  t.regex(files('1024').text, /room for lanes with about 241 other/);
  t.is(result(files('unlimited')), 'ok');
  t.is(result(files('10')), 'warning');
  const memory = 'CommitLimit:  100000 kB\nCommitted_AS:   90000 kB\n';
  t.is(result(checkMemory({ limits: '', memory })), 'ok');
  t.regex(checkMemory({ limits: '', memory, overcommit: '2\n' }).text, /has 9 MiB left/);
  t.regex(checkMemory({ limits: 'Max address space   1073741824  unlimited' }).text, /1024 MiB/);
  const group = { limits: '', groupMaximum: '104857600\n', groupCurrent: '94371840\n' };
  t.regex(checkMemory(group).text, /control group has 10 MiB left/);
  t.is(result(checkMemory({ ...group, groupMaximum: 'max\n' })), 'ok');
});

test('wrong usage prints one line and exits with status 2', async (t) => {
  for (const args of [['--domain', 'a b'], ['x'], ['--fix'], ['--domain']]) {
    const { code, stdout, stderr } = await liteipc(['doctor', ...args]);
    t.deepEqual([code, stdout], [2, ''], stderr);
    t.regex(stderr, /^[^\n]+\n$/);
  }
});
