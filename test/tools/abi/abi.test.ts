/**
 * Tests that the tables of docs/abi.md are up to date and that compilers for both ABIs agree with
 * every row.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { requireCommand, withCommands } from '#test/support/conditions.js';
import { root } from '#test/support/paths.js';

const NATIVE = join(root, 'native');
const SECURITY = '-DLOSCFG_SECURITY_CAPABILITY';

/** Compilers, their purpose, and the Debian packages that contain them. */
const COMPILERS = [
  { compiler: 'gcc', abi: 'LP64', packages: 'gcc libc6-dev' },
  {
    compiler: 'aarch64-linux-gnu-gcc',
    abi: 'LP64',
    packages: 'gcc-aarch64-linux-gnu libc6-dev-arm64-cross',
  },
  {
    compiler: 'arm-linux-gnueabi-gcc',
    abi: 'ILP32',
    packages: 'gcc-arm-linux-gnueabi libc6-dev-armel-cross',
  },
];

function script(...args: string[]): { status: number | null; errors: string } {
  const path = join(root, 'scripts/abi-tables.mjs');
  const { status, stderr } = spawnSync(process.execPath, [path, ...args], { encoding: 'utf8' });
  return { status, errors: stderr };
}

/** Compiles a C file with warnings as errors. Returns `''` if it succeeds. */
function compile(compiler: string, packages: string, file: string, ...flags: string[]): string {
  requireCommand(compiler, packages);
  const { status, stderr } = spawnSync(
    compiler,
    [
      ...['-std=c11', '-Wall', '-Wextra', '-Werror', '-Wundef', '-fsyntax-only'],
      ...['-I', NATIVE, '-I', join(NATIVE, 'include'), ...flags, file],
    ],
    { encoding: 'utf8' },
  );
  return status === 0 ? '' : stderr || `${compiler} ended with ${status ?? 'a signal'}`;
}

let folder = '';
let asserts = '';
test.before((t) => {
  folder = mkdtempSync(join(tmpdir(), 'liteipc-abi-'));
  asserts = join(folder, 'asserts.c');
  t.deepEqual(script('--asserts', asserts), { status: 0, errors: '' });
});
test.after.always(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('docs/abi.md is up to date with the header', (t) => {
  t.deepEqual(script('--check'), { status: 0, errors: '' });
});

test('an outdated table is rejected', (t) => {
  const stale = join(folder, 'abi.md');
  const tables = readFileSync(join(root, 'docs/abi.md'), 'utf8');
  writeFileSync(stale, tables);
  t.is(script('--check', stale).status, 0);
  writeFileSync(stale, tables.replace('0xC0106904', '0xC0206904'));
  const { status, errors } = script('--check', stale);
  t.is(status, 1);
  t.regex(errors, /abi\.md is out of date: run node scripts\/abi-tables\.mjs/);
});

for (const { compiler, abi, packages } of COMPILERS) {
  const register = withCommands(packages, compiler);
  for (const flags of [[], [SECURITY]]) {
    const name = `${abi}, ${compiler} ${flags.length > 0 ? 'with' : 'without'} user and group`;

    register(`the header's own assertions: ${name}`, (t) => {
      const file = join(folder, `header-${compiler}-${flags.length}.c`);
      writeFileSync(file, '#include "liteipc/hm_liteipc.h"\nint main(void)\n{\n    return 0;\n}\n');
      t.is(compile(compiler, packages, file, ...flags), '');
    });

    register(`every row of the tables: ${name}`, (t) => {
      t.is(compile(compiler, packages, asserts, ...flags), '');
      // The compiler checks the right table: any other number is an error.
      const text = readFileSync(asserts, 'utf8');
      const section = text.slice(text.indexOf(`#define CHECKED "${abi}"`));
      t.true((section.match(/_Static_assert/g)?.length ?? 0) > 100);
      const wrong = join(folder, `wrong-${compiler}-${flags.length}.c`);
      for (const row of [
        'offsetof(IpcMsg, taskID) ==',
        'sizeof(SpecialObj) ==',
        'IPC_CMS_CMD ==',
      ]) {
        writeFileSync(wrong, text.replaceAll(row, `1 + ${row}`));
        t.regex(compile(compiler, packages, wrong, ...flags), /static assertion failed/);
      }
    });
  }
}

test('a missing compiler is reported with its package', (t) => {
  t.throws(() => compile('no-such-gcc', 'gcc-no-such', asserts), {
    message: 'no-such-gcc is missing (Debian, Ubuntu: apt-get install gcc-no-such)',
  });
});
