/** Clients of services: objects whose methods send requests. */
import { DEFAULT_TIMEOUT_MS, checkCallOptions, type CallOptions } from './call-options.js';
import type { Connection } from './connection.js';
import type { Contract } from './contract.js';
import { methodsOf, type ContractMethod } from './contract-methods.js';
import { LiteIpcError, asError, callError } from './errors.js';
import { RegistryClient } from './registry-client.js';
import type { Requests } from './requests.js';
import { Route, RouteState } from './route.js';

/** Gives the connection of the moment, or throws a LiteIpcError that says why there is none. */
export type CurrentConnection = () => Connection;

/**
 * What stands behind a client object. It outlives the service's restarts and the device's connections:
 * each call goes wherever the name leads at that moment.
 */
export class ServiceProxy {
  readonly contract: Contract;
  /** The object that the program calls. */
  readonly client: object;
  readonly deathListeners = new Set<() => void>();

  readonly #current: CurrentConnection;
  #requests: Requests | undefined;
  #route: Route | undefined;

  constructor(contract: Contract, current: CurrentConnection) {
    this.contract = contract;
    this.#current = current;
    const methods = methodsOf(contract);
    this.client = Object.freeze(
      Object.fromEntries(methods.map((method) => [method.method, this.#caller(method)])),
    );
  }

  /** Looks the service up now, unless that has been done. Rejects as a call would. */
  async resolve(): Promise<void> {
    const connection = this.#current();
    const route = this.#route ?? this.#attach(connection);
    // While it is being looked up for a call, once more does no harm: the answer is the same.
    if (route.state === RouteState.Unresolved || route.state === RouteState.Resolving) {
      await this.#lookup(connection, route);
    }
  }

  /** The connection has ended. The next call uses the one of then. */
  detach(): void {
    this.#route = undefined;
    this.#requests = undefined;
  }

  #caller(method: ContractMethod): (input?: unknown, options?: CallOptions) => Promise<unknown> {
    return (input, options) => {
      let timeoutMs = DEFAULT_TIMEOUT_MS;
      if (options !== undefined) {
        try {
          checkCallOptions(options, method);
        } catch (error) {
          return Promise.reject(asError(error));
        }
        timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
      }
      if (this.#route === undefined || this.#requests === undefined) {
        return this.#callDetached(method, input, timeoutMs, options);
      }
      return this.#requests.send(this.#route, method, input, timeoutMs, options);
    };
  }

  #callDetached(
    method: ContractMethod,
    input: unknown,
    timeoutMs: number,
    options: CallOptions | undefined,
  ): Promise<unknown> {
    let connection: Connection;
    try {
      connection = this.#current();
    } catch (error) {
      const code = error instanceof LiteIpcError ? error.code : 'ENODEV';
      return Promise.reject(callError(code, method));
    }
    const route = this.#attach(connection);
    return connection.requests.send(route, method, input, timeoutMs, options);
  }

  #attach(connection: Connection): Route {
    const route = new Route(
      this.contract.name,
      connection.native.callTaskId,
      (unresolved) => {
        this.#lookup(connection, unresolved).catch((error: unknown) => {
          connection.requests.unresolvable(unresolved, error as Error);
        });
      },
      () => {
        for (const listener of [...this.deathListeners]) listener();
      },
    );
    connection.routes.add(route);
    this.#route = route;
    this.#requests = connection.requests;
    return route;
  }

  async #lookup(connection: Connection, route: Route): Promise<void> {
    const registry = new RegistryClient(connection, connection.native.callTaskId);
    try {
      const found = await registry.lookup(this.contract);
      await connection.ensureDeathNotices();
      if (connection.alive) connection.requests.resolved(route, found.handle, found.generation);
    } finally {
      registry.dispose();
    }
  }
}
