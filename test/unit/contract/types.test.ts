/**
 * Checks which uses of contracts compile. The compiler runs this test: an `@ts-expect-error` above
 * a line without an error fails the build. At run time this file only shows that it was built.
 */
import test from 'ava';
import { z } from 'zod';
import {
  defineService,
  duplex,
  event,
  method,
  oneway,
  sink,
  stream,
  type CallContext,
  type ClientOf,
  type ClientStream,
  type Device,
  type EventArguments,
  type EventNames,
  type Exposed,
  type ImplementationOf,
} from 'liteipc';
import { parcel } from 'liteipc/native';

/** True if the types are assignable to each other. */
type Equal<A, B> = [A, B] extends [B, A] ? true : false;
/** Compiles only if the types are the same. */
function same<A, B>(...equal: Equal<A, B> extends true ? [] : [never]): number {
  return equal.length;
}

const Typed = defineService('typed', {
  plain: method<{ id: number }, string>(),
  nothing: method(),
  maybe: method<number | undefined, boolean>(),
  parsed: method({
    input: z.string().transform((text) => text.length),
    output: z.number().transform((count) => `${count}`),
  }),
  onlyInput: method({ input: z.number() }),
  onlyOutput: method({ output: z.date() }),
  notify: oneway({ input: z.tuple([z.number(), z.string()]) }),
  ping: oneway(),
  inParcel: method({
    input: parcel({
      write: (io, point: { x: number }) => {
        io.writeInt32(point.x);
      },
      read: (io) => io.readInt32(),
    }),
    output: z.string(),
  }),
  outParcel: method({
    output: parcel<Date, bigint>({
      write: (io, date) => {
        io.writeInt64(BigInt(date.getTime()));
      },
      read: (io) => io.readInt64(),
    }),
  }),
  notedParcel: oneway({
    input: {
      write: (io, text: string) => {
        io.writeString(text);
      },
      read: (io) => io.readString(),
    },
  }),
});

type Client = ClientOf<typeof Typed>;
type Implementation = ImplementationOf<typeof Typed>;

same<Parameters<Client['plain']>[0], { id: number }>();
same<ReturnType<Client['plain']>, Promise<string>>();
same<ReturnType<Client['nothing']>, Promise<void>>();
// With a transforming validator each side has its own type.
same<Parameters<Client['parsed']>[0], string>();
same<ReturnType<Client['parsed']>, Promise<string>>();
same<Parameters<Implementation['parsed']>[0], number>();
same<ReturnType<Implementation['parsed']>, number | Promise<number>>();
same<Parameters<Implementation['parsed']>[1], CallContext>();
same<ReturnType<Client['onlyInput']>, Promise<void>>();
same<ReturnType<Client['onlyOutput']>, Promise<Date>>();
same<ReturnType<Client['notify']>, Promise<void>>();
// A parcel may have different types for writing and reading.
same<Parameters<Client['inParcel']>[0], { x: number }>();
same<Parameters<Implementation['inParcel']>[0], number>();
same<ReturnType<Client['inParcel']>, Promise<string>>();
same<Parameters<Client['outParcel']>[0], undefined>();
same<ReturnType<Implementation['outParcel']>, Date | Promise<Date>>();
same<ReturnType<Client['outParcel']>, Promise<bigint>>();
same<Parameters<Client['notedParcel']>[0], string>();
same<Parameters<Implementation['notedParcel']>[0], string>();
same<keyof Client, keyof Implementation>();
// @ts-expect-error -- the check itself can fail
same<string, number>();

// @ts-expect-error -- no such method
export type Absent = Client['absent'];

export function calls(client: Client): void {
  void client.plain({ id: 1 });
  void client.plain({ id: 1 }, { timeoutMs: 10 });
  void client.nothing();
  void client.nothing(undefined, { timeoutMs: Infinity });
  void client.maybe();
  void client.maybe(1);
  void client.notify([1, 'a']);
  void client.ping();
  // @ts-expect-error -- an input is missing
  void client.plain();
  // @ts-expect-error -- wrong type of a property
  void client.plain({ id: '1' });
  // @ts-expect-error -- the method has no input
  void client.nothing(5);
  // @ts-expect-error -- the tuple is too short
  void client.notify([1]);
  // @ts-expect-error -- no such option
  void client.plain({ id: 1 }, { timeout: 10 });
  // @ts-expect-error -- the caller passes the text, not its length
  void client.parsed(4);
  void client.inParcel({ x: 1 });
  void client.outParcel();
  // @ts-expect-error -- the type for reading differs from the type for writing
  void client.inParcel(1);
}

const right: Implementation = {
  plain: ({ id }) => `${id}`,
  nothing: () => undefined,
  maybe: (value) => value === undefined,
  parsed: async (length, call) => Promise.resolve(length + call.caller.uid),
  onlyInput: (value) => {
    value.toFixed();
  },
  onlyOutput: () => new Date(),
  notify: ([count, text]) => {
    text.repeat(count);
  },
  ping: () => undefined,
  inParcel: (x) => x.toFixed(),
  outParcel: () => new Date(),
  notedParcel: (text) => {
    text.trim();
  },
};

