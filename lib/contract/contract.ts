/** Contracts: what a service offers, written once and shared by both sides. */
import { checkObject, checkServiceName, unexpected } from '../common/arguments.js';
import { shapeHash } from './shape.js';
import { methodKinds, type MethodDefinition, type MethodDefinitions } from './methods.js';
import type { Contract } from './types.js';

export * from './types.js';
export { duplex, event, method, oneway, sink, stream } from './methods.js';
export type {
  MethodDefinition,
  MethodDefinitions,
  MethodKind,
  MethodSchema,
  MethodSchemas,
  StreamSchemas,
} from './methods.js';

/** What {@link defineService} takes besides name and methods. */
export interface ContractOptions {
  /**
   * Of the contract, as text of 1 to 64 visible characters, for example `1.2.0`. Two versions with
   * the same methods work together; where the methods differ, the error names the versions of both
   * sides.
   */
  readonly version?: string | undefined;
}

/** Names that JavaScript itself looks up on any object: `await` asks for `then`. */
const reservedNames: ReadonlySet<string> = new Set([
  ...['then', 'catch', 'finally', 'constructor', 'toJSON', 'toString', 'valueOf', 'inspect'],
  ...['hasOwnProperty', 'isPrototypeOf', '__proto__', 'prototype'],
]);
const methodName = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
const versionText = /^[\x21-\x7e]{1,64}$/;

/** Most methods in a contract: the number of the method is two bytes of the registry's messages. */
const METHODS_MAX = 1024;

/** Whether a text may be a contract's version. */
export function isVersion(value: unknown): value is string {
  return typeof value === 'string' && versionText.test(value);
}

/**
 * Defines a service. `name`: 1 to 64 of `[A-Za-z0-9._:/-]`. Methods are numbered in the order in
 * which they are written here, so the order is part of the contract.
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

/** Checks that a value is a contract. */
export function checkContract(value: unknown, what: string): asserts value is Contract {
  const contract = value as Partial<Contract> | null | undefined;
  if (typeof contract?.name !== 'string' || typeof contract.hash !== 'number') {
    throw unexpected('a contract made by defineService', what, value);
  }
}
