/** What comes with an event: the data of a message, the metadata behind it, the objects before it. */
import type { NativeDevice } from '../types/native.js';
import { decodeCopying, decodeKeeping, decodeParcel } from './codec.js';
import { headSize } from './files.js';
import type { AnyParcelFormat } from './ipc-io/parcel-format.js';
import { noMetadata, readMetadata, type CallMetadata, type ReadMetadata } from './metadata.js';
import { Incoming } from './native-layout.js';
import { Cookie } from './wire-header.js';

/** Reads the buffers that a device fills. `base` is always the place of an event's first word. */
export class IncomingData {
  readonly #native: NativeDevice;
  readonly #inbox: Buffer;
  readonly #incoming: Uint32Array;

  constructor(native: NativeDevice) {
    const { buffer, byteOffset, byteLength } = native.inbox;
    this.#native = native;
    this.#inbox = Buffer.from(buffer, byteOffset, byteLength);
    this.#incoming = native.incoming;
  }

  /** The words of the objects that came with a message, if there are any. */
  objects(base: number): Uint32Array | undefined {
    const place = this.#incoming[base + Incoming.Objects] as number;
    return place === 0 ? undefined : this.#native.objects[place - 1];
  }

  /** The value that a message holds. Throws an `Error` if it holds none. */
  decode(base: number, format?: AnyParcelFormat): unknown {
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
    if (head === -1) throw new Error('objects lie in the middle of the data');
    size -= head;
    if (size < 0) throw new Error('the metadata takes more than there is of data');
    if (size === 0) return undefined;
    const encoding = (incoming[base + Incoming.Cookie] as number) & Cookie.Rich;
    if (incoming[base + Incoming.DataLarge] === 0) {
      start += head;
      return decodeCopying(this.#inbox, start, size, encoding);
    }
    const large = this.#native.large[start] as Uint8Array;
    return decodeKeeping(head === 0 ? large : large.subarray(head), size, encoding);
  }

  /** The bytes of a message, in memory of their own. Throws an `Error` if it has objects, too. */
  bytes(base: number): Uint8Array {
    const incoming = this.#incoming;
    if (this.objects(base) !== undefined) throw new Error('objects lie among the data');
    const start = incoming[base + Incoming.DataStart] as number;
    if (incoming[base + Incoming.DataLarge] !== 0) return this.#native.large[start] as Uint8Array;
    const end = start + (incoming[base + Incoming.DataSize] as number);
    return Uint8Array.prototype.slice.call(this.#inbox, start, end);
  }

  /** Takes the metadata from the end of a message: what is left is the data. */
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
