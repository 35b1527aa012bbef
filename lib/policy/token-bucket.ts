/** Counts what a caller uses of its quotas, at the service that it calls. */
import { bytesInWords, callsInWords, inFlightInWords, type Quota } from './quota.js';

/** A token bucket. It refills at a constant rate, has a maximum, and is full at the start. */
export class TokenBucket {
  readonly #perMs: number;
  readonly #most: number;
  #tokens: number;
  #at: number;

  /** `now` in ms, of one monotonic clock for all calls. */
  constructor(perSecond: number, most: number, now: number) {
    this.#perMs = perSecond / 1000;
    this.#most = most;
    this.#tokens = most;
    this.#at = now;
  }

  /**
   * Returns the ms until `amount` can be taken; 0: now. An amount above the maximum can be taken
   * when the bucket is full.
   */
  waitMs(amount: number, now: number): number {
    if (now > this.#at) {
      this.#tokens = Math.min(this.#most, this.#tokens + (now - this.#at) * this.#perMs);
      this.#at = now;
    }
    const missing = Math.min(amount, this.#most) - this.#tokens;
    // Ignores a remainder that is due to rounding.
    return missing <= 1e-6 ? 0 : missing / this.#perMs;
  }

  /** Takes an amount whose wait is 0. An amount above the content leaves a debt. */
  take(amount: number): void {
    this.#tokens -= amount;
  }

  /** Returns whether the bucket is full and therefore equals a new one. */
  isFull(now: number): boolean {
    return this.waitMs(this.#most, now) === 0;
  }
}

/** Describes why a message exceeds a quota. */
export interface Excess {
  /** The limit that is used up, e.g. `4 calls in flight`. */
  readonly limit: string;
  /** ms until the message would pass; undefined if that depends on the end of a call in flight. */
  readonly retryAfterMs: number | undefined;
}

/** One user's use of one quota. */
export class QuotaUse {
  readonly quota: Quota;
  readonly #calls: TokenBucket | undefined;
  readonly #bytes: TokenBucket | undefined;
  #inFlight = 0;

  constructor(quota: Quota, now: number) {
    const { callsPerSecond, burst, bytesPerSecond, burstBytes } = quota;
    this.quota = quota;
    if (callsPerSecond !== undefined && burst !== undefined) {
      this.#calls = new TokenBucket(callsPerSecond, burst, now);
    }
    if (bytesPerSecond !== undefined && burstBytes !== undefined) {
      this.#bytes = new TokenBucket(bytesPerSecond, burstBytes, now);
    }
  }

  /** Returns the limit that so many calls and bytes would exceed, if any. Takes nothing. */
  excess(calls: number, bytes: number, now: number): Excess | undefined {
    const { quota } = this;
    const { inFlight = Infinity } = quota;
    if (this.#inFlight + calls > inFlight) {
      return { limit: inFlightInWords(inFlight), retryAfterMs: undefined };
    }
    const callsWait = this.#calls?.waitMs(calls, now) ?? 0;
    // A message without bytes passes even while the bucket has a debt.
    const bytesWait = bytes === 0 ? 0 : (this.#bytes?.waitMs(bytes, now) ?? 0);
    if (callsWait === 0 && bytesWait === 0) return undefined;
    const limit =
      callsWait >= bytesWait
        ? callsInWords(quota.callsPerSecond ?? 0, quota.burst)
        : bytesInWords(quota.bytesPerSecond ?? 0, quota.burstBytes);
    return { limit, retryAfterMs: Math.ceil(Math.max(callsWait, bytesWait)) };
  }

  /** Takes an amount that does not exceed the quota. */
  take(calls: number, bytes: number): void {
    this.#calls?.take(calls);
    this.#bytes?.take(bytes);
  }

  /** Counts a call as in flight until {@link ended}. */
  begun(): void {
    this.#inFlight++;
  }

  /** Ends a call that {@link begun} counted. */
  ended(): void {
    this.#inFlight--;
  }

  /** Returns whether the state equals that of a new object. */
  isUnused(now: number): boolean {
    return (
      this.#inFlight === 0 &&
      this.#calls?.isFull(now) !== false &&
      this.#bytes?.isFull(now) !== false
    );
  }
}
