/** Stores the clients of a device. */
import { checkFunction, unexpected } from '../common/arguments.js';
import type { ConnectionSource } from '../connection/source.js';
import { checkContract, type Contract } from '../contract/contract.js';
import { NamedTarget } from './named-target.js';
import { ServiceProxy } from './proxy.js';
import { checkServiceOptions, type ServiceOptions } from './options.js';
import type { Telemetry } from '../contract/telemetry.js';

/** Creates the clients of one device: one for each contract and set of options. */
export class Clients {
  readonly #telemetry: Telemetry | undefined;
  /** Reuses clients, so that repeated requests for the same service do not leak. */
  readonly #proxies = new Map<Contract, Map<string, ServiceProxy>>();
  readonly #proxyOf = new WeakMap<object, ServiceProxy>();

  constructor(
    private readonly source: ConnectionSource,
    telemetry?: Telemetry,
  ) {
    this.#telemetry = telemetry;
  }

  /** Returns a client whose service has been found. */
  async get(contract: Contract, options: ServiceOptions): Promise<object> {
    checkContract(contract, 'the contract of service');
    const policy = checkServiceOptions(options);
    const key = JSON.stringify(policy);
    let proxies = this.#proxies.get(contract);
    if (proxies === undefined) {
      proxies = new Map();
      this.#proxies.set(contract, proxies);
    }
    let proxy = proxies.get(key);
    if (proxy === undefined) {
      proxy = new ServiceProxy(
        contract,
        this.source,
        policy.waitMs,
        (connection, owner) => new NamedTarget(connection, owner, contract, policy),
      );
      proxy.client = this.#telemetry?.client(contract, proxy.client) ?? proxy.client;
      proxies.set(key, proxy);
      this.#proxyOf.set(proxy.client, proxy);
    }
    await proxy.resolve();
    return proxy.client;
  }

  /** Calls `listener` whenever an instance of the service of a client ends. */
  onDeath(client: object, listener: () => void): Disposable {
    checkFunction(listener, 'the listener of onDeath');
    const { deathListeners } = this.#find(client, 'onDeath');
    // A separate function, so that the same listener can be added twice.
    const call = (): void => listener();
    deathListeners.add(call);
    return { [Symbol.dispose]: () => deathListeners.delete(call) };
  }

  /** Calls `listener` whenever the service of a client can be reached again. */
  onRestart(client: object, listener: () => void): Disposable {
    checkFunction(listener, 'the listener of onRestart');
    return this.#find(client, 'onRestart').restarts.add(() => listener());
  }

  /**
   * Returns the proxy of a client: its contract, and the location of its service if that is known.
   */
  behind(client: object): Pick<ServiceProxy, 'contract' | 'location'> {
    const proxy = this.#proxyOf.get(client);
    if (proxy !== undefined) return proxy;
    throw unexpected(
      'a service of this device or a client made by it',
      'the service of reference',
      client,
    );
  }

  /** Detaches all clients from the connection, which has ended. */
  detach(): void {
    for (const proxies of this.#proxies.values()) {
      for (const proxy of proxies.values()) proxy.detach();
    }
  }

  #find(client: object, what: string): ServiceProxy {
    const proxy = this.#proxyOf.get(client);
    if (proxy === undefined) {
      throw unexpected('a client made by this device', `the client of ${what}`, client);
    }
    return proxy;
  }
}
