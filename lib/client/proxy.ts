/** Clients of services: objects whose methods send requests. */
import {
  DEFAULT_TIMEOUT_MS,
  checkCallOptions,
  type CallOptions,
} from '../contract/call-options.js';
import type { ConnectionSource } from '../connection/source.js';
import type { Connection } from '../connection/connection.js';
import type { Contract } from '../contract/contract.js';
import { methodsOf, type ContractMethod } from '../contract/method-table.js';
import { LiteIpcError, abortError, asError, callError } from '../common/errors.js';
import { Instances } from './instances.js';
import { RegistryClient } from '../registry/client.js';
import type { Location, LookupFound } from '../registry/protocol.js';
import type { Requests } from '../calls/requests.js';
import { isStreaming } from '../contract/methods.js';
import { RestartWatch } from './restart-watch.js';
import { Route, RouteState } from '../calls/route.js';
import type { Balance, ClientPolicy } from './options.js';
import { streamCaller, type StreamPlace } from '../calls/stream.js';

/**
 * What stands behind a client object. It outlives the service's restarts and the device's
 * connections: each call goes wherever the name leads at that moment.
 */
export class ServiceProxy {
  readonly contract: Contract;
  /** The object that the program calls. */
  client: object;
  readonly deathListeners = new Set<() => void>();
  readonly restarts = new RestartWatch((waitMs) => this.#resolve(waitMs));

  readonly #source: Pick<ConnectionSource, 'current' | 'within'>;
  readonly #waitMs: number;
  readonly #balance: Balance;
  readonly #locate: (() => Promise<Location>) | undefined;
  #requests: Requests | undefined;
  #route: Route | undefined;
  /** Of a service that has many: then `#route` is where calls wait while there is none. */
  #instances: Instances | undefined;

  /** With `locate` it is not the contract's name that is looked up. */
  constructor(
    contract: Contract,
    source: Pick<ConnectionSource, 'current' | 'within'>,
    policy: ClientPolicy,
    locate?: () => Promise<Location>,
  ) {
    this.contract = contract;
    this.#source = source;
    this.#waitMs = policy.waitMs;
    this.#balance = policy.balance;
    this.#locate = locate;
    const methods = methodsOf(contract);
    this.client = Object.freeze(
      Object.fromEntries(
        methods.map((method) => [
          method.method,
          isStreaming(method.kind)
            ? streamCaller(method, () => this.#place(method))
            : this.#caller(method),
        ]),
      ),
    );
  }

  /** Looks the service up now, unless that has been done. Rejects as a call would. */
  async resolve(): Promise<void> {
    await this.#resolve(this.#waitMs);
  }

  async #resolve(waitMs: number): Promise<void> {
    const until = performance.now() + waitMs;
    for (;;) {
      const connection = await this.#source.within(until - performance.now());
      const route = this.#route ?? this.#attach(connection);
      if (this.#instances !== undefined && this.#instances.size > 0) {
        this.#instances.watch();
        return;
      }
      // While it is being looked up for a call, once more does no harm: the answer is the same.
      if (route.state !== RouteState.Unresolved && route.state !== RouteState.Resolving) return;
      try {
        await this.#lookup(connection, route, Math.max(until - performance.now(), 0));
        return;
      } catch (error) {
        // A domain that ends while it is asked may come back in time.
        if (connection.alive || performance.now() >= until) throw error;
      }
    }
  }

  /** The connection has ended. The next call uses the one of then. */
  detach(): void {
    const wasThere =
      this.#instances !== undefined || (this.#route !== undefined && this.#route.handle !== 0);
    this.#route = undefined;
    this.#instances = undefined;
    this.#requests = undefined;
    if (wasThere) this.restarts.allGone();
  }

  /** Where it leads at the moment; undefined if it has not been looked up. */
  get location(): Location | undefined {
    const route = this.#instances?.choose() ?? this.#route;
    return route === undefined || route.handle === 0 || route.deathTold ? undefined : route;
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
      const route =
        this.#instances === undefined ? this.#route : (this.#instances.choose() ?? this.#route);
      return this.#requests.send(route, method, input, timeoutMs, options);
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
      connection = this.#source.current();
    } catch (error) {
      const code = error instanceof LiteIpcError ? error.code : 'ENODEV';
      // Files may be closed as soon as this returns.
      if (code === 'ENODEV' && this.#waitMs > 0 && options?.files === undefined) {
        return this.#callLater(method, input, timeoutMs, options);
      }
      return Promise.reject(callError(code, method));
    }
    const route = this.#route ?? this.#attach(connection);
    return connection.requests.send(route, method, input, timeoutMs, options);
  }

