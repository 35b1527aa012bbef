/** Defines which objects can travel beside the encoded data, and how placeholders identify them. */
import { Blob, File } from 'node:buffer';
import { ReadableStream } from 'node:stream/web';
import { viewClasses, type Bytes } from '../common/values.js';
import { Reference } from './reference.js';

/** First element of a placeholder. outgoing.ts describes the elements that follow. */
export const AttachmentKind = { Bytes: 0, Reference: 1, Blob: 2, Stream: 3 } as const;

/** One of the numbers of {@link AttachmentKind}. */
export type AttachmentKindValue = (typeof AttachmentKind)[keyof typeof AttachmentKind];

type BytesClass = new (buffer: ArrayBuffer, start: number, length: number) => ArrayBufferView;

const kinds = new Map<unknown, AttachmentKindValue>([
  ...viewClasses.map((each) => [each, AttachmentKind.Bytes] as const),
  [ArrayBuffer, AttachmentKind.Bytes],
  [Reference, AttachmentKind.Reference],
  [Blob, AttachmentKind.Blob],
  [File, AttachmentKind.Blob],
  [ReadableStream, AttachmentKind.Stream],
]);

/** Returns the kind of an object that can be attached. Instances of subclasses have no kind. */
export function attachmentKind(value: object): AttachmentKindValue | undefined {
  const { constructor } = value;
  const kind = kinds.get(constructor);
  // A plain object may have a property named "constructor".
  return kind !== undefined && value instanceof (constructor as typeof Object) ? kind : undefined;
}

/** Returns the number of a view's class in {@link viewClasses}; -1 for an ArrayBuffer. */
export function viewNumber(value: Bytes): number {
  return viewClasses.indexOf(value.constructor);
}

/**
 * Creates a view of the class with this number over a whole buffer, or returns the buffer for -1.
 * Throws an `Error` if there is no such class or the size does not fit.
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
