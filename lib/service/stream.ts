/**
 * Implements the serving side of one stream. The client's PULLs wait here until there are items for
 * them. The items of the client's PUSHes wait here until the implementation takes them.
 */
import {
  LiteIpcError,
  callRefusal,
  type Refusal,
  type ServiceReference,
} from '../common/errors.js';
import type { ContractMethod } from '../contract/method-table.js';
import { BatchFlag, BatchReader, STREAM_WINDOW, emptyBatch, endBatch } from '../streams/batch.js';
import { ItemReader } from '../streams/reader.js';
import { ItemSource } from '../streams/writer.js';
import { ReplyCode, RemoteError, fromWireError } from '../wire/remote-error.js';
import type { PendingRequest, Replies } from './replies.js';

/** Supplies a stream with batches of items. */
export interface BatchSource {
  /** Allows one more batch. */
  credit(): void;
  /** Ends the source: no more items are needed. Idempotent. */
  stop(): void;
}

/** The call that opened a stream. */
export interface OpeningCall {
  readonly method: ContractMethod;
  cancel(reason: LiteIpcError): void;
}

/** The reply to READY that grants no further batches. */
const noCredit = Uint8Array.of(1, 0, 0, 0, 0);

/** Returns the refusal of a request for a stream that does not exist or has ended. */
export function streamEnded(about: ServiceReference): Refusal {
  return callRefusal('ECANCELED', about, 'the stream has ended');
}

/** The state of one stream. It lasts as long as the call that opened it. */
export class ServiceStream {
  readonly #method: ContractMethod;
  /** The client's items, for the kinds `sink` and `duplex`. */
  readonly items: ItemReader | undefined;
  #source: BatchSource | undefined;
  readonly #pulls: PendingRequest[] = [];
  /** True if the implementation has begun. */
  #begun = false;
  /** True if the client was notified of that. */
  #opened = false;
  #ready: PendingRequest | undefined;
  /** Number of the client's batches that were taken to their end. */
  #taken = 0;
  /** The value of `#taken` that the client knows. */
  #takenReported = 0;
  /** True if the implementation takes no more items. */
  #itemsLeft = false;
  #stopped = false;
  #closed = false;

  constructor(
    private readonly replies: Replies,
    private readonly call: OpeningCall,
  ) {
    const { method } = call;
    this.#method = method;
    if (method.kind !== 'sink' && method.kind !== 'duplex') return;
    this.items = new ItemReader({
      about: { service: method.service, method: method.method },
      what: 'input',
      schema: method.itemInput,
      onTaken: () => {
        this.#taken++;
        this.#reportTaken();
      },
      onLeft: () => {
        this.#itemsLeft = true;
        this.#reportTaken();
      },
    });
  }

  /** Maximum size of a message's data in bytes. */
  get dataLimit(): number {
    return this.replies.dataLimit;
  }

  /** Records that the implementation has begun. The reply to the first PULL reports it. */
  begin(): void {
    this.#begun = true;
    this.#open();
  }

  /** Sends the items of an iterable. Settles when all are sent. */
  produce(iterable: unknown): Promise<void> {
    const source = new ItemSource({
      about: { service: this.#method.service, method: this.#method.method },
      what: 'output',
      schema: this.#method.itemOutput,
      encoder: this.replies.encoder,
      dataLimit: this.replies.dataLimit,
      send: this.send,
    });
    const sent = source.run(iterable);
    this.feed(source);
    return sent;
  }

  /** Uses `source` for the items from now on. */
  feed(source: BatchSource): void {
    this.#source = source;
    for (let count = this.#pulls.length; count > 0; count--) source.credit();
    if (this.#stopped) source.stop();
  }

  /** Sends a batch. Each call needs one credit. */
  readonly send = (batch: Uint8Array): void => {
    const to = this.#pulls.shift();
    if (to !== undefined) this.replies.sendData(to, batch);
  };

  /** Handles a PULL. Throws a Refusal if the protocol does not allow it now. */
  pull(to: PendingRequest): void {
    if (this.#method.kind === 'sink') throw this.#misuse('a sink has no items to pull');
    this.#requireOpen();
    if (this.#pulls.length >= STREAM_WINDOW)
      throw this.#misuse('more batches were requested than allowed');
    this.#pulls.push(to);
    if (this.#begun && !this.#opened) this.#open();
    else this.#source?.credit();
  }

  /** Handles a PUSH. Throws a Refusal if the protocol does not allow it now. */
  push(bytes: Uint8Array): void {
    const { items } = this;
    if (items === undefined) throw this.#misuse('it accepts no items');
    const batch = new BatchReader(bytes);
    const { flags } = batch;
    if ((flags & BatchFlag.Failed) !== 0) {
      this.#clientFailed(items, batch);
    } else if ((flags & BatchFlag.End) !== 0) {
      items.end();
    } else {
      if (items.unread >= STREAM_WINDOW) throw this.#misuse('more batches were sent than granted');
      items.add(batch);
    }
  }

  /** Handles a READY. Throws a Refusal if the protocol does not allow it now. */
  ready(to: PendingRequest): void {
    if (this.items === undefined) throw this.#misuse('it accepts no items');
    this.#requireOpen();
    if (this.#ready !== undefined) throw this.#misuse('a request for credit is already pending');
    this.#ready = to;
    this.#reportTaken();
  }

  /** Ends both directions at once, because the opening call was cancelled. Idempotent. */
  stop(reason: LiteIpcError): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.items?.fail(reason.cause instanceof RemoteError ? reason.cause : reason);
    this.#source?.stop();
    this.#answerAll();
  }

  /** Answers all pending requests, before the opening call is answered. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    void this.items?.return();
    this.#answerAll();
  }

  #open(): void {
    const to = this.#pulls[0];
    if (this.#opened || to === undefined) return;
    this.#opened = true;
    this.send(emptyBatch);
  }

  #answerAll(): void {
    while (this.#pulls.length > 0) this.send(endBatch);
    if (this.#ready !== undefined) this.#answerReady(noCredit);
  }

  #reportTaken(): void {
    if (this.#ready === undefined) return;
    if (this.#itemsLeft || this.#stopped) {
      this.#answerReady(noCredit);
    } else if (this.#taken !== this.#takenReported) {
      this.#takenReported = this.#taken;
      const report = Buffer.alloc(5);
      report.writeUInt32LE(this.#taken >>> 0, 1);
      this.#answerReady(report);
    }
  }

  #answerReady(data: Uint8Array): void {
    const to = this.#ready;
    this.#ready = undefined;
    if (to !== undefined) this.replies.sendData(to, data);
  }

  #clientFailed(items: ItemReader, batch: BatchReader): void {
    let error: Error;
    try {
      error = fromWireError(batch.next(), ReplyCode.Thrown, this.#method);
    } catch (unreadable) {
      throw this.#misuse((unreadable as Error).message);
    }
    items.end(error);
    const text = "The caller's items failed (ABORT_ERR)";
    this.call.cancel(new LiteIpcError('ABORT_ERR', text, { cause: error }));
  }

  #requireOpen(): void {
    if (this.#stopped || this.#closed) throw streamEnded(this.#method);
  }

  #misuse(why: string): Refusal {
    return callRefusal('EPROTO', this.#method, why);
  }
}