const lacking: Omit<Implementation, 'ping'> = right;
// @ts-expect-error -- a method is missing
export const incomplete: Implementation = lacking;
export const wrong: Implementation = {
  ...right,
  // @ts-expect-error -- wrong result
  plain: ({ id }) => id,
  // @ts-expect-error -- wrong result in a promise
  onlyOutput: () => Promise.resolve('today'),
  // @ts-expect-error -- wrong input
  parsed: (text: string) => text.length,
};

// @ts-expect-error -- a format needs a read function
export const halfFormat = (): unknown => parcel<number>({ write: () => undefined });
export const mixedFormat = method({
  input: parcel<number>({
    write: () => undefined,
    // @ts-expect-error -- read returns another type
    read: (io) => io.readString(),
  }),
});

const Flows = defineService('flows', {
  plain: method<string>(),
  primes: stream<number, bigint>(),
  all: stream({ output: z.number().transform((count) => `${count}`) }),
  upload: sink({ input: z.string().transform((text) => text.length), output: z.boolean() }),
  log: sink<Date>(),
  chat: duplex<string, number>(),
  changed: event<{ id: number }>(),
  parsed: event({ output: z.number().transform((count) => `${count}`) }),
  tick: event(),
});
type FlowClient = ClientOf<typeof Flows>;
type FlowImplementation = ImplementationOf<typeof Flows>;
type FlowMethods = (typeof Flows)['methods'];

same<Parameters<FlowClient['primes']>[0], number>();
same<ReturnType<FlowClient['primes']>, ClientStream<bigint>>();
same<ReturnType<FlowImplementation['primes']>, AsyncIterable<bigint> | Iterable<bigint>>();
same<ReturnType<FlowClient['all']>, ClientStream<string>>();
same<ReturnType<FlowImplementation['all']>, AsyncIterable<number> | Iterable<number>>();
same<Parameters<FlowClient['upload']>[0], AsyncIterable<string> | Iterable<string>>();
same<ReturnType<FlowClient['upload']>, Promise<boolean>>();
same<Parameters<FlowImplementation['upload']>[0], AsyncIterableIterator<number, undefined>>();
same<ReturnType<FlowImplementation['upload']>, boolean | Promise<boolean>>();
same<ReturnType<FlowClient['log']>, Promise<void>>();
same<ReturnType<FlowClient['chat']>, ClientStream<number>>();
same<Parameters<FlowImplementation['chat']>[0], AsyncIterableIterator<string, undefined>>();
same<ReturnType<FlowClient['changed']>, ClientStream<{ id: number }>>();
same<ReturnType<FlowClient['parsed']>, ClientStream<string>>();
same<EventNames<FlowMethods>, 'changed' | 'parsed' | 'tick'>();
same<EventArguments<FlowMethods['parsed']>, [payload: number]>();
same<EventArguments<FlowMethods['tick']>, [payload?: undefined]>();
same<Exclude<keyof FlowClient, keyof FlowImplementation>, 'changed' | 'parsed' | 'tick'>();
same<Parameters<FlowClient['changed']>, [options?: Parameters<FlowClient['primes']>[1]]>();

export async function flows(client: FlowClient, exposed: Exposed<FlowMethods>): Promise<void> {
  for await (const prime of client.primes(10, { timeoutMs: 50 })) prime.toString();
  for await (const text of client.all()) text.trim();
  await client.upload(['a', 'b']);
  await client.chat(new Set(['a'])).opened;
  exposed.emit('changed', { id: 1 });
  exposed.emit('tick');
  // @ts-expect-error -- an input is missing
  client.primes();
  // @ts-expect-error -- an event takes only options
  client.changed(1);
  // @ts-expect-error -- one item is not a sequence
  void client.upload(5);
  // @ts-expect-error -- items of another type
  void client.upload([1]);
  // @ts-expect-error -- no such event
  exposed.emit('other');
  // @ts-expect-error -- a method is not an event
  exposed.emit('plain', 'a');
  // @ts-expect-error -- the payload is missing
  exposed.emit('changed');
  // @ts-expect-error -- another payload
  exposed.emit('changed', { id: '1' });
}

const flowing: FlowImplementation = {
  plain: () => undefined,
  primes: async function* (count, call) {
    for (let index = 0; index < count && !call.signal.aborted; index++) {
      yield await Promise.resolve(BigInt(index));
    }
  },
  all: () => [1, 2],
  upload: async (items) => {
    for await (const length of items) length.toFixed();
    return true;
  },
  log: async (items) => {
    for await (const date of items) date.getTime();
  },
  chat: async function* (items) {
    for await (const text of items) yield text.length;
  },
};
export const wrongFlows: FlowImplementation = {
  ...flowing,
  // @ts-expect-error -- items of another type
  primes: () => [1, 2],
  // @ts-expect-error -- not a sequence
  all: () => 5,
  // @ts-expect-error -- another result
  upload: () => 'yes',
};
export const withEvent: FlowImplementation = {
  ...flowing,
  // @ts-expect-error -- an event is emitted, not implemented
  changed: () => undefined,
};
const Events = defineService('events', { changed: event<number>() });
export const onlyEvents = (device: Device): unknown => device.expose(Events, {});
// @ts-expect-error -- a stream does not accept a parcel
export const parcelStream = (): unknown => stream({ output: Typed.methods.inParcel.inputParcel });

test('the types compiled', (t) => {
  t.deepEqual([Typed.name, Flows.name, Events.name], ['typed', 'flows', 'events']);
});
