/** Defines how a client decides where a call is sent. */
import type { Route } from '../calls/route.js';
import type { RestartWatch } from './restart-watch.js';

/**
 * A `CallTarget` decides to which task the calls of one client are sent in one connection: to the
 * task with a name, to one of several instances, or to the task of a reference.
 */
export interface CallTarget {
  /**
   * True once the service has been found: then the end of the connection is a loss of the service.
   */
  readonly isFound: boolean;
  /** Returns the route of the next call. Requests wait in it while the service is not known. */
  choose(): Route;
  /** Finds the service, unless it is known. Rejects as a call does. */
  resolve(waitMs: number): Promise<void>;
}

/** Receives the changes of a target; implemented by the client. */
export interface TargetOwner {
  readonly restarts: RestartWatch;
  /**
   * Selects another target for the next calls: the service now has several instances, or only one.
   */
  use(target: CallTarget): void;
  /** Reports the end of a task that served the client. */
  notifyDeath(): void;
}
