/** Implements references: creates them, connects clients to them, and reports when they end. */
import { checkFunction, checkObject, unexpected } from '../common/arguments.js';
import type { Connection } from '../connection/connection.js';
import { checkContract, type Client, type Contract } from '../contract/contract.js';
import { mismatchText, shapeOf } from '../contract/shape.js';
import { LiteIpcError } from '../common/errors.js';
import { LookupTarget } from './lookup-target.js';
import { ServiceProxy } from './proxy.js';
import type { TargetOwner } from './target.js';
import { Reference, type ReferenceFacts, type ReferenceHome } from '../attachments/reference.js';
import { livingTask } from '../native/living-task.js';
import type { Location, LookupFound } from '../registry/protocol.js';
import { Route } from '../calls/route.js';

/** Implements the references of one connection. */
export class References implements ReferenceHome {
  /** By service. Reuses clients, so that repeated calls of `connect` do not leak. */
  readonly #proxies = new Map<string, Map<Contract, ServiceProxy>>();

  constructor(private readonly connection: Connection) {}

  get native(): Connection['native'] {
    return this.connection.native;
  }

  problem(facts: ReferenceFacts): LiteIpcError | undefined {
    const { handle, name } = facts;
    const about = { service: name };
    if (!this.connection.alive) {
      const text = `The reference to "${name}" has ended with the connection to the domain`;
      return new LiteIpcError('ENODEV', text, about);
    }
    if (!livingTask(this.native, facts)) {
      const text = `The reference to "${name}" cannot be used: the service has ended`;
      return new LiteIpcError('ENOENT', text, about);
    }
    if (!this.native.hasAccess(handle)) {
      const text = `The reference to "${name}" can no longer be used by this process`;
      return new LiteIpcError('EACCES', text, about);
    }
    return undefined;
  }

  async connect(facts: ReferenceFacts, contract: Contract): Promise<Client> {
    checkContract(contract, 'the contract of connect');
    const shape = shapeOf(contract.methods);
    if (shape !== facts.shape) {
      const text = mismatchText(facts.name, { shape }, { shape: facts.shape });
      throw new LiteIpcError('EPROTO', text, { service: contract.name });
    }
    const key = `${facts.handle} ${facts.generation}`;
    const proxies = this.#proxies.get(key) ?? new Map<Contract, ServiceProxy>();
    let proxy = proxies.get(contract);
    if (proxy === undefined) {
      const problem = this.problem(facts);
      if (problem !== undefined) throw withCode(problem);
      proxy = this.#proxyOf(facts, contract);
      proxy.deathListeners.add(() => {
        this.#proxies.delete(key);
      });
      proxies.set(contract, proxy);
      this.#proxies.set(key, proxies);
    }
    await proxy.resolve();
    return proxy.client as Client;
  }

  onDeath(facts: ReferenceFacts, listener: () => void): Disposable {
    checkFunction(listener, 'the listener of onDeath');
    const { routes, native } = this.connection;
    const notify = (): void => {
      if (routes.delete(route)) listener();
    };
    // No request uses this route. It only detects the end of the task.
    const route = new Route(facts.name, native.callTaskId, () => undefined, notify);
    route.handle = facts.handle;
    route.generation = facts.generation;
    routes.add(route);
    if (this.problem(facts)?.code === 'ENOENT') queueMicrotask(notify);
    else void this.connection.ensureDeathNotices();
    return { [Symbol.dispose]: () => routes.delete(route) };
  }

  #proxyOf(facts: ReferenceFacts, contract: Contract): ServiceProxy {
    const current = (): Connection => {
      if (this.connection.alive) return this.connection;
      throw new LiteIpcError('ENODEV', 'The connection to the domain has ended (ENODEV)');
    };
    const source = { current, within: () => Promise.resolve().then(current) };
    return new ServiceProxy(
      contract,
      source,
      0,
      (connection, owner) => new ReferenceTarget(connection, owner, facts, contract),
    );
  }
}

/** A `ReferenceTarget` sends calls to the task that a reference names. */
class ReferenceTarget extends LookupTarget {
  constructor(
    connection: Connection,
    owner: TargetOwner,
    private readonly facts: ReferenceFacts,
    contract: Contract,
  ) {
    super(connection, owner, contract.name, 0);
  }

  protected override async find(): Promise<LookupFound> {
    await Promise.resolve();
    const problem = this.connection.references.problem(this.facts);
    if (problem !== undefined) throw withCode(problem);
    return { many: false, instances: [this.facts], version: 0 };
  }
}

/** Adds the code to the text of an error that is reported on its own. */
function withCode({ code, message, service }: LiteIpcError): LiteIpcError {
  return new LiteIpcError(code, `${message} (${code})`, service === undefined ? {} : { service });
}

/** A service that this device exposes, or a client of a service. */
export type ReferencedService = { readonly handle: number; readonly contract: Contract } | object;

function isExposed(
  target: ReferencedService,
): target is { readonly handle: number; readonly contract: Contract } {
  return typeof (target as { handle?: unknown }).handle === 'number' && 'contract' in target;
}

/** Returns a reference to a service of this connection, or to the service of a client. */
export function referenceTo(
  connection: Connection,
  contract: Contract,
  target: ReferencedService,
  behind: (client: object) => {
    readonly contract: Contract;
    readonly location?: Location | undefined;
  },
): Reference {
  checkContract(contract, 'the contract of reference');
  checkObject(target, 'the service of reference');
  const about = isExposed(target)
    ? { contract: target.contract, location: ownLocation(connection, target.handle) }
    : behind(target);
  if (about.contract.hash !== contract.hash || about.contract.name !== contract.name) {
    throw unexpected(`a service of the contract ${contract.name}`, 'reference', about.contract);
  }
  if (about.location === undefined) {
    const text = `Service "${contract.name}" is not available (ENOENT)`;
    throw new LiteIpcError('ENOENT', text, { service: contract.name });
  }
  const { handle, generation } = about.location;
  const facts = { handle, generation, name: contract.name, shape: shapeOf(contract.methods) };
  return new Reference(connection.references, facts);
}

function ownLocation(connection: Connection, handle: number): Location | undefined {
  if (!connection.hosts.has(handle)) return undefined;
  const task = connection.native.query(handle);
  return task && { handle, generation: task.generation };
}
