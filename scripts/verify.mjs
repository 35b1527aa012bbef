// npm run verify: everything that must hold, from a clean clone to the closing line. .ci/run
// installs the machine's packages and then runs this. Needs what .ci/run installs, and fails
// without. Steps by their titles: npm run verify -- lint 'C tests'
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, nativeFolders, targets } from './build.mjs';
import { lint } from './lint.mjs';
import { packCheck } from './pack-check.mjs';
import { prebuiltAddon, smoke } from './smoke.mjs';
import { Tally } from './support/closing-line.mjs';
import { Problem, main, root, run, runNode } from './support/run.mjs';
import { TestReport, summaryLines } from './support/test-report.mjs';
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
 * Counts every scenario. `folder` has the programs that run the scenarios, if that is not the
 * folder of the addon.
 */
function conformance(options, folder = '') {
  return () => {
    const command = [join(root, 'dist/cli/liteipc.js'), 'conformance', ...options];
    const { stdout } = runNode([...command, 'test/conformance'], {
      ...{ capture: true, check: false },
      env: { LITEIPC_NATIVE_FILES: folder },
    });
    process.stdout.write(stdout);
    const counts = /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(stdout);
    if (counts === null) throw new Problem('The scenarios were not run to their end');
    const [passed, failed, skipped] = counts.slice(1).map(Number);
    const skips = [...stdout.matchAll(/^skip ([^:]+): (.*)$/gm)].map(([, title, reason]) => ({
      ...{ title, reason },
      file: 'scenarios',
    }));
    return { passed, failed, skipped, skips };
  };
}

/** Runs tests that report to a log of their own. */
function reported(name, body) {
  return async () => {
    const report = new TestReport(name);
    await body(report);
    return report.close();
  };
}

// A step throws, or returns { passed, failed, skipped, failures, skips }, of which the last three
// may be missing, or returns nothing and counts as one that passed.
const steps = {
  'build: addon, library, programs': buildAll('addon', 'lib', 'programs'),
  'build: debug addon': buildAll('addon-debug'),
  lint: () => lint(),
  'C tests': reported('test-native', (report) => testNative(report, 'none', true)),
  'C tests under ASan and UBSan': reported('test-native-asan', (report) =>
    testNative(report, 'address', true),
  ),
  'C tests under TSan': reported('test-native-tsan', (report) =>
    testNative(report, 'thread', true),
  ),
  'AVA tests and leak check': reported('test', (report) => testNode(report)),
  'scenarios in one process': conformance([]),
  'scenarios in processes of their own': conformance(['--processes']),
  'scenarios under ASan and UBSan': conformance([], join(root, nativeFolders.address)),
  'scenarios under TSan': conformance(['--jobs', '8'], join(root, nativeFolders.thread)),
  'package that compiles on installation': () => packCheck(false),
  'build: prebuilt addon': buildAll('prebuild'),
  'package with the prebuilt addon': () => packCheck(true),
  smoke: () => smoke([join(root, targets.addon.output), prebuiltAddon()]),
  'demo in a fresh clone': demoInFreshClone,
};

// One stage after another. The lanes of a stage run side by side, the steps of a lane one after
// another. Tests that state times are alone; beside each other are steps that wait, or use one
// processor, for part of their time.
const stages = [
  [['build: addon, library, programs']],
  [['C tests', 'C tests under ASan and UBSan', 'C tests under TSan']],
  [['AVA tests and leak check']],
  [
    ['lint'],
    [
      ...['scenarios in one process', 'scenarios in processes of their own'],
      ...['scenarios under ASan and UBSan', 'scenarios under TSan'],
      'build: debug addon',
    ],
  ],
  [
    [
      ...['package that compiles on installation', 'build: prebuilt addon'],
      ...['package with the prebuilt addon', 'smoke'],
    ],
    ['demo in a fresh clone'],
  ],
];

const ownPath = fileURLToPath(import.meta.url);

