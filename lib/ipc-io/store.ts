/**
 * The memory of a parcel: its data, the offsets of the objects in it, the place of the next read
 * and the overflow flag. It knows sizes and room, not types.
 */
import { checkInteger, checkObject, unexpected } from '../common/arguments.js';
import { LiteIpcError } from '../common/errors.js';

/** Most bytes of a parcel, data and table of offsets together. */
export const MAX_IO_SIZE = 8192;
/** Most objects in a parcel. */
export const MAX_OBJ_NUM = 32;
/** Bytes of an object (SpecialObj of ILP32). */
export const OBJECT_SIZE = 16;
/** Bytes of an entry in the table of offsets. */
const OFFSET_SIZE = 4;
/** First size of a parcel's memory, which grows as it is written. */
const FIRST_CAPACITY = 256;
const nothing = new Uint8Array(0);

/** How large a parcel may become. */
export interface IpcIoOptions {
  /** Bytes for data and table of offsets together, 1 to 8192 (the default). */
  readonly size?: number;
  /**
   * Most objects, 0 to 32. When given, 4 bytes of `size` are set aside for each, as `IpcIoInit`
   * does; else there may be 32, and each takes its 4 bytes when it is written.
   */
  readonly maxObjects?: number;
}

/** A size rounded up to the parcel's alignment. */
export function align4(size: number): number {
  return Math.ceil(size / 4) * 4;
}

/** Memory of one parcel. `what`, everywhere: the operation, for messages. */
export class ParcelStore {
  /** The written bytes are the first {@link used} of these, the others are zero. */
  bytes: Uint8Array;
  view: DataView;
  used = 0;
  /** Where the next read begins. */
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

  /** An empty parcel. Throws a TypeError for options that are none. */
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

  /** A parcel that came from somewhere; keeps `data` itself. */
  static received(data: Uint8Array, offsets: readonly number[]): ParcelStore {
    if (!(data instanceof Uint8Array)) throw unexpected('a Uint8Array', 'the data of IpcIo', data);
    if (!Array.isArray(offsets)) throw unexpected('an array', 'the offsets of IpcIo', offsets);
    if (data.length > MAX_IO_SIZE || offsets.length > MAX_OBJ_NUM) {
      const text =
        `${data.length} bytes with ${offsets.length} objects are no parcel: it has at most ` +
        `${MAX_IO_SIZE} bytes and ${MAX_OBJ_NUM} objects (EMSGSIZE)`;
      throw new LiteIpcError('EMSGSIZE', text);
    }
    // A plain view: the `slice` of a Buffer would not copy.
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length);
    const store = new ParcelStore(bytes, data.length, offsets.length, true);
    for (const offset of offsets) {
      checkInteger(offset, 'an offset of IpcIo', 0, 0xffff_ffff);
      store.offsets.push(offset);
    }
    store.used = data.length;
    return store;
  }

  /** Whether something did not fit or was not there: then nothing more is written or read. */
  get overflow(): boolean {
    return this.#overflow !== undefined;
  }

  /** Throws if the parcel has overflowed before. */
  checkUsable(what: string): void {
    if (this.#overflow === undefined) return;
    const { code, message } = this.#overflow;
    const text = `IpcIo.${what}: this parcel is of no more use: ${message}`;
    throw new LiteIpcError(code, text, { cause: this.#overflow });
  }

  /**
   * The error of an operation that needs more than there is; from now on {@link overflow} is true.
   */
  overflowed(code: 'EMSGSIZE' | 'EPROTO', what: string, text: string): LiteIpcError {
    this.#overflow ??= new LiteIpcError(code, `IpcIo.${what}: ${text} (${code})`);
    return this.#overflow;
  }

  /** Whether so many more bytes and objects fit. */
  fits(size: number, objects: number): boolean {
    const count = this.offsets.length + objects;
    const table = OFFSET_SIZE * Math.max(this.#reserved, count);
    return count <= this.#maxObjects && this.used + size + table <= this.#size;
  }

  /** Throws if the parcel cannot be written at all. */
  checkWritable(what: string): void {
    this.checkUsable(what);
    if (!this.#isReceived) return;
    const text = `IpcIo.${what}: a received parcel is only read; write to a new IpcIo() (EINVAL)`;
    throw new LiteIpcError('EINVAL', text);
  }

  /** Throws unless so many more bytes and objects fit; {@link overflow} is true if they do not. */
  checkRoom(what: string, size: number, objects = 0): void {
    this.checkWritable(what);
    if (this.fits(size, objects)) return;
    throw this.overflowed('EMSGSIZE', what, this.roomText(size, objects));
  }

  /** Why {@link fits} said no. */
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

  /** Where the next `size` bytes go, which are zero. Their room has been checked. */
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

  /** Where the next `size` bytes lie that are to be read; {@link position} stays. */
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
