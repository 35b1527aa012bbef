/**
 * Notices when the caller of a request stops waiting: it says so, its deadline passes, or it dies. Only
 * calls that somebody asks about are watched: those whose caller may abort them, and those whose
 * implementation has asked for the signal.
 *
 * Nobody tells a service of the death of a caller, so while there are watched calls the domain's table,
 * which is shared memory, is looked at from time to time.
 */
import type { NativeDevice } from '../types/native.js';
import type { IncomingCall } from './call-context.js';
import { LiteIpcError } from './errors.js';

/** How often it is looked whether callers live, ms. */
const LOOK_MS = 100;
/** A deadline is never awaited shorter than this, ms: timers come early by a fraction of it. */
const SHORTEST_MS = 1;

/** The watched calls of one connection. */
export class CallWatch {
  readonly #native: Pick<NativeDevice, 'query'>;
  readonly #calls = new Set<IncomingCall>();
  /** Those that their callers may abort, by task and token. */
  readonly #abortable = new Map<number, IncomingCall>();
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;

  constructor(native: Pick<NativeDevice, 'query'>) {
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

  /** A caller has aborted a call. Of one that has ended meanwhile nothing is known. */
  abort(callerTask: number, token: number): void {
    const call = this.#abortable.get(keyOf(callerTask, token));
    call?.giveUp(new LiteIpcError('ABORT_ERR', 'The caller has aborted the call (ABORT_ERR)'));
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
      const { deadline } = call;
      if (deadline <= now) {
        call.giveUp(new LiteIpcError('ETIME', "The caller's deadline has passed (ETIME)"));
      } else if (!this.#callerLives(call)) {
        call.giveUp(new LiteIpcError('EPIPE', 'The caller has died (EPIPE)'));
      } else if (deadline < next) {
        next = deadline;
      }
    }
    if (this.#calls.size > 0) this.#arm(next);
  };

  #callerLives(call: IncomingCall): boolean {
    const task = this.#native.query(call.callerTask);
    return task?.alive === true && task.generation === call.callerGeneration;
  }
}

/** Task IDs are below 2^13, tokens below 2^32: one number names both. */
function keyOf(callerTask: number, token: number): number {
  return callerTask * 2 ** 32 + token;
}
