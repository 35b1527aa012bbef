/** Implements the registry: names, the services that own them, and the rights of callers. */
import type { Caller } from '../../types/wire.js';
import type { AuditEvent } from './audit-log.js';
import type { CallContext } from '../contract/call-context.js';
import { livingCaller } from '../native/living-task.js';
import { describeCaller } from '../common/caller.js';
import { checkObject, checkServiceName } from '../common/arguments.js';
import type { Connection } from '../connection/connection.js';
import type { ImplementationOf } from '../contract/contract.js';
import { shapeTextHash } from '../contract/shape.js';
import { ControlOperation } from '../native/layout.js';
import { MethodAccessSender } from './method-access-sender.js';
import type { Decision, Explanation, Judgement, Policy } from '../policy/policy.js';
import type { Identity } from '../policy/subject.js';
import { ServiceControlClient } from './service-control-client.js';
import { RefusalAudit } from './refusal-audit.js';
import { checkNameIsFree, notRegistered, refusal, refusedCaller } from './refusals.js';
import { Rights } from './rights.js';
import {
  decideRights,
  entryOf,
  isTask,
  namesOf,
  type Grant,
  type Registration,
  type ServiceTask,
} from './registration.js';
import { checkInput, checkLookup, checkRefused, checkRegister } from '../registry/validation.js';
import {
  isReservedName,
  anyInstance,
  type LookupInput,
  type LookupOutput,
  type RefusalReport,
  type RegisterInput,
  type Registry,
} from '../registry/protocol.js';
import { ServiceNames } from './service-names.js';
import { WaitingLookups } from './waiting-lookups.js';

const UNSERVED = 'its process may no longer serve the name';

/** Describes a registered service, or one instance of it. */
export interface ServiceInfo {
  readonly name: string;
  readonly handle: number;
  readonly owner: Caller;
  /** True if the service permits other instances of the same name. */
  readonly instances: 'one' | 'many';
}

/** Receives the events of a registry. Must not throw. */
export interface RegistryListener {
  /** The registry made a decision. */
  onAudit(event: AuditEvent): void;
  /** A service registered, or the rules changed while it is registered. */
  onRegistered(service: Registration): void;
}

/** Serves the {@link Registry} contract at handle 0. */
export class RegistryService implements ImplementationOf<typeof Registry> {
  readonly #names = new ServiceNames();
  readonly #rights: Rights;
  readonly #waiting = new WaitingLookups();
  readonly #refusals: RefusalAudit;

