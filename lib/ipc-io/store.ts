/**
 * Manages the memory of a parcel: its data, the offsets of its objects, the position of the next
 * read and the overflow flag. It knows sizes but not types.
 */
import { checkInteger, checkObject, unexpected } from '../common/arguments.js';
import { LiteIpcError } from '../common/errors.js';

/** Maximum size of a parcel in bytes, data and table of offsets together. */
export const MAX_IO_SIZE = 8192;
/** Maximum number of objects in a parcel. */
export const MAX_OBJ_NUM = 32;
/** Size of an object in bytes (SpecialObj of ILP32). */
export const OBJECT_SIZE = 16;
/** Size of an entry of the table of offsets in bytes. */
const OFFSET_SIZE = 4;
/** Initial size of the memory in bytes. The memory grows with the parcel. */
const FIRST_CAPACITY = 256;
const nothing = new Uint8Array(0);

/** Limits of a parcel. */
export interface IpcIoOptions {
  /** Maximum size of data and table of offsets in bytes, 1 to 8192. The default is 8192. */
  readonly size?: number;
  /**
   * Maximum number of objects, 0 to 32. If present, `size` reserves 4 bytes for each object, as
   * `IpcIoInit` does. Otherwise 32 objects are allowed, and each takes its 4 bytes when it is
   * written.
   */
  readonly maxObjects?: number;
}

/** Rounds a size up to the alignment of parcels. */
export function align4(size: number): number {
  return Math.ceil(size / 4) * 4;
}

/**
 * The memory of one parcel. The parameter `what` is always the name of the operation for messages.
 */
export class ParcelStore {
  /** The first {@link used} bytes are written; the others are zero. */
  bytes: Uint8Array;
  view: DataView;
  used = 0;
  /** Position of the next read. */
  position = 0;
  readonly offsets: number[] = [];
  /** Number of objects that were read. */
  objectsRead = 0;

  readonly #size: number;
  readonly #maxObjects: number;
  readonly #reserved: number;
  readonly #isReceived: boolean;
  #overflow: LiteIpcError | undefined;

  private constructor(
    bytes: Uint8Array,
    size: number,
    maxObjects: number | undefined,
    isReceived: boolean,
  ) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#size = size;
    this.#maxObjects = maxObjects ?? MAX_OBJ_NUM;
    this.#reserved = maxObjects ?? 0;
    this.#isReceived = isReceived;
  }

  /** Creates an empty parcel. Throws a TypeError for invalid options. */
  static empty(options: IpcIoOptions): ParcelStore {
    checkObject(options, 'the options of IpcIo');
    const { size = MAX_IO_SIZE, maxObjects } = options;
    checkInteger(size, 'size of IpcIo', 1, MAX_IO_SIZE);
    if (maxObjects !== undefined) {
      checkInteger(maxObjects, 'maxObjects of IpcIo', 0, MAX_OBJ_NUM);
      const most = Math.floor(size / OFFSET_SIZE);
      if (maxObjects > most) {
        throw unexpected(`at most ${most}, as 4 * maxObjects <= size,`, 'maxObjects', maxObjects);
      }
    }
    return new ParcelStore(nothing, size, maxObjects, false);
  }

  /** Creates a parcel from received data without copying it. */
  static received(data: Uint8Array, offsets: readonly number[]): ParcelStore {
    if (!(data instanceof Uint8Array)) throw unexpected('a Uint8Array', 'the data of IpcIo', data);
    if (!Array.isArray(offsets)) throw unexpected('an array', 'the offsets of IpcIo', offsets);
    if (data.length > MAX_IO_SIZE || offsets.length > MAX_OBJ_NUM) {
      const text =
        `${data.length} bytes with ${offsets.length} objects exceed a parcel, which has at most ` +
        `${MAX_IO_SIZE} bytes and ${MAX_OBJ_NUM} objects (EMSGSIZE)`;
      throw new LiteIpcError('EMSGSIZE', text);
    }
    // A plain view, because the `slice` of a Buffer does not copy.
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length);
    const store = new ParcelStore(bytes, data.length, offsets.length, true);
    for (const offset of offsets) {
      checkInteger(offset, 'an offset of IpcIo', 0, 0xffff_ffff);
      store.offsets.push(offset);
    }
    store.used = data.length;
    return store;
  }

  /** True after an operation that exceeded the parcel. No further operation succeeds then. */
  get overflow(): boolean {
    return this.#overflow !== undefined;
  }

  /** Throws if the parcel has overflowed. */
  checkUsable(what: string): void {
    if (this.#overflow === undefined) return;
    const { code, message } = this.#overflow;
    const text = `IpcIo.${what}: this parcel can no longer be used: ${message}`;
    throw new LiteIpcError(code, text, { cause: this.#overflow });
  }

  /** Returns the error of an operation that exceeds the parcel. Sets {@link overflow}. */
  overflowed(code: 'EMSGSIZE' | 'EPROTO', what: string, text: string): LiteIpcError {
    this.#overflow ??= new LiteIpcError(code, `IpcIo.${what}: ${text} (${code})`);
    return this.#overflow;
  }

  /** Returns true if this number of bytes and objects fits. */
  fits(size: number, objects: number): boolean {
    const count = this.offsets.length + objects;
    const table = OFFSET_SIZE * Math.max(this.#reserved, count);
    return count <= this.#maxObjects && this.used + size + table <= this.#size;
  }

  /** Throws if the parcel cannot be written. */
  checkWritable(what: string): void {
    this.checkUsable(what);
    if (!this.#isReceived) return;
    const text = `IpcIo.${what}: a received parcel is read-only; write to a new IpcIo() (EINVAL)`;
    throw new LiteIpcError('EINVAL', text);
  }

  /** Throws unless this number of bytes and objects fits. Then {@link overflow} is set. */
  checkRoom(what: string, size: number, objects = 0): void {
    this.checkWritable(what);
    if (this.fits(size, objects)) return;
    throw this.overflowed('EMSGSIZE', what, this.roomText(size, objects));
  }

  /** Returns the reason why {@link fits} returned false. */
  roomText(size: number, objects: number): string {
    if (this.offsets.length + objects > this.#maxObjects) {
      return `no room for object ${this.offsets.length + objects}: the parcel takes ${this.#maxObjects}`;
    }
    const table = OFFSET_SIZE * Math.max(this.#reserved, this.offsets.length + objects);
    const left = Math.max(this.#size - table - this.used, 0);
    const remedy =
      this.#size < MAX_IO_SIZE ? `open it with a size up to ${MAX_IO_SIZE}` : 'send it in parts';
    return `no room for ${size} bytes, ${left} of ${this.#size} are left; ${remedy}`;
  }

  /**
   * Extends the data by `size` zero bytes. Returns their position. The caller has checked that they
   * fit.
   */
  extend(size: number): number {
    const start = this.used;
    this.used += size;
    if (this.used > this.bytes.length) {
      const wanted = Math.max(FIRST_CAPACITY, this.bytes.length * 2, this.used);
      const larger = new Uint8Array(Math.min(wanted, this.#size));
      larger.set(this.bytes);
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    return start;
  }

  /** Returns the position of the next `size` bytes to read, without advancing. */
  peek(what: string, size: number): number {
    this.checkUsable(what);
    const left = this.used - this.position;
    if (size <= left) return this.position;
    const text =
      `needs ${size} bytes at ${this.position}, the parcel has ${left} more; ` +
      'read what was written, in the same order';
    throw this.overflowed('EPROTO', what, text);
  }
}
