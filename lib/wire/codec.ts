/**
 * Encodes and decodes payloads as MessagePack. Values are packed directly into the device's outbox
 * and decoded where they arrive.
 *
 * One bit of the message selects the encoding (see EncodingBits in types/wire.d.ts):
 *   plain  encodes Map and object alike. It is used for almost every message.
 *   rich   distinguishes Map from object, and preserves shared and cyclic references. It is two to
 *          three times slower, so it is used only if the plain encoder reaches a Map or exhausts
 *          the stack.
 * Both preserve undefined, Date, BigInt, Set, RegExp, Error, ArrayBuffer and typed arrays. -0
 * arrives as 0. No data at all represents undefined.
 *
 * sendable.ts lists the values that are rejected. extensions.ts encodes errors, and the values that
 * travel beside the data. The data of a method that a contract declares as a parcel is written by
 * the program instead; see lib/ipc-io.
 */
import type { Packr } from 'msgpackr';
import type { EncodingBits } from '../../types/wire.js';
import { LiteIpcError } from '../common/errors.js';
import { readParcel, writeParcel, type AnyParcelFormat } from '../ipc-io/parcel-format.js';
import { encodingBegins, encodingEnds, exchangeSink, type AttachmentSink } from './extensions.js';
import {
  needsRichEncoding,
  onBufferFull,
  packWithRange,
  plainCopying,
  plainPackr,
  plainViewing,
  releaseBuffer,
  richCopying,
  richPackr,
  richViewing,
} from './msgpackr.js';
import { findUnsendable, hasCycle, type IsAttachable } from './sendable.js';

const PLAIN: EncodingBits = 0;
const RICH: EncodingBits = 1;

/** Up to this size in bytes a loop copies faster than a call of `set`. */
const LOOP_COPY_MAX = 48;

/** Decides which objects an encoder attaches, and creates the collections for them. */
export interface Attaching<Attached extends AttachmentSink> {
  /** Returns true for an object that may be attached, whatever its size. */
  readonly isAttachable: IsAttachable;
  /** Returns true for an object that is to be attached rather than encoded. */
  readonly isAttached: (value: object) => boolean;
  /** Creates the empty attachments of one message. */
  readonly create: () => Attached;
}

/** Encodes into one outbox. After {@link encode} the fields describe the encoded data. */
export class Encoder<Attached extends AttachmentSink = AttachmentSink> {
  /** Offset of the data in the outbox, in bytes; 0 if `data` is set. */
  start = 0;
  /** Size of the data in bytes. */
  size = 0;
  encoding: EncodingBits = PLAIN;
  /**
   * Set if the data is not in the outbox, because it did not fit or was encoded within the encoding
   * of another value.
   */
  data: Uint8Array | undefined = undefined;
  /**
   * The attachments that {@link encodeWithAttachments} collected. The code that takes them must
   * send or close them.
   */
  attachments: Attached | undefined = undefined;

  readonly #outbox: Buffer;
  /** Undefined if this encoder cannot attach anything. */
  readonly attaching: Attaching<Attached> | undefined;
  readonly #sink: AttachmentSink | undefined;
  #busy = false;
  /** The value that the plain encoder is writing to the outbox. */
  #plain: unknown = undefined;
  #collected: Attached | undefined = undefined;

  /** Without `attaching` the encoder cannot attach anything. */
  constructor(outbox: Uint8Array, attaching?: Attaching<Attached>) {
    this.#outbox = Buffer.from(outbox.buffer, outbox.byteOffset, outbox.byteLength);
    // The plain encoder follows a cycle until the stack is exhausted, and stores all that it writes
    // meanwhile. Large values are therefore searched for cycles before they continue.
    onBufferFull(this.#outbox, () => {
      if (hasCycle(this.#plain)) throw needsRichEncoding;
    });
    this.attaching = attaching;
    if (attaching === undefined) return;
    this.#sink = {
      attach: (value) => {
        if (!attaching.isAttached(value)) return undefined;
        this.#collected ??= attaching.create();
        return this.#collected.attach(value);
      },
    };
  }

