/** Sends control messages to one registered service: the manager's side of service/control.ts. */
import type { Connection } from '../connection/connection.js';
import { methodsOf, type ContractMethod } from '../contract/method-table.js';
import { Route } from '../calls/route.js';
import { CONTROL_CODE, ServiceControlContract, type ControlMethod } from '../service/control.js';
import type { ServiceStatistics } from '../service/statistics.js';

/** Time after which a pending request for statistics fails, ms. */
const STATISTICS_TIMEOUT_MS = 5000;

const methods = new Map(methodsOf(ServiceControlContract).map((each) => [each.method, each]));

/** Sends control messages to one registered service. */
export class ServiceControlClient {
  readonly #route: Route;
  #pending: Promise<ServiceStatistics> | undefined;

  constructor(
    private readonly connection: Connection,
    name: string,
    handle: number,
    generation: number,
    private readonly key: Uint8Array,
  ) {
    this.#route = new Route(name, connection.native.callTaskId, undefined);
    this.#route.handle = handle;
    this.#route.generation = generation;
    connection.routes.add(this.#route);
  }

  /** Sends a control message and resolves to the reply. */
  send(name: ControlMethod, input: object, timeoutMs: number): Promise<unknown> {
    const found = methods.get(name) as ContractMethod;
    const { service } = this.#route;
    const method = { ...found, service, index: CONTROL_CODE + found.index };
    return this.connection.requests.send(
      this.#route,
      method,
      { ...input, key: this.key },
      timeoutMs,
    );
  }

  /**
   * Requests the service's statistics. At most one request is pending, so that a blocked service
   * does not collect requests.
   */
  statistics(): Promise<ServiceStatistics> {
    if (this.#pending !== undefined) return this.#pending;
    const pending = this.send(
      'statistics',
      {},
      STATISTICS_TIMEOUT_MS,
    ) as Promise<ServiceStatistics>;
    this.#pending = pending;
    const clear = (): void => {
      this.#pending = undefined;
    };
    pending.then(clear, clear);
    return pending;
  }

  /** Stops the use of the service's route. */
  dispose(): void {
    this.connection.routes.delete(this.#route);
  }
}
