/** The manager's side of the registry: names, their owners, and the rights that were given out. */
import type { Caller } from '../types/wire.js';
import type { CallContext } from './call-context.js';
import { checkInteger, checkObject, checkServiceName, unexpected } from './checks.js';
import type { Connection } from './connection.js';
import type { ImplementationOf } from './contract.js';
import { shapeTextHash } from './contract-shape.js';
import { LiteIpcError, Refusal } from './errors.js';
import { ControlOperation } from './native-layout.js';
import { matches, type Policy, type Subject } from './policy.js';
import type { LookupInput, LookupOutput, RegisterInput, Registry } from './registry-protocol.js';

/** Longest shape that is taken, characters. */
const SHAPE_MAX = 48_000;

/** A process that was given the right to call a service. */
interface Grant {
  readonly caller: Caller;
  readonly processGeneration: number;
}

interface Registration {
  readonly name: string;
  readonly shape: string;
  readonly hash: number;
  readonly owner: Caller;
  readonly handle: number;
  readonly generation: number;
  /** By LiteIPC process. */
  readonly grants: Map<number, Grant>;
}

/** What a manager tells of a registered service. */
export interface ServiceInfo {
  readonly name: string;
  readonly handle: number;
  readonly owner: Caller;
}

/** Serves the {@link Registry} contract at handle 0. */
export class RegistryService implements ImplementationOf<typeof Registry> {
  readonly #connection: Connection;
  readonly #task: number;
  readonly #policy: Policy;
  readonly #services = new Map<string, Registration>();

  /** `task` is the ServiceManager's. */
  constructor(connection: Connection, task: number, policy: Policy) {
    this.#connection = connection;
    this.#task = task;
    this.#policy = policy;
  }

