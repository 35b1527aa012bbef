/** Serves a contract in a pool of worker threads. */
import { pathToFileURL } from 'node:url';
import {
  checkDomainName,
  checkFunction,
  checkInteger,
  checkObject,
  checkTimeout,
  unexpected,
} from '../common/arguments.js';
import { checkContract, type Contract } from '../contract/contract.js';
import { drainTimeout, type DrainOptions } from '../device/exposed.js';
import { limitsOf } from '../device/expose-options.js';
import { PoolWorker } from './pool-worker.js';
import { INSTANCES_MAX } from '../registry/protocol.js';
import type { WorkerStart } from './messages.js';
import { defined } from '../common/values.js';

const START_DEFAULT_MS = 30_000;
/**
 * Delay before the first replacement of a worker that ended, ms. It doubles with each further one.
 */
const RESTART_FIRST_MS = 100;
const RESTART_MAX_MS = 10_000;

/** Options of {@link exposeInWorkers}. */
export interface WorkerPoolOptions {
  /** Name of the domain, or the absolute path of its socket. */
  readonly domain: string;
  /** Bytes that each sender may have pending in each worker. Default: the domain's. */
  readonly poolSize?: number;
  /** The option of `openDevice`. */
  readonly spinNs?: number;
  /** The option of `expose`, for each worker. */
  readonly concurrency?: number;
  /** The option of `expose`, for each worker. */
  readonly queue?: number;
  /** Argument of the function that makes the implementation; copied as by `postMessage`. */
  readonly data?: unknown;
  /** Time in which a worker must serve, ms. Default 30,000. */
  readonly startTimeoutMs?: number;
  /**
   * True if a worker that ends is replaced. The delay is 100 ms and doubles up to 10,000 ms while
   * replacements end soon. Default true.
   */
  readonly restart?: boolean;
  /** Receives the reason when a worker ends or cannot be replaced. Default: a process warning. */
  readonly onWorkerEnd?: (error: Error, worker: number) => void;
}

/** A service in worker threads. Disposing ends the workers; pending calls fail with EPIPE. */
export interface WorkerPool extends AsyncDisposable {
  /** The contract that the pool serves. */
  readonly contract: Contract;
  /** Number of workers that serve at the moment. */
  readonly size: number;
  /**
   * Drains all workers as {@link Exposed.drain} and ends them. Resolves to the number of calls that
   * were not answered; a worker that is still computing counts as one.
   */
  drain(options?: DrainOptions): Promise<number>;
  /** Ends the workers. Resolves when they have ended. */
  dispose(): Promise<void>;
}

function checkUrl(url: unknown): string {
  if (url instanceof URL) return url.href;
  if (typeof url === 'string' && url.startsWith('/')) return pathToFileURL(url).href;
  if (typeof url === 'string' && url.startsWith('file:')) return url;
  throw unexpected('a URL or an absolute path', 'the module of exposeInWorkers', url);
}

/** Returns the start data of the workers; only the worker's number is missing. */
function startOf(contract: Contract, url: string, options: WorkerPoolOptions): WorkerStart {
  const { domain, poolSize, spinNs, concurrency, queue, data } = options;
  const methods = Object.entries(contract.methods);
  const isPlain = methods.every(
    ([, { input, output, inputParcel, outputParcel }]) =>
      (input ?? output ?? inputParcel ?? outputParcel) === undefined,
  );
  return {
    url,
    name: contract.name,
    hash: contract.hash,
    kinds: isPlain ? methods.map(([name, { kind }]) => [name, kind] as const) : undefined,
    worker: 0,
    data,
    device: { domain, ...defined({ poolSize, spinNs }) },
    expose: defined({ concurrency, queue }),
  };
}

class Pool implements WorkerPool {
  readonly contract: Contract;
  readonly #start: WorkerStart;
  readonly #startTimeoutMs: number;
  readonly #restart: boolean;
  readonly #onWorkerEnd: (error: Error, worker: number) => void;
  /** Workers that serve, by number. */
  readonly #workers = new Map<number, PoolWorker>();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Workers that are starting. The end of the pool waits for them. */
  readonly #starting = new Set<Promise<unknown>>();
  readonly #ending = new AbortController();
  #drained: Promise<number> | undefined;

