/** Tests the folder for boards: C compilers build it, and the program runs the scenarios. */
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { writeBoard } from '#lib/conformance/board.js';
import { findScenarioFiles, loadScenarios } from '#lib/conformance/load.js';
import type { Scenario, Target } from '#lib/conformance/scenario.js';
import { findNativeFile, loadNativeBinding } from '#lib/native/binding.js';
import { makeFolder, scenarioFolder } from '#test/support/conformance.js';
import { requireCommand, withCommands } from '#test/support/conditions.js';

interface Ended {
  readonly status: number;
  readonly output: string;
  readonly errors: string;
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  return new Promise<Ended>((resolve, reject) => {
    const options = { env: { ...process.env, ...env }, encoding: 'utf8' } as const;
    execFile(command, args, options, (error, output, errors) => {
      if (error !== null && typeof error.code !== 'number') reject(new Error(error.message));
      else resolve({ status: Number(error?.code ?? 0), output, errors });
    });
  });
}

const load = (target: Target): readonly Scenario[] => {
  const { scenarios, complaints } = loadScenarios(
    findScenarioFiles(['recorded', 'own'].map(scenarioFolder)),
    target,
  );
  if (complaints.length > 0) throw new Error('malformed scenarios');
  return scenarios;
};

function write(t: ExecutionContext, target: Target, scenarios = load(target)): string {
  const folder = join(makeFolder(t), 'board');
  writeBoard(folder, scenarios, target);
  return folder;
}

const warnings = ['-std=c11', '-Wall', '-Wextra', '-Wundef', '-Wshadow', '-Werror'];

async function build(t: ExecutionContext, folder: string, compiler: string, ...more: string[]) {
  const sources = readdirSync(join(folder, 'conformance'))
    .filter((name) => name.endsWith('.c'))
    .map((name) => join(folder, 'conformance', name));
  const program = join(folder, 'program');
  const { status, errors } = await run(compiler, [
    ...[...warnings, ...more, '-I', folder, '-I', join(folder, 'include'), '-o', program],
    ...[join(folder, 'tables.c'), ...sources, '-lpthread'],
  ]);
  t.is(errors, '');
  t.is(status, 0);
  return program;
}

test('every scenario passes on a 64-bit board with a new system', async (t) => {
  const scenarios = load('port');
  const program = await build(t, write(t, 'port', scenarios), 'cc', '-O1');
  const { output } = await run(program, ['--list']);
  t.deepEqual(
    output.trim().split('\n'),
    scenarios.map(({ name }) => name),
  );
  // One scenario of each kind. The other tests run all of them through the same code.
  const names = ['call-reply', 'fork-not-opened', 'obj-ptr', 'obj-fd', 'death-in-own-call'];
  const folder = makeFolder(t);
  for (const name of [...names, 'pool-full-order']) {
    const domain = loadNativeBinding().startDomain({ name: join(folder, name), profile: 1 });
    t.teardown(() => domain.stop());
    const ended = await run(program, ['--builtin', name], {
      LD_PRELOAD: findNativeFile('liteipc_preload.so'),
      LITEIPC_DOMAIN: domain.path,
    });
    t.is(
      ended.output,
      names.includes(name)
        ? `ok   ${name}\n1 passed, 0 failed, 0 skipped\n`
        : `skip ${name}: D1, the port has a scenario of its own\n0 passed, 0 failed, 1 skipped\n`,
    );
    t.is(ended.errors, '');
    t.is(ended.status, 0);
  }
});

test('scenarios after one that made a ServiceManager are skipped, and the status shows it', async (t) => {
  const scenarios = load('port').filter(({ name }) =>
    /^(mmap-small|call-empty|version)$/.test(name),
  );
  const program = await build(t, write(t, 'port', scenarios), 'cc');
  const domain = loadNativeBinding().startDomain({ name: join(makeFolder(t), 'd'), profile: 1 });
  t.teardown(() => domain.stop());
  const { status, output } = await run(program, [], {
    LD_PRELOAD: findNativeFile('liteipc_preload.so'),
    LITEIPC_DOMAIN: domain.path,
  });
  t.is(
    output,
    [
      'ok   call-empty',
      'skip mmap-small: /dev/lite_ipc is not new: it has or had a ServiceManager; start the system anew',
      'skip version: /dev/lite_ipc is not new: it has or had a ServiceManager; start the system anew',
      '1 passed, 0 failed, 2 skipped\n',
    ].join('\n'),
  );
  t.is(status, 1);
});

