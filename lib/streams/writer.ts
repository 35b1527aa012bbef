/**
 * Takes items from an iterable and sends them in batches, one for each credit that it was given.
 * What becomes available within one turn of the event loop goes together. Without credit it takes
 * items until one batch is full and then waits, so it holds at most that batch and one item that
 * did not fit.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { encodingErrorText, type Encoder } from '../wire/codec.js';
import { unexpected } from '../common/arguments.js';
import { LiteIpcError, callRefusal, type ServiceReference } from '../common/errors.js';
import { isThenable } from '../common/values.js';
import { BatchWriter, type EncodedItem } from './batch.js';
import { validate } from '../contract/validation.js';

type AnyIterator = Iterator<unknown, unknown> | AsyncIterator<unknown, unknown>;

/** What a source needs of its stream. */
export interface ItemSourceOptions {
  readonly about: ServiceReference;
  /** What errors call the items: of the contract's `input` or its `output`. */
  readonly what: 'input' | 'output';
  readonly schema: StandardSchemaV1 | undefined;
  readonly encoder: Encoder;
  /** Most data of a message, bytes. */
  readonly dataLimit: number;
  /** Sends a batch, which it may not keep. */
  readonly send: (batch: Uint8Array) => void;
}

/**
 * Encodes an item. Throws a {@link Refusal} that names it by its number: EINVAL for what cannot be
 * sent, EMSGSIZE for what is larger than a message.
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
    // The text has "input" for the value itself.
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
 * Throws a TypeError unless `value` can be iterated. Text could be, too, but is hardly meant so.
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

/** See above. */
export class ItemSource {
  readonly #options: ItemSourceOptions;
  readonly #writer: BatchWriter;
  #credits = 0;
  /** An item that did not fit the batch any more. */
  #held: EncodedItem | undefined;
  #count = 0;
  #flushing = false;
  #wake: (() => void) | undefined;
  #iterator: AnyIterator | undefined;
  #settle: (() => void) | undefined;
  #stopped = false;

  constructor(options: ItemSourceOptions) {
    this.#options = options;
    this.#writer = new BatchWriter(options.dataLimit);
  }

  /** How many credits there are. */
  get credits(): number {
    return this.#credits;
  }

  /** One more batch may be sent. */
  credit(): void {
    this.#credits++;
    if (this.#writer.count > 0) this.#flush();
    this.#wakeUp();
  }

  /**
   * Takes all items. Resolves when all were sent, or it was stopped. Rejects, when what came before
   * was sent, with what the iterable threw, or a Refusal that names the item which cannot be sent.
   */
  run(iterable: unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settle = resolve;
      this.#take(iterable).then(resolve, reject);
    });
  }

  /** Ends the iterable with `return()`; what was not sent is not sent any more. Idempotent. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#wakeUp();
    // Not awaited by the loop above, which may itself wait for an item that never comes.
    void this.#return().then(this.#settle);
  }

  async #take(iterable: unknown): Promise<void> {
    const { about, what } = this.#options;
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
    while (!this.#stopped && (this.#writer.count > 0 || this.#held !== undefined)) {
      if (!this.#flush()) await this.#untilCredit();
    }
    if (failure !== undefined && !this.#stopped) throw failure.error;
  }

  async #pump(iterator: AnyIterator): Promise<void> {
    for (;;) {
      while (this.#writer.full || this.#held !== undefined) {
        if (this.#stopped) return;
        if (!this.#flush()) await this.#untilCredit();
      }
      if (this.#stopped) return;
      let step: IteratorResult<unknown>;
      try {
        const pending = iterator.next();
        step = isThenable(pending) ? await pending : pending;
      } catch (error) {
        this.#iterator = undefined; // who throws has ended
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

  /** A promise only if the validator gives one. */
  #add(value: unknown): Promise<void> | undefined {
    const { schema, about, what } = this.#options;
    const index = this.#count++;
    if (schema !== undefined) {
      value = validate(schema, value, `item ${index} of the ${what}`, about);
      if (isThenable(value)) {
        return (value as Promise<unknown>).then((checked) => {
          this.#put(checked, index);
        });
      }
    }
    this.#put(value, index);
    return undefined;
  }

  #put(value: unknown, index: number): void {
    const { encoder, about, what } = this.#options;
    encodeItem(encoder, value, this.#writer.itemLimit, `${what}[${index}]`, about);
    if (!this.#writer.addFrom(encoder)) {
      this.#held = { data: encoder.copy(), encoding: encoder.encoding };
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

  /** Sends the batch. False if there is no credit. */
  #flush(): boolean {
    if (this.#credits === 0 || this.#stopped) return false;
    this.#credits--;
    this.#options.send(this.#writer.take());
    if (this.#held !== undefined) {
      this.#writer.add(this.#held);
      this.#held = undefined;
    }
    return true;
  }

  /** Also until it is stopped. */
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

  /** What `return()` itself throws concerns nobody any more. */
  async #return(): Promise<void> {
    const iterator = this.#iterator;
    this.#iterator = undefined;
    try {
      await iterator?.return?.();
    } catch {
      // The sequence is over in any case.
    }
  }
}
