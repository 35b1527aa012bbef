/** Tests `liteipc serve` as users, scripts and systemd use it. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import ava, { type ExecutionContext } from 'ava';
import { defineService, method, openDevice, type Device } from 'liteipc';
import { liteipc, startLiteipc, type Running } from '#test/support/preload-programs.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { until } from '#test/support/deadlines.js';

const runtime = usePrivateRuntime();
// The environment of the test run must not name a domain.
delete process.env['LITEIPC_DOMAIN'];
delete process.env['NOTIFY_SOCKET'];
const test = ava.serial;

const Shop = defineService('shop', { buy: method<void, string>() });
const shop = { buy: () => 'bought' };
const uid = process.getuid?.() ?? 0;
const gid = process.getgid?.() ?? 0;
const admitting = `{ "call": { "shop": { "allow": [{ "uid": ${uid} }] } } }`;
const refusing = `{ "call": { "shop": { "allow": [{ "uid": ${uid + 1} }] } } }`;
const broken = `{\n  "call": { "shop": { "allow": [{ "uid": "me" }] } },\n  "serv": {}\n}`;

let names = 0;
const freshName = (): string => `serve-${++names}`;

function write(text: string): string {
  const path = join(mkdtempSync(join(runtime, 'policy-')), 'policy.jsonc');
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** Starts a server that is killed if the test fails before the server ends. */
async function serve(
  t: ExecutionContext,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<Running> {
  const running = startLiteipc(['serve', ...args], environment);
  t.teardown(async () => {
    running.child.kill('SIGKILL');
    await running.ended;
  });
  await running.says(args.includes('--json') ? '"event":"ready"' : ' is ready: ');
  return running;
}

async function end(t: ExecutionContext, running: Running, signal: NodeJS.Signals = 'SIGTERM') {
  running.child.kill(signal);
  const ending = await running.ended;
  t.deepEqual([ending.code, ending.signal], [0, null], ending.stderr);
  return ending;
}

async function open(t: ExecutionContext, domain: string): Promise<Device> {
  const device = await openDevice({ domain });
  t.teardown(() => device.close());
  return device;
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`serve prints one line when it is ready, and ends on ${signal}`, async (t) => {
    const domain = freshName();
    const running = await serve(t, ['--domain', domain]);
    const service = await open(t, domain);
    await service.expose(Shop, shop);
    const client = await open(t, domain);
    t.is(await (await client.service(Shop)).buy(), 'bought');
    const lost = new Promise((resolve) => client.once('lost', () => resolve(undefined)));
    const { stdout, stderr } = await end(t, running, signal);
    const path = join(runtime, `liteipc/${domain}.sock`);
    t.is(stdout, `domain "${domain}" is ready: ${path} (pid ${running.child.pid})\n`);
    t.is(stderr, '');
    await lost;
    t.false(existsSync(path));
    t.false(existsSync(`${path}.lock`));
  });
}

test('--json prints an object for each event, and LITEIPC_DOMAIN names the domain', async (t) => {
  const LITEIPC_DOMAIN = freshName();
  const policy = write(admitting);
  const running = await serve(t, ['--json', '--policy', policy], { LITEIPC_DOMAIN });
  writeFileSync(policy, broken);
  await running.says('"policyError"');
  writeFileSync(policy, refusing);
  await running.says('"policyLoaded"');
  const { stdout, stderr } = await end(t, running);
  t.is(stderr, '');
  const [ready, error, loaded, ...rest] = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const path = join(runtime, `liteipc/${LITEIPC_DOMAIN}.sock`);
  t.deepEqual(ready, { event: 'ready', domain: LITEIPC_DOMAIN, path, pid: running.child.pid });
  t.like(error, { event: 'policyError' });
  t.like((error?.['problems'] as object[])[0], { file: policy, line: 2, column: 42 });
  t.deepEqual(loaded, { event: 'policyLoaded', file: policy, rules: 1, revoked: 0 });
  t.deepEqual(rest, []);
});