  /**
   * Encodes `value`, as a parcel if there is a `format`. Throws a {@link NotSendable} with the path
   * of the rejected part. For a parcel throws a LiteIpcError: EINVAL, or EMSGSIZE if the value does
   * not fit. Rejects values that can only be attached.
   */
  encode(value: unknown, format?: AnyParcelFormat): void {
    this.#encode(value, format, undefined);
  }

  /** Like {@link encode}, but puts large bytes, references and the like into `attachments`. */
  encodeWithAttachments(value: unknown, format?: AnyParcelFormat): void {
    this.#encode(value, format, this.#sink);
  }

  #encode(
    value: unknown,
    format: AnyParcelFormat | undefined,
    sink: AttachmentSink | undefined,
  ): void {
    this.attachments = undefined;
    if (format !== undefined) {
      const data = writeParcel(format, value);
      this.#set(0, data.length, data);
      this.encoding = PLAIN;
      return;
    }
    if (value === undefined) {
      this.#set(0, 0, undefined);
      this.encoding = PLAIN;
      return;
    }
    // A getter or toJSON of the value may make a call, which must not use the outbox.
    const nested = this.#busy;
    this.#busy = true;
    try {
      this.#pack(plainPackr, value, nested, sink);
      this.encoding = PLAIN;
    } catch (error) {
      this.#encodeRich(value, nested, sink, error);
    } finally {
      this.#busy = nested;
    }
  }

  /** Returns a copy of the encoded data, for a message that is sent later. */
  copy(): Uint8Array {
    const source = this.data ?? this.#outbox;
    return Uint8Array.prototype.slice.call(source, this.start, this.start + this.size);
  }

  /** Copies the encoded data to `target` at the offset `at`. It must fit there. */
  copyTo(target: Buffer, at: number): void {
    const source = this.data ?? this.#outbox;
    const { start, size } = this;
    if (size > LOOP_COPY_MAX) {
      target.set(
        start === 0 && size === source.length ? source : source.subarray(start, start + size),
        at,
      );
      return;
    }
    for (let index = 0; index < size; index++) target[at + index] = source[start + index] as number;
  }

  /** Returns the encoded data in memory that this encoder no longer writes to. */
  takeData(): Uint8Array {
    return this.data === undefined ? this.copy() : this.data;
  }

  /** Appends bytes to the encoded data. */
  append(bytes: Uint8Array): void {
    this.#set(0, this.size + bytes.length, Buffer.concat([this.copy(), bytes]));
  }

  /** Uses `data` as if this encoder had just encoded it. */
  setData(data: Uint8Array, encoding: EncodingBits): void {
    this.attachments = undefined;
    this.#set(0, data.length, data);
    this.encoding = encoding;
  }

  #pack(packr: Packr, value: unknown, nested: boolean, sink: AttachmentSink | undefined): void {
    const outbox = this.#outbox;
    if (!nested) {
      packr.useBuffer(outbox);
      this.#plain = packr === plainPackr ? value : undefined;
    }
    // A getter may encode another value in between. Each value has its own attachments.
    const collected = this.#collected;
    const otherSink = exchangeSink(sink);
    this.#collected = undefined;
    encodingBegins();
    try {
      if (packr === plainPackr) {
        const whole = packWithRange(packr, value);
        if (whole === outbox) this.#set(whole.start, whole.end - whole.start, undefined);
        else this.#set(0, whole.end - whole.start, whole.subarray(whole.start, whole.end));
      } else {
        const view = packr.pack(value);
        const inPlace = !nested && view.buffer === outbox.buffer;
        if (inPlace) this.#set(view.byteOffset - outbox.byteOffset, view.length, undefined);
        else this.#set(0, view.length, view);
      }
      this.attachments = this.#collected;
    } finally {
      encodingEnds();
      exchangeSink(otherSink);
      this.#collected = collected;
      if (!nested) {
        this.#plain = undefined;
        // A value that did not fit owns its buffer: later values must not be written there.
        if (this.data !== undefined) packr.useBuffer(outbox);
        releaseBuffer(packr, outbox.length);
      }
    }
  }

  #set(start: number, size: number, data: Uint8Array | undefined): void {
    this.start = start;
    this.size = size;
    this.data = data;
  }

  #encodeRich(
    value: unknown,
    nested: boolean,
    sink: AttachmentSink | undefined,
    plainError: unknown,
  ): void {
    const isAttachable = sink === undefined ? undefined : this.attaching?.isAttachable;
    if (plainError !== needsRichEncoding && !(plainError instanceof RangeError)) {
      throw refusal(value, isAttachable, plainError);
    }
    // The rich encoding would silently change an error that contains itself: reject it before.
    if (findUnsendable(value, isAttachable) !== undefined) {
      throw refusal(value, isAttachable, plainError);
    }
    try {
      this.#pack(richPackr, value, nested, sink);
      this.encoding = RICH;
    } catch (error) {
      throw refusal(value, isAttachable, error);
    }
  }
}

