/** Defines the name service of a domain, which the ServiceManager provides at handle 0. */
import { defineService, method } from '../contract/contract.js';

/** Maximum delay of the answer to a lookup, ms. A client that waits longer repeats the lookup. */
export const LOOKUP_WAIT_MAX_MS = 10_000;

/**
 * Input of `register`. It is sent by the task of the service, whose stamps prove the ownership.
 */
export interface RegisterInput {
  readonly name: string;
  /** The shape of the contract, see contract/shape.ts. */
  readonly shape: string;
  /**
   * Key for the manager's messages to the service, see service/control.ts. A service with a key
   * checks the rules of single methods. A service without a key gets only callers that may call
   * every method.
   */
  readonly key?: Uint8Array;
  /** True if other instances may register the same name with the same setting. */
  readonly many?: boolean;
  /** Version of the contract, for messages. */
  readonly version?: string;
}

/** Input of `lookup`. */
export interface LookupInput {
  readonly name: string;
  /** Hash of the shape that the client expects. */
  readonly hash: number;
  /**
   * Maximum delay of the answer while no service has this name, ms. If absent, there is no delay
   * and the answer is a {@link Location}, which is enough for programs in C.
   */
  readonly waitMs?: number;
  /**
   * The `version` of an earlier answer. The new answer is delayed until the version changes, at
   * most for `waitMs`.
   */
  readonly known?: number;
}

/** Names the task of one instance of a service. */
export interface Location {
  readonly handle: number;
  readonly generation: number;
}

/** Describes the instances of a service. The right to call each of them has been granted. */
export interface LookupFound {
  readonly instances: readonly Location[];
  /** True if the service may have several instances. */
  readonly many: boolean;
  /** Changes with the instances; 0 if some of them cannot be called yet. */
  readonly version: number;
}

/** Output of `lookup`: the location of the service, or why its contract does not fit. */
export type LookupOutput =
  | LookupFound
  /** One of the instances. */
  | Location
  /** The version is still the known one. */
  | { readonly unchanged: true }
  /** The contracts differ: this is the one of the service. */
  | { readonly shape: string; readonly version?: string };

/** Returns the answer for clients that expect a single instance. */
export function anyInstance(output: LookupOutput): LookupOutput {
  if (!('instances' in output)) return output;
  const { instances } = output;
  return instances[Math.floor(Math.random() * instances.length)] ?? output;
}

/** Maximum number of instances of one service. */
export const INSTANCES_MAX = 64;

/** Prefix of the names that belong to the domain. Only the manager's process registers them. */
const RESERVED_PREFIX = 'liteipc.';

/** Returns true for a name that only the manager's process may register. */
export function isReservedName(name: string): boolean {
  return name.startsWith(RESERVED_PREFIX);
}

/** Maximum number of entries of one {@link RefusalReport}. */
export const REFUSALS_MAX = 16;

/**
 * Counts refused messages by the caller's task and process, the number of the method, and the
 * number of the limit that was exceeded. The limit is 0 if the caller may not call the method.
 */
export type RefusalEntry = readonly [
  taskId: number,
  processId: number,
  method: number,
  limit: number,
  count: number,
];

/**
 * Lists what a service has refused since its last report. Accepted only from the task that has the
 * name.
 */
export interface RefusalReport {
  readonly name: string;
  /** At most {@link REFUSALS_MAX}. */
  readonly entries: readonly RefusalEntry[];
  /** Number of refused messages that are not in `entries`. */
  readonly others: number;
}

/** The contract of the registry: it is called and served like any other service. */
export const Registry = defineService('ServiceManager', {
  register: method<RegisterInput>(),
  unregister: method<{ readonly name: string }>(),
  lookup: method<LookupInput, LookupOutput>(),
  refused: method<RefusalReport>(),
});
