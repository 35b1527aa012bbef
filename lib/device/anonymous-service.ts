/** Offers services without a name. Only processes that receive a reference can call them. */
import type { Connection } from '../connection/connection.js';
import type { Contract } from '../contract/contract.js';
import { shapeOf } from '../contract/shape.js';
import { ControlOperation } from '../native/layout.js';
import { Reference } from '../attachments/reference.js';
import type { ServiceHost } from '../service/host.js';

/**
 * A service that is not registered at the ServiceManager. After its disposal, unanswered calls
 * fail with EPIPE. It ends with the connection to the domain, and a reconnection does not expose
 * it again.
 */
export interface AnonymousService<C extends Contract = Contract> extends AsyncDisposable {
  readonly contract: C;
  /** The reference to send to the callers of the service. */
  readonly reference: Reference<C>;
  /** Stops the service. Unanswered calls fail with EPIPE. */
  dispose(): Promise<void>;
}

/** Exposes a service at a task of its own. */
export async function exposeAnonymous(
  connection: Connection,
  host: ServiceHost,
): Promise<AnonymousService> {
  const { contract } = host;
  const { value0: handle } = await connection.control(ControlOperation.TaskCreate, 0);
  connection.hosts.set(handle, host);
  const generation = connection.native.query(handle)?.generation ?? 0;
  const { name, methods } = contract;
  const facts = { handle, generation, name, shape: shapeOf(methods) };
  let ending: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    if (!connection.alive) return;
    connection.endService(handle);
    await connection.control(ControlOperation.TaskExit, handle).catch(() => undefined);
  };
  const dispose = (): Promise<void> => (ending ??= end());
  return {
    contract,
    reference: new Reference(connection.references, facts),
    dispose,
    [Symbol.asyncDispose]: dispose,
  };
}
