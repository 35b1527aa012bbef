/** Tests the C parcel with the layouts of small systems: with 32 bits, and on arm64. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { requireCommand, withCommands } from '#test/support/conditions.js';
import { root } from '#test/support/paths.js';

const folder = mkdtempSync(join(tmpdir(), 'liteipc-parcel-'));
test.after.always(() => {
  rmSync(folder, { recursive: true, force: true });
});

const targets = [
  {
    name: 'ILP32',
    compiler: 'arm-linux-gnueabi-gcc',
    emulator: 'qemu-arm-static',
    packages: 'gcc-arm-linux-gnueabi libc6-dev-armel-cross qemu-user-static',
  },
  {
    name: 'arm64',
    compiler: 'aarch64-linux-gnu-gcc',
    emulator: 'qemu-aarch64-static',
    packages: 'gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static',
  },
];

for (const { name, compiler, emulator, packages } of targets) {
  const register = withCommands(packages, compiler, emulator);

  function run(command: string, ...input: string[]): string {
    requireCommand(command, packages);
    const { status, stdout, stderr } = spawnSync(command, input, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}`);
    return stdout;
  }

  for (const program of ['test_ipc_io', 'test_ipc_io_vectors', 'test_ipc_io_hostile']) {
    register(`${program} passes: ${name}`, (t) => {
      const source = join(root, `test/native/ipc_io/${program}.c`);
      const output = join(folder, `${program}-${name}`);
      run(
        compiler,
        ...[
          '-std=c11',
          '-D_GNU_SOURCE',
          '-O1',
          '-static',
          '-Wall',
          '-Wextra',
          '-Werror',
          '-Wundef',
        ],
        ...[
          '-I',
          join(root, 'native/include'),
          '-I',
          join(root, 'native'),
          '-I',
          join(root, 'test/native'),
        ],
        ...['-isystem', join(root, 'test/support/bare'), source, '-o', output],
      );
      const tests = [...readFileSync(source, 'utf8').matchAll(/cmocka_unit_test\((\w+)\)/g)];
      t.is(run(emulator, output), tests.map(([, each]) => `ok ${each}\n`).join(''));
      t.true(tests.length > 0);
    });
  }
}

test('a missing command is reported with its package', (t) => {
  t.throws(() => requireCommand('no-such-emulator', 'no-such-package'), {
    message: 'no-such-emulator is missing (Debian, Ubuntu: apt-get install no-such-package)',
  });
});
