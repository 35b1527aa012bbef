/** Runs one case in fresh processes and reads its output. */
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Case, Placement } from './plan.js';

/** Holds the result of one row in one round. Times are in ns. */
export interface Measurement {
  readonly row: string;
  readonly placement: Placement;
  readonly round: number;
  readonly count: number;
  readonly perSecond: number;
  readonly medianNs: number;
  readonly p99Ns: number;
}

export interface Cpus {
  readonly client: string;
  readonly server: string;
}

export interface Durations {
  readonly nativeMs: number;
  readonly nodeMs: number;
}

/** A `CaseFailure` says why a case has no result. */
export class CaseFailure extends Error {
  override readonly name = 'CaseFailure';
}

const PROCESS_LIMIT_MS = 20_000;
const here = dirname(fileURLToPath(import.meta.url));

/** The repository's root. This file is compiled to out/bench. */
export const root = join(here, '..', '..');
const nativePrograms = join(root, 'build-bench');

function cpusOf(placement: Placement, cpus: Cpus): Cpus {
  return placement === 'cross' ? cpus : { client: cpus.client, server: cpus.client };
}

/**
 * Returns the most informative line of stderr. Node surrounds it with source text and a stack
 * trace.
 */
function errorLineOf(stderr: string): string {
  const lines = stderr.trim().split('\n');
  return lines.find((line) => /^\w*Error\b/.test(line)) ?? lines[0] ?? '';
}

/** Runs a program until it exits. Rejects with the program's stderr if it fails. */
export function runProgram(file: string, args: readonly string[], env = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = {
      timeout: PROCESS_LIMIT_MS,
      killSignal: 'SIGKILL' as const,
      env: { ...process.env, ...env },
    };
    execFile(file, args, options, (error, stdout, stderr) => {
      if (error === null) {
        resolve(stdout);
      } else {
        const reason = error.killed
          ? `took longer than ${PROCESS_LIMIT_MS / 1000} s`
          : errorLineOf(stderr) || error.message;
        reject(new CaseFailure(reason));
      }
    });
  });
}

/** Runs a C benchmark with each end on its CPU. */
export function runNative(
  program: string,
  args: readonly string[],
  cpus: Cpus,
  milliseconds: number,
): Promise<string> {
  return runProgram(join(nativePrograms, program), [
    ...['--client-cpu', cpus.client, '--server-cpu', cpus.server],
    ...['--milliseconds', String(milliseconds)],
    ...args,
  ]);
}

function runNode(item: Case, cpus: Cpus, milliseconds: number): Promise<string> {
  const program = [
    join(here, 'node', item.program),
    ...item.args,
    ...['--in-flight', item.rows.map(({ inFlight }) => inFlight).join(',')],
    ...['--milliseconds', String(milliseconds), '--server-cpu', cpus.server],
  ];
  if (item.program === 'message_port.js' && item.placement === 'cross') {
    // Both threads belong to one process, so the process gets both CPUs and pins its threads
    // itself.
    const both = `${cpus.client},${cpus.server}`;
    const environment = { BENCH_CLIENT_CPU: cpus.client };
    return runProgram('taskset', ['-c', both, process.execPath, ...program], environment);
  }
  return runProgram('taskset', ['-c', cpus.client, process.execPath, ...program]);
}

type Line = Record<string, unknown>;

function numberOf(line: Line, key: string): number {
  const value = line[key];
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new CaseFailure(`printed no number ${key}: ${JSON.stringify(line)}`);
  }
  return value;
}

function checkCpus(line: Line, cpus: Cpus): void {
  const client = String(line['clientCpus'] ?? line['clientCpu']);
  const server = String(line['serverCpus'] ?? line['serverCpu']);
  if (client !== cpus.client || server !== cpus.server) {
    const wanted = `${cpus.client} and ${cpus.server}`;
    throw new CaseFailure(`ran on CPU ${client} and ${server}, not on ${wanted}`);
  }
}

/** Runs a case once. Rejects with a CaseFailure if the case failed or ran on the wrong CPUs. */
export async function runCase(
  item: Case,
  round: number,
  cpus: Cpus,
  durations: Durations,
): Promise<Measurement[]> {
  const placed = cpusOf(item.placement, cpus);
  const output =
    item.kind === 'native'
      ? await runNative(item.program, item.args, placed, durations.nativeMs)
      : await runNode(item, placed, durations.nodeMs);
  const lines = output
    .split('\n')
    .filter((text) => text !== '')
    .map((text) => JSON.parse(text) as Line);
  return item.rows.map(({ row, inFlight }) => {
    const line = lines.find((candidate) => candidate['inFlight'] === inFlight);
    if (line === undefined) {
      throw new CaseFailure(`printed no result for ${row}`);
    }
    checkCpus(line, placed);
    return {
      row,
      placement: item.placement,
      round,
      count: numberOf(line, 'count'),
      perSecond: numberOf(line, 'perSecond'),
      medianNs: numberOf(line, 'medianNs'),
      p99Ns: numberOf(line, 'p99Ns'),
    };
  });
}
