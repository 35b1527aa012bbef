/**
 * The methods of a contract, by kind.
 *
 * Four types hang on every method. With a validator that transforms (say, text to Date) they
 * differ:
 *   the caller gives `Input`, the implementation gets `ParsedInput`,
 *   the implementation gives `Output`, the caller gets `ParsedOutput`.
 * Of what goes in a stream they are the types of a single item.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { checkObject, unexpected } from '../common/arguments.js';
import {
  isParcelFormat,
  type AnyParcelFormat,
  type ParcelFormat,
} from '../ipc-io/parcel-format.js';

declare const types: unique symbol;

/**
 * How a method is called: `method` with an answer, `oneway` without one, `stream` with many, `sink`
 * with many inputs and one answer, `duplex` with many of both; an `event` is not called but
 * subscribed to.
 */
export type MethodKind = 'method' | 'oneway' | 'stream' | 'sink' | 'duplex' | 'event';

/** Every kind. */
export const methodKinds: ReadonlySet<unknown> = new Set<MethodKind>([
  ...(['method', 'oneway', 'stream', 'sink', 'duplex', 'event'] as const),
]);

/** Kinds whose calls last: with items besides, or instead of, one answer. */
export function isStreaming(kind: MethodKind): boolean {
  return kind !== 'method' && kind !== 'oneway';
}

/**
 * One method of a contract. Made by {@link method}, {@link oneway}, {@link stream} and the like.
 */
export interface MethodDefinition<
  Kind extends MethodKind = MethodKind,
  Input = unknown,
  ParsedInput = unknown,
  Output = unknown,
  ParsedOutput = unknown,
> {
  readonly kind: Kind;
  /** Checked where the service runs, before the implementation sees it. */
  readonly input: StandardSchemaV1 | undefined;
  /** Checked where the service runs, before it is sent. */
  readonly output: StandardSchemaV1 | undefined;
  /** How the request's data is written and read, if it is a parcel. */
  readonly inputParcel: AnyParcelFormat | undefined;
  /** How the answer's data is written and read, if it is a parcel. */
  readonly outputParcel: AnyParcelFormat | undefined;
  /** For the type checker alone: there is no such property. */
  readonly [types]?: {
    readonly input: Input;
    readonly parsedInput: ParsedInput;
    readonly output: Output;
    readonly parsedOutput: ParsedOutput;
  };
}

/** The methods of a contract by name. */
export type MethodDefinitions = Readonly<Record<string, MethodDefinition>>;

/** What a schema admits; of an absent one `void`. */
export type InputOf<Schema> = Schema extends StandardSchemaV1
  ? StandardSchemaV1.InferInput<Schema>
  : Schema extends ParcelFormat<infer Written, unknown>
    ? Written
    : void;
/** What a schema makes of that. */
export type ParsedOf<Schema> = Schema extends StandardSchemaV1
  ? StandardSchemaV1.InferOutput<Schema>
  : Schema extends ParcelFormat<never, infer Read>
    ? Read
    : void;

/** A validator, of any library that implements Standard Schema; or a format made by `parcel()`. */
export type MethodSchema = StandardSchemaV1 | AnyParcelFormat;

/** What a method takes and gives: checked or as a parcel. What is absent is `void`. */
export interface MethodSchemas {
  readonly input?: MethodSchema;
  readonly output?: MethodSchema;
}

/** What a stream takes and gives. What is absent is `void`. */
export interface StreamSchemas {
  readonly input?: StandardSchemaV1;
  readonly output?: StandardSchemaV1;
}

type FromSchemas<Kind extends MethodKind, Schemas extends MethodSchemas> = MethodDefinition<
  Kind,
  InputOf<Schemas['input']>,
  ParsedOf<Schemas['input']>,
  InputOf<Schemas['output']>,
  ParsedOf<Schemas['output']>
>;

function checkSchema(value: unknown, what: string): StandardSchemaV1 | undefined {
  if (value === undefined || isParcelFormat(value)) return undefined;
  const schema = value as StandardSchemaV1 | null;
  const standard: Partial<StandardSchemaV1.Props> | undefined = schema?.['~standard'];
  if (typeof standard?.validate !== 'function' || standard.version !== 1) {
    throw unexpected('a Standard Schema (version 1) validator or a parcel()', what, value);
  }
  return schema ?? undefined;
}

function parcelOf(value: unknown): AnyParcelFormat | undefined {
  return isParcelFormat(value) ? value : undefined;
}

