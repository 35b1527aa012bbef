/**
 * Tracks mapped memory of received messages, so that programs can release it before it is garbage
 * collected.
 */
import type { NativeMapping } from '../../types/native.js';
import { unexpected } from '../common/arguments.js';

/** By the ArrayBuffer of the mapping. */
const mappings = new WeakMap<ArrayBuffer, NativeMapping>();

/** Records that a value of the program uses this memory from now on. */
export function trackMapping(mapping: NativeMapping): void {
  mappings.set(mapping.buffer, mapping);
}

/**
 * Releases the memory of bytes that came with a call or a result. Afterwards the value and all
 * views of its buffer have the length 0. Returns true if there was memory to release. Small bytes,
 * bytes of this program and bytes that were already released remain unchanged. Without this call
 * the memory is released when the value is garbage collected. Do not call it while an asynchronous
 * operation (zlib, fs, crypto) reads the bytes. Throws a TypeError for other values.
 */
export function releaseBytes(bytes: ArrayBuffer | ArrayBufferView): boolean {
  const buffer: unknown = ArrayBuffer.isView(bytes) ? bytes.buffer : bytes;
  if (!(buffer instanceof ArrayBuffer)) {
    throw unexpected('an ArrayBuffer or a view of one', 'the bytes of releaseBytes', bytes);
  }
  const mapping = mappings.get(buffer);
  if (mapping === undefined) return false;
  mappings.delete(buffer);
  mapping.release();
  return true;
}

/** Calls {@link releaseBytes} at the end of a `using` block. */
export function releasedAtEnd(bytes: ArrayBuffer | ArrayBufferView): Disposable {
  return {
    [Symbol.dispose]: () => {
      releaseBytes(bytes);
    },
  };
}
