/** Rules as programs write them: `allow(Calculator, 'add').to({ uid: 1000 })`. A rule is data. */
import { checkObject, checkServiceName, unexpected } from '../common/arguments.js';
import { checkContract, type Contract, type MethodDefinitions } from '../contract/contract.js';
import { checkSubject, freezeSubject, type Subject } from './subject.js';
import { toQuota, upstreamQuota, type Quota } from './quota.js';

/** What a rule decides about. */
export type RuleAction =
  /** Calling the service. */
  | 'call'
  /** Registering the service's name. */
  | 'serve';

/** One rule of a policy. */
export interface Rule {
  /** `limit` neither admits nor refuses: whoever is admitted and fits it has its quota. */
  readonly effect: 'allow' | 'deny' | 'limit';
  readonly action: RuleAction;
  /** Name of the service. */
  readonly service: string;
  /** Only these methods; absent: all. Of `call` rules only. */
  readonly methods?: readonly string[];
  /** Of `limit` rules, and of these always. */
  readonly quota?: Quota;
  readonly subject: Subject;
  /** Where it was written, e.g. `shop.jsonc:7:5`; decisions name the rule so. */
  readonly origin?: string;
}

/** What a half-written rule goes on with. */
export interface CallRuleBuilder {
  /** Whose calls the rule is about. Several subjects: any of them. */
  to(...subjects: readonly Subject[]): readonly Rule[];
}

/** What a half-written rule about a whole service goes on with. */
export interface RuleBuilder extends CallRuleBuilder {
  /** Who registers the name. Several subjects: any of them. */
  toServe(...subjects: readonly Subject[]): readonly Rule[];
}

/** Names of a contract's methods. */
export type MethodNames<Methods extends MethodDefinitions> = keyof Methods & string;

/**
 * Begins a rule: `allow(Calculator).to({ uid: 1000 })`. The service by contract or by name; with
 * names of methods the rule is about these alone: `allow(Calculator, 'add', 'log').to({ gid: 33
 * })`.
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

/** Begins a rule that refuses: `deny(Calculator).to({ pid: 4711 })`. It wins over every `allow`. */
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
 * Begins a rule that limits how much each user may use: `limit(Log, { callsPerSecond: 100 }).to({
 * gid: 33 })`, of a whole service or of these methods together. It admits nobody. Without a quota,
 * or with an empty one, it is {@link upstreamQuota}. Of several rules that fit a caller each
 * counts: none may be exceeded.
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

/** What {@link makeRule} takes: no methods means all of them. */
type RuleParts = {
  readonly [Key in keyof Rule]: Rule[Key] | undefined;
} & Pick<Rule, 'effect' | 'action' | 'service'> & { readonly methods: readonly string[] };

/** One rule, its subject checked, and frozen. */
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

/** The name of a service that is given by contract or by name. */
export function nameOf(service: Contract | string): string {
  if (typeof service === 'string') {
    checkServiceName(service, 'the name of a service');
    return service;
  }
  checkContract(service, 'a service (a contract or a name)');
  return service.name;
}

/** Checks names of methods; of a contract they must be there. */
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

/** A policy as programs write it: rules, or arrays of them as `allow(...).to(...)` gives. */
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
