/**
 * Sends replies. A reply usually leaves at once. While the lane to the caller is being created, or
 * the caller has no room, replies wait in a queue per caller. Each retains its request in our pool,
 * so a caller that does not read can occupy at most its share of the pool.
 */
import type { NativeDevice } from '../../types/native.js';
import type { WireError } from '../../types/wire.js';
import { packMessage, type Attachments } from '../attachments/outgoing.js';
import { encodingErrorText, type Encoder } from '../wire/codec.js';
import type { ContractMethod } from '../contract/method-table.js';
import { LiteIpcError, callError, codeOfStatus, isTransient } from '../common/errors.js';
import { RetryTimer } from '../common/retry-timer.js';
import type { FilesToSend } from '../native/files.js';
import { writeReply } from '../native/outgoing-header.js';
import type { ObjectsToSend } from '../native/message-objects.js';
import {
  ReplyCode,
  toWireError,
  withSendableProperties,
  withoutProperties,
} from '../wire/remote-error.js';

/** Identifies a request that is to be answered. */
export interface PendingRequest {
  /** The task that received it. */
  readonly task: number;
  /** Its `Incoming.Request`. */
  readonly request: number;
  /** The task that sent it. */
  readonly callerTask: number;
  /** Files to send with the result. They are closed after that. */
  readonly attached?: FilesToSend | undefined;
}

/** An encoded reply. */
interface Reply {
  readonly to: PendingRequest;
  readonly code: number;
  readonly cookie: number;
  readonly start: number;
  readonly size: number;
  /** Undefined if the data is in the outbox. */
  readonly data: Uint8Array | undefined;
  readonly objects: ObjectsToSend | undefined;
}

/** Sends the replies of one connection. */
export class Replies {
  /** For data of {@link sendData}. Any code may use it between two sends. */
  readonly encoder: Encoder<Attachments>;
  /** Maximum size of a message's data in bytes. */
  readonly dataLimit: number;
  readonly #outgoing: Uint32Array;
  /** By the task of the caller. Never contains an empty array. */
  readonly #waiting = new Map<number, Reply[]>();
  // A caller that makes room does not notify the sender, so the sender has to try again.
  readonly #timer = new RetryTimer(() => {
    this.retryAll();
    return this.#waiting.size > 0;
  }, true);
  #stopped = false;

  constructor(
    private readonly native: NativeDevice,
    encoder: Encoder<Attachments>,
  ) {
    this.encoder = encoder;
    this.#outgoing = native.outgoing;
    this.dataLimit = native.dataLimit;
  }

  /** Sends a result, or an error if the result cannot be sent. */
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

  /** Replies of later calls may overtake it. */
  #sendWhen(ready: Promise<void>, reply: Reply, about: ContractMethod): void {
    ready.then(
      () => this.#send(reply),
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

  /** Sends bytes. The caller may reuse them when this returns. */
  sendData(to: PendingRequest, data: Uint8Array): void {
    this.encoder.setData(data, 0);
    this.#send(this.#encoded(to, ReplyCode.Result, 0), true);
  }

  /** Sends an exception of the implementation. */
  sendThrown(to: PendingRequest, thrown: unknown): void {
    const error = toWireError(thrown);
    // Properties that cannot be sent must not hide the error.
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

  /** Sends a refusal by LiteIPC. */
  sendRefusal(to: PendingRequest, error: LiteIpcError): void {
    const { name, message, code, retryAfterMs } = error;
    const properties = retryAfterMs === undefined ? {} : { properties: { retryAfterMs } };
    this.encoder.encode({ name, message, code, ...properties });
    this.#send(this.#encoded(to, ReplyCode.Refused, this.encoder.encoding));
  }

  /**
   * Sends the waiting replies to a caller, because its lane was created or refused, or it may have
   * room again.
   */
  retry(callerTask: number): void {
    const replies = this.#waiting.get(callerTask);
    if (replies === undefined) return;
    for (let reply = replies[0]; reply !== undefined; reply = replies[0]) {
      if (isTransient(this.#transmit(reply))) return;
      replies.shift();
      this.#timer.reset();
    }
    this.#waiting.delete(callerTask);
  }

  /** Returns true if a task of this device has unsent replies. */
  hasWaiting(task: number): boolean {
    for (const replies of this.#waiting.values()) {
      if (replies.some(({ to }) => to.task === task)) return true;
    }
    return false;
  }

  /** Sends all waiting replies that can be sent. Called after each batch of events. */
  retryAll(): void {
    if (this.#waiting.size === 0) return;
    for (const callerTask of [...this.#waiting.keys()]) this.retry(callerTask);
  }

  /** Discards all replies, now and in future, because the connection has ended. */
  stop(): void {
    this.#stopped = true;
    this.#timer.stop();
    for (const replies of this.#waiting.values())
      for (const { objects } of replies) objects?.close();
    this.#waiting.clear();
  }

  /** Returns the value that was encoded last as a reply. */
  #encoded(to: PendingRequest, code: number, cookie: number, objects?: ObjectsToSend): Reply {
    const { start, size, data } = this.encoder;
    return { to, code, cookie, start, size, data, objects };
  }

  /** `borrowed`: the caller continues to use the data. */
  #send(reply: Reply, borrowed = false): void {
    if (this.#stopped) {
      reply.objects?.close();
      return;
    }
    const { callerTask } = reply.to;
    let queue = this.#waiting.size === 0 ? undefined : this.#waiting.get(callerTask);
    if (queue === undefined) {
      // Any other status is final: the reply was sent, or the caller no longer waits.
      if (!isTransient(this.#transmit(reply))) return;
      queue = [];
      this.#waiting.set(callerTask, queue);
    }
    // The next message overwrites the outbox.
    const isOwn = reply.data !== undefined && !borrowed;
    queue.push({ ...reply, start: 0, data: isOwn ? reply.data : this.encoder.copy() });
    this.#timer.arm();
  }

  #transmit({ to, code, cookie, start, size, data, objects }: Reply): number {
    writeReply(this.#outgoing, to, cookie, code, code === ReplyCode.Result ? 0 : 1, start, size);
    if (objects !== undefined && objects.count > 0) {
      const status = this.native.sendReply(data, objects.words());
      if (!isTransient(status)) {
        if (status === 0) {
          objects.sent();
        } else {
          objects.close();
          // A refused reply with objects leaves its request answerable, and the caller may still
          // wait.
          const why = 'the objects of the output cannot be sent';
          this.sendRefusal(to, new LiteIpcError(codeOfStatus(status), why));
        }
      }
      return status;
    }
    return data === undefined || size === 0 ? this.native.sendReply() : this.native.sendReply(data);
  }
}
