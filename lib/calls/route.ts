/**
 * A route: where the messages of one proxy go, and what waits to go there.
 *
 * Invariant: in state Ready nothing waits, so a call may be sent at once without overtaking
 * another.
 */
import type { ContractMethod } from '../contract/method-table.js';
import type { ObjectsToSend } from '../native/message-objects.js';

/** What keeps messages of a route from being sent. */
export const RouteState = {
  /** Nobody has looked up the name, or what was found is dead. The next call looks it up. */
  Unresolved: 0,
  /** The name is being looked up. */
  Resolving: 1,
  /** Messages are sent at once. */
  Ready: 2,
  /** The lane to the receiving thread is being made. */
  Lane: 3,
  /** The receiver has no room for more messages from us. */
  Room: 4,
} as const;

/** One of the numbers of {@link RouteState}. */
export type RouteStateValue = (typeof RouteState)[keyof typeof RouteState];

/** A request that waits, encoded. */
export interface WaitingRequest {
  /** Finds its call; a call that has been given up meanwhile is not found. */
  readonly userData: number;
  readonly method: ContractMethod;
  readonly data: Uint8Array;
  /** The message's `cookie` word. */
  readonly cookie: number;
  /** What goes beside the data. */
  readonly objects: ObjectsToSend | undefined;
  /** Told when it was sent. */
  readonly onSent?: ((route: Route) => void) | undefined;
  /** How often a service has refused it because it was being taken back. */
  readonly refused: number;
  /** When the call was made, on the clock of `performance.now()`. */
  readonly since: number;
}

/** Looks up where a route leads and reports it with `resolved` or `unresolvable`. */
export type StartResolving = (route: Route) => void;

/** Where the messages of one proxy go. */
export class Route {
  state: RouteStateValue;
  /** 0 is the ServiceManager. */
  handle = 0;
  /** 0: whichever task has the handle. */
  generation = 0;
  /** Calls that were sent and have not ended. */
  inFlight = 0;
  readonly waiting: WaitingRequest[] = [];
  /** Whether its messages wait for room however long that takes, and look for it by themselves. */
  patient = false;
  /**
   * Whether a send was refused and none has succeeded since: then looking up again would not help.
   */
  refusedSinceResolved = false;
  /** Whether the death of what `handle` and `generation` name was told to `onDeath`. */
  deathTold = false;
  /**
   * What it leads to is being taken back: it takes no more calls, but answers those that it has.
   */
  retired = false;
  /**
   * Whether requests are kept until they are answered, to be sent elsewhere if they were not begun.
   */
  keeps = false;
  /** How often in a row the lane was refused, or no room was found without calls in flight. */
  retries = 0;

  /**
   * `task` sends the requests. Without `startResolving` the route is fixed: it leads to `handle` 0
   * and is never looked up. `onDeath` is called once for every service found here that ends.
   */
  constructor(
    readonly service: string,
    readonly task: number,
    readonly startResolving: StartResolving | undefined,
    readonly onDeath?: () => void,
  ) {
    this.state = startResolving === undefined ? RouteState.Ready : RouteState.Unresolved;
  }

  /** Forgets where it leads: the next call looks the name up. What waits stays. */
  forget(): void {
    if (this.startResolving !== undefined) this.state = RouteState.Unresolved;
  }
}
