/** Runs Standard Schema validators, synchronous and asynchronous ones. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { callRefusal, type ServiceReference } from '../common/errors.js';

/** Maximum number of issues in a message. */
const ISSUES_MAX = 5;

function pathOf(issue: StandardSchemaV1.Issue): string {
  const steps = (issue.path ?? []).map((step) =>
    String(typeof step === 'object' ? step.key : step),
  );
  return steps.length === 0 ? '' : `at ${steps.join('.')}: `;
}

function outcome(
  result: StandardSchemaV1.Result<unknown>,
  what: string,
  about: ServiceReference,
): unknown {
  if (result.issues === undefined) return result.value;
  const issues = result.issues.slice(0, ISSUES_MAX).map((issue) => pathOf(issue) + issue.message);
  if (result.issues.length > ISSUES_MAX) {
    issues.push(`and ${result.issues.length - ISSUES_MAX} more`);
  }
  throw callRefusal('EINVAL', about, `${what} is not valid: ${issues.join('; ')}`);
}

/**
 * Returns the validated and perhaps transformed value, or a promise of it if the validator is
 * asynchronous. `what` is the name of the value in errors, for example `the input` or `item 7 of
 * the output`. Throws or rejects with a Refusal (EINVAL) that lists the issues.
 */
export function validate(
  schema: StandardSchemaV1,
  value: unknown,
  what: string,
  about: ServiceReference,
): unknown {
  const result = schema['~standard'].validate(value);
  if (result instanceof Promise) return result.then((settled) => outcome(settled, what, about));
  return outcome(result, what, about);
}
