/**
 * What travels beside the input of a call: texts by name, such as a trace context. It stands behind
 * the data: the texts as a MessagePack map, then its size in bytes, 4 bytes, little-endian.
 */
import type { ContractMethod } from '../contract/method-table.js';
import { METADATA_MAX, checkMetadata, type CallMetadata } from '../contract/metadata.js';
import { decodeCopying, type Encoder } from './codec.js';
import { LiteIpcError, callError } from '../common/errors.js';

const SIZE_BYTES = 4;

/**
 * The metadata as it stands behind the data, in memory of its own. Throws a LiteIpcError: EINVAL
 * for a parcel, EMSGSIZE.
 */
export function encodeMetadata(
  encoder: Encoder,
  metadata: CallMetadata,
  method: ContractMethod,
): Uint8Array {
  if (method.inputParcel !== undefined) {
    throw callError('EINVAL', method, 'a parcel has no place for metadata');
  }
  encoder.encode({ ...metadata });
  if (encoder.size > METADATA_MAX) {
    const text = `the metadata takes ${encoder.size} bytes, it may take ${METADATA_MAX}`;
    throw callError('EMSGSIZE', method, text);
  }
  const size = Buffer.alloc(SIZE_BYTES);
  size.writeUInt32LE(encoder.size);
  return Buffer.concat([encoder.copy(), size]);
}

/** The metadata behind the data of a message, and how many bytes it takes. */
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
