/** What only a service's own process knows of it. */
import type { NativeDevice, NativeTaskStatistics } from '../../types/native.js';
import type { ServiceHost } from './host.js';
import { dropReasonNames, type DropReason } from '../trace/record.js';

/** What a service counts while it runs: cheap integers. */
export interface ServiceCounts {
  /**
   * Calls and one-way messages for the implementation, those that wait or were turned away
   * included.
   */
  calls: number;
  /** Of these, how many failed: the implementation threw, or its input or output was not valid. */
  errors: number;
  /**
   * Turned away: the queue was full, the policy does not admit the caller, or the contract differs.
   */
  refused: number;
  /** Calls that have begun and not ended. */
  running: number;
}

/** A service at one moment. */
export interface ServiceStatistics extends ServiceCounts {
  /** When, ms on the clock that the processes of a machine share (CLOCK_MONOTONIC). */
  readonly time: number;
  /** Calls that wait for their turn (`concurrency`). */
  readonly waiting: number;
  /** Messages that have arrived for it and that its program was not handed yet. */
  readonly queued: number;
  /** Messages for it that were thrown away, by reason; reasons that never came are left out. */
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
  /** What it shares with the other services of its device. */
  readonly device: {
    /** Messages handed to the program, and thrown away. */
    readonly received: number;
    readonly dropped: number;
    /** Messages that lie in the pool, and their bytes. */
    readonly poolMessages: number;
    readonly poolBytes: number;
    /** Bytes that each sender may have pending. */
    readonly poolSize: number;
    /** Senders with messages that nobody has looked at yet. */
    readonly waitingSenders: number;
  };
}

function droppedOf(task: NativeTaskStatistics | undefined): ServiceStatistics['dropped'] {
  const counts = dropReasonNames.map((name, index) => [name, task?.dropped[index] ?? 0] as const);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

/** Of a service of this device, by the task that receives for it. */
export function serviceStatistics(
  native: NativeDevice,
  host: ServiceHost,
  task: number,
): ServiceStatistics {
  const own = native.statistics(task);
  const counters = native.counters();
  const counter = (name: string): number => counters[name] ?? 0;
  return {
    time: Number(process.hrtime.bigint()) / 1e6,
    ...host.counts,
    waiting: host.waiting,
    queued: own?.queued ?? 0,
    dropped: droppedOf(own),
    device: {
      received: counter('received'),
      dropped: counter('dropped'),
      poolMessages: counter('poolNodes'),
      poolBytes: counter('poolBytes'),
      poolSize: own?.poolSize ?? 0,
      waitingSenders: own?.waitingLanes ?? 0,
    },
  };
}
