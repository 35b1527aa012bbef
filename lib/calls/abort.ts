/**
 * Tells services that callers have aborted their calls: a one-way message with the call's token,
 * that no implementation sees. Like every message it may find no room; then it is tried again until
 * it is sent or the service is gone.
 */
import type { NativeDevice } from '../../types/native.js';
import { Status } from '../common/errors.js';
import { MessageFlag, Outgoing } from '../native/layout.js';
import type { Route } from './route.js';
import { ABORT_CODE } from '../wire/header.js';

const RETRY_FIRST_MS = 1;
const RETRY_MAX_MS = 32;

interface Abort {
  readonly task: number;
  readonly handle: number;
  readonly generation: number;
  readonly token: number;
}

/** The aborts of one connection. */
export class Aborts {
  readonly #native: NativeDevice;
  #waiting: Abort[] = [];
  #timer: NodeJS.Timeout | undefined;
  #delayMs = RETRY_FIRST_MS;

  constructor(native: NativeDevice) {
    this.#native = native;
  }

  /**
   * Tells where `route` leads that the call of this token was aborted. The call must have been
   * sent.
   */
  send({ task, handle, generation }: Route, token: number): void {
    const abort = { task, handle, generation, token };
    if (!this.#mustWait(abort)) return;
    this.#waiting.push(abort);
    this.#arm();
  }

  /** After each batch of events: perhaps there is room now. */
  retry(): void {
    if (this.#waiting.length === 0) return;
    this.#waiting = this.#waiting.filter((abort) => this.#mustWait(abort));
    if (this.#waiting.length === 0) this.#delayMs = RETRY_FIRST_MS;
  }

  /** The connection has ended. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#waiting = [];
  }

  #arm(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#delayMs = Math.min(this.#delayMs * 2, RETRY_MAX_MS);
      this.retry();
      if (this.#waiting.length > 0) this.#arm();
    }, this.#delayMs).unref();
  }

  /** Any other failure means that the service is gone or may not be called any more. */
  #mustWait({ task, handle, generation, token }: Abort): boolean {
    const { outgoing } = this.#native;
    outgoing[Outgoing.Task] = task;
    outgoing[Outgoing.Handle] = handle;
    outgoing[Outgoing.Generation] = generation;
    outgoing[Outgoing.Token] = token;
    outgoing[Outgoing.Cookie] = 0;
    outgoing[Outgoing.Code] = ABORT_CODE;
    outgoing[Outgoing.Flag] = MessageFlag.OneWay;
    outgoing[Outgoing.DataStart] = 0;
    outgoing[Outgoing.DataSize] = 0;
    outgoing[Outgoing.DeadlineMs] = 0;
    outgoing[Outgoing.UserData] = 0;
    const status = this.#native.sendRequest();
    return status === Status.inProgress || status === Status.noMemory || status === Status.again;
  }
}
