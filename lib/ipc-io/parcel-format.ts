/** Defines parcels as inputs and outputs of methods. The program writes and reads them itself. */
import { checkFunction, checkObject } from '../common/arguments.js';
import { LiteIpcError } from '../common/errors.js';
import { IpcIo } from './ipc-io.js';

/**
 * Describes how a value is stored in a parcel. The sender passes `Written`, the receiver gets
 * `Read`; they are usually the same type. Both functions must be synchronous. If one throws, the
 * call fails with EINVAL or EPROTO.
 */
export interface ParcelFormat<Written, Read = Written> {
  /** Writes a value into an empty parcel. */
  readonly write: (io: IpcIo, value: Written) => void;
  /** Reads the value from a received parcel. */
  readonly read: (io: IpcIo) => Read;
}

/** A format of unknown types, for use at run time. */
export type AnyParcelFormat = ParcelFormat<never, unknown>;

/**
 * Creates a format for `input` and `output` of a method whose messages are parcels, so that a C
 * program can serve or call it:
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

/** Returns true if the value is a format rather than a validator. */
export function isParcelFormat(value: unknown): value is AnyParcelFormat {
  if (typeof value !== 'object' || value === null || '~standard' in value) return false;
  const { write, read } = value as Partial<AnyParcelFormat>;
  return typeof write === 'function' && typeof read === 'function';
}

/**
 * Returns the bytes of a value. Throws a LiteIpcError: EMSGSIZE if it does not fit, else EINVAL.
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

/** Returns the value of received bytes, which it may own. Throws a LiteIpcError (EPROTO). */
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
  // Its rejection would be unhandled.
  value.catch(() => undefined);
  throw new TypeError(`Expected ${what} of parcel() to be synchronous, it returned a promise`);
}

/** Throws again if the format has caught the error of an overflow. */
function refuseOverflow(io: IpcIo): void {
  if (io.overflow) throw new LiteIpcError('EMSGSIZE', 'it overflowed');
}

/** Returns the message without the code at its end, because the error of the call has its own. */
function textOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/ \(E[A-Z]+\)$/, '');
}
