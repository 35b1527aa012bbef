/**
 * What the ServiceManager tells a service of its callers: which methods each may call, and how much
 * of them. It does so before it gives a process the right to call; see receiver-access.ts for what
 * the service does with it. A service that was told nothing has no such rules.
 */
import type { Quota } from '../policy/quota.js';

/**
 * A quota of a process: a number and a name for its rule, and the methods that it is about if not
 * all.
 */
export type LimitEntry = readonly [id: number, name: string, quota: Quota, methods?: Uint8Array];

/**
 * Which methods a process may call, and how much: LiteIPC process, its generation, a bit for each
 * method.
 */
export type MethodAccessEntry = readonly [
  processId: number,
  processGeneration: number,
  methods: Uint8Array,
  limits: readonly LimitEntry[],
];

/** A message of the manager. What was said of other processes stays. */
export interface MethodAccessUpdate {
  /**
   * Whether there are rules for methods or limits: then who was not named may call none. False with
   * entries: more is to follow before they count. False without: all that was said is void.
   */
  readonly restricted: boolean;
  readonly entries: readonly MethodAccessEntry[];
}

/** A set of methods by number, as bits. */
export function methodBits(admitted: readonly boolean[]): Uint8Array {
  const bits = new Uint8Array(Math.ceil(admitted.length / 8));
  for (const [index, isAdmitted] of admitted.entries()) {
    if (isAdmitted) bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
  }
  return bits;
}

/** Whether a method is in the set. */
export function hasMethod(bits: Uint8Array, index: number): boolean {
  return (((bits[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
}