function define(kind: MethodKind, schemas: MethodSchemas | undefined): MethodDefinition {
  if (schemas !== undefined) checkObject(schemas, `the schemas of ${kind}()`);
  return {
    kind,
    input: checkSchema(schemas?.input, `input of ${kind}()`),
    output: checkSchema(schemas?.output, `output of ${kind}()`),
    inputParcel: parcelOf(schemas?.input),
    outputParcel: parcelOf(schemas?.output),
  };
}

/** A definition of a kind whose items travel in batches, which are no parcels. */
function defineStream(kind: MethodKind, schemas: MethodSchemas | undefined): MethodDefinition {
  const definition = define(kind, schemas);
  if (definition.inputParcel !== undefined || definition.outputParcel !== undefined) {
    throw new TypeError(`Expected no parcel() for ${kind}(): only method() and oneway() take one`);
  }
  return definition;
}

/**
 * A method with an answer, with validators: `method({ input: z.string(), output: z.number() })`;
 * with parcels: `method({ input: parcel(...), output: parcel(...) })`; or by type alone, which
 * nothing checks at run time: `method<string, number>()`.
 */
export function method<const Schemas extends MethodSchemas>(
  schemas: Schemas,
): FromSchemas<'method', Schemas>;
export function method(): MethodDefinition<'method', void, void, void, void>;
export function method<Input, Output = void>(): MethodDefinition<
  'method',
  Input,
  Input,
  Output,
  Output
>;
export function method(schemas?: MethodSchemas): MethodDefinition {
  return define('method', schemas);
}

/**
 * A method without an answer: the caller learns that the message was sent, not what became of it.
 * What the implementation throws goes to the service's `onError`.
 */
export function oneway<const Schemas extends { readonly input?: MethodSchema }>(
  schemas: Schemas,
): FromSchemas<'oneway', { readonly input: Schemas['input'] }>;
export function oneway(): MethodDefinition<'oneway', void, void, void, void>;
export function oneway<Input>(): MethodDefinition<'oneway', Input, Input, void, void>;
export function oneway(schemas?: MethodSchemas): MethodDefinition {
  if (schemas?.output !== undefined) {
    throw new TypeError('Expected no output for oneway(): it has no answer');
  }
  return define('oneway', schemas);
}

/**
 * A method that answers with a sequence: `output` is one item of it. The implementation returns an
 * iterable, usually as an async generator; the caller iterates. By type alone: `stream<Input,
 * Item>()`.
 */
export function stream<const Schemas extends StreamSchemas>(
  schemas: Schemas,
): FromSchemas<'stream', Schemas>;
export function stream<Input, Item>(): MethodDefinition<'stream', Input, Input, Item, Item>;
export function stream(schemas?: StreamSchemas): MethodDefinition {
  return defineStream('stream', schemas);
}

/**
 * A method that takes a sequence and answers once: `input` is one item of it. By type alone:
 * `sink<Item, Result>()`.
 */
export function sink<const Schemas extends StreamSchemas>(
  schemas: Schemas,
): FromSchemas<'sink', Schemas>;
export function sink<Item, Result = void>(): MethodDefinition<'sink', Item, Item, Result, Result>;
export function sink(schemas?: StreamSchemas): MethodDefinition {
  return defineStream('sink', schemas);
}

/**
 * A method that takes a sequence and answers with one, at the same time. By type alone:
 * `duplex<Item, ItemBack>()`.
 */
export function duplex<const Schemas extends StreamSchemas>(
  schemas: Schemas,
): FromSchemas<'duplex', Schemas>;
export function duplex<In, Out>(): MethodDefinition<'duplex', In, In, Out, Out>;
export function duplex(schemas?: StreamSchemas): MethodDefinition {
  return defineStream('duplex', schemas);
}

/**
 * Something that happens at the service, which tells it with `exposed.emit(name, payload)` to all
 * who have subscribed. `output` is the payload. By type alone: `event<Payload>()`.
 */
export function event<const Schemas extends { readonly output?: StandardSchemaV1 }>(
  schemas: Schemas,
): FromSchemas<'event', { readonly output: Schemas['output'] }>;
export function event(): MethodDefinition<'event', void, void, void, void>;
export function event<Payload>(): MethodDefinition<'event', void, void, Payload, Payload>;
export function event(schemas?: StreamSchemas): MethodDefinition {
  if (schemas?.input !== undefined) {
    throw new TypeError('Expected no input for event(): who subscribes says nothing');
  }
  return defineStream('event', schemas);
}
