/** Resolves the placeholders of one received message. outgoing.ts describes the layout. */
import { Blob, File } from 'node:buffer';
import type { NativeDescriptor, NativeDevice, NativeMapping } from '../../types/native.js';
import { AttachmentKind, viewOf } from './kinds.js';
import { byteStreamAt } from './byte-stream.js';
import type { AttachmentSource } from '../wire/extensions.js';
import { ENCODED_MAX, MAPPED_MAX } from './outgoing.js';
import { LiteIpcError } from '../common/errors.js';
import { trackMapping } from '../native/mapped-memory.js';
import { loadNativeBinding } from '../native/binding.js';
import { ObjectType, ObjectWords } from '../native/layout.js';
import { Reference, type ReferenceHome } from './reference.js';
import { Cookie } from '../wire/header.js';

/** The values that all messages of a connection share. */
export interface ArrivalContext {
  readonly native: NativeDevice;
  /** The owner of received references. */
  readonly references: ReferenceHome;
  /** Maximum size of the memory of one message in bytes. */
  readonly messageLimit: number;
}

/**
 * The objects of one message while it is decoded. The sender chose them, so every value is checked.
 */
export class ArrivedAttachments implements AttachmentSource {
  /** Indexes of the objects that belong to the value. The other descriptors are files. */
  readonly taken = new Set<number>();
  readonly #memory: NativeDescriptor | undefined;
  readonly #mappings: NativeMapping[] = [];
  #mappedSize = 0;

  /**
   * Adopts the memory of the message, if there is any. The owner must call `close`. Throws an
   * `Error`.
   */
  constructor(
    private readonly context: ArrivalContext,
    private readonly words: Uint32Array,
    cookie: number,
  ) {
    if ((cookie & Cookie.Memory) === 0) return;
    const last = words.length / ObjectWords.Words - 1;
    this.#memory = context.native.adopt(this.#object(last, ObjectType.Descriptor));
    this.taken.add(last);
  }

  take(placeholder: unknown): object {
    if (!Array.isArray(placeholder)) throw new Error('an attachment is not readable');
    const [kind, ...facts] = placeholder as unknown[];
    switch (kind) {
      case AttachmentKind.Bytes:
        return this.#bytes(facts);
      case AttachmentKind.Reference:
        return this.#reference(facts);
      case AttachmentKind.Blob:
        return this.#blob(facts);
      case AttachmentKind.Stream:
        return this.#stream(facts);
      default:
        throw new Error('there is no such kind of attachment');
    }
  }

  /** Returns the encoded value that the memory contains. `location` is the data of the message. */
  encoded(location: Uint8Array): { readonly data: Buffer; release(): void } {
    if (location.length !== 16) throw new Error('the location of the value is not readable');
    const view = new DataView(location.buffer, location.byteOffset, location.byteLength);
    const offset = Number(view.getBigUint64(0, true));
    const size = Number(view.getBigUint64(8, true));
    if (size > ENCODED_MAX) throw tooLarge(size, ENCODED_MAX);
    const mapping = this.#map(offset, size);
    return {
      data: Buffer.from(mapping.buffer),
      release: () => mapping.release(),
    };
  }

  /** Closes the descriptor of the memory. Its mappings remain valid. Idempotent. */
  close(): void {
    this.#memory?.close();
  }

  /** Releases the mappings of a message that is rejected. */
  abandon(): void {
    for (const mapping of this.#mappings) mapping.release();
  }

  #bytes([view, offset, size]: unknown[]): object {
    const mapping = this.#map(offset, size);
    trackMapping(mapping);
    return viewOf(view, mapping.buffer);
  }

  /** Creates a Blob, which copies its parts. */
  #blob([offset, size, type, name, lastModified]: unknown[]): object {
    if (typeof type !== 'string') throw new Error('a Blob is not readable');
    const mapping = this.#map(offset, size);
    const parts = [new Uint8Array(mapping.buffer)];
    try {
      if (name === undefined) return new Blob(parts, { type });
      if (typeof name !== 'string' || typeof lastModified !== 'number') {
        throw new Error('a File is not readable');
      }
      return new File(parts, name, { type, lastModified });
    } finally {
      mapping.release();
    }
  }

  #reference([index, generation, name, shape]: unknown[]): object {
    const handle = this.#object(index, ObjectType.Service);
    if (typeof generation !== 'number' || typeof name !== 'string' || typeof shape !== 'string') {
      throw new Error('a reference is not readable');
    }
    this.taken.add(index as number);
    return new Reference(this.context.references, { handle, generation, name, shape });
  }

  #stream([index]: unknown[]): object {
    const handle = this.#object(index, ObjectType.Service);
    const at = (index as number) * ObjectWords.Words;
    const generation = this.words[at + ObjectWords.Value1] as number;
    this.taken.add(index as number);
    return byteStreamAt(this.context.references, handle, generation);
  }

  #map(offset: unknown, size: unknown): NativeMapping {
    if (this.#memory === undefined) throw new Error('the message has no memory');
    if (!isSize(offset) || !isSize(size))
      throw new Error('a location in the memory is not readable');
    this.#mappedSize += size;
    const { messageLimit } = this.context;
    if (this.#mappedSize > messageLimit) throw tooLarge(this.#mappedSize, messageLimit);
    if (this.#mappings.length > MAPPED_MAX) throw new Error('too many parts');
    const mapping = loadNativeBinding().mapMemoryFile(this.#memory.fd, offset, size);
    this.#mappings.push(mapping);
    return mapping;
  }

  /** Returns the first value of an object of this type. */
  #object(index: unknown, type: number): number {
    const at = isSize(index) ? index * ObjectWords.Words : -1;
    if (this.words[at + ObjectWords.Type] !== type) {
      throw new Error('an object that belongs to the value is missing');
    }
    return this.words[at + ObjectWords.Value0] as number;
  }
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function tooLarge(size: number, limit: number): LiteIpcError {
  const text = `the message has ${size} bytes in memory of its own; this device accepts at most ${limit} (messageLimit)`;
  return new LiteIpcError('EMSGSIZE', text);
}
