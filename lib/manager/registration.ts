/** Describes a registered service and computes the rights of its callers. */
import type { Caller } from '../../types/wire.js';
import type { MethodAccessSender } from './method-access-sender.js';
import {
  hasMethod,
  methodBits,
  type LimitEntry,
  type MethodAccessEntry,
} from '../service/method-access.js';
import type { Decision, Judgement, LimitInForce, Policy } from '../policy/policy.js';
import { subjectInWords } from '../policy/subject.js';
import { quotaInWords } from '../policy/quota.js';
import type { ServiceControlClient } from './service-control-client.js';

/** The methods of a service that a caller may call, and its limits. */
export interface CallerRights {
  /** One bit for each method, set if the caller may call it. */
  methods: Uint8Array;
  limits: readonly LimitEntry[];
}

/** The rights of one process that may call a service. */
export interface Grant extends CallerRights {
  readonly caller: Caller;
  readonly processGeneration: number;
}

/** A registered service: its name, its task, and the grants of its callers. */
export interface Registration {
  readonly name: string;
  readonly shape: string;
  readonly hash: number;
  /** Version of its contract, if the contract has one. */
  readonly version: string | undefined;
  /** Names of its methods, by number. */
  readonly methods: readonly string[];
  readonly owner: Caller;
  readonly handle: number;
  readonly generation: number;
  /** True if other instances may have the same name. */
  readonly many: boolean;
  /** Grants by LiteIPC process ID. */
  readonly grants: Map<number, Grant>;
  /**
   * Sends control messages to the service; undefined if the service does not support them, as one
   * in C.
   */
  readonly control: ServiceControlClient | undefined;
  /** Sends method rules to the service; undefined if the service does not check method rules. */
  readonly access: MethodAccessSender | undefined;
}

/** Identifies a task: a number within the domain, and the generation of that number. */
export interface ServiceTask {
  readonly taskId: number;
  readonly generation: number;
}

/** Returns whether `task` is the one that serves the registration. */
export function isTask(service: Registration, task: ServiceTask): boolean {
  return service.handle === task.taskId && service.generation === task.generation;
}

/**
 * Computes the rights of a caller and whether they permit anything. `decision` is the decision
 * about the service as a whole.
 */
export function decideRights(
  service: Registration,
  judgement: Judgement,
  decision: Decision,
  policy: Policy,
): { readonly allowed: Decision; readonly rights: CallerRights } {
  const nothing: CallerRights = { methods: methodBits([]), limits: [] };
  if (!decision.allowed) return { allowed: decision, rights: nothing };
  const decisions = service.methods.map((method) => judgement.decideMethod(method));
  const refusal = decisions.find(({ allowed }) => !allowed);
  if (service.access === undefined) {
    const [limit] = judgement.limits;
    if (refusal !== undefined) return { allowed: uncheckedMethods(refusal), rights: nothing };
    if (limit !== undefined) return { allowed: uncheckedLimit(limit), rights: nothing };
  }
  const rights: CallerRights = {
    methods: methodBits(decisions.map(({ allowed }) => allowed)),
    limits: judgement.limits.map(({ rule, name, quota }): LimitEntry => {
      const id = policy.limitId(rule);
      const only = rule.methods;
      if (only === undefined) return [id, name, quota];
      return [id, name, quota, methodBits(service.methods.map((method) => only.includes(method)))];
    }),
  };
  const isAny = decisions.some(({ allowed }) => allowed);
  return { allowed: isAny || refusal === undefined ? decision : refusal, rights };
}

/** Returns the names of the methods in a set, or undefined if the set has all methods. */
export function namesOf(service: Registration, bits: Uint8Array): readonly string[] | undefined {
  const names = service.methods.filter((_name, index) => hasMethod(bits, index));
  return names.length === service.methods.length ? undefined : names;
}

/** Returns the entry that the service receives about a caller. */
export function entryOf([processId, grant]: readonly [number, Grant]): MethodAccessEntry {
  return [processId, grant.processGeneration, grant.methods, grant.limits];
}

function uncheckedMethods(refusal: Decision): Decision {
  const why =
    'its process does not check method rules, so it admits only callers that may call every method';
  return { ...refusal, explanation: `${why}; ${refusal.explanation}` };
}

function uncheckedLimit({ rule, name, quota }: LimitInForce): Decision {
  const why = 'its process does not check quotas, so it admits only callers without a quota';
  const explanation = `${why}; ${name} limits ${subjectInWords(rule.subject)} to ${quotaInWords(quota)}`;
  return { allowed: false, explanation, rule };
}
