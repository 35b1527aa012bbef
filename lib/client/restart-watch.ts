/**
 * Tells when a service that was gone is there again. As long as somebody wants to know it is looked
 * for in the background: the manager holds the question, so that a long absence costs next to
 * nothing.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { backOffMs } from '../common/retry-timer.js';
import { LiteIpcError } from '../common/errors.js';

/** How long one question is held, ms. */
const HELD_MS = 10_000;
/** After a refusal the next attempt waits so long, ms, and each time twice as long. */
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 10_000;

/** Looks the service up, waiting so many ms for it; rejects if it is not there. */
export type FindService = (waitMs: number) => Promise<void>;

/** Watches for one client. */
export class RestartWatch {
  readonly #find: FindService;
  readonly #listeners = new Set<() => void>();
  /** Instances that have ended and have not been replaced yet. */
  #missing = 0;
  #isLooking = false;

  constructor(find: FindService) {
    this.#find = find;
  }

  /** Whether somebody wants to know. */
  get isWanted(): boolean {
    return this.#listeners.size > 0;
  }

  /**
   * Tells `listener` of every instance that comes after one has ended; also if that was before now.
   */
  add(listener: () => void): Disposable {
    this.#listeners.add(listener);
    this.#look();
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  /** An instance that could be called has ended. */
  gone(): void {
    this.#missing++;
    this.#look();
  }

  /** All have ended together: one that comes is enough. */
  allGone(): void {
    this.#missing = 1;
    this.#look();
  }

  /** A new instance can be called. */
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
        await this.#find(HELD_MS);
        if (this.#missing === 0) return;
      } catch (error) {
        // The program has closed the device.
        if (error instanceof LiteIpcError && error.code === 'ECANCELED') return;
      }
      // The question was held to its end: nothing is wrong, ask again.
      if (performance.now() - before > HELD_MS / 2) {
        retries = 0;
        continue;
      }
      const waitMs = backOffMs(retries++, RETRY_FIRST_MS, RETRY_MAX_MS);
      await pause(waitMs, undefined, { ref: false });
    }
  }
}
