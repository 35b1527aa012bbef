/**
 * Defines rules and their builders: `allow(Calculator, 'add').to({ uid: 1000 })`. A rule is data.
 */
import { checkObject, checkServiceName, unexpected } from '../common/arguments.js';
import { checkContract, type Contract, type MethodDefinitions } from '../contract/contract.js';
import { checkSubject, freezeSubject, type Subject } from './subject.js';
import { toQuota, upstreamQuota, type Quota } from './quota.js';

/** The action that a rule decides about. */
export type RuleAction =
  /** Calling the service. */
  | 'call'
  /** Registering the service's name. */
  | 'serve';

/** One rule of a policy. */
export interface Rule {
  /** `limit` neither admits nor refuses; it gives admitted callers that fit it a quota. */
  readonly effect: 'allow' | 'deny' | 'limit';
  readonly action: RuleAction;
  /** Name of the service. */
  readonly service: string;
  /** Only these methods; absent: all. For `call` rules only. */
  readonly methods?: readonly string[];
  /** Present in `limit` rules only. */
  readonly quota?: Quota;
  readonly subject: Subject;
  /** Position in a policy file, e.g. `shop.jsonc:7:5`. Explanations name the rule by it. */
  readonly origin?: string;
}

/** Completes a rule about calls. */
export interface CallRuleBuilder {
  /** Makes one rule for each subject. */
  to(...subjects: readonly Subject[]): readonly Rule[];
}

/** Completes a rule about a whole service. */
export interface RuleBuilder extends CallRuleBuilder {
  /** Makes one rule for each subject that may, or may not, register the name. */
  toServe(...subjects: readonly Subject[]): readonly Rule[];
}

/** The names of a contract's methods. */
export type MethodNames<Methods extends MethodDefinitions> = keyof Methods & string;

/**
 * Starts a rule that admits: `allow(Calculator).to({ uid: 1000 })`. The service is a contract or a
 * name. With names of methods, the rule covers only these: `allow(Calculator, 'add', 'log').to({
 * gid: 33 })`.
 */
export function allow(service: Contract | string): RuleBuilder;
export function allow(service: string, ...methods: readonly [string, ...string[]]): CallRuleBuilder;
export function allow<Methods extends MethodDefinitions>(
  service: Contract<Methods>,
  ...methods: readonly [MethodNames<Methods>, ...MethodNames<Methods>[]]
): CallRuleBuilder;
export function allow(service: Contract | string, ...methods: readonly string[]): RuleBuilder {
  return begin('allow', service, methods);
}

/** Starts a rule that refuses: `deny(Calculator).to({ pid: 4711 })`. It wins over every `allow`. */
export function deny(service: Contract | string): RuleBuilder;
export function deny(service: string, ...methods: readonly [string, ...string[]]): CallRuleBuilder;
export function deny<Methods extends MethodDefinitions>(
  service: Contract<Methods>,
  ...methods: readonly [MethodNames<Methods>, ...MethodNames<Methods>[]]
): CallRuleBuilder;
export function deny(service: Contract | string, ...methods: readonly string[]): RuleBuilder {
  return begin('deny', service, methods);
}

/**
 * Starts a rule that limits each user's use of a service, or of some of its methods together:
 * `limit(Log, { callsPerSecond: 100 }).to({ gid: 33 })`. The rule does not admit callers. Without a
 * quota, or with an empty one, it uses {@link upstreamQuota}. If several rules fit a caller, all of
 * them apply.
 */
export function limit(
  service: string,
  quota?: Quota,
  ...methods: readonly string[]
): CallRuleBuilder;
export function limit<Methods extends MethodDefinitions>(
  service: Contract<Methods>,
  quota?: Quota,
  ...methods: readonly MethodNames<Methods>[]
): CallRuleBuilder;
export function limit(
  service: Contract | string,
  quota: Quota = upstreamQuota,
  ...methods: readonly string[]
): CallRuleBuilder {
  const complete = toQuota(quota, `the quota of a rule for ${nameOf(service)}`);
  const rule = begin('limit', service, methods, complete);
  return { to: (...subjects) => rule.to(...subjects) };
}

