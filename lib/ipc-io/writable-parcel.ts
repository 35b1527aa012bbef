/** Implements the writing operations of a parcel; see ipc-io.ts for the rules. */
import { checkObject, unexpected } from '../common/arguments.js';
import { LiteIpcError } from '../common/errors.js';
import {
  align4,
  MAX_IO_SIZE,
  MAX_OBJ_NUM,
  OBJECT_SIZE,
  ParcelStore,
  type IpcIoOptions,
} from './store.js';
import * as kinds from './values.js';

/** A service as an object of a parcel: a `SvcIdentity` of the kernel. */
export interface SvcIdentity {
  /** Task ID of the service. -1 with token 1 is the sending task: the driver replaces it. */
  readonly handle: number;
  readonly token: number;
  readonly cookie: number;
}

/** ObjType of the kernel. */
export const ObjectType = { FileDescriptor: 0, Service: 2 } as const;
/** Offset of the content in an object, in bytes. */
export const CONTENT = 4;

/**
 * Maximum size of a string in bytes, and of a UTF-16 string in code units, without the terminator.
 */
const STRING_MAX = MAX_IO_SIZE - 1;
const STRING16_MAX = MAX_IO_SIZE / 2 - 1;

/** A parcel to write. */
export class WritableParcel {
  /** Maximum size of data and table of offsets, in bytes. */
  static readonly MAX_IO_SIZE = MAX_IO_SIZE;
  /** Maximum number of objects. */
  static readonly MAX_OBJ_NUM = MAX_OBJ_NUM;

  /** @internal */
  protected store: ParcelStore;

  /** Creates an empty parcel, whose memory grows when it is written. */
  constructor(options: IpcIoOptions = {}) {
    this.store = ParcelStore.empty(options);
  }

  /** The bytes written so far. A view that later writes may make obsolete. */
  get data(): Uint8Array {
    return this.store.bytes.subarray(0, this.store.used);
  }

  /** Offsets of its objects in {@link data}, in ascending order. */
  get offsets(): readonly number[] {
    return [...this.store.offsets];
  }

  /** True after an operation that exceeded the parcel. No further operation succeeds then. */
  get overflow(): boolean {
    return this.store.overflow;
  }

  /**
   * Appends the content of another parcel, rounded up to 4 bytes, and adjusts the offsets of its
   * objects. Throws EMSGSIZE if it does not fit. Then {@link overflow} is set only if even the
   * padding does not fit.
   */
  append(other: WritableParcel): this {
    if (!(other instanceof WritableParcel)) throw unexpected('an IpcIo', 'append', other);
    const store = this.store;
    const source = other.store;
    source.checkUsable('append');
    const { used: size } = source;
    const data = source.bytes.slice(0, size);
    const offsets = [...source.offsets];
    store.checkWritable('append');
    if (!store.fits(size, offsets.length)) {
      const text = `IpcIo.append: ${store.roomText(size, offsets.length)} (EMSGSIZE)`;
      throw new LiteIpcError('EMSGSIZE', text);
    }
    const start = this.#room('append', align4(size), offsets.length);
    store.bytes.set(data, start);
    for (const offset of offsets) store.offsets.push(start + offset);
    return this;
  }

