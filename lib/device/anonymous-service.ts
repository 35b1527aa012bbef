/** Services without a name: only who is sent a reference can call them. */
import type { Connection } from '../connection/connection.js';
import type { Contract } from '../contract/contract.js';
import { shapeOf } from '../contract/shape.js';
import { ControlOperation } from '../native/layout.js';
import { Reference } from '../attachments/reference.js';
import type { ServiceHost } from '../service/host.js';

/**
 * A service that no ServiceManager knows. Disposing ends it: calls that are not answered yet fail
 * with EPIPE. It ends with the connection to the domain, too, and is not exposed again by itself.
 */
export interface AnonymousService<C extends Contract = Contract> extends AsyncDisposable {
  readonly contract: C;
  /** To be sent to whom is to call the service. */
  readonly reference: Reference<C>;
  /** Takes the service back: calls that are not answered yet fail with EPIPE. */
  dispose(): Promise<void>;
}

/** Offers a service at a task of its own. */
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
