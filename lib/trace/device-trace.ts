/** Records the trace of a device across its connections. */
import type { NativeDevice } from '../../types/native.js';
import { checkInteger, checkObject } from '../common/arguments.js';
import { LiteIpcError } from '../common/errors.js';
import { TraceShare, type TraceReader } from './share.js';
import { decodeTrace, type Trace, type TraceRecord } from './record.js';

/** Default number of records that a trace holds: 1.3 MB. */
const RECORDS_DEFAULT = 16_384;
/** LITEIPC_TRACE_RECORDS_MAX. */
const RECORDS_MAX = 262_144;

/** Options of `Device.startTrace`. */
export interface TraceOptions {
  /**
   * Number of records that are stored until they are read, 1 to 262,144, rounded up to a power of
   * two. Newer records overwrite the oldest. A record takes 80 bytes. Default: 16,384.
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

/** Saves the records when a connection ends, and continues recording in the next connection. */
export class DeviceTrace {
  /** Number of records of the running trace; undefined: it is off. */
  #wanted: number | undefined;
  #everStarted = false;
  /** The device of the open connection, if there is one, and its reader. */
  #native: NativeDevice | undefined;
  #reader: TraceReader | undefined;
  /** Records of connections that have ended, and the number that these lost. */
  #stored: TraceRecord[] = [];
  #lost = 0;

  /** Attaches a new connection. */
  attach(native: NativeDevice): void {
    this.#native = native;
    this.#reader = undefined;
    if (this.#wanted === undefined) return;
    try {
      this.#reader = TraceShare.of(native).open(this.#wanted);
    } catch (error) {
      // There is no memory for the trace. The device continues without it.
      this.#wanted = undefined;
      process.emitWarning(String(notStarted(error)), 'LiteIpcWarning');
    }
  }

  /** Detaches the connection. The native device is still open. */
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
    this.#stored = [];
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
    const trace = { records: this.#stored, lost: this.#lost };
    this.#stored = [];
    this.#lost = 0;
    return trace;
  }

  #collect(): void {
    if (this.#native === undefined || this.#reader === undefined) return;
    const { records, lost } = decodeTrace(this.#reader.read());
    this.#lost += lost;
    this.#stored = this.#stored.concat(records);
    const excess = this.#stored.length - RECORDS_MAX;
    if (excess > 0) {
      this.#stored = this.#stored.slice(excess);
      this.#lost += excess;
    }
  }
}