  /** 4 bytes, 0 or 1. */
  writeBool(value: boolean): this {
    return this.#number(kinds.int32, kinds.checkBool(value, 'writeBool'), 'writeBool');
  }
  /** 4 bytes, sign-extended. */
  writeInt8(value: number): this {
    return this.#number(kinds.int8InWord, value, 'writeInt8');
  }
  /** 4 bytes, sign-extended. */
  writeInt16(value: number): this {
    return this.#number(kinds.int16InWord, value, 'writeInt16');
  }
  /** 4 bytes. */
  writeInt32(value: number): this {
    return this.#number(kinds.int32, value, 'writeInt32');
  }
  /** 4 bytes, zero-extended. */
  writeUint8(value: number): this {
    return this.#number(kinds.uint8InWord, value, 'writeUint8');
  }
  /** 4 bytes, zero-extended. */
  writeUint16(value: number): this {
    return this.#number(kinds.uint16InWord, value, 'writeUint16');
  }
  /** 4 bytes. */
  writeUint32(value: number): this {
    return this.#number(kinds.uint32, value, 'writeUint32');
  }
  /** 8 bytes. */
  writeInt64(value: bigint): this {
    return this.#number(kinds.int64, value, 'writeInt64');
  }
  /** 8 bytes. */
  writeUint64(value: bigint): this {
    return this.#number(kinds.uint64, value, 'writeUint64');
  }
  /** 4 bytes. */
  writeFloat(value: number): this {
    return this.#number(kinds.float, value, 'writeFloat');
  }
  /** 8 bytes. */
  writeDouble(value: number): this {
    return this.#number(kinds.double, value, 'writeDouble');
  }
  /** 1 byte. After this and the next four methods the position is not aligned. */
  writeBoolUnaligned(value: boolean): this {
    const bit = kinds.checkBool(value, 'writeBoolUnaligned');
    return this.#number(kinds.uint8, bit, 'writeBoolUnaligned');
  }
  /** 1 byte. */
  writeInt8Unaligned(value: number): this {
    return this.#number(kinds.int8, value, 'writeInt8Unaligned');
  }
  /** 1 byte. */
  writeUint8Unaligned(value: number): this {
    return this.#number(kinds.uint8, value, 'writeUint8Unaligned');
  }
  /** 2 bytes. */
  writeInt16Unaligned(value: number): this {
    return this.#number(kinds.int16, value, 'writeInt16Unaligned');
  }
  /** 2 bytes. */
  writeUint16Unaligned(value: number): this {
    return this.#number(kinds.uint16, value, 'writeUint16Unaligned');
  }

  /**
   * Text as UTF-8, or bytes without conversion, without NUL; at most 8191 bytes. A NUL is appended.
   */
  writeString(value: string | Uint8Array): this {
    const text = kinds.checkText(value, 'writeString');
    this.#checkLength('writeString', text.length, STRING_MAX, 'bytes');
    const start = this.#room('writeString', 4 + align4(text.length + 1));
    this.store.view.setUint32(start, text.length, true);
    this.store.bytes.set(text, start + 4);
    return this;
  }
  /** Text as UTF-16, 1 to 4095 code units. */
  writeString16(value: string): this {
    return this.#string16(value, 'writeString16');
  }
  /** The name of an interface; like {@link writeString16}. */
  writeInterfaceToken(name: string): this {
    return this.#string16(name, 'writeInterfaceToken');
  }
  /** Bytes without their count, at least 1. */
  writeBuffer(bytes: Uint8Array): this {
    return this.#bytes(bytes, 0, 'writeBuffer');
  }
  /** Bytes after their count, at least 1. */
  writeRawData(bytes: Uint8Array): this {
    return this.#bytes(bytes, 4, 'writeRawData');
  }

  /** The count, then 4 bytes for each. */
  writeBoolVector(values: ArrayLike<boolean>): this {
    const kind = { ...kinds.int32, check: kinds.checkBool };
    return this.#vector(kind, values, 'writeBoolVector');
  }
  /** The count, then 1 byte for each; not rounded up. */
  writeInt8Vector(values: ArrayLike<number>): this {
    return this.#vector(kinds.int8, values, 'writeInt8Vector');
  }
  /** The count, then 4 bytes for each. */
  writeInt16Vector(values: ArrayLike<number>): this {
    return this.#vector(kinds.int16InWord, values, 'writeInt16Vector');
  }
  /** The count, then 4 bytes for each. */
  writeInt32Vector(values: ArrayLike<number>): this {
    return this.#vector(kinds.int32, values, 'writeInt32Vector');
  }
  /** The count, then 8 bytes for each. */
  writeInt64Vector(values: ArrayLike<bigint>): this {
    return this.#vector(kinds.int64, values, 'writeInt64Vector');
  }
  /** The count, then 1 byte for each; not rounded up. */
  writeUInt8Vector(values: ArrayLike<number>): this {
    return this.#vector(kinds.uint8, values, 'writeUInt8Vector');
  }
  /** The count, then 2 bytes for each; not rounded up. */
  writeUInt16Vector(values: ArrayLike<number>): this {
    return this.#vector(kinds.uint16, values, 'writeUInt16Vector');
  }
  /** The count, then 4 bytes for each. */
  writeUInt32Vector(values: ArrayLike<number>): this {
    return this.#vector(kinds.uint32, values, 'writeUInt32Vector');
  }
  /** The count, then 8 bytes for each. */
  writeUInt64Vector(values: ArrayLike<bigint>): this {
    return this.#vector(kinds.uint64, values, 'writeUInt64Vector');
  }
  /** The count, then 4 bytes for each. */
  writeFloatVector(values: ArrayLike<number>): this {
    return this.#vector(kinds.float, values, 'writeFloatVector');
  }
  /** The count, then 8 bytes for each. */
  writeDoubleVector(values: ArrayLike<number>): this {
    return this.#vector(kinds.double, values, 'writeDoubleVector');
  }

