/**
 * Defines routes: where the messages of one client go, and the requests that wait to be sent
 * there.
 *
 * Invariant: in state Ready no request waits, so a call may be sent at once without overtaking
 * another call.
 */
import type { ContractMethod } from '../contract/method-table.js';
import type { ObjectsToSend } from '../native/message-objects.js';

/** States of a route. */
export const RouteState = {
  /**
   * The name has not been looked up, or the service that was found has ended. The next call starts
   * a lookup.
   */
  Unresolved: 0,
  /** A lookup is in progress. */
  Resolving: 1,
  /** Messages are sent at once. */
  Ready: 2,
  /** The lane to the receiving thread is being created. */
  Lane: 3,
  /** The receiver has no room for more messages of this process. */
  Room: 4,
} as const;

/** A value of {@link RouteState}. */
export type RouteStateValue = (typeof RouteState)[keyof typeof RouteState];

/** An encoded request that waits to be sent. */
export interface WaitingRequest {
  /** Identifies the call. A call that was cancelled is not found any more. */
  readonly userData: number;
  readonly method: ContractMethod;
  readonly data: Uint8Array;
  /** The message's `cookie` word. */
  readonly cookie: number;
  /** Objects that travel with the data. */
  readonly objects: ObjectsToSend | undefined;
  /** Called when the request was sent. */
  readonly onSent?: ((route: Route) => void) | undefined;
  /** Number of times that a draining service has refused the request. */
  readonly refused: number;
  /** Time of the call on the clock of `performance.now()`. */
  readonly since: number;
}

/** Looks up the service of a route, and reports it with `resolved` or `unresolvable`. */
export type StartResolving = (route: Route) => void;

/** A `Route` maps the messages of one client to the task that currently serves it. */
export class Route {
  state: RouteStateValue;
  /** The task that receives; 0 is the ServiceManager. */
  handle = 0;
  /** Generation of the task; 0: any task that has the handle. */
  generation = 0;
  /** Number of calls that were sent and have not ended. */
  inFlight = 0;
  readonly waiting: WaitingRequest[] = [];
  /**
   * True if messages wait for room without limit, and retry by a timer even with calls in flight.
   */
  waitsForRoom = false;
  /** True if a send was refused and none has succeeded since. Another lookup would not help. */
  refusedSinceResolved = false;
  /** True if `onDeath` was called for the current `handle` and `generation`. */
  deathNotified = false;
  /** True if the service drains: it takes no more calls, but answers those that it has. */
  retired = false;
  /**
   * True if requests are stored until they are answered, so that they can be sent to another
   * service if this one has not begun them.
   */
  storesRequests = false;
  /** Number of consecutive lane refusals, or of retries for room without progress. */
  retries = 0;

  /**
   * `task` sends the requests. Without `startResolving` the route is fixed: it leads to `handle` 0
   * and is never looked up. `onDeath` is called once for each service of the route that ends.
   */
  constructor(
    readonly service: string,
    readonly task: number,
    readonly startResolving: StartResolving | undefined,
    readonly onDeath?: () => void,
  ) {
    this.state = startResolving === undefined ? RouteState.Ready : RouteState.Unresolved;
  }

  /** Forgets the service, so that the next call looks it up. The waiting requests stay queued. */
  forget(): void {
    if (this.startResolving !== undefined) this.state = RouteState.Unresolved;
  }
}
