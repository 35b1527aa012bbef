/** A service with every kind of stream, which tells what becomes of its streams. */
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
  /** Numbers from 0 up to this one. */
  count: stream<number, number>(),
  /** So many items of so many bytes. */
  chunks: stream<readonly [count: number, bytes: number], Uint8Array>(),
  /** The array that was given, item by item; a text that begins with "throw" is thrown. */
  list: stream<readonly unknown[], unknown>(),
  checked: stream({ input: z.array(z.unknown()), output: z.number().max(100) }),
  sum: sink<number, number>(),
  /** Takes so many, then returns; the first item says how many. */
  takeSome: sink<number, number[]>(),
  checkedSum: sink({ input: z.number().max(100), output: z.number() }),
  double: duplex<number, number>(),
  /** Takes nothing and gives nothing until it is aborted. */
  idle: duplex<number, number>(),
  changed: event<unknown>(),
  ping: method<void, string>(),
});

/** The implementation. */
export class Flowing implements ImplementationOf<typeof Flows> {
  /** Items made by `count` and `chunks`. */
  produced = 0;
  /** `NAME` of each generator that has ended, or `NAME CODE` when its signal was aborted. */
  readonly ended: string[] = [];
  /** What items iterators threw. */
  readonly itemErrors: unknown[] = [];

  readonly count = async function* (this: Flowing, limit: number, call: CallContext) {
    const { signal } = call;
    try {
      for (let index = 0; index < limit; index++) {
        this.produced++;
        yield await Promise.resolve(index);
      }
    } finally {
      this.#tellEnd('count', signal);
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
      this.#tellEnd('chunks', signal);
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
      this.#tellEnd('sum', signal);
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
      this.#tellEnd('double', signal);
    }
  };

  readonly idle = async function* (this: Flowing, _items: unknown, { signal }: CallContext) {
    await new Promise((resolve) => {
      signal.addEventListener('abort', resolve, { once: true });
    });
    this.#tellEnd('idle', signal);
    yield* [];
  };

  readonly ping = (): string => 'pong';

  #tellEnd(name: string, signal: AbortSignal): void {
    const code = signal.aborted ? ` ${(signal.reason as { code: string }).code}` : '';
    this.ended.push(name + code);
  }
}

/** All items of a sequence. */
export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}