  /** The services whose tasks live. */
  list(): ServiceInfo[] {
    return [...this.#services.values()]
      .filter((service) => this.#alive(service))
      .map(({ name, handle, owner }) => ({ name, handle, owner }));
  }

  readonly register = async (input: RegisterInput, call: CallContext): Promise<void> => {
    const { name, shape } = checkRegister(input);
    const { caller } = call;
    const decision = this.#policy.decide('serve', name, caller);
    if (!decision.allowed) {
      throw refused(name, `may not be served by ${who(caller)}: ${decision.explanation}`);
    }
    const info = this.#connection.native.query(caller.taskId);
    if (info?.alive !== true || info.processId !== caller.processId) {
      throw new Refusal('EPIPE', `Service "${name}": the registering task has ended (EPIPE)`);
    }
    const held = this.#services.get(name);
    if (held !== undefined && this.#alive(held)) {
      if (held.handle === info.taskId && held.generation === info.generation) return;
      const text = `Service "${name}" is being served by ${who(held.owner)}; a name has one owner (EEXIST)`;
      throw new Refusal('EEXIST', text, { service: name });
    }
    this.#checkTaskIsFree(name, info.taskId, info.generation);
    const registration: Registration = {
      name,
      shape,
      hash: shapeTextHash(shape),
      owner: caller,
      handle: info.taskId,
      generation: info.generation,
      grants: new Map(),
    };
    // At once, before anything is awaited: two that ask together must not both get the name.
    this.#services.set(name, registration);
    try {
      // Gives the manager access to the service, and with it the notice of its death.
      await this.#connection.control(
        ControlOperation.GenHandle,
        this.#task,
        info.taskId,
        0,
        info.generation,
      );
    } catch (error) {
      if (this.#services.get(name) === registration) this.#services.delete(name);
      throw new Refusal('EPROTO', `Service "${name}": ${(error as Error).message}`);
    }
  };

  readonly unregister = (input: { readonly name: string }, call: CallContext): void => {
    checkInput(() => {
      checkObject(input, 'the input of unregister');
      checkServiceName(input.name, 'name');
    });
    const held = this.#services.get(input.name);
    if (held === undefined) return;
    if (
      held.owner.taskId !== call.caller.taskId ||
      held.owner.processId !== call.caller.processId
    ) {
      throw refused(input.name, `belongs to ${who(held.owner)}, not to ${who(call.caller)}`);
    }
    this.#services.delete(input.name);
  };

  readonly lookup = async (input: LookupInput, call: CallContext): Promise<LookupOutput> => {
    const { name, hash } = checkLookup(input);
    const { caller } = call;
    // Permission first: who may not call a service does not learn whether it is there.
    const decision = this.#policy.decide('call', name, caller);
    if (!decision.allowed) throw refused(name, `refuses ${who(caller)}: ${decision.explanation}`);
    const service = this.#services.get(name);
    if (service === undefined || !this.#alive(service)) {
      this.#services.delete(name);
      throw notRegistered(name);
    }
    if (service.hash !== hash) return { shape: service.shape };
    await this.#grant(service, caller);
    return { handle: service.handle, generation: service.generation };
  };

  /** A task to which the manager had access has ended. */
  onDeath(handle: number): void {
    for (const service of this.#services.values()) {
      if (service.handle === handle && !this.#alive(service)) this.#services.delete(service.name);
    }
  }

  /** Takes the right to call a service from every process that the subject means. Returns how many. */
  async revoke(name: string, subject: Subject): Promise<number> {
    const service = this.#services.get(name);
    if (service === undefined) return 0;
    const revoked = [...service.grants].filter(([, grant]) => matches(subject, grant.caller));
    for (const [processId] of revoked) service.grants.delete(processId);
    const ended = revoked.map(([processId, grant]) =>
      this.#removeAccess(service, processId, grant.processGeneration),
    );
    return (await Promise.all(ended)).filter((removed) => removed).length;
  }

  async #grant(service: Registration, caller: Caller): Promise<void> {
    const { native } = this.#connection;
    const before = native.query(caller.taskId);
    if (before?.alive !== true || before.processId !== caller.processId) return;
    service.grants.set(caller.processId, { caller, processGeneration: before.processGeneration });
    try {
      await this.#connection.control(
        ControlOperation.AddAccess,
        this.#task,
        caller.taskId,
        service.handle,
        before.generation,
        service.generation,
      );
    } catch (error) {
      if (!(error instanceof LiteIpcError) || error.code !== 'EINVAL') throw error;
      // One of the two has ended while the domain was asked. If it is the caller, nobody reads this.
      throw notRegistered(service.name);
    }
    // The right may have been revoked meanwhile.
    const granted = service.grants.get(caller.processId);
    if (granted?.processGeneration === before.processGeneration) return;
    await this.#removeAccess(service, caller.processId, before.processGeneration);
    throw refused(service.name, `refuses ${who(caller)}: the right was revoked`);
  }

  /** False if the process or the service was gone already. */
  async #removeAccess(
    service: Registration,
    processId: number,
    processGeneration: number,
  ): Promise<boolean> {
    try {
      await this.#connection.control(
        ControlOperation.RemoveAccess,
        this.#task,
        processId,
        service.handle,
        processGeneration,
        service.generation,
      );
      return true;
    } catch (error) {
      if (error instanceof LiteIpcError && error.code === 'EINVAL') return false;
      throw error;
    }
  }

  /** A task serves one name, so that what a process can make the manager remember is limited. */
  #checkTaskIsFree(name: string, handle: number, generation: number): void {
    for (const other of this.#services.values()) {
      if (other.handle === handle && other.generation === generation) {
        const text = `Service "${name}": its task serves "${other.name}" already (EEXIST)`;
        throw new Refusal('EEXIST', text, { service: name });
      }
    }
  }

  #alive(service: Registration): boolean {
    const info = this.#connection.native.query(service.handle);
    return info?.alive === true && info.generation === service.generation;
  }
}

function who(caller: Caller): string {
  return `process ${caller.pid} (uid ${caller.uid}, gid ${caller.gid})`;
}

function refused(name: string, text: string): Refusal {
  return new Refusal('EACCES', `Service "${name}" ${text} (EACCES)`, { service: name });
}

function notRegistered(name: string): Refusal {
  const text = `No service "${name}" is registered: start the process that exposes it (ENOENT)`;
  return new Refusal('ENOENT', text, { service: name });
}

/** Input comes from other processes: what does not fit is refused, not thrown as a TypeError of theirs. */
function checkInput(check: () => void): void {
  try {
    check();
  } catch (error) {
    throw new Refusal('EPROTO', `ServiceManager: ${(error as Error).message} (EPROTO)`);
  }
}

function checkRegister(input: RegisterInput): RegisterInput {
  checkInput(() => {
    checkObject(input, 'the input of register');
    checkServiceName(input.name, 'name');
    const { shape } = input as { shape: unknown };
    if (typeof shape !== 'string' || shape.length > SHAPE_MAX) {
      throw unexpected(`a text of at most ${SHAPE_MAX} characters`, 'shape', shape);
    }
  });
  return input;
}

function checkLookup(input: LookupInput): LookupInput {
  checkInput(() => {
    checkObject(input, 'the input of lookup');
    checkServiceName(input.name, 'name');
    checkInteger(input.hash, 'hash', 0, 0xffff_ffff);
  });
  return input;
}
