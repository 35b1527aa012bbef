/**
 * Contracts: what a service offers, written once and shared by both sides.
 *
 * Four types hang on every method. With a validator that transforms (say, text to Date) they differ:
 *   the caller gives `Input`, the implementation gets `ParsedInput`,
 *   the implementation gives `Output`, the caller gets `ParsedOutput`.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { CallContext } from './call-context.js';
import type { CallOptions } from './call-options.js';
import { checkObject, checkServiceName, unexpected } from './checks.js';
import { shapeHash } from './contract-shape.js';
import { isParcelFormat, type AnyParcelFormat, type ParcelFormat } from './ipc-io/parcel-format.js';

declare const types: unique symbol;

/** How a method is called: with an answer, or without one. */
export type MethodKind = 'method' | 'oneway';

/** One method of a contract. Made by {@link method} and {@link oneway}. */
export interface MethodDefinition<
  Kind extends MethodKind = MethodKind,
  Input = unknown,
  ParsedInput = unknown,
  Output = unknown,
  ParsedOutput = unknown,
> {
  readonly kind: Kind;
  /** Checked where the service runs, before the implementation is called. */
  readonly input: StandardSchemaV1 | undefined;
  /** Checked where the service runs, before the answer is sent. */
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

/** A service's name and methods. Made by {@link defineService}. */
export interface Contract<Methods extends MethodDefinitions = MethodDefinitions> {
  readonly name: string;
  readonly methods: Methods;
  /** Of the methods' names, kinds and order: both sides must have the same. */
  readonly hash: number;
}

type InputOf<Schema> = Schema extends StandardSchemaV1
  ? StandardSchemaV1.InferInput<Schema>
  : Schema extends ParcelFormat<infer Written, unknown>
    ? Written
    : void;
type ParsedOf<Schema> = Schema extends StandardSchemaV1
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

/**
 * A method with an answer, with validators: `method({ input: z.string(), output: z.number() })`; with
 * parcels: `method({ input: parcel(...), output: parcel(...) })`; or by type alone, which nothing checks at run time: `method<string, number>()`.
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
 * A method without an answer: the caller learns that the message was sent, not what became of it. What
 * the implementation throws goes to the service's `onError`.
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

/** Names that JavaScript itself looks up on any object: `await` asks for `then`. */
const reservedNames: ReadonlySet<string> = new Set([
  ...['then', 'catch', 'finally', 'constructor', 'toJSON', 'toString', 'valueOf', 'inspect'],
  ...['hasOwnProperty', 'isPrototypeOf', '__proto__', 'prototype'],
]);
const methodName = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;

/** Most methods in a contract: the number of the method is two bytes of the registry's messages. */
const METHODS_MAX = 1024;

/**
 * Defines a service. `name`: 1 to 64 of `[A-Za-z0-9._:/-]`. Methods are numbered in the order in which
 * they are written here, so the order is part of the contract.
 */
export function defineService<const Methods extends MethodDefinitions>(
  name: string,
  methods: Methods,
): Contract<Methods> {
  checkServiceName(name, 'the name of the service');
  checkObject(methods, `the methods of service ${name}`);
  const names = Object.keys(methods);
  if (names.length === 0 || names.length > METHODS_MAX) {
    throw unexpected(`1 to ${METHODS_MAX} methods`, `service ${name}`, names.length);
  }
  for (const key of names) {
    if (!methodName.test(key) || reservedNames.has(key)) {
      throw unexpected('a name that is free for a method', `a method of service ${name}`, key);
    }
    const definition: unknown = methods[key];
    const kind = (definition as Partial<MethodDefinition> | null | undefined)?.kind;
    if (kind !== 'method' && kind !== 'oneway') {
      throw unexpected('method(...) or oneway(...)', `${name}.${key}`, definition);
    }
  }
  return Object.freeze({ name, methods: Object.freeze({ ...methods }), hash: shapeHash(methods) });
}

/** Checks that a value is a contract. */
export function checkContract(value: unknown, what: string): asserts value is Contract {
  const contract = value as Partial<Contract> | null | undefined;
  if (typeof contract?.name !== 'string' || typeof contract.hash !== 'number') {
    throw unexpected('a contract made by defineService', what, value);
  }
}

type Arguments<Input> = [Input] extends [void]
  ? [input?: undefined, options?: CallOptions]
  : undefined extends Input
    ? [input?: Input, options?: CallOptions]
    : [input: Input, options?: CallOptions];

/** A method as the client calls it. */
export type ClientMethod<Definition> =
  Definition extends MethodDefinition<MethodKind, infer Input, unknown, unknown, infer ParsedOutput>
    ? (...args: Arguments<Input>) => Promise<ParsedOutput>
    : never;

/** What `device.service(contract)` gives: the contract's methods as functions. */
export type Client<Methods extends MethodDefinitions = MethodDefinitions> = {
  readonly [Name in keyof Methods]: ClientMethod<Methods[Name]>;
};

/** A method as the service implements it; the answer may come as a promise. */
export type ImplementationMethod<Definition> =
  Definition extends MethodDefinition<MethodKind, unknown, infer ParsedInput, infer Output>
    ? (input: ParsedInput, call: CallContext) => Output | Promise<Output>
    : never;

/** What `device.expose(contract, implementation)` takes: an object or class instance. */
export type Implementation<Methods extends MethodDefinitions = MethodDefinitions> = {
  readonly [Name in keyof Methods]: ImplementationMethod<Methods[Name]>;
};

/** The client of a contract: `ClientOf<typeof Calculator>`. */
export type ClientOf<C extends Contract> = Client<C['methods']>;
/** The implementation of a contract: `ImplementationOf<typeof Calculator>`. */
export type ImplementationOf<C extends Contract> = Implementation<C['methods']>;
