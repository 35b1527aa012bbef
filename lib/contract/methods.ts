/**
 * Defines the kinds of methods.
 *
 * Every method has four types, which differ if a validator transforms values (for example text to
 * Date):
 *   the caller passes `Input`, the implementation receives `ParsedInput`;
 *   the implementation returns `Output`, the caller receives `ParsedOutput`.
 * For streams they are the types of a single item.
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
 * The kind of a method: `method` has one result, `oneway` none, `stream` many results, `sink` many
 * inputs and one result, `duplex` many of both. An `event` is not called but subscribed to.
 */
export type MethodKind = 'method' | 'oneway' | 'stream' | 'sink' | 'duplex' | 'event';

/** All kinds. */
export const methodKinds: ReadonlySet<unknown> = new Set<MethodKind>([
  ...(['method', 'oneway', 'stream', 'sink', 'duplex', 'event'] as const),
]);

/** Returns true for the kinds whose calls transfer items. */
export function isStreaming(kind: MethodKind): boolean {
  return kind !== 'method' && kind !== 'oneway';
}

/**
 * A method of a contract. Created by {@link method}, {@link oneway}, {@link stream} and the like.
 */
export interface MethodDefinition<
  Kind extends MethodKind = MethodKind,
  Input = unknown,
  ParsedInput = unknown,
  Output = unknown,
  ParsedOutput = unknown,
> {
  readonly kind: Kind;
  /** Validates the input in the process of the service, before the implementation receives it. */
  readonly input: StandardSchemaV1 | undefined;
  /** Validates the output in the process of the service, before it is sent. */
  readonly output: StandardSchemaV1 | undefined;
  /** Format of the request's data if it is a parcel. */
  readonly inputParcel: AnyParcelFormat | undefined;
  /** Format of the reply's data if it is a parcel. */
  readonly outputParcel: AnyParcelFormat | undefined;
  /** For the type checker only: this property does not exist at run time. */
  readonly [types]?: {
    readonly input: Input;
    readonly parsedInput: ParsedInput;
    readonly output: Output;
    readonly parsedOutput: ParsedOutput;
  };
}

/** The methods of a contract by name. */
export type MethodDefinitions = Readonly<Record<string, MethodDefinition>>;

/** The type that a schema accepts; `void` without a schema. */
export type InputOf<Schema> = Schema extends StandardSchemaV1
  ? StandardSchemaV1.InferInput<Schema>
  : Schema extends ParcelFormat<infer Written, unknown>
    ? Written
    : void;
/** The type that a schema produces; `void` without a schema. */
export type ParsedOf<Schema> = Schema extends StandardSchemaV1
  ? StandardSchemaV1.InferOutput<Schema>
  : Schema extends ParcelFormat<never, infer Read>
    ? Read
    : void;

/** A validator of any library that implements Standard Schema, or a format made by `parcel()`. */
export type MethodSchema = StandardSchemaV1 | AnyParcelFormat;

/** Schemas of a method, or parcel formats. A missing one means `void`. */
export interface MethodSchemas {
  readonly input?: MethodSchema;
  readonly output?: MethodSchema;
}

/** Schemas of the items of a stream. A missing one means `void`. */
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

/** Defines a kind whose items travel in batches. Batches cannot contain parcels. */
function defineStream(kind: MethodKind, schemas: MethodSchemas | undefined): MethodDefinition {
  const definition = define(kind, schemas);
  if (definition.inputParcel !== undefined || definition.outputParcel !== undefined) {
    throw new TypeError(`Expected no parcel() for ${kind}(): only method() and oneway() take one`);
  }
  return definition;
}

/**
 * Defines a method with one result. Its types come from validators, `method({ input: z.string(),
 * output: z.number() })`, from parcel formats, `method({ input: parcel(...), output: parcel(...)
 * })`, or from type arguments without checks at run time, `method<string, number>()`.
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
 * Defines a method without a result. The caller learns that the message was sent, but not how it
 * was processed. Errors of the implementation go to the `onError` of the service.
 */
export function oneway<const Schemas extends { readonly input?: MethodSchema }>(
  schemas: Schemas,
): FromSchemas<'oneway', { readonly input: Schemas['input'] }>;
export function oneway(): MethodDefinition<'oneway', void, void, void, void>;
export function oneway<Input>(): MethodDefinition<'oneway', Input, Input, void, void>;
export function oneway(schemas?: MethodSchemas): MethodDefinition {
  if (schemas?.output !== undefined) {
    throw new TypeError('Expected no output for oneway(): it has no result');
  }
  return define('oneway', schemas);
}

/**
 * Defines a method whose result is a sequence; `output` is one item. The implementation returns an
 * iterable, usually from an async generator, and the caller iterates. With type arguments:
 * `stream<Input, Item>()`.
 */
export function stream<const Schemas extends StreamSchemas>(
  schemas: Schemas,
): FromSchemas<'stream', Schemas>;
export function stream<Input, Item>(): MethodDefinition<'stream', Input, Input, Item, Item>;
export function stream(schemas?: StreamSchemas): MethodDefinition {
  return defineStream('stream', schemas);
}

/**
 * Defines a method that takes a sequence and has one result; `input` is one item. With type
 * arguments: `sink<Item, Result>()`.
 */
export function sink<const Schemas extends StreamSchemas>(
  schemas: Schemas,
): FromSchemas<'sink', Schemas>;
export function sink<Item, Result = void>(): MethodDefinition<'sink', Item, Item, Result, Result>;
export function sink(schemas?: StreamSchemas): MethodDefinition {
  return defineStream('sink', schemas);
}

/**
 * Defines a method that takes a sequence and returns a sequence at the same time. With type
 * arguments: `duplex<Item, ItemBack>()`.
 */
export function duplex<const Schemas extends StreamSchemas>(
  schemas: Schemas,
): FromSchemas<'duplex', Schemas>;
export function duplex<In, Out>(): MethodDefinition<'duplex', In, In, Out, Out>;
export function duplex(schemas?: StreamSchemas): MethodDefinition {
  return defineStream('duplex', schemas);
}

/**
 * Defines an event. The service publishes it with `exposed.emit(name, payload)` to all subscribers;
 * `output` is the payload. With type arguments: `event<Payload>()`.
 */
export function event<const Schemas extends { readonly output?: StandardSchemaV1 }>(
  schemas: Schemas,
): FromSchemas<'event', { readonly output: Schemas['output'] }>;
export function event(): MethodDefinition<'event', void, void, void, void>;
export function event<Payload>(): MethodDefinition<'event', void, void, Payload, Payload>;
export function event(schemas?: StreamSchemas): MethodDefinition {
  if (schemas?.input !== undefined) {
    throw new TypeError('Expected no input for event(): a subscription has no input');
  }
  return defineStream('event', schemas);
}
