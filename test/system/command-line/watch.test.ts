/**
 * Tests `liteipc watch` in a domain of real processes: its output, its end, and that tracing ends
 * with it.
 */
import { spawn } from 'node:child_process';
import ava, { type ExecutionContext } from 'ava';
import { defineService, method } from 'liteipc';
import { Exposure } from '#lib/device/exposure.js';
import type { WatchedMessage } from '#lib/manager/inspect/messages.js';
import { openConnection } from '#lib/device/open-connection.js';
import { ServiceHost } from '#lib/service/host.js';
import { startDomain } from '#test/support/domain.js';
import { Participant, endParticipants } from '#test/support/participant.js';
import { liteipc, startLiteipc, type Running } from '#test/support/preload-programs.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { commandLine } from '#test/support/paths.js';
import { until } from '#test/support/deadlines.js';

usePrivateRuntime();
delete process.env['LITEIPC_DOMAIN'];
const test = ava.serial;
test.afterEach.always(endParticipants);

const STARTED = 'watching';

type Line = WatchedMessage & { lost?: number; notAnswering?: number };

interface World {
  readonly domain: string;
  readonly server: Participant;
  readonly client: Participant;
}

async function start(t: ExecutionContext): Promise<World> {
  const { name } = await startDomain(t);
  const [server, client] = await Promise.all([
    Participant.start('server'),
    Participant.start('client'),
  ]);
  for (const each of [server, client]) await each.do('open', { domain: name });
  for (const service of ['work', 'other']) await server.do('expose', { service });
  for (const service of ['work', 'other']) await client.do('find', { service });
  return { domain: name, server, client };
}

/** Starts the command and waits until every process records. */
async function watch(t: ExecutionContext, domain: string, ...args: string[]): Promise<Running> {
  const running = startLiteipc(['watch', '--domain', domain, ...args]);
  t.teardown(async () => {
    running.child.kill('SIGKILL');
    await running.ended;
  });
  await running.complains(STARTED);
  return running;
}

async function linesOf(t: ExecutionContext, running: Running): Promise<Line[]> {
  const { code, signal, stdout } = await running.ended;
  t.deepEqual([code, signal], [0, null]);
  return stdout
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

test('watch prints sender, receiver, method, size and duration', async (t) => {
  const { domain, server, client } = await start(t);
  const all = await watch(t, domain, '--json', '--count', '5');
  const one = await watch(t, domain, '--json', '--service', 'other', '--count', '2');
  const people = await watch(t, domain, '--kind', 'reply', '--method', 'wait', '--count', '1');
  const elsewhere = await watch(t, domain, '--json', '--pid', '1', '--for', '1.5');
  await client.do('call', { method: 'wait', input: 20 });
  await client.do('call', { method: 'fail', input: 'on purpose' });
  await client.do('flood', { count: 1, ballast: 100, first: 0 });
  await client.do('call', { service: 'other', method: 'add', input: [1, 2] });

  const lines = await linesOf(t, all);
  t.deepEqual(
    lines.map(({ kind, service, method: name, oneWay }) => [kind, service, name, oneWay]),
    [
      ['request', 'work', 'wait', false],
      ['reply', 'work', 'wait', false],
      ['request', 'work', 'fail', false],
      ['error', 'work', 'fail', false],
      ['request', 'work', 'note', true],
    ],
  );
  const [request, reply, , , note] = lines;
  const { pid } = client;
  t.like(request?.from, { pid, uid: process.getuid?.(), gid: process.getgid?.() });
  t.like(request?.to, { pid: server.pid, service: 'work' });
  t.like(reply?.from, { pid: server.pid, service: 'work' });
  t.like(reply?.to, { pid });
  t.true((reply?.afterMs ?? 0) >= 19, 'the time that the call took');
  t.true((request?.afterMs ?? 99_999) < (reply?.afterMs ?? 0));
  t.true((note?.size ?? 0) >= 100);
  t.true(Math.abs(new Date(request?.time ?? 0).getTime() - Date.now()) < 15_000);

  t.deepEqual(
    (await linesOf(t, one)).map(({ kind, service, method: name }) => [kind, service, name]),
    [
      ['request', 'other', 'add'],
      ['reply', 'other', 'add'],
    ],
  );
  const text = (await people.ended).stdout;
  t.regex(
    text,
    new RegExp(
      `^\\d\\d:\\d\\d:\\d\\d\\.\\d{3}  reply +work\\(${server.pid}\\) -> ${pid}  work\\.wait  \\d+ B  after \\d+\\.\\d{3} ms\\n$`,
    ),
  );
  t.deepEqual(await linesOf(t, elsewhere), []);
});

test('watch prints dropped messages with the reason, and single hooks', async (t) => {
  const { domain, server, client } = await start(t);
  const drops = await watch(t, domain, '--drops', '--json', '--count', '1');
  const hooks = await watch(t, domain, '--hook', 'IPC_TRY_READ', '--json', '--count', '1');
  await client.do('call', { method: 'wait', input: 300, timeoutMs: 20 });
  const [drop] = await linesOf(t, drops);
  t.like(drop, { kind: 'drop', hook: 'IPC_WRITE_DROP', reason: 'ETIME', service: 'work' });
  t.like(drop?.from, { pid: server.pid, service: 'work' });
  t.is(drop?.to.pid, client.pid);
  t.like((await linesOf(t, hooks))[0], { kind: 'wait', hook: 'IPC_TRY_READ' });
});

test('watch reports lost records and processes that do not answer', async (t) => {
  const { domain, server, client } = await start(t);
  const running = await watch(t, domain, '--json', '--kind', 'notice');
  const begun = client.do('begin', { method: 'echo', input: 1, count: 12_000 });
  // The manager, which is this process, distributes no records meanwhile.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);
  await begun;
  await client.do('outcomes', undefined);
  await running.says('"lost":');
  process.kill(server.pid, 'SIGSTOP');
  await running.says('"notAnswering":');
  process.kill(server.pid, 'SIGCONT');
  running.child.kill('SIGTERM');
  const lines = await linesOf(t, running);
  t.true((lines.find(({ lost }) => lost !== undefined)?.lost ?? 0) > 100);
});

/** Exposes a service in this process. Returns whether its device is traced. */
async function traced(t: ExecutionContext, path: string): Promise<() => boolean> {
  const connection = await openConnection({ domain: path });
  t.teardown(() => connection.close());
  const Quiet = defineService('quiet', { nothing: method() });
  await new Exposure(new ServiceHost(Quiet, { nothing: () => undefined })).start(connection);
  return () => {
    try {
      connection.native.startTrace(16);
    } catch (error) {
      return (error as { code?: unknown }).code === 'EALREADY';
    }
    connection.native.stopTrace();
    return false;
  };
}

test('the processes trace only while the command runs', async (t) => {
  const { name, manager } = await startDomain(t);
  const isTraced = await traced(t, manager.path);
  t.false(isTraced());
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
    const running = await watch(t, name);
    t.true(isTraced());
    running.child.kill(signal);
    const ended = await running.ended;
    if (signal !== 'SIGKILL') t.deepEqual([ended.code, ended.stdout], [0, ''], signal);
    await until(
      () => !isTraced(),
      () => `traced after ${signal}`,
    );
  }
});

