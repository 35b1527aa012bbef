/** `liteipc run` and `liteipc domain` as a person or a script uses them. */
import { chmodSync, chownSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import ava, { type ExecutionContext } from 'ava';
import {
  arm64,
  compile,
  gcc,
  liteipc,
  musl,
  startLiteipc,
  withToolchain,
  type Toolchain,
} from '#test/support/preload-programs.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';

const runtime = usePrivateRuntime();
const test = ava.serial;

/** A file that can be executed. */
function makeFile(name: string, content: string | Uint8Array, mode = 0o755): string {
  const path = join(runtime, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

/** Asserts that `liteipc run` refuses a program, and says why in one line. */
async function isRefused(t: ExecutionContext, program: string, expected: RegExp): Promise<void> {
  const { code, stdout, stderr } = await liteipc(['run', program]);
  t.is(code, 2, program);
  t.is(stdout, '');
  t.regex(stderr, expected);
  t.is(stderr.trim().split('\n').length, 1, stderr);
}

/** A program with another user's rights: only root can make one, but every system has one. */
function makeSetuid(): string {
  if (process.geteuid?.() !== 0) return '/usr/bin/passwd';
  const path = join(runtime, 'setuid');
  copyFileSync('/bin/true', path);
  chownSync(path, 1, 1);
  chmodSync(path, 0o4755);
  return path;
}

test('arguments, environment and output are the program’s own', async (t) => {
  const script = 'printf "%s|" "$0" "$@"; printf "%s" "$RETAINED"';
  const args = ['run', 'sh', '-c', script, '--domain', '--', '-x', 'a b'];
  const { code, stdout, stderr } = await liteipc(args, { RETAINED: 'retained' });
  t.deepEqual([code, stdout, stderr], [0, '--domain|--|-x|a b|retained', '']);
  const first = await liteipc(['run', '--', 'sh', '-c', 'echo "$1"', 'sh', '--profile']);
  t.is(first.stdout, '--profile\n');
});

test('the exit status is the program’s, or 128 and its signal', async (t) => {
  t.is((await liteipc(['run', 'sh', '-c', 'exit 7'])).code, 7);
  t.is((await liteipc(['run', 'sh', '-c', 'kill -KILL $$'])).code, 128 + constants.signals.SIGKILL);
});

test('signals reach the program', async (t) => {
  const script = 'trap "echo caught; exit 5" TERM; echo ready; while :; do sleep 0.01; done';
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    const trap = script.replace('TERM', signal.slice(3));
    const running = startLiteipc(['run', 'sh', '-c', trap]);
    await running.says('ready\n');
    running.child.kill(signal);
    const { code, stdout } = await running.ended;
    t.deepEqual([code, stdout], [5, 'ready\ncaught\n'], signal);
  }
});

test('a private domain is there for the program and gone after it', async (t) => {
  const script = 'echo $LITEIPC_DOMAIN; stat -c "%F %a" /dev/lite_ipc; test -S $LITEIPC_DOMAIN';
  const { code, stdout } = await liteipc(['run', 'sh', '-c', script]);
  t.is(code, 0);
  const [path = '', facts] = stdout.split('\n');
  t.is(facts, 'character special file 644');
  const { stdout: left } = await liteipc(['run', 'sh', '-c', `test -e ${path} || echo gone`]);
  t.is(left, 'gone\n');
});

test('what was preloaded before stays, and comes first', async (t) => {
  // The loader finds this one by its name alone, wherever the system keeps it.
  const environment = { LD_PRELOAD: 'libm.so.6' };
  const { stdout } = await liteipc(['run', 'sh', '-c', 'echo $LD_PRELOAD'], environment);
  t.regex(stdout, /^libm\.so\.6:.*\/liteipc_preload\.so\n$/);
});

test('programs that cannot be helped are refused in words', async (t) => {
  const folder = join(runtime, 'folder');
  mkdirSync(folder, { recursive: true });
  const elf32 = new Uint8Array(64);
  elf32.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  const cases: [string, RegExp][] = [
    ['no-such-program', /no program "no-such-program" in PATH/],
    ['./no-such-program', /there is no program/],
    [folder, /is not a file/],
    [makeFile('plain', 'text', 0o644), /is not executable/],
    [makeFile('nothing', ''), /neither an ELF program nor a script/],
    [makeFile('short', '\x7fELF'), /neither an ELF program nor a script/],
    [makeFile('script', '#! /no/interpreter -x\n'), /"\/no\/interpreter", which cannot be run/],
    [makeFile('loop', `#!${join(runtime, 'loop')}\n`), /too many nested script interpreters/],
    [makeFile('elf32', elf32), /is a 32-bit program/],
    [makeSetuid(), /the rights of another user/],
    [await compile('memory', { ...gcc, name: 'static', flags: ['-static'] }), /statically linked/],
  ];
  for (const [program, expected] of cases) await isRefused(t, program, expected);
});

withToolchain(arm64)('a program for another processor is refused', async (t) => {
  await isRefused(t, await compile('memory', arm64), /is for another processor/);
});

test('wrong options are refused with status 2, a domain that is not there with 1', async (t) => {
  for (const args of [['run'], ['run', '--what', 'ls'], ['run', '--profile', 'big', 'ls']]) {
    const { code, stderr } = await liteipc(args);
    t.is(code, 2, args.join(' '));
    t.regex(stderr, /^error: /);
  }
  t.is((await liteipc(['run', '--domain', 'a/b', 'ls'])).code, 2);
  const both = await liteipc(['run', '--domain', 'x', '--profile', 'host', 'ls']);
  t.is(both.code, 2);
  const missing = await liteipc(['run', '--domain', 'not-there', 'ls']);
  t.is(missing.code, 1);
  t.regex(missing.stderr, /no such domain is running/);
});

test('without a domain the device is not there, and LITEIPC_DEBUG prints why', async (t) => {
  const program = await compile('memory', gcc);
  const environment = { LITEIPC_DOMAIN: 'not-there', LITEIPC_DEBUG: '1' };
  const { code, stderr } = await liteipc(['run', program], environment);
  t.is(code, 1);
  t.regex(stderr, /errno 19, No such device/);
  t.regex(stderr, /liteipc: pid \d+: /);
  const quiet = await liteipc(['run', program], { LITEIPC_DOMAIN: 'not-there' });
  t.notRegex(quiet.stderr, /liteipc: pid/);
  const { stdout } = await liteipc(['run', 'sh', '-c', 'test -e /dev/lite_ipc || echo no'], {
    LITEIPC_DOMAIN: 'not-there',
  });
  t.is(stdout, 'no\n');
});

/** Runs a program of each toolchain in one domain. */
async function meet(t: ExecutionContext, ...toolchains: readonly Toolchain[]): Promise<void> {
  const domain = startLiteipc(['domain', '--name', 'meeting', '--profile', 'liteos-a']);
  await domain.says('meeting.sock\n');
  const taken = await liteipc(['domain', '--name', 'meeting']);
  t.is(taken.code, 1);
  t.regex(taken.stderr, /already running/);
  for (const toolchain of toolchains) {
    const program = await compile('calls', toolchain);
    const { code, stdout, stderr } = await liteipc(['run', '--domain', 'meeting', program, '100']);
    t.is(code, 0, stderr);
    t.regex(stdout, /ok\n$/);
  }
  domain.child.kill('SIGTERM');
  t.is((await domain.ended).code, 0);
  t.is((await liteipc(['run', '--domain', 'meeting', 'true'])).code, 1);
}

test('programs of several terminals meet in a domain', (t) => meet(t, gcc));

withToolchain(musl)('programs of both libcs meet in a domain', (t) => meet(t, gcc, musl));

test('a program survives the loss of its domain, and opens the next one', async (t) => {
  const program = await compile('reboot', gcc);
  const name = 'rebooted';
  const first = startLiteipc(['domain', '--name', name]);
  await first.says('.sock\n');
  const running = startLiteipc(['run', '--domain', name, program]);
  await running.says('waiting\n');
  first.child.kill('SIGKILL');
  await running.says('lost\n');
  const second = startLiteipc(['domain', '--name', name]);
  await second.says('.sock\n');
  const { code, stdout, stderr } = await running.ended;
  t.is(code, 0, stderr);
  t.is(stdout, 'waiting\nlost\nok\n');
  second.child.kill('SIGTERM');
  t.is((await second.ended).code, 0);
});
