/**
 * What must and what must not compile. The compiler is the test: an `@ts-expect-error` over a line without
 * an error fails the build. At run time this file only shows that it was built.
 */
import test from 'ava';
import { z } from 'zod';
import {
  defineService,
  method,
  oneway,
  type ClientOf,
  type CallContext,
  type ImplementationOf,
} from 'liteipc';

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_equal: Equal<A, B>): void {
  // Types only.
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
  told: oneway({ input: z.tuple([z.number(), z.string()]) }),
  ping: oneway(),
});

type Client = ClientOf<typeof Typed>;
type Implementation = ImplementationOf<typeof Typed>;

same<Parameters<Client['plain']>[0], { id: number }>(true);
same<ReturnType<Client['plain']>, Promise<string>>(true);
same<ReturnType<Client['nothing']>, Promise<void>>(true);
// A validator that transforms: each side sees its own type.
same<Parameters<Client['parsed']>[0], string>(true);
same<ReturnType<Client['parsed']>, Promise<string>>(true);
same<Parameters<Implementation['parsed']>[0], number>(true);
same<ReturnType<Implementation['parsed']>, number | Promise<number>>(true);
same<Parameters<Implementation['parsed']>[1], CallContext>(true);
same<ReturnType<Client['onlyInput']>, Promise<void>>(true);
same<ReturnType<Client['onlyOutput']>, Promise<Date>>(true);
same<ReturnType<Client['told']>, Promise<void>>(true);
same<keyof Client, keyof Implementation>(true);
// @ts-expect-error -- the check itself can fail
same<string, number>(true);

export function calls(client: Client): void {
  void client.plain({ id: 1 });
  void client.plain({ id: 1 }, { timeoutMs: 10 });
  void client.nothing();
  void client.nothing(undefined, { timeoutMs: Infinity });
  void client.maybe();
  void client.maybe(1);
  void client.told([1, 'a']);
  void client.ping();
  // @ts-expect-error -- an input is missing
  void client.plain();
  // @ts-expect-error -- wrong type of a property
  void client.plain({ id: '1' });
  // @ts-expect-error -- an input where none belongs
  void client.nothing(5);
  // @ts-expect-error -- the tuple is too short
  void client.told([1]);
  // @ts-expect-error -- no such option
  void client.plain({ id: 1 }, { timeout: 10 });
  // @ts-expect-error -- no such method
  void client.absent();
  // @ts-expect-error -- the caller gives text, not its length
  void client.parsed(4);
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
  told: ([count, text]) => {
    text.repeat(count);
  },
  ping: () => undefined,
};

const { ping: _ping, ...lacking } = right;
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

test('the types compiled', (t) => {
  t.is(Typed.name, 'typed');
});
