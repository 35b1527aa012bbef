/**
 * Decides which process may call and which may serve a service. Rules are data, and every decision
 * has its reason.
 *
 * - A service without a rule admits the manager's own uid.
 * - A service with an `allow` admits exactly the callers of its `allow` rules, and the manager's
 *   uid only if a rule names it. An `allow` for some methods admits to these methods only. Several
 *   rules add up.
 * - A `deny` wins over every `allow`.
 * - A grant at run time admits in addition to the rules; it does not exclude other callers.
 * - A `limit` neither admits nor refuses. Every `limit` that fits an admitted caller applies. A
 *   `limit` whose subject cannot be determined applies, too.
 */
import type { Rule, RuleAction } from './rules.js';
import type { Quota } from './quota.js';
import {
  Candidate,
  match,
  sameSubject,
  subjectInWords,
  type Identity,
  type Match,
} from './subject.js';

/** A decision with its reason. */
export interface Decision {
  readonly allowed: boolean;
  /** E.g. `rule 2 allows uid 1000`. */
  readonly explanation: string;
  /** The rule that decided, if one did. */
  readonly rule?: Rule;
}

/** A rule that a decision considered. */
export interface ConsideredRule {
  readonly rule: Rule;
  /** Name of the rule in explanations: `rule 2`, `shop.jsonc:7:5`, `a grant`, `a revocation`. */
  readonly name: string;
  /**
   * The result of matching the rule with the caller; `unknown`: the caller's facts could not be
   * determined.
   */
  readonly fits: Match['outcome'];
}

/** A `limit` rule that applies to a caller. */
export interface LimitInForce {
  readonly rule: Rule;
  /** Name of the rule in explanations, as in {@link ConsideredRule}. */
  readonly name: string;
  readonly quota: Quota;
}

/** A decision with the rules that led to it. */
export interface Explanation extends Decision {
  /** Limits of the caller's use of the service, or of the method in question. */
  readonly limits: readonly LimitInForce[];
  /** The rules about the service and this action, in the order of their evaluation. */
  readonly considered: readonly ConsideredRule[];
}

/** A rule and its name in explanations. */
export interface NamedRule {
  readonly rule: Rule;
  readonly name: string;
}

function covers({ methods }: Rule, method: string): boolean {
  return methods?.includes(method) ?? true;
}

/** Describes the callers that a rule admits, e.g. `gid 33 to add, log`. */
function admitted({ subject, methods }: Rule): string {
  const to = methods === undefined ? '' : ` to ${methods.join(', ')}`;
  return subjectInWords(subject) + to;
}

function decisionBy(named: NamedRule & { readonly matched: Match }): Decision {
  const { rule, name, matched } = named;
  const why = matched.reason === undefined ? '' : ` (${matched.reason})`;
  const explanation = `${name} ${rule.effect === 'allow' ? 'allows' : 'denies'} ${admitted(rule)}${why}`;
  return { allowed: rule.effect === 'allow', explanation, rule };
}

/** The result of comparing the rules of one service with one caller. Each rule is compared once. */
export class Judgement {
  readonly #denying: (NamedRule & { readonly matched: Match })[] = [];
  readonly #allowing: (NamedRule & { readonly matched: Match })[] = [];
  readonly #otherwise: Decision;
  /** The limits that apply to the caller. */
  readonly limits: LimitInForce[] = [];
  readonly considered: ConsideredRule[] = [];

  constructor(
    rules: Iterable<NamedRule>,
    granted: readonly NamedRule[],
    identity: Identity,
    managerUid: number,
  ) {
    const candidate = new Candidate(identity);
    const admits: string[] = [];
    const unknown: string[] = [];
    const take = (named: NamedRule): void => {
      const matched = match(named.rule.subject, candidate);
      this.considered.push({ ...named, fits: matched.outcome });
      const { quota } = named.rule;
      if (quota !== undefined) {
        if (matched.outcome !== 'no') this.limits.push({ ...named, quota });
      } else if (named.rule.effect === 'deny') {
        if (matched.outcome !== 'no') this.#denying.push({ ...named, matched });
      } else if (matched.outcome === 'yes') {
        this.#allowing.push({ ...named, matched });
      } else if (matched.reason !== undefined) {
        unknown.push(`${named.name}: ${matched.reason}`);
      }
    };
    for (const named of rules) {
      if (named.rule.effect === 'allow') admits.push(admitted(named.rule));
      take(named);
    }
    for (const named of granted) take(named);
    const hints = unknown.length === 0 ? '' : ` (${unknown.join('; ')})`;
    this.#otherwise =
      admits.length > 0
        ? { allowed: false, explanation: `its rules admit ${admits.join('; ')}${hints}` }
        : {
            allowed: identity.uid === managerUid,
            explanation: `without a rule it admits uid ${managerUid} alone${hints}`,
          };
  }

