/** Parcels as inputs and outputs of methods: written and read by hand instead of encoded. */
import { checkFunction, checkObject } from '../common/arguments.js';
import { LiteIpcError } from '../common/errors.js';
import { IpcIo } from './ipc-io.js';

/**
 * How a value lies in a parcel. `Written` is what the sender gives, `Read` what the receiver gets;
 * usually the same. Both functions are synchronous and may throw: the call fails with EINVAL or
 * EPROTO then.
 */
export interface ParcelFormat<Written, Read = Written> {
  /** Writes a value into an empty parcel. */
  readonly write: (io: IpcIo, value: Written) => void;
  /** Reads the value from a received parcel. */
  readonly read: (io: IpcIo) => Read;
}

/** A format of whatever, as the running code has it. */
export type AnyParcelFormat = ParcelFormat<never, unknown>;

/**
 * For `input` and `output` of a method whose messages are to be parcels, so that a C program can
 * serve or call it:
 *
 * ```ts
 * const point = parcel<Point>({
 *   write: (io, { x, y }) => io.writeInt32(x).writeInt32(y),
 *   read: (io) => ({ x: io.readInt32(), y: io.readInt32() }),
 * });
 * const Canvas = defineService('canvas', { move: method({ input: point, output: point }) });
 * ```
 */
export function parcel<Written, Read = Written>(
  format: ParcelFormat<Written, Read>,
): ParcelFormat<Written, Read> {
  checkObject(format, 'the format of parcel()');
  const { write, read } = format;
  checkFunction(write, 'write of parcel()');
  checkFunction(read, 'read of parcel()');
  return Object.freeze({ write, read });
}

/** Whether something that stands where a validator may stand is a format. */
export function isParcelFormat(value: unknown): value is AnyParcelFormat {
  if (typeof value !== 'object' || value === null || '~standard' in value) return false;
  const { write, read } = value as Partial<AnyParcelFormat>;
  return typeof write === 'function' && typeof read === 'function';
}

/**
 * The bytes of a value. Throws a LiteIpcError: EMSGSIZE for more than fits, EINVAL for all else.
 */
export function writeParcel(format: AnyParcelFormat, value: unknown): Uint8Array {
  const io = new IpcIo();
  try {
    const write: (io: IpcIo, value: never) => unknown = format.write;
    refusePromise(write(io, value as never), 'write');
    refuseOverflow(io);
  } catch (error) {
    const code = error instanceof LiteIpcError && error.code === 'EMSGSIZE' ? 'EMSGSIZE' : 'EINVAL';
    throw new LiteIpcError(code, `the parcel was not written: ${textOf(error)}`, { cause: error });
  }
  if (io.offsets.length > 0) {
    const text =
      'the parcel has objects (descriptors, services), which calls cannot carry; ' +
      'send it through the C device interface';
    throw new LiteIpcError('EINVAL', text);
  }
  return io.data;
}

/** The value of bytes that came. `data` must be the value's own. Throws a LiteIpcError (EPROTO). */
export function readParcel(format: AnyParcelFormat, data: Uint8Array): unknown {
  try {
    const io = IpcIo.from(data);
    const value = format.read(io);
    refusePromise(value, 'read');
    refuseOverflow(io);
    return value;
  } catch (error) {
    throw new LiteIpcError('EPROTO', `the parcel is not readable: ${textOf(error)}`, {
      cause: error,
    });
  }
}

function refusePromise(value: unknown, what: string): void {
  if (!(value instanceof Promise)) return;
  // It may reject: nobody else would hear of it.
  value.catch(() => undefined);
  throw new TypeError(`Expected ${what} of parcel() to be synchronous, it returned a promise`);
}

/** Of an overflow that the format has caught this tells again. */
function refuseOverflow(io: IpcIo): void {
  if (io.overflow) throw new LiteIpcError('EMSGSIZE', 'it overflowed');
}

/** Without the code at its end: the call's error ends with its own. */
function textOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/ \(E[A-Z]+\)$/, '');
}
