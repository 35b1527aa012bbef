/** Plants forbidden imports in a copy of lib/ and runs the check of `npm run lint -- imports`. */
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { root } from '#test/support/paths.js';

/** Copies the files that the check reads to a temporary folder. */
function copyOfLib(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'liteipc-imports-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  for (const name of ['lib', 'types', 'tsconfig.base.json', 'tsconfig.lib.json', 'package.json']) {
    cpSync(join(root, name), join(folder, name), { recursive: true });
  }
  return folder;
}

function check(folder: string): { readonly status: number | null; readonly output: string } {
  const program = join(root, 'scripts/imports.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, folder], {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
  return { status, output: stdout + stderr };
}

test('lib/ as it is passes the check', (t) => {
  const { status, output } = check(copyOfLib(t));
  t.is(status, 0, output);
});

test('an import of a room above is reported, also if it imports a type only', (t) => {
  const folder = copyOfLib(t);
  const planted = "\nexport type { Device as Planted } from '../device/device.js';\n";
  appendFileSync(join(folder, 'lib/contract/telemetry.ts'), planted);
  const { status, output } = check(folder);
  t.is(status, 1);
  t.regex(
    output,
    /contract-imports-only-below: lib\/contract\/telemetry\.ts → lib\/device\/device\.ts/,
  );
});

test('a cycle between two files of a room is reported, also if one imports a type only', (t) => {
  const folder = copyOfLib(t);
  const planted = "\nexport type { Policy as Planted } from './policy.js';\n";
  appendFileSync(join(folder, 'lib/policy/quota.ts'), planted);
  const { status, output } = check(folder);
  t.is(status, 1);
  t.regex(output, /no-cycle: lib\/policy\//);
});

test('a file or folder directly in lib/ needs a row', (t) => {
  const folder = copyOfLib(t);
  mkdirSync(join(folder, 'lib/attic'));
  writeFileSync(join(folder, 'lib/planted.ts'), '');
  const { status, output } = check(folder);
  t.is(status, 1);
  t.regex(output, /lib\/attic,lib\/planted\.ts/);
});
