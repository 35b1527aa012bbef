/**
 * Converts values of calls to JSON and back. A value without a JSON notation is an object with one
 * name that begins with `$`: `{"$bigint": "12"}`, `{"$date": "2026-01-01T00:00:00.000Z"}`,
 * `{"$bytes": BASE64}`, `{"$map": [[KEY, VALUE]]}`, `{"$set": [...]}`, `{"$number": "NaN"}`,
 * `{"$undefined": true}`, `{"$regexp": ["a+", "g"]}`, `{"$error": {"name", "message", ...}}`,
 * `{"$Float64Array": [...]}`, `{"$cycle": PATH}`. A plain object of such a form is `{"$object":
 * {...}}`.
 */
import { bytesOf, type Bytes } from '../../common/values.js';

/** A JSON value. */
export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

const typedArrays = {
  Int8Array,
  Int16Array,
  Int32Array,
  Uint8ClampedArray,
  Uint16Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
} as const;
type TypedArrayName = keyof typeof typedArrays;

const isTypedArrayName = (name: string): name is TypedArrayName => Object.hasOwn(typedArrays, name);

function base64Of(value: Bytes): string {
  return Buffer.from(bytesOf(value)).toString('base64');
}

/** Returns the notation of an object that is neither an array nor plain. */
function special(value: object, inner: (value: unknown, name: string) => Json): Json | undefined {
  if (value instanceof Date) {
    return { $date: Number.isNaN(value.getTime()) ? 'invalid' : value.toISOString() };
  }
  if (value instanceof Map) {
    return {
      $map: [...value].map(([key, item], index) => [
        inner(key, `key ${index}`),
        inner(item, `value ${index}`),
      ]),
    };
  }
  if (value instanceof Set) {
    return { $set: [...value].map((item, index) => inner(item, String(index))) };
  }
  if (value instanceof RegExp) return { $regexp: [value.source, value.flags] };
  if (value instanceof Error) {
    const own: [string, unknown][] = Object.entries(value);
    if ('cause' in value) own.push(['cause', value.cause]);
    const { name, message } = value;
    return {
      $error: { ...fromEntries(own.map(([key, item]) => [key, inner(item, key)])), name, message },
    };
  }
  if (value instanceof ArrayBuffer) return { $bytes: base64Of(value) };
  if (ArrayBuffer.isView(value)) {
    const { name } = value.constructor;
    if (!isTypedArrayName(name)) return { $bytes: base64Of(value) };
    const items = [...(value as unknown as Iterable<number | bigint>)];
    return fromEntries([[`$${name}`, items.map((item, index) => inner(item, String(index)))]]);
  }
  return undefined;
}

/** Creates own properties for names that an assignment would not, such as `__proto__`. */
function fromEntries(entries: readonly (readonly [string, Json])[]): { [name: string]: Json } {
  return Object.fromEntries(entries);
}

/** Converts a value of a call. */
export function toJson(value: unknown): Json {
  const path: string[] = [];
  const open: unknown[] = [];
  const convert = (item: unknown, name: string): Json => {
    path.push(name);
    const result = convertOne(item);
    path.pop();
    return result;
  };
  const convertOne = (item: unknown): Json => {
    if (item === undefined) return { $undefined: true };
    if (typeof item === 'bigint') return { $bigint: String(item) };
    if (typeof item === 'number' && (!Number.isFinite(item) || Object.is(item, -0))) {
      return { $number: Object.is(item, -0) ? '-0' : String(item) };
    }
    if (item === null || ['number', 'string', 'boolean'].includes(typeof item)) return item as Json;
    if (typeof item !== 'object') return { $undefined: true };
    const depth = open.indexOf(item);
    if (depth >= 0) return { $cycle: ['value', ...path.slice(1, depth + 1)].join('.') };
    open.push(item);
    const shown = special(item, convert) ?? convertPlain(item);
    open.pop();
    return shown;
  };
  const convertPlain = (item: object): Json => {
    if (Array.isArray(item)) return item.map((each, index) => convert(each, String(index)));
    const entries = Object.entries(item).map(
      ([name, each]) => [name, convert(each, name)] as const,
    );
    const isMistakable = entries.length === 1 && entries[0]?.[0].startsWith('$') === true;
    const plain = fromEntries(entries);
    return isMistakable ? { $object: plain } : plain;
  };
  return convert(value, 'value');
}

