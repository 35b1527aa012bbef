/**
 * Implements devices: a program's access to a domain, through which it exposes and calls services.
 */
import { EventEmitter } from 'node:events';
import { checkDomainName, checkInteger, checkObject } from '../common/arguments.js';
import { exposeAnonymous, type AnonymousService } from './anonymous-service.js';
import { Clients } from '../client/clients.js';
import { ConnectionSource } from '../connection/source.js';
import type { Connection, ConnectionListener } from '../connection/connection.js';
import {
  checkContract,
  type Client,
  type Contract,
  type Implementation,
  type MethodDefinitions,
} from '../contract/contract.js';
import { DeviceTrace, type TraceOptions } from '../trace/device-trace.js';
import { LiteIpcError, domainError } from '../common/errors.js';
import { limitsOf, type ExposeOptions } from './expose-options.js';
import { exposedBy, type Exposed } from './exposed.js';
import { Exposure } from './exposure.js';
import { openConnection } from './open-connection.js';
import type { Reference } from '../attachments/reference.js';
import { referenceTo } from '../client/references.js';
import { ServiceHost } from '../service/host.js';
import type { ServiceOptions } from '../client/options.js';
import { checkTelemetry, type Telemetry } from '../contract/telemetry.js';
import type { Trace } from '../trace/record.js';
import { defined } from '../common/values.js';

/** Increment of the delay before the next attempt to reconnect, ms. */
const RECONNECT_STEP_MS = 50;
const RECONNECT_MAX_MS = 1000;

/** Options of {@link openDevice}. */
export interface DeviceOptions {
  /** Name of the domain, or the absolute path of its socket. */
  readonly domain: string;
  /** Size of the pool for pending messages of each sender, bytes. Default: that of the domain. */
  readonly poolSize?: number;
  /**
   * Maximum time to poll for messages before the event loop sleeps, ns; 0 disables polling.
   * Default 50,000.
   */
  readonly spinNs?: number;
  /** Wraps all calls and implementations: `openTelemetry()` of `liteipc/opentelemetry`. */
  readonly telemetry?: Telemetry;
  /**
   * Maximum size of the separate memory of one incoming message, bytes: of a call to a service of
   * this device, or of an answer. A larger message is refused with EMSGSIZE. Default 4 GiB.
   */
  readonly messageLimit?: number;
}

/** Events of a device. */
export interface DeviceEvents {
  /**
   * Emitted when the domain has ended. Calls in flight were rejected with ENODEV. The device
   * reconnects automatically.
   */
  lost: [];
  /**
   * Emitted when the device has reconnected to a domain of the same name and exposed its services
   * again.
   */
  reconnected: [];
  /**
   * Emitted when a service could not be exposed after a reconnection. Without a listener, a
   * process warning is emitted.
   */
  exposeFailed: [error: Error, contract: Contract];
}

/** Returns the error of {@link openDevice}, which names the remedy. */
function openError(error: unknown, domain: string): Error {
  return domainError(error, domain, {
    ENODEV: `no such domain is running; start it with ServiceManager.start({ domain: '${domain}' })`,
    EACCES:
      'this user may not use its socket; see socketMode and socketGid of ServiceManager.start',
    EAGAIN: "the domain's or this user's limit of processes is reached; close devices",
    EPERM:
      'either the directory of its socket is not owned by this user with mode 0700, or this is root: ' +
      'root may use only domains that root started, because others cannot distinguish it from root of a container',
  });
}

/**
 * A `Device` is an open device in a domain. It belongs to the JavaScript thread that opened it.
 */
export class Device extends EventEmitter<DeviceEvents> implements AsyncDisposable {
  /** The domain as given to {@link openDevice}. */
  readonly domain: string;

  readonly #options: DeviceOptions;
  readonly #source: ConnectionSource;
  readonly #clients: Clients;
  readonly #exposures = new Set<Exposure>();
  readonly #trace = new DeviceTrace();
  #closing: Promise<void> | undefined;
  #referenced = true;
  #reconnectTimer: NodeJS.Timeout | undefined;