/** Processor time of this process and of its children that have ended, s. */
function processorSeconds() {
  const status = readFileSync('/proc/self/stat', 'utf8');
  // Behind the name, which may have anything in it: the 12th to 15th field, in hundredths of a
  // second.
  const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
}

/** Runs a step in this process, and sends its results and `processorSeconds` to the parent. */
async function runStepHere(title) {
  let result;
  try {
    result = (await steps[title]()) ?? { passed: 1, failed: 0 };
  } catch (error) {
    console.error(error instanceof Problem ? error.message : error);
    result = { passed: 0, failed: 1 };
  }
  if (result.passed + result.failed === 0) {
    console.error(`${title}: nothing was checked`);
    result = { passed: 0, failed: 1 };
  }
  const { passed, failed, skipped = 0, failures = [], skips = [] } = result;
  await new Promise((sent) => {
    const taken = processorSeconds();
    process.send({ passed, failed, skipped, failures, skips, processorSeconds: taken }, sent);
  });
  process.disconnect();
}

/**
 * Runs a step to its end. With `hold` its output is shown when it has ended: another writes
 * meanwhile.
 */
async function runStep(title, hold) {
  const startedAt = Date.now();
  if (!hold) console.log(`\n=== ${title}`);
  const child = fork(ownPath, ['--step', title], {
    stdio: ['ignore', hold ? 'pipe' : 'inherit', hold ? 'pipe' : 'inherit', 'ipc'],
  });
  const output = [];
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (data) => output.push(data));
  let result = { passed: 0, failed: 1, skipped: 0, failures: [], skips: [], processorSeconds: 0 };
  child.on('message', (message) => (result = message));
  const status = await new Promise((resolve) => child.on('close', resolve));
  if (hold) process.stdout.write(`\n=== ${title}\n${Buffer.concat(output).toString()}`);
  if (status !== 0 && result.failed === 0) {
    console.error(`${title}: ended with status ${status}`);
    result.failed = 1;
  }
  return { title, ...result, seconds: (Date.now() - startedAt) / 1000 };
}

async function runStage(lanes) {
  const results = await Promise.all(
    lanes.map(async (titles) => {
      const laneResults = [];
      for (const title of titles) laneResults.push(await runStep(title, lanes.length > 1));
      return laneResults;
    }),
  );
  return results.flat();
}

/** The stages with only the steps of these titles. */
function chosenStages(titles) {
  const unknown = titles.filter((title) => !(title in steps));
  if (unknown.length > 0) {
    throw new Problem(`No step "${unknown[0]}". Steps:\n  ${Object.keys(steps).join('\n  ')}`);
  }
  if (titles.length === 0) return stages;
  const chosen = stages.map((lanes) =>
    lanes.map((lane) => lane.filter((title) => titles.includes(title))),
  );
  return chosen
    .map((lanes) => lanes.filter((lane) => lane.length > 0))
    .filter((lanes) => lanes.length > 0);
}

await main(async () => {
  const [option, ...titles] = process.argv.slice(2);
  if (option === '--step') {
    await runStepHere(titles[0]);
    return;
  }
  const tally = new Tally();
  const summary = [];
  const failures = [];
  const skips = [];
  for (const lanes of chosenStages(process.argv.slice(2))) {
    for (const { title, passed, failed, skipped, ...taken } of await runStage(lanes)) {
      tally.add(passed, failed, skipped);
      failures.push(...taken.failures);
      skips.push(...taken.skips);
      summary.push(
        `${failed === 0 ? 'ok    ' : 'FAILED'} ${title}: ${passed} passed, ${failed} failed, ${skipped} skipped ` +
          `(${taken.seconds.toFixed(0)} s, ${taken.processorSeconds.toFixed(0)} s of processor)`,
      );
    }
  }
  console.log(`\n${[...summary, ...summaryLines(failures, skips)].join('\n')}\n`);
  tally.close();
});