function refuse(name: string, expected: string): TypeError {
  return new TypeError(`{"${name}": ...} requires ${expected}`);
}

function pairs(content: Json): [unknown, unknown][] {
  const isPair = (item: Json): item is readonly [Json, Json] =>
    Array.isArray(item) && item.length === 2;
  if (!Array.isArray(content) || !content.every(isPair)) {
    throw refuse('$map', 'an array of arrays of key and value');
  }
  return content.map(([key, value]) => [fromJson(key), fromJson(value)]);
}

function textIn(name: string, content: Json, pattern: RegExp, expected: string): string {
  if (typeof content === 'string' && pattern.test(content)) return content;
  throw refuse(name, expected);
}

function itemsIn(name: string, content: Json): unknown[] {
  if (Array.isArray(content)) return content.map(fromJson);
  throw refuse(name, 'an array');
}

function errorFrom(content: Json): Error {
  const { name, message, cause, ...own } = fromJsonObject(content, '$error');
  const error = new Error(
    typeof message === 'string' ? message : '',
    cause === undefined ? undefined : { cause },
  );
  if (typeof name === 'string') error.name = name;
  return Object.assign(error, own);
}

const readers: Readonly<Record<string, (content: Json) => unknown>> = {
  $bigint: (content) => BigInt(textIn('$bigint', content, /^-?\d+$/, 'a text of digits')),
  $date: (content) => {
    const date = new Date(textIn('$date', content, /./, 'a text such as 2026-01-31T12:00:00Z'));
    if (Number.isNaN(date.getTime()) && content !== 'invalid') {
      throw refuse('$date', 'a text such as 2026-01-31T12:00:00Z');
    }
    return date;
  },
  $bytes: (content) =>
    new Uint8Array(
      Buffer.from(textIn('$bytes', content, /^[A-Za-z0-9+/]*={0,2}$/, 'bytes in base64'), 'base64'),
    ),
  $map: (content) => new Map(pairs(content)),
  $set: (content) => new Set(itemsIn('$set', content)),
  $number: (content) =>
    Number(
      textIn(
        '$number',
        content,
        /^(?:NaN|-?Infinity|-0)$/,
        '"NaN", "Infinity", "-Infinity" or "-0"',
      ),
    ),
  $undefined: () => undefined,
  $regexp: (content) => {
    const [source, flags] = itemsIn('$regexp', content);
    if (typeof source !== 'string' || typeof flags !== 'string') {
      throw refuse('$regexp', 'an array of source and flags');
    }
    return new RegExp(source, flags);
  },
  $error: errorFrom,
  $object: (content) => fromJsonObject(content, '$object'),
  $cycle: () => {
    throw new TypeError('{"$cycle": ...} is valid in output only');
  },
};

function fromJsonObject(content: Json, name: string): Record<string, unknown> {
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw refuse(name, 'an object');
  }
  return Object.fromEntries(Object.entries(content).map(([key, item]) => [key, fromJson(item)]));
}

function typedArrayFrom(name: TypedArrayName, content: Json): unknown {
  const items = itemsIn(`$${name}`, content);
  const wanted = name.startsWith('Big') ? 'bigint' : 'number';
  if (!items.every((item) => typeof item === wanted)) {
    throw refuse(`$${name}`, `an array of ${wanted}s`);
  }
  const make = typedArrays[name] as unknown as { from(items: readonly unknown[]): unknown };
  return make.from(items);
}

/**
 * Returns the value that JSON text stands for. Throws a TypeError for a `$` name that does not
 * exist or is used wrongly.
 */
export function fromJson(json: Json): unknown {
  if (typeof json !== 'object' || json === null) return json;
  if (Array.isArray(json)) return json.map(fromJson);
  const [name = '', ...others] = Object.keys(json);
  if (others.length > 0 || !name.startsWith('$')) return fromJsonObject(json, '');
  const content = (json as Record<string, Json>)[name] ?? null;
  if (isTypedArrayName(name.slice(1)))
    return typedArrayFrom(name.slice(1) as TypedArrayName, content);
  const read = Object.hasOwn(readers, name) ? readers[name] : undefined;
  if (read === undefined) {
    throw new TypeError(`{"${name}": ...} is unknown; write a plain object as {"$object": {...}}`);
  }
  return read(content);
}
