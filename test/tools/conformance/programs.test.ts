/**
 * Checks that the programs that run scenarios report failures, end in time and leave nothing
 * behind.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { parseScenario } from '#lib/conformance/parse.js';
import type { Scenario } from '#lib/conformance/scenario.js';
import { compileTable } from '#lib/conformance/table.js';
import { findNativeFile, loadNativeBinding } from '#lib/native/binding.js';
import { makeFolder, scenarioFolder } from '#test/support/conformance.js';
import { until } from '#test/support/deadlines.js';

type Kind = 'embedded' | 'device';

interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

interface Running {
  readonly child: ChildProcess;
  /** Where it may put things. */
  readonly folder: string;
  readonly ended: Promise<Ended>;
}

/** Starts a program in a new system; `input` is what it reads. */
function start(t: ExecutionContext, kind: Kind, input: Uint8Array, args: string[] = []): Running {
  const folder = makeFolder(t);
  const env: NodeJS.ProcessEnv = { ...process.env, TMPDIR: folder };
  if (kind === 'device') {
    const domain = loadNativeBinding().startDomain({ name: join(makeFolder(t), 'd'), profile: 1 });
    t.teardown(() => domain.stop());
    env['LD_PRELOAD'] = findNativeFile('liteipc_preload.so');
    env['LITEIPC_DOMAIN'] = domain.path;
  }
  const name = kind === 'embedded' ? 'liteipc-conformance' : 'liteipc-conformance-device';
  const child = spawn(findNativeFile(name), args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve({ status, signal, output }));
  });
  return { child, folder, ended };
}

const bytesOf = (words: Uint32Array): Uint8Array => new Uint8Array(words.buffer);

const setUp = ['cms', 'cli'].flatMap((task) => [
  { task, do: 'open' },
  { task, do: 'mmap', size: 65536 },
  ...(task === 'cms' ? [{ task, do: 'setCms', maxMsgSize: 8192 }] : []),
]);

const scenario = (...steps: readonly object[]): Scenario =>
  parseScenario(
    JSON.stringify({
      ...{ name: 'x', about: 'for a test', processes: { M: ['cms'], C: ['cli', 'cli2'] } },
      steps: [...setUp, ...steps],
    }),
    'x.json',
  );

const table = (...steps: readonly object[]): Uint8Array =>
  bytesOf(compileTable(scenario(...steps)));

const kinds: readonly Kind[] = ['embedded', 'device'];

