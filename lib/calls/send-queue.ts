/**
 * Sends requests, and queues those that cannot be sent yet. Requests wait in order in their route:
 * while a lane is being created, while the receiver has no room, or during a lookup.
 */
import type { NativeDevice } from '../../types/native.js';
import type { CallTable } from './call-table.js';
import type { ContractMethod } from '../contract/method-table.js';
import { callError, codeOfStatus, isNoRoom, Status } from '../common/errors.js';
import { RetryTimer } from '../common/retry-timer.js';
import { MessageFlag, Outgoing } from '../native/layout.js';
import { livingTask } from '../native/living-task.js';
import type { ObjectsToSend } from '../native/message-objects.js';
import { writeRequest } from '../native/outgoing-header.js';
import { RouteState, type Route, type WaitingRequest } from './route.js';
import { Cookie } from '../wire/header.js';

/**
 * Number of retries for room on a route without calls in flight. They come after 1, 2, 4 ... ms,
 * together 63 ms without progress. Then the requests fail.
 */
const ROOM_RETRIES_MAX = 6;
/** Number of consecutive lane refusals after which the waiting requests fail. */
const LANE_RETRIES_MAX = 3;

/** Number of draining services that may refuse one call before it fails. */
const REFUSED_MAX = 16;

/**
 * Returns true for a status after which the service should be looked up again: it has ended, or
 * the right to call it was revoked.
 */
function meansLookAgain(status: number): boolean {
  return (
    status === Status.access ||
    status === Status.invalid ||
    status === Status.noEntry ||
    status === Status.noProcess ||
    status === Status.brokenPipe
  );
}

/**
 * Returns true if a request may be sent again after a service has refused it. Objects leave this
 * process with the first message, and so do the items of a sink.
 */
export function mayResend(
  route: Route,
  { kind }: ContractMethod,
  objects: ObjectsToSend | undefined,
): boolean {
  return route.storesRequests && objects === undefined && kind !== 'sink' && kind !== 'duplex';
}

