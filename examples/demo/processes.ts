/** Starts the demo's processes, exchanges messages with them, and ends them in every case. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Order, Report } from './messages.js';

/** Longest time until a process reports or ends, ms. */
const REPORT_MAX_MS = 60_000;

/** One process of the demo. */
export class DemoProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #reports: Report[] = [];
  #waiting: (() => void) | undefined;
  #end: string | undefined;
  #killed = false;

  constructor(name: string) {
    this.name = name;
    this.#child = fork(fileURLToPath(new URL(`./${name}.js`, import.meta.url)));
    this.#child.on('message', (report: Report) => {
      this.#reports.push(report);
      this.#waiting?.();
    });
    this.#child.on('exit', (status, signal) => {
      this.#end = signal ?? `status ${status ?? '?'}`;
      this.#waiting?.();
    });
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`${this.name} could not be started`);
    return this.#child.pid;
  }

  /** Sends an order to the process. */
  order(order: Order): void {
    this.#child.send(order);
  }

  /** The next report, which must be of this type. */
  async report<Type extends Report['type']>(type: Type): Promise<Extract<Report, { type: Type }>> {
    const deadline = performance.now() + REPORT_MAX_MS;
    while (this.#reports.length === 0) {
      if (this.#end !== undefined) throw new Error(`${this.name} exited early (${this.#end})`);
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`no report from ${this.name}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const report = this.#reports.shift();
    if (report?.type !== type) {
      throw new Error(`${this.name}: expected ${type}, got ${JSON.stringify(report)}`);
    }
    return report as Extract<Report, { type: Type }>;
  }

  /** Kills the process at once, as `kill -9` does. */
  async kill(): Promise<void> {
    this.#killed = true;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  /** Asks the process to end and checks that it does so with status 0. */
  async stop(): Promise<void> {
    if (this.#killed) return;
    this.order({ type: 'stop' });
    await this.ended();
  }

  /** Waits for the end, which must be a good one. */
  async ended(): Promise<void> {
    if (this.#end === undefined) {
      await once(this.#child, 'exit', { signal: AbortSignal.timeout(REPORT_MAX_MS) });
    }
    if (this.#end !== 'status 0') throw new Error(`${this.name} exited with ${this.#end ?? '?'}`);
  }

  /** The last resort, when the demo fails. */
  destroy(): void {
    if (this.#end === undefined) this.#child.kill('SIGKILL');
  }
}
