/** Calls the ServiceManager for clients and services. */
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

/** Timeout of a lookup or registration, including the wait for a ServiceManager, ms. */
const REGISTRY_TIMEOUT_MS = 5000;
/** Interval between two attempts to reach a missing ServiceManager, ms. */
const RETRY_MS = 20;

const [registerMethod, unregisterMethod, lookupMethod, refusedMethod] = methodsOf(Registry) as [
  ContractMethod,
  ContractMethod,
  ContractMethod,
  ContractMethod,
];

/** A `RegistryClient` calls the ServiceManager from one task of a connection. */
export class RegistryClient {
  readonly #route: Route;

  /** `task` sends the calls. The ServiceManager decides by the stamps of that task. */
  constructor(
    private readonly connection: Connection,
    task: number,
  ) {
    this.#route = new Route(Registry.name, task, undefined);
    connection.routes.add(this.#route);
  }

  /** Registers the task under the name of the contract; `key` is that of its ServiceControl. */
  async register(contract: Contract, key: Uint8Array, many = false): Promise<void> {
    await this.#call(registerMethod, contract, {
      name: contract.name,
      shape: shapeOf(contract.methods),
      key,
      many,
      ...(contract.version === undefined ? {} : { version: contract.version }),
    });
  }

  /** Removes the registration of the name. */
  async unregister(contract: Contract): Promise<void> {
    await this.#call(unregisterMethod, contract, { name: contract.name });
  }

  /**
   * Finds a service and obtains the right to call it. If no service has the name, the manager
   * delays the answer for up to `waitMs`.
   */
  async lookup(contract: Contract, waitMs = 0): Promise<LookupFound> {
    const { name, hash } = contract;
    const until = performance.now() + waitMs;
    for (;;) {
      const remaining = Math.max(Math.ceil(until - performance.now()), 0);
      const delayMs = Math.min(remaining, LOOKUP_WAIT_MAX_MS);
      const input: LookupInput = { name, hash, waitMs: delayMs };
      let found: LookupOutput;
      try {
        found = (await this.#call(lookupMethod, contract, input, delayMs)) as LookupOutput;
      } catch (error) {
        const isMissing = error instanceof LiteIpcError && error.code === 'ENOENT';
        if (isMissing && performance.now() < until) continue;
        throw error;
      }
      if ('instances' in found) return found;
      if ('shape' in found) throw otherContract(contract, found);
    }
  }

  /** Reports what the service has refused. Does not retry without a ServiceManager. */
  async refused(report: RefusalReport): Promise<void> {
    await this.connection.requests.send(this.#route, refusedMethod, report, REGISTRY_TIMEOUT_MS);
  }

  /**
   * Waits for a change of a service that was found before. Returns undefined after `delayMs` if the
   * instances are still those of the version `known`.
   */
  async lookupChange(
    contract: Contract,
    known: number,
    delayMs: number,
  ): Promise<LookupFound | undefined> {
    const { name, hash } = contract;
    const input: LookupInput = { name, hash, waitMs: delayMs, known };
    const found = (await this.#call(lookupMethod, contract, input, delayMs)) as LookupOutput;
    if ('shape' in found) throw otherContract(contract, found);
    return 'instances' in found ? found : undefined;
  }

  /** Releases the route. */
  dispose(): void {
    this.connection.routes.delete(this.#route);
  }

  /**
   * Sends a call, and repeats it while there is no ServiceManager: one may be starting. All calls
   * are idempotent. The manager may delay the answer for `delayMs`.
   */
  async #call(
    method: ContractMethod,
    contract: Contract,
    input: unknown,
    delayMs = 0,
  ): Promise<unknown> {
    const deadline = performance.now() + delayMs + REGISTRY_TIMEOUT_MS;
    for (;;) {
      const remaining = Math.max(deadline - performance.now(), 1);
      if (delayMs > 0) this.connection.delayedLookups++;
      try {
        return await this.connection.requests.send(this.#route, method, input, remaining);
      } catch (error) {
        if (!(error instanceof LiteIpcError) || error instanceof RemoteError) throw error;
        const missing = error.code === 'EINVAL' || error.code === 'EPIPE';
        if (!missing || !this.connection.alive) {
          throw new LiteIpcError(error.code, error.message, { service: contract.name });
        }
        if (performance.now() + RETRY_MS > deadline) {
          const text =
            'The domain has no ServiceManager: start one with ServiceManager.start (ENODEV)';
          throw new LiteIpcError('ENODEV', text, { cause: error });
        }
      } finally {
        if (delayMs > 0) this.connection.delayedLookups--;
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
