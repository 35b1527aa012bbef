/** Waits for the earliest of many deadlines with one timer. */

/** Longest delay that setTimeout takes, ms. */
export const TIMER_MAX_MS = 0x7fff_ffff;

/**
 * A `DeadlineTimer` calls `onDue` at the earliest deadline that it was armed with, and then has to
 * be armed again. It does not keep the event loop alive. Deadlines are times of
 * `performance.now()`.
 */
export class DeadlineTimer {
  #timer: NodeJS.Timeout | undefined;
  #at = Infinity;

  /** No delay is shorter than `shortestMs`. */
  constructor(
    private readonly onDue: () => void,
    private readonly shortestMs: number,
  ) {}

  /** Makes the timer fire at `deadline` at the latest. */
  arm(deadline: number): void {
    if (deadline >= this.#at) return;
    clearTimeout(this.#timer);
    this.#at = deadline;
    const delay = Math.max(Math.ceil(deadline - performance.now()), this.shortestMs);
    this.#timer = setTimeout(this.#fire, Math.min(delay, TIMER_MAX_MS)).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#at = Infinity;
  }

  readonly #fire = (): void => {
    this.#at = Infinity;
    this.onDue();
  };
}
