/**
 * Runs programs that test something and may hang or crash. They report their progress as lines of
 * JSON.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The end of a probe. */
export interface ProbeResult {
  /** The lines that it printed, in order. */
  readonly lines: readonly unknown[];
  /** Empty if the probe ended by itself and successfully. */
  readonly failure: string;
  /** The code of the error or the signal that ended it; `timeout` if it was killed. */
  readonly code: string;
}

const OUTPUT_MAX = 100_000;

/** Prints one line. Used by the probe programs. */
export function sayLine(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Extracts the name, message and code from Node's output of an uncaught error. */
function readFailure(errors: string): { failure: string; code: string } {
  const lines = errors.split('\n');
  const failure = lines.find((line) => /^\s*\w*Error\b/.test(line)) ?? lines[0] ?? '';
  const code = /^\s+code: '(\w+)'/m.exec(errors)?.[1] ?? /\((E[A-Z]+)\)/.exec(failure)?.[1] ?? '';
  return {
    failure: failure.replace(/^[^:]*: (?:liteipc: )?/, '') || 'it ended without a word',
    code,
  };
}

/** Runs one of this folder's programs. It is killed after `timeoutMs` or when the signal aborts. */
export function runProbe(
  program: string,
  args: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const file = fileURLToPath(new URL(`./${program}.js`, import.meta.url));
  const child = spawn(process.execPath, [file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    signal,
  });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (output.length < OUTPUT_MAX) output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (errors.length < OUTPUT_MAX) errors += text;
  });
  const started = performance.now();
  return new Promise((resolve) => {
    let startError: string | undefined;
    child.once('error', (error) => (startError = error.message));
    child.once('close', (status, killer) => {
      const lines: unknown[] = output
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as unknown);
      const result = (failure: string, code: string): void => resolve({ lines, failure, code });
      if (status === 0) result('', '');
      else if (startError !== undefined) result(startError, '');
      else if (performance.now() - started >= timeoutMs) {
        result(`it did not get on within ${timeoutMs / 1000} s`, 'timeout');
      } else if (killer !== null) result(`it was ended by ${killer}`, killer);
      else {
        const { failure, code } = readFailure(errors);
        result(failure, code);
      }
    });
  });
}