test('a difference is reported with its step', async (t) => {
  const [scenario] = load('port').filter(({ name }) => name === 'version');
  if (scenario === undefined) throw new Error('no such scenario');
  const steps = scenario.steps.map((step) =>
    step.number === 5 ? { ...step, want: 'EINVAL' as const } : step,
  );
  const program = await build(t, write(t, 'port', [{ ...scenario, steps }]), 'cc');
  const domain = loadNativeBinding().startDomain({ name: join(makeFolder(t), 'd'), profile: 1 });
  t.teardown(() => domain.stop());
  const { status, output } = await run(program, [], {
    LD_PRELOAD: findNativeFile('liteipc_preload.so'),
    LITEIPC_DOMAIN: domain.path,
  });
  t.is(output, 'FAIL version: step 5: wanted EINVAL, came OK\n0 passed, 1 failed, 0 skipped\n');
  t.is(status, 1);
});

test('wrong usage exits with status 2', async (t) => {
  const scenarios = load('port').filter(({ name }) => name === 'version');
  const program = await build(t, write(t, 'port', scenarios), 'cc');
  t.like(await run(program, ['nobody']), {
    ...{ status: 2, output: '', errors: 'there is no scenario nobody; --list names them\n' },
  });
  t.is((await run(program, ['--nothing'])).status, 2);
  t.is((await run(program, ['--device'])).status, 2);
  t.like(await run(program, ['--device', '/nowhere/lite_ipc', 'version']), {
    status: 1,
    output: 'FAIL version: open of /nowhere/lite_ipc: ENOENT\n0 passed, 1 failed, 0 skipped\n',
  });
});

const armCompiler = 'arm-linux-gnueabi-gcc';
const armEmulator = 'qemu-arm-static';
const armPackages = 'gcc-arm-linux-gnueabi libc6-dev-armel-cross qemu-user-static';

async function boardOf32Bits(t: ExecutionContext): Promise<void> {
  for (const command of [armCompiler, armEmulator]) requireCommand(command, armPackages);
  const program = await build(t, write(t, 'kernel'), armCompiler, '-O1', '-static');
  const { output, errors } = await run(armEmulator, [program, '--device', '/nowhere']);
  t.is(errors, '');
  const skipped = output.split('\n').filter((line) => line.includes('sizes of the LP64 ABI'));
  t.true(skipped.some((line) => /^skip rule-message-size: .*step \d+/.test(line)));
  t.regex(output, /^FAIL call-reply: open of \/nowhere: ENOENT$/m);
}

withCommands(
  armPackages,
  armCompiler,
  armEmulator,
)('a board of 32 bits: the same folder; what hangs on sizes of LP64 is skipped', boardOf32Bits);

test('the folder has a Makefile that builds the same program', async (t) => {
  const scenarios = load('port').filter(({ name }) => name === 'version');
  const folder = write(t, 'port', scenarios);
  t.like(await run('make', ['-s', '-C', folder, 'CFLAGS=-O0 -Wall -Werror']), { status: 0 });
  const list = await run(join(folder, 'liteipc-conformance-board'), ['--list']);
  t.is(list.output, 'version\n');
  t.is((await run('make', ['-s', '-C', folder, 'clean'])).status, 0);
  t.regex(readFileSync(join(folder, 'README.md'), 'utf8'), /1 conformance scenarios.*"port"/);
});

test('a folder that is not empty is not changed', (t) => {
  const folder = makeFolder(t);
  writeFileSync(join(folder, 'precious.txt'), 'mine');
  t.throws(() => writeBoard(folder, load('port'), 'port'), { message: `${folder} is not empty` });
  t.deepEqual(readdirSync(folder), ['precious.txt']);
  const file = join(folder, 'precious.txt');
  t.throws(() => writeBoard(file, load('port'), 'port'), { code: 'EEXIST' });
});

test('scenarios with equal names, or no scenarios, are rejected', (t) => {
  const folder = join(makeFolder(t), 'board');
  mkdirSync(folder);
  const [first] = load('port');
  if (first === undefined) throw new Error('no scenario');
  t.throws(() => writeBoard(folder, [first, first], 'port'), { message: /two scenarios/ });
  t.throws(() => writeBoard(folder, [], 'port'), { message: /no scenario/ });
  t.deepEqual(readdirSync(folder), []);
});
