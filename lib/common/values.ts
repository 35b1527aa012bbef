/** Tests and views of values of any origin. */

/** A value that holds bytes. */
export type Bytes = ArrayBuffer | ArrayBufferView;

/**
 * The classes of views of an ArrayBuffer. The index of a class in this list is part of the wire
 * format: append only.
 */
export const viewClasses: readonly unknown[] = [
  ...[Buffer, Uint8Array, Int8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array],
  ...[Uint32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array, DataView],
];

/** Returns true for an ArrayBuffer or a view of one. */
export function isBytes(value: unknown): value is Bytes {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value);
}

/** Returns a view of the same memory as `value`. */
export function bytesOf(value: Bytes): Uint8Array {
  return ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : new Uint8Array(value);
}

/** Returns true if `await` would wait for the value. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}

/** Returns the members that are not undefined, for objects whose members may only be absent. */
export function defined<Members extends object>(
  members: Members,
): { readonly [Key in keyof Members]?: Exclude<Members[Key], undefined> } {
  const entries = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as {
    [Key in keyof Members]?: Exclude<Members[Key], undefined>;
  };
}