for (const kind of kinds) {
  test(`${kind}: a step that hangs fails, and the waiting steps with it`, async (t) => {
    const startedAt = performance.now();
    const { ended, folder } = start(
      t,
      kind,
      table(
        { task: 'cli2', do: 'msg', flag: ['RECV'], start: 'a' },
        { task: 'cli', do: 'msg', flag: ['RECV'] },
      ),
    );
    const { status, output } = await ended;
    t.is(output, '{"result":"failed","step":7,"wanted":"OK","came":"nothing within 15 s"}\n');
    t.is(status, 1);
    t.true(performance.now() - startedAt < 25_000);
    t.deepEqual(readdirSync(folder), []);
  });

  test(`${kind}: the first difference ends the scenario`, async (t) => {
    const { ended, folder } = start(
      t,
      kind,
      table(
        { task: 'cli', do: 'version', wantVersion: [2, 1] },
        { task: 'cli', do: 'version', want: 'EINVAL' },
      ),
    );
    t.deepEqual(await ended, {
      ...{ status: 1, signal: null },
      output: '{"result":"failed","step":6,"wanted":"version 2.1","came":"version 2.0"}\n',
    });
    t.deepEqual(readdirSync(folder), []);
  });

  test(`${kind}: a process ends during a step of its only task`, async (t) => {
    const { steps, ...rest } = scenario(
      { task: 'cli', do: 'msg', flag: ['RECV'], start: 'r' },
      { task: 'cli2', do: 'exitProcess' },
      { join: 'r', want: 'ERFKILL' },
    );
    const [receive, exit] = steps.slice(-3);
    if (receive?.task === undefined || exit === undefined) throw new Error('no such steps');
    const { task } = receive;
    const altered = steps.map((step) => (step === exit ? { ...step, task } : step));
    const { ended } = start(t, kind, bytesOf(compileTable({ ...rest, steps: altered })));
    t.deepEqual(await ended, { status: 0, signal: null, output: '{"result":"passed"}\n' });
  });

  test(`${kind}: a step waits for the earlier steps of its task`, async (t) => {
    const { steps, ...rest } = scenario(
      {
        ...{ task: 'cli', do: 'msg', flag: ['SEND', 'RECV'], start: 'call' },
        out: { type: 'REQUEST', handle: 0 },
      },
      { join: 'call', want: 'ETIME' },
      { task: 'cli', do: 'version', wantVersion: [2, 0] },
    );
    const [call, join, version] = steps.slice(-3);
    if (call === undefined || join === undefined || version === undefined) {
      throw new Error('no such steps');
    }
    const altered = [...steps.slice(0, -3), call, version, join];
    const { ended } = start(t, kind, bytesOf(compileTable({ ...rest, steps: altered })));
    t.deepEqual(await ended, { status: 0, signal: null, output: '{"result":"passed"}\n' });
  });

  test(`${kind}: an invalid table is rejected`, async (t) => {
    const good = table();
    const bad: readonly (readonly [Uint8Array, RegExp])[] = [
      [new Uint8Array(), /word 0: the table ends too early/],
      [good.subarray(0, 11), /the table ends inside a word/],
      [good.subarray(0, good.length - 4), /a table of \d+ words has \d+/],
      [new TextEncoder().encode('{ "json": true }'), /word 1: this is not a scenario table/],
    ];
    for (const [input, message] of bad) {
      const { status, output } = await start(t, kind, input).ended;
      const report = JSON.parse(output) as Record<string, string>;
      t.is(report['result'], 'error');
      t.regex(report['message'] ?? '', message);
      t.is(status, 2);
    }
  });

  test(`${kind}: wrong usage is rejected`, async (t) => {
    const { status, output } = await start(t, kind, table(), ['--nothing']).ended;
    t.is(output, '');
    t.is(status, 2);
  });

  test(`${kind}: a different sender is reported`, async (t) => {
    const { ended } = start(
      t,
      kind,
      table(
        { task: 'cli', do: 'msg', flag: ['RECV'], save: 'm', start: 'r' },
        { task: 'cms', do: 'cmsCmd', cmd: 'gen', of: { tid: 'cli' } },
        {
          ...{ task: 'cms', do: 'msg', flag: ['SEND'] },
          out: { type: 'REQUEST', handle: { tid: 'cli' }, flag: 'ONEWAY' },
        },
        { join: 'r', wantMsg: { from: 'cli2' } },
      ),
    );
    const { output } = await ended;
    t.regex(output, /"step":9,"wanted":"from task cli2 \(\d+\) .*","came":"from task cms \(\d+\)/);
  });
}

test('device: a process that crashes is reported with its step', async (t) => {
  const getVersion = 0x80046905;
  const { status, output } = await start(
    t,
    'device',
    table({ task: 'cli', do: 'ioctlRaw', cmd: getVersion, arg: 8 }, { task: 'cms', do: 'version' }),
  ).ended;
  t.is(
    output,
    '{"result":"failed","step":6,"wanted":"a process that goes on",' +
      '"came":"process C ended by itself by signal 11"}\n',
  );
  t.is(status, 1);
});

test('device: a missing device is reported', async (t) => {
  const args = ['--device', '/nowhere/lite_ipc'];
  const { status, output } = await start(t, 'device', table(), args).ended;
  t.is(output, '{"result":"error","message":"open of /nowhere/lite_ipc: ENOENT"}\n');
  t.is(status, 2);
});

/** The processes that `pid` and its children have started. */
function descendants(pid: number): readonly number[] {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid;
      } catch {
        return false; // it has just ended
      }
    })
    .map(Number);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.charAt(stat.lastIndexOf(')') + 2) !== 'Z';
  } catch {
    return false;
  }
}

const long = table({ task: 'cms', do: 'sleep', ms: 60_000 });

test('device: its processes end with it, including the forked ones', async (t) => {
  const forks = parseScenario(
    JSON.stringify({
      ...{ name: 'x', about: 'for a test' },
      processes: { M: ['cms'], K: ['kid'], L: ['grandchild'] },
      steps: [
        { task: 'cms', do: 'open' },
        { task: 'cms', do: 'fork', child: 'K' },
        { task: 'kid', do: 'fork', child: 'L' },
        { task: 'grandchild', do: 'sleep', ms: 60_000 },
      ],
    }),
    'x.json',
  );
  const { child, ended } = start(t, 'device', bytesOf(compileTable(forks)));
  const pid = child.pid ?? 0;
  await until(() => descendants(pid).length === 3);
  const workers = descendants(pid);
  child.kill('SIGKILL');
  t.is((await ended).signal, 'SIGKILL');
  await until(() => !workers.some(isRunning));
});

test('embedded: a signal leaves no folder behind', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    const { child, folder, ended } = start(t, 'embedded', long);
    await until(() => readdirSync(folder).length === 1);
    await sleep(50);
    child.kill(signal);
    const { status, output } = await ended;
    t.true((status ?? 0) > 128);
    t.is(output, '');
    t.deepEqual(readdirSync(folder), []);
  }
});

test('running recorded scenarios in sequence leaves nothing behind', async (t) => {
  const file = join(scenarioFolder('recorded'), 'call-reply.json');
  const input = bytesOf(compileTable(parseScenario(readFileSync(file, 'utf8'), file)));
  for (const kind of kinds) {
    for (let round = 0; round < 5; round++) {
      const { ended, folder } = start(t, kind, input);
      t.deepEqual(await ended, { status: 0, signal: null, output: '{"result":"passed"}\n' });
      t.deepEqual(readdirSync(folder), []);
    }
  }
});
