/** Creates the objects that programs call. Each method sends a request to the client's target. */
import type { Requests } from '../calls/requests.js';
import type { Route } from '../calls/route.js';
import { streamCaller, type StreamPlace } from '../calls/stream.js';
import { LiteIpcError, abortError, asError, callError } from '../common/errors.js';
import type { Connection } from '../connection/connection.js';
import type { ConnectionSource } from '../connection/source.js';
import {
  DEFAULT_TIMEOUT_MS,
  checkCallOptions,
  type CallOptions,
} from '../contract/call-options.js';
import type { Contract } from '../contract/contract.js';
import { methodsOf, type ContractMethod } from '../contract/method-table.js';
import { isStreaming } from '../contract/methods.js';
import type { Location } from '../registry/protocol.js';
import { RestartWatch } from './restart-watch.js';
import type { CallTarget, TargetOwner } from './target.js';

/** Creates the target of a client in one connection. */
export type MakeTarget = (connection: Connection, owner: TargetOwner) => CallTarget;

/**
 * A `ServiceProxy` implements one client object. It survives restarts of the service and
 * reconnections of the device: each call uses the target of the current connection.
 */
export class ServiceProxy implements TargetOwner {
  readonly contract: Contract;
  /** The object that the program calls. */
  client: object;
  readonly deathListeners = new Set<() => void>();
  readonly restarts = new RestartWatch((waitMs) => this.#resolve(waitMs));

  readonly #source: Pick<ConnectionSource, 'current' | 'within'>;
  readonly #waitMs: number;
  readonly #makeTarget: MakeTarget;
  /** The target and the requests of the current connection. */
  #target: CallTarget | undefined;
  #requests: Requests | undefined;

  /** Calls wait up to `waitMs` for a connection. */
  constructor(
    contract: Contract,
    source: Pick<ConnectionSource, 'current' | 'within'>,
    waitMs: number,
    makeTarget: MakeTarget,
  ) {
    this.contract = contract;
    this.#source = source;
    this.#waitMs = waitMs;
    this.#makeTarget = makeTarget;
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

  /** Finds the service, unless it is known. Rejects as a call does. */
  async resolve(): Promise<void> {
    await this.#resolve(this.#waitMs);
  }

  async #resolve(waitMs: number): Promise<void> {
    const until = performance.now() + waitMs;
    for (;;) {
      const connection = await this.#source.within(until - performance.now());
      const target = this.#target ?? this.#attach(connection);
      try {
        await target.resolve(Math.max(until - performance.now(), 0));
        return;
      } catch (error) {
        // A domain that ends during the lookup may come back in time.
        if (connection.alive || performance.now() >= until) throw error;
      }
    }
  }

  use(target: CallTarget): void {
    this.#target = target;
  }

  notifyDeath(): void {
    for (const listener of [...this.deathListeners]) listener();
  }

  /** Detaches the client from the connection, which has ended. */
  detach(): void {
    const wasFound = this.#target?.isFound === true;
    this.#target = undefined;
    this.#requests = undefined;
    if (wasFound) this.restarts.allGone();
  }

  /** The location of the service; undefined while it is not known. */
  get location(): Location | undefined {
    const route = this.#target?.choose();
    return route === undefined || route.handle === 0 || route.deathNotified ? undefined : route;
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
      if (this.#target === undefined || this.#requests === undefined) {
        return this.#callDetached(method, input, timeoutMs, options);
      }
      return this.#requests.send(this.#target.choose(), method, input, timeoutMs, options);
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
      // The program may close the files of the call as soon as this function returns.
      if (code === 'ENODEV' && this.#waitMs > 0 && options?.files === undefined) {
        return this.#callLater(method, input, timeoutMs, options);
      }
      return Promise.reject(callError(code, method));
    }
    const route = this.#routeIn(connection);
    return connection.requests.send(route, method, input, timeoutMs, options);
  }

  /**
   * Returns the connection and route for a stream. Throws a LiteIpcError if there is no
   * connection.
   */
  #place(method: ContractMethod): StreamPlace {
    try {
      const connection = this.#source.current();
      const { requests, routes } = connection;
      return { requests, route: this.#routeIn(connection), routes };
    } catch (error) {
      throw callError(error instanceof LiteIpcError ? error.code : 'ENODEV', method);
    }
  }

  /**
   * Waits for the domain, then sends the call. Rejects if the domain does not come back in time.
   */
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
      const text = `the domain has ended, and did not restart within ${Math.round(waitedMs)} ms`;
      throw callError(code, method, code === 'ENODEV' ? text : undefined);
    }
    return this.#callDetached(method, input, Math.max(timeoutMs - waitedMs, 1), options);
  }

  #routeIn(connection: Connection): Route {
    return (this.#target ?? this.#attach(connection)).choose();
  }

  #attach(connection: Connection): CallTarget {
    this.#target = this.#makeTarget(connection, this);
    this.#requests = connection.requests;
    return this.#target;
  }
}
