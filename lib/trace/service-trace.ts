/**
 * Implements the service's side of watching a domain: sends the trace of its device to the manager.
 */
import type { NativeDevice, NativeTrace } from '../../types/native.js';
import { TraceWords } from '../native/layout.js';
import { TraceShare, type TraceReader } from './share.js';

/** Number of records that are stored until they are read: 1 MiB. */
const RECORDS = 16_384;
/** A manager that does not read for this time has abandoned the watch, ms. */
const FORGOTTEN_MS = 10_000;
/** Bytes of an answer besides its records, and the most that one record takes. */
const ANSWER_BYTES = 1024;
const RECORD_BYTES = 96;

/** Selects the records of a watch. Absent members select everything. */
export interface TraceFilter {
  /** Numbers of hooks. */
  readonly hooks?: readonly number[];
  /** Tasks of the device. */
  readonly tasks?: readonly number[];
}

/** A part of a trace. */
export interface TracePart {
  /** TraceWords.Words words for each record, oldest first, in the machine's byte order. */
  readonly words: Uint8Array;
  /** Number of records that were overwritten before they were read. */
  readonly lost: number;
  /** True if more records may be available. */
  readonly more: boolean;
}

interface Watch {
  readonly reader: TraceReader;
  filter: TraceFilter;
  timer: NodeJS.Timeout;
}

const watchesOf = new WeakMap<NativeDevice, Map<number, Watch>>();

function chosen(words: Uint32Array, { hooks, tasks }: TraceFilter, manager: number): Uint32Array {
  const selected = new Uint32Array(words.length);
  let size = 0;
  for (let start = 0; start < words.length; start += TraceWords.Words) {
    const word = (index: number): number => words[start + index] as number;
    // Traffic between a service and its manager, such as this watch, is not reported.
    if (word(TraceWords.PeerProcess) === manager) continue;
    if (hooks?.includes(word(TraceWords.Hook)) === false) continue;
    if (tasks?.includes(word(TraceWords.Task)) === false) continue;
    selected.set(words.subarray(start, start + TraceWords.Words), size);
    size += TraceWords.Words;
  }
  return selected.subarray(0, size);
}

/** The watches of one device, by the manager's numbers. */
export class ServiceTrace {
  readonly #native: NativeDevice;
  readonly #watches: Map<number, Watch>;

  constructor(native: NativeDevice) {
    this.#native = native;
    // All services of a device share its trace.
    this.#watches = watchesOf.get(native) ?? new Map<number, Watch>();
    watchesOf.set(native, this.#watches);
  }

  /** Starts a watch, or replaces its filter. */
  start(watch: number, filter: TraceFilter): void {
    const running = this.#watches.get(watch);
    if (running !== undefined) {
      running.filter = filter;
      return;
    }
    const reader = TraceShare.of(this.#native).open(RECORDS);
    const timer = setTimeout(() => this.stop(watch), FORGOTTEN_MS).unref();
    this.#watches.set(watch, { reader, filter, timer });
  }

  /**
   * Returns the records since the last reading, or undefined if there is no such watch.
   * `manager` is the manager's process.
   */
  read(watch: number, manager: number): TracePart | undefined {
    const running = this.#watches.get(watch);
    if (running === undefined) return undefined;
    running.timer.refresh();
    const most = Math.floor((this.#native.dataLimit - ANSWER_BYTES) / RECORD_BYTES);
    const { words, lost }: NativeTrace = running.reader.read(most);
    const selected = chosen(words, running.filter, manager);
    return {
      words: new Uint8Array(selected.buffer, selected.byteOffset, selected.byteLength),
      lost,
      more: words.length === most * TraceWords.Words,
    };
  }

  /** Ends a watch. Idempotent. */
  stop(watch: number): void {
    const running = this.#watches.get(watch);
    if (running === undefined) return;
    clearTimeout(running.timer);
    this.#watches.delete(watch);
    try {
      running.reader.stop();
    } catch {
      // The device is closed, and its trace with it.
    }
  }
}
