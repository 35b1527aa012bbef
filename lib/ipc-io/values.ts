/** Defines the kinds of numbers in a parcel: their sizes, ranges and representations. */
import { unexpected } from '../common/arguments.js';

/** A kind of number. `Value` is its type in JavaScript. */
export interface NumberKind<Value extends number | bigint> {
  /** Size in bytes. */
  readonly size: number;
  /** Throws a TypeError for a value outside the range. */
  readonly check: (value: unknown, what: string) => Value;
  readonly get: (view: DataView, at: number) => Value;
  readonly set: (view: DataView, at: number, value: Value) => void;
}

function integer(minimum: number, maximum: number): (value: unknown, what: string) => number {
  return (value, what) => {
    if (Number.isInteger(value) && (value as number) >= minimum && (value as number) <= maximum) {
      return value as number;
    }
    throw unexpected(`an integer from ${minimum} to ${maximum}`, what, value);
  };
}

function bigInteger(minimum: bigint, maximum: bigint): (value: unknown, what: string) => bigint {
  return (value, what) => {
    if (typeof value === 'bigint' && value >= minimum && value <= maximum) return value;
    throw unexpected(`a bigint from ${minimum} to ${maximum}`, what, value);
  };
}

function real(value: unknown, what: string): number {
  if (typeof value === 'number') return value;
  throw unexpected('a number', what, value);
}

export const int8: NumberKind<number> = {
  size: 1,
  check: integer(-0x80, 0x7f),
  get: (view, at) => view.getInt8(at),
  set: (view, at, value) => view.setInt8(at, value),
};
export const uint8: NumberKind<number> = {
  size: 1,
  check: integer(0, 0xff),
  get: (view, at) => view.getUint8(at),
  set: (view, at, value) => view.setUint8(at, value),
};
export const int16: NumberKind<number> = {
  size: 2,
  check: integer(-0x8000, 0x7fff),
  get: (view, at) => view.getInt16(at, true),
  set: (view, at, value) => view.setInt16(at, value, true),
};
export const uint16: NumberKind<number> = {
  size: 2,
  check: integer(0, 0xffff),
  get: (view, at) => view.getUint16(at, true),
  set: (view, at, value) => view.setUint16(at, value, true),
};
export const int32: NumberKind<number> = {
  size: 4,
  check: integer(-0x8000_0000, 0x7fff_ffff),
  get: (view, at) => view.getInt32(at, true),
  set: (view, at, value) => view.setInt32(at, value, true),
};
export const uint32: NumberKind<number> = {
  size: 4,
  check: integer(0, 0xffff_ffff),
  get: (view, at) => view.getUint32(at, true),
  set: (view, at, value) => view.setUint32(at, value, true),
};
export const int64: NumberKind<bigint> = {
  size: 8,
  check: bigInteger(-(2n ** 63n), 2n ** 63n - 1n),
  get: (view, at) => view.getBigInt64(at, true),
  set: (view, at, value) => view.setBigInt64(at, value, true),
};
export const uint64: NumberKind<bigint> = {
  size: 8,
  check: bigInteger(0n, 2n ** 64n - 1n),
  get: (view, at) => view.getBigUint64(at, true),
  set: (view, at, value) => view.setBigUint64(at, value, true),
};
export const float: NumberKind<number> = {
  size: 4,
  check: real,
  get: (view, at) => view.getFloat32(at, true),
  set: (view, at, value) => view.setFloat32(at, value, true),
};
export const double: NumberKind<number> = {
  size: 8,
  check: real,
  get: (view, at) => view.getFloat64(at, true),
  set: (view, at, value) => view.setFloat64(at, value, true),
};

/**
 * Returns the kind that stores a smaller kind sign- or zero-extended in a word. Only the low part
 * is read.
 */
function inWord(kind: NumberKind<number>, word: NumberKind<number>): NumberKind<number> {
  return { size: 4, check: kind.check, get: kind.get, set: word.set };
}

export const int8InWord = inWord(int8, int32);
export const uint8InWord = inWord(uint8, uint32);
export const int16InWord = inWord(int16, int32);
export const uint16InWord = inWord(uint16, uint32);

/** Checks a boolean. Returns 0 or 1. */
export function checkBool(value: unknown, what: string): number {
  if (typeof value !== 'boolean') throw unexpected('a boolean', what, value);
  return value ? 1 : 0;
}

/** Returns UTF-8 without the terminating NUL, after checking the text. */
export function checkText(value: unknown, what: string): Uint8Array {
  if (value instanceof Uint8Array) {
    if (value.includes(0)) throw unexpected('bytes without NUL, which ends a string,', what, value);
    return value;
  }
  if (typeof value !== 'string') throw unexpected('a string or its bytes', what, value);
  if (value.includes('\0')) throw unexpected('text without NUL, which ends a string,', what, value);
  if (/\p{Surrogate}/u.test(value)) {
    throw unexpected('well-formed text (it has half of a surrogate pair)', what, value);
  }
  return Buffer.from(value);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Returns the text of such bytes; undefined if they are not valid. */
export function textOf(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}
