/**
 * Limits how many calls of one service run at the same time, and how many wait.
 *
 * The calling processes take turns, so that one with many calls does not delay the others. If the
 * queue is full, the process with the most waiting calls loses its newest one, provided that the
 * process of the arriving call would still have fewer. So no process can fill the queue alone.
 */
import type { LiteIpcError } from '../common/errors.js';
import type { IncomingCall } from './incoming-call.js';

/** Limits of a service. */
export interface AdmissionLimits {
  /** Maximum number of running calls. */
  readonly concurrency: number;
  /** Maximum number of waiting calls. */
  readonly queue: number;
}

interface Waiting {
  readonly call: IncomingCall;
  readonly start: () => void;
  /** Called instead of `start` if the call is displaced or cancelled while it waits. */
  readonly refuse: () => void;
}

/** Schedules the calls of one service. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #refusalOf: ((call: IncomingCall) => LiteIpcError | undefined) | undefined;
  /** By calling process, in the order of their turns. Never contains an empty set. */
  readonly #waiting = new Map<number, Set<Waiting>>();
  #waitingCount = 0;
  #running = 0;
  #starting = false;

  /** `refusalOf` returns the reason why a waiting call may no longer start, if there is one. */
  constructor(
    limits: AdmissionLimits,
    refusalOf?: (call: IncomingCall) => LiteIpcError | undefined,
  ) {
    this.#limits = limits;
    this.#refusalOf = refusalOf;
  }

  /** Number of waiting calls. */
  get waiting(): number {
    return this.#waitingCount;
  }

  /**
   * Calls `start`, now or at the call's turn, or else `refuse`. After `start` the caller must call
   * {@link release} when the call has ended.
   */
  admit(call: IncomingCall, oneway: boolean, start: () => void, refuse: () => void): void {
    if (this.#running < this.#limits.concurrency) {
      this.#running++;
      start();
      return;
    }
    if (this.#waitingCount >= this.#limits.queue && !this.#displace(call.caller.processId)) {
      refuse();
      return;
    }
    const entry: Waiting = { call, start, refuse };
    const { processId } = call.caller;
    const others = this.#waiting.get(processId);
    if (others === undefined) this.#waiting.set(processId, new Set([entry]));
    else others.add(entry);
    this.#waitingCount++;
    // A one-way message is processed even if its sender has terminated.
    if (oneway) return;
    call.onCancelled = () => this.#drop(entry);
    call.watch.add(call);
  }

  /** Records that a started call has ended, and starts waiting calls. */
  release(): void {
    this.#running--;
    // A call that ends within `start` calls this again: the loop below continues for it.
    if (this.#starting) return;
    this.#starting = true;
    for (const [processId, entries] of this.#waiting) {
      if (this.#running >= this.#limits.concurrency) break;
      const entry = entries.values().next().value;
      if (entry === undefined) continue;
      this.#remove(entry);
      // Moves the process to the end of the order.
      if (this.#waiting.delete(processId)) this.#waiting.set(processId, entries);
      const refusal = this.#refusalOf?.(entry.call);
      if (refusal !== undefined) {
        entry.call.cancel(refusal);
        entry.refuse();
        continue;
      }
      this.#running++;
      entry.start();
    }
    this.#starting = false;
  }

  /** Drops a waiting call for one of this process. Returns false if none may be dropped. */
  #displace(processId: number): boolean {
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
    call.onCancelled = undefined;
    const { processId } = call.caller;
    const entries = this.#waiting.get(processId);
    if (entries?.delete(entry) !== true) return;
    this.#waitingCount--;
    if (entries.size === 0) this.#waiting.delete(processId);
  }
}
