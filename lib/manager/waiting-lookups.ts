/** Delays lookups until their service registers, so that clients need not poll. */
import { refusal } from './refusals.js';

/** Most pending lookups of one process. */
const WAITING_LOOKUPS_MAX = 64;

interface Waiting {
  readonly name: string;
  readonly process: string;
  readonly timer: NodeJS.Timeout;
  readonly resolve: () => void;
}

/** The pending lookups of one manager. */
export class WaitingLookups {
  /** Pending lookups by the service's name. Never holds an empty set. */
  readonly #waiting = new Map<string, Set<Waiting>>();
  /** Number of pending lookups by process. Never holds 0. */
  readonly #counts = new Map<string, number>();

  /**
   * Resolves when the name is woken, or after `milliseconds`. `process` identifies the process that
   * asks. Throws EAGAIN if that process has too many pending lookups.
   */
  wait(name: string, process: string, milliseconds: number): Promise<void> {
    const count = this.#counts.get(process) ?? 0;
    if (count >= WAITING_LOOKUPS_MAX) {
      const text = `has no room for this process's lookup: it has ${count} pending lookups`;
      throw refusal('EAGAIN', name, text);
    }
    this.#counts.set(process, count + 1);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#end(waiting), milliseconds);
      // The open device, not this timer, keeps the manager's process alive.
      timer.unref();
      const waiting: Waiting = { name, process, timer, resolve };
      const others = this.#waiting.get(name);
      if (others === undefined) this.#waiting.set(name, new Set([waiting]));
      else others.add(waiting);
    });
  }

  /** Wakes the lookups of a name after a change. */
  wake(name: string): void {
    for (const waiting of [...(this.#waiting.get(name) ?? [])]) this.#end(waiting);
  }

  /** Wakes the lookups of every name. */
  wakeAll(): void {
    for (const name of [...this.#waiting.keys()]) this.wake(name);
  }

  #end(waiting: Waiting): void {
    const { name, process, timer, resolve } = waiting;
    clearTimeout(timer);
    const others = this.#waiting.get(name);
    others?.delete(waiting);
    if (others?.size === 0) this.#waiting.delete(name);
    const count = (this.#counts.get(process) ?? 1) - 1;
    if (count === 0) this.#counts.delete(process);
    else this.#counts.set(process, count);
    resolve();
  }
}
