/** What an implementation learns about the call that it answers. */
import type { Caller } from '../types/wire.js';

/** Given to every implementation as its second argument. */
export class CallContext {
  /** Who calls, as stamped by the domain; the caller cannot choose it. */
  readonly caller: Caller;

  /** The last two: when the message was sent, CLOCK_MONOTONIC ns, low and high word. */
  constructor(
    caller: Caller,
    private readonly deadlineMs: number,
    private readonly timestampLow: number,
    private readonly timestampHigh: number,
  ) {
    this.caller = caller;
  }

  /**
   * When the caller gives up, in ms on the clock of `performance.now()`; Infinity when it waits for
   * ever. Computed when asked for: most implementations never ask.
   */
  get deadline(): number {
    if (this.deadlineMs === 0) return Infinity;
    const sentAtNs = (BigInt(this.timestampHigh) << 32n) | BigInt(this.timestampLow);
    const agoMs = Number(process.hrtime.bigint() - sentAtNs) / 1e6;
    return performance.now() - agoMs + this.deadlineMs;
  }
}
