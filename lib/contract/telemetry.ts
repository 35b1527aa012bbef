/**
 * What surrounds the calls of a device: the hook for OpenTelemetry and its like. Without one
 * nothing is called.
 */
import { checkFunction, checkObject } from '../common/arguments.js';
import type { Contract } from './types.js';

/**
 * Puts functions of its own around those of clients and implementations, once for each; what they
 * give is called instead. `openTelemetry()` of `liteipc/opentelemetry` makes one.
 */
export interface Telemetry {
  /** An object with the methods of `client`, which stands for a service of this contract. */
  client(contract: Contract, client: object): object;
  /** An object with the methods of `implementation`, to be offered in its place. */
  implementation(contract: Contract, implementation: object): object;
}

/** Throws a TypeError unless it is one. */
export function checkTelemetry(value: unknown, what: string): asserts value is Telemetry {
  checkObject(value, what);
  const { client, implementation } = value as Partial<Telemetry>;
  checkFunction(client, `${what}.client`);
  checkFunction(implementation, `${what}.implementation`);
}
