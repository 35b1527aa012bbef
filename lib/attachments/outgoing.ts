/**
 * Collects the objects of one outgoing message. The encoded data contains placeholders, as arrays:
 *
 *   [Bytes, view, offset, size]                     bytes in the message's memory; see viewNumber
 *   [Reference, object, generation, name, shape]    `object` is the index of the OBJ_SVC
 *   [Blob, offset, size, type]                      a Blob in the message's memory
 *   [Blob, offset, size, type, name, lastModified]  a File
 *   [Stream, object]                                a ReadableStream; `object` is the index of the
 *                                                   OBJ_SVC, whose token is the generation
 *
 * The objects have this order: those that placeholders refer to, the files of the program, the
 * memory. The memory is one sealed memfd with all bytes of the message; Cookie.Memory indicates it.
 * If the encoded value does not fit the message, the memory contains it too, and the data of the
 * message is its offset and its size, 8 bytes each, little-endian. Cookie.Outside indicates this.
 */
import type { NativeDevice } from '../../types/native.js';
import { Blob, File } from 'node:buffer';
import type { ReadableStream } from 'node:stream/web';
import { bytesOf, type Bytes } from '../common/values.js';
import { AttachmentKind, attachmentKind, viewNumber } from './kinds.js';
import type { Attaching, Encoder } from '../wire/codec.js';
import type { AttachmentSink, Placeholder } from '../wire/extensions.js';
import { LiteIpcError, asError } from '../common/errors.js';
import { FILES_MAX, type FilesToSend } from '../native/files.js';
import { MemoryToSend } from '../native/sealed-memory.js';
import { ObjectType, ObjectWords } from '../native/layout.js';
import { OBJECTS_MAX, OBJECT_SIZE, type ObjectsToSend } from '../native/message-objects.js';
import type { Reference } from './reference.js';
import { Cookie } from '../wire/header.js';

/** Bytes of at least this size travel in the message's memory, which the receiver maps. */
const LARGE_BYTES = 48 * 1024;
/** Maximum number of such values in one message: each has its own mapping. Others are encoded. */
export const MAPPED_MAX = 256;
/** Maximum size of an encoded value in bytes, because decoding allocates as much. */
export const ENCODED_MAX = 256 * 1024 * 1024;

function isAttached(value: object): boolean {
  const kind = attachmentKind(value);
  if (kind === undefined) return false;
  return kind !== AttachmentKind.Bytes || (value as Bytes).byteLength >= LARGE_BYTES;
}

/** A ReadableStream that a task of its own serves to one receiver. */
export interface StreamOffer {
  readonly handle: number;
  readonly generation: number;
  /** Reports that the message with the stream was sent. */
  sent(): void;
  /** Reports that the message will not be sent. Idempotent. */
  cancel(reason: Error): void;
}

/** Locks a stream and offers it. Rejects with a LiteIpcError. */
export type OfferStream = (source: ReadableStream) => Promise<StreamOffer>;

/** The device that sends. */
export interface Sender {
  readonly native: NativeDevice;
  readonly offerStream: OfferStream;
}

/** Returns what an encoder needs to attach the values that `sender` sends. */
export function attachingOf(sender: Sender): Attaching<Attachments> {
  return {
    isAttachable: (value) => attachmentKind(value) !== undefined,
    isAttached,
    create: () => new Attachments(sender),
  };
}

/** Holds the objects that are attached to one message. */
export class Attachments implements AttachmentSink, ObjectsToSend {
  readonly #words: number[] = [];
  /** Streams with the indexes of their objects. */
  readonly #streams = new Map<ReadableStream, number>();
  #offers: StreamOffer[] = [];
  #closed = false;
  readonly #memory = new MemoryToSend();
  #mapped = 0;
  #files: FilesToSend | undefined;

  constructor(private readonly sender: Sender) {}