function refusal(
  value: unknown,
  isAttachable: IsAttachable | undefined,
  cause: unknown,
): LiteIpcError {
  if (cause instanceof LiteIpcError) return cause;
  const found = findUnsendable(value, isAttachable);
  if (found !== undefined)
    return new NotSendable(found.path, `${found.what} cannot be sent`, cause);
  const reason =
    cause instanceof RangeError
      ? 'it is nested too deeply'
      : cause instanceof Error
        ? cause.message
        : String(cause);
  return new NotSendable('', `the value cannot be sent: ${reason}`, cause);
}

/** Reports a value that cannot be sent (EINVAL) and the part that is the reason. */
class NotSendable extends LiteIpcError {
  /** `path` leads from the value to the part, for example `[0].options`; empty for the value. */
  constructor(
    readonly path: string,
    readonly reason: string,
    cause?: unknown,
  ) {
    super('EINVAL', `value${path}: ${reason}`, { cause });
  }
}

/** Returns the message of an error of {@link Encoder.encode}, with `what` as the value's name. */
export function encodingErrorText(what: 'input' | 'output', error: unknown): string {
  if (error instanceof NotSendable) return `${what}${error.path}: ${error.reason}`;
  return `${what}: ${error instanceof Error ? error.message : String(error)}`;
}

/** Up to this size in bytes a message is decoded from a scratch buffer, which is faster. */
const SCRATCH_SIZE = 96;
const scratch = Buffer.alloc(SCRATCH_SIZE);
const range = { start: 0, end: 0 };

/**
 * Decodes `size` bytes at the offset `start` of the inbox. The result does not refer to the inbox,
 * which the next batch of events overwrites. Throws a LiteIpcError (EPROTO) for invalid data.
 */
export function decodeCopying(
  inbox: Buffer,
  start: number,
  size: number,
  encoding: number,
): unknown {
  if (size === 0) return undefined;
  let source = inbox;
  range.start = start;
  range.end = start + size;
  if (size <= SCRATCH_SIZE && range.end > SCRATCH_SIZE) {
    for (let index = 0; index < size; index++) scratch[index] = inbox[start + index] as number;
    source = scratch;
    range.start = 0;
    range.end = size;
  }
  try {
    return (encoding === RICH ? richCopying : plainCopying).unpack(source, range);
  } catch (error) {
    throw unreadable(error);
  }
}

/** Reads a parcel of `size` bytes at the offset `start` of the inbox. Throws EPROTO. */
export function decodeParcel(
  format: AnyParcelFormat,
  inbox: Uint8Array,
  start: number,
  size: number,
): unknown {
  // The format may retain the parcel, and the next batch of events overwrites the inbox.
  return readParcel(format, Uint8Array.prototype.slice.call(inbox, start, start + size));
}

/** Decodes a message that owns its memory. Binary values of the result are views of that memory. */
export function decodeViewing(message: Uint8Array, size: number, encoding: number): unknown {
  if (size === 0) return undefined;
  const source = Buffer.from(message.buffer, message.byteOffset, size);
  try {
    return (encoding === RICH ? richViewing : plainViewing).unpack(source);
  } catch (error) {
    throw unreadable(error);
  }
}

function unreadable(cause: unknown): LiteIpcError {
  if (cause instanceof LiteIpcError) return cause;
  const reason = cause instanceof Error ? cause.message : 'unknown';
  return new LiteIpcError('EPROTO', `the data is not readable: ${reason}`, { cause });
}
