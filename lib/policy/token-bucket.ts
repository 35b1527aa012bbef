/** What a caller has used of its quotas, at the service that it calls. */
import { bytesInWords, callsInWords, inFlightInWords, type Quota } from './quota.js';

/** Fills by so much per second, holds so much at most, and is full at first. */
export class TokenBucket {
  readonly #perMs: number;
  readonly #most: number;
  #tokens: number;
  #at: number;

  /** `now` in ms, of any clock that never goes back; the same one in all calls. */
  constructor(perSecond: number, most: number, now: number) {
    this.#perMs = perSecond / 1000;
    this.#most = most;
    this.#tokens = most;
    this.#at = now;
  }

  /**
   * ms until `amount` can be taken; 0: now. What is more than it can ever hold can be taken when it
   * is full.
   */
  waitMs(amount: number, now: number): number {
    if (now > this.#at) {
      this.#tokens = Math.min(this.#most, this.#tokens + (now - this.#at) * this.#perMs);
      this.#at = now;
    }
    const missing = Math.min(amount, this.#most) - this.#tokens;
    // A rest that is due to rounding is none.
    return missing <= 1e-6 ? 0 : missing / this.#perMs;
  }

  /** Takes an amount for which there was no wait. What is more than it holds is owed. */
  take(amount: number): void {
    this.#tokens -= amount;
  }

  /** Whether nothing is missing: then it is as good as a new one. */
  isFull(now: number): boolean {
    return this.waitMs(this.#most, now) === 0;
  }
}

/** Why a message is too much. */
export interface Excess {
  /** What is used up, e.g. `4 calls in flight`. */
  readonly limit: string;
  /** ms until it would not be too much; undefined: when a call that is in flight has ended. */
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

  /** Would so many calls with so many bytes be too much? Nothing is taken yet. */
  excess(calls: number, bytes: number, now: number): Excess | undefined {
    const { quota } = this;
    const { inFlight = Infinity } = quota;
    if (this.#inFlight + calls > inFlight) {
      return { limit: inFlightInWords(inFlight), retryAfterMs: undefined };
    }
    const callsWait = this.#calls?.waitMs(calls, now) ?? 0;
    // What brings none passes also while some are owed.
    const bytesWait = bytes === 0 ? 0 : (this.#bytes?.waitMs(bytes, now) ?? 0);
    if (callsWait === 0 && bytesWait === 0) return undefined;
    const limit =
      callsWait >= bytesWait
        ? callsInWords(quota.callsPerSecond ?? 0, quota.burst)
        : bytesInWords(quota.bytesPerSecond ?? 0, quota.burstBytes);
    return { limit, retryAfterMs: Math.ceil(Math.max(callsWait, bytesWait)) };
  }

  /** Takes what was not too much. */
  take(calls: number, bytes: number): void {
    this.#calls?.take(calls);
    this.#bytes?.take(bytes);
  }

  /** A call has begun that is counted until {@link ended}. */
  begun(): void {
    this.#inFlight++;
  }

  /** It has ended. */
  ended(): void {
    this.#inFlight--;
  }

  /** Whether it is as good as a new one. */
  isUnused(now: number): boolean {
    return (
      this.#inFlight === 0 &&
      this.#calls?.isFull(now) !== false &&
      this.#bytes?.isFull(now) !== false
    );
  }
}
