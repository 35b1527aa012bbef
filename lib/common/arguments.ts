/**
 * Checks of arguments that come from the program: each throws a TypeError of one uniform wording.
 */

/** A short description of a value for messages: `number -1`, `string "a"`, `null`, `Array`. */
function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'string') {
    return `string ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value)}`;
  }
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') {
    return `${typeof value} ${String(value)}`;
  }
  if (typeof value === 'function') return `function ${value.name}`.trimEnd();
  if (typeof value === 'symbol') return String(value);
  const name = (Object.getPrototypeOf(value) as { constructor?: { name?: unknown } } | null)
    ?.constructor?.name;
  return typeof name === 'string' && name !== '' ? name : 'object';
}

/** The error for an argument `what` that should have been `expected`. */
export function unexpected(expected: string, what: string, received: unknown): TypeError {
  return new TypeError(`Expected ${expected} for ${what} but received ${describe(received)}`);
}

/** An object (not null, not an array). */
export function checkObject(value: unknown, what: string): asserts value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw unexpected('an object', what, value);
  }
}

/** An integer from `minimum` to `maximum`; undefined passes when `optional`. */
export function checkInteger(
  value: unknown,
  what: string,
  minimum: number,
  maximum: number,
): asserts value is number {
  if (!Number.isInteger(value) || (value as number) < minimum || (value as number) > maximum) {
    throw unexpected(`an integer from ${minimum} to ${maximum}`, what, value);
  }
}

/** A function. */
export function checkFunction(
  value: unknown,
  what: string,
): asserts value is (...args: never[]) => unknown {
  if (typeof value !== 'function') throw unexpected('a function', what, value);
}

const domainName = /^[A-Za-z0-9._-]{1,64}$/;
/** What a service may be called. */
export const serviceNamePattern = /^[A-Za-z0-9._:/-]{1,64}$/;

/** A domain's name, or the absolute path of its socket. */
export function checkDomainName(value: unknown, what: string): asserts value is string {
  if (typeof value === 'string' && (domainName.test(value) || value.startsWith('/'))) return;
  throw unexpected('1 to 64 of [A-Za-z0-9._-] or an absolute path', what, value);
}

/** A service's name. */
export function checkServiceName(value: unknown, what: string): asserts value is string {
  if (typeof value === 'string' && serviceNamePattern.test(value)) return;
  throw unexpected('1 to 64 of [A-Za-z0-9._:/-]', what, value);
}

/** A time in ms: positive, or Infinity for none. */
export function checkTimeout(value: unknown, what: string): asserts value is number {
  if (typeof value !== 'number' || !(value > 0)) {
    throw unexpected('a number of ms above 0, or Infinity,', what, value);
  }
}
