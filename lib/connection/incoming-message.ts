/** Decodes incoming messages: the objects in front, the data, and the metadata at the end. */
import type { NativeDevice } from '../../types/native.js';
import { ArrivedAttachments, type ArrivalContext } from '../attachments/incoming.js';
import { decodeCopying, decodeViewing, decodeParcel } from '../wire/codec.js';
import { withSource } from '../wire/extensions.js';
import { adoptFiles, headSize, type ReceivedFile } from '../native/files.js';
import type { AnyParcelFormat } from '../ipc-io/parcel-format.js';
import { noMetadata, type CallMetadata } from '../contract/metadata.js';
import { readMetadata, type ReadMetadata } from '../wire/metadata.js';
import { Incoming } from '../native/layout.js';
import { LiteIpcError } from '../common/errors.js';
import { Cookie } from '../wire/header.js';

/** Reads the buffers that a device fills. `base` is always the index of an event's first word. */
export class IncomingData {
  readonly #context: ArrivalContext;
  readonly #native: NativeDevice;
  readonly #inbox: Buffer;
  readonly #incoming: Uint32Array;
  /** Indexes of the objects that belong to the value of the message that was decoded last. */
  #taken: ReadonlySet<number> | undefined;

  constructor(context: ArrivalContext) {
    const { native } = context;
    const { buffer, byteOffset, byteLength } = native.inbox;
    this.#context = context;
    this.#native = native;
    this.#inbox = Buffer.from(buffer, byteOffset, byteLength);
    this.#incoming = native.incoming;
  }

  /** Returns the words of the objects of a message, or undefined if it has none. */
  objects(base: number): Uint32Array | undefined {
    const place = this.#incoming[base + Incoming.Objects] as number;
    return place === 0 ? undefined : this.#native.objects[place - 1];
  }

  /** Returns the files of the message that was decoded last. Only valid during its event. */
  files(words: Uint32Array): ReceivedFile[] {
    return adoptFiles(this.#native, words, this.#taken);
  }

  /** Returns the value of a message. Throws an `Error` if the data cannot be decoded. */
  decode(base: number, format?: AnyParcelFormat): unknown {
    this.#taken = undefined;
    const incoming = this.#incoming;
    let size = incoming[base + Incoming.DataSize] as number;
    let start = incoming[base + Incoming.DataStart] as number;
    if (format !== undefined) {
      const isLarge = incoming[base + Incoming.DataLarge] !== 0;
      return isLarge
        ? decodeParcel(format, this.#native.large[start] as Uint8Array, 0, size)
        : decodeParcel(format, this.#inbox, start, size);
    }
    const words = this.objects(base);
    const head = words === undefined ? 0 : headSize(words);
    if (head === -1) throw new Error('the objects are not at the start of the message');
    size -= head;
    if (size < 0) throw new Error('the objects are larger than the data');
    if (size === 0) return undefined;
    const cookie = incoming[base + Incoming.Cookie] as number;
    if (incoming[base + Incoming.DataLarge] === 0) {
      start += head;
      if (words !== undefined) return this.#decodeAttached(this.#inbox, start, size, cookie, words);
      return decodeCopying(this.#inbox, start, size, cookie & Cookie.Rich);
    }
    const large = this.#native.large[start] as Uint8Array;
    if (words !== undefined) return this.#decodeAttached(large, head, size, cookie, words);
    return decodeViewing(large, size, cookie & Cookie.Rich);
  }

  /** Decodes a message with objects, some of which may belong to the value. */
  #decodeAttached(
    message: Uint8Array,
    start: number,
    size: number,
    cookie: number,
    words: Uint32Array,
  ): unknown {
    const attachments = new ArrivedAttachments(this.#context, words, cookie);
    const data = Buffer.from(message.buffer, message.byteOffset + start, size);
    const encoding = cookie & Cookie.Rich;
    try {
      const value = withSource(attachments, () => {
        if ((cookie & Cookie.Outside) === 0) return decodeCopying(data, 0, size, encoding);
        const encoded = attachments.encoded(data);
        try {
          return decodeCopying(encoded.data, 0, encoded.data.length, encoding);
        } finally {
          encoded.release();
        }
      });
      this.#taken = attachments.taken;
      return value;
    } catch (error) {
      attachments.abandon();
      throw error;
    } finally {
      attachments.close();
    }
  }

  /** Returns a copy of the bytes of a message. Throws an `Error` if it has objects. */
  bytes(base: number): Uint8Array {
    const incoming = this.#incoming;
    if (this.objects(base) !== undefined) throw new Error('the message must not carry objects');
    const start = incoming[base + Incoming.DataStart] as number;
    if (incoming[base + Incoming.DataLarge] !== 0) return this.#native.large[start] as Uint8Array;
    const end = start + (incoming[base + Incoming.DataSize] as number);
    return Uint8Array.prototype.slice.call(this.#inbox, start, end);
  }

  /** Removes the metadata from the end of a message, and returns it. The rest is the data. */
  takeMetadata(base: number): CallMetadata {
    const incoming = this.#incoming;
    const start = incoming[base + Incoming.DataStart] as number;
    const dataSize = incoming[base + Incoming.DataSize] as number;
    if (dataSize === 0) return noMetadata;
    let found: ReadMetadata;
    if (incoming[base + Incoming.DataLarge] === 0) {
      found = readMetadata(this.#inbox, start, dataSize);
    } else {
      const { buffer, byteOffset, byteLength } = this.#native.large[start] as Uint8Array;
      found = readMetadata(Buffer.from(buffer, byteOffset, byteLength), 0, dataSize);
    }
    incoming[base + Incoming.DataSize] = dataSize - found.size;
    return found.metadata;
  }
}

/** Returns the error code for a message that could not be decoded. */
export function decodingErrorCode(error: unknown): string {
  return error instanceof LiteIpcError ? error.code : 'EPROTO';
}