  /** Where a stream goes at the moment. Throws a LiteIpcError if there is no connection. */
  #place(method: ContractMethod): StreamPlace {
    try {
      const connection = this.#source.current();
      const route = this.#instances?.choose() ?? this.#route ?? this.#attach(connection);
      return { requests: connection.requests, route, routes: connection.routes };
    } catch (error) {
      throw callError(error instanceof LiteIpcError ? error.code : 'ENODEV', method);
    }
  }

  /** Calls when there is a domain again, if there is one in time. */
  async #callLater(
    method: ContractMethod,
    input: unknown,
    timeoutMs: number,
    options: CallOptions | undefined,
  ): Promise<unknown> {
    const before = performance.now();
    const signal = options?.signal;
    let failed: unknown;
    if (signal?.aborted !== true) {
      await this.#source
        .within(Math.min(this.#waitMs, timeoutMs), signal)
        .catch((error: unknown) => {
          failed = error;
        });
    }
    if (signal?.aborted === true) throw abortError(method, signal.reason);
    const waitedMs = performance.now() - before;
    if (failed !== undefined) {
      const code = failed instanceof LiteIpcError ? failed.code : 'ENODEV';
      const text = `the domain is gone, and did not come back within ${Math.round(waitedMs)} ms`;
      throw callError(code, method, code === 'ENODEV' ? text : undefined);
    }
    return this.#callDetached(method, input, Math.max(timeoutMs - waitedMs, 1), options);
  }

  #attach(connection: Connection): Route {
    const route = new Route(
      this.contract.name,
      connection.native.callTaskId,
      (unresolved) => {
        if (unresolved.retired) this.#replace(connection, unresolved);
        else this.#lookupForCalls(connection, unresolved);
      },
      () => {
        for (const listener of [...this.deathListeners]) listener();
        if (route === this.#route) this.restarts.allGone();
        else connection.routes.delete(route);
      },
    );
    route.keeps = this.#waitMs > 0;
    connection.routes.add(route);
    this.#route = route;
    this.#requests = connection.requests;
    return route;
  }

  /**
   * The service takes no more calls: they go by a new route, the old one stays for those in flight.
   */
  #replace(connection: Connection, retired: Route): void {
    if (this.#route === retired) {
      this.#attach(connection);
      this.restarts.allGone();
    }
    connection.requests.queue.move(retired, () => this.#route);
  }

  /**
   * Looks up for the calls that wait in the route: each waits for the service as long as it may.
   */
  #lookupForCalls(connection: Connection, route: Route): void {
    const now = performance.now();
    const waitMs = Math.max((route.waiting[0]?.since ?? now) + this.#waitMs - now, 0);
    this.#lookup(connection, route, waitMs).catch((error: unknown) => {
      const isMissing = error instanceof LiteIpcError && error.code === 'ENOENT';
      const since = isMissing && this.#waitMs > 0 ? performance.now() - this.#waitMs : Infinity;
      connection.requests.queue.unresolvable(route, error as Error, since);
    });
  }

  async #lookup(connection: Connection, route: Route, waitMs: number): Promise<void> {
    try {
      const answer =
        this.#locate === undefined
          ? await this.#lookupName(connection, waitMs)
          : { many: false, instances: [await this.#locate()], version: 0 };
      const [found] = answer.instances as [Location];
      await connection.ensureDeathNotices();
      if (!connection.alive) return;
      if (answer.many) {
        this.#useMany(connection, route, answer);
        return;
      }
      this.#instances = undefined;
      connection.requests.queue.resolved(route, found.handle, found.generation);
      const task = connection.native.query(found.handle);
      if (task?.alive === true && task.generation === found.generation) this.restarts.found();
    } catch (error) {
      throw this.#waitMs > 0 ? this.#withWait(error) : error;
    }
  }

  async #lookupName(connection: Connection, waitMs: number): Promise<LookupFound> {
    const registry = new RegistryClient(connection, connection.native.callTaskId);
    try {
      return await registry.lookup(this.contract, waitMs);
    } finally {
      registry.dispose();
    }
  }

  #useMany(connection: Connection, lobby: Route, found: LookupFound): void {
    this.#instances ??= new Instances(connection, this.contract, this.#balance, {
      onInstance: () => {
        this.restarts.found();
      },
      onDeath: () => {
        for (const listener of [...this.deathListeners]) listener();
        this.restarts.gone();
      },
      lobby: () => this.#route,
      isWatched: () => this.restarts.isWanted,
    });
    lobby.handle = 0;
    this.#instances.update(found);
    connection.requests.queue.move(lobby, () => this.#instances?.choose() ?? lobby);
  }

  /** Says how long was waited for a service that nobody has registered. */
  #withWait(error: unknown): unknown {
    if (!(error instanceof LiteIpcError) || error.code !== 'ENOENT') return error;
    const { name } = this.contract;
    const text = `No service "${name}" was registered within ${this.#waitMs} ms: start the process that exposes it, or wait longer (waitMs) (ENOENT)`;
    return new LiteIpcError('ENOENT', text, { service: name });
  }
}
