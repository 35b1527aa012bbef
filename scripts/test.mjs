// npm test: runs the C tests, the AVA tests, and a check that they leave nothing behind. With
// arguments it runs only these AVA tests: npm test -- test/unit test/tools/abi/abi.test.ts
// --match 'a title, with * for anything'
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { withLeakCheck } from './leak-check.mjs';
import { Tally } from './support/closing-line.mjs';
import { runAva } from './support/run-ava.mjs';
import { Problem, main, root } from './support/run.mjs';
import { TestReport, summaryLines } from './support/test-report.mjs';
import { testNative } from './test-native.mjs';

/** Number of files that run at a time. Files in a folder `alone` measure time, and run alone. */
const SIDE_BY_SIDE_MAX = 3;

/** Returns the test files of the paths; a path is a file or a folder. */
function testFiles(paths) {
  return paths
    .flatMap((path) => {
      const status = statSync(join(root, path), { throwIfNoEntry: false });
      if (status === undefined) throw new Problem(`There is no ${path}`);
      if (!status.isDirectory()) return [path];
      const files = readdirSync(join(root, path), { recursive: true });
      return files.filter((file) => file.endsWith('.test.ts')).map((file) => join(path, file));
    })
    .sort();
}

/** Runs AVA tests and their leak check, which counts as a test. */
export async function testNode(report, paths = ['test'], options = []) {
  const files = testFiles(paths);
  report.expect(files.length);
  const { leftovers } = await withLeakCheck(async (environment) => {
    const isAlone = (file) => file.includes('/alone/');
    const sideBySide = files.filter((file) => !isAlone(file));
    const settings = { environment, options, concurrency: SIDE_BY_SIDE_MAX };
    await runAva(report, sideBySide, settings);
    await runAva(report, files.filter(isAlone), { ...settings, concurrency: 1 });
  });
  if (leftovers.length === 0) report.pass();
  else report.fail('leak check', undefined, leftovers.join('\n'));
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(async () => {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: { match: { type: 'string', multiple: true, default: [] } },
    });
    const report = new TestReport('test');
    const isAll = positionals.length === 0 && values.match.length === 0;
    if (isAll) await testNative(report);
    const match = values.match.map((pattern) => `--match=${pattern}`);
    await testNode(report, positionals.length === 0 ? ['test'] : positionals, match);
    const { passed, failed, skipped, failures, skips } = report.close();
    for (const line of summaryLines(failures, skips)) console.log(line);
    const tally = new Tally();
    tally.add(passed, failed, skipped);
    tally.close();
  });
}
