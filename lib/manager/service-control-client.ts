/** The manager's side of service-control.ts: tells and asks one registered service. */
import type { Connection } from '../connection/connection.js';
import { methodsOf, type ContractMethod } from '../contract/method-table.js';
import { Route } from '../calls/route.js';
import { CONTROL_CODE, ServiceControlContract, type ControlMethod } from '../service/control.js';
import type { ServiceStatistics } from '../service/statistics.js';

/** After so long a service that was asked for its statistics may be asked once more, ms. */
const STATISTICS_TIMEOUT_MS = 5000;

const methods = new Map(methodsOf(ServiceControlContract).map((each) => [each.method, each]));

/** The way to one registered service. */
export class ServiceControlClient {
  readonly #connection: Connection;
  readonly #route: Route;
  readonly #key: Uint8Array;
  #asked: Promise<ServiceStatistics> | undefined;

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
  }

  /** Sends the service a message; resolves to its answer. */
  send(name: ControlMethod, input: object, timeoutMs: number): Promise<unknown> {
    const found = methods.get(name) as ContractMethod;
    const { service } = this.#route;
    const method = { ...found, service, index: CONTROL_CODE + found.index };
    return this.#connection.requests.send(
      this.#route,
      method,
      { ...input, key: this.#key },
      timeoutMs,
    );
  }

  /** One question at a time: who does not answer is not buried in questions. */
  statistics(): Promise<ServiceStatistics> {
    if (this.#asked !== undefined) return this.#asked;
    const asked = this.send('statistics', {}, STATISTICS_TIMEOUT_MS) as Promise<ServiceStatistics>;
    this.#asked = asked;
    const forget = (): void => {
      this.#asked = undefined;
    };
    asked.then(forget, forget);
    return asked;
  }

  /** The service is not registered any more. */
  dispose(): void {
    this.#connection.routes.delete(this.#route);
  }
}
