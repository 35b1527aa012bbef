/**
 * `IpcIo`: the parcel of OpenHarmony's small system, byte for byte as its 32-bit reference (ILP32,
 * little-endian) has it. What each method writes is said in docs/ipc-io.md.
 *
 * A write rounds its size up to 4 unless it says otherwise; where it begins is never rounded, so
 * after an unaligned write everything lies where that ended. Reads mirror writes and begin at the
 * first byte; what they return is copied.
 *
 * A method that fails throws and changes nothing but {@link IpcIo.overflow}:
 * - TypeError: the argument is not what the method takes; the parcel can still be used
 * - LiteIpcError `EMSGSIZE`: it does not fit; `overflow` is true from now on
 * - LiteIpcError `EPROTO`: it is not there; `overflow` is true if the parcel ends too early or no
 *   object begins here, and stays as it was if the bytes are something else (a string without its
 *   NUL, an object of another type)
 */
import { checkInteger } from '../common/arguments.js';
import { LiteIpcError } from '../common/errors.js';
import { align4, MAX_IO_SIZE, OBJECT_SIZE, ParcelStore } from './store.js';
import * as kinds from './values.js';
import type { NumberKind } from './values.js';
import { CONTENT, ObjectType, WritableParcel, type SvcIdentity } from './writable-parcel.js';

/** Makes the array that a vector is read into. */
type ArrayOf<Value, Result> = new (length: number) => Result & { [index: number]: Value };

/** A parcel, to write and to read. */
export class IpcIo extends WritableParcel {
  /**
   * A parcel to be read. `data` is not copied: it must not change until all is read. `offsets`
   * tells where objects begin. Throws EMSGSIZE for more than a parcel holds.
   */
  static from(data: Uint8Array, offsets: readonly number[] = []): IpcIo {
    const io = new IpcIo();
    io.store = ParcelStore.received(data, offsets);
    return io;
  }

  /** Where in {@link data} the next read begins. */
  get position(): number {
    return this.store.position;
  }

  /** Number of bytes that were not read yet. */
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

  /** Text; EPROTO if it is not UTF-8 or has a NUL in it: {@link readStringBytes} takes any. */
  readString(): string {
    return this.#string('readString', (bytes) => {
      const text = kinds.textOf(bytes);
      if (text === undefined) throw malformed('readString', 'the string is not UTF-8 without NUL');
      return text;
    });
  }
  /** The bytes of a string, without the NUL that ends it. */
  readStringBytes(): Uint8Array {
    return this.#string('readStringBytes', (bytes) => bytes.slice());
  }
  /** Their number, UTF-16 code units, a zero unit; rounded up. */
  readString16(): string {
    return this.#string16('readString16');
  }
  /** As a string of UTF-16 code units. */
  readInterfaceToken(): string {
    return this.#string16('readInterfaceToken');
  }
  /** `size` bytes, at least 1: a buffer does not say how many it has. */
  readBuffer(size: number): Uint8Array {
    checkInteger(size, 'readBuffer', 1, MAX_IO_SIZE);
    const start = this.store.peek('readBuffer', align4(size));
    this.store.position += align4(size);
    return this.store.bytes.slice(start, start + size);
  }
  /** Bytes that say how many they are; EPROTO if that is not `size`, when given. */
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

  /** Their number, then 4 bytes for each. */
  readBoolVector(): boolean[] {
    return this.#vector(kinds.int32, Array<number>, 'readBoolVector').map((word) => word !== 0);
  }
  /** Their number, then 1 byte for each; not rounded up. */
  readInt8Vector(): Int8Array {
    return this.#vector(kinds.int8, Int8Array, 'readInt8Vector');
  }
  /** Their number, then 4 bytes for each. */
  readInt16Vector(): Int16Array {
    return this.#vector(kinds.int16InWord, Int16Array, 'readInt16Vector');
  }
  /** Their number, then 4 bytes for each. */
  readInt32Vector(): Int32Array {
    return this.#vector(kinds.int32, Int32Array, 'readInt32Vector');
  }
  /** Their number, then 8 bytes for each. */
  readInt64Vector(): BigInt64Array {
    return this.#vector(kinds.int64, BigInt64Array, 'readInt64Vector');
  }
  /** Their number, then 1 byte for each; not rounded up. */
  readUInt8Vector(): Uint8Array {
    return this.#vector(kinds.uint8, Uint8Array, 'readUInt8Vector');
  }
  /** Their number, then 2 bytes for each; not rounded up. */
  readUInt16Vector(): Uint16Array {
    return this.#vector(kinds.uint16, Uint16Array, 'readUInt16Vector');
  }
  /** Their number, then 4 bytes for each. */
  readUInt32Vector(): Uint32Array {
    return this.#vector(kinds.uint32, Uint32Array, 'readUInt32Vector');
  }
  /** Their number, then 8 bytes for each. */
  readUInt64Vector(): BigUint64Array {
    return this.#vector(kinds.uint64, BigUint64Array, 'readUInt64Vector');
  }
  /** Their number, then 4 bytes for each. */
  readFloatVector(): Float32Array {
    return this.#vector(kinds.float, Float32Array, 'readFloatVector');
  }
  /** Their number, then 8 bytes for each. */
  readDoubleVector(): Float64Array {
    return this.#vector(kinds.double, Float64Array, 'readDoubleVector');
  }

  /** A descriptor. Whose it is, the parcel does not know. */
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

  #next<Value extends number | bigint>(kind: NumberKind<Value>, what: string): Value {
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
    kind: NumberKind<Value>,
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

  /** Where the content of the next object lies, which is of this type. */
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

/** What was read is there, but is not what it should be. */
function malformed(what: string, text: string): LiteIpcError {
  return new LiteIpcError('EPROTO', `IpcIo.${what}: ${text} (EPROTO)`);
}
