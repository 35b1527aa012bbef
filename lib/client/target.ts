/** Defines what a client needs to know about the place where its calls go. */
import type { Route } from '../calls/route.js';
import type { RestartWatch } from './restart-watch.js';

/**
 * A `CallTarget` decides where the calls of one client go, within one connection: to the task that
 * has a name, to one of several instances, or to the task that a reference names.
 */
export interface CallTarget {
  /** True once the service has been found, so that the end of the connection ends it, too. */
  readonly isFound: boolean;
  /** Returns the route of the next call. Requests wait in it while the service is not known. */
  choose(): Route;
  /** Finds the service, unless it is known. Rejects as a call does. */
  resolve(waitMs: number): Promise<void>;
}

/** The client that a target belongs to. */
export interface TargetOwner {
  readonly restarts: RestartWatch;
  /** Sends the next calls to another target: the service has several instances, or only one. */
  use(target: CallTarget): void;
  /** Reports the end of a task that served the client. */
  notifyDeath(): void;
}
