/** Defines contracts, and the types that they imply for clients and implementations. */
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
 * A sequence from a service. The call starts when the method is called. The sequence can be
 * iterated once. Leaving the loop early, `return()` and disposal end it at the service too.
 */
export interface ClientStream<Item> extends AsyncIterable<Item>, AsyncDisposable {
  /**
   * Resolves when the service has begun. For an event: the subscription receives every later
   * payload. Rejects with the same error as the iteration; an unhandled rejection of this promise
   * is ignored.
   */
  readonly opened: Promise<void>;
  /**
   * Returns the next item. Rejects once with the error that ended the stream, after the items
   * before it.
   */
  next(): Promise<IteratorResult<Item, undefined>>;
  /** Ends the stream and discards the items that have arrived and were not read. Idempotent. */
  return(): Promise<IteratorResult<Item, undefined>>;
  /** Returns the stream itself, so it can be iterated once. */
  [Symbol.asyncIterator](): ClientStream<Item>;
}

/** A sequence that an implementation or a caller may pass. */
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

/** The function by which a client calls a method. */
export type ClientMethod<Definition> =
  Definition extends MethodDefinition<infer Kind, infer Input, unknown, unknown, infer ParsedOutput>
    ? ClientFunctions<Input, ParsedOutput>[Kind]
    : never;

/** The result of `device.service(contract)`: the contract's methods as functions. */
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

/** The function by which a service implements a method. It may return a promise. */
export type ImplementationMethod<Definition> =
  Definition extends MethodDefinition<infer Kind, unknown, infer ParsedInput, infer Output>
    ? ImplementationFunctions<ParsedInput, Output>[Kind]
    : never;

/**
 * The argument of `device.expose(contract, implementation)`: an object or an instance of a class.
 * It does not contain the events.
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

/** The arguments of `exposed.emit` after the name of the event. */
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
