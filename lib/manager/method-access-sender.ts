/** The manager's side of method-access.ts: tells one service which methods its callers may call. */
import type { MethodAccessEntry, MethodAccessUpdate } from '../service/method-access.js';
import type { ServiceControlClient } from './service-control-client.js';

/** How long a service may take to confirm, ms: less than a lookup may take. */
const CONFIRM_TIMEOUT_MS = 3000;
/**
 * What the entries of one message may take, bytes by estimate: a message of `liteos-a` has 6144.
 */
const ENTRIES_SIZE = 5000;
/** What an entry takes besides its methods, and each limit besides its name and methods, bytes. */
const ENTRY_SIZE = 24;
const LIMIT_SIZE = 120;

/** Tells one registered service. */
export class MethodAccessSender {
  readonly #control: ServiceControlClient;
  #restricted = false;

  constructor(control: ServiceControlClient) {
    this.#control = control;
  }

  /** Whether the service was told, and not untold, that there are rules for methods. */
  get restricted(): boolean {
    return this.#restricted;
  }

  /** Tells what these processes may call. Resolves when the service goes by it. */
  async tell(entries: readonly MethodAccessEntry[]): Promise<void> {
    const sent: Promise<unknown>[] = [];
    let start = 0;
    do {
      let end = start;
      let size = 0;
      while (end < entries.length && (end === start || size < ENTRIES_SIZE)) {
        size += sizeOf(entries[end++] as MethodAccessEntry);
      }
      if (size > ENTRIES_SIZE && end > start + 1) end--;
      // Who is not named yet is shut out only once everyone has been.
      const restricted = this.#restricted || end >= entries.length;
      sent.push(this.#send({ restricted, entries: entries.slice(start, end) }));
      start = end;
    } while (start < entries.length);
    this.#restricted = true;
    await Promise.all(sent);
  }

  /** There are no rules for methods any more. */
  async lift(): Promise<void> {
    this.#restricted = false;
    await this.#send({ restricted: false, entries: [] });
  }

  #send(update: MethodAccessUpdate): Promise<unknown> {
    return this.#control.send('methodRules', update, CONFIRM_TIMEOUT_MS);
  }
}

/** What an entry takes in a message at most, bytes. */
function sizeOf([, , methods, limits]: MethodAccessEntry): number {
  return limits.reduce(
    (sum, [, name, , only]) => sum + LIMIT_SIZE + name.length * 3 + (only?.length ?? 0),
    ENTRY_SIZE + methods.length,
  );
}
