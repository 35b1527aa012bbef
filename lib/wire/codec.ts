/**
 * Payloads: MessagePack, packed in place into the device's outbox and read where they arrive.
 *
 * Two encodings, told by one bit of the message (see EncodingBits in types/wire.d.ts):
 *   plain  maps are plain objects. Almost every message; as fast as it gets
 *   rich   keeps Map apart from objects, and keeps shared and cyclic references. It costs two to
 *          three times as much, so it is used only when the plain one meets a Map or runs out of
 *          stack
 * Both carry undefined, Date, BigInt, Set, RegExp, Error, ArrayBuffer and typed arrays; -0 arrives
 * as 0. What is refused is said in sendable.ts, how errors travel in codec-errors.ts.
 *
 * No data at all stands for undefined.
 *
 * What a contract declares as a parcel is not packed but written by the program: see ipc-io/.
 *
 * Some values are not in the data but travel beside it: see codec-attachments.ts.
 */
import { Packr, REUSE_BUFFER_MODE, Unpackr, type Options } from 'msgpackr';
import type { EncodingBits } from '../../types/wire.js';
import { Attachments, isAttached, type Sender } from '../attachments/outgoing.js';
// The order counts: the extension that is added later is asked first.
import { encodingBegins, encodingEnds } from './extensions.js';
import { exchangeSink, type AttachmentSink } from './codec-attachments.js';
import { hasCycle } from './cycles.js';
import { LiteIpcError } from '../common/errors.js';
import { readParcel, writeParcel, type AnyParcelFormat } from '../ipc-io/parcel-format.js';
import { findUnsendable } from './sendable.js';

const PLAIN: EncodingBits = 0;
const RICH: EncodingBits = 1;

/** Thrown by the plain encoder when it meets a Map: try the rich one. */
const needsRich = new Error('needs the rich encoding');

function refuseFunction(): never {
  throw new TypeError('a function');
}

const shared: Options = { moreTypes: true, writeFunction: refuseFunction };
const plainOptions: Options = {
  ...shared,
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
};
const richOptions: Options = { ...shared, structuredClone: true };

const plainPackr = new Packr({ ...plainOptions });
Object.defineProperty(plainPackr, 'mapAsEmptyObject', {
  // Asked by msgpackr whenever it is about to write a Map, and only then.
  get(): boolean {
    throw needsRich;
  },
});
const richPackr = new Packr({ ...richOptions });

// The inbox is overwritten by the next batch, so its binary values are copied out; memory of its
// own (a large message) may be kept as it is.
const plainCopying = new Unpackr({ ...plainOptions, copyBuffers: true });
const plainKeeping = new Unpackr({ ...plainOptions });
const richCopying = new Unpackr({ ...richOptions, copyBuffers: true });
const richKeeping = new Unpackr({ ...richOptions });

/** What msgpackr gives in REUSE_BUFFER_MODE. */
interface PackedBuffer extends Buffer {
  readonly start: number;
  readonly end: number;
}

/** Up to so many bytes a loop copies faster than a call does. */
const COPY_BY_HAND_MAX = 48;

/** Encodes into one outbox. After {@link encode} the fields say where the data is. */
export class Encoder {
  /** Where the data starts in the outbox, bytes; 0 when `data` is set. */
  start = 0;
  /** Bytes of data. */
  size = 0;
  encoding: EncodingBits = PLAIN;
  /**
   * Set when the data is not in the outbox: it did not fit or was encoded while another value was.
   */
  data: Uint8Array | undefined = undefined;
  /**
   * What goes beside the data, after {@link encodeWithAttachments}. Whoever takes it sends or
   * closes it.
   */
  attachments: Attachments | undefined = undefined;

  /** The device that sends; undefined if there are no attachments. */
  readonly sender: Sender | undefined;
  readonly #outbox: Buffer;
  readonly #sink: AttachmentSink | undefined;
  #busy = false;
  /** What the plain encoder writes to the outbox at the moment. */
  #plain: unknown = undefined;
  #collected: Attachments | undefined = undefined;