  /** `task` is the ServiceManager's task. */
  constructor(
    private readonly connection: Connection,
    private readonly task: number,
    private readonly policy: Policy,
    private readonly listener: RegistryListener,
  ) {
    this.#rights = new Rights(connection, task, policy);
    this.#refusals = new RefusalAudit(connection.native, policy, (event) =>
      listener.onAudit(event),
    );
  }

  /**
   * Returns the decision of the rules about a call. If the service is registered, it also considers
   * whether the service can check method rules.
   */
  explain(caller: Identity, name: string, method?: string): Explanation {
    const judgement = this.policy.judge('call', name, caller);
    const { considered } = judgement;
    const whole = judgement.decide();
    const [service] = this.#live(name);
    const decision =
      service === undefined ? whole : decideRights(service, judgement, whole, this.policy).allowed;
    const limits = method === undefined ? judgement.limits : judgement.limitsOf(method);
    if (method === undefined || !decision.allowed) return { ...decision, limits, considered };
    return { ...judgement.decideMethod(method), limits, considered };
  }

  /** Returns the services whose tasks are alive, including the domain's own. */
  registrations(): Registration[] {
    return this.#names.named().filter((service) => this.#rights.isAlive(service));
  }

  /** Describes the services whose tasks are alive, without the domain's own. */
  list(): ServiceInfo[] {
    return this.registrations()
      .filter(({ name }) => !isReservedName(name))
      .map(({ name, handle, owner, many }) => ({
        name,
        handle,
        owner,
        instances: many ? 'many' : 'one',
      }));
  }

  readonly register = async (input: RegisterInput, call: CallContext): Promise<void> => {
    const { name, shape, key, version, many = false } = checkRegister(input);
    const { caller } = call;
    const decision = this.#decideServing(name, caller);
    if (!isReservedName(name) || !decision.allowed) {
      this.#audit('request', 'serve', name, caller, decision);
    }
    if (!decision.allowed) {
      const text = `may not be served by ${describeCaller(caller)}: ${decision.explanation}`;
      throw refusal('EACCES', name, text);
    }
    const info = livingCaller(this.connection.native, caller);
    if (info === undefined) throw refusal('EPIPE', name, 'cannot register: its task has ended');
    const others = this.#live(name);
    if (others.some((each) => isTask(each, info))) return;
    checkNameIsFree(name, shape, many, others);
    this.#checkTaskIsFree(name, info);
    const { taskId: handle, generation } = info;
    const control = key && new ServiceControlClient(this.connection, name, handle, generation, key);
    const registration: Registration = {
      name,
      shape,
      hash: shapeTextHash(shape),
      version,
      methods: shape.split('\n').map((line) => line.slice(line.indexOf(' ') + 1)),
      owner: caller,
      handle,
      generation,
      many,
      grants: new Map(),
      control,
      access: control && new MethodAccessSender(control),
    };
    // Before the first await: two requests at the same time must not both get the name.
    this.#names.add(registration);
    try {
      // Gives the manager access to the service; the domain then notifies it of the service's
      // death.
      await this.connection.control(
        ControlOperation.GenHandle,
        this.task,
        info.taskId,
        0,
        info.generation,
      );
    } catch (error) {
      this.#forget(registration);
      throw refusal('EPROTO', name, `cannot register: ${(error as Error).message}`);
    }
    this.listener.onRegistered(registration);
    this.#waiting.wake(name);
  };

  readonly unregister = (input: { readonly name: string }, call: CallContext): void => {
    checkInput(() => {
      checkObject(input, 'the input of unregister');
      checkServiceName(input.name, 'name');
    });
    const { caller } = call;
    const held = this.#names.of(input.name);
    const own = held.find(
      ({ owner }) => owner.taskId === caller.taskId && owner.processId === caller.processId,
    );
    if (own !== undefined) {
      this.#names.withdraw(own);
      this.#waiting.wake(input.name);
      return;
    }
    const [other] = held;
    if (other === undefined) return;
    const text = `is served by ${describeCaller(other.owner)}, not by ${describeCaller(caller)}`;
    throw refusal('EACCES', input.name, text);
  };

  readonly lookup = async (input: LookupInput, call: CallContext): Promise<LookupOutput> => {
    const { name, hash, waitMs = 0, known } = checkLookup(input);
    const { caller } = call;
    const until = performance.now() + Math.min(waitMs, call.remainingMs);
    for (;;) {
      // Checks permission first and each time: a caller without it must not learn whether the
      // service exists.
      const judgement = this.policy.judge('call', name, caller);
      const decision = judgement.decide();
      if (!decision.allowed) {
        this.#audit('request', 'call', name, caller, decision);
        throw refusedCaller(name, caller, decision);
      }
      const services = this.#live(name);
      const version = this.#names.versionOf(name);
      if (services.length > 0 && version !== known) {
        const found = await this.#answer(name, services, version, hash, caller, judgement);
        return input.waitMs === undefined ? anyInstance(found) : found;
      }
      const remaining = until - performance.now();
      const asker = remaining > 0 ? this.#processOf(caller) : undefined;
      if (asker === undefined) {
        if (services.length > 0) return { unchanged: true };
        throw notRegistered(name);
      }
      await this.#waiting.wait(name, asker, remaining);
    }
  };

  readonly refused = (input: RefusalReport, call: CallContext): void => {
    const report = checkRefused(input);
    const { name } = report;
    const { taskId, processId } = call.caller;
    const service = this.#names
      .all()
      .find(({ handle, owner }) => handle === taskId && owner.processId === processId);
    if (service?.name !== name) {
      throw refusal('EACCES', name, `is not served by ${describeCaller(call.caller)}`);
    }
    if (!this.#refusals.take(service, report)) {
      throw refusal('EAGAIN', name, 'reports refusals more than once a second');
    }
  };

  /** Grants the right to call each of the services and returns their locations. */
  async #answer(
    name: string,
    services: readonly Registration[],
    version: number,
    hash: number,
    caller: Caller,
    judgement: Judgement,
  ): Promise<LookupOutput> {
    const whole = judgement.decide();
    const decided = services.map((service) => ({
      service,
      ...decideRights(service, judgement, whole, this.policy),
    }));
    const admitting = decided.filter(({ allowed }) => allowed.allowed);
    const best = admitting[0] ?? decided[0];
    if (best === undefined) throw notRegistered(name);
    const { service, allowed, rights } = best;
    this.#audit('request', 'call', name, caller, allowed, namesOf(service, rights.methods));
    if (!allowed.allowed) throw refusedCaller(name, caller, allowed);
    if (service.hash !== hash) return mismatchOf(service);
    const granted = await Promise.allSettled(
      admitting.map((each) => this.#rights.grant(each.service, caller, each.rights)),
    );
    const instances = admitting.filter((_each, index) => granted[index]?.status === 'fulfilled');
    const failed = granted.find((outcome) => outcome.status === 'rejected');
    if (instances.length === 0 && failed !== undefined) throw failed.reason;
    return {
      instances: instances.map(({ service: { handle, generation } }) => ({ handle, generation })),
      many: service.many,
      // Version 0 makes a client that did not get every instance ask again.
      version: failed === undefined ? version : 0,
    };
  }

  /** Removes the services of a task that ended. The manager had access to the task. */
  onDeath(handle: number): void {
    for (const service of this.#names.all()) {
      if (service.handle === handle && !this.#rights.isAlive(service)) this.#forget(service);
    }
  }

  /**
   * Re-evaluates every grant after a change of the policy. Resolves when no process has more rights
   * than the policy permits, to the number of processes that lost a right.
   */
  async decideAgain(): Promise<number> {
    const services = this.#names.all();
    for (const service of services) this.listener.onRegistered(service);
    const lost = await Promise.all(services.map((service) => this.#decideAgain(service)));
    this.#waiting.wakeAll();
    return lost.reduce((sum, count) => sum + count, 0);
  }

  #decideServing(name: string, caller: Caller): Decision {
    if (!isReservedName(name)) return this.policy.decide('serve', name, caller);
    const explanation = 'names that begin with liteipc. are reserved for the domain';
    return { allowed: caller.processId === this.connection.native.processId, explanation };
  }

  async #decideAgain(service: Registration): Promise<number> {
    const { name, owner, grants, access } = service;
    const serving = this.#decideServing(name, owner);
    const isServed = serving.allowed;
    if (!isServed) {
      this.#audit('change', 'serve', name, owner, serving);
      this.#forget(service);
    }
    const removed: [number, Grant][] = [];
    const remaining: [number, Grant][] = [];
    let narrowed = 0;
    for (const [processId, grant] of grants) {
      const judgement = this.policy.judge('call', name, grant.caller);
      const decision = judgement.decide();
      const { allowed, rights } = decideRights(service, judgement, decision, this.policy);
      if (isServed && allowed.allowed) {
        if (rights.methods.some((bits, index) => ((grant.methods[index] ?? 0) & ~bits) !== 0)) {
          narrowed++;
          this.#audit(
            'change',
            'call',
            name,
            grant.caller,
            allowed,
            namesOf(service, rights.methods),
          );
        }
        Object.assign(grant, rights);
        remaining.push([processId, grant]);
      } else {
        grants.delete(processId);
        removed.push([processId, grant]);
        const reason = isServed ? allowed : { ...serving, explanation: UNSERVED };
        this.#audit('change', 'call', name, grant.caller, reason);
      }
    }
    const ended = this.#rights.removeGrants(service, removed);
    if (isServed && access !== undefined) {
      try {
        if (this.policy.hasMessageRules(name)) await access.update(remaining.map(entryOf));
        else if (access.restricted) await access.lift();
      } catch {
        // Without the confirmation the service may not enforce the rules, so all its grants are
        // removed. Callers that look it up again get a new decision.
        for (const [processId, { caller }] of remaining) {
          grants.delete(processId);
          this.#audit('change', 'call', name, caller, {
            allowed: false,
            explanation: 'the service did not confirm the rules of its methods',
          });
        }
        return (await ended) + (await this.#rights.removeGrants(service, remaining));
      }
    }
    return (await ended) + narrowed;
  }

  /**
   * Checks that the task serves no other name. This limits what a process can make the manager
   * store.
   */
  #checkTaskIsFree(name: string, task: ServiceTask): void {
    const other = this.#names.all().find((each) => isTask(each, task));
    if (other === undefined) return;
    throw refusal('EEXIST', name, `cannot register: its task already serves "${other.name}"`);
  }

  #audit(
    occasion: AuditEvent['occasion'],
    action: AuditEvent['action'],
    service: string,
    { pid, uid, gid }: Identity,
    decision: Decision,
    methods?: readonly string[],
  ): void {
    this.listener.onAudit({
      time: new Date(),
      occasion,
      action,
      service,
      ...(methods === undefined || !decision.allowed ? {} : { methods }),
      caller: { pid, uid, gid },
      ...decision,
    });
  }

  /** Removes a service that ended or may no longer serve. */
  #forget(service: Registration): void {
    service.control?.dispose();
    this.#names.remove(service);
    this.#waiting.wake(service.name);
  }

  /** Returns the living services of a name. */
  #live(name: string): Registration[] {
    return this.#names.of(name).filter((service) => {
      const isAlive = this.#rights.isAlive(service);
      if (!isAlive) this.#forget(service);
      return isAlive;
    });
  }

  /**
   * Returns a key of the caller's process, or undefined if the process ended and cannot read the
   * reply.
   */
  #processOf(caller: Caller): string | undefined {
    const info = livingCaller(this.connection.native, caller);
    return info && `${info.processId} ${info.processGeneration}`;
  }
}

function mismatchOf({ shape, version }: Registration): LookupOutput {
  return version === undefined ? { shape } : { shape, version };
}
