/**
 * Implements `IpcIo`, the parcel of OpenHarmony's small system. It is identical byte by byte to its
 * 32-bit reference (ILP32, little-endian). docs/ipc-io.md describes the format of each method.
 *
 * A write rounds its size up to 4 unless documented otherwise. The start of a write is never
 * rounded, so after an unaligned write all later data is unaligned. Reads correspond to writes,
 * start at the first byte, and return copies.
 *
 * A method that fails throws and changes nothing except {@link IpcIo.overflow}:
 * - TypeError: the argument is not valid; the parcel can still be used.
 * - LiteIpcError `EMSGSIZE`: the data does not fit; `overflow` is true from then on.
 * - LiteIpcError `EPROTO`: the expected data is not there. `overflow` is true from then on if the
 *   parcel ends too early or no object begins here, and unchanged if the bytes have another form (a
 *   string without its NUL, an object of another type).
 */
import { checkInteger } from '../common/arguments.js';
import { LiteIpcError } from '../common/errors.js';
import { align4, MAX_IO_SIZE, OBJECT_SIZE, ParcelStore } from './store.js';
import * as kinds from './values.js';
import { CONTENT, ObjectType, WritableParcel, type SvcIdentity } from './writable-parcel.js';

/** The constructor of the array for a vector. */
type ArrayOf<Value, Result> = new (length: number) => Result & { [index: number]: Value };

/** A parcel to write and to read. */
export class IpcIo extends WritableParcel {
  /**
   * Creates a parcel for reading. `data` is not copied and must not change until all of it is read.
   * `offsets` are the positions of objects. Throws EMSGSIZE if the data exceeds a parcel.
   */
  static from(data: Uint8Array, offsets: readonly number[] = []): IpcIo {
    const io = new IpcIo();
    io.store = ParcelStore.received(data, offsets);
    return io;
  }

  /** Position of the next read in {@link data}. */
  get position(): number {
    return this.store.position;
  }

  /** Number of unread bytes. */
  get remaining(): number {
    return this.store.used - this.store.position;
  }

  /** 4 bytes, 0 or 1. */
  readBool(): boolean {
    return this.#next(kinds.uint8InWord, 'readBool') !== 0;
  }
  /** 4 bytes, sign-extended. */
  readInt8(): number {
    return this.#next(kinds.int8InWord, 'readInt8');
  }
  /** 4 bytes, sign-extended. */
  readInt16(): number {
    return this.#next(kinds.int16InWord, 'readInt16');
  }
  /** 4 bytes. */
  readInt32(): number {
    return this.#next(kinds.int32, 'readInt32');
  }
  /** 4 bytes, zero-extended. */
  readUint8(): number {
    return this.#next(kinds.uint8InWord, 'readUint8');
  }
  /** 4 bytes, zero-extended. */
  readUint16(): number {
    return this.#next(kinds.uint16InWord, 'readUint16');
  }
  /** 4 bytes. */
  readUint32(): number {
    return this.#next(kinds.uint32, 'readUint32');
  }
  /** 8 bytes. */
  readInt64(): bigint {
    return this.#next(kinds.int64, 'readInt64');
  }
  /** 8 bytes. */
  readUint64(): bigint {
    return this.#next(kinds.uint64, 'readUint64');
  }
  /** 4 bytes. */
  readFloat(): number {
    return this.#next(kinds.float, 'readFloat');
  }
  /** 8 bytes. */
  readDouble(): number {
    return this.#next(kinds.double, 'readDouble');
  }
  /** 1 byte. */
  readBoolUnaligned(): boolean {
    return this.#next(kinds.uint8, 'readBoolUnaligned') !== 0;
  }
  /** 1 byte. */
  readInt8Unaligned(): number {
    return this.#next(kinds.int8, 'readInt8Unaligned');
  }
  /** 1 byte. */
  readUint8Unaligned(): number {
    return this.#next(kinds.uint8, 'readUint8Unaligned');
  }
  /** 2 bytes. */
  readInt16Unaligned(): number {
    return this.#next(kinds.int16, 'readInt16Unaligned');
  }
  /** 2 bytes. */
  readUint16Unaligned(): number {
    return this.#next(kinds.uint16, 'readUint16Unaligned');
  }

