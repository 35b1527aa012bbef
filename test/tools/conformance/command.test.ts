/**
 * Tests the command `liteipc conformance`: its output and exit status, and that it leaves nothing
 * behind.
 */
import { readdirSync, readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import {
  conformance,
  makeFolder,
  scenarioFolder,
  start,
  startCommand,
} from '#test/support/conformance.js';
import { commandLine } from '#test/support/paths.js';
import { until } from '#test/support/deadlines.js';

const open = { task: 'cli', do: 'open' };
const scenario = (name: string, steps: readonly object[], head: object = {}): object => ({
  name,
  about: 'for a test',
  ...head,
  processes: { C: ['cli'] },
  steps,
});
const good = scenario('good', [open]);
const bad = scenario('bad', [open, { task: 'cli', do: 'version', want: 'EFAULT' }]);
const skipped = scenario('skipped', [open], { deviation: 'D7', port: 'skip' });
const portOnly = scenario('port-only', [open], { kernel: 'skip' });

test('each scenario has a line, in the order of the files, before the counts', async (t) => {
  const folder = makeFolder(t, { 'b/good.json': good, 'a.json': bad, 'c.json': skipped });
  const { status, output, errors } = await conformance(folder);
  t.is(errors, '');
  t.deepEqual(output.split('\n'), [
    `FAIL bad: step 2 (cli version, ${folder}/a.json:14): wanted EFAULT, came ENOMEM`,
    'ok   good',
    'skip skipped: D7, the port has a scenario of its own',
    '1 passed, 1 failed, 1 skipped',
    '',
  ]);
  t.is(status, 1);
});

test('the exit status is 0 if none failed, also if all are skipped', async (t) => {
  const folder = makeFolder(t, { 'good.json': good, 'skipped.json': skipped });
  t.like(await conformance(folder), { status: 0 });
  t.like(await conformance(`${folder}/skipped.json`), {
    status: 0,
    output: 'skip skipped: D7, the port has a scenario of its own\n0 passed, 0 failed, 1 skipped\n',
  });
});

test('a target skips scenarios for other targets', async (t) => {
  const folder = makeFolder(t, { 'a.json': portOnly, 'b.json': skipped });
  t.like(await conformance('--target', 'kernel', folder), {
    status: 0,
    output:
      'skip port-only: a rule of the port alone\nok   skipped\n1 passed, 0 failed, 1 skipped\n',
  });
});

test('a file that is given twice runs once', async (t) => {
  const folder = makeFolder(t, { 'good.json': good });
  const { output } = await conformance(folder, `${folder}/good.json`, `${folder}/.`);
  t.is(output, 'ok   good\n1 passed, 0 failed, 0 skipped\n');
});

test('--tap prints TAP 14 with failures and skipped scenarios', async (t) => {
  const folder = makeFolder(t, { 'a.json': good, 'b.json': bad, 'c.json': skipped });
  const { status, output } = await conformance('--tap', folder);
  t.is(status, 1);
  const place = `${folder}/b.json`;
  t.deepEqual(output.split('\n'), [
    'TAP version 14',
    '1..3',
    'ok 1 - good',
    'not ok 2 - bad',
    '  ---',
    `  message: "step 2 (cli version, ${place}:14): wanted EFAULT, came ENOMEM"`,
    '  severity: "fail"',
    `  at: {"file":"${place}","line":14}`,
    '  step: 2',
    '  wanted: "EFAULT"',
    '  found: "ENOMEM"',
    '  ...',
    'ok 3 - skipped # SKIP D7, the port has a scenario of its own',
    '# 1 passed, 1 failed, 1 skipped',
    '',
  ]);
});

test('--json prints one document with everything', async (t) => {
  const folder = makeFolder(t, { 'a.json': good, 'b.json': bad, 'c.json': skipped });
  const { status, output } = await conformance('--json', folder);
  t.is(status, 1);
  const document = JSON.parse(output) as { scenarios: Record<string, unknown>[] };
  for (const each of document.scenarios) {
    t.is(typeof each['milliseconds'], 'number');
    delete each['milliseconds'];
  }
  t.deepEqual(document, {
    ...{ target: 'port', passed: 1, failed: 1, skipped: 1 },
    scenarios: [
      { name: 'good', file: `${folder}/a.json`, result: 'passed', notChecked: 0 },
      {
        ...{ name: 'bad', file: `${folder}/b.json`, result: 'failed' },
        step: { number: 2, line: 14, what: 'cli version' },
        ...{ wanted: 'EFAULT', came: 'ENOMEM', notChecked: 0 },
      },
      {
        ...{ name: 'skipped', file: `${folder}/c.json`, result: 'skipped' },
        ...{ reason: 'D7, the port has a scenario of its own', notChecked: 0 },
      },
    ],
  });
});

test('malformed files are all reported, nothing runs, and the exit status is 2', async (t) => {
  const folder = makeFolder(t, {
    'a.json': '{\n "name": }',
    'b.json': good,
    'c.json': scenario('c', [{ ...open, want: 'EHM' }, { do: 'open' }]),
    'd.json': scenario('good', [open]),
  });
  const { status, output, errors } = await conformance(folder);
  t.is(status, 2);
  t.is(output, '');
  const lines = errors.split('\n');
  t.is(lines[0], `${folder}/a.json:2:10: not valid JSON: value expected`);
  t.true(lines[1]?.startsWith(`${folder}/c.json:13:12: steps[0].want: "EHM" is not a result;`));
  t.is(lines[2], `${folder}/c.json:15:3: steps[1]: "task" is missing`);
  t.is(
    lines[3],
    `${folder}/d.json:1:1: name: "good" is the name of the scenario in ${folder}/b.json too`,
  );
  t.is(lines[4], 'liteipc: 3 malformed files; nothing was run');
});

/** Wrong usage: one clear line on stderr, exit status 2. */
async function checkUsage(t: ExecutionContext, message: RegExp, ...args: string[]): Promise<void> {
  const { status, output, errors } = await conformance(...args);
  t.is(status, 2);
  t.is(output, '');
  t.regex(errors, message);
  t.regex(errors, /^[^\n]+\n(\(Did you mean [^\n]+\n)?$/);
}

test('wrong usage exits with status 2', async (t) => {
  const folder = makeFolder(t, { 'good.json': good });
  const empty = makeFolder(t);
  await checkUsage(t, /missing required argument/);
  await checkUsage(t, /ENOENT.*nowhere/, `${folder}/nowhere`);
  await checkUsage(t, /no \.json file in this folder/, empty);
  await checkUsage(t, /unknown option '--taget'/, '--taget', 'port', folder);
  await checkUsage(t, /'board' is invalid/, '--target', 'board', folder);
  await checkUsage(t, /from 1 to 256/, '--jobs', '0', folder);
  await checkUsage(t, /from 1 to 256/, '--jobs', 'many', folder);
  await checkUsage(t, /cannot be used with/, '--json', '--tap', folder);
  await checkUsage(t, /cannot be used with/, '--processes', '--device', '/dev/null', folder);
});

test('a folder for a board has the scenarios of its target and is not overwritten', async (t) => {
  const folder = makeFolder(t, { 'good.json': good, 'port-only.json': portOnly });
  const board = `${folder}/board`;
  const args = ['--target', 'kernel', '--board', board, folder] as const;
  const { status, output } = await conformance(...args);
  t.is(status, 0);
  t.regex(output, /^[^\n]*board: 2 scenarios for the target kernel; see README.md there\n$/);
  t.true(readdirSync(board).includes('tables.c'));
  await checkUsage(t, /is not empty/, ...args);
});

test('--help has examples and the exit status', async (t) => {
  const { status, output } = await conformance('--help');
  t.is(status, 0);
  t.regex(output, /Examples:\n {2}\$ npx liteipc conformance /);
  t.regex(output, /Exit status: 0 none failed, 1 some failed, 2 /);
});

test('an invalid device fails each scenario with the reason', async (t) => {
  const folder = makeFolder(t, { 'good.json': good });
  const { status, output } = await conformance('--device', `${folder}/device`, folder);
  t.is(status, 1);
  t.regex(output, /^FAIL good: .*ENOENT\n/);
});

test('scenarios run on an existing device', async (t) => {
  const shim = ['run', '--profile', 'liteos-a', process.execPath, commandLine];
  const path = `${scenarioFolder('recorded')}obj-ptr.json`;
  const device = ['conformance', '--device', '/dev/lite_ipc', path];
  const { status, output } = await startCommand([...shim, ...device]).finished;
  t.is(output, 'ok   obj-ptr\n1 passed, 0 failed, 0 skipped\n');
  t.is(status, 0);
});

test('one job at a time gives the same result', async (t) => {
  const folder = scenarioFolder('recorded');
  const paths = ['call-reply', 'obj-svc', 'version'].map((name) => `${folder}${name}.json`);
  const { output } = await conformance('--jobs', '1', ...paths);
  t.is(output, 'ok   call-reply\nok   obj-svc\nok   version\n3 passed, 0 failed, 0 skipped\n');
});

/** Returns the IDs of the descendants of `pid`. */
function descendants(pid: number): readonly number[] {
  let children: string;
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  } catch {
    return []; // The process has just ended.
  }
  const pids = children.split(' ').filter((text) => text.trim() !== '');
  return pids.map(Number).flatMap((child) => [child, ...descendants(child)]);
}

function isAlive(pid: number): boolean {
  try {
    const [, state] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
    return state?.startsWith('Z') === false;
  } catch {
    return false;
  }
}

const sleeper = (name: string): object => ({
  ...scenario(name, []),
  processes: { A: ['a'], B: ['b'], M: ['cms'] },
  steps: [
    ...['cms', 'a', 'b'].flatMap((task) => [
      { task, do: 'open' },
      { task, do: 'mmap', size: 4096 },
    ]),
    { task: 'cms', do: 'setCms', maxMsgSize: 8192 },
    { task: 'a', do: 'msg', flag: ['RECV'], start: 'wait' },
    { task: 'b', do: 'sleep', ms: 60_000 },
  ],
});

for (const mode of [[], ['--processes']]) {
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    test(`${name} leaves nothing behind ${mode.join('')}`, async (t) => {
      const folder = makeFolder(t, { 'a.json': sleeper('a'), 'b.json': sleeper('b') });
      const temporary = makeFolder(t);
      const { child, finished } = start([...mode, folder], temporary);
      const pid = child.pid ?? 0;
      // Two engines; with --processes, three processes each in addition.
      const count = mode.length === 0 ? 2 : 8;
      const isReady = (): boolean =>
        descendants(pid).length >= count && readdirSync(temporary).length >= 2;
      await until(isReady);
      const started = descendants(pid);
      child.kill(name);
      const { signal, output } = await finished;
      t.is(signal, name);
      t.is(output, '');
      await until(() => !started.some(isAlive));
      t.deepEqual(readdirSync(temporary), []);
    });
  }
}

test('a closed pipe ends the run without leaving anything behind', async (t) => {
  const late = scenario('late', [open, { task: 'cli', do: 'sleep', ms: 1500 }]);
  const folder = makeFolder(t, { 'a.json': good, 'b.json': late, 'c.json': sleeper('c') });
  const temporary = makeFolder(t);
  const { child, finished } = start([folder], temporary);
  child.stdout?.once('data', () => child.stdout?.destroy());
  // The reader is gone at the second line.
  const { status, errors } = await finished;
  t.is(errors, 'liteipc: the reader of the output has gone\n');
  t.is(status, 1);
  t.deepEqual(readdirSync(temporary), []);
});

test('a run leaves nothing behind', async (t) => {
  const temporary = makeFolder(t);
  const folder = makeFolder(t, { 'good.json': good, 'bad.json': bad });
  for (const mode of [[], ['--processes']]) {
    const { finished } = start([...mode, folder], temporary);
    t.is((await finished).status, 1);
    t.deepEqual(readdirSync(temporary), []);
  }
});
