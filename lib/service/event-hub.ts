/**
 * Distributes the events of one service to its subscribers. A payload is validated and encoded once
 * and shared by all subscribers.
 */
import { incomingOf, type IncomingCall } from './incoming-call.js';
import { Encoder } from '../wire/codec.js';
import { unexpected } from '../common/arguments.js';
import type { ContractMethod } from '../contract/method-table.js';
import { LiteIpcError, callError, callRefusal } from '../common/errors.js';
import { encodeItem } from '../streams/writer.js';
import type { Invoke } from './invoke.js';
import { BatchWriter, type EncodedItem } from '../streams/batch.js';
import type { BatchSource, ServiceStream } from './stream.js';
import { validate } from '../contract/validation.js';

/** Default maximum number of queued payloads of one subscriber. */
const QUEUE_DEFAULT = 1000;
/** Maximum size of the queued payloads of one subscriber, in bytes. */
const QUEUE_BYTES = 1024 * 1024;
/** Maximum size of a payload in bytes: the data of a message in the default profile. */
const PAYLOAD_MAX = 64 * 1024 - 5;

/** A subscriber with its queue of payloads. Each batch needs a credit of the client. */
class Subscription implements BatchSource {
  /** Settles when the subscription has ended. */
  readonly ended: Promise<void>;
  readonly #writer: BatchWriter;
  #queue: EncodedItem[] = [];
  #bytes = 0;
  #credits = 0;
  #flushing = false;
  /** True after the queue overflowed. No further payload is added. */
  #overflown = false;
  #over = false;
  #resolve!: () => void;
  #reject!: (error: Error) => void;

  constructor(
    private readonly stream: ServiceStream,
    private readonly method: ContractMethod,
    private readonly limit: number,
  ) {
    this.#writer = new BatchWriter(stream.dataLimit);
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Maximum size of a payload in the messages of the domain, in bytes. */
  get itemLimit(): number {
    return this.#writer.itemLimit;
  }

  /** Queues a payload. */
  add(item: EncodedItem): void {
    if (this.#overflown || this.#over) return;
    if (this.#queue.length >= this.limit || this.#bytes + item.data.length > QUEUE_BYTES) {
      this.#overflown = true;
      if (this.#queue.length === 0) this.#finish();
      return;
    }
    this.#queue.push(item);
    this.#bytes += item.data.length;
    this.#flushSoon();
  }

  credit(): void {
    this.#credits++;
    if (this.#queue.length > 0) this.#flush();
  }

  stop(): void {
    this.#over = true;
    this.#queue = [];
    this.#bytes = 0;
    this.#resolve();
  }

  #flushSoon(): void {
    if (this.#credits === 0 || this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#credits > 0 && this.#queue.length > 0) {
      let count = 0;
      for (const item of this.#queue) {
        if (this.#writer.full || !this.#writer.add(item)) break;
        this.#bytes -= item.data.length;
        count++;
      }
      // `emit` has rejected payloads that are larger than a message.
      this.#queue.splice(0, count);
      this.#credits--;
      this.stream.send(this.#writer.take());
    }
    if (this.#overflown && this.#queue.length === 0) this.#finish();
  }

  #finish(): void {
    this.#over = true;
    const text = `more than ${this.limit} payloads or ${QUEUE_BYTES} bytes were queued for this subscriber; read faster or subscribe again`;
    this.#reject(callRefusal('EOVERFLOW', this.method, text));
  }
}

/** Distributes the events of one service. */
export class EventHub {
  readonly #methods: readonly ContractMethod[];
  readonly #limit: number;
  /** By the number of the event. Never contains an empty set. */
  readonly #subscriptions = new Map<number, Set<Subscription>>();
  #encoder: Encoder | undefined;

  /** `limit` is the maximum number of queued payloads of one subscriber. */
  constructor(methods: readonly ContractMethod[], limit = QUEUE_DEFAULT) {
    this.#methods = methods;
    this.#limit = limit;
  }

  /** Number of subscriptions to any event. */
  get subscribers(): number {
    let count = 0;
    for (const subscriptions of this.#subscriptions.values()) count += subscriptions.size;
    return count;
  }

  /** The function that the host calls for a subscription. */
  readonly invoke: Invoke = (_input, call) => this.#subscribe(incomingOf(call));

  /**
   * Publishes an event. Throws a TypeError if there is no event of this name, or a LiteIpcError:
   * EINVAL, EMSGSIZE.
   */
  emit(name: string, payload: unknown): void {
    const method = this.#methods.find((each) => each.method === name);
    if (method?.kind !== 'event') {
      const service = this.#methods[0]?.service ?? '';
      throw unexpected(`the name of an event of ${service}`, 'emit', name);
    }
    let checked = payload;
    if (method.itemOutput !== undefined) {
      checked = validate(method.itemOutput, payload, 'the payload', method);
      if (checked instanceof Promise) {
        checked.catch(() => undefined);
        throw callError('EINVAL', method, 'the validator of an event must be synchronous');
      }
    }
    // Encoded even without subscribers: the errors must not depend on their number.
    const encoder = (this.#encoder ??= new Encoder(new Uint8Array(PAYLOAD_MAX + 64)));
    const subscriptions = this.#subscriptions.get(method.index);
    let limit = PAYLOAD_MAX;
    for (const { itemLimit } of subscriptions ?? []) limit = Math.min(limit, itemLimit);
    try {
      encodeItem(encoder, checked, limit, 'payload', method);
    } catch (error) {
      const { code, message } = error as LiteIpcError;
      throw new LiteIpcError(code, message, { ...method, cause: error });
    }
    if (subscriptions === undefined) return;
    const item: EncodedItem = { data: encoder.copy(), encoding: encoder.encoding };
    for (const subscription of [...subscriptions]) subscription.add(item);
  }

  async #subscribe(call: IncomingCall): Promise<void> {
    const { method, stream } = call;
    if (stream === undefined) return;
    const subscription = new Subscription(stream, method, this.#limit);
    const all = this.#subscriptions.get(method.index) ?? new Set();
    this.#subscriptions.set(method.index, all);
    all.add(subscription);
    stream.begin();
    stream.feed(subscription);
    try {
      await subscription.ended;
    } finally {
      all.delete(subscription);
      if (all.size === 0) this.#subscriptions.delete(method.index);
    }
  }
}