  readonly #listener: ConnectionListener = {
    onLost: (connection) => this.#onLost(connection),
  };

  private constructor(options: DeviceOptions) {
    super();
    this.domain = options.domain;
    this.#options = options;
    this.#source = new ConnectionSource(options.domain);
    this.#clients = new Clients(this.#source, options.telemetry);
  }

  /** Called by {@link openDevice}. */
  static async open(options: DeviceOptions): Promise<Device> {
    checkObject(options, 'the options of openDevice');
    checkDomainName(options.domain, 'domain');
    const { poolSize, spinNs, telemetry, messageLimit } = options;
    if (telemetry !== undefined) checkTelemetry(telemetry, 'telemetry');
    if (messageLimit !== undefined) checkInteger(messageLimit, 'messageLimit', 0, 2 ** 32);
    if (poolSize !== undefined) checkInteger(poolSize, 'poolSize', 1, 0x7fff_ffff);
    if (spinNs !== undefined) checkInteger(spinNs, 'spinNs', 0, 1_000_000_000);
    const device = new Device({ ...options });
    device.#source.set(await device.#connect());
    return device;
  }

  /** True while the device is open in a running domain. */
  get connected(): boolean {
    return this.#source.connection?.alive === true;
  }

  /** The LiteIPC process ID of the device; 0 while it is not connected. */
  get processId(): number {
    return this.#source.connection?.native.processId ?? 0;
  }

  /** Number of calls that have not ended. */
  get pendingCalls(): number {
    return this.#source.connection?.pendingCalls ?? 0;
  }

  /** Returns the counters of the native device, for tests and tools; empty while not connected. */
  counters(): Readonly<Record<string, number>> {
    return this.#source.connection?.native.counters() ?? {};
  }

  /**
   * Exposes a service. The implementation runs on the event loop of this thread. A method that
   * returns no promise is answered immediately. Rejects with EEXIST if a running service has the
   * name (unless both use `instances: 'many'`), with EACCES if the policy does not let this
   * process serve the name.
   */
  async expose<Methods extends MethodDefinitions>(
    contract: Contract<Methods>,
    implementation: Implementation<Methods>,
    options: ExposeOptions = {},
  ): Promise<Exposed<Methods>> {
    const host = this.#hostOf(contract, implementation, options);
    const exposure = new Exposure(host, options.instances === 'many');
    await exposure.start(this.#source.current());
    if (this.#closing !== undefined) {
      throw new LiteIpcError('ECANCELED', 'expose: the device was closed meanwhile (ECANCELED)');
    }
    this.#exposures.add(exposure);
    return exposedBy(exposure, () => this.#exposures.delete(exposure));
  }

  /**
   * Returns a client of a service. Rejects with ENOENT if there is no such service (within
   * `waitMs`), with EACCES if the policy refuses this process, with EPROTO if the service has
   * another contract. The client survives restarts of its service and of the domain: calls in
   * flight fail, and the next call looks the name up again. The same contract and options return
   * the same client.
   */
  async service<Methods extends MethodDefinitions>(
    contract: Contract<Methods>,
    options: ServiceOptions = {},
  ): Promise<Client<Methods>> {
    return (await this.#clients.get(contract, options)) as Client<Methods>;
  }

  /**
   * Exposes a service without a name. Only processes that receive its `reference` can call it. It
   * ends with the connection to the domain, and a reconnection does not expose it again.
   */
  async exposeAnonymous<Methods extends MethodDefinitions>(
    contract: Contract<Methods>,
    implementation: Implementation<Methods>,
    options: ExposeOptions = {},
  ): Promise<AnonymousService<Contract<Methods>>> {
    const host = this.#hostOf(contract, implementation, options);
    const service = await exposeAnonymous(this.#source.current(), host);
    return service as AnonymousService<Contract<Methods>>;
  }

  /**
   * Returns a service as a value that can be sent to other processes: one that this device
   * exposes, or the service of a client. Throws ENOENT if the service is not available, ENODEV
   * without a domain.
   */
  reference<C extends Contract>(contract: C, service: Exposed | Client): Reference<C> {
    const behind = (client: object) => this.#clients.behind(client);
    return referenceTo(this.#source.current(), contract, service, behind) as Reference<C>;
  }

  /**
   * Calls `listener` whenever an instance of a client's service ends. The loss of the domain is
   * the event `lost` instead. Dispose the result to remove the listener.
   */
  onDeath(client: Client, listener: () => void): Disposable {
    return this.#clients.onDeath(client, listener);
  }

  /**
   * Calls `listener` whenever a client's service can be called again: once for each new instance
   * after one has ended, and after a loss of the domain. While there is a listener, lookups are
   * repeated in the background. Dispose the result to remove the listener.
   */
  onRestart(client: Client, listener: () => void): Disposable {
    return this.#clients.onRestart(client, listener);
  }

  /**
   * Starts to record what happens to the messages of this device, at the seven hooks of the
   * kernel. Discards earlier records. Continues through reconnections. Throws EALREADY if the
   * trace is on.
   */
  startTrace(options: TraceOptions = {}): void {
    this.#source.requireNotClosed();
    this.#trace.start(options);
  }

  /** Stops the trace. Its records can still be read. Throws EALREADY if the trace is off. */
  stopTrace(): void {
    this.#trace.stop();
  }

  /**
   * Returns and removes the records since the last read, oldest first; even after the device was
   * closed. Throws ENODATA if no trace was ever started.
   */
  readTrace(): Trace {
    return this.#trace.read();
  }

  /** Makes the open device keep the event loop alive, which is the default. */
  ref(): this {
    this.#referenced = true;
    if (this.connected) this.#source.connection?.native.ref();
    this.#reconnectTimer?.ref();
    return this;
  }

  /** Allows the process to exit while the device is open. */
  unref(): this {
    this.#referenced = false;
    if (this.connected) this.#source.connection?.native.unref();
    this.#reconnectTimer?.unref();
    return this;
  }

  /**
   * Closes the device and ends its services. Pending calls are rejected with ECANCELED.
   * Idempotent. Resolves when all resources are released.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Same as {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    clearTimeout(this.#reconnectTimer);
    const { connection } = this.#source;
    this.#source.close();
    this.#detach();
    this.#exposures.clear();
    await connection?.close();
  }

  #hostOf(contract: Contract, implementation: object, options: ExposeOptions): ServiceHost {
    checkContract(contract, 'the contract of expose');
    checkObject(implementation, `the implementation of ${contract.name}`);
    const limits = limitsOf(options);
    const served =
      this.#options.telemetry?.implementation(contract, implementation) ?? implementation;
    return new ServiceHost(contract, served, options.onError, limits, options.eventQueue);
  }

  async #connect(): Promise<Connection> {
    const { spinNs, domain, poolSize, messageLimit } = this.#options;
    const options = { domain, ...defined({ poolSize, messageLimit }) };
    try {
      const connection = await openConnection(options, this.#listener);
      if (spinNs !== undefined) connection.native.setSpin(spinNs);
      if (!this.#referenced) connection.native.unref();
      this.#trace.attach(connection.native);
      return connection;
    } catch (error) {
      throw openError(error, domain);
    }
  }

  #detach(): void {
    this.#source.set(undefined);
    this.#trace.detach();
    this.#clients.detach();
    for (const exposure of this.#exposures) exposure.detach();
  }

  #onLost(connection: Connection): void {
    if (connection !== this.#source.connection) return;
    this.#detach();
    void connection.close();
    queueMicrotask(() => this.emit('lost'));
    this.#reconnectAfter(RECONNECT_STEP_MS);
  }

  #reconnectAfter(delayMs: number): void {
    if (this.#closing !== undefined) return;
    this.#reconnectTimer = setTimeout(() => {
      this.#reconnectTimer = undefined;
      void this.#reconnect(delayMs);
    }, delayMs);
    if (!this.#referenced) this.#reconnectTimer.unref();
  }

  async #reconnect(delayMs: number): Promise<void> {
    let connection: Connection;
    try {
      connection = await this.#connect();
    } catch {
      this.#reconnectAfter(Math.min(delayMs + RECONNECT_STEP_MS, RECONNECT_MAX_MS));
      return;
    }
    if (this.#closing !== undefined) {
      await connection.close();
      return;
    }
    if (!connection.alive) {
      void connection.close();
      this.#reconnectAfter(delayMs);
      return;
    }
    this.#source.set(connection);
    await Promise.all(
      [...this.#exposures].map((exposure) => this.#exposeAgain(exposure, connection)),
    );
    if (this.#source.connection === connection) this.emit('reconnected');
  }

  async #exposeAgain(exposure: Exposure, connection: Connection): Promise<void> {
    try {
      await exposure.start(connection);
    } catch (error) {
      // The domain was lost again: the next reconnection exposes the service.
      if (!connection.alive) return;
      const { contract } = exposure.host;
      if (this.emit('exposeFailed', error as Error, contract)) return;
      process.emitWarning(
        `"${contract.name}" could not be exposed after the reconnection: ${String(error)}`,
        'LiteIpcWarning',
      );
    }
  }
}

/**
 * Opens a device in a running domain. Rejects with ENODEV if there is no such domain, with EACCES
 * if this user may not use its socket.
 */
export function openDevice(options: DeviceOptions): Promise<Device> {
  return Device.open(options);
}
