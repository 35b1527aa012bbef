/** Devices: a program's access to a domain, through which it offers services and calls them. */
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
import { LiteIpcError } from '../common/errors.js';
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

/** Each failed attempt to reconnect makes the wait for the next so much longer, ms. */
const RECONNECT_STEP_MS = 50;
const RECONNECT_MAX_MS = 1000;

/** What {@link openDevice} takes. */
export interface DeviceOptions {
  /** Name of the domain, or the absolute path of its socket. */
  readonly domain: string;
  /** Bytes that each sender may have pending here. Default: the domain's. */
  readonly poolSize?: number;
  /** Longest wait for messages before the event loop sleeps, ns; 0 turns it off. Default 50,000. */
  readonly spinNs?: number;
  /** Put around all calls and implementations: `openTelemetry()` of `liteipc/opentelemetry`. */
  readonly telemetry?: Telemetry;
  /**
   * Most bytes that one message may bring in memory of its own: a call to a service of this device,
   * or the answer to a call. A larger one is refused with EMSGSIZE. Default 4 GiB.
   */
  readonly messageLimit?: number;
}

/** Events of a device. */
export interface DeviceEvents {
  /**
   * The domain is gone; calls in flight have been rejected with ENODEV. The device reconnects by
   * itself.
   */
  lost: [];
  /** The device is open in a domain of the same name again, and its services are exposed again. */
  reconnected: [];
  /**
   * A service could not be exposed again after a reconnection. Without a listener: a process
   * warning.
   */
  exposeFailed: [error: Error, contract: Contract];
}

/** The error of {@link openDevice}, with the remedy. */
function openError(error: unknown, domain: string): Error {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code !== 'string' || !(error instanceof Error)) return error as Error;
  const remedies: Readonly<Record<string, string>> = {
    ENODEV: `no such domain is running; start it with ServiceManager.start({ domain: '${domain}' })`,
    EACCES:
      'its socket may not be used by this user; see socketMode and socketGid of ServiceManager.start',
    EAGAIN: "the domain's or this user's share of processes is used up; close devices",
    EPERM:
      'either the folder of its socket does not belong to this user alone (mode 0700), or this is root: ' +
      'root may use only domains that root started, for others cannot tell it from root of a container',
  };
  const text = remedies[code] ?? error.message;
  return new LiteIpcError(code, `Domain "${domain}": ${text} (${code})`, { cause: error });
}

/** An open device; made by {@link openDevice}. Belongs to the JS thread that opened it. */
export class Device extends EventEmitter<DeviceEvents> implements AsyncDisposable {
  /** As given to {@link openDevice}. */
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
    onLost: (connection) => {
      this.#onLost(connection);
    },
  };

  private constructor(options: DeviceOptions) {
    super();
    this.domain = options.domain;
    this.#options = options;
    this.#source = new ConnectionSource(options.domain);
    this.#clients = new Clients(this.#source, options.telemetry);
  }

  /** Use {@link openDevice}. */
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

  /** Whether the device is open in a running domain at the moment. */
  get connected(): boolean {
    return this.#source.connection?.alive === true;
  }

  /** The device's LiteIPC process ID, 0 while it is not connected. */
  get processId(): number {
    return this.#source.connection?.native.processId ?? 0;
  }

  /** Calls that have not ended. */
  get pendingCalls(): number {
    return this.#source.connection?.pendingCalls ?? 0;
  }

  /** Counters of the native side, for tests and tools; empty while not connected. */
  counters(): Readonly<Record<string, number>> {
    return this.#source.connection?.native.counters() ?? {};
  }

  /**
   * Offers a service. The implementation runs on this thread's event loop; a method that returns no
   * promise is answered at once. Rejects with EEXIST if a live service has the name (unless both
   * say `instances: 'many'`), with EACCES if the policy does not let this process serve it.
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
   * A client of a service. Rejects with ENOENT if there is no such service (within `waitMs`), with
   * EACCES if the policy refuses this process, with EPROTO if the service has another contract. The
   * client survives the restarts of its service and of the domain: calls in flight fail, the next
   * call looks the name up again. The same contract and options give the same client.
   */
  async service<Methods extends MethodDefinitions>(
    contract: Contract<Methods>,
    options: ServiceOptions = {},
  ): Promise<Client<Methods>> {
    return (await this.#clients.get(contract, options)) as Client<Methods>;
  }

  /**
   * Offers a service without a name: only who is sent its `reference` can call it. It ends with the
   * connection to the domain and is not exposed again by itself.
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
   * A service as a value, to be sent to others: one that this device exposes, or the one behind a
   * client. Throws ENOENT if it is not there at the moment, ENODEV without a domain.
   */
  reference<C extends Contract>(contract: C, service: Exposed | Client): Reference<C> {
    const behind = (client: object) => this.#clients.behind(client);
    return referenceTo(this.#source.current(), contract, service, behind) as Reference<C>;
  }

  /**
   * Calls `listener` whenever the service behind a client ends (once for each instance). A lost
   * domain is the event `lost` instead. Disposing the result ends it.
   */
  onDeath(client: Client, listener: () => void): Disposable {
    return this.#clients.onDeath(client, listener);
  }

  /**
   * Calls `listener` whenever the service behind a client can be called again: after it had ended,
   * once for each new instance, and after the domain had been lost. While there is a listener the
   * service is looked for in the background. Disposing the result ends it.
   */
  onRestart(client: Client, listener: () => void): Disposable {
    return this.#clients.onRestart(client, listener);
  }

  /**
   * Records from now on what happens to this device's messages: the kernel's seven hooks. What was
   * recorded before is forgotten. Goes on through reconnections. Throws EALREADY if it is on.
   */
  startTrace(options: TraceOptions = {}): void {
    this.#source.requireNotClosed();
    this.#trace.start(options);
  }

  /** Ends the recording; what was recorded can still be read. Throws EALREADY if it is off. */
  stopTrace(): void {
    this.#trace.stop();
  }

  /**
   * Takes what was recorded since the last reading, oldest first; also when the device was closed.
   * Throws ENODATA if it was never traced.
   */
  readTrace(): Trace {
    return this.#trace.read();
  }

  /** Lets the open device keep the event loop alive again, as it does at first. */
  ref(): this {
    this.#referenced = true;
    if (this.connected) this.#source.connection?.native.ref();
    this.#reconnectTimer?.ref();
    return this;
  }

  /** Lets the process exit although the device is open. */
  unref(): this {
    this.#referenced = false;
    if (this.connected) this.#source.connection?.native.unref();
    this.#reconnectTimer?.unref();
    return this;
  }

  /**
   * Ends services and calls: pending ones reject with ECANCELED. Idempotent; resolves when all is
   * released.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The same as {@link close}. */
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
    const options = {
      domain,
      ...(poolSize === undefined ? {} : { poolSize }),
      ...(messageLimit === undefined ? {} : { messageLimit }),
    };
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
      // Lost once more: the next reconnection exposes it.
      if (!connection.alive) return;
      const { contract } = exposure.host;
      if (this.emit('exposeFailed', error as Error, contract)) return;
      process.emitWarning(
        `"${contract.name}" is not exposed again: ${String(error)}`,
        'LiteIpcWarning',
      );
    }
  }
}

/**
 * Opens a device in a running domain. Rejects with ENODEV when there is no such domain, with EACCES
 * when its socket may not be used by this user.
 */
export function openDevice(options: DeviceOptions): Promise<Device> {
  return Device.open(options);
}
