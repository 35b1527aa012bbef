/** One worker of a pool: from its start to its end. */
import { Worker } from 'node:worker_threads';
import { LiteIpcError, asError } from '../common/errors.js';
import type { WorkerOrder, WorkerReport, WorkerStart } from './messages.js';

/** How much longer than its calls a worker may take to end by itself, ms. */
const END_MAX_MS = 1000;

/** A worker that serves. */
export class PoolWorker {
  /** Resolves when it is gone, to why. */
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

  /** Starts a worker; resolves when its service can be called. Rejects, naming the worker. */
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
        stop = () => {
          reject(new LiteIpcError('ECANCELED', `${about}: the pool was disposed (ECANCELED)`));
        };
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

  /** Lets it finish its calls. Resolves when it is gone, to how many were not answered. */
  async drain(timeoutMs: number): Promise<number> {
    const order: WorkerOrder = { drainMs: timeoutMs };
    this.#worker.postMessage(order);
    let timer: NodeJS.Timeout | undefined;
    if (timeoutMs !== Infinity) {
      timer = setTimeout(() => void this.terminate(), timeoutMs + END_MAX_MS);
    }
    await this.ended;
    clearTimeout(timer);
    // One that could not even say so was in the middle of a call.
    return this.#left ?? 1;
  }

  /** Ends it wherever it is. Resolves when it is gone. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }
}