  get count(): number {
    const named = this.#words.length / ObjectWords.Words;
    return named + (this.#files?.count ?? 0) + (this.#memory.used ? 1 : 0);
  }

  get size(): number {
    return this.count * OBJECT_SIZE;
  }

  /** Maximum size of a message's data in bytes. */
  get dataLimit(): number {
    return this.sender.native.dataLimit;
  }

  /** Bits for the message's cookie. */
  get cookie(): number {
    return this.#memory.used ? Cookie.Memory : 0;
  }

  /**
   * Attaches a value. Returns its placeholder, or undefined if the value must be encoded instead.
   * Reads and opens nothing yet. Throws a LiteIpcError: a reference whose service is not available,
   * or too many objects.
   */
  attach(value: object): Placeholder | undefined {
    switch (attachmentKind(value)) {
      case AttachmentKind.Bytes:
        return this.#attachBytes(value as Bytes);
      case AttachmentKind.Reference:
        return this.#attachReference(value as Reference);
      case AttachmentKind.Blob:
        return this.#attachBlob(value as Blob);
      case AttachmentKind.Stream:
        return this.#attachStream(value as ReadableStream);
      default:
        return undefined;
    }
  }

  /** Adds the files of the program. */
  addFiles(files: FilesToSend): void {
    this.#files = files;
  }

  /** Adds an encoded value to the memory. Returns its offset there. */
  addEncoded(data: Uint8Array): number {
    return this.#memory.add(data, data.length);
  }

  /**
   * Fills the memory and offers the streams. Returns undefined if this is complete, else a promise.
   * Throws or rejects with a LiteIpcError.
   */
  prepare(): Promise<void> | undefined {
    const filled = this.#fillMemory();
    if (this.#streams.size === 0) return filled;
    return this.#offerStreams(filled);
  }

  #fillMemory(): Promise<void> | undefined {
    if (!this.#memory.used) return undefined;
    if ((this.#files?.count ?? 0) >= FILES_MAX) {
      const text = `with large data a message carries at most ${FILES_MAX - 1} files`;
      throw new LiteIpcError('EINVAL', text);
    }
    try {
      return this.#memory.fill()?.catch((error: unknown) => {
        throw memoryError(error);
      });
    } catch (error) {
      throw memoryError(error);
    }
  }

  words(): Uint32Array {
    const words = [...this.#words, ...(this.#files?.words() ?? [])];
    if (this.#memory.used) words.push(ObjectType.Descriptor, this.#memory.fd, 0, 0, 0);
    return Uint32Array.from(words);
  }

  sent(): void {
    for (const offer of this.#offers.splice(0)) offer.sent();
    this.close();
  }

  close(): void {
    this.#closed = true;
    for (const offer of this.#offers.splice(0)) offer.cancel(notSent());
    this.#files?.close();
    this.#memory.close();
  }

  #attachBytes(value: Bytes): Placeholder | undefined {
    const { byteLength } = value;
    const bytes = bytesOf(value);
    // Shared memory is encoded at once, because other threads may change it.
    if (this.#mapped === MAPPED_MAX || !(bytes.buffer instanceof ArrayBuffer)) return undefined;
    this.#mapped++;
    const offset = this.#memory.add(bytes, byteLength);
    return [AttachmentKind.Bytes, viewNumber(value), offset, byteLength];
  }

  #attachBlob(blob: Blob): Placeholder {
    const offset = this.#memory.add(blob, blob.size);
    const facts = [AttachmentKind.Blob, offset, blob.size, blob.type] as const;
    return blob instanceof File ? [...facts, blob.name, blob.lastModified] : facts;
  }

  #attachReference(reference: Reference): Placeholder {
    const { handle, generation, name, shape } = reference.factsFor(this.sender.native);
    const index = this.#addService(handle);
    return [AttachmentKind.Reference, index, generation, name, shape];
  }

  #attachStream(source: ReadableStream): Placeholder {
    if (source.locked) {
      throw new LiteIpcError('EINVAL', 'a ReadableStream that is locked cannot be sent');
    }
    if (this.#streams.has(source)) {
      throw new LiteIpcError('EINVAL', 'a ReadableStream cannot be sent twice in one value');
    }
    const index = this.#addService(0);
    this.#streams.set(source, index);
    return [AttachmentKind.Stream, index];
  }

  #addService(handle: number): number {
    const index = this.#words.length / ObjectWords.Words;
    if (index === OBJECTS_MAX - 1 - FILES_MAX) {
      throw new LiteIpcError('EINVAL', `a message carries at most ${index} references and streams`);
    }
    this.#words.push(ObjectType.Service, handle, 0, 0, 0);
    return index;
  }

  async #offerStreams(filled: Promise<void> | undefined): Promise<void> {
    const { offerStream } = this.sender;
    const offers = [...this.#streams].map(async ([source, index]) => {
      const offer = await offerStream(source);
      this.#offers.push(offer);
      const at = index * ObjectWords.Words;
      this.#words[at + ObjectWords.Value0] = offer.handle;
      this.#words[at + ObjectWords.Value1] = offer.generation;
    });
    const results = await Promise.allSettled([...offers, filled]);
    const failed = results.find(({ status }) => status === 'rejected');
    // The call of close() in the meantime could not close later offers.
    if (this.#closed) this.close();
    if (failed !== undefined) throw asError((failed as PromiseRejectedResult).reason);
  }
}

function notSent(): LiteIpcError {
  return new LiteIpcError('ECANCELED', 'The message with this stream was not sent (ECANCELED)');
}

function memoryError(thrown: unknown): LiteIpcError {
  if (thrown instanceof LiteIpcError) return thrown;
  const { code = 'EINVAL', message } = asError(thrown) as Error & { code?: string };
  return new LiteIpcError(code, `its large data cannot be sent: ${message}`, { cause: thrown });
}

/** Describes an encoded message and everything that travels beside its data. */
export interface PackedMessage {
  readonly objects: ObjectsToSend;
  /** Bits for the message's cookie. */
  readonly cookie: number;
  /** Resolves when the message can be sent; undefined if it can be sent at once. */
  readonly ready: Promise<void> | undefined;
}

/**
 * Completes the message whose value `encoder` encoded last, if it has attachments or is too large.
 * Moves a value that is too large to the memory. `behind` bytes of metadata will follow the data.
 * Throws a LiteIpcError after closing `files`.
 */
export function packMessage(
  encoder: Encoder<Attachments>,
  files: FilesToSend | undefined,
  behind: number,
): PackedMessage {
  const { attachments = encoder.attaching?.create() } = encoder;
  if (attachments === undefined) throw new TypeError('the encoder cannot attach anything');
  try {
    if (files !== undefined) attachments.addFiles(files);
    let outside = 0;
    if (encoder.size + behind + attachments.size > attachments.dataLimit) {
      if (encoder.size > ENCODED_MAX) {
        const text =
          `it takes ${encoder.size} bytes without its large binary parts; ` +
          `at most ${ENCODED_MAX} can be sent`;
        throw new LiteIpcError('EMSGSIZE', text);
      }
      moveOutside(encoder, attachments);
      outside = Cookie.Outside;
    }
    const ready = attachments.prepare();
    return { objects: attachments, cookie: attachments.cookie | outside, ready };
  } catch (error) {
    attachments.close();
    throw error;
  }
}

function moveOutside(encoder: Encoder, attachments: Attachments): void {
  const data = encoder.takeData();
  const location = new Uint8Array(16);
  const view = new DataView(location.buffer);
  view.setBigUint64(0, BigInt(attachments.addEncoded(data)), true);
  view.setBigUint64(8, BigInt(data.length), true);
  encoder.setData(location, encoder.encoding);
}