test('a changed policy applies at once, and an invalid one is reported and has no effect', async (t) => {
  const domain = freshName();
  const policy = write(admitting);
  const running = await serve(t, ['--domain', domain, '--policy', policy]);
  await (await open(t, domain)).expose(Shop, shop);
  const client = await (await open(t, domain)).service(Shop);
  t.is(await client.buy(), 'bought');

  writeFileSync(policy, broken);
  running.child.kill('SIGHUP');
  await running.complains('the previous rules stay in force\n');
  t.is(await client.buy(), 'bought');

  writeFileSync(policy, refusing);
  await running.says('lost a right');
  await t.throwsAsync(client.buy(), { code: 'EACCES' } as object);

  writeFileSync(policy, admitting);
  await running.says('1 rule\n');
  t.is(await client.buy(), 'bought');

  const { stdout, stderr } = await end(t, running);
  const lines = stderr.split('\n');
  t.regex(lines[0] ?? '', new RegExp(`^liteipc: policy not loaded: ${policy}:2:42: .*uid`));
  t.is(lines[1], `liteipc: policy not loaded: ${policy}:3:11: serv: unknown here`);
  t.true(stdout.includes(`policy loaded: ${policy}, 1 rule; 1 process lost a right\n`));
});

test('SIGHUP reloads an unchanged policy, or reports that there is none', async (t) => {
  const policy = write(admitting);
  const running = await serve(t, ['--domain', freshName(), '--policy', policy]);
  running.child.kill('SIGHUP');
  await running.says(`policy loaded: ${policy}, 1 rule\n`);
  await end(t, running);
  const without = await serve(t, ['--domain', freshName()]);
  without.child.kill('SIGHUP');
  await without.complains('liteipc: SIGHUP: there is no policy file to reload\n');
  await end(t, without);
});

test('--audit-log, --profile, --socket-mode and --socket-group take effect', async (t) => {
  const domain = join(runtime, 'own.sock');
  const log = join(runtime, 'audit.log');
  const profile = ['--profile', 'liteos-a'];
  const running = await serve(t, [
    ...['--domain', domain, '--audit-log', log, ...profile, '--socket-group', String(gid)],
  ]);
  t.deepEqual([statSync(domain).mode & 0o777, statSync(domain).gid], [0o660, gid]);
  await (await open(t, domain)).expose(Shop, shop);
  await end(t, running);
  t.like(JSON.parse(readFileSync(log, 'utf8')), {
    action: 'serve',
    service: 'shop',
    allowed: true,
  });
  const wide = await serve(t, ['--domain', domain, '--socket-mode', '0666']);
  t.is(statSync(domain).mode & 0o777, 0o666);
  await end(t, wide);
});

test('--check validates a policy and reports every problem', async (t) => {
  const good = write(admitting);
  const bad = write(broken);
  const checked = await liteipc(['serve', '--check', '--policy', good]);
  t.deepEqual([checked.code, checked.stdout, checked.stderr], [0, `${good}: valid, 1 rule\n`, '']);
  const { code, stdout, stderr } = await liteipc(['serve', '--check', '--policy', bad]);
  t.deepEqual([code, stdout], [1, '']);
  t.regex(stderr, new RegExp(`^${bad}:2:42: .*\n${bad}:3:11: serv: unknown here\n$`));
  const json = await liteipc(['serve', '--check', '--json', '--policy', bad]);
  t.is(json.code, 1);
  t.is((JSON.parse(json.stdout) as { problems: unknown[] }).problems.length, 2);
  const none = await liteipc(['serve', '--check', '--policy', join(runtime, 'none.jsonc')]);
  t.is(none.code, 1);
  t.regex(none.stderr, /^Policy file .*none\.jsonc: it cannot be read: ENOENT.*\n$/);
});