  /** `sender` is the device that sends, if there are to be attachments. */
  constructor(outbox: Uint8Array, sender?: Sender) {
    this.#outbox = Buffer.from(outbox.buffer, outbox.byteOffset, outbox.byteLength);
    // Asked by msgpackr when the outbox is full, for what is in it. The plain encoder goes round in
    // a cycle until it is out of stack, with all that lies there: a large value is looked at
    // before.
    const copy = (Buffer.prototype as Buffer).copy.bind(this.#outbox);
    this.#outbox.copy = (target: Uint8Array, at?: number, start?: number, end?: number) => {
      if (hasCycle(this.#plain)) throw needsRich;
      return copy(target, at, start, end);
    };
    this.sender = sender;
    if (sender === undefined) return;
    this.#sink = {
      attach: (value) => {
        if (!isAttached(value)) return undefined;
        this.#collected ??= new Attachments(sender);
        return this.#collected.attach(value);
      },
    };
  }

  /**
   * Encodes `value`, as a parcel if there is a `format`. Throws a {@link NotSendable} that names
   * the path of what it refuses; of a parcel a LiteIpcError with code EINVAL, or EMSGSIZE if it
   * does not fit a parcel. Everything is in the data: what has to travel beside it is refused.
   */
  encode(value: unknown, format?: AnyParcelFormat): void {
    this.#encode(value, format, undefined);
  }

  /** The same; large bytes, references and the like are in {@link attachments}. */
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
      this.#place(0, data.length, data);
      this.encoding = PLAIN;
      return;
    }
    if (value === undefined) {
      this.#place(0, 0, undefined);
      this.encoding = PLAIN;
      return;
    }
    // A getter or toJSON of the value may itself make a call: that one must not use the outbox.
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

  /** A copy of the encoded data, for messages that have to wait. */
  copy(): Uint8Array {
    const source = this.data ?? this.#outbox;
    return Uint8Array.prototype.slice.call(source, this.start, this.start + this.size);
  }

  /** Copies the encoded data to `target` from `at` on, where there must be room. */
  copyTo(target: Buffer, at: number): void {
    const source = this.data ?? this.#outbox;
    const { start, size } = this;
    if (size > COPY_BY_HAND_MAX) {
      target.set(
        start === 0 && size === source.length ? source : source.subarray(start, start + size),
        at,
      );
      return;
    }
    for (let index = 0; index < size; index++) target[at + index] = source[start + index] as number;
  }

  /** The encoded data: memory that nobody else writes to. */
  takeData(): Uint8Array {
    return this.data === undefined ? this.copy() : this.data;
  }

  /** Puts more behind the data. */
  append(bytes: Uint8Array): void {
    this.#place(0, this.size + bytes.length, Buffer.concat([this.copy(), bytes]));
  }

  /** Takes data from elsewhere, as if it had just been encoded. */
  place(data: Uint8Array, encoding: EncodingBits): void {
    this.attachments = undefined;
    this.#place(0, data.length, data);
    this.encoding = encoding;
  }

