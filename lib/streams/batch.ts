/**
 * Batches: several items of a stream in one message. A byte of flags, then for each item a word
 * (little-endian; the size in bytes times 2, plus 1 for the rich encoding) and the item, encoded by
 * itself.
 */
import type { EncodingBits } from '../../types/wire.js';
import { decodeCopying, type Encoder } from '../wire/codec.js';
import { LiteIpcError } from '../common/errors.js';

/** Bits of a batch's first byte. */
export const BatchFlag = {
  /** There are no more items. */
  End: 1,
  /** There are no items, but one error, as a WireError: the sender's items could not go on. */
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
/** A batch with so many items is sent. */
const BATCH_ITEMS = 256;
/** A batch of so many bytes is sent. */
const BATCH_BYTES = 32 * 1024;
/**
 * Part of a message's data that a batch may take before it is sent: so one more small item always
 * fits.
 */
const BATCH_SHARE = 0.5;

/** An item, encoded, in memory of its own. */
export interface EncodedItem {
  readonly data: Uint8Array;
  readonly encoding: EncodingBits;
}

/** Puts items together. */
export class BatchWriter {
  #bytes = Buffer.allocUnsafe(FIRST_CAPACITY);
  #size = FLAGS_BYTES;
  #count = 0;
  readonly #limit: number;
  readonly #fullBytes: number;

  /** `limit`: most data of a message, bytes. */
  constructor(limit: number) {
    this.#limit = limit;
    this.#fullBytes = Math.min(BATCH_BYTES, limit * BATCH_SHARE);
  }

  /** Items in it. */
  get count(): number {
    return this.#count;
  }

  /** Whether it is to be sent before more goes in. */
  get full(): boolean {
    return this.#count >= BATCH_ITEMS || this.#size >= this.#fullBytes;
  }

  /** Most bytes of an item. */
  get itemLimit(): number {
    return this.#limit - FLAGS_BYTES - ITEM_HEAD_BYTES;
  }

  /**
   * Puts in what was encoded last. False if there is no room for it; then it has to be sent first.
   */
  addFrom(encoder: Encoder): boolean {
    const at = this.#makeRoom(encoder.size, encoder.encoding);
    if (at === -1) return false;
    encoder.copyTo(this.#bytes, at);
    return true;
  }

  /** Puts in an item that was encoded before. False as {@link addFrom}. */
  add({ data, encoding }: EncodedItem): boolean {
    const at = this.#makeRoom(data.length, encoding);
    if (at === -1) return false;
    this.#bytes.set(data, at);
    return true;
  }

  /** The batch as it is; valid until the next item is put in, which begins a new one. */
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

/** A batch without items: tells that the stream has begun. */
export const emptyBatch: Uint8Array = Uint8Array.of(0);
/** A batch without items that is the last. */
export const endBatch: Uint8Array = Uint8Array.of(BatchFlag.End);

/**
 * A batch that tells why there are no more items. `data` is a WireError, encoded by the plain
 * encoding.
 */
export function failedBatch({ data, encoding }: EncodedItem): Uint8Array {
  const batch = Buffer.allocUnsafe(FLAGS_BYTES + ITEM_HEAD_BYTES + data.length);
  batch[0] = BatchFlag.Failed;
  batch.writeUInt32LE(data.length * 2 + encoding, FLAGS_BYTES);
  batch.set(data, FLAGS_BYTES + ITEM_HEAD_BYTES);
  return batch;
}

/** Takes a batch apart, item by item. */
export class BatchReader {
  readonly #bytes: Buffer;
  #at = FLAGS_BYTES;

  /** `bytes` must be the reader's own. */
  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get flags(): number {
    return this.#bytes[0] ?? 0;
  }

  /** Whether there is nothing more in it. */
  get isEmpty(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** The next item. Throws a LiteIpcError (EPROTO) for what is not readable. */
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
