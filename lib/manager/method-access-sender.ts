/**
 * Sends a service the methods that its callers may call: the manager's side of
 * service/method-access.ts.
 */
import type { MethodAccessEntry, MethodAccessUpdate } from '../service/method-access.js';
import type { ServiceControlClient } from './service-control-client.js';

/** Time in which a service must confirm, ms. It is shorter than the time-out of a lookup. */
const CONFIRM_TIMEOUT_MS = 3000;
/**
 * Most bytes, estimated, that the entries of one message take. A message of profile `liteos-a`
 * holds 6144 bytes.
 */
const ENTRIES_SIZE = 5000;
/** Bytes of an entry besides its methods, and of a limit besides its name and methods. */
const ENTRY_SIZE = 24;
const LIMIT_SIZE = 120;

/** Sends method rules to one registered service. */
export class MethodAccessSender {
  #restricted = false;

  constructor(private readonly control: ServiceControlClient) {}

  /** Returns whether the service applies method rules at the moment. */
  get restricted(): boolean {
    return this.#restricted;
  }

  /** Sends the entries of the given processes. Resolves when the service applies them. */
  async update(entries: readonly MethodAccessEntry[]): Promise<void> {
    const sent: Promise<unknown>[] = [];
    let start = 0;
    do {
      let end = start;
      let size = 0;
      while (end < entries.length && (end === start || size < ENTRIES_SIZE)) {
        size += sizeOf(entries[end++] as MethodAccessEntry);
      }
      if (size > ENTRIES_SIZE && end > start + 1) end--;
      // The service starts to reject unlisted callers only after the last message, when every
      // caller is listed.
      const restricted = this.#restricted || end >= entries.length;
      sent.push(this.#send({ restricted, entries: entries.slice(start, end) }));
      start = end;
    } while (start < entries.length);
    this.#restricted = true;
    await Promise.all(sent);
  }

  /** Stops the service from applying method rules. */
  async lift(): Promise<void> {
    this.#restricted = false;
    await this.#send({ restricted: false, entries: [] });
  }

  #send(update: MethodAccessUpdate): Promise<unknown> {
    return this.control.send('methodRules', update, CONFIRM_TIMEOUT_MS);
  }
}

/** Returns the most bytes that an entry takes in a message. */
function sizeOf([, , methods, limits]: MethodAccessEntry): number {
  return limits.reduce(
    (sum, [, name, , only]) => sum + LIMIT_SIZE + name.length * 3 + (only?.length ?? 0),
    ENTRY_SIZE + methods.length,
  );
}
