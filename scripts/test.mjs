// npm test: the C tests, the AVA tests, and a check that they leave nothing behind. With arguments
// only those AVA tests run: npm test -- test/client.test.ts
import { spawn } from 'node:child_process';
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

/** Runs AVA, shows its TAP output, and counts it; skipped tests and tests to do count as failed. */
async function runAva(files, environment) {
  const child = spawn(
    process.execPath,
    [packageBin('ava', 'entrypoints/cli.mjs'), '--tap', ...files.map(compiled)],
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

/** The AVA tests with their leak check, which counts as one more. */
export async function testNode(files = []) {
  const { result, leftovers } = await withLeakCheck((environment) => runAva(files, environment));
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