test('a closed pipe ends the command without an error', async (t) => {
  const { domain, client } = await start(t);
  const script = '"$0" "$1" watch --domain "$2" | head -n 1; echo "${PIPESTATUS[*]}"';
  const shell = spawn('bash', ['-c', script, process.execPath, commandLine, domain], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  shell.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  shell.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  let closed = false;
  shell.once('close', () => (closed = true));
  await until(
    async () => {
      if (stderr.includes(STARTED)) await client.do('call', { method: 'echo', input: 1 });
      return closed;
    },
    () => `not ended: ${stdout}${stderr}`,
  );
  t.regex(stdout, /^.* request .*work\.echo.*\n0 0\n$/);
  t.regex(stderr, /^watching.*\n$/);
});

test('the end of the domain gives status 1 and the reason', async (t) => {
  const { name, manager } = await startDomain(t);
  const running = await watch(t, name);
  await manager.close();
  const { code, stderr } = await running.ended;
  t.is(code, 1);
  t.regex(stderr, /liteipc: .*\n$/);
});

test('wrong usage prints one line and exits with status 2', async (t) => {
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /no domain is given/],
    [['--domain', 'x', '--kind', 'letters'], /Expected request, reply/],
    [['--domain', 'x', '--hook', 'IPC_NONE'], /Expected IPC_WRITE/],
    [['--domain', 'x', '--drops', '--kind', 'reply'], /--drops cannot be used with/],
    [['--domain', 'x', '--count', '0'], /Expected a number from 1/],
    [['--domain', 'x', '--for', 'ever'], /Expected seconds/],
  ];
  const endings = await Promise.all(wrong.map(([args]) => liteipc(['watch', ...args])));
  for (const [index, { code, stdout, stderr }] of endings.entries()) {
    t.deepEqual([code, stdout], [2, ''], stderr);
    t.regex(stderr, wrong[index]?.[1] ?? /^$/);
  }
  const { code, stderr } = await liteipc(['watch', '--domain', 'nowhere']);
  t.is(code, 1);
  t.regex(stderr, /no such domain is running/);
  t.regex((await liteipc(['watch', '--help'])).stdout, /--service <name>[^]*Exit status/);
});
