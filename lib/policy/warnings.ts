/** Finds suspicious rules in a policy: rules for methods that a service does not have. */
import type { Policy } from './policy.js';
import type { Rule } from './rules.js';

/** A rule names methods that the service does not have, so that it has no effect on them. */
export interface PolicyWarning {
  /** The warning in words. */
  readonly message: string;
  readonly service: string;
  readonly rule: Rule;
  /** Name of the rule in explanations: `rule 2`, `shop.jsonc:7:5`, `a grant`, `a revocation`. */
  readonly name: string;
  /** Methods of the rule that the service does not have. */
  readonly unknown: readonly string[];
  /** Methods of the service. */
  readonly methods: readonly string[];
}

/** Compares the rules with the services that register. */
export class PolicyWarnings {
  /** The last warning about each rule, so that it is not repeated each time a service starts. */
  readonly #reported = new WeakMap<Rule, string>();

  constructor(
    private readonly policy: Policy,
    private readonly onWarning: (warning: PolicyWarning) => void,
  ) {}

  /** Reports every rule that names methods which the service does not have. */
  check({ name: service, methods }: { name: string; methods: readonly string[] }): void {
    for (const { rule, name } of this.policy.rulesFor(service)) {
      const unknown = rule.methods?.filter((method) => !methods.includes(method)) ?? [];
      if (unknown.length === 0) continue;
      const message = `Policy: ${name} names ${quoted(unknown)}, which service "${service}" does not have; it has ${quoted(methods)}`;
      if (this.#reported.get(rule) === message) continue;
      this.#reported.set(rule, message);
      this.onWarning({ message, service, rule, name, unknown, methods });
    }
  }
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}