  /** A descriptor of the sending process, which the parcel does not own. */
  writeFileDescriptor(descriptor: number): this {
    kinds.uint32.check(descriptor, 'writeFileDescriptor');
    return this.#object('writeFileDescriptor', ObjectType.FileDescriptor, [descriptor]);
  }
  /** 16 bytes, and an offset to them. */
  writeRemoteObject(service: SvcIdentity): this {
    checkObject(service, 'writeRemoteObject');
    const handle = kinds.int32.check(service.handle, 'handle of writeRemoteObject');
    const token = kinds.uint32.check(service.token, 'token of writeRemoteObject');
    const cookie = kinds.uint32.check(service.cookie, 'cookie of writeRemoteObject');
    return this.#object('writeRemoteObject', ObjectType.Service, [handle, token, cookie]);
  }

  #room(what: string, size: number, objects = 0): number {
    this.store.checkRoom(what, size, objects);
    return this.store.extend(size);
  }

  #number<Value extends number | bigint>(
    kind: kinds.NumberKind<Value>,
    value: Value,
    what: string,
  ): this {
    kind.check(value, what);
    const start = this.#room(what, kind.size);
    kind.set(this.store.view, start, value);
    return this;
  }

  #checkLength(what: string, length: number, maximum: number, unit: string): void {
    this.store.checkWritable(what);
    if (length <= maximum) return;
    const text = `${length} ${unit} are too many, the maximum is ${maximum}; send it in parts`;
    throw this.store.overflowed('EMSGSIZE', what, text);
  }

  #string16(value: string, what: string): this {
    if (typeof value !== 'string') throw unexpected('a string', what, value);
    if (value === '') throw unexpected('text of at least one character', what, value);
    this.#checkLength(what, value.length, STRING16_MAX, 'code units');
    const start = this.#room(what, 4 + align4((value.length + 1) * 2));
    const { view } = this.store;
    view.setUint32(start, value.length, true);
    for (let index = 0; index < value.length; index++) {
      view.setUint16(start + 4 + index * 2, value.charCodeAt(index), true);
    }
    return this;
  }

  #bytes(bytes: Uint8Array, header: 0 | 4, what: string): this {
    if (!(bytes instanceof Uint8Array)) throw unexpected('a Uint8Array', what, bytes);
    const { length } = bytes;
    if (length === 0) throw unexpected('at least one byte', what, bytes);
    const start = this.#room(what, header + align4(length));
    if (header !== 0) this.store.view.setUint32(start, length, true);
    this.store.bytes.set(bytes, start + header);
    return this;
  }

  #vector<Value extends number | bigint>(
    kind: kinds.NumberKind<Value>,
    values: ArrayLike<unknown>,
    what: string,
  ): this {
    const count = checkCount(values, what);
    const size = 4 + count * kind.size;
    this.store.checkRoom(what, size);
    // Read once: a getter may return another value the second time, or write to the parcel.
    const checked = Array.from({ length: count }, (_, index) =>
      kind.check(values[index], `element ${index} of ${what}`),
    );
    const start = this.#room(what, size);
    const { view } = this.store;
    view.setUint32(start, count, true);
    checked.forEach((value, index) => kind.set(view, start + 4 + index * kind.size, value));
    return this;
  }

  #object(what: string, type: number, words: readonly number[]): this {
    const start = this.#room(what, OBJECT_SIZE, 1);
    const { view } = this.store;
    view.setUint32(start, type, true);
    words.forEach((word, index) => view.setUint32(start + CONTENT + index * 4, word, true));
    this.store.offsets.push(start);
    return this;
  }
}

/** Returns the number of elements of an array or typed array; at least 1. */
function checkCount(values: unknown, what: string): number {
  const length =
    Array.isArray(values) || ArrayBuffer.isView(values)
      ? (values as { readonly length?: unknown }).length
      : undefined;
  if (typeof length !== 'number') throw unexpected('an array or typed array', what, values);
  if (length === 0) throw unexpected('at least one element', what, values);
  return length;
}
