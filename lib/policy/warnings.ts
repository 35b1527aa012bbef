/**
 * What is suspicious in a policy, though not wrong: rules for methods that a service does not have.
 */
import type { Policy } from './policy.js';
import type { Rule } from './rules.js';

/** A rule names methods that the service does not have: it is about nothing there. */
export interface PolicyWarning {
  /** All of it in words. */
  readonly message: string;
  readonly service: string;
  readonly rule: Rule;
  /** What explanations call the rule: `rule 2`, `shop.jsonc:7:5`, `a grant`, `a revocation`. */
  readonly name: string;
  /** Methods of the rule that are not there. */
  readonly unknown: readonly string[];
  /** Methods that are. */
  readonly methods: readonly string[];
}

/** Compares the rules with the services that register. */
export class PolicyWarnings {
  readonly #policy: Policy;
  readonly #onWarning: (warning: PolicyWarning) => void;
  /** What was told last: the same is not told again each time a service starts. */
  readonly #told = new WeakMap<Rule, string>();

  constructor(policy: Policy, onWarning: (warning: PolicyWarning) => void) {
    this.#policy = policy;
    this.#onWarning = onWarning;
  }

  /** Tells of every rule that names methods which this service does not have. */
  check({ name: service, methods }: { name: string; methods: readonly string[] }): void {
    for (const { rule, name } of this.#policy.rulesFor(service)) {
      const unknown = rule.methods?.filter((method) => !methods.includes(method)) ?? [];
      if (unknown.length === 0) continue;
      const message = `Policy: ${name} names ${quoted(unknown)}, which service "${service}" does not have; it has ${quoted(methods)}`;
      if (this.#told.get(rule) === message) continue;
      this.#told.set(rule, message);
      this.#onWarning({ message, service, rule, name, unknown, methods });
    }
  }
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}
