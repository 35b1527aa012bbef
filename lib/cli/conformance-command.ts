/** Implements `liteipc conformance`: runs scenarios and reports steps whose result differs. */
import { Command, Option } from 'commander';
import { writeBoard } from '../conformance/board.js';
import { inOneProcess, inProcesses, onDevice, type Engine } from '../conformance/engine.js';
import { formatComplaint } from '../common/json-source.js';
import { findScenarioFiles, loadScenarios } from '../conformance/load.js';
import * as report from '../conformance/report.js';
import { runScenarios, type Outcome } from '../conformance/run.js';
import type { Scenario, Target } from '../conformance/scenario.js';
import { compileTable } from '../conformance/table.js';
import { UsageError } from '../common/usage-error.js';
import { readNumber } from './option-readers.js';

interface ConformanceOptions {
  readonly target: Target;
  readonly device?: string;
  readonly processes?: true;
  readonly json?: true;
  readonly tap?: true;
  readonly jobs: number;
  readonly board?: string;
}

/**
 * Default number of concurrent scenarios. With 24 the run takes as long as its longest scenario.
 */
const defaultJobs = 24;
const jobsMax = 256;

/** Reads the scenarios. Reports all malformed files before anything is run. */
function load(paths: readonly string[], target: Target): readonly Scenario[] {
  let loaded: ReturnType<typeof loadScenarios>;
  try {
    loaded = loadScenarios(findScenarioFiles(paths), target);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const { scenarios, complaints } = loaded;
  if (complaints.length === 0) return scenarios;
  for (const complaint of complaints) process.stderr.write(`${formatComplaint(complaint)}\n`);
  const files = new Set(complaints.map(({ file }) => file)).size;
  throw new UsageError(`${files} malformed ${files === 1 ? 'file' : 'files'}; nothing was run`);
}

function chooseEngine({ device, processes }: ConformanceOptions): Engine {
  if (device !== undefined) return onDevice(device);
  return processes ? inProcesses() : inOneProcess();
}

const print = (text: string): void => void process.stdout.write(`${text}\n`);

/**
 * Aborts `body` on SIGINT, SIGTERM and SIGHUP, cleans up, and then ends as the signal would have.
 * Aborts as well when the reader of the output has gone.
 */
async function untilSignal<T>(body: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let received: NodeJS.Signals | undefined;
  const onSignal = (name: NodeJS.Signals): void => {
    received ??= name;
    controller.abort(new Error(`ended by ${name}`));
  };
  // Never removed: the last output may fail after the end of the run.
  process.stdout.on('error', () =>
    controller.abort(new Error('the reader of the output has gone')),
  );
  const names: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const name of names) process.on(name, onSignal);
  try {
    return await body(controller.signal);
  } finally {
    for (const name of names) process.off(name, onSignal);
    if (received !== undefined) process.kill(process.pid, received);
  }
}

async function run(paths: readonly string[], options: ConformanceOptions): Promise<void> {
  const { target, json, tap, board } = options;
  // On one device all scenarios share one system, so they run one at a time.
  const jobs = options.device === undefined ? options.jobs : 1;
  const scenarios = load(paths, target);
  if (board !== undefined) {
    try {
      writeBoard(board, scenarios, target);
    } catch (error) {
      throw new UsageError(error instanceof Error ? error.message : String(error));
    }
    print(`${board}: ${scenarios.length} scenarios for the target ${target}; see README.md there`);
    return;
  }
  let number = 0;
  const onOutcome = (outcome: Outcome): void => {
    number += 1;
    if (json === undefined)
      print(tap ? report.formatTapPoint(outcome, number) : report.formatLine(outcome));
  };
  const engine = chooseEngine(options);
  if (tap) print(report.formatTapHead(scenarios.length));
  const outcomes = await untilSignal((signal) =>
    runScenarios(scenarios, { target, engine, compile: compileTable, jobs, onOutcome, signal }),
  );
  const counts = report.countOutcomes(outcomes);
  if (json) print(JSON.stringify(report.toDocument(outcomes, target), null, 2));
  else if (tap) print(`# ${report.formatCounts(counts)}`);
  else print(report.formatCounts(counts));
  if (counts.failed > 0) process.exitCode = 1;
}

export function conformanceCommand(): Command {
  return new Command('conformance')
    .summary('run conformance scenarios')
    .description(
      'Runs scenarios and compares the result of every step with the behaviour of the kernel.',
    )
    .argument('<FILE|DIR...>', 'scenario files, or folders with .json files')
    .addOption(
      new Option('--target <target>', "rules to compare with: the port's or the kernel's")
        .choices(['port', 'kernel'])
        .default('port'),
    )
    .addOption(
      new Option('--device <path>', 'run on an existing device, such as /dev/lite_ipc').conflicts(
        'processes',
      ),
    )
    .option('--processes', 'use one OS process for each process of a scenario')
    .addOption(new Option('--json', 'print one JSON document').conflicts('tap'))
    .option('--tap', 'print TAP version 14')
    .option(
      '--jobs <n>',
      'number of scenarios that run at a time',
      readNumber(1, jobsMax),
      defaultJobs,
    )
    .addOption(
      new Option(
        '--board <dir>',
        'do not run: write the scenarios and their runner as C for a board',
      ).conflicts(['json', 'tap', 'processes', 'device']),
    )
    .addHelpText(
      'after',
      `
Exit status: 0 none failed, 1 some failed, 2 wrong usage or a malformed file.

Examples:
  $ npx liteipc conformance test/conformance
  $ npx liteipc conformance --processes --tap my-scenarios/reply.json
  $ npx liteipc conformance --target kernel --device /dev/lite_ipc test/conformance/recorded
  $ npx liteipc conformance --target kernel --board board test/conformance/recorded`,
    )
    .action(run);
}
