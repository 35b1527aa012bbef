/** The streams that a program holds. */
import type { ClientStream } from '../contract/types.js';
import { ItemReader } from '../streams/reader.js';
import type { OpenStream } from './stream.js';

const ignore = (): void => undefined;

/** Ends streams that the program has forgotten. */
const forgotten = new FinalizationRegistry<OpenStream>((stream) => {
  stream.abort(new Error('the stream was garbage collected'));
});

/** What the program has. */
export class StreamHandle implements ClientStream<unknown> {
  readonly #stream: OpenStream;
  /** Those that somebody waits for: for the beginning, or for an item. */
  static readonly #awaited = new Set<StreamHandle>();
  #waiting = 0;

  constructor(stream: OpenStream) {
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

/** A stream that failed before it began. */
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
