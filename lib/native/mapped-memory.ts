/** Memory that came with messages and is mapped here: giving it back before it is collected. */
import type { NativeMapping } from '../../types/native.js';
import { unexpected } from '../common/arguments.js';

/** By the ArrayBuffer that JavaScript sees. */
const mappings = new WeakMap<ArrayBuffer, NativeMapping>();

/** A value of the program is made of this memory from now on. */
export function keepMapping(mapping: NativeMapping): void {
  mappings.set(mapping.buffer, mapping);
}

/**
 * Gives back the memory of bytes that came with a call or a result: the value, and every view of
 * its buffer, has the length 0 afterwards. True if there was any to give back; bytes that were
 * small, are this program's own or have been given back stay as they are. Without it the memory is
 * given back when the value is collected. Not while something asynchronous (zlib, fs, crypto) still
 * reads the bytes. Throws a TypeError for what is no bytes.
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

/** For `using`: calls {@link releaseBytes} at the end of the block. */
export function releasedAtEnd(bytes: ArrayBuffer | ArrayBufferView): Disposable {
  return {
    [Symbol.dispose]: () => {
      releaseBytes(bytes);
    },
  };
}
