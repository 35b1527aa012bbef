/**
 * Requests on their way: the native call that sends one, and those that have to wait for it, in
 * order, in their route: while a lane is being made, the receiver has no room, or a name is being
 * looked up.
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
 * How often a route without calls in flight looks for room again before it gives up: after 1, 2, 4
 * ... ms, together 63 ms without any progress.
 */
const ROOM_RETRIES_MAX = 6;
/** How often in a row a lane may be refused before those that wait for it fail. */
const LANE_RETRIES_MAX = 3;

/** How often one call is sent to services that are being taken back before it fails. */
const REFUSED_MAX = 16;

/**
 * Why a send failed although the route was known: the service is dead, or the right was taken away.
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
 * True if a request may be sent again after a service has refused it. Objects leave this process
 * with the first message, and so do the items that the caller of a sink sends.
 */
export function mayResend(
  route: Route,
  { kind }: ContractMethod,
  objects: ObjectsToSend | undefined,
): boolean {
  return route.keeps && objects === undefined && kind !== 'sink' && kind !== 'duplex';
}

/** The requests of one connection that wait, and the way by which all go. */
export class RequestQueue {
  /** Routes that wait for room. */
  readonly #waitingForRoom = new Set<Route>();
  readonly #roomTimer = new RetryTimer(() => {
    for (const route of this.#waitingForRoom) {
      if (route.patient || route.inFlight === 0) route.retries++;
    }
    this.retryRoom();
    return false;
  }, true);
  readonly #native: NativeDevice;
  readonly #calls: CallTable;
  readonly #outgoing: Uint32Array;

  constructor(native: NativeDevice, calls: CallTable) {
    this.#native = native;
    this.#calls = calls;
    this.#outgoing = native.outgoing;
  }

  /** Sends a request behind those of its route that wait. */
  enqueue(route: Route, request: WaitingRequest): void {
    route.waiting.push(request);
    if (route.state === RouteState.Unresolved) this.resolve(route);
    else if (this.#mayTry(route)) this.flush(route);
  }

  /** Sends what waits in a route, as far as it can be sent. */
  flush(route: Route): void {
    const { waiting } = route;
    for (let head = waiting[0]; head !== undefined; head = waiting[0]) {
      const slot = this.#calls.find(head.userData);
      if (slot !== -1) {
        const status = this.#retransmit(route, head, slot);
        if (status !== 0 && this.#mustWait(route, status)) return;
        if (status !== 0) this.#calls.reject(slot, callError(codeOfStatus(status), head.method));
      }
      waiting.shift();
      // A rejected or resolved call runs no code of the program before the next turn: `head` is
      // still first.
    }
    this.#waitingForRoom.delete(route);
    route.state = RouteState.Ready;
    route.retries = 0;
  }

  /** Looks up where a route leads. */
  resolve(route: Route): void {
    route.state = RouteState.Resolving;
    route.startResolving?.(route);
  }

  /** The name of a route was found. */
  resolved(route: Route, handle: number, generation: number): void {
    route.handle = handle;
    route.generation = generation;
    route.deathTold = false;
    route.state = RouteState.Ready;
    this.flush(route);
  }

  /**
   * The name of a route could not be looked up: what waits since before `since` fails. For what
   * came later it is looked up again.
   */
  unresolvable(route: Route, error: Error, since = Infinity): void {
    route.state = RouteState.Unresolved;
    this.#rejectWaiting(route, () => error, since);
    if (route.waiting.length > 0) this.resolve(route);
  }

  /**
   * Where a call was sent is being taken back, and has not begun it: what waits and what comes goes
   * to whoever has the name next. True if the call does, too.
   */
  shutDown(slot: number): boolean {
    const calls = this.#calls;
    const route = calls.routes[slot] as Route;
    const kept = calls.kept[slot];
    if (route.startResolving === undefined) return false;
    route.retired = true;
    if (route.state !== RouteState.Resolving) route.forget();
    const again = kept !== undefined && kept.refused < REFUSED_MAX;
    if (again) {
      calls.unsend(slot);
      route.waiting.push({ ...kept, refused: kept.refused + 1 });
    }
    // At once, so that the next call finds the new way.
    if (route.state === RouteState.Unresolved) this.resolve(route);
    return again;
  }

  /** What waits in a route goes by others; each request by the one that `choose` gives then. */
  move(from: Route, choose: () => Route | undefined): void {
    const calls = this.#calls;
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

  /** A lane that was asked for is there, or refused. */
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

  /** A call of the route was given up: no answer will bring room any more. */
  expired(route: Route): void {
    if (route.state === RouteState.Room && route.inFlight === 0) this.#armRoomTimer(route);
  }

  /** After each batch of events: perhaps there is room now. */
  retryRoom(): void {
    if (this.#waitingForRoom.size === 0) return;
    for (const route of this.#waitingForRoom) {
      if (route.state === RouteState.Room) this.flush(route);
      else this.#waitingForRoom.delete(route);
    }
  }

  /** The connection has ended. */
  stop(): void {
    this.#roomTimer.stop();
    this.#waitingForRoom.clear();
  }

  /**
   * Sends one request. 0 or a negative errno; then it was not sent. `deadlineMs` 0: none;
   * `userData` 0: no answer.
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
      const status = this.#native.sendRequest(message.data, objects.words());
      if (status === 0) objects.sent();
      return status;
    }
    return message.data === undefined || message.size === 0
      ? this.#native.sendRequest()
      : this.#native.sendRequest(message.data);
  }

  #retransmit(route: Route, request: Route['waiting'][number], slot: number): number {
    const { oneway } = request.method;
    const calls = this.#calls;
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
      if (mayResend(route, method, objects)) calls.kept[slot] = request;
      request.onSent?.(route);
    }
    return 0;
  }

  /** Whether those in the route have to wait, after a send that failed with `status`. */
  #mustWait(route: Route, status: number): boolean {
    if (status === Status.inProgress) {
      route.state = RouteState.Lane;
      return true;
    }
    if (isNoRoom(status)) {
      // With calls in flight their answers bring room. Without, the receiver may be about to free
      // what it has just answered; it does not tell us when, so we look a few times.
      if (!route.patient && route.inFlight === 0 && route.retries >= ROOM_RETRIES_MAX) return false;
      route.state = RouteState.Room;
      this.#waitingForRoom.add(route);
      if (route.patient || route.inFlight === 0) this.#armRoomTimer(route);
      return true;
    }
    if (!meansLookAgain(status) || route.startResolving === undefined) return false;
    // Of a service that has just died the domain says EACCES, too: nobody has a right to the dead.
    const gone = this.#isGone(route);
    if (route.refusedSinceResolved && !gone) return false;
    route.refusedSinceResolved = !gone;
    this.resolve(route);
    return true;
  }

  #isGone(route: Route): boolean {
    return livingTask(this.#native, route) === undefined;
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
      const slot = this.#calls.find(request.userData);
      if (slot === -1) continue;
      if (request.since > since) route.waiting.push(request);
      else this.#calls.reject(slot, errorFor(request.method));
    }
  }
}