test('a failed start prints one line, exits with status 1 and leaves nothing behind', async (t) => {
  const domain = freshName();
  const running = await serve(t, ['--domain', domain]);
  const file = write('');
  const failures: [string[], RegExp][] = [
    [['--domain', domain], /a domain of this name is running/],
    [['--domain', 'other', '--policy', write(broken)], /policy\.jsonc:2:42: .*and 1 more/],
    [['--domain', 'other', '--policy', join(runtime, 'none')], /cannot be read: ENOENT/],
    [['--domain', 'other', '--audit-log', runtime], /The audit log cannot be opened: EISDIR/],
    [['--domain', join(runtime, 'none/x.sock')], /the folder for its socket does not exist/],
    [['--domain', file], /its path exists and is not a socket/],
    [['--domain', `/${'x'.repeat(200)}`], /ENAMETOOLONG/],
  ];
  const endings = await Promise.all(failures.map(([args]) => liteipc(['serve', ...args])));
  for (const [index, { code, stdout, stderr }] of endings.entries()) {
    t.deepEqual([code, stdout], [1, ''], stderr);
    t.regex(stderr, /^liteipc: [^\n]*\n$/);
    t.regex(stderr, failures[index]?.[1] ?? /^$/);
  }
  t.false(existsSync(join(runtime, 'liteipc/other.sock')));
  await end(t, running);
});

test('wrong usage prints one line and exits with status 2', async (t) => {
  const mistakes: [string[], RegExp][] = [
    [[], /no domain is given: use --domain NAME/],
    [['--domain', 'a b'], /1 to 64 of/],
    [['--domain', 'x', 'y'], /too many arguments/],
    [['--domain', 'x', '--profile', 'small'], /Allowed choices are host, liteos-a/],
    [['--domain', 'x', '--socket-mode', '660'], /require a domain with an absolute path/],
    [['--domain', '/x', '--socket-mode', '1777'], /Expected an octal mode/],
    [['--domain', '/x', '--socket-mode', '060'], /Expected an octal mode/],
    [['--domain', '/x', '--socket-group', 'no such group'], /no group "no such group"/],
    [['--domain', '/x', '--socket-group', '4294967295'], /no group "4294967295"/],
    [['--domain', 'x', '--speed'], /unknown option '--speed'/],
    [['--check'], /--check requires --policy/],
  ];
  const endings = await Promise.all(mistakes.map(([args]) => liteipc(['serve', ...args])));
  for (const [index, { code, stdout, stderr }] of endings.entries()) {
    t.deepEqual([code, stdout], [2, ''], stderr);
    t.regex(stderr, /^[^\n]+\n$/);
    t.regex(stderr, mistakes[index]?.[1] ?? /^$/);
  }
  const help = await liteipc(['serve', '--help']);
  t.is(help.code, 0);
  t.true(help.stdout.includes('"liteipc domain" starts a domain without a ServiceManager'));
});

/** Creates a folder with a program `systemd-notify` that records its arguments, or fails. */
function fakeNotify(name: string, line: string): string {
  const folder = join(runtime, name);
  mkdirSync(folder);
  const program = join(folder, 'systemd-notify');
  writeFileSync(program, `#!/bin/sh\n${line}\n`);
  chmodSync(program, 0o755);
  return `${folder}:${process.env['PATH'] ?? ''}`;
}

test('systemd is notified when clients can connect, and serve runs without systemd-notify', async (t) => {
  const domain = freshName();
  const notification = join(runtime, 'notification');
  const socket = join(runtime, `liteipc/${domain}.sock`);
  const note = `test -S ${socket} && echo "$NOTIFY_SOCKET $*" > ${notification}`;
  const NOTIFY_SOCKET = '/run/systemd/notify';
  const running = await serve(t, ['--domain', domain], {
    NOTIFY_SOCKET,
    PATH: fakeNotify('good', note),
  });
  await until(() => existsSync(notification) && statSync(notification).size > 0);
  t.is(readFileSync(notification, 'utf8'), `${NOTIFY_SOCKET} --ready\n`);
  t.is((await end(t, running)).stderr, '');

  const failing = await serve(t, ['--domain', domain], {
    NOTIFY_SOCKET,
    PATH: fakeNotify('bad', 'exit 3'),
  });
  await failing.complains('the unit must set Type=exec\n');
  await open(t, domain);
  await end(t, failing);
});
