/** Implements the target of a client that calls a service by its name. */
import type { Route } from '../calls/route.js';
import { LiteIpcError } from '../common/errors.js';
import type { Connection } from '../connection/connection.js';
import type { Contract } from '../contract/contract.js';
import { RegistryClient } from '../registry/client.js';
import type { LookupFound } from '../registry/protocol.js';
import { BalancedTarget } from './balanced-target.js';
import { LookupTarget } from './lookup-target.js';
import type { ClientPolicy } from './options.js';
import type { TargetOwner } from './target.js';

/** A `NamedTarget` sends calls to the service that the ServiceManager finds by name. */
export class NamedTarget extends LookupTarget {
  /** Set while the service has many instances. */
  #balanced: BalancedTarget | undefined;

  constructor(
    connection: Connection,
    owner: TargetOwner,
    private readonly contract: Contract,
    private readonly policy: ClientPolicy,
  ) {
    super(connection, owner, contract.name, policy.waitMs);
  }

  protected override async find(waitMs: number): Promise<LookupFound> {
    const registry = new RegistryClient(this.connection, this.connection.native.callTaskId);
    try {
      return await registry.lookup(this.contract, waitMs);
    } catch (error) {
      throw this.policy.waitMs > 0 ? this.#withWait(error) : error;
    } finally {
      registry.dispose();
    }
  }

  protected override found(route: Route, found: LookupFound): void {
    if (!found.many) {
      this.#balanced = undefined;
      super.found(route, found);
      return;
    }
    const { connection, owner } = this;
    this.#balanced ??= new BalancedTarget(
      connection,
      owner,
      this.contract,
      this.policy.balance,
      this,
    );
    const balanced = this.#balanced;
    owner.use(balanced);
    route.handle = 0;
    balanced.update(found);
    connection.requests.queue.move(route, () => balanced.choose());
  }

  /** Adds to an ENOENT how long the client has waited. */
  #withWait(error: unknown): unknown {
    if (!(error instanceof LiteIpcError) || error.code !== 'ENOENT') return error;
    const { name } = this.contract;
    const text = `No service "${name}" was registered within ${this.policy.waitMs} ms: start the process that exposes it, or wait longer (waitMs) (ENOENT)`;
    return new LiteIpcError('ENOENT', text, { service: name });
  }
}
