/**
 * Detects when the caller of a request no longer waits for the answer: it aborts the call, its
 * deadline passes, it terminates, or it loses the right to call. Only calls that need this are
 * watched: those that their callers may abort, and those whose implementation reads the signal.
 *
 * No message announces that a caller terminated. While calls are watched, this code polls the
 * domain's task table, which is shared memory.
 */
import type { NativeDevice } from '../../types/native.js';
import { DeadlineTimer } from '../common/deadline-timer.js';
import { LiteIpcError, Status } from '../common/errors.js';

/** Interval in ms at which the callers of watched calls are checked. */
const POLL_MS = 100;
/** Minimum time in ms to wait for a deadline, because timers may fire slightly early. */
const SHORTEST_MS = 1;

type CallerStatus = Pick<NativeDevice, 'callerStatus' | 'revocations'>;

/** A call that a {@link CallWatch} can watch. */
export interface WatchedCall {
  /** The task that received the call. */
  readonly task: number;
  readonly callerTask: number;
  readonly callerGeneration: number;
  /** The number by which the caller may abort the call; -1 if it cannot. */
  readonly token: number;
  /** On the clock of `performance.now()`, in ms. */
  readonly deadline: number;
  readonly ended: boolean;
  /** Set by the watch. */
  watched: boolean;
  /** `NativeDevice.revocations` of `task` since the call is watched. Set by the watch. */
  revocations: number;
  /** Reports that the caller no longer waits. */
  cancel(reason: LiteIpcError): void;
}

/** Watches calls of one connection. */
export class CallWatch<Call extends WatchedCall = WatchedCall> {
  readonly #calls = new Set<Call>();
  /** The calls that their callers may abort, by task and token. */
  readonly #abortable = new Map<number, Call>();
  readonly #timer = new DeadlineTimer(() => this.#poll(), SHORTEST_MS);

  constructor(private readonly native: CallerStatus) {}

  /** Number of watched calls. */
  get size(): number {
    return this.#calls.size;
  }

  /** Watches a call until it ends or is cancelled. Ignores a call that is already watched. */
  add(call: Call): void {
    if (call.watched || call.ended) return;
    call.watched = true;
    call.revocations = this.native.revocations(call.task);
    this.#calls.add(call);
    if (call.token !== -1) this.#abortable.set(keyOf(call.callerTask, call.token), call);
    this.#timer.arm(Math.min(call.deadline, performance.now() + POLL_MS));
  }

  /** Stops watching a call. */
  remove(call: Call): void {
    call.watched = false;
    this.#calls.delete(call);
    if (call.token !== -1) {
      const key = keyOf(call.callerTask, call.token);
      // If a caller uses one token for two calls, it can abort only the later one.
      if (this.#abortable.get(key) === call) this.#abortable.delete(key);
    }
    if (this.#calls.size === 0) this.#timer.stop();
  }

  /** Returns the call that a caller identifies by `token`, unless it has ended. */
  find(callerTask: number, token: number): Call | undefined {
    return this.#abortable.get(keyOf(callerTask, token));
  }

  /** Cancels the call that its caller has aborted. Ignores a call that has ended. */
  abort(callerTask: number, token: number): void {
    const call = this.#abortable.get(keyOf(callerTask, token));
    call?.cancel(new LiteIpcError('ABORT_ERR', 'The caller has aborted the call (ABORT_ERR)'));
  }

  /**
   * Returns true if the caller lost the right to call since the call is watched. For a call that is
   * not watched: if the caller has no such right.
   */
  isRevoked(call: Call): boolean {
    const since = call.watched ? call.revocations : this.native.revocations(call.task);
    return this.#statusOf(call, since) === Status.access;
  }

  /** Returns the watched calls that a task of this device received. */
  callsOf(task: number): Call[] {
    return [...this.#calls].filter((call) => call.task === task);
  }

  /** Cancels the watched calls of one task of this device, or of all tasks. */
  cancelAll(reason: LiteIpcError, task?: number): void {
    for (const call of [...this.#calls]) {
      if (task === undefined || call.task === task) call.cancel(reason);
    }
  }

  #poll(): void {
    const now = performance.now();
    let next = now + POLL_MS;
    for (const call of [...this.#calls]) {
      // The listener of a cancelled call may have ended this one.
      if (!call.watched) continue;
      const { deadline } = call;
      const status = this.#statusOf(call, call.revocations);
      if (deadline <= now) {
        call.cancel(new LiteIpcError('ETIME', "The caller's deadline has passed (ETIME)"));
      } else if (status === Status.access) {
        call.cancel(revokedError());
      } else if (status !== 0) {
        call.cancel(new LiteIpcError('EPIPE', 'The caller has terminated (EPIPE)'));
      } else if (deadline < next) {
        next = deadline;
      }
    }
    if (this.#calls.size > 0) this.#timer.arm(next);
  }

  #statusOf(call: Call, revocations: number): number {
    const { task, callerTask, callerGeneration } = call;
    return this.native.callerStatus(task, callerTask, callerGeneration, revocations);
  }
}

/** Returns the error of a call whose caller lost the right to call. */
export function revokedError(): LiteIpcError {
  return new LiteIpcError('EACCES', "The caller's right to call was revoked (EACCES)");
}

/** Task IDs are below 2^13 and tokens below 2^32, so one number identifies both. */
function keyOf(callerTask: number, token: number): number {
  return callerTask * 2 ** 32 + token;
}
