/**
 * One stream at the side that serves: what belongs to its opening call beyond a call's own. The
 * client's PULLs wait here until there are items for them, its PUSHes until the implementation
 * takes their items.
 */
import type { IncomingCall } from './incoming-call.js';
import type { ContractMethod } from '../contract/method-table.js';
import { LiteIpcError, Refusal, callError, type ServiceReference } from '../common/errors.js';
import { ItemReader } from '../streams/reader.js';
import { ItemSource } from '../streams/writer.js';
import type { PendingRequest, Replies } from './replies.js';
import { BatchFlag, BatchReader, emptyBatch, endBatch } from '../streams/batch.js';
import { RemoteError, fromWireError, ReplyCode } from '../wire/remote-error.js';

/**
 * Most PULLs that a client may have waiting, and most batches that it may have sent and nobody has
 * taken.
 */
export const STREAM_WINDOW = 2;

/** What gives a stream its items. */
export interface BatchSource {
  /** One more batch may be sent. */
  credit(): void;
  /** Nobody wants any more. Idempotent. */
  stop(): void;
}

/** The answer to READY that asks for nothing more. */
const enough = Uint8Array.of(1, 0, 0, 0, 0);

/** What a client is told that asks for more of a stream that is not there, or not any more. */
export function streamEnded(about: ServiceReference): Refusal {
  const { code, message } = callError('ECANCELED', about, 'the stream has ended');
  return new Refusal(code, message, about);
}

/** See above. */
export class ServiceStream {
  readonly #replies: Replies;
  readonly #call: IncomingCall;
  readonly #method: ContractMethod;
  /** What the client sends; of `sink` and `duplex`. */
  readonly items: ItemReader | undefined;
  #source: BatchSource | undefined;
  readonly #pulls: PendingRequest[] = [];
  #begun = false;
  /** Whether the client was told that. */
  #opened = false;
  #ready: PendingRequest | undefined;
  #taken = 0;
  #takenTold = 0;
  #itemsLeft = false;
  #stopped = false;
  #closed = false;

  constructor(replies: Replies, call: IncomingCall) {
    const { method } = call;
    this.#replies = replies;
    this.#call = call;
    this.#method = method;
    if (method.kind !== 'sink' && method.kind !== 'duplex') return;
    this.items = new ItemReader({
      about: { service: method.service, method: method.method },
      what: 'input',
      schema: method.itemInput,
      onTaken: () => {
        this.#taken++;
        this.#tellReady();
      },
      onLeft: () => {
        this.#itemsLeft = true;
        this.#tellReady();
      },
    });
  }

  /** Most data of a message, bytes. */
  get dataLimit(): number {
    return this.#replies.dataLimit;
  }

  /** The implementation runs: the client is told with its first PULL. */
  begin(): void {
    this.#begun = true;
    this.#open();
  }

  /** Sends what an implementation returned. Resolves, or rejects, when all of it was sent. */
  produce(iterable: unknown): Promise<void> {
    const source = new ItemSource({
      about: { service: this.#method.service, method: this.#method.method },
      what: 'output',
      schema: this.#method.itemOutput,
      encoder: this.#replies.encoder,
      dataLimit: this.#replies.dataLimit,
      send: this.send,
    });
    const sent = source.run(iterable);
    this.feed(source);
    return sent;
  }

  /** Items come from this source from now on. */
  feed(source: BatchSource): void {
    this.#source = source;
    for (let count = this.#pulls.length; count > 0; count--) source.credit();
    if (this.#stopped) source.stop();
  }

  /** Sends a batch; only for a credit. */
  readonly send = (batch: Uint8Array): void => {
    const to = this.#pulls.shift();
    if (to !== undefined) this.#replies.sendData(to, batch);
  };

  /** A PULL has arrived. Throws a Refusal if there may be none. */
  pull(to: PendingRequest): void {
    if (this.#method.kind === 'sink') throw this.#misuse('a sink gives no items');
    this.#requireOpen();
    if (this.#pulls.length >= STREAM_WINDOW) throw this.#misuse('too many items were asked for');
    this.#pulls.push(to);
    if (this.#begun && !this.#opened) this.#open();
    else this.#source?.credit();
  }

  /** A PUSH has arrived. Throws a Refusal if there may be none. */
  push(bytes: Uint8Array): void {
    const { items } = this;
    if (items === undefined) throw this.#misuse('it takes no items');
    const batch = new BatchReader(bytes);
    const { flags } = batch;
    if ((flags & BatchFlag.Failed) !== 0) {
      this.#clientFailed(items, batch);
    } else if ((flags & BatchFlag.End) !== 0) {
      items.end();
    } else {
      if (items.unread >= STREAM_WINDOW) throw this.#misuse('more was sent than was asked for');
      items.add(batch);
    }
  }

  /** A READY has arrived. Throws a Refusal if there may be none. */
  ready(to: PendingRequest): void {
    if (this.items === undefined) throw this.#misuse('it takes no items');
    this.#requireOpen();
    if (this.#ready !== undefined) throw this.#misuse('it was asked twice what was taken');
    this.#ready = to;
    this.#tellReady();
  }

  /** Nobody waits any more, or nobody may wait: both directions end at once. Idempotent. */
  stop(reason: LiteIpcError): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.items?.fail(reason.cause instanceof RemoteError ? reason.cause : reason);
    this.#source?.stop();
    this.#answerAll();
  }

  /** The opening call is about to be answered: what else waits has its answer first. Idempotent. */
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
    if (this.#ready !== undefined) this.#answerReady(enough);
  }

  #tellReady(): void {
    if (this.#ready === undefined) return;
    if (this.#itemsLeft || this.#stopped) {
      this.#answerReady(enough);
    } else if (this.#taken !== this.#takenTold) {
      this.#takenTold = this.#taken;
      const told = Buffer.alloc(5);
      told.writeUInt32LE(this.#taken >>> 0, 1);
      this.#answerReady(told);
    }
  }

  #answerReady(data: Uint8Array): void {
    const to = this.#ready;
    this.#ready = undefined;
    if (to !== undefined) this.#replies.sendData(to, data);
  }

  #clientFailed(items: ItemReader, batch: BatchReader): void {
    let error: Error;
    try {
      error = fromWireError(batch.next(), ReplyCode.Thrown, this.#method);
    } catch (unreadable) {
      throw this.#misuse((unreadable as Error).message);
    }
    items.end(error);
    const text = "The caller's items could not go on (ABORT_ERR)";
    this.#call.giveUp(new LiteIpcError('ABORT_ERR', text, { cause: error }));
  }

  #requireOpen(): void {
    if (this.#stopped || this.#closed) throw streamEnded(this.#method);
  }

  #misuse(why: string): Refusal {
    const { code, message } = callError('EPROTO', this.#method, why);
    return new Refusal(code, message, this.#method);
  }
}
