/** Runs programs of test/programs as child processes that end with their test. */
import { fork, type ChildProcess, type ForkOptions } from 'node:child_process';
import { once } from 'node:events';
import type { ExecutionContext } from 'ava';
import { until } from './deadlines.js';
import { testProgram } from './paths.js';

/** Starts test/programs/NAME.ts. */
export function forkProgram(
  t: ExecutionContext,
  name: string,
  args: readonly string[],
  options: ForkOptions = {},
): ChildProcess {
  const child = fork(testProgram(name), args, options);
  t.teardown(() => child.kill('SIGKILL'));
  return child;
}

/** Starts test/programs/NAME.ts, and waits for its first message, which says that it is ready. */
export async function startProgram(...args: Parameters<typeof forkProgram>): Promise<ChildProcess> {
  const child = forkProgram(...args);
  await once(child, 'message');
  return child;
}

/** A program that answers every message with a report. */
export class ReportingProgram<Report> {
  private constructor(readonly child: ChildProcess) {}

  static async start<Report>(
    ...args: Parameters<typeof forkProgram>
  ): Promise<ReportingProgram<Report>> {
    return new ReportingProgram<Report>(await startProgram(...args));
  }

  /** Returns a new report. */
  async report(): Promise<Report> {
    const answer = once(this.child, 'message');
    this.child.send('report');
    return ((await answer) as [Report])[0];
  }

  /** Waits until a report meets the condition, and returns this report. */
  async until(condition: (report: Report) => boolean): Promise<Report> {
    let report = await this.report();
    await until(
      async () => condition(report) || condition((report = await this.report())),
      () => JSON.stringify(report),
    );
    return report;
  }
}
