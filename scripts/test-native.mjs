// Builds and runs the C tests: node scripts/test-native.mjs [--sanitize address|thread] [--require]
// Without --require, the tests are skipped where cmocka is missing.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { buildNative, nativeFolders } from './build.mjs';
import { Tally } from './support/closing-line.mjs';
import { Problem, main, root } from './support/run.mjs';
import { TestReport, summaryLines } from './support/test-report.mjs';

/** Number of programs that run at a time. Most of them wait most of the time. */
const SIDE_BY_SIDE_MAX = 2;

const labels = { none: '', address: ' under ASan and UBSan', thread: ' under TSan' };

/** Adds the tests of a program, whose output is cmocka's, to the report. */
function reportProgram(report, folder, { program, status, output }) {
  const passed = output.match(/^\[ {7}OK \] /gm)?.length ?? 0;
  const skipped = [
    ...output.matchAll(/^\[ RUN {6}\] (\w+)\n((?:(?!\[).*\n)*)\[ {2}SKIPPED \] \1$/gm),
  ];
  const failed = new Set(
    [...output.matchAll(/^\[ {2}FAILED {2}\] (?!\d+ test)(\S+)/gm)].map(([, name]) => name),
  );
  const rerun = `ctest --test-dir ${folder} --output-on-failure -R '^${program}$'`;
  report.pass(passed);
  for (const [, test, lines] of skipped) {
    const [reason = 'no reason given'] = /^needs .*/m.exec(lines) ?? [];
    report.skip(test, program, reason);
  }
  const problems = [...failed];
  if (failed.size === 0 && status !== 'run') problems.push('ended early, or ran too long');
  else if (failed.size + passed + skipped.length === 0) problems.push('ran no test');
  const details = output.replaceAll(/^\[ +(?:RUN|OK) +\].*\n/gm, '');
  for (const problem of problems) {
    report.fail(`${program}: ${problem}`, rerun, problem === problems[0] ? details : '');
  }
}

/** Returns the programs in CTest's JUnit file. */
function readResults(file) {
  const text = readFileSync(file, 'utf8');
  const unescape = (part) =>
    part
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&quot;', '"')
      .replaceAll('&amp;', '&');
  return [...text.matchAll(/<testcase name="([^"]*)"[^>]*?status="(\w+)"(.*?)<\/testcase>/gs)].map(
    ([, program, status, body]) => {
      const [, output = ''] = /<system-out>(.*?)<\/system-out>/s.exec(body) ?? [];
      return { program, status, output: unescape(output) };
    },
  );
}

function testPrograms() {
  return readdirSync(join(root, 'test/native'), { recursive: true })
    .filter((file) => /\/test_\w+\.c$/.test(file))
    .map((file) => basename(file, '.c'));
}

/** Builds and runs the C tests, and adds their results to the report. */
export async function testNative(report, sanitizer = 'none', required = false) {
  const programs = testPrograms();
  report.expect(programs.length);
  report.say(`C tests${labels[sanitizer]}: building ...`);
  if (!buildNative(sanitizer, required)) {
    for (const program of programs) {
      report.skip('all tests', program, 'needs cmocka: apt-get install libcmocka-dev');
    }
    return;
  }
  const folder = nativeFolders[sanitizer];
  const results = join(root, folder, 'results.xml');
  rmSync(results, { force: true });
  const child = spawn(
    'ctest',
    [
      ...['--test-dir', folder, '--output-on-failure', '--no-tests=error'],
      ...['--parallel', String(SIDE_BY_SIDE_MAX)],
      ...['--output-junit', results, '--test-output-size-passed', '10000000'],
      ...['--test-output-size-failed', '10000000'],
    ],
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const closed = new Promise((resolve, reject) => {
    child.once('error', () => reject(new Problem('Cannot run ctest: install CMake')));
    child.once('close', resolve);
  });
  child.stderr.on('data', (data) => report.log(data.toString()));
  const read = async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      report.log(line);
      const [, program] = /^ *\d+\/\d+ Test +#\d+: (\w+) /.exec(line) ?? [];
      if (program !== undefined) report.begin(`${program}${labels[sanitizer]}`);
    }
  };
  const [status] = await Promise.all([closed, read()]);
  const failuresBefore = report.failures.length;
  if (existsSync(results)) {
    for (const result of readResults(results)) reportProgram(report, folder, result);
  }
  if (status !== 0 && report.failures.length === failuresBefore) {
    report.fail(`ctest ended with status ${status}`, undefined);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(async () => {
    const { values } = parseArgs({
      options: { sanitize: { type: 'string', default: 'none' }, require: { type: 'boolean' } },
    });
    if (!(values.sanitize in nativeFolders)) {
      throw new Problem(`--sanitize ${values.sanitize}: expected address or thread`);
    }
    const report = new TestReport('test-native');
    await testNative(report, values.sanitize, values.require);
    const { passed, failed, skipped, failures, skips } = report.close();
    for (const line of summaryLines(failures, skips)) console.log(line);
    const tally = new Tally();
    tally.add(passed, failed, skipped);
    tally.close();
  });
}
