/**
 * Notices when the caller of a request stops waiting: it says so, its deadline passes, it dies, or
 * loses the right to call. Only calls that somebody asks about are watched: those whose caller may
 * abort them, and those whose implementation has asked for the signal.
 *
 * Nobody tells a service of such an end of a caller, so while there are watched calls the domain's
 * table, which is shared memory, is looked at from time to time.
 */
import type { NativeDevice } from '../../types/native.js';
import type { IncomingCall } from './incoming-call.js';
import { LiteIpcError, Status } from '../common/errors.js';

/** How often it is looked whether callers live, ms. */
const LOOK_MS = 100;
/** A deadline is never awaited shorter than this, ms: timers come early by a fraction of it. */
const SHORTEST_MS = 1;

type Facts = Pick<NativeDevice, 'callerStatus' | 'revocations'>;

/** The watched calls of one connection. */
export class CallWatch {
  readonly #native: Facts;
  readonly #calls = new Set<IncomingCall>();
  /** Those that their callers may abort, by task and token. */
  readonly #abortable = new Map<number, IncomingCall>();
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;

  constructor(native: Facts) {
    this.#native = native;
  }

  /** Number of calls that are watched. */
  get size(): number {
    return this.#calls.size;
  }

  /** Watches a call until it ends or is given up. Not twice. */
  add(call: IncomingCall): void {
    if (call.watched || call.ended) return;
    call.watched = true;
    call.revocations = this.#native.revocations(call.task);
    this.#calls.add(call);
    if (call.token !== -1) this.#abortable.set(keyOf(call.callerTask, call.token), call);
    this.#arm(Math.min(call.deadline, performance.now() + LOOK_MS));
  }

  /** Forgets a call. */
  remove(call: IncomingCall): void {
    call.watched = false;
    this.#calls.delete(call);
    if (call.token !== -1) {
      const key = keyOf(call.callerTask, call.token);
      // A caller that gives two calls one token can abort only the later one.
      if (this.#abortable.get(key) === call) this.#abortable.delete(key);
    }
    if (this.#calls.size > 0) return;
    clearTimeout(this.#timer);
    this.#timerAt = Infinity;
  }

  /** The call that its caller names by this token, unless it has ended. */
  find(callerTask: number, token: number): IncomingCall | undefined {
    return this.#abortable.get(keyOf(callerTask, token));
  }

  /** A caller has aborted a call. Of one that has ended meanwhile nothing is known. */
  abort(callerTask: number, token: number): void {
    const call = this.#abortable.get(keyOf(callerTask, token));
    call?.giveUp(new LiteIpcError('ABORT_ERR', 'The caller has aborted the call (ABORT_ERR)'));
  }

  /**
   * Whether the caller has lost the right to call since the call is watched; of others: whether it
   * has none.
   */
  isRevoked(call: IncomingCall): boolean {
    const since = call.watched ? call.revocations : this.#native.revocations(call.task);
    return this.#statusOf(call, since) === Status.access;
  }

  /** The calls of one service's task that are watched. */
  callsOf(task: number): IncomingCall[] {
    return [...this.#calls].filter((call) => call.task === task);
  }

  /** Gives up all calls of one service's task, or of all. */
  giveUpAll(reason: LiteIpcError, task?: number): void {
    for (const call of [...this.#calls]) {
      if (task === undefined || call.task === task) call.giveUp(reason);
    }
  }

  #arm(at: number): void {
    if (at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(this.#look, Math.max(Math.ceil(at - performance.now()), SHORTEST_MS));
    // The open device keeps the event loop alive, not its timer.
    this.#timer.unref();
  }

  readonly #look = (): void => {
    this.#timerAt = Infinity;
    const now = performance.now();
    let next = now + LOOK_MS;
    for (const call of [...this.#calls]) {
      // Whoever was told of another's end may have ended this one.
      if (!call.watched) continue;
      const { deadline } = call;
      const status = this.#statusOf(call, call.revocations);
      if (deadline <= now) {
        call.giveUp(new LiteIpcError('ETIME', "The caller's deadline has passed (ETIME)"));
      } else if (status === Status.access) {
        call.giveUp(revokedError());
      } else if (status !== 0) {
        call.giveUp(new LiteIpcError('EPIPE', 'The caller has died (EPIPE)'));
      } else if (deadline < next) {
        next = deadline;
      }
    }
    if (this.#calls.size > 0) this.#arm(next);
  };

  #statusOf(call: IncomingCall, revocations: number): number {
    const { task, callerTask, callerGeneration } = call;
    return this.#native.callerStatus(task, callerTask, callerGeneration, revocations);
  }
}

/** Why a call is given up whose caller may not make it any more. */
export function revokedError(): LiteIpcError {
  const text = 'The right to call it was taken away from the caller (EACCES)';
  return new LiteIpcError('EACCES', text);
}

/** Task IDs are below 2^13, tokens below 2^32: one number names both. */
function keyOf(callerTask: number, token: number): number {
  return callerTask * 2 ** 32 + token;
}
