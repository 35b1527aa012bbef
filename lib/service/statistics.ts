/** Collects the statistics of a service that only its own process can read. */
import type { NativeDevice, NativeTaskStatistics } from '../../types/native.js';
import type { ServiceCounts, ServiceHost } from './host.js';
import { dropReasonNames, type DropReason } from '../trace/record.js';

/** A snapshot of a service. */
export interface ServiceStatistics extends ServiceCounts {
  /** Time of the snapshot in ms of CLOCK_MONOTONIC, which all processes of a machine share. */
  readonly time: number;
  /** Calls that wait because of `concurrency`. */
  readonly waiting: number;
  /** Messages that have arrived and are not yet dispatched to its program. */
  readonly queued: number;
  /** Discarded messages by reason. Reasons with the count 0 are absent. */
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
  /** Values that it shares with the other services of its device. */
  readonly device: {
    /** Messages dispatched to the program, and discarded ones. */
    readonly received: number;
    readonly dropped: number;
    /** Messages in the pool, and their size in bytes. */
    readonly poolMessages: number;
    readonly poolBytes: number;
    /** Bytes that each sender may have pending. */
    readonly poolSize: number;
    /** Senders with unread messages. */
    readonly waitingSenders: number;
  };
}

function droppedOf(task: NativeTaskStatistics | undefined): ServiceStatistics['dropped'] {
  const counts = dropReasonNames.map((name, index) => [name, task?.dropped[index] ?? 0] as const);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

/** Returns the snapshot of a service of this device. `task` receives for it. */
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
