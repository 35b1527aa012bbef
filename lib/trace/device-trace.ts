/** The trace of a device through all its connections. */
import type { NativeDevice } from '../../types/native.js';
import { checkInteger, checkObject } from '../common/arguments.js';
import { LiteIpcError } from '../common/errors.js';
import { TraceShare, type TraceReader } from './share.js';
import { decodeTrace, type Trace, type TraceRecord } from './record.js';

/** Records that a trace holds unless said otherwise: 1.3 MB. */
const RECORDS_DEFAULT = 16_384;
/** LITEIPC_TRACE_RECORDS_MAX. */
const RECORDS_MAX = 262_144;

/** What `Device.startTrace` takes. */
export interface TraceOptions {
  /**
   * How many records are kept until they are read, 1 to 262,144, rounded up to a power of two; the
   * oldest give way. Each takes 80 bytes. Default: 16,384.
   */
  readonly records?: number;
}

function already(what: string): LiteIpcError {
  return new LiteIpcError('EALREADY', `The trace of this device is ${what} already (EALREADY)`);
}

function notStarted(error: unknown): LiteIpcError {
  const code = String((error as { code?: unknown } | null)?.code);
  return new LiteIpcError(code, `The trace was not started (${code})`, { cause: error });
}

/** Keeps what was recorded when a connection ends, and goes on recording in the next. */
export class DeviceTrace {
  /** Records that the running trace holds; undefined: it is off. */
  #wanted: number | undefined;
  #everStarted = false;
  /** The open connection's device, if there is one, and what it records. */
  #native: NativeDevice | undefined;
  #reader: TraceReader | undefined;
  /** Records of connections that have ended, and what was lost with them. */
  #kept: TraceRecord[] = [];
  #lost = 0;

  /** A connection begins. */
  attach(native: NativeDevice): void {
    this.#native = native;
    this.#reader = undefined;
    if (this.#wanted === undefined) return;
    try {
      this.#reader = TraceShare.of(native).open(this.#wanted);
    } catch (error) {
      // No memory for it: the device is worth more.
      this.#wanted = undefined;
      process.emitWarning(String(notStarted(error)), 'LiteIpcWarning');
    }
  }

  /** It ends; the native device is still open. */
  detach(): void {
    this.#collect();
    this.#native = undefined;
  }

  start(options: TraceOptions): void {
    checkObject(options, 'the options of startTrace');
    const { records = RECORDS_DEFAULT } = options;
    checkInteger(records, 'records', 1, RECORDS_MAX);
    if (this.#wanted !== undefined) throw already('on');
    if (this.#native !== undefined) {
      try {
        this.#reader = TraceShare.of(this.#native).open(records);
      } catch (error) {
        throw notStarted(error);
      }
    }
    this.#wanted = records;
    this.#everStarted = true;
    this.#kept = [];
    this.#lost = 0;
  }

  stop(): void {
    if (this.#wanted === undefined) throw already('off');
    if (this.#native !== undefined) this.#reader?.stop();
    this.#wanted = undefined;
  }

  read(): Trace {
    if (!this.#everStarted) {
      const text = 'This device was never traced: call startTrace first (ENODATA)';
      throw new LiteIpcError('ENODATA', text);
    }
    this.#collect();
    const trace = { records: this.#kept, lost: this.#lost };
    this.#kept = [];
    this.#lost = 0;
    return trace;
  }

  #collect(): void {
    if (this.#native === undefined || this.#reader === undefined) return;
    const { records, lost } = decodeTrace(this.#reader.read());
    this.#lost += lost;
    this.#kept = this.#kept.concat(records);
    const excess = this.#kept.length - RECORDS_MAX;
    if (excess > 0) {
      this.#kept = this.#kept.slice(excess);
      this.#lost += excess;
    }
  }
}
