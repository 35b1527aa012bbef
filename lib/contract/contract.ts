/** Defines contracts. A contract describes the methods of a service and is shared by both sides. */
import { checkObject, checkServiceName, unexpected } from '../common/arguments.js';
import { shapeHash } from './shape.js';
import { methodKinds, type MethodDefinition, type MethodDefinitions } from './methods.js';
import type { Contract } from './types.js';

export * from './types.js';
export { duplex, event, method, oneway, sink, stream } from './methods.js';
export type * from './methods.js';

/** Options of {@link defineService}. */
export interface ContractOptions {
  /**
   * Version of the contract: 1 to 64 visible characters, for example `1.2.0`. Contracts with the
   * same methods match even if their versions differ. If the methods differ, the error contains the
   * versions of both sides.
   */
  readonly version?: string | undefined;
}

/** Names that JavaScript itself reads from any object. For example, `await` reads `then`. */
const reservedNames: ReadonlySet<string> = new Set([
  ...['then', 'catch', 'finally', 'constructor', 'toJSON', 'toString', 'valueOf', 'inspect'],
  ...['hasOwnProperty', 'isPrototypeOf', '__proto__', 'prototype'],
]);
const methodName = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
const versionText = /^[\x21-\x7e]{1,64}$/;

/**
 * Maximum number of methods. The number of a method is two bytes in the messages of the registry.
 */
const METHODS_MAX = 1024;

/** Returns true if the value is a valid version of a contract. */
export function isVersion(value: unknown): value is string {
  return typeof value === 'string' && versionText.test(value);
}

/**
 * Defines a service. `name` has 1 to 64 characters of `[A-Za-z0-9._:/-]`. Methods are numbered in
 * the order of their definition, so the order is part of the contract.
 */
export function defineService<const Methods extends MethodDefinitions>(
  name: string,
  methods: Methods,
  options: ContractOptions = {},
): Contract<Methods> {
  checkServiceName(name, 'the name of the service');
  checkObject(methods, `the methods of service ${name}`);
  checkObject(options, `the options of service ${name}`);
  const { version } = options;
  if (version !== undefined && !isVersion(version)) {
    throw unexpected('1 to 64 visible characters', `the version of service ${name}`, version);
  }
  const names = Object.keys(methods);
  if (names.length === 0 || names.length > METHODS_MAX) {
    throw unexpected(`1 to ${METHODS_MAX} methods`, `service ${name}`, names.length);
  }
  for (const key of names) {
    if (!methodName.test(key) || reservedNames.has(key)) {
      throw unexpected('a name that is free for a method', `a method of service ${name}`, key);
    }
    const definition: unknown = methods[key];
    if (!methodKinds.has((definition as Partial<MethodDefinition> | null | undefined)?.kind)) {
      throw unexpected('method(...), oneway(...) or the like', `${name}.${key}`, definition);
    }
  }
  return Object.freeze({
    name,
    methods: Object.freeze({ ...methods }),
    hash: shapeHash(methods),
    version,
  });
}

/** Checks for a contract. */
export function checkContract(value: unknown, what: string): asserts value is Contract {
  const contract = value as Partial<Contract> | null | undefined;
  if (typeof contract?.name !== 'string' || typeof contract.hash !== 'number') {
    throw unexpected('a contract made by defineService', what, value);
  }
}
