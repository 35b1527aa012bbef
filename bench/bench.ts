/**
 * `npm run bench`: measures LiteIPC and comparable transports, and prints tables.
 *
 * Every case runs in fresh processes. A round runs all cases once, and each round starts with a
 * different case, so that a drift of the machine affects all cases equally.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CaseFailure, runCase, type Cpus, type Durations, type Measurement } from './execute.js';
import { gatherFacts, usableCpus } from './facts.js';
import { groups, placements, plan, rows, type Case } from './plan.js';
import { factsText, legendText, tablesText, targetsText } from './print.js';
import { Results } from './summary.js';
import { distance, targets } from './targets.js';

const HELP = `Usage: npm run bench -- [options]

Compares LiteIPC with other transports, in C and in Node.

  --quick          one short round for a first impression (about 20 s)
  --only TEXT      only rows whose name contains TEXT; may be given several times or with commas,
                   e.g. --only node.one,c.round-trip.pipe or --only liteipc.cross
  --list           print the names that --only matches, and exit
  --rounds N       maximum number of rounds (default 5)
  --seconds N      start no round that would exceed this time (default 160)
  --cpus A,B       client and server CPU (default: the first two this process may use)
  --json FILE      also write all measurements to FILE
  --help           print this text
`;

const DEFAULT_ROUNDS = 5;
const DEFAULT_SECONDS = 160;
const FULL: Durations = { nativeMs: 300, nodeMs: 400 };
const QUICK: Durations = { nativeMs: 60, nodeMs: 150 };

class UsageError extends Error {}

interface Settings {
  readonly cases: readonly Case[];
  /** True if `--only` does not restrict the rows. */
  readonly whole: boolean;
  readonly rounds: number;
  readonly seconds: number;
  readonly durations: Durations;
  readonly cpus: Cpus;
  readonly json: string | undefined;
}

interface Failure {
  readonly rows: readonly string[];
  readonly placement: string;
  readonly round: number;
  readonly reason: string;
}

function positiveInteger(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new UsageError(`${option} expects an integer of at least 1, but got "${text}"`);
  }
  return value;
}

function chooseCpus(text: string | undefined): Cpus {
  const usable = usableCpus();
  const chosen = text === undefined ? usable.slice(0, 2) : text.split(',').map(Number);
  const [client, server = client] = chosen;
  if (
    client === undefined ||
    server === undefined ||
    !chosen.every((cpu) => usable.includes(cpu))
  ) {
    throw new UsageError(`--cpus expects two of ${usable.join(', ')}, but got "${text}"`);
  }
  return { client: String(client), server: String(server) };
}

function chooseCases(only: readonly string[], cpus: Cpus): Case[] {
  const all = plan(only.flatMap((text) => text.split(',')).filter((text) => text !== ''));
  const cases = cpus.client === cpus.server ? all.filter((one) => one.placement !== 'cross') : all;
  if (cases.length < all.length) {
    console.error('Only one CPU is usable: the cross cases are skipped.');
  }
  if (cases.length === 0) {
    throw new UsageError(`--only ${only.join(',')} matches no row; see --list`);
  }
  return cases;
}

function readSettings(): Settings | undefined {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      list: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string', default: String(DEFAULT_SECONDS) },
      cpus: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return undefined;
  }
  if (values.list) {
    const names = plan([]).flatMap((one) => one.rows.map(({ row }) => `${row}.${one.placement}`));
    console.log(names.join('\n'));
    return undefined;
  }
  const cpus = chooseCpus(values.cpus);
  const rounds = values.rounds ?? String(values.quick ? 1 : DEFAULT_ROUNDS);
  return {
    cases: chooseCases(values.only, cpus),
    whole: values.only.length === 0,
    rounds: positiveInteger('--rounds', rounds),
    seconds: positiveInteger('--seconds', values.seconds),
    durations: values.quick ? QUICK : FULL,
    cpus,
    json: values.json,
  };
}

/**
 * Returns the order of a round's cases: each round starts at another case, and every second round
 * runs backwards.
 */
function orderOf(cases: readonly Case[], round: number): Case[] {
  const from = (round * 7) % cases.length;
  const turned = [...cases.slice(from), ...cases.slice(0, from)];
  return round % 2 === 0 ? turned : turned.reverse();
}

function progress(text: string): void {
  if (process.stderr.isTTY) {
    process.stderr.write(`\r\x1b[K${text}`);
  }
}

async function runRound(
  settings: Settings,
  round: number,
  measurements: Measurement[],
  failures: Failure[],
): Promise<void> {
  for (const [index, one] of orderOf(settings.cases, round).entries()) {
    const names = one.rows.map(({ row }) => row);
    progress(
      `round ${round + 1} of ${settings.rounds}, ${index + 1} of ${settings.cases.length}: ` +
        `${names[0] ?? ''} ${one.placement}`,
    );
    try {
      measurements.push(...(await runCase(one, round, settings.cpus, settings.durations)));
    } catch (error) {
      if (!(error instanceof CaseFailure)) {
        throw error;
      }
      failures.push({ rows: names, placement: one.placement, round, reason: error.message });
    }
  }
}

async function main(): Promise<number> {
  const settings = readSettings();
  if (settings === undefined) {
    return 0;
  }
  const start = performance.now();
  const startedAt = new Date().toISOString();
  const facts = await gatherFacts(settings.cpus);
  console.log(`${factsText(facts)}\n`);

  const measurements: Measurement[] = [];
  const failures: Failure[] = [];
  let round = 0;
  let longest = 0;
  const elapsed = (): number => (performance.now() - start) / 1000;
  while (round < settings.rounds && elapsed() + longest <= settings.seconds) {
    const before = elapsed();
    await runRound(settings, round, measurements, failures);
    longest = Math.max(longest, elapsed() - before);
    round++;
  }
  progress('');

  const results = new Results(measurements);
  const reached = targets(results);
  console.log(`${tablesText(results)}\n`);
  // A run of selected rows prints only the targets that it measured. A full run prints all targets.
  const shown = settings.whole ? reached : reached.filter(({ measured }) => measured !== undefined);
  if (shown.length > 0) {
    console.log(`${targetsText(shown)}\n`);
  }
  console.log(`${legendText(results)}\n`);
  for (const { rows: names, placement, round: at, reason } of failures) {
    console.log(`FAILED in round ${at + 1}: ${names.join(', ')} (${placement}): ${reason}`);
  }
  console.log(`bench: ${round} rounds, ${elapsed().toFixed(0)} s, ${failures.length} failed`);

  if (settings.json !== undefined) {
    const summaries = rows.flatMap(({ id }) =>
      placements.flatMap((placement) => results.summary(id, placement) ?? []),
    );
    const withDistance = reached.map((target) => ({ ...target, distance: distance(target) }));
    const { durations } = settings;
    const report = { startedAt, facts, rounds: round, durations, groups, rows };
    const all = { ...report, summaries, targets: withDistance, measurements, failures };
    writeFileSync(settings.json, `${JSON.stringify(all, null, 2)}\n`);
  }
  return failures.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  const misuse =
    error instanceof UsageError ||
    (error instanceof TypeError &&
      'code' in error &&
      String(error.code).startsWith('ERR_PARSE_ARGS'));
  if (!misuse) {
    throw error;
  }
  console.error(`${error.message}\n\n${HELP}`);
  process.exitCode = 2;
}
