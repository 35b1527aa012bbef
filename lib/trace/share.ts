/** Shares the single trace of a native device: each reader reads it as if it were its own. */
import type { NativeDevice, NativeTrace } from '../../types/native.js';
import { TraceWords } from '../native/layout.js';

function powerOfTwo(least: number): number {
  return 2 ** Math.ceil(Math.log2(least));
}

/** One reader's view of the trace. Made by {@link TraceShare.open}. */
export class TraceReader {
  readonly #share: TraceShare;
  /** Number of records that are stored until they are read. */
  readonly #capacity: number;
  #chunks: Uint32Array[] = [];
  #words = 0;
  #lost = 0;

  constructor(share: TraceShare, records: number) {
    this.#share = share;
    this.#capacity = powerOfTwo(records) * TraceWords.Words;
  }

  /** Takes the oldest records since the last reading: all of them, or at most `maximum`. */
  read(maximum = Infinity): NativeTrace {
    this.#share.collect();
    const words = new Uint32Array(Math.min(this.#words, maximum * TraceWords.Words));
    let filled = 0;
    while (filled < words.length) {
      const chunk = this.#chunks[0] as Uint32Array;
      const part = chunk.subarray(0, words.length - filled);
      words.set(part, filled);
      filled += part.length;
      if (part.length === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(part.length);
    }
    this.#words -= filled;
    const lost = this.#lost;
    this.#lost = 0;
    return { words, lost };
  }

  /** Stops the recording. Stored records can still be read. Idempotent. */
  stop(): void {
    this.#share.close(this);
  }

  /** Adds records that were made while the reader was open. */
  add({ words, lost }: NativeTrace): void {
    this.#lost += lost;
    if (words.length === 0) return;
    this.#chunks.push(words);
    this.#words += words.length;
    while (this.#words > this.#capacity) {
      const chunk = this.#chunks[0] as Uint32Array;
      const excess = Math.min(this.#words - this.#capacity, chunk.length);
      this.#lost += excess / TraceWords.Words;
      this.#words -= excess;
      if (excess === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(excess);
    }
  }
}

const shares = new WeakMap<NativeDevice, TraceShare>();

/** The trace of one native device. It records while any reader has it open. */
export class TraceShare {
  readonly #open = new Set<TraceReader>();
  #records = 0;

  private constructor(private readonly native: NativeDevice) {}

  /** Returns the share of a device. */
  static of(native: NativeDevice): TraceShare {
    let share = shares.get(native);
    if (share === undefined) {
      share = new TraceShare(native);
      shares.set(native, share);
    }
    return share;
  }

  /**
   * Starts recording with room for `records` records. Throws the errors of {@link
   * NativeDevice.startTrace}.
   */
  open(records: number): TraceReader {
    if (this.#open.size === 0) {
      this.native.startTrace(records);
      this.#records = records;
    } else {
      this.collect();
      if (records > this.#records) {
        this.native.stopTrace();
        this.native.startTrace(records);
        this.#records = records;
      }
    }
    const reader = new TraceReader(this, records);
    this.#open.add(reader);
    return reader;
  }

  /** Ends the recording of one reader. */
  close(reader: TraceReader): void {
    if (!this.#open.has(reader)) return;
    this.collect();
    this.#open.delete(reader);
    if (this.#open.size === 0) this.native.stopTrace();
  }

  /** Distributes the recorded data to all open readers. */
  collect(): void {
    if (this.#open.size === 0) return;
    const trace = this.native.readTrace();
    for (const reader of this.#open) reader.add(trace);
  }
}
