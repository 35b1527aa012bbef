/** What the ServiceManager answers at handle 0: the name service of a domain. */
import { defineService, method } from '../contract/contract.js';

/** Longest time that a lookup is kept back, ms; who wants to wait longer asks again. */
export const LOOKUP_WAIT_MAX_MS = 10_000;

/**
 * A service that wants to be found. Sent by the service's own task, whose stamps prove the
 * ownership.
 */
export interface RegisterInput {
  readonly name: string;
  /** The contract's shape, see contract-shape.ts. */
  readonly shape: string;
  /**
   * With it the service says that it checks rules for single methods, see method-access.ts.
   * Without, it gets no callers but those who may call every method.
   */
  readonly key?: Uint8Array;
  /** Whether there may be other instances, which say the same. */
  readonly many?: boolean;
  /** Of the contract, for people. */
  readonly version?: string;
}

/** A client that wants to call a service. */
export interface LookupInput {
  readonly name: string;
  /** Hash of the shape that the client expects. */
  readonly hash: number;
  /**
   * How long the answer may be kept back until there is a service of this name, ms. Absent: not at
   * all, and the answer is a {@link Location}: so ask programs in C, which have no use for more.
   */
  readonly waitMs?: number;
  /**
   * The `version` of an answer: then the next one is kept back until there is another version, or
   * the time is over.
   */
  readonly known?: number;
}

/** One instance of a service. */
export interface Location {
  readonly handle: number;
  readonly generation: number;
}

/** Where a service is; the right to call each instance has been granted. */
export interface LookupFound {
  readonly instances: readonly Location[];
  /** Whether there may be more than one. */
  readonly many: boolean;
  /** Changes with the instances; 0 if not all of them can be called yet. */
  readonly version: number;
}

/** Where the service is, or why it does not fit. */
export type LookupOutput =
  | LookupFound
  /** One of the instances. */
  | Location
  /** The version is the one that is known. */
  | { readonly unchanged: true }
  /** The contracts differ: this is the service's. */
  | { readonly shape: string; readonly version?: string };

/** The answer for those that know of one instance alone. */
export function anyInstance(output: LookupOutput): LookupOutput {
  if (!('instances' in output)) return output;
  const { instances } = output;
  return instances[Math.floor(Math.random() * instances.length)] ?? output;
}

/** Most instances of one service. */
export const INSTANCES_MAX = 64;

/** Names that begin so belong to the domain itself: the manager's process alone registers them. */
const RESERVED_PREFIX = 'liteipc.';

/** Whether only the manager's own process may register this name. */
export function isReservedName(name: string): boolean {
  return name.startsWith(RESERVED_PREFIX);
}

/** Most entries of one {@link RefusalReport}. */
export const REFUSALS_MAX = 16;

/**
 * Messages that a service has refused: the caller's task and process, the number of the method, and
 * that of the limit which was exceeded, or 0 if the caller may not call the method at all.
 */
export type RefusalEntry = readonly [
  taskId: number,
  processId: number,
  method: number,
  limit: number,
  count: number,
];

/**
 * What a service has refused since its last report. Taken from the task alone that has the name.
 */
export interface RefusalReport {
  readonly name: string;
  /** At most {@link REFUSALS_MAX}. */
  readonly entries: readonly RefusalEntry[];
  /** Messages beside these. */
  readonly others: number;
}

/** The registry as a contract, so that it is called and served like any other. */
export const Registry = defineService('ServiceManager', {
  register: method<RegisterInput>(),
  unregister: method<{ readonly name: string }>(),
  lookup: method<LookupInput, LookupOutput>(),
  refused: method<RefusalReport>(),
});
