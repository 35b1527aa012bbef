/** A service that a device offers: its task in the domain, and its name at the ServiceManager. */
import type { Connection } from './connection.js';
import { ControlOperation } from './native-layout.js';
import { RefusalReports } from './refusal-reports.js';
import { RegistryClient } from './registry-client.js';
import { ServiceControl } from './service-control.js';
import type { ServiceHost } from './service-host.js';

/** One exposed service; survives the device's connections. */
export class Exposure {
  readonly host: ServiceHost;
  #connection: Connection | undefined;
  #task = 0;
  #registry: RegistryClient | undefined;
  #refusals: RefusalReports | undefined;

  constructor(host: ServiceHost) {
    this.host = host;
  }

  /** Handle of the service, 0 while it is not registered. */
  get handle(): number {
    return this.#task;
  }

  /** Makes a task for the service and registers it. Leaves nothing behind if that fails. */
  async start(connection: Connection): Promise<void> {
    const { value0: task } = await connection.control(ControlOperation.TaskCreate, 0);
    const registry = new RegistryClient(connection, task);
    // Before it is known by name: the first request may come at once.
    const control = new ServiceControl(connection.native, this.host, task);
    this.host.control = control;
    this.host.access = control.access;
    const { name } = this.host.contract;
    const refusals = new RefusalReports((report) => registry.refused({ name, ...report }));
    control.access.refusals = refusals;
    control.access.onUpdated = () => {
      connection.refuseCalls(task, control.access);
    };
    connection.hosts.set(task, this.host);
    try {
      await registry.register(this.host.contract, control.key);
    } catch (error) {
      connection.hosts.delete(task);
      registry.dispose();
      if (connection.alive) {
        await connection.control(ControlOperation.TaskExit, task).catch(() => undefined);
      }
      throw error;
    }
    this.#connection = connection;
    this.#registry = registry;
    this.#refusals = refusals;
    this.#task = task;
  }

  /** The connection has ended, and with it the task. */
  detach(): void {
    this.#connection = undefined;
    this.#registry = undefined;
    this.#refusals?.dispose();
    this.#refusals = undefined;
    this.#task = 0;
  }

  /** Takes the name back and ends the task: calls that are not answered yet fail with EPIPE. */
  async stop(): Promise<void> {
    const connection = this.#connection;
    const registry = this.#registry;
    const task = this.#task;
    this.detach();
    if (connection === undefined || registry === undefined) return;
    // The end of the task takes the name too, when the manager learns of it; this only hurries.
    if (connection.alive) await registry.unregister(this.host.contract).catch(() => undefined);
    registry.dispose();
    connection.endService(task);
    if (connection.alive) {
      await connection.control(ControlOperation.TaskExit, task).catch(() => undefined);
    }
  }
}
