/**
 * How many calls of one service run at once, and how many wait for their turn.
 *
 * Turns go round the calling processes, so that one with many calls does not keep the others
 * waiting for all of them. When all places are taken, the process that has the most waiting gives
 * up its newest one, if the arriving one's process would still have fewer: nobody can fill the
 * queue for the others.
 */
import type { IncomingCall } from './incoming-call.js';
import type { LiteIpcError } from '../common/errors.js';

/** Limits of a service. */
export interface AdmissionLimits {
  /** Calls that may run at once. */
  readonly concurrency: number;
  /** Calls that may wait for their turn. */
  readonly queue: number;
}

interface Waiting {
  readonly call: IncomingCall;
  readonly start: () => void;
  /**
   * Called instead of `start` when its place went to another, or nobody waits for its answer any
   * more.
   */
  readonly refuse: () => void;
}

/** The calls of one service, those that run and those that wait. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #refusalOf: ((call: IncomingCall) => LiteIpcError | undefined) | undefined;
  /** By calling process, in the order of their turns. Never holds an empty set. */
  readonly #waiting = new Map<number, Set<Waiting>>();
  #waitingCount = 0;
  #running = 0;
  #starting = false;

  /** `refusalOf` says of a call whose turn it is why it may not be made any more, if so. */
  constructor(
    limits: AdmissionLimits,
    refusalOf?: (call: IncomingCall) => LiteIpcError | undefined,
  ) {
    this.#limits = limits;
    this.#refusalOf = refusalOf;
  }

  /** Calls that wait for their turn. */
  get waiting(): number {
    return this.#waitingCount;
  }

  /**
   * Calls `start`, now or when it is this call's turn, or else `refuse`. Of each `start` the end
   * must be told to {@link release}.
   */
  admit(call: IncomingCall, oneway: boolean, start: () => void, refuse: () => void): void {
    if (this.#running < this.#limits.concurrency) {
      this.#running++;
      start();
      return;
    }
    if (this.#waitingCount >= this.#limits.queue && !this.#makePlace(call.caller.processId)) {
      refuse();
      return;
    }
    const entry: Waiting = { call, start, refuse };
    const { processId } = call.caller;
    const others = this.#waiting.get(processId);
    if (others === undefined) this.#waiting.set(processId, new Set([entry]));
    else others.add(entry);
    this.#waitingCount++;
    // A message without an answer is done also when its sender has died meanwhile.
    if (oneway) return;
    call.onGivenUp = () => {
      this.#drop(entry);
    };
    call.watch.add(call);
  }

  /** A call that was started has ended. */
  release(): void {
    this.#running--;
    // One that ends at once comes here again: the loop below goes on with the next.
    if (this.#starting) return;
    this.#starting = true;
    for (const [processId, entries] of this.#waiting) {
      if (this.#running >= this.#limits.concurrency) break;
      const entry = entries.values().next().value;
      if (entry === undefined) continue;
      this.#remove(entry);
      // Its process comes last now.
      if (this.#waiting.delete(processId)) this.#waiting.set(processId, entries);
      const refusal = this.#refusalOf?.(entry.call);
      if (refusal !== undefined) {
        entry.call.giveUp(refusal);
        entry.refuse();
        continue;
      }
      this.#running++;
      entry.start();
    }
    this.#starting = false;
  }

  /** Whether a waiting call has given its place to one of this process. */
  #makePlace(processId: number): boolean {
    let most: Set<Waiting> | undefined;
    for (const entries of this.#waiting.values()) {
      if (entries.size > (most?.size ?? 0)) most = entries;
    }
    const own = this.#waiting.get(processId)?.size ?? 0;
    if (most === undefined || most.size <= own + 1) return false;
    const newest = [...most].at(-1);
    if (newest !== undefined) this.#drop(newest);
    return true;
  }

  #drop(entry: Waiting): void {
    this.#remove(entry);
    entry.refuse();
  }

  #remove(entry: Waiting): void {
    const { call } = entry;
    call.onGivenUp = undefined;
    const { processId } = call.caller;
    const entries = this.#waiting.get(processId);
    if (entries?.delete(entry) !== true) return;
    this.#waitingCount--;
    if (entries.size === 0) this.#waiting.delete(processId);
  }
}
