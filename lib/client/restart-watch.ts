/**
 * Detects when a service that had ended is available again. While there are listeners it repeats
 * lookups in the background. The manager delays its answers, so that a long absence costs little.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { backOffMs } from '../common/retry-timer.js';
import { LiteIpcError } from '../common/errors.js';

/** Maximum time that the manager delays one answer, ms. */
const ANSWER_DELAY_MS = 10_000;
/** Delay before the next lookup after a failure, ms. It doubles with each failure. */
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 10_000;

/** Looks the service up, and waits up to `waitMs` for it. Rejects if it is not available. */
export type FindService = (waitMs: number) => Promise<void>;

/** A `RestartWatch` reports the restarts of one client's service. */
export class RestartWatch {
  readonly #listeners = new Set<() => void>();
  /** Number of instances that have ended and have not been replaced. */
  #missing = 0;
  #isLooking = false;

  constructor(private readonly find: FindService) {}

  /** True if there are listeners. */
  get isWanted(): boolean {
    return this.#listeners.size > 0;
  }

  /**
   * Calls `listener` for every instance that replaces one that has ended, even if that one ended
   * earlier.
   */
  add(listener: () => void): Disposable {
    this.#listeners.add(listener);
    this.#look();
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  /** Records that one instance has ended. */
  gone(): void {
    this.#missing++;
    this.#look();
  }

  /** Records that all instances have ended. One new instance is a restart. */
  allGone(): void {
    this.#missing = 1;
    this.#look();
  }

  /**
   * Records that a new instance can be called, and calls the listeners if it replaces another one.
   */
  found(): void {
    if (this.#missing === 0) return;
    this.#missing--;
    for (const listener of this.#listeners) queueMicrotask(listener);
  }

  #look(): void {
    if (this.#isLooking || this.#missing === 0 || !this.isWanted) return;
    this.#isLooking = true;
    void this.#lookUntilFound().finally(() => {
      this.#isLooking = false;
    });
  }

  async #lookUntilFound(): Promise<void> {
    let retries = 0;
    while (this.#missing > 0 && this.isWanted) {
      const before = performance.now();
      try {
        await this.find(ANSWER_DELAY_MS);
        if (this.#missing === 0) return;
      } catch (error) {
        // The device was closed.
        if (error instanceof LiteIpcError && error.code === 'ECANCELED') return;
      }
      // The manager has delayed the answer to the end. That is no failure.
      if (performance.now() - before > ANSWER_DELAY_MS / 2) {
        retries = 0;
        continue;
      }
      const waitMs = backOffMs(retries++, RETRY_FIRST_MS, RETRY_MAX_MS);
      await pause(waitMs, undefined, { ref: false });
    }
  }
}
