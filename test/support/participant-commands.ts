/**
 * What a participant can be told: the words between test/support/participant.ts, which runs in the
 * test, and test/programs/participant.ts, which runs in a process or worker thread of its own.
 */
import type { Caller } from 'liteipc';
import type { Rule } from 'liteipc/manager';
import type { NativeDomainCounters } from '../../types/native.js';
import type { Told, WorkMethod } from './work.js';

/** How a call ended. */
export type Outcome =
  | { readonly ok: true; readonly value: unknown; readonly endedAtMs: number }
  | {
      readonly ok: false;
      readonly name: string;
      readonly code: string;
      readonly message: string;
      /** When, in ms on the clock that all processes of the machine share. */
      readonly endedAtMs: number;
    };

/** Which call of which service. */
export interface CallRequest {
  /** Name that the participant knows the device by. Default `main`. */
  readonly device?: string;
  /** Default `work`. */
  readonly service?: string;
  readonly method: WorkMethod;
  readonly input?: unknown;
  readonly timeoutMs?: number;
}

export interface Facts {
  readonly pid: number;
  /** Open descriptors of the whole OS process. */
  readonly descriptors: number;
  readonly connected: boolean;
  readonly pendingCalls: number;
  /** The device's processId. */
  readonly processId: number;
  /** Messages in the device's pool that have not been freed. */
  readonly poolNodes: number;
}

/** What a participant of the torture test does. */
export interface LoadOptions {
  readonly domain: string;
  /** Names of the services that it exposes. */
  readonly serve: readonly string[];
  /** Names of the services that it calls at random; none: it calls nothing. */
  readonly call: readonly string[];
  readonly seed: number;
}

export interface LoadProgress {
  /** Right answers so far. */
  readonly answers: number;
  /** Failed calls so far, by code. */
  readonly failures: Readonly<Record<string, number>>;
  /** What must not happen. */
  readonly faults: readonly string[];
  readonly poolNodes: number;
  readonly pendingCalls: number;
  readonly connected: boolean;
}

/** How a process or thread ends by itself. */
export type Ending = 'exit' | 'throw' | 'natural';

/** Command → its argument and what it resolves to. */
export interface Commands {
  startManager: (options: {
    readonly domain: string;
    readonly policy?: readonly Rule[];
    readonly socketMode?: number;
  }) => string;
  counters: () => NativeDomainCounters;
  revoke: (options: { readonly service: string; readonly pid: number }) => number;
  stopManager: () => void;
  /** Opens a device. */
  open: (options: {
    readonly domain: string;
    readonly device?: string;
    readonly poolSize?: number;
  }) => number;
  expose: (options: { readonly device?: string; readonly service?: string }) => void;
  /** Looks the service up. */
  find: (options: { readonly device?: string; readonly service?: string }) => void;
  /** Tells the service's restarts from now on, as events `restart work`. */
  watchRestarts: (options: { readonly device?: string; readonly service?: string }) => void;
  /** One call from beginning to end. */
  call: (request: CallRequest) => Outcome;
  /** Starts `count` calls; `outcomes` tells how they ended. */
  begin: (request: CallRequest & { readonly count: number }) => void;
  /** Waits for all calls that were begun, and forgets them. */
  outcomes: () => Outcome[];
  /**
   * Sends numbered one-way messages until one is refused, or `count`. Resolves to how many were
   * accepted.
   */
  flood: (options: {
    readonly count: number;
    readonly ballast: number;
    readonly first: number;
  }) => { readonly accepted: number; readonly refusal?: Outcome };
  /** What this participant's own service has been told. */
  told: () => Told;
  close: (options: { readonly device?: string }) => void;
  facts: (options: { readonly device?: string }) => Facts;
  /** What the device has told since it was asked last: `lost`, `reconnected`, `death work`. */
  events: () => string[];
  /** Waits for the next such event of this name. */
  event: (name: string) => void;
  /** Begins to serve and call without end, on a device of its own. */
  load: (options: LoadOptions) => void;
  loadProgress: () => LoadProgress;
  /** Ends the load's calls, but not its services. */
  stopCalls: () => void;
  /** Calls each service so often, from the load's device; fails if an answer is not right. */
  verify: (options: { readonly services: readonly string[]; readonly times: number }) => void;
  closeLoad: () => void;
  /** Ends; there is no answer. */
  end: (how: Ending) => void;
}

export type CommandName = keyof Commands;
/** What a command needs to know. */
export type Argument<Name extends CommandName> = Parameters<Commands[Name]>[0];
/** What a command gives back. */
export type Result<Name extends CommandName> = ReturnType<Commands[Name]>;

export interface Order {
  readonly id: number;
  readonly name: CommandName;
  readonly argument: unknown;
}

/** The answer to an order; `id` 0: the participant is ready for orders. */
export type Answer =
  | { readonly id: number; readonly result: unknown }
  | {
      readonly id: number;
      readonly error: { readonly code: string; readonly name: string; readonly message: string };
    };

/**
 * Environment variables for a participant process that runs as another user: set after it has
 * loaded.
 */
export const USER_VARIABLE = 'LITEIPC_TEST_USER';

export type { Caller };
