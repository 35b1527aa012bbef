/**
 * Who may call what, and who may serve what. Rules are data; the decision always comes with the reason.
 *
 * - A service without a rule admits the manager's own uid.
 * - A service with any `allow` admits exactly those named, not even the manager's uid unless named.
 * - A `deny` wins over every `allow`.
 */
import { checkInteger, checkObject, checkServiceName, unexpected } from './checks.js';
import { checkContract, type Contract } from './contract.js';

/** Whom a rule is about: everyone for whom all that is given holds. */
export interface Subject {
  readonly uid?: number;
  readonly gid?: number;
  /** The operating system's process ID. */
  readonly pid?: number;
  /** Any of these. */
  readonly uids?: readonly number[];
}

/** What a rule decides about. */
export type RuleAction =
  /** Calling the service. */
  | 'call'
  /** Registering the service's name. */
  | 'serve';

/** One rule of a policy. */
export interface Rule {
  readonly effect: 'allow' | 'deny';
  readonly action: RuleAction;
  /** Name of the service. */
  readonly service: string;
  readonly subject: Subject;
}

/** Whom a decision is about, as stamped by the domain. */
export interface Identity {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** A decision and its reason, in words. */
export interface Decision {
  readonly allowed: boolean;
  /** E.g. `rule 2 allows uid 1000`. */
  readonly explanation: string;
  /** The rule that decided, if one did. */
  readonly rule?: Rule;
}

const ID_MAX = 0xffff_ffff;

function checkSubject(value: unknown): asserts value is Subject {
  checkObject(value, 'a subject');
  const keys = Object.keys(value);
  if (keys.length === 0) throw unexpected('uid, gid, pid or uids', 'a subject', '{}');
  for (const [key, entry] of Object.entries(value) as [string, unknown][]) {
    if (key === 'uid' || key === 'gid' || key === 'pid') {
      checkInteger(entry, `${key} of a subject`, 0, ID_MAX);
    } else if (key === 'uids') {
      if (!Array.isArray(entry) || entry.length === 0) {
        throw unexpected('an array of uids', 'uids of a subject', entry);
      }
      for (const uid of entry as unknown[]) checkInteger(uid, 'uids of a subject', 0, ID_MAX);
    } else {
      throw unexpected('uid, gid, pid or uids', 'a subject', key);
    }
  }
}

/** What a half-written rule goes on with. */
export interface RuleBuilder {
  /** Admits callers. Several subjects: any of them. */
  to(...subjects: readonly Subject[]): readonly Rule[];
  /** Admits who registers the name. Several subjects: any of them. */
  toServe(...subjects: readonly Subject[]): readonly Rule[];
}

/** Begins a rule: `allow(Calculator).to({ uid: 1000 })`. The service by contract or by name. */
export function allow(service: Contract | string): RuleBuilder {
  return begin('allow', service);
}

/** Begins a rule that refuses: `deny(Calculator).to({ pid: 4711 })`. It wins over every `allow`. */
export function deny(service: Contract | string): RuleBuilder {
  return begin('deny', service);
}

function begin(effect: Rule['effect'], service: Contract | string): RuleBuilder {
  const name = nameOf(service);
  const rules = (action: RuleAction, subjects: readonly Subject[]): readonly Rule[] => {
    if (subjects.length === 0)
      throw unexpected('at least one subject', `a rule for ${name}`, undefined);
    return subjects.map((subject) => {
      checkSubject(subject);
      return Object.freeze({
        effect,
        action,
        service: name,
        subject: Object.freeze({ ...subject }),
      });
    });
  };
  return {
    to: (...subjects) => rules('call', subjects),
    toServe: (...subjects) => rules('serve', subjects),
  };
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

/** A policy as programs write it: rules, or arrays of them as `allow(...).to(...)` gives. */
export type PolicyInput = readonly (Rule | readonly Rule[])[];

/** Checks and flattens a policy. */
export function toRules(policy: unknown): Rule[] {
  if (!Array.isArray(policy)) throw unexpected('an array of rules', 'policy', policy);
  return (policy as unknown[]).flat().map((entry, index) => {
    checkObject(entry, `rule ${index + 1} of the policy`);
    const rule = entry as Partial<Rule>;
    if (rule.effect !== 'allow' && rule.effect !== 'deny') {
      throw unexpected('allow or deny', `effect of rule ${index + 1}`, rule.effect);
    }
    if (rule.action !== 'call' && rule.action !== 'serve') {
      throw unexpected('call or serve', `action of rule ${index + 1}`, rule.action);
    }
    checkServiceName(rule.service, `service of rule ${index + 1}`);
    checkSubject(rule.subject);
    return entry as Rule;
  });
}

/** Whether a subject means this identity. */
export function matches(subject: Subject, identity: Identity): boolean {
  return (
    (subject.uid === undefined || subject.uid === identity.uid) &&
    (subject.gid === undefined || subject.gid === identity.gid) &&
    (subject.pid === undefined || subject.pid === identity.pid) &&
    (subject.uids === undefined || subject.uids.includes(identity.uid))
  );
}

function inWords(subject: Subject): string {
  return Object.entries(subject)
    .map(([key, value]) => `${key} ${Array.isArray(value) ? value.join(', ') : String(value)}`)
    .join(' and ');
}

/** The rules of one domain and what they decide. */
export class Policy {
  readonly #rules: Rule[];
  readonly #managerUid: number;

  constructor(rules: readonly Rule[], managerUid: number) {
    this.#rules = [...rules];
    this.#managerUid = managerUid;
  }

  /** The rules, in order. */
  get rules(): readonly Rule[] {
    return this.#rules;
  }

  /** Adds a rule; it counts from the next decision on. */
  add(rule: Rule): void {
    this.#rules.push(rule);
  }

  /** May `identity` do this with the service? */
  decide(action: RuleAction, service: string, identity: Identity): Decision {
    let admits: string | undefined;
    let allowing: { readonly rule: Rule; readonly number: number } | undefined;
    for (const [index, rule] of this.#rules.entries()) {
      if (rule.service !== service || rule.action !== action) continue;
      const matched = matches(rule.subject, identity);
      if (rule.effect === 'deny') {
        if (!matched) continue;
        const explanation = `rule ${index + 1} denies ${inWords(rule.subject)}`;
        return { allowed: false, explanation, rule };
      }
      admits = admits === undefined ? inWords(rule.subject) : `${admits}; ${inWords(rule.subject)}`;
      if (matched) allowing ??= { rule, number: index + 1 };
    }
    if (allowing !== undefined) {
      const { rule, number } = allowing;
      return { allowed: true, explanation: `rule ${number} allows ${inWords(rule.subject)}`, rule };
    }
    if (admits !== undefined) return { allowed: false, explanation: `its rules admit ${admits}` };
    const allowed = identity.uid === this.#managerUid;
    return { allowed, explanation: `without a rule it admits uid ${this.#managerUid} alone` };
  }
}
