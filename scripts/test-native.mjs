// Builds and runs the C tests: node scripts/test-native.mjs [--sanitize address|thread] [--require]
// Without --require a missing cmocka is reported with its remedy and is not a failure.
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { buildNative, nativeFolders } from './build.mjs';
import { Tally } from './support/closing-line.mjs';
import { Problem, main, root, run } from './support/run.mjs';

const labels = { none: 'plain', address: 'ASan+UBSan', thread: 'TSan' };

/**
 * Counts cmocka's own tests from CTest's JUnit file; a program that crashed counts as a failure.
 */
function countResults(file) {
  let passed = 0;
  let failed = 0;
  const report = readFileSync(file, 'utf8');
  const cases = report.matchAll(/<testcase name="([^"]*)"[^>]*?status="(\w+)"(.*?)<\/testcase>/gs);
  for (const [, program, status, body] of cases) {
    const succeeded = body.match(/^\[ {7}OK \] /gm)?.length ?? 0;
    const broken = new Set(body.match(/^\[ {2}FAILED {2}\] (?!\d+ test).*$/gm)).size;
    passed += succeeded;
    if (status !== 'run') failed += Math.max(broken, 1);
    else if (succeeded === 0) {
      console.error(`${program} ran no test`);
      failed += 1;
    }
  }
  return { passed, failed };
}

function testPrograms() {
  const files = readdirSync(join(root, 'test/native'), { recursive: true });
  return files.filter((file) => /\/test_\w+\.c$/.test(file));
}

/** Returns { passed, failed }, or undefined if the tests could not be built for want of cmocka. */
export function testNative(sanitizer = 'none', required = false) {
  console.log(`C tests, ${labels[sanitizer]}: building ...`);
  if (!buildNative(sanitizer, required)) {
    console.warn(
      `\nNot built for want of cmocka, and so not run: ${testPrograms().join(', ')}\n` +
        'Remedy: install cmocka (Debian, Ubuntu: apt-get install libcmocka-dev).\n',
    );
    return undefined;
  }
  const folder = join(root, nativeFolders[sanitizer]);
  const report = join(folder, 'results.xml');
  rmSync(report, { force: true });
  const { status } = run(
    'ctest',
    [
      ...['--test-dir', folder, '--output-on-failure', '--no-tests=error'],
      ...['--parallel', '2'], // most of them wait most of the time
      ...['--output-junit', report, '--test-output-size-passed', '10000000'],
    ],
    { check: false },
  );
  const results = existsSync(report) ? countResults(report) : { passed: 0, failed: 0 };
  if (status !== 0 && results.failed === 0) results.failed = 1;
  console.log(
    `C tests, ${labels[sanitizer]}: ${results.passed} passed, ${results.failed} failed\n`,
  );
  return results;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(() => {
    const { values } = parseArgs({
      options: { sanitize: { type: 'string', default: 'none' }, require: { type: 'boolean' } },
    });
    if (!(values.sanitize in nativeFolders)) {
      throw new Problem(`--sanitize ${values.sanitize}: expected address or thread`);
    }
    const results = testNative(values.sanitize, values.require);
    if (results === undefined) return;
    const tally = new Tally();
    tally.add(results.passed, results.failed);
    tally.close();
  });
}