  #pack(packr: Packr, value: unknown, nested: boolean, sink: AttachmentSink | undefined): void {
    const outbox = this.#outbox;
    if (!nested) {
      packr.useBuffer(outbox);
      this.#plain = packr === plainPackr ? value : undefined;
    }
    // A getter may encode in between: each has attachments of its own.
    const collected = this.#collected;
    const otherSink = exchangeSink(sink);
    this.#collected = undefined;
    encodingBegins();
    try {
      if (packr === plainPackr) {
        // In this mode the result is the whole buffer and says where the data lies in it: no view
        // is made.
        const whole = packr.pack(value, REUSE_BUFFER_MODE) as PackedBuffer;
        if (whole === outbox) this.#place(whole.start, whole.end - whole.start, undefined);
        else this.#place(0, whole.end - whole.start, whole.subarray(whole.start, whole.end));
      } else {
        const view = packr.pack(value);
        const inPlace = !nested && view.buffer === outbox.buffer;
        if (inPlace) this.#place(view.byteOffset - outbox.byteOffset, view.length, undefined);
        else this.#place(0, view.length, view);
      }
      this.attachments = this.#collected;
    } finally {
      encodingEnds();
      exchangeSink(otherSink);
      this.#collected = collected;
      if (!nested) this.#plain = undefined;
      // What did not fit has a buffer of its own, which is to be nobody else's.
      if (!nested && this.data !== undefined) packr.useBuffer(outbox);
      // msgpackr's buffer is shared by all who use it in this thread: at the end of the outbox,
      // others (the program's own use of msgpackr) go on in a buffer of their own.
      if (!nested) setPosition(packr, outbox.length);
    }
  }

  #place(start: number, size: number, data: Uint8Array | undefined): void {
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
    const attaches = sink !== undefined;
    if (plainError === needsRich || plainError instanceof RangeError) {
      // In this encoding an error within itself would arrive as something else: better look before.
      if (findUnsendable(value, attaches) !== undefined) throw refusal(value, attaches, plainError);
      try {
        this.#pack(richPackr, value, nested, sink);
        this.encoding = RICH;
        return;
      } catch (error) {
        throw refusal(value, attaches, error);
      }
    }
    throw refusal(value, attaches, plainError);
  }
}

function setPosition(packr: Packr, position: number): void {
  (packr as unknown as { position: number }).position = position;
}

function refusal(value: unknown, attaches: boolean, cause: unknown): LiteIpcError {
  if (cause instanceof LiteIpcError) return cause;
  const found = findUnsendable(value, attaches);
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

/** Why a value cannot be sent (EINVAL), and which part of it. */
class NotSendable extends LiteIpcError {
  /**
   * `path` leads from the value to its part, as `[0].options.onChange`; empty for the value itself.
   */
  constructor(
    readonly path: string,
    readonly reason: string,
    cause?: unknown,
  ) {
    super('EINVAL', `value${path}: ${reason}`, { cause });
  }
}

/** What an error of {@link Encoder.encode} says, with `what` as the value's name. */
export function encodingErrorText(what: 'input' | 'output', error: unknown): string {
  if (error instanceof NotSendable) return `${what}${error.path}: ${error.reason}`;
  return `${what}: ${error instanceof Error ? error.message : String(error)}`;
}

/**
 * Up to so many bytes a message is copied to the scratch buffer and read there: msgpackr is faster
 * then.
 */
const SCRATCH_SIZE = 96;
const scratch = Buffer.alloc(SCRATCH_SIZE);
const range = { start: 0, end: 0 };

/**
 * Decodes `size` bytes at `start` of the inbox; nothing of the result refers to the inbox. Throws a
 * LiteIpcError with code EPROTO for what is not MessagePack.
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

/**
 * Reads a parcel of `size` bytes at `start` of the inbox. Throws a LiteIpcError with code EPROTO.
 */
export function decodeParcel(
  format: AnyParcelFormat,
  inbox: Uint8Array,
  start: number,
  size: number,
): unknown {
  // The format may keep the parcel, and the inbox is overwritten by the next batch.
  return readParcel(format, Uint8Array.prototype.slice.call(inbox, start, start + size));
}

/** Decodes a message in memory of its own; binary values of the result are views of it. */
export function decodeKeeping(message: Uint8Array, size: number, encoding: number): unknown {
  if (size === 0) return undefined;
  const source = Buffer.from(message.buffer, message.byteOffset, size);
  try {
    return (encoding === RICH ? richKeeping : plainKeeping).unpack(source);
  } catch (error) {
    throw unreadable(error);
  }
}

function unreadable(cause: unknown): LiteIpcError {
  if (cause instanceof LiteIpcError) return cause;
  const reason = cause instanceof Error ? cause.message : 'unknown';
  return new LiteIpcError('EPROTO', `the data is not readable: ${reason}`, { cause });
}
