/**
 * Sends replies. Like requests they usually leave at once; while the lane to the caller is being
 * made or the caller has no room they wait, per caller, each keeping its request alive in our pool.
 * So a caller that does not read can make us keep no more than its share of the pool.
 */
import type { NativeDevice } from '../../types/native.js';
import type { WireError } from '../../types/wire.js';
import { packMessage, type Attachments } from '../attachments/outgoing.js';
import { encodingErrorText, type Encoder } from '../wire/codec.js';
import type { ContractMethod } from '../contract/method-table.js';
import { LiteIpcError, Status, callError, codeOfStatus } from '../common/errors.js';
import type { FilesToSend } from '../native/files.js';
import { Outgoing } from '../native/layout.js';
import type { ObjectsToSend } from '../native/message-objects.js';
import {
  ReplyCode,
  toWireError,
  withSendableProperties,
  withoutProperties,
} from '../wire/remote-error.js';

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

/** A reply, encoded. */
interface Reply {
  readonly to: PendingRequest;
  readonly code: number;
  readonly cookie: number;
  readonly start: number;
  readonly size: number;
  /** Undefined: in the outbox. */
  readonly data: Uint8Array | undefined;
  readonly objects: ObjectsToSend | undefined;
}

/** The replies of one connection. */
export class Replies {
  /** For what is sent as {@link sendData}; anyone may use it between two sends. */
  readonly encoder: Encoder<Attachments>;
  /** Most data of a message, bytes. */
  readonly dataLimit: number;
  readonly #native: NativeDevice;
  readonly #outgoing: Uint32Array;
  /** By the caller's task. Never holds an empty array. */
  readonly #waiting = new Map<number, Reply[]>();
  #timer: NodeJS.Timeout | undefined;
  #delayMs = RETRY_FIRST_MS;
  #stopped = false;

  constructor(native: NativeDevice, encoder: Encoder<Attachments>) {
    this.#native = native;
    this.encoder = encoder;
    this.#outgoing = native.outgoing;
    this.dataLimit = native.dataLimit;
  }

  /** Answers with a result; with an error if the result cannot be sent. */
  sendResult(to: PendingRequest, value: unknown, about: ContractMethod): void {
    const encoder = this.encoder;
    const { attached } = to;
    try {
      encoder.encodeWithAttachments(value, about.outputParcel);
      const size = encoder.size + (attached?.size ?? 0);
      if (encoder.attachments === undefined && size <= this.dataLimit) {
        this.#send(this.#encoded(to, ReplyCode.Result, encoder.encoding, attached));
        return;
      }
      if (about.outputParcel !== undefined) {
        const text = `takes ${size} bytes, a message at most ${this.dataLimit}; return it in parts`;
        throw new LiteIpcError('EMSGSIZE', text);
      }
      const { objects, cookie, ready } = packMessage(encoder, attached, 0);
      const reply = this.#encoded(to, ReplyCode.Result, encoder.encoding | cookie, objects);
      if (ready === undefined) this.#send(reply);
      else this.#sendWhen(ready, { ...reply, start: 0, data: encoder.copy() }, about);
    } catch (error) {
      attached?.close();
      this.#refuse(to, error, about);
    }
  }

  /** Meanwhile later replies are sent before it. */
  #sendWhen(ready: Promise<void>, reply: Reply, about: ContractMethod): void {
    ready.then(
      () => {
        this.#send(reply);
      },
      (error: unknown) => {
        reply.objects?.close();
        this.#refuse(reply.to, error, about);
      },
    );
  }

  #refuse(to: PendingRequest, error: unknown, about: ContractMethod): void {
    const code = error instanceof LiteIpcError ? error.code : 'EINVAL';
    this.sendRefusal(to, callError(code, about, encodingErrorText('output', error)));
  }

  /** Answers with bytes, which are the sender's again when this returns. */
  sendData(to: PendingRequest, data: Uint8Array): void {
    this.encoder.place(data, 0);
    this.#send(this.#encoded(to, ReplyCode.Result, 0), true);
  }

  /** Answers with what the implementation threw. */
  sendThrown(to: PendingRequest, thrown: unknown): void {
    const error = toWireError(thrown);
    // A property that cannot be sent must not hide the error.
    const fits = this.#tryEncode(error) || this.#tryEncode(withSendableProperties(error));
    if (!fits) this.encoder.encode(withoutProperties(error));
    this.#send(this.#encoded(to, ReplyCode.Thrown, this.encoder.encoding));
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
    this.#send(this.#encoded(to, ReplyCode.Refused, this.encoder.encoding));
  }

  /** The lane to a caller is there or refused, or there may be room again: tries once more. */
  retry(callerTask: number): void {
    const replies = this.#waiting.get(callerTask);
    if (replies === undefined) return;
    for (let reply = replies[0]; reply !== undefined; reply = replies[0]) {
      if (this.#mustWait(this.#transmit(reply))) return;
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
    for (const replies of this.#waiting.values())
      for (const { objects } of replies) objects?.close();
    this.#waiting.clear();
  }

  /** What was encoded last, as a reply. */
  #encoded(to: PendingRequest, code: number, cookie: number, objects?: ObjectsToSend): Reply {
    const { start, size, data } = this.encoder;
    return { to, code, cookie, start, size, data, objects };
  }

  /** `borrowed`: the data is somebody's who goes on using it. */
  #send(reply: Reply, borrowed = false): void {
    if (this.#stopped) {
      reply.objects?.close();
      return;
    }
    const { callerTask } = reply.to;
    let queue = this.#waiting.size === 0 ? undefined : this.#waiting.get(callerTask);
    if (queue === undefined) {
      if (!this.#mustWait(this.#transmit(reply))) return;
      queue = [];
      this.#waiting.set(callerTask, queue);
    }
    // The outbox is the next message's.
    const isOwn = reply.data !== undefined && !borrowed;
    queue.push({ ...reply, start: 0, data: isOwn ? reply.data : this.encoder.copy() });
    this.#arm();
  }

  /**
   * Anything else that is not 0 means that nobody waits for the answer: too late, or the caller is
   * gone.
   */
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

  #transmit({ to, code, cookie, start, size, data, objects }: Reply): number {
    const outgoing = this.#outgoing;
    outgoing[Outgoing.Task] = to.task;
    outgoing[Outgoing.Request] = to.request;
    outgoing[Outgoing.Token] = 0;
    outgoing[Outgoing.Cookie] = cookie;
    outgoing[Outgoing.Code] = code;
    outgoing[Outgoing.Flag] = code === ReplyCode.Result ? 0 : 1;
    outgoing[Outgoing.DataStart] = start;
    outgoing[Outgoing.DataSize] = size;
    if (objects !== undefined && objects.count > 0) {
      const status = this.#native.sendReply(data, objects.words());
      if (!this.#mustWait(status)) {
        if (status === 0) {
          objects.sent();
        } else {
          objects.close();
          // An answer with objects that is refused leaves its request. Perhaps somebody still waits
          // for it.
          const why = 'what the output refers to cannot be sent';
          this.sendRefusal(to, new LiteIpcError(codeOfStatus(status), why));
        }
      }
      return status;
    }
    return data === undefined || size === 0
      ? this.#native.sendReply()
      : this.#native.sendReply(data);
  }
}
