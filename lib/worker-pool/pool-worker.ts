/** Controls one worker of a pool, from its start to its end. */
import { Worker } from 'node:worker_threads';
import { LiteIpcError, asError } from '../common/errors.js';
import type { WorkerOrder, WorkerReport, WorkerStart } from './messages.js';

/** Time that a worker has to end by itself after the drain of its calls, ms. */
const END_MAX_MS = 1000;

/** A worker that serves. */
export class PoolWorker {
  /** Resolves when the worker has ended, to the reason. */
  readonly ended: Promise<Error>;
  readonly #worker: Worker;
  #left: number | undefined;

  private constructor(start: WorkerStart) {
    this.#worker = new Worker(new URL('./worker-entry.js', import.meta.url), {
      workerData: start,
      name: `liteipc ${start.name} ${start.worker}`,
    });
    const about = `Worker ${start.worker} of "${start.name}"`;
    let reason: Error | undefined;
    this.#worker.on('error', (error) => {
      reason = asError(error);
    });
    this.#worker.on('message', (message: WorkerReport) => {
      if (message.kind === 'drained') this.#left = message.left;
    });
    this.ended = new Promise((resolve) => {
      this.#worker.once('exit', (status) => {
        const why = reason === undefined ? `it ended with status ${status}` : reason.message;
        resolve(new LiteIpcError('EPIPE', `${about}: ${why} (EPIPE)`, { cause: reason }));
      });
    });
  }

  /**
   * Starts a worker. Resolves when its service can be called. Rejects with an error that names the
   * worker.
   */
  static async start(
    start: WorkerStart,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<PoolWorker> {
    const about = `Worker ${start.worker} of "${start.name}"`;
    const worker = new PoolWorker(start);
    let timer: NodeJS.Timeout | undefined;
    let stop = (): void => undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        worker.#worker.on('message', (message: WorkerReport) => {
          if (message.kind === 'ready') resolve();
          if (message.kind !== 'failed') return;
          const { error, code = 'EREMOTE' } = message;
          reject(new LiteIpcError(code, `${about}: ${error.message}`, { cause: error }));
        });
        void worker.ended.then(reject);
        timer = setTimeout(() => {
          const text = `${about} did not start within ${timeoutMs} ms (ETIME)`;
          reject(new LiteIpcError('ETIME', text));
        }, timeoutMs);
        stop = () =>
          reject(new LiteIpcError('ECANCELED', `${about}: the pool was disposed (ECANCELED)`));
        signal.addEventListener('abort', stop);
        if (signal.aborted) stop();
      });
      return worker;
    } catch (error) {
      await worker.terminate();
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
  }

  /**
   * Drains the worker's calls and ends the worker. Resolves to the number of calls that were not
   * answered.
   */
  async drain(timeoutMs: number): Promise<number> {
    const order: WorkerOrder = { drainMs: timeoutMs };
    this.#worker.postMessage(order);
    let timer: NodeJS.Timeout | undefined;
    if (timeoutMs !== Infinity) {
      timer = setTimeout(() => void this.terminate(), timeoutMs + END_MAX_MS);
    }
    await this.ended;
    clearTimeout(timer);
    // A worker that sent no report was blocked in a call.
    return this.#left ?? 1;
  }

  /** Terminates the worker, even during a call. Resolves when it has ended. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }
}
