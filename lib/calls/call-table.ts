/**
 * Stores the calls in flight of one connection in a table of slots. An answer finds its promise by
 * a number, and a call allocates nothing but its promise.
 *
 * The number of a slot and its sequence travel as the `userData` of the message. The sequence
 * distinguishes a late answer to a cancelled call from the answer to the next call in the same
 * slot.
 */
import type { ContractMethod } from '../contract/method-table.js';
import { DeadlineTimer, TIMER_MAX_MS } from '../common/deadline-timer.js';
import { LiteIpcError } from '../common/errors.js';
import type { Route, WaitingRequest } from './route.js';

const SLOT_BITS = 20;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
const SEQUENCE_MASK = 0xfff;
const FIRST_CAPACITY = 64;
/** Shortest interval between two checks of the deadlines, ms. */
const GRANULARITY_MS = 4;

type Settle = (value: unknown) => void;
const nobody: Settle = () => undefined;

/** Called when the deadline of a call has passed. The slot is still taken. */
export type OnExpired = (slot: number) => void;

/** A `CallTable` stores the calls in flight of one connection. */
export class CallTable {
  /** The route and the method of each call; undefined in free slots. */
  readonly routes: (Route | undefined)[] = [];
  readonly methods: (ContractMethod | undefined)[] = [];
  /** The requests of calls that may be sent again; undefined for all other calls. */
  readonly resendable: (WaitingRequest | undefined)[] = [];
  /** The native IDs for `cancel`; 0 while a call has not been sent. */
  callIds = new Uint32Array(FIRST_CAPACITY);
  /** 1 if the call was sent and counts in the `inFlight` of its route. */
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
  readonly #timer = new DeadlineTimer(() => this.#expire(), GRANULARITY_MS);

  // The executor of every promise. It is created once and works on the slot that was taken last.
  #newest = 0;
  readonly #executor = (resolve: Settle, reject: Settle): void => {
    this.#resolves[this.#newest] = resolve;
    this.#rejects[this.#newest] = reject;
  };

  constructor(private readonly onExpired: OnExpired) {}

  /** Number of slots that are taken. */
  get pending(): number {
    return this.#pending;
  }

  /**
   * Takes a slot. `timeoutMs` starts now. Throws a LiteIpcError with EAGAIN if the table is full.
   */
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

  /** Returns the promise of the slot that was taken last. */
  promise(): Promise<unknown> {
    return new Promise(this.#executor);
  }

  /** Returns the `userData` that identifies the call of a slot. */
  userData(slot: number): number {
    return ((((this.#sequences[slot] as number) & SEQUENCE_MASK) << SLOT_BITS) | slot) >>> 0;
  }

  /** Returns the slot of the call with this `userData`, or -1 if the call has ended. */
  find(userData: number): number {
    const slot = userData & SLOT_MASK;
    if (slot >= this.#used || this.routes[slot] === undefined) return -1;
    const sequence = (this.#sequences[slot] as number) & SEQUENCE_MASK;
    return userData >>> SLOT_BITS === sequence ? slot : -1;
  }

  /**
   * Returns the ms until the deadline of a call, at least 1; 0 if it has none. This is the
   * encoding of the message header.
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

  /** Records that a call is no longer in flight and will be sent again. */
  unsend(slot: number): void {
    const route = this.routes[slot];
    if (this.sent[slot] === 1 && route !== undefined) route.inFlight--;
    this.sent[slot] = 0;
    this.callIds[slot] = 0;
    this.resendable[slot] = undefined;
  }

  /** Resolves a call and frees its slot. */
  resolve(slot: number, value: unknown): void {
    const settle = this.#resolves[slot] as Settle;
    this.#release(slot);
    settle(value);
  }

  /** Rejects a call and frees its slot. */
  reject(slot: number, error: Error): void {
    const settle = this.#rejects[slot] as Settle;
    this.#release(slot);
    settle(error);
  }

  /** Rejects all calls with the errors that `errorFor` returns. The table can be used again. */
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
    this.resendable[slot] = undefined;
    this.#resolves[slot] = nobody;
    this.#rejects[slot] = nobody;
    this.#sequences[slot] = (this.#sequences[slot] as number) + 1;
    this.#free[this.#freeCount++] = slot;
    this.#pending--;
  }

  #grow(): void {
    const length = this.callIds.length * 2;
    if (length > SLOT_MASK + 1) {
      throw new LiteIpcError('EAGAIN', `the limit of ${this.#pending} calls in flight is reached`);
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
      if (deadline <= now) this.onExpired(slot);
      else if (deadline < next) next = deadline;
    }
    if (next !== Infinity) this.#timer.arm(next);
  }
}
