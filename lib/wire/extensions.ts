/**
 * Errors within values. msgpackr's own encoding of them keeps name, message and cause; this one
 * adds what programs put there besides (code, errno, response ...) and the stack.
 *
 * msgpackr has one table of extensions for all its users in a thread, so this one answers only
 * while one of this package's encoders is at work: the program's own use of msgpackr stays as it
 * is. The number is of the range that msgpackr does not give to programs.
 */
import { addExtension } from 'msgpackr';
import { unsendableObject } from './sendable.js';

const EXTENSION_TYPE = 0x7e;

/** name, message, stack, own properties, [cause] if it has one. */
type ErrorParts = [string, string, string | null, Record<string, unknown> | null, [unknown] | null];

const classes = new Map<string, ErrorConstructor>(
  [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((each) => [
    each.name,
    each,
  ]),
);

/**
 * How many encoders of this package are at work: one, or more when a getter makes a call of its
 * own.
 */
let atWork = 0;

/** An encoder of this package begins. */
export function encodingBegins(): void {
  atWork++;
}

/** It has ended, however. */
export function encodingEnds(): void {
  atWork--;
}

/** Thrown by an encoder that meets an object which cannot be sent. */
const objectCannotBeSent = new Error('an object cannot be sent');

/** What comes often and needs no look. */
const known: ReadonlySet<unknown> = new Set([Buffer, Uint8Array, Date, Set]);

/**
 * Asked about every object that is neither plain nor an array nor a Map: is it for the extension?
 */
function isErrorToSend(value: object): boolean {
  if (atWork === 0 || known.has(value.constructor)) return false;
  if (value instanceof Error) return true;
  if (typeof value !== 'function' && unsendableObject(value) !== undefined) {
    throw objectCannotBeSent;
  }
  return false;
}

const ErrorToSend = Object.defineProperty(() => undefined, Symbol.hasInstance, {
  value: isErrorToSend,
}) as unknown as ErrorConstructor;

const toldOfEvery: ReadonlySet<string> = new Set(['name', 'message', 'stack', 'cause']);

/** The own properties that tell more than every error does; undefined if there are none. */
export function ownProperties(error: Error): Record<string, unknown> | undefined {
  const own = Object.entries(error).filter(([key]) => !toldOfEvery.has(key));
  if (error instanceof AggregateError) own.push(['errors', error.errors]);
  return own.length === 0 ? undefined : Object.fromEntries(own);
}

/** Gives an error a property as errors have them: not listed. */
export function define(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, {
    value,
    configurable: true,
    enumerable: false,
    writable: true,
  });
}

/** Gives an error the own properties that another had, as far as it does not have them itself. */
export function giveProperties(error: Error, own: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(own)) {
    if (key in error) continue;
    if (key === 'errors') define(error, key, value);
    else (error as unknown as Record<string, unknown>)[key] = value;
  }
}

function write(error: Error): ErrorParts {
  const { name, message, stack } = error as { name: unknown; message: unknown; stack?: unknown };
  return [
    String(name),
    String(message),
    typeof stack === 'string' ? stack : null,
    ownProperties(error) ?? null,
    'cause' in error ? [error.cause] : null,
  ];
}

/** Throws what a message that is not readable throws. */
function read(parts: unknown): Error {
  const [name, message, stack, own, cause] = parts as ErrorParts;
  if (typeof name !== 'string' || typeof message !== 'string') throw new TypeError('not an error');
  const options = Array.isArray(cause) ? { cause: cause[0] } : undefined;
  const isAggregate = name === 'AggregateError' && Array.isArray(own?.['errors']);
  const error = isAggregate
    ? new AggregateError(own?.['errors'] as unknown[], message, options)
    : new (classes.get(name) ?? Error)(message, options);
  if (error.name !== name) define(error, 'name', name);
  define(error, 'stack', typeof stack === 'string' ? stack : `${name}: ${message}`);
  if (typeof own === 'object' && own !== null) giveProperties(error, own);
  return error;
}

addExtension({ Class: ErrorToSend, type: EXTENSION_TYPE, write, read });