  constructor(contract: Contract, url: string, options: WorkerPoolOptions) {
    this.contract = contract;
    this.#start = startOf(contract, url, options);
    this.#startTimeoutMs = options.startTimeoutMs ?? START_DEFAULT_MS;
    this.#restart = options.restart ?? true;
    this.#onWorkerEnd =
      options.onWorkerEnd ?? ((error) => process.emitWarning(error.message, 'LiteIpcWarning'));
  }

  get size(): number {
    return this.#workers.size;
  }

  async start(count: number): Promise<void> {
    const numbers = Array.from({ length: count }, (_, index) => index + 1);
    const outcomes = await Promise.allSettled(
      numbers.map((number) => this.#startWorker(number, RESTART_FIRST_MS)),
    );
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed === undefined) return;
    await this.dispose();
    throw failed.reason;
  }

  drain(options: DrainOptions = {}): Promise<number> {
    this.#drained ??= this.#drain(drainTimeout(options));
    return this.#drained;
  }

  async dispose(): Promise<void> {
    this.#end();
    await Promise.allSettled(this.#starting);
    await Promise.all([...this.#workers.values()].map((worker) => worker.terminate()));
    this.#workers.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async #drain(timeoutMs: number): Promise<number> {
    this.#end();
    await Promise.allSettled(this.#starting);
    const workers = [...this.#workers.values()];
    const left = await Promise.all(workers.map((worker) => worker.drain(timeoutMs)));
    this.#workers.clear();
    return left.reduce((sum, count) => sum + count, 0);
  }

  /** Prevents further starts of workers. */
  #end(): void {
    this.#ending.abort();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  async #startWorker(number: number, restartMs: number): Promise<void> {
    const starting = PoolWorker.start(
      { ...this.#start, worker: number },
      this.#startTimeoutMs,
      this.#ending.signal,
    );
    this.#starting.add(starting);
    let worker: PoolWorker;
    try {
      worker = await starting;
    } finally {
      this.#starting.delete(starting);
    }
    this.#workers.set(number, worker);
    const since = performance.now();
    void worker.ended.then((error) => {
      if (this.#ending.signal.aborted) return;
      this.#workers.delete(number);
      // Resets the delay for a worker that has served for a while.
      const wasLong = performance.now() - since > RESTART_MAX_MS;
      this.#onEnd(error, number, wasLong ? RESTART_FIRST_MS : restartMs);
    });
  }

  #onEnd(error: Error, number: number, restartMs: number): void {
    if (this.#restart) {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        const nextMs = Math.min(restartMs * 2, RESTART_MAX_MS);
        this.#startWorker(number, nextMs).catch((failed: unknown) => {
          if (!this.#ending.signal.aborted) this.#onEnd(failed as Error, number, nextMs);
        });
      }, restartMs);
      this.#timers.add(timer);
    }
    this.#onWorkerEnd(error, number);
  }
}

/**
 * Exposes a service in `count` worker threads. Each worker imports the module `url`, opens its own
 * device and serves as one of many instances. The module exports, by default or as
 * `implementation`, the implementation or a function `(data, worker) => implementation`, which may
 * be async. If the contract has validators or parcels, the module must also export the contract.
 * Rejects with an error that names the worker if one does not start.
 */
export async function exposeInWorkers(
  contract: Contract,
  url: URL | string,
  count: number,
  options: WorkerPoolOptions,
): Promise<WorkerPool> {
  checkContract(contract, 'the contract of exposeInWorkers');
  const href = checkUrl(url);
  checkInteger(count, 'the number of workers', 1, INSTANCES_MAX);
  checkObject(options, 'the options of exposeInWorkers');
  checkDomainName(options.domain, 'domain');
  const { poolSize, spinNs, concurrency, queue, startTimeoutMs, restart, onWorkerEnd } = options;
  if (poolSize !== undefined) checkInteger(poolSize, 'poolSize', 1, 0x7fff_ffff);
  if (spinNs !== undefined) checkInteger(spinNs, 'spinNs', 0, 1_000_000_000);
  limitsOf(defined({ concurrency, queue }));
  if (startTimeoutMs !== undefined) checkTimeout(startTimeoutMs, 'startTimeoutMs');
  if (restart !== undefined && typeof restart !== 'boolean') {
    throw unexpected('true or false', 'restart', restart);
  }
  if (onWorkerEnd !== undefined) checkFunction(onWorkerEnd, 'onWorkerEnd');
  const pool = new Pool(contract, href, options);
  await pool.start(count);
  return pool;
}
