/**
 * Defines the message by which the ServiceManager sets the access rules of a service: the methods
 * that each caller may call, and its quotas. The manager sends it before it grants a process the
 * right to call. A service that has received no such message has no rules. access-check.ts enforces
 * them.
 */
import type { Quota } from '../policy/quota.js';

/**
 * A quota of a process: the number and name of its rule, and its methods if it does not apply to
 * all.
 */
export type LimitEntry = readonly [id: number, name: string, quota: Quota, methods?: Uint8Array];

/** The rules of a process: LiteIPC process, its generation, a bit for each method, quotas. */
export type MethodAccessEntry = readonly [
  processId: number,
  processGeneration: number,
  methods: Uint8Array,
  limits: readonly LimitEntry[],
];

/** An update of the rules. Rules of processes that it does not name remain valid. */
export interface MethodAccessUpdate {
  /**
   * True if there are rules for methods or limits: then a process without an entry may call no
   * method. False with entries: the entries take effect with a later update. False without entries:
   * deletes all rules.
   */
  readonly restricted: boolean;
  readonly entries: readonly MethodAccessEntry[];
}

/** Returns a set of methods as bits, by their numbers. */
export function methodBits(admitted: readonly boolean[]): Uint8Array {
  const bits = new Uint8Array(Math.ceil(admitted.length / 8));
  for (const [index, isAdmitted] of admitted.entries()) {
    if (isAdmitted) bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
  }
  return bits;
}

/** Returns true if the set contains the method. */
export function hasMethod(bits: Uint8Array, index: number): boolean {
  return (((bits[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
}