  /**
   * Text. Throws EPROTO if it is not UTF-8 or contains a NUL; {@link readStringBytes} accepts any.
   */
  readString(): string {
    return this.#string('readString', (bytes) => {
      const text = kinds.textOf(bytes);
      if (text === undefined) throw malformed('readString', 'the string is not UTF-8 without NUL');
      return text;
    });
  }
  /** The bytes of a string, without the terminating NUL. */
  readStringBytes(): Uint8Array {
    return this.#string('readStringBytes', (bytes) => bytes.slice());
  }
  /** The count, UTF-16 code units and a zero unit; rounded up. */
  readString16(): string {
    return this.#string16('readString16');
  }
  /** Like a string of UTF-16 code units. */
  readInterfaceToken(): string {
    return this.#string16('readInterfaceToken');
  }
  /** Reads `size` bytes, at least 1. A buffer does not contain its size. */
  readBuffer(size: number): Uint8Array {
    checkInteger(size, 'readBuffer', 1, MAX_IO_SIZE);
    const start = this.store.peek('readBuffer', align4(size));
    this.store.position += align4(size);
    return this.store.bytes.slice(start, start + size);
  }
  /** Bytes after their count. Throws EPROTO if the count is not `size`. */
  readRawData(size?: number): Uint8Array {
    if (size !== undefined) checkInteger(size, 'readRawData', 1, MAX_IO_SIZE);
    const { store } = this;
    const start = store.peek('readRawData', 4);
    const length = store.view.getUint32(start, true);
    if (size !== undefined && length !== size) {
      throw malformed('readRawData', `there are ${length} bytes, not ${size}`);
    }
    store.peek('readRawData', 4 + align4(length));
    store.position += 4 + align4(length);
    return store.bytes.slice(start + 4, start + 4 + length);
  }

  /** The count, then 4 bytes for each. */
  readBoolVector(): boolean[] {
    return this.#vector(kinds.int32, Array<number>, 'readBoolVector').map((word) => word !== 0);
  }
  /** The count, then 1 byte for each; not rounded up. */
  readInt8Vector(): Int8Array {
    return this.#vector(kinds.int8, Int8Array, 'readInt8Vector');
  }
  /** The count, then 4 bytes for each. */
  readInt16Vector(): Int16Array {
    return this.#vector(kinds.int16InWord, Int16Array, 'readInt16Vector');
  }
  /** The count, then 4 bytes for each. */
  readInt32Vector(): Int32Array {
    return this.#vector(kinds.int32, Int32Array, 'readInt32Vector');
  }
  /** The count, then 8 bytes for each. */
  readInt64Vector(): BigInt64Array {
    return this.#vector(kinds.int64, BigInt64Array, 'readInt64Vector');
  }
  /** The count, then 1 byte for each; not rounded up. */
  readUInt8Vector(): Uint8Array {
    return this.#vector(kinds.uint8, Uint8Array, 'readUInt8Vector');
  }
  /** The count, then 2 bytes for each; not rounded up. */
  readUInt16Vector(): Uint16Array {
    return this.#vector(kinds.uint16, Uint16Array, 'readUInt16Vector');
  }
  /** The count, then 4 bytes for each. */
  readUInt32Vector(): Uint32Array {
    return this.#vector(kinds.uint32, Uint32Array, 'readUInt32Vector');
  }
  /** The count, then 8 bytes for each. */
  readUInt64Vector(): BigUint64Array {
    return this.#vector(kinds.uint64, BigUint64Array, 'readUInt64Vector');
  }
  /** The count, then 4 bytes for each. */
  readFloatVector(): Float32Array {
    return this.#vector(kinds.float, Float32Array, 'readFloatVector');
  }
  /** The count, then 8 bytes for each. */
  readDoubleVector(): Float64Array {
    return this.#vector(kinds.double, Float64Array, 'readDoubleVector');
  }

  /** A descriptor. The parcel does not know its owner. */
  readFileDescriptor(): number {
    const at = this.#object('readFileDescriptor', ObjectType.FileDescriptor);
    return this.store.view.getUint32(at, true);
  }
  /** 16 bytes, and an offset to them. */
  readRemoteObject(): SvcIdentity {
    const at = this.#object('readRemoteObject', ObjectType.Service);
    const { view } = this.store;
    return {
      handle: view.getInt32(at, true),
      token: view.getUint32(at + 4, true),
      cookie: view.getUint32(at + 8, true),
    };
  }

  #next<Value extends number | bigint>(kind: kinds.NumberKind<Value>, what: string): Value {
    const value = kind.get(this.store.view, this.store.peek(what, kind.size));
    this.store.position += kind.size;
    return value;
  }

  #string<Result>(what: string, convert: (bytes: Uint8Array) => Result): Result {
    const { store } = this;
    const start = store.peek(what, 4) + 4;
    const length = store.view.getUint32(start - 4, true);
    store.peek(what, 4 + align4(length + 1));
    if (store.bytes[start + length] !== 0) throw malformed(what, 'no NUL ends the string');
    const result = convert(store.bytes.subarray(start, start + length));
    store.position += 4 + align4(length + 1);
    return result;
  }

  #string16(what: string): string {
    const { store } = this;
    const start = store.peek(what, 4) + 4;
    const length = store.view.getUint32(start - 4, true);
    const size = 4 + align4((length + 1) * 2);
    store.peek(what, size);
    const units = Array.from({ length: length + 1 }, (_, index) =>
      store.view.getUint16(start + index * 2, true),
    );
    if (units.pop() !== 0) throw malformed(what, 'no zero ends the string');
    store.position += size;
    return String.fromCharCode(...units);
  }

  #vector<Value extends number | bigint, Result>(
    kind: kinds.NumberKind<Value>,
    Type: ArrayOf<Value, Result>,
    what: string,
  ): Result {
    const { store } = this;
    const start = store.peek(what, 4) + 4;
    const count = store.view.getUint32(start - 4, true);
    const size = 4 + count * kind.size;
    store.peek(what, size);
    const result = new Type(count);
    for (let index = 0; index < count; index++) {
      result[index] = kind.get(store.view, start + index * kind.size);
    }
    store.position += size;
    return result;
  }

  /** Returns the position of the content of the next object, which must have this type. */
  #object(what: string, type: number): number {
    const { store } = this;
    store.checkUsable(what);
    if (store.offsets[store.objectsRead] !== store.position) {
      const text = `no object begins at ${store.position}; read what was written, in the same order`;
      throw store.overflowed('EPROTO', what, text);
    }
    const start = store.peek(what, OBJECT_SIZE);
    const found = store.view.getUint32(start, true);
    if (found !== type) throw malformed(what, `the object is of type ${found}, not ${type}`);
    store.position += OBJECT_SIZE;
    store.objectsRead += 1;
    return start + CONTENT;
  }
}

/** Returns the error for data that exists but is not valid. */
function malformed(what: string, text: string): LiteIpcError {
  return new LiteIpcError('EPROTO', `IpcIo.${what}: ${text} (EPROTO)`);
}
