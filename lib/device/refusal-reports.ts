/**
 * Tells the ServiceManager which messages a service has refused, for its audit. They are counted
 * and told together, at most once in a second, so that a flood of refused messages does not become
 * another one.
 */
import type { Caller } from '../../types/wire.js';
import { REFUSALS_MAX, type RefusalEntry, type RefusalReport } from '../registry/protocol.js';

/** The first is told so long after it came, together with what came meanwhile, ms. */
const FIRST_MS = 50;
/** From one report to the next, ms. */
const INTERVAL_MS = 1000;

/** What one registered service has refused and not told yet. */
export class RefusalReports {
  readonly #send: (report: Omit<RefusalReport, 'name'>) => Promise<void>;
  readonly #entries = new Map<string, { entry: RefusalEntry; count: number }>();
  #others = 0;
  #timer: NodeJS.Timeout | undefined;
  #sentAt = -Infinity;

  /** `send` gives a report to the manager. What it rejects with is of no interest. */
  constructor(send: (report: Omit<RefusalReport, 'name'>) => Promise<void>) {
    this.#send = send;
  }

  /** A message was refused; `limit` is the number of the limit that was exceeded, 0 for none. */
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

  /** The service is not registered any more. */
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
    this.#send({ entries, others }).catch(() => undefined);
  };
}
