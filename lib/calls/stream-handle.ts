/** Implements the stream objects that programs hold. */
import type { ClientStream } from '../contract/types.js';
import { ItemReader } from '../streams/reader.js';

const ignore = (): void => undefined;

/** The stream behind a {@link StreamHandle}. It does not refer to its handle. */
export interface HandledStream {
  /** Settles when the service has begun. */
  readonly opened: Promise<void>;
  readonly reader: ItemReader;
  /** Ends the stream at both sides. */
  abort(reason: unknown): void;
}

/** Aborts the streams whose handles were garbage collected. */
const forgotten = new FinalizationRegistry<HandledStream>((stream) =>
  stream.abort(new Error('the stream was garbage collected')),
);

/** A `StreamHandle` is the stream as the program sees it. */
export class StreamHandle implements ClientStream<unknown> {
  readonly #stream: HandledStream;
  /** Handles that the program awaits, for the opening or an item: they must not be collected. */
  static readonly #awaited = new Set<StreamHandle>();
  #waiting = 0;

  constructor(stream: HandledStream) {
    this.#stream = stream;
    forgotten.register(this, stream, this);
    void this.#hold(stream.opened);
  }

  get opened(): Promise<void> {
    return this.#stream.opened;
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    const step = this.#stream.reader.next();
    if (this.#stream.reader.awaited) void this.#hold(step);
    return step;
  }

  async return(): Promise<IteratorResult<unknown, undefined>> {
    forgotten.unregister(this);
    return await this.#stream.reader.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #hold(step: Promise<unknown>): Promise<void> {
    this.#waiting++;
    StreamHandle.#awaited.add(this);
    await step.then(ignore, ignore);
    if (--this.#waiting === 0) StreamHandle.#awaited.delete(this);
  }
}

/** Returns a stream that failed before it was opened. */
export function failedStream(error: Error): ClientStream<unknown> {
  const opened = Promise.reject(error);
  opened.catch(ignore);
  const reader = new ItemReader({ ...noReader, about: { service: '', method: '' } });
  reader.end(error);
  return {
    opened,
    next: () => reader.next(),
    return: () => reader.return(),
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      await reader.return();
    },
  };
}

const noReader = { what: 'output', schema: undefined, onTaken: ignore, onLeft: ignore } as const;
