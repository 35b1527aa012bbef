/** Devices: a program's access to a domain, through which it offers services and calls them. */
import { EventEmitter } from 'node:events';
import type { AdmissionLimits } from './admission.js';
import { checkDomainName, checkFunction, checkInteger, checkObject, unexpected } from './checks.js';
import { Connection, type ConnectionListener } from './connection.js';
import {
  checkContract,
  type Client,
  type Contract,
  type Implementation,
  type MethodDefinitions,
} from './contract.js';
import { DeviceTrace, type TraceOptions } from './device-trace.js';
import { LiteIpcError } from './errors.js';
import { Exposure } from './exposure.js';
import { loadNativeBinding } from './native-loader.js';
import { ServiceProxy } from './proxy.js';
import { ServiceHost, type OnServiceError } from './service-host.js';
import type { Trace } from './trace-record.js';

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
}

/** What {@link Device.expose} takes besides contract and implementation. */
export interface ExposeOptions {
  /**
   * Told what nobody waits for: errors of one-way methods, with the method's name. Default: a process
   * warning.
   */
  readonly onError?: OnServiceError;
  /**
   * How many calls may run at once, one-way messages included; more wait for their turn, which goes round
   * the calling processes. Default: any number.
   */
  readonly concurrency?: number;
  /**
   * How many calls may wait. Further ones fail with EBUSY, first those of the process that has most of
   * them waiting; one-way messages are told to `onError`. Default 1000. Only with `concurrency`.
   */
  readonly queue?: number;
}

const QUEUE_DEFAULT = 1000;
const LIMIT_MAX = 1_000_000;

function limitsOf({ concurrency, queue }: ExposeOptions): AdmissionLimits | undefined {
  if (queue !== undefined) checkInteger(queue, 'queue', 0, LIMIT_MAX);
  if (concurrency === undefined) {
    if (queue !== undefined) throw unexpected('concurrency, too,', 'a queue', concurrency);
    return undefined;
  }
  checkInteger(concurrency, 'concurrency', 1, LIMIT_MAX);
  return { concurrency, queue: queue ?? QUEUE_DEFAULT };
}

/** A service on offer. Disposing takes it back: calls that are not answered yet fail with EPIPE. */
export interface Exposed extends AsyncDisposable {
  readonly contract: Contract;
  /** The service's handle in its domain; changes when the device reconnects, 0 meanwhile. */
  readonly handle: number;
  dispose(): Promise<void>;
}

