/** Calls of the ServiceManager on behalf of proxies and services. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Connection } from '../connection/connection.js';
import type { Contract } from '../contract/contract.js';
import { methodsOf, type ContractMethod } from '../contract/method-table.js';
import { mismatchText, shapeOf, type VersionedShape } from '../contract/shape.js';
import { LiteIpcError } from '../common/errors.js';
import {
  LOOKUP_WAIT_MAX_MS,
  Registry,
  type LookupFound,
  type LookupInput,
  type LookupOutput,
  type RefusalReport,
} from './protocol.js';
import { Route } from '../calls/route.js';
import { RemoteError } from '../wire/remote-error.js';

/** How long a lookup or registration may take, ms, with the wait for a ServiceManager in it. */
const REGISTRY_TIMEOUT_MS = 5000;
/** How often a missing ServiceManager is looked for, ms. */
const RETRY_MS = 20;

const [registerMethod, unregisterMethod, lookupMethod, refusedMethod] = methodsOf(Registry) as [
  ContractMethod,
  ContractMethod,
  ContractMethod,
  ContractMethod,
];

/** The ServiceManager as one task of a connection sees it. */
export class RegistryClient {
  readonly #connection: Connection;
  readonly #route: Route;

  /** `task` is the one that asks: its stamps are what the ServiceManager decides by. */
  constructor(connection: Connection, task: number) {
    this.#connection = connection;
    this.#route = new Route(Registry.name, task, undefined);
    connection.routes.add(this.#route);
  }

  /** Registers the asking task under the contract's name; `key` is that of its MethodAccess. */
  async register(contract: Contract, key: Uint8Array, many = false): Promise<void> {
    await this.#call(registerMethod, contract, {
      name: contract.name,
      shape: shapeOf(contract.methods),
      key,
      many,
      ...(contract.version === undefined ? {} : { version: contract.version }),
    });
  }

  /** Takes the name back. */
  async unregister(contract: Contract): Promise<void> {
    await this.#call(unregisterMethod, contract, { name: contract.name });
  }

  /**
   * Finds a service and gets the right to call it. If nobody has the name, the manager keeps the
   * answer back for up to `waitMs`.
   */
  async lookup(contract: Contract, waitMs = 0): Promise<LookupFound> {
    const { name, hash } = contract;
    const until = performance.now() + waitMs;
    for (;;) {
      const remaining = Math.max(Math.ceil(until - performance.now()), 0);
      const heldMs = Math.min(remaining, LOOKUP_WAIT_MAX_MS);
      const input: LookupInput = { name, hash, waitMs: heldMs };
      let found: LookupOutput;
      try {
        found = (await this.#call(lookupMethod, contract, input, heldMs)) as LookupOutput;
      } catch (error) {
        const isMissing = error instanceof LiteIpcError && error.code === 'ENOENT';
        if (isMissing && performance.now() < until) continue;
        throw error;
      }
      if ('instances' in found) return found;
      if ('shape' in found) throw otherContract(contract, found);
    }
  }

  /**
   * Tells what the service has refused. Without a ServiceManager nobody wants to know: it is not
   * repeated.
   */
  async refused(report: RefusalReport): Promise<void> {
    await this.#connection.requests.send(this.#route, refusedMethod, report, REGISTRY_TIMEOUT_MS);
  }

  /**
   * The same for a service that was found before: answered when there are other instances than in
   * the version that is known, else with undefined after `heldMs`.
   */
  async lookupChange(
    contract: Contract,
    known: number,
    heldMs: number,
  ): Promise<LookupFound | undefined> {
    const { name, hash } = contract;
    const input: LookupInput = { name, hash, waitMs: heldMs, known };
    const found = (await this.#call(lookupMethod, contract, input, heldMs)) as LookupOutput;
    if ('shape' in found) throw otherContract(contract, found);
    return 'instances' in found ? found : undefined;
  }

  /** The asking task ends. */
  dispose(): void {
    this.#connection.routes.delete(this.#route);
  }

  /**
   * Repeats while there is no ServiceManager: it may be about to start, or to be replaced. What it
   * is asked may be asked twice; the answer may be kept back for `heldMs`.
   */
  async #call(
    method: ContractMethod,
    contract: Contract,
    input: unknown,
    heldMs = 0,
  ): Promise<unknown> {
    const deadline = performance.now() + heldMs + REGISTRY_TIMEOUT_MS;
    for (;;) {
      const remaining = Math.max(deadline - performance.now(), 1);
      if (heldMs > 0) this.#connection.heldLookups++;
      try {
        return await this.#connection.requests.send(this.#route, method, input, remaining);
      } catch (error) {
        if (!(error instanceof LiteIpcError) || error instanceof RemoteError) throw error;
        const missing = error.code === 'EINVAL' || error.code === 'EPIPE';
        if (!missing || !this.#connection.alive) {
          throw new LiteIpcError(error.code, error.message, { service: contract.name });
        }
        if (performance.now() + RETRY_MS > deadline) {
          const text =
            'The domain has no ServiceManager: start one with ServiceManager.start (ENODEV)';
          throw new LiteIpcError('ENODEV', text, { cause: error });
        }
      } finally {
        if (heldMs > 0) this.#connection.heldLookups--;
      }
      await pause(RETRY_MS);
    }
  }
}

function otherContract(contract: Contract, found: VersionedShape): LiteIpcError {
  const { name, methods, version } = contract;
  const text = mismatchText(name, { shape: shapeOf(methods), version }, found);
  return new LiteIpcError('EPROTO', text, { service: name });
}
