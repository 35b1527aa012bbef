/**
 * Who may call what, and who may serve what. Rules are data; the decision always comes with the
 * reason.
 *
 * - A service without a rule admits the manager's own uid.
 * - A service with any `allow` admits exactly those named, not even the manager's uid unless named.
 *   An `allow` for some methods admits to these alone; what several rules admit to adds up.
 * - A `deny` wins over every `allow`.
 * - What was granted at run time is admitted besides; it does not shut others out.
 * - A `limit` admits nobody and refuses nobody. Each one that fits whoever is admitted counts; one
 *   of which it cannot be told whether it fits does.
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

/** A decision and its reason, in words. */
export interface Decision {
  readonly allowed: boolean;
  /** E.g. `rule 2 allows uid 1000`. */
  readonly explanation: string;
  /** The rule that decided, if one did. */
  readonly rule?: Rule;
}

/** A rule that was looked at for a decision. */
export interface ConsideredRule {
  readonly rule: Rule;
  /** What explanations call it: `rule 2`, `shop.jsonc:7:5`, `a grant`, `a revocation`. */
  readonly name: string;
  /** Whether it is about this caller; `unknown`: that cannot be told. */
  readonly fits: Match['outcome'];
}

/** A `limit` rule that counts for a caller. */
export interface LimitInForce {
  readonly rule: Rule;
  /** What explanations call it, as in {@link ConsideredRule}. */
  readonly name: string;
  readonly quota: Quota;
}

/** A decision with all that it was made of. */
export interface Explanation extends Decision {
  /** What limits the caller's use of the service, or of the method that was asked about. */
  readonly limits: readonly LimitInForce[];
  /** Every rule about the service and this action, in the order in which they were looked at. */
  readonly considered: readonly ConsideredRule[];
}

/** A rule and what decisions call it. */
export interface NamedRule {
  readonly rule: Rule;
  readonly name: string;
}

function covers({ methods }: Rule, method: string): boolean {
  return methods?.includes(method) ?? true;
}

/** E.g. `gid 33 to add, log`. */
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

/** What the rules of one service say about one caller; each rule was compared once. */
export class Judgement {
  readonly #denying: (NamedRule & { readonly matched: Match })[] = [];
  readonly #allowing: (NamedRule & { readonly matched: Match })[] = [];
  readonly #otherwise: Decision;
  /** The limits that count for the caller. */
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

  /** May it do that with the service at all, be it with some methods only? */
  decide(): Decision {
    const denying = this.#denying.find(({ rule }) => rule.methods === undefined);
    if (denying !== undefined) return decisionBy(denying);
    const whole = this.#allowing.find(({ rule }) => rule.methods === undefined);
    const allowing = whole ?? this.#allowing[0];
    return allowing === undefined ? this.#otherwise : decisionBy(allowing);
  }

  /** May it call this method? */
  decideMethod(method: string): Decision {
    const denying = this.#denying.find(({ rule }) => covers(rule, method));
    if (denying !== undefined) return decisionBy(denying);
    const allowing = this.#allowing.find(({ rule }) => covers(rule, method));
    return allowing === undefined ? this.#otherwise : decisionBy(allowing);
  }

  /** What limits the use of this method. */
  limitsOf(method: string): LimitInForce[] {
    return this.limits.filter(({ rule }) => covers(rule, method));
  }
}

/** The rules of one domain and what they decide. */
export class Policy {
  readonly #given: readonly Rule[];
  readonly #managerUid: number;
  #file: readonly Rule[] = [];
  #granted: readonly Rule[] = [];
  #revoked: readonly Rule[] = [];
  readonly #limitIds = new WeakMap<Rule, number>();
  #nextLimitId = 1;

  /** `rules` count as long as this lives. */
  constructor(rules: readonly Rule[], managerUid: number) {
    this.#given = [...rules];
    this.#managerUid = managerUid;
  }

  /** All rules: given by the program, from the file, granted and revoked at run time. */
  get rules(): readonly Rule[] {
    return [...this.#given, ...this.#file, ...this.#granted, ...this.#revoked];
  }

  /** Puts the rules of a file in the place of those that it had before. */
  replaceFile(rules: readonly Rule[]): void {
    // A rule that stays is the same one: what was used of its quota stays used.
    const known = new Map(this.#file.map((rule) => [JSON.stringify(rule), rule]));
    this.#file = rules.map((rule) => known.get(JSON.stringify(rule)) ?? rule);
  }

  /** Adds an `allow` at run time, and forgets a revocation of the same. */
  grant(rule: Rule): void {
    this.#revoked = this.#revoked.filter((revoked) => !sameTarget(revoked, rule));
    this.#granted = [...this.#granted.filter((known) => !sameTarget(known, rule)), rule];
  }

  /** Adds a `deny` at run time, and forgets a grant of the same. */
  revoke(rule: Rule): void {
    this.#granted = this.#granted.filter((granted) => !sameTarget(granted, rule));
    this.#revoked = [...this.#revoked.filter((known) => !sameTarget(known, rule)), rule];
  }

  /**
   * Whether there are rules for single methods of a service, or limits: then its receiver decides,
   * too.
   */
  hasMessageRules(service: string): boolean {
    return this.rules.some(
      (rule) => rule.service === service && (rule.methods !== undefined || rule.effect === 'limit'),
    );
  }

  /** A number that stands for a `limit` rule as long as it is one of the rules. */
  limitId(rule: Rule): number {
    let id = this.#limitIds.get(rule);
    if (id === undefined) {
      id = this.#nextLimitId++;
      this.#limitIds.set(rule, id);
    }
    return id;
  }

  /** A rule and what explanations call it, by its {@link limitId}. */
  limitById(id: number): NamedRule | undefined {
    return this.#named().find(({ rule }) => this.#limitIds.get(rule) === id);
  }

  /** What the rules say about a caller. */
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

  /** The rules about a service, calling and serving. */
  rulesFor(service: string): NamedRule[] {
    const all = [...this.#named(), ...this.#namedGrants()];
    return all.filter(({ rule }) => rule.service === service);
  }

  #namedGrants(): NamedRule[] {
    return this.#granted.map((rule) => ({ rule, name: 'a grant' }));
  }

  /** All rules but those that were granted. */
  #named(): NamedRule[] {
    return [
      ...this.#given.map((rule, index) => ({ rule, name: `rule ${index + 1}` })),
      ...this.#file.map((rule) => ({ rule, name: rule.origin ?? 'the policy file' })),
      ...this.#revoked.map((rule) => ({ rule, name: 'a revocation' })),
    ];
  }

  /** May `identity` do this with the service, or with this method of it? */
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
