/**
 * What travels beside the data of one message, on its way out. In the data stand placeholders,
 * arrays:
 *
 *   [Bytes, view, offset, size]                     bytes in the message's memory; for `view` see
 *                                                   kinds.ts
 *   [Reference, object, generation, name, shape]    `object`: the index of the OBJ_SVC
 *   [Blob, offset, size, type]                      a Blob in the message's memory
 *   [Blob, offset, size, type, name, lastModified]  a File
 *   [Stream, object]                                a ReadableStream, see byte-stream.ts; `object`:
 *                                                   the index of the OBJ_SVC, whose token is the
 *                                                   generation
 *
 * The objects are, in this order: those that placeholders name, the files of the program, the
 * memory. The memory is one sealed memfd with all bytes of the message; Cookie.Memory says that it
 * is there. If the encoded value does not fit the message it lies there, too, and the message's
 * data is its offset and size, 8 bytes each, little-endian: Cookie.Outside.
 */
import type { NativeDevice } from '../../types/native.js';
import { Blob, File } from 'node:buffer';
import type { ReadableStream } from 'node:stream/web';
import { AttachmentKind, attachmentKind, bytesOf, viewNumber, type Bytes } from './kinds.js';
import type { Encoder } from '../wire/codec.js';
import { LiteIpcError, asError } from '../common/errors.js';
import { FILES_MAX, type FilesToSend } from '../native/files.js';
import { MemoryToSend } from '../native/sealed-memory.js';
import { ObjectType, ObjectWords } from '../native/layout.js';
import { OBJECTS_MAX, OBJECT_SIZE, type ObjectsToSend } from '../native/message-objects.js';
import type { Reference } from './reference.js';
import { Cookie } from '../wire/header.js';

/** From this size on bytes travel in the message's memory and are not copied at the other side. */
const LARGE_BYTES = 48 * 1024;
/**
 * Most values of a message that do: each is mapped by itself. Further ones are encoded with the
 * rest.
 */
export const MAPPED_MAX = 256;
/** Largest encoded value, bytes: who decodes it needs memory of its own for it. */
export const ENCODED_MAX = 256 * 1024 * 1024;

/** Whether a value is to be attached and not encoded. */
export function isAttached(value: object): boolean {
  const kind = attachmentKind(value);
  if (kind === undefined) return false;
  return kind !== AttachmentKind.Bytes || (value as Bytes).byteLength >= LARGE_BYTES;
}

/** A ReadableStream that can be asked for at a task of its own. */
export interface StreamOffer {
  readonly handle: number;
  readonly generation: number;
  /** The message that names it was sent. */
  sent(): void;
  /** The message will not be sent. Idempotent. */
  cancel(reason: Error): void;
}

/** Offers a stream, which is locked from now on. Rejects with a LiteIpcError. */
export type OfferStream = (source: ReadableStream) => Promise<StreamOffer>;

/** The device that sends. */
export interface Sender {
  readonly native: NativeDevice;
  readonly offerStream: OfferStream;
}

type Placeholder = readonly [kind: number, ...facts: unknown[]];

/** What is attached to one message. */
export class Attachments implements ObjectsToSend {
  readonly #sender: Sender;
  readonly #words: number[] = [];
  /** Streams by the index of their objects. */
  readonly #streams = new Map<ReadableStream, number>();
  #offers: StreamOffer[] = [];
  #closed = false;
  readonly #memory = new MemoryToSend();
  #mapped = 0;
  #files: FilesToSend | undefined;

  constructor(sender: Sender) {
    this.#sender = sender;
  }

  get count(): number {
    const named = this.#words.length / ObjectWords.Words;
    return named + (this.#files?.count ?? 0) + (this.#memory.used ? 1 : 0);
  }

  get size(): number {
    return this.count * OBJECT_SIZE;
  }

  /** Bits for the message's cookie. */
  get cookie(): number {
    return this.#memory.used ? Cookie.Memory : 0;
  }

  /**
   * Takes a value that {@link isAttached}; what stands in its place, or undefined if it is to be
   * encoded all the same. Nothing is read or opened yet. Throws a LiteIpcError: a reference that
   * leads nowhere, too many objects.
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

  /** Sends these, too. */
  addFiles(files: FilesToSend): void {
    this.#files = files;
  }

  /** Makes place in the memory for an encoded value; where it will lie. */
  addEncoded(data: Uint8Array): number {
    return this.#memory.add(data, data.length);
  }

  /**
   * Makes everything that is to be sent: undefined if that is done, else a promise. Throws or
   * rejects with a LiteIpcError.
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
    // What other threads may change is copied at once, not while they do.
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
    const { handle, generation, name, shape } = reference.factsFor(this.#sender.native);
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
    const { offerStream } = this.#sender;
    const offers = [...this.#streams].map(async ([source, index]) => {
      const offer = await offerStream(source);
      this.#offers.push(offer);
      const at = index * ObjectWords.Words;
      this.#words[at + ObjectWords.Value0] = offer.handle;
      this.#words[at + ObjectWords.Value1] = offer.generation;
    });
    const results = await Promise.allSettled([...offers, filled]);
    const failed = results.find(({ status }) => status === 'rejected');
    // Whoever closes this closes what was offered by then.
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

/** A message whose value is encoded, with all that goes beside it. */
export interface PackedMessage {
  readonly objects: ObjectsToSend;
  /** Bits for the message's cookie. */
  readonly cookie: number;
  /** When it can be sent; undefined: at once. */
  readonly ready: Promise<void> | undefined;
}

/**
 * Completes a message whose value was encoded last and has attachments or is too large: what is too
 * large goes to the memory. `behind` bytes of metadata will follow; `limit` is the largest size of
 * data. Throws a LiteIpcError, having closed `files`.
 */
export function packMessage(
  encoder: Encoder,
  files: FilesToSend | undefined,
  behind: number,
): PackedMessage {
  const sender = encoder.sender as Sender;
  const attachments = encoder.attachments ?? new Attachments(sender);
  try {
    if (files !== undefined) attachments.addFiles(files);
    let outside = 0;
    if (encoder.size + behind + attachments.size > sender.native.dataLimit) {
      if (encoder.size > ENCODED_MAX) {
        const text = `it takes ${encoder.size} bytes without its large binary parts; at most ${ENCODED_MAX} can be sent`;
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
  const place = new Uint8Array(16);
  const view = new DataView(place.buffer);
  view.setBigUint64(0, BigInt(attachments.addEncoded(data)), true);
  view.setBigUint64(8, BigInt(data.length), true);
  encoder.place(place, encoder.encoding);
}