/** Events of a device. */
export interface DeviceEvents {
  /** The domain is gone; calls in flight have been rejected with ENODEV. The device reconnects by itself. */
  lost: [];
  /** The device is open in a domain of the same name again, and its services are exposed again. */
  reconnected: [];
  /** A service could not be exposed again after a reconnection. Without a listener: a process warning. */
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
  /** One for each contract, so that asking again costs nothing and leaks nothing. */
  readonly #proxies = new Map<Contract, ServiceProxy>();
  readonly #proxyOf = new WeakMap<object, ServiceProxy>();
  readonly #exposures = new Set<Exposure>();
  readonly #trace = new DeviceTrace();
  #connection: Connection | undefined;
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
  }

  /** Use {@link openDevice}. */
  static async open(options: DeviceOptions): Promise<Device> {
    checkObject(options, 'the options of openDevice');
    checkDomainName(options.domain, 'domain');
    const { poolSize, spinNs } = options;
    if (poolSize !== undefined) checkInteger(poolSize, 'poolSize', 1, 0x7fff_ffff);
    if (spinNs !== undefined) checkInteger(spinNs, 'spinNs', 0, 1_000_000_000);
    const device = new Device({ ...options });
    device.#connection = await device.#connect();
    return device;
  }

  /** Whether the device is open in a running domain at the moment. */
  get connected(): boolean {
    return this.#connection?.alive === true;
  }

  /** The device's LiteIPC process ID, 0 while it is not connected. */
  get processId(): number {
    return this.#connection?.native.processId ?? 0;
  }

  /** Calls that have not ended. */
  get pendingCalls(): number {
    return this.#connection?.pendingCalls ?? 0;
  }

  /** Counters of the native side, for tests and tools; empty while not connected. */
  counters(): Readonly<Record<string, number>> {
    return this.#connection?.native.counters() ?? {};
  }

  /**
   * Offers a service. The implementation runs on this thread's event loop; a method that returns no
   * promise is answered at once. Rejects with EEXIST if a live service has the name, with EACCES if the
   * policy does not let this process serve it.
   */
  async expose<Methods extends MethodDefinitions>(
    contract: Contract<Methods>,
    implementation: Implementation<Methods>,
    options: ExposeOptions = {},
  ): Promise<Exposed> {
    checkContract(contract, 'the contract of expose');
    checkObject(implementation, `the implementation of ${contract.name}`);
    checkObject(options, 'the options of expose');
    if (options.onError !== undefined) checkFunction(options.onError, 'onError');
    const exposure = new Exposure(
      new ServiceHost(contract, implementation, options.onError, limitsOf(options)),
    );
    await exposure.start(this.#current());
    if (this.#closing !== undefined) {
      throw new LiteIpcError('ECANCELED', 'expose: the device was closed meanwhile (ECANCELED)');
    }
    this.#exposures.add(exposure);
    const dispose = async (): Promise<void> => {
      this.#exposures.delete(exposure);
      await exposure.stop();
    };
    return {
      contract,
      get handle() {
        return exposure.handle;
      },
      dispose,
      [Symbol.asyncDispose]: dispose,
    };
  }

  /**
   * A client of a service. Rejects with ENOENT if there is no such service, with EACCES if the policy
   * refuses this process, with EPROTO if the service has another contract. The client survives the
   * service's restarts: calls in flight fail, the next call looks the name up again. The same contract
   * gives the same client.
   */
  async service<Methods extends MethodDefinitions>(
    contract: Contract<Methods>,
  ): Promise<Client<Methods>> {
    checkContract(contract, 'the contract of service');
    let proxy = this.#proxies.get(contract);
    if (proxy === undefined) {
      proxy = new ServiceProxy(contract, () => this.#current());
      this.#proxies.set(contract, proxy);
      this.#proxyOf.set(proxy.client, proxy);
    }
    await proxy.resolve();
    return proxy.client as Client<Methods>;
  }

  /**
   * Calls `listener` whenever the service behind a client ends (once for each instance). A lost domain
   * is the event `lost` instead. Disposing the result ends it.
   */
  onDeath(client: Client, listener: () => void): Disposable {
    checkFunction(listener, 'the listener of onDeath');
    const proxy = this.#proxyOf.get(client);
    if (proxy === undefined) {
      throw unexpected('a client made by this device', 'the client of onDeath', client);
    }
    // A function of its own, so that the same listener may be given twice.
    const told = (): void => {
      listener();
    };
    proxy.deathListeners.add(told);
    return { [Symbol.dispose]: () => proxy.deathListeners.delete(told) };
  }

  /**
   * Records from now on what happens to this device's messages: the kernel's seven hooks. What was recorded
   * before is forgotten. Goes on through reconnections. Throws EALREADY if it is on.
   */
  startTrace(options: TraceOptions = {}): void {
    this.#requireNotClosed();
    this.#trace.start(options);
  }

  /** Ends the recording; what was recorded can still be read. Throws EALREADY if it is off. */
  stopTrace(): void {
    this.#trace.stop();
  }

  /**
   * Takes what was recorded since the last reading, oldest first; also when the device was closed. Throws
   * ENODATA if it was never traced.
   */
  readTrace(): Trace {
    return this.#trace.read();
  }

  /** Lets the open device keep the event loop alive again, as it does at first. */
  ref(): this {
    this.#referenced = true;
    if (this.connected) this.#connection?.native.ref();
    this.#reconnectTimer?.ref();
    return this;
  }

  /** Lets the process exit although the device is open. */
  unref(): this {
    this.#referenced = false;
    if (this.connected) this.#connection?.native.unref();
    this.#reconnectTimer?.unref();
    return this;
  }

  /** Ends services and calls: pending ones reject with ECANCELED. Idempotent; resolves when all is released. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    clearTimeout(this.#reconnectTimer);
    const connection = this.#connection;
    this.#detach();
    this.#exposures.clear();
    await connection?.close();
  }

  #requireNotClosed(): void {
    if (this.#closing !== undefined) {
      throw new LiteIpcError('ECANCELED', 'The device was closed by this program (ECANCELED)');
    }
  }

  #current(): Connection {
    this.#requireNotClosed();
    if (this.#connection?.alive !== true) {
      const text = `Domain "${this.domain}" is gone; the device reconnects by itself (ENODEV)`;
      throw new LiteIpcError('ENODEV', text);
    }
    return this.#connection;
  }

  async #connect(): Promise<Connection> {
    const { domain, poolSize, spinNs } = this.#options;
    const options = poolSize === undefined ? { domain } : { domain, poolSize };
    try {
      const connection = await Connection.open(loadNativeBinding(), options, this.#listener);
      if (spinNs !== undefined) connection.native.setSpin(spinNs);
      if (!this.#referenced) connection.native.unref();
      this.#trace.attach(connection.native);
      return connection;
    } catch (error) {
      throw openError(error, domain);
    }
  }

  #detach(): void {
    this.#connection = undefined;
    this.#trace.detach();
    for (const proxy of this.#proxies.values()) proxy.detach();
    for (const exposure of this.#exposures) exposure.detach();
  }

  #onLost(connection: Connection): void {
    if (connection !== this.#connection) return;
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
    this.#connection = connection;
    await Promise.all(
      [...this.#exposures].map((exposure) => this.#exposeAgain(exposure, connection)),
    );
    if (this.#connection === connection) this.emit('reconnected');
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
 * Opens a device in a running domain. Rejects with ENODEV when there is no such domain, with EACCES when
 * its socket may not be used by this user.
 */
export function openDevice(options: DeviceOptions): Promise<Device> {
  return Device.open(options);
}