/** A `SendQueue` sends the requests of one connection, and stores those that wait. */
export class SendQueue {
  /** Routes in state Room. */
  readonly #waitingForRoom = new Set<Route>();
  readonly #roomTimer = new RetryTimer(() => {
    for (const route of this.#waitingForRoom) {
      if (route.waitsForRoom || route.inFlight === 0) route.retries++;
    }
    this.retryRoom();
    return false;
  }, true);
  readonly #outgoing: Uint32Array;

  constructor(
    private readonly native: NativeDevice,
    private readonly calls: CallTable,
  ) {
    this.#outgoing = native.outgoing;
  }

  /** Sends a request after the waiting requests of its route. */
  enqueue(route: Route, request: WaitingRequest): void {
    route.waiting.push(request);
    if (route.state === RouteState.Unresolved) this.resolve(route);
    else if (this.#mayTry(route)) this.flush(route);
  }

  /** Sends the waiting requests of a route until one has to wait again. */
  flush(route: Route): void {
    const { waiting } = route;
    for (let head = waiting[0]; head !== undefined; head = waiting[0]) {
      const slot = this.calls.find(head.userData);
      if (slot !== -1) {
        const status = this.#retransmit(route, head, slot);
        if (status !== 0 && this.#mustWait(route, status)) return;
        if (status !== 0) this.calls.reject(slot, callError(codeOfStatus(status), head.method));
      }
      waiting.shift();
      // No code of the program runs before the next turn, so `head` is still the first request.
    }
    this.#waitingForRoom.delete(route);
    route.state = RouteState.Ready;
    route.retries = 0;
  }

  /** Starts a lookup for a route. */
  resolve(route: Route): void {
    route.state = RouteState.Resolving;
    route.startResolving?.(route);
  }

  /** Takes the result of a lookup, and sends the waiting requests. */
  resolved(route: Route, handle: number, generation: number): void {
    route.handle = handle;
    route.generation = generation;
    route.deathNotified = false;
    route.state = RouteState.Ready;
    this.flush(route);
  }

  /**
   * Takes the failure of a lookup. Requests made before `since` fail. For later ones the lookup is
   * repeated.
   */
  unresolvable(route: Route, error: Error, since = Infinity): void {
    route.state = RouteState.Unresolved;
    this.#rejectWaiting(route, () => error, since);
    if (route.waiting.length > 0) this.resolve(route);
  }

  /**
   * Handles the refusal of a draining service, which has not begun the call: starts a lookup for
   * the waiting and later requests of the route. Returns true if the refused call is sent again,
   * too.
   */
  shutDown(slot: number): boolean {
    const calls = this.calls;
    const route = calls.routes[slot] as Route;
    const sent = calls.resendable[slot];
    if (route.startResolving === undefined) return false;
    route.retired = true;
    if (route.state !== RouteState.Resolving) route.forget();
    const again = sent !== undefined && sent.refused < REFUSED_MAX;
    if (again) {
      calls.unsend(slot);
      route.waiting.push({ ...sent, refused: sent.refused + 1 });
    }
    // Starts now, so that the next call finds the new service.
    if (route.state === RouteState.Unresolved) this.resolve(route);
    return again;
  }

  /** Moves the waiting requests of a route, each to the route that `choose` returns for it. */
  move(from: Route, choose: () => Route | undefined): void {
    const calls = this.calls;
    this.#waitingForRoom.delete(from);
    const moved = from.waiting.splice(0);
    from.forget();
    for (const request of moved) {
      const slot = calls.find(request.userData);
      if (slot === -1) continue;
      const to = choose();
      if (to === undefined) {
        calls.reject(slot, callError('ENODEV', request.method));
        continue;
      }
      calls.routes[slot] = to;
      to.waiting.push(request);
      if (to.state === RouteState.Unresolved) this.resolve(to);
      else if (this.#mayTry(to)) this.flush(to);
    }
  }

  /** Handles the answer to a request for a lane. */
  laneEvent(route: Route, status: number): void {
    if (route.state !== RouteState.Lane) return;
    if (status !== 0 && ++route.retries > LANE_RETRIES_MAX) {
      route.retries = 0;
      route.state = RouteState.Ready;
      this.#rejectWaiting(route, (method) => callError(codeOfStatus(status), method));
      return;
    }
    this.flush(route);
  }

  /** Retries by timer if no call is in flight: no answer will announce room. */
  expired(route: Route): void {
    if (route.state === RouteState.Room && route.inFlight === 0) this.#armRoomTimer(route);
  }

  /** Retries the routes that wait for room. Called after each batch of events. */
  retryRoom(): void {
    if (this.#waitingForRoom.size === 0) return;
    for (const route of this.#waitingForRoom) {
      if (route.state === RouteState.Room) this.flush(route);
      else this.#waitingForRoom.delete(route);
    }
  }

  /** Stops all retries: the connection has ended. */
  stop(): void {
    this.#roomTimer.stop();
    this.#waitingForRoom.clear();
  }

  /**
   * Sends one request. Returns 0, or a negative errno if it was not sent. `deadlineMs` 0: no
   * deadline. `userData` 0: no answer.
   */
  transmit(
    route: Route,
    method: ContractMethod,
    message: {
      readonly start: number;
      readonly size: number;
      readonly data: Uint8Array | undefined;
    },
    cookie: number,
    userData: number,
    deadlineMs: number,
    objects: ObjectsToSend | undefined,
  ): number {
    const named = (cookie & Cookie.Abortable) === 0 ? 0 : userData;
    writeRequest(
      this.#outgoing,
      route,
      method.streamToken === -1 ? named : method.streamToken,
      cookie,
      method.index,
      method.oneway ? MessageFlag.OneWay : MessageFlag.Default,
      message.start,
      message.size,
      deadlineMs,
      userData,
    );
    if (objects !== undefined) {
      const status = this.native.sendRequest(message.data, objects.words());
      if (status === 0) objects.sent();
      return status;
    }
    return message.data === undefined || message.size === 0
      ? this.native.sendRequest()
      : this.native.sendRequest(message.data);
  }

  #retransmit(route: Route, request: Route['waiting'][number], slot: number): number {
    const { oneway } = request.method;
    const calls = this.calls;
    const message = { start: 0, size: request.data.length, ...request };
    const userData = oneway ? 0 : request.userData;
    const remainingMs = oneway ? 0 : calls.remainingMs(slot);
    const { method, cookie, objects } = request;
    const status = this.transmit(route, method, message, cookie, userData, remainingMs, objects);
    if (status !== 0) return status;
    route.refusedSinceResolved = false;
    route.retries = 0;
    if (oneway) {
      calls.resolve(slot, undefined);
    } else {
      calls.markSent(slot, this.#outgoing[Outgoing.CallId] as number);
      if (mayResend(route, method, objects)) calls.resendable[slot] = request;
      request.onSent?.(route);
    }
    return 0;
  }

  /**
   * Handles a send that failed with `status`; returns true if the requests of the route have to
   * wait.
   */
  #mustWait(route: Route, status: number): boolean {
    if (status === Status.inProgress) {
      route.state = RouteState.Lane;
      return true;
    }
    if (isNoRoom(status)) {
      // Answers to calls in flight announce room. Without them nothing does, so a few retries give
      // the receiver time to free the messages that it has just answered.
      if (!route.waitsForRoom && route.inFlight === 0 && route.retries >= ROOM_RETRIES_MAX)
        return false;
      route.state = RouteState.Room;
      this.#waitingForRoom.add(route);
      if (route.waitsForRoom || route.inFlight === 0) this.#armRoomTimer(route);
      return true;
    }
    if (!meansLookAgain(status) || route.startResolving === undefined) return false;
    // For a service that has just ended the domain reports EACCES, too, because all rights end
    // with it.
    const gone = this.#isGone(route);
    if (route.refusedSinceResolved && !gone) return false;
    route.refusedSinceResolved = !gone;
    this.resolve(route);
    return true;
  }

  #isGone(route: Route): boolean {
    return livingTask(this.native, route) === undefined;
  }

  #mayTry(route: Route): boolean {
    return (
      route.state === RouteState.Ready || (route.state === RouteState.Room && route.inFlight === 0)
    );
  }

  #armRoomTimer(route: Route): void {
    this.#roomTimer.arm(route.retries);
  }

  #rejectWaiting(
    route: Route,
    errorFor: (method: ContractMethod) => Error,
    since = Infinity,
  ): void {
    this.#waitingForRoom.delete(route);
    for (const request of route.waiting.splice(0)) {
      const slot = this.calls.find(request.userData);
      if (slot === -1) continue;
      if (request.since > since) route.waiting.push(request);
      else this.calls.reject(slot, errorFor(request.method));
    }
  }
}
