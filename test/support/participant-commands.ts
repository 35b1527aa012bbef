/**
 * The commands of a participant: the protocol between test/support/participant.ts, which runs in
 * the test, and test/programs/participant.ts, which runs in another process or a worker thread.
 */
import type { Caller } from 'liteipc';
import type { Rule } from 'liteipc/manager';
import type { NativeDomainCounters } from '../../types/native.js';
import type { Received, WorkMethod } from './work.js';

/** Result of a call. */
export type Outcome =
  | { readonly ok: true; readonly value: unknown; readonly endedAtMs: number }
  | {
      readonly ok: false;
      readonly name: string;
      readonly code: string;
      readonly message: string;
      /** Time of the end, ms, on the clock that all processes of the machine share. */
      readonly endedAtMs: number;
    };

/** A call of a service. */
export interface CallRequest {
  /** Name of the device in the participant. Default `main`. */
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
  /** Number of messages in the device's pool that have not been freed. */
  readonly poolNodes: number;
}

/** Load of a participant of the torture test. */
export interface LoadOptions {
  readonly domain: string;
  /** Names of the services that it exposes. */
  readonly serve: readonly string[];
  /** Names of the services that it calls at random. */
  readonly call: readonly string[];
  readonly seed: number;
}

export interface LoadProgress {
  /** Number of right answers. */
  readonly answers: number;
  /** Numbers of failed calls by code. */
  readonly failures: Readonly<Record<string, number>>;
  /** Faults: events that must not happen. */
  readonly faults: readonly string[];
  readonly poolNodes: number;
  readonly pendingCalls: number;
  readonly connected: boolean;
}

/** A way in which a process or thread ends itself. */
export type Ending = 'exit' | 'throw' | 'natural';

/** The argument and the result of each command. */
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
  /** Reports restarts of the service from now on, as events `restart work`. */
  watchRestarts: (options: { readonly device?: string; readonly service?: string }) => void;
  /** Makes a call and waits for its end. */
  call: (request: CallRequest) => Outcome;
  /** Starts `count` calls; `outcomes` returns their results. */
  begin: (request: CallRequest & { readonly count: number }) => void;
  /** Waits for all calls that `begin` started, and returns their results. */
  outcomes: () => Outcome[];
  /**
   * Sends up to `count` numbered one-way messages until one is refused. Resolves to the number of
   * accepted messages.
   */
  flood: (options: {
    readonly count: number;
    readonly ballast: number;
    readonly first: number;
  }) => { readonly accepted: number; readonly refusal?: Outcome };
  /** One-way messages that the service of this participant received. */
  received: () => Received;
  close: (options: { readonly device?: string }) => void;
  facts: (options: { readonly device?: string }) => Facts;
  /** Events of the device since the last query: `lost`, `reconnected`, `death work`. */
  events: () => string[];
  /** Waits for the next such event of this name. */
  event: (name: string) => void;
  /** Starts to serve and call without end, on a separate device. */
  load: (options: LoadOptions) => void;
  loadProgress: () => LoadProgress;
  /** Ends the load's calls, but not its services. */
  stopCalls: () => void;
  /** Calls each service several times from the load's device; fails if an answer is wrong. */
  verify: (options: { readonly services: readonly string[]; readonly times: number }) => void;
  closeLoad: () => void;
  /** Ends; there is no answer. */
  end: (how: Ending) => void;
}

export type CommandName = keyof Commands;
/** Argument of a command. */
export type Argument<Name extends CommandName> = Parameters<Commands[Name]>[0];
/** Result of a command. */
export type Result<Name extends CommandName> = ReturnType<Commands[Name]>;

export interface Command {
  readonly id: number;
  readonly name: CommandName;
  readonly argument: unknown;
}

/** The answer to a command; with `id` 0 the participant reports that it is ready. */
export type Answer =
  | { readonly id: number; readonly result: unknown }
  | {
      readonly id: number;
      readonly error: { readonly code: string; readonly name: string; readonly message: string };
    };

/** Environment variable with the user to which a participant process changes after loading. */
export const USER_VARIABLE = 'LITEIPC_TEST_USER';

export type { Caller };
