// npm test: the C tests, the AVA tests, and a check that they leave nothing behind. With arguments
// only those AVA tests run: npm test -- test/unit/wire/codec.test.ts
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { reportLeftovers, withLeakCheck } from './leak-check.mjs';
import { Tally } from './support/closing-line.mjs';
import { main, packageBin, root } from './support/run.mjs';
import { testNative } from './test-native.mjs';

/** Where a test's compiled file is: test/x.test.ts is out/test/x.test.js. */
function compiled(path) {
  return path.replace(/^(?:\.\/)?test\//, 'out/test/').replace(/\.ts$/, '.js');
}

/** Files in a folder `alone` run one at a time: they measure time. The others run side by side. */
const SIDE_BY_SIDE_MAX = 3;

/** Returns the test files: those that run side by side, and those that run alone. */
function allFiles() {
  const files = readdirSync(join(root, 'test'), { recursive: true })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => join('test', file))
    .sort();
  const isAlone = (file) => file.includes('/alone/');
  return [files.filter((file) => !isAlone(file)), files.filter(isAlone)];
}

/** Runs AVA, shows its TAP output, and counts it; skipped tests and tests to do count as failed. */
async function runAva(files, environment, concurrency = 1) {
  const options = ['--tap', '--concurrency', String(concurrency)];
  const child = spawn(
    process.execPath,
    [packageBin('ava', 'entrypoints/cli.mjs'), ...options, ...files.map(compiled)],
    { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...environment } },
  );
  const closed = new Promise((resolve) => child.on('close', resolve));
  let passed = 0;
  let failed = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    if (/^not ok|^ok.*# (?:SKIP|TODO)/.test(line)) failed += 1;
    else if (line.startsWith('ok')) passed += 1;
    // A hook is worth a line only when it fails.
    if (!/^# .* hook for /.test(line)) console.log(line);
  }
  const status = await closed;
  // The reporter itself may break, for instance if a test file calls process.exit().
  if (status !== 0 && failed === 0) failed = 1;
  return { passed, failed };
}

async function runAllAva(environment) {
  const [sideBySide, alone] = allFiles();
  const first = await runAva(sideBySide, environment, SIDE_BY_SIDE_MAX);
  const second = await runAva(alone, environment);
  return { passed: first.passed + second.passed, failed: first.failed + second.failed };
}

/** The AVA tests with their leak check, which counts as one more. */
export async function testNode(files = []) {
  const { result, leftovers } = await withLeakCheck((environment) =>
    files.length === 0 ? runAllAva(environment) : runAva(files, environment),
  );
  const isClean = reportLeftovers(leftovers);
  return {
    passed: result.passed + (isClean ? 1 : 0),
    failed: result.failed + (isClean ? 0 : 1),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(async () => {
    const files = process.argv.slice(2);
    const tally = new Tally();
    const results = [files.length === 0 ? testNative() : undefined, await testNode(files)];
    for (const result of results) {
      if (result !== undefined) tally.add(result.passed, result.failed);
    }
    tally.close();
  });
}
