// npm run verify: everything that must hold, from a clean clone to the closing line. .ci/run
// installs the machine's packages and then runs this. Needs what .ci/run installs, and fails without.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, nativeFolders, targets } from './build.mjs';
import { lint } from './lint.mjs';
import { packCheck } from './pack-check.mjs';
import { prebuiltAddon, smoke } from './smoke.mjs';
import { Tally } from './support/closing-line.mjs';
import { Problem, main, root, run, runNode } from './support/run.mjs';
import { testNative } from './test-native.mjs';
import { testNode } from './test.mjs';

/** `npm run demo` as a newcomer does it: in a fresh clone, with nothing installed. */
function demoInFreshClone() {
  const folder = mkdtempSync(join(tmpdir(), 'liteipc-clone-'));
  try {
    run('git', ['clone', '--quiet', root, join(folder, 'clone')]);
    const { stdout } = run('npm', ['run', 'demo'], { cwd: join(folder, 'clone'), capture: true });
    process.stdout.write(stdout);
    if (stdout.trimEnd().split('\n').at(-1) !== 'demo: ok') {
      throw new Problem('The demo did not end with "demo: ok"');
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function buildAll(...names) {
  return () => {
    for (const name of names) build(name);
  };
}

/**
 * Every scenario counts. What the port skips on purpose is neither passed nor failed. `folder` has the programs that
 * run them, if they are not those beside the addon.
 */
function conformance(options, folder = '') {
  return () => {
    const command = [join(root, 'dist/cli/liteipc.js'), 'conformance', ...options];
    const { stdout } = runNode([...command, 'test/conformance'], {
      ...{ capture: true, check: false },
      env: { LITEIPC_NATIVE_FILES: folder },
    });
    process.stdout.write(stdout);
    const counts = /^(\d+) passed, (\d+) failed, \d+ skipped$/m.exec(stdout);
    if (counts === null) throw new Problem('The scenarios were not run to their end');
    return { passed: Number(counts[1]), failed: Number(counts[2]) };
  };
}

// A step throws, or returns { passed, failed }, or returns nothing and counts as one that passed.
const steps = [
  ['build: addon, library, programs', buildAll('addon', 'lib', 'programs')],
  ['build: debug addon', buildAll('addon-debug')],
  ['lint', () => lint()],
  ['C tests', () => testNative('none', true)],
  ['C tests under ASan and UBSan', () => testNative('address', true)],
  ['C tests under TSan', () => testNative('thread', true)],
  ['AVA tests and leak check', () => testNode()],
  ['scenarios in one process', conformance([])],
  ['scenarios in processes of their own', conformance(['--processes'])],
  ['scenarios under ASan and UBSan', conformance([], join(root, nativeFolders.address))],
  ['scenarios under TSan', conformance(['--jobs', '8'], join(root, nativeFolders.thread))],
  ['package that compiles on installation', () => packCheck(false)],
  ['build: prebuilt addon', buildAll('prebuild')],
  ['package with the prebuilt addon', () => packCheck(true)],
  ['smoke', () => smoke([join(root, targets.addon.output), prebuiltAddon()])],
  ['demo in a fresh clone', demoInFreshClone],
];

await main(async () => {
  const tally = new Tally();
  const summary = [];
  for (const [title, body] of steps) {
    console.log(`\n=== ${title}`);
    const startedAt = Date.now();
    let result;
    try {
      result = (await body()) ?? { passed: 1, failed: 0 };
    } catch (error) {
      console.error(error instanceof Problem ? error.message : error);
      result = { passed: 0, failed: 1 };
    }
    if (result.passed + result.failed === 0) {
      console.error(`${title}: nothing was checked`);
      result = { passed: 0, failed: 1 };
    }
    tally.add(result.passed, result.failed);
    const seconds = ((Date.now() - startedAt) / 1000).toFixed(0);
    summary.push(
      `${result.failed === 0 ? 'ok    ' : 'FAILED'} ${title}: ` +
        `${result.passed} passed, ${result.failed} failed (${seconds} s)`,
    );
  }
  console.log(`\n${summary.join('\n')}\n`);
  tally.close();
});
