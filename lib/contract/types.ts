/** What a contract means for its two sides, as types. */
import type { CallContext } from './call-context.js';
import type { CallOptions } from './call-options.js';
import type { MethodDefinition, MethodDefinitions } from './methods.js';

/** Describes a service: its name and its methods. `defineService` creates it. */
export interface Contract<Methods extends MethodDefinitions = MethodDefinitions> {
  readonly name: string;
  readonly methods: Methods;
  /** Hash of the methods' names, kinds and order. Both sides must have the same hash. */
  readonly hash: number;
  /** Version for error messages about contracts that do not match. It has no other effect. */
  readonly version: string | undefined;
}

/**
 * A sequence that comes from a service. It is asked for at once, when the method is called; iterate
 * it once. Leaving the loop early, `return()` or disposing it ends it at the service, too.
 */
export interface ClientStream<Item> extends AsyncIterable<Item>, AsyncDisposable {
  /**
   * Resolves when the service has begun; of an event: from then on nothing is missed. Rejects if
   * that fails, as the iteration does; nobody has to look at it.
   */
  readonly opened: Promise<void>;
  /**
   * The next item. Rejects once with the error that has ended the stream, after the items before
   * it.
   */
  next(): Promise<IteratorResult<Item, undefined>>;
  /** Ends the stream: nothing that arrived and was not taken is given any more. Idempotent. */
  return(): Promise<IteratorResult<Item, undefined>>;
  /** The stream itself: it is iterated once. */
  [Symbol.asyncIterator](): ClientStream<Item>;
}

/** What an implementation or a caller may give as a sequence. */
export type Items<Item> = AsyncIterable<Item> | Iterable<Item>;

type Arguments<Input> = [Input] extends [void]
  ? [input?: undefined, options?: CallOptions]
  : undefined extends Input
    ? [input?: Input, options?: CallOptions]
    : [input: Input, options?: CallOptions];

interface ClientFunctions<Input, ParsedOutput> {
  readonly method: (...args: Arguments<Input>) => Promise<ParsedOutput>;
  readonly oneway: (...args: Arguments<Input>) => Promise<ParsedOutput>;
  readonly stream: (...args: Arguments<Input>) => ClientStream<ParsedOutput>;
  readonly sink: (items: Items<Input>, options?: CallOptions) => Promise<ParsedOutput>;
  readonly duplex: (items: Items<Input>, options?: CallOptions) => ClientStream<ParsedOutput>;
  readonly event: (options?: CallOptions) => ClientStream<ParsedOutput>;
}

/** A method as the client calls it. */
export type ClientMethod<Definition> =
  Definition extends MethodDefinition<infer Kind, infer Input, unknown, unknown, infer ParsedOutput>
    ? ClientFunctions<Input, ParsedOutput>[Kind]
    : never;

/** What `device.service(contract)` gives: the contract's methods as functions. */
export type Client<Methods extends MethodDefinitions = MethodDefinitions> = {
  readonly [Name in keyof Methods]: ClientMethod<Methods[Name]>;
};

interface ImplementationFunctions<ParsedInput, Output> {
  readonly method: (input: ParsedInput, call: CallContext) => Output | Promise<Output>;
  readonly oneway: (input: ParsedInput, call: CallContext) => Output | Promise<Output>;
  readonly stream: (input: ParsedInput, call: CallContext) => Items<Output>;
  readonly sink: (
    items: AsyncIterableIterator<ParsedInput, undefined>,
    call: CallContext,
  ) => Output | Promise<Output>;
  readonly duplex: (
    items: AsyncIterableIterator<ParsedInput, undefined>,
    call: CallContext,
  ) => Items<Output>;
  readonly event: never;
}

/** A method as the service implements it; an answer may come as a promise. */
export type ImplementationMethod<Definition> =
  Definition extends MethodDefinition<infer Kind, unknown, infer ParsedInput, infer Output>
    ? ImplementationFunctions<ParsedInput, Output>[Kind]
    : never;

/**
 * What `device.expose(contract, implementation)` takes: an object or class instance. Events are not
 * in it.
 */
export type Implementation<Methods extends MethodDefinitions = MethodDefinitions> = {
  readonly [
    Name in keyof Methods as Methods[Name] extends MethodDefinition<'event'> ? never : Name
  ]: ImplementationMethod<Methods[Name]>;
};

/** Names of a contract's events. */
export type EventNames<Methods extends MethodDefinitions> = {
  [Name in keyof Methods]: Methods[Name] extends MethodDefinition<'event'> ? Name : never;
}[keyof Methods] &
  string;

/** What `exposed.emit` takes after the event's name. */
export type EventArguments<Definition> =
  Definition extends MethodDefinition<'event', unknown, unknown, infer Payload>
    ? [Payload] extends [void]
      ? [payload?: undefined]
      : undefined extends Payload
        ? [payload?: Payload]
        : [payload: Payload]
    : never;

/** The client of a contract: `ClientOf<typeof Calculator>`. */
export type ClientOf<C extends Contract> = Client<C['methods']>;
/** The implementation of a contract: `ImplementationOf<typeof Calculator>`. */
export type ImplementationOf<C extends Contract> = Implementation<C['methods']>;
