/**
 * Notifies services that callers have aborted their calls. An abort is a one-way message with the
 * token of the call; no implementation sees it. If there is no room for it, it is retried until it
 * is sent or the service has ended.
 */
import type { NativeDevice } from '../../types/native.js';
import { isTransient } from '../common/errors.js';
import { RetryTimer } from '../common/retry-timer.js';
import { MessageFlag } from '../native/layout.js';
import { writeRequest, type RequestAddress } from '../native/outgoing-header.js';
import type { Route } from './route.js';
import { ABORT_CODE } from '../wire/header.js';

interface Abort extends RequestAddress {
  readonly token: number;
}

/** Sends the aborts of one connection. */
export class Aborts {
  #waiting: Abort[] = [];
  readonly #timer = new RetryTimer(() => {
    this.retry();
    return this.#waiting.length > 0;
  }, false);

  constructor(private readonly native: NativeDevice) {}

  /**
   * Notifies the service of `route` that the call with this token was aborted. The call must have
   * been sent.
   */
  send({ task, handle, generation }: Route, token: number): void {
    const abort = { task, handle, generation, token };
    if (!this.#mustWait(abort)) return;
    this.#waiting.push(abort);
    this.#timer.arm();
  }

  /**
   * Retries the pending aborts. Called after each batch of events, when there may be room again.
   */
  retry(): void {
    if (this.#waiting.length === 0) return;
    this.#waiting = this.#waiting.filter((abort) => this.#mustWait(abort));
    if (this.#waiting.length === 0) this.#timer.reset();
  }

  /** Drops the pending aborts: the connection has ended. */
  stop(): void {
    this.#timer.stop();
    this.#waiting = [];
  }

  /**
   * Sends an abort; returns true if it must be retried. After any other error the service has
   * ended or may no longer be called, so the abort is dropped.
   */
  #mustWait(abort: Abort): boolean {
    const { outgoing } = this.native;
    writeRequest(outgoing, abort, abort.token, 0, ABORT_CODE, MessageFlag.OneWay, 0, 0, 0, 0);
    return isTransient(this.native.sendRequest());
  }
}

/**
 * Listeners of each signal that calls use. The signal itself gets one listener: Node warns of a
 * leak when it has more than ten, and a program may use one signal for all its calls.
 */
const listenersOf = new WeakMap<
  AbortSignal,
  { readonly all: Set<() => void>; notify: () => void }
>();

/**
 * Calls `listener` once when the signal is aborted. Returns a function that removes the listener.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  let listeners = listenersOf.get(signal);
  if (listeners === undefined) {
    const all = new Set<() => void>();
    listeners = {
      all,
      notify: () => {
        listenersOf.delete(signal);
        for (const each of all) each();
      },
    };
    listenersOf.set(signal, listeners);
    signal.addEventListener('abort', listeners.notify, { once: true });
  }
  const { all, notify } = listeners;
  all.add(listener);
  return () => {
    if (!all.delete(listener) || all.size > 0 || signal.aborted) return;
    listenersOf.delete(signal);
    signal.removeEventListener('abort', notify);
  };
}
