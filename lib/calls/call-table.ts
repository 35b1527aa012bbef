/**
 * The calls in flight of one connection: a table of slots, so that an answer finds its promise by a
 * number and nothing but the promise itself is made per call.
 *
 * A slot's number and its sequence travel as the message's `userData`; the sequence tells an answer
 * that comes after its call was given up from the answer of the slot's next call.
 */
import type { ContractMethod } from '../contract/method-table.js';
import { DeadlineTimer, TIMER_MAX_MS } from '../common/deadline-timer.js';
import { LiteIpcError } from '../common/errors.js';
import type { Route, WaitingRequest } from './route.js';

const SLOT_BITS = 20;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
const SEQUENCE_MASK = 0xfff;
const FIRST_CAPACITY = 64;
/** Deadlines are looked at no more often than this, ms. */
const GRANULARITY_MS = 4;

type Settle = (value: unknown) => void;
const nobody: Settle = () => undefined;

/** Called when the time of a call is up; the slot is still taken. */
export type OnExpired = (slot: number) => void;

/** Calls in flight, of one connection. */
export class CallTable {
  /** What each call was about; undefined in free slots. */
  readonly routes: (Route | undefined)[] = [];
  readonly methods: (ContractMethod | undefined)[] = [];
  /** Requests of calls that may be sent once more; undefined for all others. */
  readonly kept: (WaitingRequest | undefined)[] = [];
  /** The native IDs to cancel calls with; 0 while a call has not been sent. */
  callIds = new Uint32Array(FIRST_CAPACITY);
  /** Whether the call was sent and counts in its route's `inFlight`. */
  sent = new Uint8Array(FIRST_CAPACITY);
  timeouts = new Float64Array(FIRST_CAPACITY);

  readonly #resolves: Settle[] = [];
  readonly #rejects: Settle[] = [];
  #deadlines = new Float64Array(FIRST_CAPACITY);
  #sequences = new Uint16Array(FIRST_CAPACITY);
  #free = new Uint32Array(FIRST_CAPACITY);
  #freeCount = 0;
  #used = 0;
  #pending = 0;

  readonly #onExpired: OnExpired;
  readonly #timer = new DeadlineTimer(() => {
    this.#expire();
  }, GRANULARITY_MS);

  // The executor of every promise: made once, it works on the slot that was taken last.
  #newest = 0;
  readonly #executor = (resolve: Settle, reject: Settle): void => {
    this.#resolves[this.#newest] = resolve;
    this.#rejects[this.#newest] = reject;
  };

  constructor(onExpired: OnExpired) {
    this.#onExpired = onExpired;
  }

  /** Number of slots taken. */
  get pending(): number {
    return this.#pending;
  }

  /** Takes a slot. `timeoutMs` counts from now. */
  take(route: Route, method: ContractMethod, timeoutMs: number): number {
    let slot: number;
    if (this.#freeCount > 0) {
      slot = this.#free[--this.#freeCount] as number;
    } else {
      if (this.#used === this.callIds.length) this.#grow();
      slot = this.#used++;
      this.#resolves.push(nobody);
      this.#rejects.push(nobody);
    }
    this.#pending++;
    this.routes[slot] = route;
    this.methods[slot] = method;
    this.callIds[slot] = 0;
    this.sent[slot] = 0;
    this.timeouts[slot] = timeoutMs;
    if (timeoutMs === Infinity) {
      this.#deadlines[slot] = Infinity;
    } else {
      const deadline = performance.now() + timeoutMs;
      this.#deadlines[slot] = deadline;
      this.#timer.arm(deadline);
    }
    this.#newest = slot;
    return slot;
  }

  /** The promise of the slot that was taken last. */
  promise(): Promise<unknown> {
    return new Promise(this.#executor);
  }

  /** What to send as `userData`. */
  userData(slot: number): number {
    return ((((this.#sequences[slot] as number) & SEQUENCE_MASK) << SLOT_BITS) | slot) >>> 0;
  }

  /** The slot that a `userData` belongs to, or -1 if its call has ended. */
  find(userData: number): number {
    const slot = userData & SLOT_MASK;
    if (slot >= this.#used || this.routes[slot] === undefined) return -1;
    const sequence = (this.#sequences[slot] as number) & SEQUENCE_MASK;
    return userData >>> SLOT_BITS === sequence ? slot : -1;
  }

  /**
   * ms until the call's time is up, at least 1; 0 for no limit (as the message's header has it).
   */
  remainingMs(slot: number): number {
    const deadline = this.#deadlines[slot] as number;
    if (deadline === Infinity) return 0;
    return Math.min(Math.max(Math.ceil(deadline - performance.now()), 1), TIMER_MAX_MS);
  }

  /** Records that the request of a call was sent. */
  markSent(slot: number, callId: number): void {
    this.callIds[slot] = callId;
    this.sent[slot] = 1;
    (this.routes[slot] as Route).inFlight++;
  }

  /** A call that was sent is not under way any more and will be sent again. */
  unsend(slot: number): void {
    const route = this.routes[slot];
    if (this.sent[slot] === 1 && route !== undefined) route.inFlight--;
    this.sent[slot] = 0;
    this.callIds[slot] = 0;
    this.kept[slot] = undefined;
  }

  /** Ends a call with its result. */
  resolve(slot: number, value: unknown): void {
    const settle = this.#resolves[slot] as Settle;
    this.#release(slot);
    settle(value);
  }

  /** Ends a call with an error. */
  reject(slot: number, error: Error): void {
    const settle = this.#rejects[slot] as Settle;
    this.#release(slot);
    settle(error);
  }

  /** Ends all calls; `errorFor` makes each one's error. The table may be used again. */
  rejectAll(errorFor: (route: Route, method: ContractMethod) => Error): void {
    for (let slot = 0; slot < this.#used; slot++) {
      const route = this.routes[slot];
      const method = this.methods[slot];
      if (route !== undefined && method !== undefined) this.reject(slot, errorFor(route, method));
    }
    this.#timer.stop();
  }

  #release(slot: number): void {
    const route = this.routes[slot];
    if (this.sent[slot] === 1 && route !== undefined) route.inFlight--;
    this.routes[slot] = undefined;
    this.kept[slot] = undefined;
    this.#resolves[slot] = nobody;
    this.#rejects[slot] = nobody;
    this.#sequences[slot] = (this.#sequences[slot] as number) + 1;
    this.#free[this.#freeCount++] = slot;
    this.#pending--;
  }

  #grow(): void {
    const length = this.callIds.length * 2;
    if (length > SLOT_MASK + 1) {
      throw new LiteIpcError('EAGAIN', `${this.#pending} calls are in flight: no room for more`);
    }
    const grown = <T extends { set(from: T): void }>(to: T, from: T): T => {
      to.set(from);
      return to;
    };
    this.callIds = grown(new Uint32Array(length), this.callIds);
    this.sent = grown(new Uint8Array(length), this.sent);
    this.timeouts = grown(new Float64Array(length), this.timeouts);
    this.#deadlines = grown(new Float64Array(length), this.#deadlines);
    this.#sequences = grown(new Uint16Array(length), this.#sequences);
    this.#free = grown(new Uint32Array(length), this.#free);
  }

  #expire(): void {
    const now = performance.now();
    let next = Infinity;
    for (let slot = 0; slot < this.#used; slot++) {
      if (this.routes[slot] === undefined) continue;
      const deadline = this.#deadlines[slot] as number;
      if (deadline <= now) this.#onExpired(slot);
      else if (deadline < next) next = deadline;
    }
    if (next !== Infinity) this.#timer.arm(next);
  }
}
