/**
 * The inspector: what a ServiceManager tells of its domain to who may call it. An ordinary service,
 * so that permission for it is the ordinary one: without a rule, the manager's own uid.
 */
import { defineService, method } from '../../contract/contract.js';
import type { Rule } from '../../policy/rules.js';
import type { Identity } from '../../policy/subject.js';
import type { ServiceStatistics } from '../../service/statistics.js';
import type { NativeDomainCounters } from '../../../types/native.js';

/** Sizes of a domain: the host's, or those of the LiteOS-A kernel. */
export type DomainProfile = 'host' | 'liteos-a';

/** The domain as a whole. */
export interface DomainReport {
  readonly name: string;
  /** Its socket. */
  readonly path: string;
  readonly profile: DomainProfile;
  /** The process of the domain server and ServiceManager. */
  readonly manager: Identity & { readonly program?: string };
  readonly startedAt: Date;
  readonly upMs: number;
  /** How many rules its policy has at the moment. */
  readonly rules: number;
  readonly counters: NativeDomainCounters;
}

/** A process of a domain: one opened device. */
export interface ProcessReport extends Identity {
  /** The LiteIPC process. */
  readonly processId: number;
  /** Its program, e.g. `node shop.js`; absent if the system does not tell the manager. */
  readonly program?: string;
}

/** A registered service. */
export interface ServiceReport {
  readonly name: string;
  readonly handle: number;
  readonly generation: number;
  readonly owner: ProcessReport;
  /** How many methods its contract has; {@link Inspector}`.methods` names them. */
  readonly methods: number;
  /** Processes that have the right to call it. */
  readonly callers: number;
  /**
   * `answering`: see `statistics`. `not-answering`: its process did not answer in time; its event
   * loop may be blocked. `unknown`: a service that does not speak to the manager, as one in C.
   */
  readonly state: 'answering' | 'not-answering' | 'unknown';
  readonly statistics?: ServiceStatistics;
}

/** Where to go on: what the last page gave as `next`. */
export interface PageInput {
  readonly after?: number;
}

/** A decision about a caller, with its reason. */
export interface ExplainInput {
  readonly caller: Identity;
  readonly service: string;
  readonly method?: string;
}

/** See {@link ServiceManager.explain}. */
export interface ExplainOutput {
  readonly allowed: boolean;
  /** Why, e.g. `rule 2 allows uid 1000`; shortened if it is long. */
  readonly explanation: string;
  /** The rule that decided, if one did: `rule 2`, `shop.jsonc:7:16`, `a grant`, `a revocation`. */
  readonly rule?: string;
  /** The rules that limit the caller's use, the first 32. */
  readonly limits: readonly string[];
  /** The first 32 rules about this service that were looked at, and whether they fit the caller. */
  readonly considered: readonly {
    readonly rule: string;
    readonly effect: Rule['effect'];
    readonly fits: 'yes' | 'no' | 'unknown';
  }[];
}

/** What to watch. */
export interface StartWatchInput {
  /** Only messages from and to these; absent: whatever the processes of services see. */
  readonly services?: readonly string[];
  /** Only these of `traceHooks` of `liteipc/native`, by number from 0; absent: all. */
  readonly hooks?: readonly number[];
}

/** What the trace of one process has recorded. */
export interface WatchPart {
  readonly processId: number;
  /** Records of 64 bytes, oldest first. */
  readonly words: Uint8Array;
  /** Records before these that were overwritten before anyone read them. */
  readonly lost: number;
  /** There may be more already. */
  readonly more: boolean;
  /** Task, LiteIPC process, pid, uid and gid of those that are in it, as far as it is known. */
  readonly peers: readonly (readonly [number, number, number, number, number])[];
  /** Handle, generation and name of the services that are in it. */
  readonly services: readonly (readonly [number, number, string])[];
}

/** One reading of a watch. */
export interface WatchRead {
  readonly part?: WatchPart;
  /** Read again at once. */
  readonly more: boolean;
  /** LiteIPC processes that do not answer: nothing is known of their messages. */
  readonly notAnswering: readonly number[];
}

/** One method of a service, as its contract has it. */
export interface MethodReport {
  readonly name: string;
  /** E.g. `method`, `oneway`. */
  readonly kind: string;
}

/** The name under which it is registered. */
const INSPECTOR_NAME = 'liteipc.inspector';

/** What is long comes in pages: `next` is absent on the last. */
export const Inspector = defineService(INSPECTOR_NAME, {
  domain: method<void, DomainReport>(),
  /** By handle. `all`: the domain's own services, too. */
  services: method<
    PageInput & { readonly all?: boolean },
    { readonly services: readonly ServiceReport[]; readonly next?: number }
  >(),
  /** The methods of a service, in the order of their numbers. */
  methods: method<{ readonly service: string } & PageInput, MethodPage>(),
  /** The processes that are connected, the manager's included. */
  processes: method<
    PageInput,
    { readonly processes: readonly ProcessReport[]; readonly next?: number }
  >(),
  explain: method<ExplainInput, ExplainOutput>(),
  /**
   * Begins to watch messages: each process that serves something records what it sends, receives
   * and drops.
   */
  startWatch: method<StartWatchInput, { readonly watch: number }>(),
  /** A watch that nobody reads for 3 s ends. */
  readWatch: method<{ readonly watch: number }, WatchRead>(),
  stopWatch: method<{ readonly watch: number }>(),
});

/** A part of the methods of a service. */
export interface MethodPage {
  readonly methods: readonly MethodReport[];
  readonly next?: number;
}