function begin(
  effect: Rule['effect'],
  service: Contract | string,
  methods: readonly string[],
  quota?: Quota,
): RuleBuilder {
  const about = nameOf(service);
  checkMethodNames(service, methods);
  const rules = (action: RuleAction, subjects: readonly Subject[]): readonly Rule[] => {
    if (subjects.length === 0)
      throw unexpected('at least one subject', `a rule for ${about}`, undefined);
    return subjects.map((subject) =>
      makeRule({ effect, action, service: about, methods, quota, subject }),
    );
  };
  return {
    to: (...subjects) => rules('call', subjects),
    toServe: (...subjects) => {
      if (methods.length > 0)
        throw unexpected('no methods', `a toServe rule for ${about}`, methods);
      return rules('serve', subjects);
    },
  };
}

/** Parameters of {@link makeRule}. No methods means all of them. */
type RuleParts = {
  readonly [Key in keyof Rule]: Rule[Key] | undefined;
} & Pick<Rule, 'effect' | 'action' | 'service'> & { readonly methods: readonly string[] };

/** Makes a frozen rule with a checked subject. */
export function makeRule(parts: RuleParts): Rule {
  const { effect, action, service, methods, quota, subject, origin } = parts;
  checkSubject(subject);
  return Object.freeze({
    effect,
    action,
    service,
    ...(methods.length === 0 ? {} : { methods: Object.freeze([...methods]) }),
    ...(quota === undefined ? {} : { quota }),
    subject: freezeSubject(subject),
    ...(origin === undefined ? {} : { origin }),
  });
}

/** Returns the name of a service that is given by contract or by name. */
export function nameOf(service: Contract | string): string {
  if (typeof service === 'string') {
    checkServiceName(service, 'the name of a service');
    return service;
  }
  checkContract(service, 'a service (a contract or a name)');
  return service.name;
}

/** Checks names of methods. A contract must have the methods. */
export function checkMethodNames(service: Contract | string, methods: readonly unknown[]): void {
  for (const method of methods) {
    if (typeof method !== 'string' || method === '') {
      throw unexpected('the name of a method', `a rule for ${nameOf(service)}`, method);
    }
    if (typeof service !== 'string' && !Object.hasOwn(service.methods, method)) {
      const known = Object.keys(service.methods).join(', ');
      throw unexpected(`a method of ${service.name} (${known})`, 'a rule', method);
    }
  }
}

/** A policy of a program: rules, or arrays of rules as `allow(...).to(...)` returns them. */
export type PolicyInput = readonly (Rule | readonly Rule[])[];

/** Checks and flattens a policy. */
export function toRules(policy: unknown): Rule[] {
  if (!Array.isArray(policy)) throw unexpected('an array of rules', 'policy', policy);
  return (policy as unknown[]).flat().map((entry, index) => {
    checkObject(entry, `rule ${index + 1} of the policy`);
    const { effect, action, service, methods = [], subject, origin } = entry as Partial<Rule>;
    if (effect !== 'allow' && effect !== 'deny' && effect !== 'limit') {
      throw unexpected('allow, deny or limit', `effect of rule ${index + 1}`, effect);
    }
    if (action !== 'call' && (action !== 'serve' || effect === 'limit')) {
      const wanted = effect === 'limit' ? 'call' : 'call or serve';
      throw unexpected(wanted, `action of rule ${index + 1}`, action);
    }
    const quota = quotaOf(entry, effect, index);
    checkServiceName(service, `service of rule ${index + 1}`);
    if (!Array.isArray(methods) || (action === 'serve' && methods.length > 0)) {
      const wanted = action === 'serve' ? 'no methods' : 'an array of names';
      throw unexpected(wanted, `methods of rule ${index + 1}`, methods);
    }
    checkMethodNames(service, methods);
    return makeRule({ effect, action, service, methods, quota, subject, origin });
  });
}

function quotaOf(
  { quota }: Partial<Rule>,
  effect: Rule['effect'],
  index: number,
): Quota | undefined {
  const what = `quota of rule ${index + 1}`;
  if (effect === 'limit') return toQuota(quota, what);
  if (quota !== undefined) throw unexpected('none', `${what}, which does not limit,`, quota);
  return undefined;
}
