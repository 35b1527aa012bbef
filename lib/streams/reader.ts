/**
 * Implements an async iterator over received batches. It reports when a batch was read to its end,
 * so that the sender may send another. Items are decoded when they are read.
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

/** Options of an {@link ItemReader}. */
export interface ItemReaderOptions {
  readonly about: ServiceReference;
  /** Name of the items in errors. */
  readonly what: 'input' | 'output';
  readonly schema: StandardSchemaV1 | undefined;
  /** Called when a batch was read to its end. */
  readonly onTaken: () => void;
  /**
   * Called when no more items are read: the iteration ended early, or an item was not readable or
   * not valid.
   */
  readonly onLeft: (error: Error | undefined) => void;
}

/** Iterates over the items of received batches. */
export class ItemReader implements AsyncIterableIterator<unknown, undefined> {
  readonly #batches: BatchReader[] = [];
  readonly #waiting: Waiting[] = [];
  /** The end after the batches, or an error that is thrown once. */
  #end: { error: Error | undefined } | undefined;
  #left = false;
  #index = 0;

  constructor(private readonly options: ItemReaderOptions) {}

  /** Number of batches with unread items. */
  get unread(): number {
    return this.#batches.length;
  }

  /** True if a call of `next` is pending. */
  get awaited(): boolean {
    return this.#waiting.length > 0;
  }

  /** Adds a received batch, which may be empty. */
  add(batch: BatchReader): void {
    if (this.#left || this.#end !== undefined) return;
    if (batch.isEmpty) {
      this.options.onTaken();
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
   * Ends the sequence after the batches that have arrived, with an error if there is one. Later
   * calls have no effect.
   */
  end(error?: Error): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    if (this.#batches.length === 0) this.#settleEnd();
  }

  /** Ends the sequence at once and discards unread items. */
  fail(error: Error): void {
    if (this.#left) return;
    this.#batches.length = 0;
    if (this.#end === undefined || this.#end.error === undefined) this.#end = { error };
    this.#settleEnd();
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
    const { about, what, schema, onTaken } = this.options;
    const batch = this.#batches[0] as BatchReader;
    const index = this.#index++;
    let value: unknown;
    try {
      value = batch.next();
      if (schema !== undefined)
        value = validate(schema, value, `item ${index} of the ${what}`, about);
    } catch (error) {
      throw this.#failWith(error, index);
    }
    if (batch.isEmpty) {
      this.#batches.shift();
      onTaken();
    }
    if (schema !== undefined && value instanceof Promise) {
      return value.then(
        (checked: unknown): Step => ({ done: false, value: checked }),
        (error: unknown) => {
          throw this.#failWith(error, index);
        },
      );
    }
    return { done: false, value };
  }

  #failWith(error: unknown, index: number): Error {
    const { about, what } = this.options;
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
    this.#settleEnd();
    this.options.onLeft(error);
  }

  #settleEnd(): void {
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