  /** Decides about the service as a whole. A caller that may call some methods only is admitted. */
  decide(): Decision {
    const denying = this.#denying.find(({ rule }) => rule.methods === undefined);
    if (denying !== undefined) return decisionBy(denying);
    const whole = this.#allowing.find(({ rule }) => rule.methods === undefined);
    const allowing = whole ?? this.#allowing[0];
    return allowing === undefined ? this.#otherwise : decisionBy(allowing);
  }

  /** Decides about one method. */
  decideMethod(method: string): Decision {
    const denying = this.#denying.find(({ rule }) => covers(rule, method));
    if (denying !== undefined) return decisionBy(denying);
    const allowing = this.#allowing.find(({ rule }) => covers(rule, method));
    return allowing === undefined ? this.#otherwise : decisionBy(allowing);
  }

  /** Returns the limits of one method. */
  limitsOf(method: string): LimitInForce[] {
    return this.limits.filter(({ rule }) => covers(rule, method));
  }
}

/** The rules of one domain, and the decisions that follow from them. */
export class Policy {
  readonly #given: readonly Rule[];
  readonly #managerUid: number;
  #file: readonly Rule[] = [];
  #granted: readonly Rule[] = [];
  #revoked: readonly Rule[] = [];
  readonly #limitIds = new WeakMap<Rule, number>();
  #nextLimitId = 1;

  /** `rules` are in force for the lifetime of the policy. */
  constructor(rules: readonly Rule[], managerUid: number) {
    this.#given = [...rules];
    this.#managerUid = managerUid;
  }

  /**
   * Returns all rules: those of the program and of the file, and those granted and revoked at run
   * time.
   */
  get rules(): readonly Rule[] {
    return [...this.#given, ...this.#file, ...this.#granted, ...this.#revoked];
  }

  /** Replaces the rules of the file. */
  replaceFile(rules: readonly Rule[]): void {
    // An unchanged rule stays the same object, so that the used part of its quota stays used.
    const known = new Map(this.#file.map((rule) => [JSON.stringify(rule), rule]));
    this.#file = rules.map((rule) => known.get(JSON.stringify(rule)) ?? rule);
  }

  /** Adds an `allow` rule at run time and removes a revocation of the same. */
  grant(rule: Rule): void {
    this.#revoked = this.#revoked.filter((revoked) => !sameTarget(revoked, rule));
    this.#granted = [...this.#granted.filter((known) => !sameTarget(known, rule)), rule];
  }

  /** Adds a `deny` rule at run time and removes a grant of the same. */
  revoke(rule: Rule): void {
    this.#granted = this.#granted.filter((granted) => !sameTarget(granted, rule));
    this.#revoked = [...this.#revoked.filter((known) => !sameTarget(known, rule)), rule];
  }

  /**
   * Returns whether a service has rules for single methods, or limits. The service itself enforces
   * such rules.
   */
  hasMessageRules(service: string): boolean {
    return this.rules.some(
      (rule) => rule.service === service && (rule.methods !== undefined || rule.effect === 'limit'),
    );
  }

  /** Returns a number that identifies a `limit` rule while the rule is in force. */
  limitId(rule: Rule): number {
    let id = this.#limitIds.get(rule);
    if (id === undefined) {
      id = this.#nextLimitId++;
      this.#limitIds.set(rule, id);
    }
    return id;
  }

  /** Returns the rule with this {@link limitId}. */
  limitById(id: number): NamedRule | undefined {
    return this.#named().find(({ rule }) => this.#limitIds.get(rule) === id);
  }

  /** Compares the rules about a service and an action with a caller. */
  judge(action: RuleAction, service: string, identity: Identity): Judgement {
    const concerns = ({ rule }: NamedRule): boolean =>
      rule.service === service && rule.action === action;
    const rules = this.#named();
    const granted = this.#namedGrants();
    return new Judgement(
      rules.filter(concerns),
      granted.filter(concerns),
      identity,
      this.#managerUid,
    );
  }

  /** Returns the rules about a service, for calling and for serving. */
  rulesFor(service: string): NamedRule[] {
    const all = [...this.#named(), ...this.#namedGrants()];
    return all.filter(({ rule }) => rule.service === service);
  }

  #namedGrants(): NamedRule[] {
    return this.#granted.map((rule) => ({ rule, name: 'a grant' }));
  }

  /** Returns all rules except grants. */
  #named(): NamedRule[] {
    return [
      ...this.#given.map((rule, index) => ({ rule, name: `rule ${index + 1}` })),
      ...this.#file.map((rule) => ({ rule, name: rule.origin ?? 'the policy file' })),
      ...this.#revoked.map((rule) => ({ rule, name: 'a revocation' })),
    ];
  }

  /** Decides about a service, or about one of its methods. */
  decide(action: RuleAction, service: string, identity: Identity, method?: string): Decision {
    const judgement = this.judge(action, service, identity);
    return method === undefined ? judgement.decide() : judgement.decideMethod(method);
  }
}

function sameTarget(left: Rule, right: Rule): boolean {
  return (
    left.service === right.service &&
    left.action === right.action &&
    (left.methods ?? []).join() === (right.methods ?? []).join() &&
    sameSubject(left.subject, right.subject)
  );
}
