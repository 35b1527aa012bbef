/** Tests the readers of a trace: each has its own position, and the last one stops the trace. */
import test from 'ava';
import { TraceWords } from '#lib/native/layout.js';
import { ServiceTrace } from '#lib/trace/service-trace.js';
import { TraceShare } from '#lib/trace/share.js';
import type { NativeDevice, NativeTrace } from '../../../types/native.js';

/** A device whose records come from the test. */
class Recording {
  /** Capacity in records; 0 if the trace is off. */
  on = 0;
  readonly dataLimit = 6144;
  #words: number[] = [];
  #next = 1;

  readonly native = this as unknown as NativeDevice;

  startTrace(records: number): void {
    if (this.on !== 0) throw new Error('EALREADY');
    this.on = records;
    this.#words = [];
  }

  stopTrace(): void {
    if (this.on === 0) throw new Error('EALREADY');
    this.on = 0;
  }

  readTrace(): NativeTrace {
    const words = Uint32Array.from(this.#words);
    this.#words = [];
    return { words, lost: 0 };
  }

  /** Adds `count` records with increasing timestamps. */
  record(count: number, facts: Partial<Record<keyof typeof TraceWords, number>> = {}): void {
    for (let index = 0; index < count; index++) {
      const words = new Array<number>(TraceWords.Words).fill(0);
      words[TraceWords.Timestamp] = this.#next++;
      for (const [key, value] of Object.entries(facts)) {
        words[TraceWords[key as keyof typeof TraceWords]] = value;
      }
      this.#words.push(...words);
    }
  }
}

function numbers(words: Uint32Array): number[] {
  const found: number[] = [];
  for (let start = 0; start < words.length; start += TraceWords.Words) {
    found.push(words[start + TraceWords.Timestamp] as number);
  }
  return found;
}

test('each reader gets the records made while it had the trace open', (t) => {
  const device = new Recording();
  const share = TraceShare.of(device.native);
  t.is(TraceShare.of(device.native), share);
  const first = share.open(8);
  device.record(2);
  const second = share.open(8);
  device.record(1);
  t.deepEqual(numbers(first.read(1).words), [1]);
  t.deepEqual(numbers(first.read().words), [2, 3]);
  first.stop();
  t.is(device.on, 8, 'the other still reads');
  device.record(1);
  t.deepEqual(numbers(second.read().words), [3, 4]);
  t.deepEqual(numbers(first.read().words), []);
  second.stop();
  second.stop();
  t.is(device.on, 0);
});

test('records that a reader does not take are overwritten and counted for it', (t) => {
  const device = new Recording();
  const share = TraceShare.of(device.native);
  const slow = share.open(3);
  const quick = share.open(8);
  t.is(device.on, 8, 'room for who wants most');
  device.record(3);
  t.deepEqual(numbers(quick.read().words), [1, 2, 3]);
  device.record(3);
  t.is(quick.read().lost, 0);
  const { words, lost } = slow.read();
  t.deepEqual([numbers(words), lost], [[3, 4, 5, 6], 2]);
  t.is(slow.read().lost, 0);
});

test('a watch is filtered, split into messages, and excludes its own traffic', (t) => {
  const device = new Recording();
  const trace = new ServiceTrace(device.native);
  const manager = 7;
  trace.start(1, { hooks: [2], tasks: [5] });
  device.record(100, { Hook: 2, Task: 5 });
  device.record(1, { Hook: 2, Task: 6 });
  device.record(1, { Hook: 1, Task: 5 });
  device.record(1, { Hook: 2, Task: 5, PeerProcess: manager });
  const part = trace.read(1, manager);
  t.true(part?.more);
  t.true((part?.words.length ?? 0) <= device.dataLimit);
  const rest = trace.read(1, manager);
  t.is(((part?.words.length ?? 0) + (rest?.words.length ?? 0)) / 4 / TraceWords.Words, 100);
  t.false(rest?.more);
  // Another service of the same device ends the trace too: a device has one trace.
  new ServiceTrace(device.native).stop(1);
  t.is(trace.read(1, manager), undefined);
  t.is(device.on, 0);
  trace.stop(1);
});
