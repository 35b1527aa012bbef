/**
 * Lookups that the manager keeps back until a service is there: who asks need not ask again and
 * again.
 */
import { refusal } from './refusals.js';

/** How many of one process may wait at a time. */
const WAITING_LOOKUPS_MAX = 64;

interface Waiting {
  readonly name: string;
  readonly process: string;
  readonly timer: NodeJS.Timeout;
  readonly resolve: () => void;
}

/** The lookups of one manager that wait. */
export class WaitingLookups {
  /** By the service's name. Never holds an empty set. */
  readonly #waiting = new Map<string, Set<Waiting>>();
  /** How many of each process. Never holds 0. */
  readonly #counts = new Map<string, number>();

  /**
   * Resolves when the name is woken, or after so many ms. `process` names the one that asks. Throws
   * EAGAIN if it has too many of them waiting.
   */
  wait(name: string, process: string, milliseconds: number): Promise<void> {
    const count = this.#counts.get(process) ?? 0;
    if (count >= WAITING_LOOKUPS_MAX) {
      const text = `has no room for this process's lookup: it has ${count} pending lookups`;
      throw refusal('EAGAIN', name, text);
    }
    this.#counts.set(process, count + 1);
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#end(waiting);
      }, milliseconds);
      // It is the open device that keeps the manager's process alive.
      timer.unref();
      const waiting: Waiting = { name, process, timer, resolve };
      const others = this.#waiting.get(name);
      if (others === undefined) this.#waiting.set(name, new Set([waiting]));
      else others.add(waiting);
    });
  }

  /** Something has changed about a name: all that wait for it look again. */
  wake(name: string): void {
    for (const waiting of [...(this.#waiting.get(name) ?? [])]) this.#end(waiting);
  }

  /** The same for every name. */
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
