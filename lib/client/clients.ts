/** The clients that a device has given out. */
import { checkFunction, unexpected } from '../common/arguments.js';
import type { ConnectionSource } from '../connection/source.js';
import { checkContract, type Contract } from '../contract/contract.js';
import { NamedTarget } from './named-target.js';
import { ServiceProxy } from './proxy.js';
import { checkServiceOptions, type ServiceOptions } from './options.js';
import type { Telemetry } from '../contract/telemetry.js';

/** The clients of one device: one for each contract and choice of options. */
export class Clients {
  readonly #source: ConnectionSource;
  readonly #telemetry: Telemetry | undefined;
  /** So that asking again costs nothing and leaks nothing. */
  readonly #proxies = new Map<Contract, Map<string, ServiceProxy>>();
  readonly #proxyOf = new WeakMap<object, ServiceProxy>();

  constructor(source: ConnectionSource, telemetry?: Telemetry) {
    this.#source = source;
    this.#telemetry = telemetry;
  }

  /** A client whose service has been found. */
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
        this.#source,
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

  /** Calls `listener` whenever an instance of the client's service ends. */
  onDeath(client: object, listener: () => void): Disposable {
    checkFunction(listener, 'the listener of onDeath');
    const { deathListeners } = this.#find(client, 'onDeath');
    // A function of its own, so that the same listener may be given twice.
    const told = (): void => {
      listener();
    };
    deathListeners.add(told);
    return { [Symbol.dispose]: () => deathListeners.delete(told) };
  }

  /** Calls `listener` whenever the client's service can be reached again. */
  onRestart(client: object, listener: () => void): Disposable {
    checkFunction(listener, 'the listener of onRestart');
    return this.#find(client, 'onRestart').restarts.add(() => {
      listener();
    });
  }

  /** The contract of a client, and where its service is, if that is known. */
  behind(client: object): Pick<ServiceProxy, 'contract' | 'location'> {
    const proxy = this.#proxyOf.get(client);
    if (proxy !== undefined) return proxy;
    throw unexpected(
      'a service of this device or a client made by it',
      'the service of reference',
      client,
    );
  }

  /** The connection has ended. */
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
