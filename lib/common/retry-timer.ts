/** Repeats actions with exponential back-off. */

/** Returns the delay before retry number `retries`, counted from 0: it doubles up to `maxMs`. */
export function backOffMs(retries: number, firstMs: number, maxMs: number): number {
  return Math.min(firstMs * 2 ** retries, maxMs);
}

const FIRST_MS = 1;
const MAX_MS = 32;

/** A `RetryTimer` repeats one action after 1, 2, 4 ... 32 ms, until the action returns false. */
export class RetryTimer {
  #timer: NodeJS.Timeout | undefined;
  #retries = 0;

  /** With `keepsAlive` false an armed timer does not keep the event loop alive. */
  constructor(
    private readonly action: () => boolean,
    private readonly keepsAlive: boolean,
  ) {}

  /** Arms the timer, unless it is armed. */
  arm(retries = this.#retries): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(this.#fire, backOffMs(retries, FIRST_MS, MAX_MS));
    if (!this.keepsAlive) this.#timer.unref();
  }

  /** Starts again with the shortest delay: there was progress. */
  reset(): void {
    this.#retries = 0;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly #fire = (): void => {
    this.#timer = undefined;
    this.#retries++;
    if (this.action()) this.arm();
  };
}
