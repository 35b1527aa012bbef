/** Which objects can travel beside the data, and how placeholders tell them apart. */
import { Blob, File } from 'node:buffer';
import { ReadableStream } from 'node:stream/web';
import { Reference } from './reference.js';

/**
 * First element of a placeholder. What follows is said where each is written, in attachments.ts.
 */
export const AttachmentKind = { Bytes: 0, Reference: 1, Blob: 2, Stream: 3 } as const;

/** One of the numbers of {@link AttachmentKind}. */
export type AttachmentKindValue = (typeof AttachmentKind)[keyof typeof AttachmentKind];

/** Something that has bytes at hand. */
export type Bytes = ArrayBuffer | ArrayBufferView;

type BytesClass = new (buffer: ArrayBuffer, start: number, length: number) => ArrayBufferView;

/**
 * Views by the number that a placeholder has for them; -1 is the ArrayBuffer itself. Buffer stands
 * for itself.
 */
const viewClasses: readonly unknown[] = [
  ...[Buffer, Uint8Array, Int8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array],
  ...[Uint32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array, DataView],
];

const kinds = new Map<unknown, AttachmentKindValue>([
  ...viewClasses.map((each) => [each, AttachmentKind.Bytes] as const),
  [ArrayBuffer, AttachmentKind.Bytes],
  [Reference, AttachmentKind.Reference],
  [Blob, AttachmentKind.Blob],
  [File, AttachmentKind.Blob],
  [ReadableStream, AttachmentKind.Stream],
]);

/**
 * What an object is, if it can be attached: exactly of one of these classes, not of one made from
 * them.
 */
export function attachmentKind(value: object): AttachmentKindValue | undefined {
  const { constructor } = value;
  const kind = kinds.get(constructor);
  // A property named "constructor" proves nothing.
  return kind !== undefined && value instanceof (constructor as typeof Object) ? kind : undefined;
}

/** The number of a view's class; -1 for an ArrayBuffer. */
export function viewNumber(value: Bytes): number {
  return viewClasses.indexOf(value.constructor);
}

/** The bytes of a value, as they are. */
export function bytesOf(value: Bytes): Uint8Array {
  return ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : new Uint8Array(value);
}

/**
 * A view of the class with this number on a whole buffer, or the buffer. Throws an `Error`: no such
 * class, does not fit.
 */
export function viewOf(number: unknown, buffer: ArrayBuffer): Bytes {
  if (number === -1) return buffer;
  const view = typeof number === 'number' ? viewClasses[number] : undefined;
  if (view === undefined) throw new Error('there is no such kind of bytes');
  if (view === Buffer) return Buffer.from(buffer);
  const size = (view as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
  if (buffer.byteLength % size !== 0) throw new Error('the bytes do not fit their kind');
  return new (view as BytesClass)(buffer, 0, buffer.byteLength / size);
}
