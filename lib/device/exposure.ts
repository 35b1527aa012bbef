/**
 * Exposes a service: creates its task in the domain, and registers its name at the ServiceManager.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Connection } from '../connection/connection.js';
import { ControlOperation } from '../native/layout.js';
import { RefusalReports } from './refusal-reports.js';
import { RegistryClient } from '../registry/client.js';
import { ServiceControl } from '../service/control.js';
import type { ServiceHost } from '../service/host.js';

/** Interval between two checks whether the calls of a draining service have ended, ms. */
const LOOK_MS = 5;
/** Maximum wait for messages that were sent before the drain, while some arrive, ms. */
const ARRIVAL_MAX_MS = 100;
/** Timeout of the removal of the name, ms. The manager may have ended. */
const UNREGISTER_MAX_MS = 1000;

/** Describes the registration in one connection. */
interface Registered {
  readonly connection: Connection;
  readonly registry: RegistryClient;
  readonly refusals: RefusalReports;
  readonly task: number;
}

/** An `Exposure` is one exposed service. It survives the connections of the device. */
export class Exposure {
  readonly host: ServiceHost;
  readonly #many: boolean;
  #registered: Registered | undefined;
  #draining: Promise<number> | undefined;
  /** True once a reconnection must not expose the service again. */
  #isEnding = false;

  /** `many`: other processes may serve the name, too. */
  constructor(host: ServiceHost, many = false) {
    this.host = host;
    this.#many = many;
  }

  /** The handle of the service; 0 while it is not registered. */
  get handle(): number {
    return this.#registered?.task ?? 0;
  }

  /** Creates a task for the service, and registers it. Releases the task if that fails. */
  async start(connection: Connection): Promise<void> {
    const { value0: task } = await connection.control(ControlOperation.TaskCreate, 0);
    const registry = new RegistryClient(connection, task);
    // Set before the registration, because the first request may follow immediately.
    const control = new ServiceControl(connection.native, this.host, task);
    this.host.control = control.host;
    this.host.access = control.access;
    const { name } = this.host.contract;
    const refusals = new RefusalReports((report) => registry.refused({ name, ...report }));
    control.access.refusals = refusals;
    control.access.onUpdated = () => connection.refuseCalls(task, control.access);
    connection.hosts.set(task, this.host);
    try {
      await registry.register(this.host.contract, control.key, this.#many);
    } catch (error) {
      connection.hosts.delete(task);
      registry.dispose();
      if (connection.alive) {
        await connection.control(ControlOperation.TaskExit, task).catch(() => undefined);
      }
      throw error;
    }
    this.#registered = { connection, registry, refusals, task };
    // The program has stopped the service meanwhile.
    if (this.#isEnding) await this.stop();
  }

  /** Forgets the registration, which has ended with the connection. */
  detach(): void {
    this.#registered?.refusals.dispose();
    this.#registered = undefined;
  }

  /** Removes the name and ends the task. Unanswered calls fail with EPIPE. */
  async stop(): Promise<void> {
    this.#isEnding = true;
    const registered = this.#registered;
    this.detach();
    if (registered === undefined) return;
    // The manager also removes the name when it learns of the end of the task. This is faster.
    if (this.#draining === undefined) await this.#unregister(registered);
    const { connection, registry, task } = registered;
    registry.dispose();
    connection.endService(task);
    if (connection.alive) {
      await connection.control(ControlOperation.TaskExit, task).catch(() => undefined);
    }
  }

  /**
   * Removes the name, refuses new calls and waits for the calls in flight, then ends as {@link
   * stop} does. Resolves to the number of unanswered calls.
   */
  drain(timeoutMs: number): Promise<number> {
    this.#draining ??= this.#drain(performance.now() + timeoutMs);
    return this.#draining;
  }

  async #drain(until: number): Promise<number> {
    this.#isEnding = true;
    const registered = this.#registered;
    if (registered === undefined) return 0;
    const { host } = this;
    const time = Math.min(UNREGISTER_MAX_MS, Math.max(until - performance.now(), 0));
    await Promise.race([this.#unregister(registered), pause(time)]);
    host.isDraining = true;
    const drainedFrom = performance.now();
    for (let calls = -1; registered === this.#registered; calls = host.counts.calls) {
      if (!registered.connection.alive || performance.now() >= until) break;
      // Earlier messages may still be in transit: while some arrive, more may follow.
      const arrives =
        calls !== host.counts.calls && performance.now() - drainedFrom < ARRIVAL_MAX_MS;
      const isAnswered = registered.connection.isAnswered(registered.task);
      if (!arrives && isAnswered && host.unanswered === 0) break;
      await pause(LOOK_MS);
    }
    const left = host.unanswered;
    if (registered === this.#registered) await this.stop();
    return left;
  }

  async #unregister({ connection, registry }: Registered): Promise<void> {
    if (connection.alive) await registry.unregister(this.host.contract).catch(() => undefined);
  }
}
