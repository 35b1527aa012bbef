/**
 * Reports refused messages to the ServiceManager, for its audit. Refusals are counted and reported
 * together, at most once per second, so that a flood of messages does not cause a flood of
 * reports.
 */
import type { Caller } from '../../types/wire.js';
import { REFUSALS_MAX, type RefusalEntry, type RefusalReport } from '../registry/protocol.js';

/** Delay of the first report, ms. It includes the refusals that follow within that time. */
const FIRST_MS = 50;
/** Interval between two reports, ms. */
const INTERVAL_MS = 1000;

/** Collects the refusals of one registered service. */
export class RefusalReports {
  readonly #entries = new Map<string, { entry: RefusalEntry; count: number }>();
  #others = 0;
  #timer: NodeJS.Timeout | undefined;
  #sentAt = -Infinity;

  /** `send` sends a report to the manager. Its errors are ignored. */
  constructor(private readonly send: (report: Omit<RefusalReport, 'name'>) => Promise<void>) {}

  /** Counts a refused message; `limit` is the number of the limit that was exceeded, or 0. */
  add({ taskId, processId }: Caller, method: number, limit: number): void {
    const key = `${processId} ${method} ${limit}`;
    const known = this.#entries.get(key);
    if (known !== undefined) {
      known.count++;
      return;
    }
    if (this.#entries.size >= REFUSALS_MAX) {
      this.#others++;
      return;
    }
    this.#entries.set(key, { entry: [taskId, processId, method, limit, 0], count: 1 });
    const wait = Math.max(FIRST_MS, this.#sentAt + INTERVAL_MS - performance.now());
    // The open device keeps the event loop alive, not its timer.
    this.#timer ??= setTimeout(this.#report, wait).unref();
  }

  /** Discards what was collected: the service is no longer registered. */
  dispose(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#entries.clear();
    this.#others = 0;
  }

  readonly #report = (): void => {
    this.#timer = undefined;
    this.#sentAt = performance.now();
    const entries = [...this.#entries.values()].map(
      ({ entry: [taskId, processId, method, limit], count }): RefusalEntry => [
        ...([taskId, processId, method, limit] as const),
        count,
      ],
    );
    const others = this.#others;
    this.#entries.clear();
    this.#others = 0;
    this.send({ entries, others }).catch(() => undefined);
  };
}
