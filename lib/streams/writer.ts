/**
 * Sends the items of an iterable in batches, one batch per credit. Items that become available
 * within one turn of the event loop share a batch. Without credit, items are read until one batch
 * is full. So at most this batch and one item that did not fit are buffered.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { encodingErrorText, type Encoder } from '../wire/codec.js';
import { unexpected } from '../common/arguments.js';
import { LiteIpcError, callRefusal, type ServiceReference } from '../common/errors.js';
import { isThenable } from '../common/values.js';
import { BatchWriter, type EncodedItem } from './batch.js';
import { validate } from '../contract/validation.js';

type AnyIterator = Iterator<unknown, unknown> | AsyncIterator<unknown, unknown>;

/** Options of an {@link ItemSource}. */
export interface ItemSourceOptions {
  readonly about: ServiceReference;
  /** Name of the items in errors. */
  readonly what: 'input' | 'output';
  readonly schema: StandardSchemaV1 | undefined;
  readonly encoder: Encoder;
  /** Maximum size of a message's data in bytes. */
  readonly dataLimit: number;
  /** Sends a batch. Must not retain the array. */
  readonly send: (batch: Uint8Array) => void;
}

/**
 * Encodes an item. Throws a {@link Refusal} with the index of the item: EINVAL if it cannot be
 * sent, EMSGSIZE if it is larger than a message.
 */
export function encodeItem(
  encoder: Encoder,
  value: unknown,
  limit: number,
  what: string,
  about: ServiceReference,
): void {
  try {
    encoder.encode(value);
  } catch (error) {
    const code = error instanceof LiteIpcError ? error.code : 'EINVAL';
    // The text names the value itself "input".
    const text = encodingErrorText('input', error).slice('input'.length);
    throw callRefusal(code, about, what + text, { cause: error });
  }
  if (encoder.size > limit) {
    const text = `${what} takes ${encoder.size} bytes, an item at most ${limit}; send it in parts`;
    throw callRefusal('EMSGSIZE', about, text);
  }
}

type AnyIterable = Partial<AsyncIterable<unknown> & Iterable<unknown>>;

/**
 * Throws a TypeError unless `value` is iterable. A string is rejected, because it is hardly ever
 * intended.
 */
export function checkItems(value: unknown, what: string): asserts value is AnyIterable {
  const iterable = value as AnyIterable | null | undefined;
  if (
    typeof iterable !== 'object' ||
    iterable === null ||
    (typeof iterable[Symbol.asyncIterator] !== 'function' &&
      typeof iterable[Symbol.iterator] !== 'function')
  ) {
    throw unexpected('an iterable or async iterable', what, value);
  }
}

function iteratorOf(value: unknown, what: string): AnyIterator {
  checkItems(value, what);
  const iterator = value[Symbol.asyncIterator]?.() ?? value[Symbol.iterator]?.();
  return iterator as AnyIterator;
}

/** Sends the items of one iterable. */
export class ItemSource {
  readonly #writer: BatchWriter;
  #credits = 0;
  /** An item that did not fit in the batch. */
  #overflow: EncodedItem | undefined;
  #count = 0;
  #flushing = false;
  #wake: (() => void) | undefined;
  #iterator: AnyIterator | undefined;
  #settle: (() => void) | undefined;
  #stopped = false;

  constructor(private readonly options: ItemSourceOptions) {
    this.#writer = new BatchWriter(options.dataLimit);
  }

  /** Number of unused credits. */
  get credits(): number {
    return this.#credits;
  }

  /** Adds a credit: one more batch may be sent. */
  credit(): void {
    this.#credits++;
    if (this.#writer.count > 0) this.#flush();
    this.#wakeUp();
  }

  /**
   * Sends all items. Resolves when all are sent or after {@link stop}. Rejects after the previous
   * items are sent, with the error of the iterable or a Refusal that names the item which cannot be
   * sent.
   */
  run(iterable: unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settle = resolve;
      this.#take(iterable).then(resolve, reject);
    });
  }

  /** Ends the iterable with `return()` and discards unsent items. Idempotent. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#wakeUp();
    // Not awaited by #take, which may be waiting for an item that never comes.
    void this.#return().then(this.#settle);
  }

  async #take(iterable: unknown): Promise<void> {
    const { about, what } = this.options;
    const iterator = iteratorOf(iterable, `the ${what} of ${about.service}.${about.method}`);
    this.#iterator = iterator;
    if (this.#stopped) {
      await this.#return();
      return;
    }
    let failure: { readonly error: unknown } | undefined;
    try {
      await this.#pump(iterator);
    } catch (error) {
      failure = { error };
    }
    await this.#return();
    while (!this.#stopped && (this.#writer.count > 0 || this.#overflow !== undefined)) {
      if (!this.#flush()) await this.#untilCredit();
    }
    if (failure !== undefined && !this.#stopped) throw failure.error;
  }

  async #pump(iterator: AnyIterator): Promise<void> {
    for (;;) {
      while (this.#writer.full || this.#overflow !== undefined) {
        if (this.#stopped) return;
        if (!this.#flush()) await this.#untilCredit();
      }
      if (this.#stopped) return;
      let step: IteratorResult<unknown>;
      try {
        const pending = iterator.next();
        step = isThenable(pending) ? await pending : pending;
      } catch (error) {
        this.#iterator = undefined; // An iterator that throws has ended.
        throw error;
      }
      if (step.done === true) {
        this.#iterator = undefined;
        return;
      }
      if (this.#stopped) return;
      const adding = this.#add(step.value);
      if (adding !== undefined) await adding;
    }
  }

  /** Returns a promise only if the validator does. */
  #add(value: unknown): Promise<void> | undefined {
    const { schema, about, what } = this.options;
    const index = this.#count++;
    if (schema !== undefined) {
      value = validate(schema, value, `item ${index} of the ${what}`, about);
      if (isThenable(value)) {
        return (value as Promise<unknown>).then((checked) => this.#put(checked, index));
      }
    }
    this.#put(value, index);
    return undefined;
  }

  #put(value: unknown, index: number): void {
    const { encoder, about, what } = this.options;
    encodeItem(encoder, value, this.#writer.itemLimit, `${what}[${index}]`, about);
    if (!this.#writer.addFrom(encoder)) {
      this.#overflow = { data: encoder.copy(), encoding: encoder.encoding };
    }
    if (this.#credits > 0 && !this.#flushing) {
      this.#flushing = true;
      setImmediate(this.#flushLater);
    }
  }

  readonly #flushLater = (): void => {
    this.#flushing = false;
    if (!this.#stopped && this.#writer.count > 0) this.#flush();
  };

  /** Sends the batch. Returns false if there is no credit. */
  #flush(): boolean {
    if (this.#credits === 0 || this.#stopped) return false;
    this.#credits--;
    this.options.send(this.#writer.take());
    if (this.#overflow !== undefined) {
      this.#writer.add(this.#overflow);
      this.#overflow = undefined;
    }
    return true;
  }

  /** Waits for a credit or for {@link stop}. */
  async #untilCredit(): Promise<void> {
    if (this.#credits > 0 || this.#stopped) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** Ignores errors of `return()`: no code waits for them. */
  async #return(): Promise<void> {
    const iterator = this.#iterator;
    this.#iterator = undefined;
    try {
      await iterator?.return?.();
    } catch {
      // The sequence has ended in any case.
    }
  }
}
