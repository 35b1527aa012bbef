/**
 * Contains everything that depends on msgpackr beyond its documented interface. package.json pins
 * the exact version because of this file, and test/unit/wire/msgpackr.test.ts fails if another
 * version behaves differently. The assumptions are:
 *
 * - A `Packr` reads its property `mapAsEmptyObject` only when it is about to write a Map.
 * - A `Packr` calls the `copy` method of its buffer when the buffer is full, to move the data that
 *   it has written so far.
 * - In REUSE_BUFFER_MODE `pack` returns the whole buffer, with the properties `start` and `end`.
 * - All packers of a thread share one buffer and one write position. `useBuffer` replaces the
 *   buffer, and the property `position` sets the position.
 * - The `Class` of an extension is used only as the right side of `instanceof`, for every object
 *   that is neither a plain object nor an array nor a Map. The extension that was added last is
 *   tested first. Extension types from 0x70 on are accepted although msgpackr reserves them.
 */
import { Packr, REUSE_BUFFER_MODE, Unpackr, addExtension, type Options } from 'msgpackr';

/** Thrown by {@link plainPackr} when it reaches a Map: only the rich encoding preserves Maps. */
export const needsRichEncoding = new Error('needs the rich encoding');

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

export const plainPackr = new Packr({ ...plainOptions });
export const richPackr = new Packr({ ...richOptions });
Object.defineProperty(plainPackr, 'mapAsEmptyObject', {
  get(): boolean {
    throw needsRichEncoding;
  },
});

/** Decode into values that own their binary data. */
export const plainCopying = new Unpackr({ ...plainOptions, copyBuffers: true });
export const richCopying = new Unpackr({ ...richOptions, copyBuffers: true });
/** Decode into values whose binary data are views of the message. */
export const plainViewing = new Unpackr({ ...plainOptions });
export const richViewing = new Unpackr({ ...richOptions });

/** Describes the whole buffer of a packer and the range of the last packed value in it. */
export interface PackedBuffer extends Buffer {
  readonly start: number;
  readonly end: number;
}

/** Packs a value without creating a view of the result. */
export function packWithRange(packr: Packr, value: unknown): PackedBuffer {
  return packr.pack(value, REUSE_BUFFER_MODE) as PackedBuffer;
}

/** Calls `callback` whenever a packer has filled `buffer` and continues in a larger one. */
export function onBufferFull(buffer: Buffer, callback: () => void): void {
  const copy = (Buffer.prototype as Buffer).copy.bind(buffer);
  buffer.copy = (target: Uint8Array, at?: number, start?: number, end?: number) => {
    callback();
    return copy(target, at, start, end);
  };
}

/**
 * Marks the current buffer as full from its `length` on, so that other users of msgpackr in this
 * thread, such as the program itself, continue in a buffer of their own.
 */
export function releaseBuffer(packr: Packr, length: number): void {
  (packr as unknown as { position: number }).position = length;
}

/**
 * Adds an extension for the objects that `matches` accepts. The table of extensions belongs to the
 * whole thread: `matches` must accept nothing while the program itself uses msgpackr.
 */
export function addObjectExtension(
  type: number,
  matches: (value: object) => boolean,
  write: (value: object) => unknown,
  read: (content: unknown) => object,
): void {
  const Class = Object.defineProperty(() => undefined, Symbol.hasInstance, {
    value: matches,
  }) as unknown as ObjectConstructor;
  addExtension({ Class, type, write, read });
}
