/**
 * The events of one service: who has subscribed, and what waits for whom. A payload is checked and
 * encoded once and shared by all subscribers.
 */
import { incomingOf, type IncomingCall } from './incoming-call.js';
import { Encoder } from '../wire/codec.js';
import { unexpected } from '../common/arguments.js';
import type { ContractMethod } from '../contract/method-table.js';
import { LiteIpcError, Refusal, callError } from '../common/errors.js';
import { encodeItem } from '../streams/writer.js';
import type { Invoke } from './invoke.js';
import { BatchWriter, type EncodedItem } from '../streams/batch.js';
import type { BatchSource, ServiceStream } from './stream.js';
import { validate } from '../contract/validation.js';

/** How many payloads may wait for one subscriber, unless the program says something else. */
const QUEUE_DEFAULT = 1000;
/** How many bytes of payloads may wait for one subscriber. */
const QUEUE_BYTES = 1024 * 1024;
/** Most bytes of a payload: a message's data in the default profile. */
const PAYLOAD_MAX = 64 * 1024 - 5;

/** One subscriber: a queue of payloads that are sent as the client asks for them. */
class Subscription implements BatchSource {
  /** Settles when it has ended. */
  readonly ended: Promise<void>;
  readonly #stream: ServiceStream;
  readonly #method: ContractMethod;
  readonly #writer: BatchWriter;
  readonly #limit: number;
  #queue: EncodedItem[] = [];
  #bytes = 0;
  #credits = 0;
  #flushing = false;
  /** It fell behind too far: nothing is added any more. */
  #overflown = false;
  #over = false;
  #resolve!: () => void;
  #reject!: (error: Error) => void;

  constructor(stream: ServiceStream, method: ContractMethod, limit: number) {
    this.#stream = stream;
    this.#method = method;
    this.#limit = limit;
    this.#writer = new BatchWriter(stream.dataLimit);
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Most bytes of a payload that the domain's messages can carry. */
  get itemLimit(): number {
    return this.#writer.itemLimit;
  }

  /** One more payload. */
  add(item: EncodedItem): void {
    if (this.#overflown || this.#over) return;
    if (this.#queue.length >= this.#limit || this.#bytes + item.data.length > QUEUE_BYTES) {
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
      // What is larger than a message of this domain was refused when it was emitted.
      this.#queue.splice(0, count);
      this.#credits--;
      this.#stream.send(this.#writer.take());
    }
    if (this.#overflown && this.#queue.length === 0) this.#finish();
  }

  #finish(): void {
    this.#over = true;
    const text = `more than ${this.#limit} payloads or ${QUEUE_BYTES} bytes were waiting for this subscriber; read faster or subscribe again`;
    const { code, message } = callError('EOVERFLOW', this.#method, text);
    this.#reject(new Refusal(code, message, this.#method));
  }
}

/** See above. */
export class EventHub {
  readonly #methods: readonly ContractMethod[];
  readonly #limit: number;
  /** By the event's number. Never holds an empty set. */
  readonly #subscriptions = new Map<number, Set<Subscription>>();
  #encoder: Encoder | undefined;

  /** `limit`: how many payloads may wait for one subscriber. */
  constructor(methods: readonly ContractMethod[], limit = QUEUE_DEFAULT) {
    this.#methods = methods;
    this.#limit = limit;
  }

  /** How many have subscribed to anything. */
  get subscribers(): number {
    let count = 0;
    for (const subscriptions of this.#subscriptions.values()) count += subscriptions.size;
    return count;
  }

  /** What the host calls when somebody subscribes. */
  readonly invoke: Invoke = (_input, call) => this.#subscribe(incomingOf(call));

  /**
   * Tells an event. Throws a TypeError if there is none of this name, or a LiteIpcError: EINVAL,
   * EMSGSIZE.
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
        throw callError('EINVAL', method, 'the validator of an event has to answer at once');
      }
    }
    // Also when nobody listens: whether a payload can be sent must not depend on that.
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
