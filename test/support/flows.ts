/** A service with every kind of stream, which records the ends of its streams. */
import {
  defineService,
  duplex,
  event,
  method,
  sink,
  stream,
  type CallContext,
  type ImplementationOf,
} from 'liteipc';
import { z } from 'zod';

export const Flows = defineService('flows', {
  /** Yields the numbers from 0 to the input, exclusive. */
  count: stream<number, number>(),
  /** Yields `count` items of `bytes` bytes. */
  chunks: stream<readonly [count: number, bytes: number], Uint8Array>(),
  /** Yields the items of the input; throws at a text that begins with "throw". */
  list: stream<readonly unknown[], unknown>(),
  checked: stream({ input: z.array(z.unknown()), output: z.number().max(100) }),
  sum: sink<number, number>(),
  /** Reads as many items as the first one says, and returns. */
  takeSome: sink<number, number[]>(),
  checkedSum: sink({ input: z.number().max(100), output: z.number() }),
  double: duplex<number, number>(),
  /** Reads and yields nothing until it is aborted. */
  idle: duplex<number, number>(),
  changed: event<unknown>(),
  ping: method<void, string>(),
});

/** Implements the service. */
export class Flowing implements ImplementationOf<typeof Flows> {
  /** Number of items that `count` and `chunks` produced. */
  produced = 0;
  /** `NAME` of each generator that has ended, or `NAME CODE` when its signal was aborted. */
  readonly ended: string[] = [];
  /** Errors that the iterators of items threw. */
  readonly itemErrors: unknown[] = [];

  readonly count = async function* (this: Flowing, limit: number, call: CallContext) {
    const { signal } = call;
    try {
      for (let index = 0; index < limit; index++) {
        this.produced++;
        yield await Promise.resolve(index);
      }
    } finally {
      this.#recordEnd('count', signal);
    }
  };

  readonly chunks = function* (
    this: Flowing,
    [count, bytes]: readonly [number, number],
    { signal }: CallContext,
  ) {
    try {
      for (let index = 0; index < count; index++) {
        this.produced++;
        yield new Uint8Array(bytes).fill(index);
      }
    } finally {
      this.#recordEnd('chunks', signal);
    }
  };

  readonly list = async function* (this: Flowing, items: readonly unknown[]) {
    try {
      for (const item of items) {
        if (typeof item === 'string' && item.startsWith('throw')) {
          throw Object.assign(new RangeError(item), { code: 'E_LIST' });
        }
        if (item === 'function') yield { inner: [() => 1] };
        else if (item === 'huge') yield new Uint8Array(70_000);
        else yield await Promise.resolve(item);
      }
    } finally {
      this.ended.push('list');
    }
  };

  readonly checked = (items: readonly unknown[]): Iterable<number> => items as number[];

  readonly sum = async (items: AsyncIterable<number>, call: CallContext): Promise<number> => {
    const { signal } = call;
    let sum = 0;
    try {
      for await (const item of items) sum += item;
    } catch (error) {
      this.itemErrors.push(error);
      this.#recordEnd('sum', signal);
      throw error;
    }
    return sum;
  };

  readonly takeSome = async (items: AsyncIterableIterator<number>): Promise<number[]> => {
    const taken: number[] = [];
    for await (const item of items) {
      taken.push(item);
      if (taken.length === taken[0]) break;
    }
    return taken;
  };

  readonly checkedSum = (items: AsyncIterable<number>, call: CallContext): Promise<number> =>
    this.sum(items, call);

  readonly double = async function* (
    this: Flowing,
    items: AsyncIterable<number>,
    call: CallContext,
  ) {
    const { signal } = call;
    try {
      for await (const item of items) yield item * 2;
    } catch (error) {
      this.itemErrors.push(error);
      throw error;
    } finally {
      this.#recordEnd('double', signal);
    }
  };

  readonly idle = async function* (this: Flowing, _items: unknown, { signal }: CallContext) {
    await new Promise((resolve) => {
      signal.addEventListener('abort', resolve, { once: true });
    });
    this.#recordEnd('idle', signal);
    yield* [];
  };

  readonly ping = (): string => 'pong';

  #recordEnd(name: string, signal: AbortSignal): void {
    const code = signal.aborted ? ` ${(signal.reason as { code: string }).code}` : '';
    this.ended.push(name + code);
  }
}

/** Returns all items of a sequence. */
export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}
