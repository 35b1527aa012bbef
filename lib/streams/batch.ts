/**
 * Encodes several items of a stream in one message. A batch is a byte of flags, then for each item
 * a word (little-endian: twice the size in bytes, plus 1 for the rich encoding) and the encoded
 * item.
 */
import type { EncodingBits } from '../../types/wire.js';
import { decodeCopying, type Encoder } from '../wire/codec.js';
import { LiteIpcError } from '../common/errors.js';

/** Bits of a batch's first byte. */
export const BatchFlag = {
  /** The stream has no more items. */
  End: 1,
  /** The batch contains one error as a WireError: the sender cannot supply more items. */
  Failed: 2,
} as const;

/**
 * Maximum number of PULLs that a client may have pending, and of batches that a client may have
 * sent before the service takes them.
 */
export const STREAM_WINDOW = 2;

const FLAGS_BYTES = 1;
const ITEM_HEAD_BYTES = 4;
const FIRST_CAPACITY = 1024;
/** Number of items after which a batch is sent. */
const BATCH_ITEMS = 256;
/** Size in bytes after which a batch is sent. */
const BATCH_BYTES = 32 * 1024;
/**
 * Share of a message's data after which a batch is sent, so that one more small item always fits.
 */
const BATCH_SHARE = 0.5;

/** An encoded item in memory of its own. */
export interface EncodedItem {
  readonly data: Uint8Array;
  readonly encoding: EncodingBits;
}

/** Collects items in a batch. */
export class BatchWriter {
  #bytes = Buffer.allocUnsafe(FIRST_CAPACITY);
  #size = FLAGS_BYTES;
  #count = 0;
  readonly #limit: number;
  readonly #fullBytes: number;

  /** `limit` is the maximum size of a message's data in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
    this.#fullBytes = Math.min(BATCH_BYTES, limit * BATCH_SHARE);
  }

  /** Number of items in the batch. */
  get count(): number {
    return this.#count;
  }

  /** True if the batch is to be sent before the next item is added. */
  get full(): boolean {
    return this.#count >= BATCH_ITEMS || this.#size >= this.#fullBytes;
  }

  /** Maximum size of an item in bytes. */
  get itemLimit(): number {
    return this.#limit - FLAGS_BYTES - ITEM_HEAD_BYTES;
  }

  /**
   * Adds the value that `encoder` encoded last. Returns false if it does not fit and the batch must
   * be sent first.
   */
  addFrom(encoder: Encoder): boolean {
    const at = this.#makeRoom(encoder.size, encoder.encoding);
    if (at === -1) return false;
    encoder.copyTo(this.#bytes, at);
    return true;
  }

  /** Adds an encoded item. Returns false like {@link addFrom}. */
  add({ data, encoding }: EncodedItem): boolean {
    const at = this.#makeRoom(data.length, encoding);
    if (at === -1) return false;
    this.#bytes.set(data, at);
    return true;
  }

  /** Returns the batch. It is valid until the next item is added, which begins a new batch. */
  take(flags = 0): Uint8Array {
    this.#bytes[0] = flags;
    const batch = this.#bytes.subarray(0, this.#size);
    this.#size = FLAGS_BYTES;
    this.#count = 0;
    return batch;
  }

  #makeRoom(size: number, encoding: EncodingBits): number {
    const head = this.#size;
    const end = head + ITEM_HEAD_BYTES + size;
    if (end > this.#limit) return -1;
    if (end > this.#bytes.length) this.#grow(end);
    this.#bytes.writeUInt32LE(size * 2 + encoding, head);
    this.#size = end;
    this.#count++;
    return head + ITEM_HEAD_BYTES;
  }

  #grow(needed: number): void {
    let capacity = this.#bytes.length;
    while (capacity < needed) capacity *= 2;
    const grown = Buffer.allocUnsafe(capacity);
    this.#bytes.copy(grown, 0, 0, this.#size);
    this.#bytes = grown;
  }
}

/** A batch without items, which reports that the stream has begun. */
export const emptyBatch: Uint8Array = Uint8Array.of(0);
/** A batch without items, which ends the stream. */
export const endBatch: Uint8Array = Uint8Array.of(BatchFlag.End);

/** Returns a batch with the error that ends the stream. `data` is a WireError. */
export function failedBatch({ data, encoding }: EncodedItem): Uint8Array {
  const batch = Buffer.allocUnsafe(FLAGS_BYTES + ITEM_HEAD_BYTES + data.length);
  batch[0] = BatchFlag.Failed;
  batch.writeUInt32LE(data.length * 2 + encoding, FLAGS_BYTES);
  batch.set(data, FLAGS_BYTES + ITEM_HEAD_BYTES);
  return batch;
}

/** Reads a batch item by item. */
export class BatchReader {
  readonly #bytes: Buffer;
  #at = FLAGS_BYTES;

  /** The reader owns `bytes`. */
  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get flags(): number {
    return this.#bytes[0] ?? 0;
  }

  /** True if all items were read. */
  get isEmpty(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Returns the next item. Throws a LiteIpcError (EPROTO) for invalid data. */
  next(): unknown {
    const bytes = this.#bytes;
    const head = this.#at;
    const start = head + ITEM_HEAD_BYTES;
    if (start > bytes.length) throw unreadable();
    const word = bytes.readUInt32LE(head);
    const size = Math.floor(word / 2);
    if (start + size > bytes.length) throw unreadable();
    this.#at = start + size;
    return decodeCopying(bytes, start, size, word & 1);
  }
}

function unreadable(): LiteIpcError {
  return new LiteIpcError('EPROTO', 'the batch ends within an item');
}
