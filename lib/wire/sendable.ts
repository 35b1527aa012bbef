/**
 * Decides which values can be sent, and finds the part of a value that cannot.
 *
 * Sent unchanged: undefined, null, booleans, numbers, bigints, strings, plain objects, arrays, Map,
 * Set, Date, RegExp, Error, ArrayBuffer, DataView, Buffer and typed arrays. An instance of a class
 * arrives as a plain object with its own enumerable properties, or as the result of its `toJSON`.
 * Rejected are values that would arrive empty: functions, symbols, and platform objects whose
 * content is hidden (promises, weak references, iterators, signals). Values that travel beside the
 * data (references, blobs, ReadableStreams) are allowed only where the caller of
 * {@link findUnsendable} says so: in calls and their results, not in errors.
 */
import { viewClasses } from '../common/values.js';

const sendableViews: ReadonlySet<unknown> = new Set(viewClasses);

function hasToJson(value: object): boolean {
  return typeof (value as { toJSON?: unknown }).toJSON === 'function';
}

function nameOf(value: object): string {
  const { constructor } = value as { constructor?: { name?: unknown } };
  const name = constructor?.name;
  if (typeof name === 'string' && name !== '' && name !== 'Object') return name;
  const tag: unknown = (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
  return typeof tag === 'string' && tag !== '' ? tag : 'such an object';
}

/** Returns `a Promise`, `an AbortSignal` and the like. */
function withArticle(name: string): string {
  if (name.startsWith('such ')) return name;
  return `${/^[AEIO]/i.test(name) ? 'an' : 'a'} ${name}`;
}

/**
 * Describes an object that cannot be sent, for example `a Promise`. Returns undefined if it can be.
 * For objects that are neither plain nor arrays. Does not read the values of properties.
 */
export function unsendableObject(value: object): string | undefined {
  if (value instanceof Error || value instanceof Date) return undefined;
  if (ArrayBuffer.isView(value)) {
    return sendableViews.has(value.constructor) ? undefined : withArticle(nameOf(value));
  }
  if (value instanceof Map || value instanceof Set) {
    if (value.constructor === Map || value.constructor === Set || hasToJson(value))
      return undefined;
    return withArticle(`${nameOf(value)} (a class made from Map or Set)`);
  }
  if (value instanceof ArrayBuffer || hasToJson(value)) return undefined;
  if (value instanceof String || value instanceof Number || value instanceof Boolean) {
    return `a ${nameOf(value)} object`;
  }
  const hidesItsContent =
    (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag] !== undefined &&
    Object.keys(value).length === 0;
  return hidesItsContent ? withArticle(nameOf(value)) : undefined;
}

/** Maximum depth to which a value is searched. */
const DEPTH_SEARCHED = 100;
const identifier = /^[A-Za-z_$][\w$]*$/;

function propertyStep(key: string): string {
  return identifier.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

function keyText(key: unknown): string {
  return typeof key === 'string' ? JSON.stringify(key) : String(key);
}

/** Yields the parts of an object, each with the step of the path that leads to it. */
function* partsOf(value: object): Generator<[step: string, part: unknown]> {
  if (value instanceof Map) {
    let index = 0;
    for (const [key, entry] of value as Map<unknown, unknown>) {
      const isSimple = typeof key === 'string' || typeof key === 'number';
      yield [`.keys()[${index}]`, key];
      yield [isSimple ? `.get(${keyText(key)})` : `.values()[${index}]`, entry];
      index++;
    }
  } else if (value instanceof Set || Array.isArray(value)) {
    let index = 0;
    for (const entry of value as Iterable<unknown>) yield [`[${index++}]`, entry];
  } else {
    if (value instanceof Error) {
      yield ['.cause', value.cause];
      if (value instanceof AggregateError) yield ['.errors', value.errors];
    }
    for (const [key, entry] of Object.entries(value)) yield [propertyStep(key), entry];
  }
}

/** Describes a part of a value that cannot be sent. */
export interface Unsendable {
  /** Path to the part, for example `[0].options.onChange`. */
  readonly path: string;
  /** Description of the part, for example `a function`. */
  readonly what: string;
}

/** Returns true for objects that travel beside the data. */
export type IsAttachable = (value: object) => boolean;

/** Returns the first part of a value that cannot be sent, or undefined. */
export function findUnsendable(
  value: unknown,
  isAttachable: IsAttachable = () => false,
): Unsendable | undefined {
  return find(value, '', { isAttachable, seen: new Set(), errorsAround: new Set() }, 0);
}

interface Search {
  readonly isAttachable: IsAttachable;
  readonly seen: Set<object>;
  readonly errorsAround: Set<object>;
}

function find(value: unknown, path: string, search: Search, depth: number): Unsendable | undefined {
  if (typeof value === 'function' || typeof value === 'symbol') {
    return { path, what: `a ${typeof value}` };
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { seen, errorsAround } = search;
  if (errorsAround.has(value)) return { path, what: 'an error that contains itself' };
  if (seen.has(value) || depth > DEPTH_SEARCHED) return undefined;
  seen.add(value);
  const { constructor } = value;
  if (constructor !== Object && constructor !== Array) {
    if (search.isAttachable(value)) return undefined;
    const what = unsendableObject(value);
    if (what !== undefined) return { path, what };
    if (ArrayBuffer.isView(value)) return undefined;
    if (!(value instanceof Error) && hasToJson(value)) {
      const json = (value as { toJSON(): unknown }).toJSON();
      return json === value ? undefined : find(json, path, search, depth + 1);
    }
  }
  const isError = value instanceof Error;
  if (isError) errorsAround.add(value);
  for (const [step, part] of partsOf(value)) {
    const found = find(part, path + step, search, depth + 1);
    if (found !== undefined) return found;
  }
  if (isError) errorsAround.delete(value);
  return undefined;
}

/**
 * Returns true if a value contains itself. Follows the parts that the plain encoding follows:
 * elements of arrays and sets, and own properties.
 */
export function hasCycle(value: unknown, around: Set<object> = new Set()): boolean {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  if (around.has(value)) return true;
  around.add(value);
  const parts: Iterable<unknown> =
    Array.isArray(value) || value instanceof Set ? value : Object.values(value);
  for (const part of parts) {
    if (typeof part === 'object' && part !== null && hasCycle(part, around)) return true;
  }
  around.delete(value);
  return false;
}
