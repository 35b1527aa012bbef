/** The manager's side of method-access.ts: tells one service which methods its callers may call. */
import type { MethodAccessEntry, MethodAccessUpdate } from './method-access.js';
import type { ServiceControlClient } from './service-control-client.js';

/** How long a service may take to confirm, ms: less than a lookup may take. */
const CONFIRM_TIMEOUT_MS = 3000;
/** Entries of one message: each at most 128 bytes of methods, and a message of `liteos-a` has 6144. */
const ENTRIES_MAX = 32;

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
    for (let start = 0; start === 0 || start < entries.length; start += ENTRIES_MAX) {
      const isLast = start + ENTRIES_MAX >= entries.length;
      // Who is not named yet is shut out only once everyone has been.
      const restricted = this.#restricted || isLast;
      sent.push(this.#send({ restricted, entries: entries.slice(start, start + ENTRIES_MAX) }));
    }
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
