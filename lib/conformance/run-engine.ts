/** Runs one scenario in a separate process and reads its report. */
import { spawn } from 'node:child_process';
import type { PreparedEngine } from './engine.js';
import type { Scenario, Step } from './scenario.js';

/** The report that the engine prints. */
export interface EngineReport {
  readonly result: 'passed' | 'failed' | 'skipped' | 'error';
  /** Number of the step whose result differs. Absent if no step is at fault. */
  readonly step?: number;
  readonly wanted?: string;
  readonly came?: string;
  /** The reason, if `wanted` and `came` do not state it. */
  readonly message?: string;
  /** Number of checks that the implementation cannot make, such as the pool's use. */
  readonly notChecked?: number;
}

/** A step that blocks longer fails, as the format specifies, ms. */
const blockMax = 15_000;
/** `pool` is retried for this time, ms. */
const poolMax = 1000;
/** Time to start and end the processes on a busy machine, ms. */
const reserve = 20_000;

const outputMax = 1 << 20;
const errorOutputMax = 4096;

function stepTime({ action, task, start }: Step): number {
  switch (action.do) {
    case 'sleep':
      return action.ms;
    case 'pool':
      return poolMax;
    case 'msg':
    case 'join':
      return blockMax;
    default:
      return task === undefined || start === undefined ? 0 : blockMax;
  }
}

/**
 * Returns the time limit of a scenario in ms. Every step may block as long as the format allows.
 */
export function timeLimit(scenario: Scenario): number {
  return scenario.steps.reduce((sum, step) => sum + stepTime(step), reserve);
}

const isText = (value: unknown): value is string | undefined =>
  value === undefined || typeof value === 'string';
const isCount = (value: unknown): value is number | undefined =>
  value === undefined || (Number.isSafeInteger(value) && Number(value) >= 0);

/** Checks the shape of the report, because the engine is another program and may be broken. */
function readReport(output: string): EngineReport | undefined {
  let report: Partial<Record<keyof EngineReport, unknown>> | null;
  try {
    report = JSON.parse(output) as typeof report;
  } catch {
    return undefined;
  }
  if (typeof report !== 'object' || report === null) return undefined;
  const { result, step, wanted, came, message, notChecked } = report;
  const results: readonly unknown[] = ['passed', 'failed', 'skipped', 'error'];
  const isSound =
    results.includes(result) &&
    [wanted, came, message].every(isText) &&
    [step, notChecked].every(isCount);
  return isSound ? (report as EngineReport) : undefined;
}

/** Returns the end of a stream's text. */
function tail(text: string): string {
  const trimmed = text.trim();
  return trimmed === '' ? '' : `; it said: ${trimmed.slice(-500)}`;
}

/**
 * Time that the engine may spend on clean-up, or that its children may keep its output open after
 * its end, ms.
 */
const grace = 2000;

/**
 * Runs `table` and resolves to the report. An engine that crashes, hangs or prints no report gives
 * an `error`. Rejects only with the reason of `signal`, after the engine was killed and has ended.
 */
export async function runEngine(
  engine: PreparedEngine,
  table: Uint32Array,
  limit: number,
  signal?: AbortSignal,
): Promise<EngineReport> {
  signal?.throwIfAborted();
  const child = spawn(engine.program, engine.args, {
    // A process group of its own, so that it can be ended with all its processes.
    detached: true,
    env: { ...process.env, ...engine.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let output = '';
  let errorOutput = '';
  let killedBecause: string | undefined;
  let isOver = child.pid === undefined;
  let graceTimer: NodeJS.Timeout | undefined;
  // The engine leads a process group. While one of its processes holds the output open, the kernel
  // does not reuse the group's number.
  const signalGroup = (name: NodeJS.Signals): void => {
    if (isOver || child.pid === undefined) return;
    try {
      process.kill(-child.pid, name);
    } catch {
      // It has just ended.
    }
  };
  // SIGTERM lets the engine clean up. An engine that ignores it is killed.
  const kill = (reason: string): void => {
    if (killedBecause !== undefined) return;
    killedBecause = reason;
    signalGroup('SIGTERM');
    graceTimer = setTimeout(() => {
      signalGroup('SIGKILL');
      child.stdout.destroy();
      child.stderr.destroy();
    }, grace);
  };
  const onAbort = (): void => kill('the run was ended');
  signal?.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(() => kill(`it did not end within ${limit / 1000} s`), limit);
  try {
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
      if (output.length > outputMax) kill('it printed more than a report');
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      errorOutput = (errorOutput + chunk).slice(-errorOutputMax);
    });
    // The engine may end without reading everything. Its report says more than the broken pipe.
    child.stdin.on('error', () => undefined);
    child.stdin.end(Buffer.from(table.buffer, table.byteOffset, table.byteLength));

    const end = await new Promise<string | undefined>((resolve) => {
      child.once('error', (error) => resolve(`${engine.program}: ${error.message}`));
      child.once('exit', () => {
        graceTimer ??= setTimeout(() => kill('it left processes behind'), grace);
      });
      child.once('close', (code, exitSignal) => {
        isOver = true;
        if (exitSignal !== null) resolve(`the engine ended with ${exitSignal}`);
        else resolve(code === 0 || code === 1 ? undefined : `the engine ended with status ${code}`);
      });
    });
    signal?.throwIfAborted();
    if (killedBecause !== undefined) {
      const message = `the engine was killed: ${killedBecause}${tail(errorOutput)}`;
      return { result: 'error', message };
    }
    const report = readReport(output);
    if (report !== undefined && (end === undefined || report.result === 'error')) return report;
    const message = end ?? 'the engine printed no report';
    return { result: 'error', message: `${message}${tail(errorOutput)}` };
  } finally {
    clearTimeout(timer);
    clearTimeout(graceTimer);
    signal?.removeEventListener('abort', onAbort);
  }
}
