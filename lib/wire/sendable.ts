/**
 * What may be sent, and where in a value lies what may not.
 *
 * Sent as they are: undefined, null, booleans, numbers, bigints, text, plain objects, arrays, Map,
 * Set, Date, RegExp, Error, ArrayBuffer, DataView, Buffer and the typed arrays. Instances of
 * classes arrive as plain objects of their own enumerable properties, or as what their `toJSON`
 * gives. Refused is what would arrive empty: functions and symbols, and the platform's objects
 * whose content is hidden (promises, weak references, iterators, signals ...). References, blobs
 * and ReadableStreams can be sent only where something can travel beside the data (attachable.ts):
 * in calls and their results, not in errors.
 */
import { attachmentKind } from '../attachments/kinds.js';

const typedArrays: ReadonlySet<unknown> = new Set([
  ...[Buffer, Uint8Array, Int8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array],
  ...[Uint32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array, DataView],
]);

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

/** `a Promise`, `an AbortSignal`. */
function withArticle(name: string): string {
  if (name.startsWith('such ')) return name;
  return `${/^[AEIO]/i.test(name) ? 'an' : 'a'} ${name}`;
}

/**
 * What of an object itself cannot be sent, as `a Promise`; undefined if it can. Looks at no
 * property's value. For objects that are neither plain nor arrays.
 */
export function unsendableObject(value: object): string | undefined {
  if (value instanceof Error || value instanceof Date) return undefined;
  if (ArrayBuffer.isView(value)) {
    return typedArrays.has(value.constructor) ? undefined : withArticle(nameOf(value));
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

/** How deep a value is searched for the culprit. */
const DEPTH_SEARCHED = 100;
const identifier = /^[A-Za-z_$][\w$]*$/;

function propertyStep(key: string): string {
  return identifier.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

function keyText(key: unknown): string {
  return typeof key === 'string' ? JSON.stringify(key) : String(key);
}

/** The parts of an object, each with the step of the path that leads there. */
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

/**
 * Where something lies that cannot be sent, as `[0].options.onChange`, and what it is, as `a
 * function`.
 */
export interface Unsendable {
  readonly path: string;
  readonly what: string;
}

/**
 * The first thing in a value that cannot be sent. `attaches`: something can travel beside the data.
 */
export function findUnsendable(value: unknown, attaches = false): Unsendable | undefined {
  return find(value, '', { attaches, seen: new Set(), errorsAround: new Set() }, 0);
}

interface Search {
  readonly attaches: boolean;
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
    if (search.attaches && attachmentKind(value) !== undefined) return undefined;
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
