/**
 * Items as they arrive: an async iterator over batches. It tells when one of them has been taken to
 * its end, so that whoever sends knows that there is room for one more. Items are decoded when they
 * are taken.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { asError, callRefusal, Refusal, type ServiceReference } from '../common/errors.js';
import { BatchReader } from './batch.js';
import { validate } from '../contract/validation.js';

type Step = IteratorResult<unknown, undefined>;

interface Waiting {
  readonly resolve: (step: Step | Promise<Step>) => void;
  readonly reject: (error: Error) => void;
}

const finished: Step = Object.freeze({ done: true, value: undefined });

/** What a reader needs of its stream. */
export interface ItemReaderOptions {
  readonly about: ServiceReference;
  /** What errors call the items: of the contract's `input` or its `output`. */
  readonly what: 'input' | 'output';
  readonly schema: StandardSchemaV1 | undefined;
  /** A batch has been taken to its end. */
  readonly onTaken: () => void;
  /** Nobody takes items any more: the reader has left, or an item was not readable or not valid. */
  readonly onLeft: (error: Error | undefined) => void;
}

/** See above. */
export class ItemReader implements AsyncIterableIterator<unknown, undefined> {
  readonly #options: ItemReaderOptions;
  readonly #batches: BatchReader[] = [];
  readonly #waiting: Waiting[] = [];
  /** What comes after the batches: the end, or an error that is told once. */
  #end: { error: Error | undefined } | undefined;
  #left = false;
  #index = 0;

  constructor(options: ItemReaderOptions) {
    this.#options = options;
  }

  /** Batches of which not all was taken. */
  get unread(): number {
    return this.#batches.length;
  }

  /** Whether somebody waits for an item. */
  get awaited(): boolean {
    return this.#waiting.length > 0;
  }

  /** A batch has arrived; it may have no items. */
  add(batch: BatchReader): void {
    if (this.#left || this.#end !== undefined) return;
    if (batch.isEmpty) {
      this.#options.onTaken();
      return;
    }
    this.#batches.push(batch);
    while (this.#waiting.length > 0 && this.#batches.length > 0) {
      const waiting = this.#waiting.shift() as Waiting;
      try {
        waiting.resolve(this.#take());
      } catch (error) {
        waiting.reject(asError(error));
      }
    }
  }

  /**
   * Nothing more arrives: after what is there comes the end, or the error. The first word counts.
   */
  end(error?: Error): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    if (this.#batches.length === 0) this.#tellEnd();
  }

  /** Ends at once: what was not taken is not given any more. */
  fail(error: Error): void {
    if (this.#left) return;
    this.#batches.length = 0;
    if (this.#end === undefined || this.#end.error === undefined) this.#end = { error };
    this.#tellEnd();
  }

  next(): Promise<Step> {
    try {
      if (this.#batches.length > 0) return Promise.resolve(this.#take());
    } catch (error) {
      return Promise.reject(asError(error));
    }
    if (this.#end !== undefined) return this.#lastStep(this.#end);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  return(): Promise<Step> {
    this.#leave(undefined);
    return Promise.resolve(finished);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #take(): Step | Promise<Step> {
    const { about, what, schema, onTaken } = this.#options;
    const batch = this.#batches[0] as BatchReader;
    const index = this.#index++;
    let value: unknown;
    try {
      value = batch.next();
      if (schema !== undefined)
        value = validate(schema, value, `item ${index} of the ${what}`, about);
    } catch (error) {
      throw this.#unusable(error, index);
    }
    if (batch.isEmpty) {
      this.#batches.shift();
      onTaken();
    }
    if (schema !== undefined && value instanceof Promise) {
      return value.then(
        (checked: unknown): Step => ({ done: false, value: checked }),
        (error: unknown) => {
          throw this.#unusable(error, index);
        },
      );
    }
    return { done: false, value };
  }

  #unusable(error: unknown, index: number): Error {
    const { about, what } = this.#options;
    const failure =
      error instanceof Refusal
        ? error
        : callRefusal('EPROTO', about, `${what}[${index}]: ${asError(error).message}`, {
            cause: error,
          });
    this.#leave(failure);
    return failure;
  }

  #leave(error: Error | undefined): void {
    if (this.#left) return;
    this.#left = true;
    this.#batches.length = 0;
    this.#end = { error: undefined };
    this.#tellEnd();
    this.#options.onLeft(error);
  }

  #tellEnd(): void {
    const end = this.#end;
    if (end === undefined) return;
    for (const { resolve } of this.#waiting.splice(0)) resolve(this.#lastStep(end));
  }

  #lastStep(end: { error: Error | undefined }): Promise<Step> {
    this.#left = true;
    const { error } = end;
    if (error === undefined) return Promise.resolve(finished);
    end.error = undefined;
    return Promise.reject(error);
  }
}
