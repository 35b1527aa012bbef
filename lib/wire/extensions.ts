/**
 * Extends the encoding by errors and by values that travel beside the encoded data.
 *
 * - Errors: msgpackr preserves only name, message and cause. This extension adds the stack and the
 *   properties that programs set, such as `code` or `errno`.
 * - Attachments: the data contains a placeholder. An {@link AttachmentSink} writes placeholders, an
 *   {@link AttachmentSource} resolves them; see lib/attachments.
 *
 * Both extensions are inactive while no encoder or decoder of this package runs, because msgpackr
 * has one table of extensions for the whole thread.
 */
import { addObjectExtension } from './msgpackr.js';
import { unsendableObject } from './sendable.js';

const ERROR_TYPE = 0x7e;
const ATTACHMENT_TYPE = 0x7d;

/** Name, message, stack, own properties, and the cause in an array if there is one. */
type ErrorParts = [string, string, string | null, Record<string, unknown> | null, [unknown] | null];

const classes = new Map<string, ErrorConstructor>(
  [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((each) => [
    each.name,
    each,
  ]),
);

/** Number of running encoders. More than one runs if a getter of a value makes a call. */
let runningEncoders = 0;

/** Activates the encoding of errors until {@link encodingEnds}. */
export function encodingBegins(): void {
  runningEncoders++;
}

/** Ends what {@link encodingBegins} began. */
export function encodingEnds(): void {
  runningEncoders--;
}

/** Thrown by an encoder that reaches an object which cannot be sent. */
const objectCannotBeSent = new Error('an object cannot be sent');

/** Frequent classes that need no further test. */
const sendableClasses: ReadonlySet<unknown> = new Set([Buffer, Uint8Array, Date, Set]);

function isErrorToSend(value: object): boolean {
  if (runningEncoders === 0 || sendableClasses.has(value.constructor)) return false;
  if (value instanceof Error) return true;
  if (typeof value !== 'function' && unsendableObject(value) !== undefined) {
    throw objectCannotBeSent;
  }
  return false;
}

const standardProperties: ReadonlySet<string> = new Set(['name', 'message', 'stack', 'cause']);

/** Returns the own properties that not every error has; undefined if there are none. */
export function ownProperties(error: Error): Record<string, unknown> | undefined {
  const own = Object.entries(error).filter(([key]) => !standardProperties.has(key));
  if (error instanceof AggregateError) own.push(['errors', error.errors]);
  return own.length === 0 ? undefined : Object.fromEntries(own);
}

/** Defines a property that is not enumerable, like the standard properties of errors. */
export function define(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, {
    value,
    configurable: true,
    enumerable: false,
    writable: true,
  });
}

/** Copies `own` to an error, except properties that the error already has. */
export function giveProperties(error: Error, own: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(own)) {
    if (key in error) continue;
    if (key === 'errors') define(error, key, value);
    else (error as unknown as Record<string, unknown>)[key] = value;
  }
}

function writeError(error: object): ErrorParts {
  const { name, message, stack } = error as { name: unknown; message: unknown; stack?: unknown };
  return [
    String(name),
    String(message),
    typeof stack === 'string' ? stack : null,
    ownProperties(error as Error) ?? null,
    'cause' in error ? [error.cause] : null,
  ];
}

function readError(parts: unknown): Error {
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

/** The content that represents an attached object in the encoded data. */
export type Placeholder = readonly unknown[];

/** Collects the objects of one value that travel beside the encoded data. */
export interface AttachmentSink {
  /** Returns the placeholder of an object; undefined if the object is encoded like others. */
  attach(value: object): Placeholder | undefined;
}

/** Resolves the placeholders of one received value. */
export interface AttachmentSource {
  /**
   * Returns the object that a placeholder represents. The sender chose the placeholder: it may be
   * anything. Throws an `Error`.
   */
  take(placeholder: unknown): object;
}

let currentSink: AttachmentSink | undefined;
let currentSource: AttachmentSource | undefined;
let placeholder: Placeholder | undefined;

/** Makes `next` the active sink. Returns the previous one, which the caller must restore. */
export function exchangeSink(next: AttachmentSink | undefined): AttachmentSink | undefined {
  const previous = currentSink;
  currentSink = next;
  return previous;
}

/** Runs `decode` with `source` as the active source of attachments. */
export function withSource(source: AttachmentSource, decode: () => unknown): unknown {
  const previous = currentSource;
  currentSource = source;
  try {
    return decode();
  } finally {
    currentSource = previous;
  }
}

function isAttachment(value: object): boolean {
  if (currentSink === undefined) return false;
  placeholder = currentSink.attach(value);
  return placeholder !== undefined;
}

function readAttachment(found: unknown): object {
  if (currentSource === undefined) throw new Error(`Unknown extension ${ATTACHMENT_TYPE}`);
  return currentSource.take(found);
}

addObjectExtension(ERROR_TYPE, isErrorToSend, writeError, readError);
// Added last, so that it is tested first.
addObjectExtension(ATTACHMENT_TYPE, isAttachment, () => placeholder, readAttachment);
