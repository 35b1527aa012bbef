/**
 * Sends replies. Like requests they usually leave at once; while the lane to the caller is being made or
 * the caller has no room they wait, per caller, each keeping its request alive in our pool. So a caller
 * that does not read can make us keep no more than its share of the pool.
 */
import type { NativeDevice } from '../types/native.js';
import type { EncodingBits, WireError } from '../types/wire.js';
import { encodingErrorText, type Encoder } from './codec.js';
import type { ContractMethod } from './contract-methods.js';
import { LiteIpcError, Status, callError } from './errors.js';
import type { FilesToSend } from './files.js';
import { Outgoing } from './native-layout.js';
import { ReplyCode, toWireError, withSendableProperties, withoutProperties } from './wire-error.js';

const RETRY_FIRST_MS = 1;
const RETRY_MAX_MS = 32;

/** Names a request that is to be answered. */
export interface PendingRequest {
  /** The task that received it. */
  readonly task: number;
  /** `Incoming.Request` of it. */
  readonly request: number;
  /** The task that sent it. */
  readonly callerTask: number;
  /** Files that go with the result; closed once it was sent. */
  readonly attached?: FilesToSend | undefined;
}

interface WaitingReply {
  readonly to: PendingRequest;
  readonly code: number;
  readonly encoding: EncodingBits;
  readonly data: Uint8Array;
  readonly files: FilesToSend | undefined;
}

/** The replies of one connection. */
export class Replies {
  /** For what is sent as {@link sendData}; anyone may use it between two sends. */
  readonly encoder: Encoder;
  /** Most data of a message, bytes. */
  readonly dataLimit: number;
  readonly #native: NativeDevice;
  readonly #outgoing: Uint32Array;
  /** By the caller's task. Never holds an empty array. */
  readonly #waiting = new Map<number, WaitingReply[]>();
  #timer: NodeJS.Timeout | undefined;
  #delayMs = RETRY_FIRST_MS;
  #stopped = false;

  constructor(native: NativeDevice, encoder: Encoder) {
    this.#native = native;
    this.encoder = encoder;
    this.#outgoing = native.outgoing;
    this.dataLimit = native.dataLimit;
  }

  /** Answers with a result; with an error if the result cannot be sent. */
  sendResult(to: PendingRequest, value: unknown, about: ContractMethod): void {
    const { attached } = to;
    try {
      this.encoder.encode(value, about.outputParcel);
    } catch (error) {
      attached?.close();
      const code = error instanceof LiteIpcError ? error.code : 'EINVAL';
      this.sendRefusal(to, callError(code, about, encodingErrorText('output', error)));
      return;
    }
    const size = attached === undefined ? this.encoder.size : this.encoder.size + attached.size;
    if (size > this.dataLimit) {
      attached?.close();
      const text = `the output takes ${size} bytes, a message at most ${this.dataLimit}`;
      this.sendRefusal(to, callError('EMSGSIZE', about, `${text}; return it in parts`));
      return;
    }
    this.#send(to, ReplyCode.Result, attached);
  }

  /** Answers with bytes, which are the sender's again when this returns. */
  sendData(to: PendingRequest, data: Uint8Array): void {
    this.encoder.place(data, 0);
    this.#send(to, ReplyCode.Result);
  }

  /** Answers with what the implementation threw. */
  sendThrown(to: PendingRequest, thrown: unknown): void {
    const error = toWireError(thrown);
    // A property that cannot be sent must not hide the error.
    const fits = this.#tryEncode(error) || this.#tryEncode(withSendableProperties(error));
    if (!fits) this.encoder.encode(withoutProperties(error));
    this.#send(to, ReplyCode.Thrown);
  }

  #tryEncode(error: WireError): boolean {
    try {
      this.encoder.encode(error);
      return this.encoder.size <= this.dataLimit;
    } catch {
      return false;
    }
  }

  /** Answers that LiteIPC refuses the call. */
  sendRefusal(to: PendingRequest, error: LiteIpcError): void {
    const { name, message, code, retryAfterMs } = error;
    const properties = retryAfterMs === undefined ? {} : { properties: { retryAfterMs } };
    this.encoder.encode({ name, message, code, ...properties });
    this.#send(to, ReplyCode.Refused);
  }

  /** The lane to a caller is there or refused, or there may be room again: tries once more. */
  retry(callerTask: number): void {
    const replies = this.#waiting.get(callerTask);
    if (replies === undefined) return;
    for (let reply = replies[0]; reply !== undefined; reply = replies[0]) {
      const message = { start: 0, size: reply.data.length, ...reply };
      if (this.#mustWait(this.#transmit(reply.to, reply.code, message, reply.files))) return;
      replies.shift();
      this.#delayMs = RETRY_FIRST_MS;
    }
    this.#waiting.delete(callerTask);
  }

  /** Whether a service's task has answers that have not been sent yet. */
  hasWaiting(task: number): boolean {
    for (const replies of this.#waiting.values()) {
      if (replies.some(({ to }) => to.task === task)) return true;
    }
    return false;
  }

  /** After each batch of events. */
  retryAll(): void {
    if (this.#waiting.size === 0) return;
    for (const callerTask of [...this.#waiting.keys()]) this.retry(callerTask);
  }

  /** The connection has ended: whatever implementations still return goes nowhere. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    for (const replies of this.#waiting.values()) for (const { files } of replies) files?.close();
    this.#waiting.clear();
  }

  #send(to: PendingRequest, code: number, files?: FilesToSend): void {
    if (this.#stopped) {
      files?.close();
      return;
    }
    const encoder = this.encoder;
    let queue = this.#waiting.size === 0 ? undefined : this.#waiting.get(to.callerTask);
    if (queue === undefined) {
      if (!this.#mustWait(this.#transmit(to, code, encoder, files))) return;
      queue = [];
      this.#waiting.set(to.callerTask, queue);
    }
    queue.push({ to, code, encoding: encoder.encoding, data: encoder.copy(), files });
    this.#arm();
  }

  /** Anything else that is not 0 means that nobody waits for the answer: too late, or the caller is gone. */
  #mustWait(status: number): boolean {
    return status === Status.inProgress || status === Status.noMemory;
  }

  // A caller that makes room does not tell us, so somebody has to look.
  #arm(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#delayMs = Math.min(this.#delayMs * 2, RETRY_MAX_MS);
      this.retryAll();
      if (this.#waiting.size > 0) this.#arm();
    }, this.#delayMs);
  }

  #transmit(
    to: PendingRequest,
    code: number,
    message: {
      readonly start: number;
      readonly size: number;
      readonly encoding: EncodingBits;
      readonly data: Uint8Array | undefined;
    },
    files: FilesToSend | undefined,
  ): number {
    const outgoing = this.#outgoing;
    outgoing[Outgoing.Task] = to.task;
    outgoing[Outgoing.Request] = to.request;
    outgoing[Outgoing.Token] = 0;
    outgoing[Outgoing.Cookie] = message.encoding;
    outgoing[Outgoing.Code] = code;
    outgoing[Outgoing.Flag] = code === ReplyCode.Result ? 0 : 1;
    outgoing[Outgoing.DataStart] = message.start;
    outgoing[Outgoing.DataSize] = message.size;
    if (files !== undefined && files.count > 0) {
      const status = this.#native.sendReply(message.data, files.words());
      if (!this.#mustWait(status)) {
        files.close();
        // An answer with files that is refused leaves its request; nobody waits for it any more.
        if (status !== 0) this.#native.free(to.request);
      }
      return status;
    }
    return message.data === undefined || message.size === 0
      ? this.#native.sendReply()
      : this.#native.sendReply(message.data);
  }
}
