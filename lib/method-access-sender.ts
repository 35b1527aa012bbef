/** The manager's side of method-access.ts: tells one service which methods its callers may call. */
import type { Connection } from './connection.js';
import type { ContractMethod } from './contract-methods.js';
import { methodsOf } from './contract-methods.js';
import {
  METHOD_ACCESS_CODE,
  MethodAccessContract,
  type MethodAccessEntry,
  type MethodAccessUpdate,
} from './method-access.js';
import { Route } from './route.js';

/** How long a service may take to confirm, ms: less than a lookup may take. */
const CONFIRM_TIMEOUT_MS = 3000;
/** Entries of one message: each at most 128 bytes of methods, and a message of `liteos-a` has 6144. */
const ENTRIES_MAX = 32;

/** Tells one registered service. */
export class MethodAccessSender {
  readonly #connection: Connection;
  readonly #route: Route;
  readonly #method: ContractMethod;
  readonly #key: Uint8Array;
  #restricted = false;

  constructor(
    connection: Connection,
    name: string,
    handle: number,
    generation: number,
    key: Uint8Array,
  ) {
    this.#connection = connection;
    this.#key = key;
    this.#route = new Route(name, connection.native.callTaskId, undefined);
    this.#route.handle = handle;
    this.#route.generation = generation;
    connection.routes.add(this.#route);
    const [method] = methodsOf(MethodAccessContract) as [ContractMethod];
    this.#method = { ...method, service: name, index: METHOD_ACCESS_CODE };
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

  /** The service is not registered any more. */
  dispose(): void {
    this.#connection.routes.delete(this.#route);
  }

  #send(update: Omit<MethodAccessUpdate, 'key'>): Promise<unknown> {
    const message: MethodAccessUpdate = { key: this.#key, ...update };
    return this.#connection.requests.send(this.#route, this.#method, message, CONFIRM_TIMEOUT_MS);
  }
}
