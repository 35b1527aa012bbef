/** A registered service, and which of its methods a caller may call. */
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

/** What a caller may do with a service. */
export interface CallerRights {
  /** A bit for each method that it may call. */
  methods: Uint8Array;
  limits: readonly LimitEntry[];
}

/** A process that was given the right to call a service. */
export interface Grant extends CallerRights {
  readonly caller: Caller;
  readonly processGeneration: number;
}

/** A name, the service that has it, and who may call it. */
export interface Registration {
  readonly name: string;
  readonly shape: string;
  readonly hash: number;
  /** Of its contract, if it says one. */
  readonly version: string | undefined;
  /** Names of its methods, by number. */
  readonly methods: readonly string[];
  readonly owner: Caller;
  readonly handle: number;
  readonly generation: number;
  /** Whether there may be other instances of the same name. */
  readonly many: boolean;
  /** By LiteIPC process. */
  readonly grants: Map<number, Grant>;
  /**
   * The way to its process; undefined for a service that does not speak to the manager, as one in
   * C.
   */
  readonly control: ServiceControlClient | undefined;
  /** Tells the service which methods its callers may call; undefined if it does not check that. */
  readonly access: MethodAccessSender | undefined;
}

/** Identifies a task: a number of the domain and the generation of its use. */
export interface ServiceTask {
  readonly taskId: number;
  readonly generation: number;
}

/** Returns whether `task` is the one that serves the registration. */
export function isTask(service: Registration, task: ServiceTask): boolean {
  return service.handle === task.taskId && service.generation === task.generation;
}

/**
 * What a caller may do with a service, and whether that is anything. `decision` is about the
 * service.
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

/** The methods in a set; undefined if it has all of them. */
export function namesOf(service: Registration, bits: Uint8Array): readonly string[] | undefined {
  const names = service.methods.filter((_name, index) => hasMethod(bits, index));
  return names.length === service.methods.length ? undefined : names;
}

/** What the service is told of a caller. */
export function entryOf([processId, grant]: readonly [number, Grant]): MethodAccessEntry {
  return [processId, grant.processGeneration, grant.methods, grant.limits];
}

function uncheckedMethods(refusal: Decision): Decision {
  const why =
    'its process does not check rules for methods, so it gets only callers that may call all';
  return { ...refusal, explanation: `${why}; ${refusal.explanation}` };
}

function uncheckedLimit({ rule, name, quota }: LimitInForce): Decision {
  const why = 'its process does not check quotas, so it gets only callers without one';
  const explanation = `${why}; ${name} limits ${subjectInWords(rule.subject)} to ${quotaInWords(quota)}`;
  return { allowed: false, explanation, rule };
}
