/**
 * Encodes the metadata of a call. It follows the data of the message: the texts as a MessagePack
 * map, then the size of the map in bytes, 4 bytes, little-endian.
 */
import type { ContractMethod } from '../contract/method-table.js';
import { METADATA_MAX, checkMetadata, type CallMetadata } from '../contract/metadata.js';
import { decodeCopying, type Encoder } from './codec.js';
import { LiteIpcError, callError } from '../common/errors.js';

const SIZE_BYTES = 4;

/**
 * Encodes metadata into memory of its own. Throws a LiteIpcError: EINVAL for a parcel, EMSGSIZE.
 */
export function encodeMetadata(
  encoder: Encoder,
  metadata: CallMetadata,
  method: ContractMethod,
): Uint8Array {
  if (method.inputParcel !== undefined) {
    throw callError('EINVAL', method, 'a parcel cannot carry metadata');
  }
  encoder.encode({ ...metadata });
  if (encoder.size > METADATA_MAX) {
    const text = `the metadata takes ${encoder.size} bytes; the maximum is ${METADATA_MAX}`;
    throw callError('EMSGSIZE', method, text);
  }
  const size = Buffer.alloc(SIZE_BYTES);
  size.writeUInt32LE(encoder.size);
  return Buffer.concat([encoder.copy(), size]);
}

/** Metadata of a message, and the number of bytes that it takes there. */
export interface ReadMetadata {
  readonly metadata: CallMetadata;
  readonly size: number;
}

/** Reads the metadata of a message of `size` bytes at `start`. Throws a LiteIpcError (EPROTO). */
export function readMetadata(message: Buffer, start: number, size: number): ReadMetadata {
  const textsSize = size < SIZE_BYTES ? Infinity : message.readUInt32LE(start + size - SIZE_BYTES);
  if (textsSize > Math.min(size - SIZE_BYTES, METADATA_MAX)) throw unreadable();
  const end = start + size - SIZE_BYTES;
  const texts = decodeCopying(message, end - textsSize, textsSize, 0);
  try {
    checkMetadata(texts, 'metadata');
  } catch {
    throw unreadable();
  }
  return { metadata: Object.freeze(texts), size: textsSize + SIZE_BYTES };
}

function unreadable(): LiteIpcError {
  return new LiteIpcError('EPROTO', 'the metadata is not readable');
}
