/** A service that a device offers: its task in the domain, and its name at the ServiceManager. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Connection } from '../connection/connection.js';
import { ControlOperation } from '../native/layout.js';
import { RefusalReports } from './refusal-reports.js';
import { RegistryClient } from '../registry/client.js';
import { ServiceControl } from '../service/control.js';
import type { ServiceHost } from '../service/host.js';

/** How often a service that ends looks whether its calls have, ms. */
const LOOK_MS = 5;
/** How long it waits for messages that had been sent before, as long as some come, ms. */
const ARRIVAL_MAX_MS = 100;
/** How long the manager has for taking the name back, ms: it may be gone. */
const UNREGISTER_MAX_MS = 1000;

/** What one connection knows of a registered service. */
interface Registered {
  readonly connection: Connection;
  readonly registry: RegistryClient;
  readonly refusals: RefusalReports;
  readonly task: number;
}

/** One exposed service; survives the device's connections. */
export class Exposure {
  readonly host: ServiceHost;
  readonly #many: boolean;
  #registered: Registered | undefined;
  #draining: Promise<number> | undefined;
  /** It is not to come back. */
  #isEnding = false;

  /** `many`: whether other processes may serve the name, too. */
  constructor(host: ServiceHost, many = false) {
    this.host = host;
    this.#many = many;
  }

  /** Handle of the service, 0 while it is not registered. */
  get handle(): number {
    return this.#registered?.task ?? 0;
  }

  /** Makes a task for the service and registers it. Leaves nothing behind if that fails. */
  async start(connection: Connection): Promise<void> {
    const { value0: task } = await connection.control(ControlOperation.TaskCreate, 0);
    const registry = new RegistryClient(connection, task);
    // Before it is known by name: the first request may come at once.
    const control = new ServiceControl(connection.native, this.host, task);
    this.host.control = control.host;
    this.host.access = control.access;
    const { name } = this.host.contract;
    const refusals = new RefusalReports((report) => registry.refused({ name, ...report }));
    control.access.refusals = refusals;
    control.access.onUpdated = () => {
      connection.refuseCalls(task, control.access);
    };
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
    // The program has taken it back meanwhile.
    if (this.#isEnding) await this.stop();
  }

  /** The connection has ended, and with it the task. */
  detach(): void {
    this.#registered?.refusals.dispose();
    this.#registered = undefined;
  }

  /** Takes the name back and ends the task: calls that are not answered yet fail with EPIPE. */
  async stop(): Promise<void> {
    this.#isEnding = true;
    const registered = this.#registered;
    this.detach();
    if (registered === undefined) return;
    // The end of the task takes the name too, when the manager learns of it; this only hurries.
    if (this.#draining === undefined) await this.#unregister(registered);
    const { connection, registry, task } = registered;
    registry.dispose();
    connection.endService(task);
    if (connection.alive) {
      await connection.control(ControlOperation.TaskExit, task).catch(() => undefined);
    }
  }

  /**
   * Takes the name back, refuses what comes from now on and waits for the calls in flight, then
   * ends as {@link stop}. Resolves to how many were not answered.
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
      // What was sent before is on its way: as long as some arrives, more may.
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
