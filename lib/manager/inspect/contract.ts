/**
 * Defines the inspector: a service by which a ServiceManager reports on its domain. The policy
 * decides who may call it, as for every service: without a rule, processes of the manager's own
 * uid.
 */
import { defineService, method } from '../../contract/contract.js';
import type { Rule } from '../../policy/rules.js';
import type { Identity } from '../../policy/subject.js';
import type { ServiceStatistics } from '../../service/statistics.js';
import type { NativeDomainCounters } from '../../../types/native.js';

/** Sizes of a domain: those of the host, or those of the LiteOS-A kernel. */
export type DomainProfile = 'host' | 'liteos-a';

/** Describes a domain as a whole. */
export interface DomainReport {
  readonly name: string;
  /** Path of its socket. */
  readonly path: string;
  readonly profile: DomainProfile;
  /** The process that runs the domain server and the ServiceManager. */
  readonly manager: Identity & { readonly program?: string };
  readonly startedAt: Date;
  readonly upMs: number;
  /** Number of rules in force. */
  readonly rules: number;
  readonly counters: NativeDomainCounters;
}

/** Describes a process of a domain: one opened device. */
export interface ProcessReport extends Identity {
  /** ID of the LiteIPC process. */
  readonly processId: number;
  /** Its program, e.g. `node shop.js`; absent if the manager may not read it. */
  readonly program?: string;
}

/** Describes a registered service. */
export interface ServiceReport {
  readonly name: string;
  readonly handle: number;
  readonly generation: number;
  readonly owner: ProcessReport;
  /** Number of methods of its contract; {@link Inspector}`.methods` returns their names. */
  readonly methods: number;
  /** Number of processes that have the right to call it. */
  readonly callers: number;
  /**
   * `answering`: `statistics` is present. `not-answering`: its process did not reply in time; its
   * event loop may be blocked. `unknown`: the service does not support control messages, as one in
   * C.
   */
  readonly state: 'answering' | 'not-answering' | 'unknown';
  readonly statistics?: ServiceStatistics;
}

/** Position in a list: the `next` of the previous page. Absent: the first page. */
export interface PageInput {
  readonly after?: number;
}

/** Input of {@link Inspector}`.explain`: a caller and what it would call. */
export interface ExplainInput {
  readonly caller: Identity;
  readonly service: string;
  readonly method?: string;
}

/** The decision of {@link ServiceManager.explain}, with its reason. */
export interface ExplainOutput {
  readonly allowed: boolean;
  /** The reason, e.g. `rule 2 allows uid 1000`; truncated if it is long. */
  readonly explanation: string;
  /**
   * The rule that decided: `rule 2`, `shop.jsonc:7:16`, `a grant`, `a revocation`. Absent if none
   * did.
   */
  readonly rule?: string;
  /** The rules that limit the caller's use, at most 32. */
  readonly limits: readonly string[];
  /** The rules about this service, at most 32, and whether each fits the caller. */
  readonly considered: readonly {
    readonly rule: string;
    readonly effect: Rule['effect'];
    readonly fits: 'yes' | 'no' | 'unknown';
  }[];
}

/** Selects the messages to watch. */
export interface StartWatchInput {
  /**
   * Only messages from and to these services; absent: every message that a serving process sees.
   */
  readonly services?: readonly string[];
  /** Only these of `traceHooks` of `liteipc/native`, as indexes from 0; absent: all. */
  readonly hooks?: readonly number[];
}

/** Records of the trace of one process. */
export interface WatchPart {
  readonly processId: number;
  /** Records of 64 bytes, oldest first. */
  readonly words: Uint8Array;
  /** Number of earlier records that were overwritten before they were read. */
  readonly lost: number;
  /** True if there may be more records to read. */
  readonly more: boolean;
  /**
   * Task, LiteIPC process, pid, uid and gid of the tasks in the records, as far as they are known.
   */
  readonly peers: readonly (readonly [number, number, number, number, number])[];
  /** Handle, generation and name of the services in the records. */
  readonly services: readonly (readonly [number, number, string])[];
}

/** Result of one reading of a watch. */
export interface WatchRead {
  readonly part?: WatchPart;
  /** True if the watch should be read again at once. */
  readonly more: boolean;
  /** LiteIPC processes that do not reply; their messages are not in the result. */
  readonly notAnswering: readonly number[];
}

/** Describes one method of a service's contract. */
export interface MethodReport {
  readonly name: string;
  /** E.g. `method`, `oneway`. */
  readonly kind: string;
}

/** The name under which the inspector is registered. */
const INSPECTOR_NAME = 'liteipc.inspector';

/** Long lists are returned in pages; `next` is absent on the last page. */
export const Inspector = defineService(INSPECTOR_NAME, {
  domain: method<void, DomainReport>(),
  /** Ordered by handle. `all` includes the domain's own services. */
  services: method<
    PageInput & { readonly all?: boolean },
    { readonly services: readonly ServiceReport[]; readonly next?: number }
  >(),
  /** The methods of a service, ordered by number. */
  methods: method<{ readonly service: string } & PageInput, MethodPage>(),
  /** The connected processes, including the manager's. */
  processes: method<
    PageInput,
    { readonly processes: readonly ProcessReport[]; readonly next?: number }
  >(),
  explain: method<ExplainInput, ExplainOutput>(),
  /**
   * Starts to watch messages: each process that serves something records what it sends, receives
   * and drops.
   */
  startWatch: method<StartWatchInput, { readonly watch: number }>(),
  /** A watch ends if it is not read for 3 s. */
  readWatch: method<{ readonly watch: number }, WatchRead>(),
  stopWatch: method<{ readonly watch: number }>(),
});

/** One page of the methods of a service. */
export interface MethodPage {
  readonly methods: readonly MethodReport[];
  readonly next?: number;
}
