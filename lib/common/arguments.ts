/** Checks arguments of the program. Each check throws a TypeError with the same wording. */

/** Describes a value for messages, for example `number -1`, `string "a"`, `null` or `Array`. */
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

/** Returns the error for an argument `what` that should have been `expected`. */
export function unexpected(expected: string, what: string, received: unknown): TypeError {
  return new TypeError(`Expected ${expected} for ${what} but received ${describe(received)}`);
}

/** Checks for an object that is neither null nor an array. */
export function checkObject(value: unknown, what: string): asserts value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw unexpected('an object', what, value);
  }
}

/** Checks for an integer from `minimum` to `maximum`. */
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

/** Checks for a function. */
export function checkFunction(
  value: unknown,
  what: string,
): asserts value is (...args: never[]) => unknown {
  if (typeof value !== 'function') throw unexpected('a function', what, value);
}

const domainName = /^[A-Za-z0-9._-]{1,64}$/;
/** Matches valid service names. */
export const serviceNamePattern = /^[A-Za-z0-9._:/-]{1,64}$/;

/** Checks for the name of a domain or the absolute path of its socket. */
export function checkDomainName(value: unknown, what: string): asserts value is string {
  if (typeof value === 'string' && (domainName.test(value) || value.startsWith('/'))) return;
  throw unexpected('1 to 64 of [A-Za-z0-9._-] or an absolute path', what, value);
}

/** Checks for the name of a service. */
export function checkServiceName(value: unknown, what: string): asserts value is string {
  if (typeof value === 'string' && serviceNamePattern.test(value)) return;
  throw unexpected('1 to 64 of [A-Za-z0-9._:/-]', what, value);
}

/** Checks for a positive number of ms, or Infinity for no limit. */
export function checkTimeout(value: unknown, what: string): asserts value is number {
  if (typeof value !== 'number' || !(value > 0)) {
    throw unexpected('a number of ms above 0, or Infinity,', what, value);
  }
}
