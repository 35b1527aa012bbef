/** Runs Standard Schema validators, synchronous or not. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { Refusal, type ServiceReference } from '../common/errors.js';

/** Most issues that a message tells. */
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
  const told = result.issues.slice(0, ISSUES_MAX).map((issue) => pathOf(issue) + issue.message);
  if (result.issues.length > ISSUES_MAX) {
    told.push(`and ${result.issues.length - ISSUES_MAX} more`);
  }
  const text = `${about.service}.${about.method}: ${what} is not valid: ${told.join('; ')} (EINVAL)`;
  throw new Refusal('EINVAL', text, about);
}

/**
 * The validated, perhaps transformed value, or a promise of it if the validator is asynchronous.
 * `what` is its name in errors: `the input`, `item 7 of the output`. Throws or rejects with a
 * Refusal (EINVAL) that tells the issues.
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
