/** Defines the hook for OpenTelemetry and similar tools. Without a hook nothing is wrapped. */
import { checkFunction, checkObject } from '../common/arguments.js';
import type { Contract } from './types.js';

/**
 * Wraps clients and implementations, once each. `openTelemetry()` of `liteipc/opentelemetry`
 * creates one.
 */
export interface Telemetry {
  /** Returns an object with the methods of `client`, which calls a service of this contract. */
  client(contract: Contract, client: object): object;
  /** Returns an object with the methods of `implementation`, which is exposed instead. */
  implementation(contract: Contract, implementation: object): object;
}

/** Throws a TypeError unless the value is a `Telemetry`. */
export function checkTelemetry(value: unknown, what: string): asserts value is Telemetry {
  checkObject(value, what);
  const { client, implementation } = value as Partial<Telemetry>;
  checkFunction(client, `${what}.client`);
  checkFunction(implementation, `${what}.implementation`);
}
