/**
 * Implements the connection of a device to its domain, from its opening until it is closed or the
 * domain ends. Dispatches the native events.
 */
import type { ReadableStream } from 'node:stream/web';
import type {
  ControlOperation as ControlOperationValue,
  NativeDevice,
} from '../../types/native.js';
import type { StreamOffer } from '../attachments/outgoing.js';
import type { ReferenceHome } from '../attachments/reference.js';
import { CallWatch } from '../service/call-watch.js';
import type { IncomingCall } from '../service/incoming-call.js';
import { CallTable } from '../calls/call-table.js';
import { attachingOf } from '../attachments/outgoing.js';
import { Encoder } from '../wire/codec.js';
import { ControlRequests, operationName, type ControlResult } from './control-requests.js';
import type { ContractMethod } from '../contract/method-table.js';
import { LiteIpcError, Status, callError, codeOfStatus, isShutdown } from '../common/errors.js';
import { ControlOperation, EventKind, Incoming, MessageType } from '../native/layout.js';
import { livingTask } from '../native/living-task.js';
import { IncomingData, decodingErrorCode } from './incoming-message.js';
import type { ReceiverAccess } from '../service/access-check.js';
import { Replies } from '../service/replies.js';
import { Requests } from '../calls/requests.js';
import { RouteState, type Route } from '../calls/route.js';
import type { ServiceHost } from '../service/host.js';
import { RequestDispatcher } from './request-dispatcher.js';
import { fromWireError } from '../wire/remote-error.js';

/** Receives the events of a connection. */
export interface ConnectionListener {
  /**
   * Reports that the domain has ended. Every call has been rejected, and the connection is
   * unusable.
   */
  onLost?(connection: Connection): void;
  /** Reports that a service that this process had the right to call has ended. */
  onServiceDeath?(handle: number): void;
}

/** Times after a death notice at which the task is checked again, ms. */
const NOTICE_CHECKS_MS = [10, 100, 1000];

const REVOKED = 'the right to call it was revoked';

/** Provides what a connection uses but does not create itself. */
export interface ConnectionParts {
  /** Maximum size of the separate memory of one message, bytes. */
  readonly messageLimit: number;
  /** Creates the owner of the connection's references. */
  readonly makeReferences: (connection: Connection) => ReferenceHome;
  /** Offers a stream as a service of the connection. The stream is locked from then on. */
  readonly offerStream: (connection: Connection, source: ReadableStream) => Promise<StreamOffer>;
}

/** A `Connection` is an open device in a running domain. */
export class Connection {
  readonly native: NativeDevice;
  readonly requests: Requests;
  readonly references: ReferenceHome;
  /** Services by the handle of the task that receives for them. */
  readonly hosts = new Map<number, ServiceHost>();
  /** Every route of this connection. */
  readonly routes = new Set<Route>();

  /**
   * Number of calls that the ServiceManager answers late on purpose. They are not calls of the
   * program.
   */
  delayedLookups = 0;

  readonly #listener: ConnectionListener;
  readonly #calls: CallTable;
  readonly #replies: Replies;
  readonly #watch: CallWatch<IncomingCall>;
  readonly #data: IncomingData;
  readonly #dispatcher: RequestDispatcher;
  readonly #incoming: Uint32Array;
  readonly #controls: ControlRequests;
  #ended: 'lost' | 'closed' | undefined;
  #ipcTask: Promise<void> | undefined;

  /** Called by `openConnection`. */
  constructor(native: NativeDevice, listener: ConnectionListener, parts: ConnectionParts) {
    const { messageLimit } = parts;
    this.native = native;
    this.#listener = listener;
    this.references = parts.makeReferences(this);
    this.#data = new IncomingData({ native, references: this.references, messageLimit });
    this.#controls = new ControlRequests(native);
    this.#incoming = native.incoming;
    const attaching = attachingOf({
      native,
      offerStream: (source) => parts.offerStream(this, source),
    });
    const encoder = new Encoder(native.outbox, attaching);
    this.#calls = new CallTable((slot) => this.#expire(slot));
    this.requests = new Requests(native, this.#calls, encoder);
    this.#replies = new Replies(native, encoder);
    this.#watch = new CallWatch(native);
    this.#dispatcher = new RequestDispatcher(
      native,
      this.hosts,
      this.#data,
      this.#watch,
      this.#replies,
    );
  }

  /** False once the domain has ended or the connection was closed. */
  get alive(): boolean {
    return this.#ended === undefined;
  }

  /** Number of calls of the program that have not ended. */
  get pendingCalls(): number {
    return Math.max(this.#calls.pending - this.delayedLookups, 0);
  }

  /** Sends a control request to the domain. Rejects with a LiteIpcError of the domain's errno. */
  control(
    operation: ControlOperationValue,
    task: number,
    value0 = 0,
    value1 = 0,
    value2 = 0,
    value3 = 0,
  ): Promise<ControlResult> {
    if (!this.alive) return Promise.reject(this.#endError(operationName(operation)));
    return this.#controls.start(operation, task, [value0, value1, value2, value3]);
  }

  /**
   * Subscribes the call task to the death notices of the process, once per connection. This needs
   * a ServiceManager. If there is none yet, the next call of this function tries again.
   */
  ensureDeathNotices(): Promise<void> {
    this.#ipcTask ??= this.control(ControlOperation.SetIpcTask, this.native.callTaskId).then(
      () => undefined,
      () => {
        this.#ipcTask = undefined;
      },
    );
    return this.#ipcTask;
  }

  /** Stops serving a service, and cancels its unanswered calls. */
  endService(task: number): void {
    this.hosts.delete(task);
    const text = 'The service was disposed by its program (ECANCELED)';
    this.#watch.cancelAll(new LiteIpcError('ECANCELED', text), task);
  }

  /** Refuses the calls in flight that the changed rules of a service do not admit. */
  refuseCalls(task: number, access: ReceiverAccess): void {
    for (const call of this.#watch.callsOf(task)) {
      const host = this.hosts.get(task);
      // The task also receives the manager's messages, which are not calls of the service.
      if (host?.methodAt(call.method.index) !== call.method) continue;
      const error = access.refusalOf(call);
      if (error !== undefined) host.refuse(this.#replies, call, error);
    }
  }

  /** Returns true if all answers of a service have been sent. */
  isAnswered(task: number): boolean {
    return !this.#replies.hasWaiting(task);
  }

  /** Closes the device. Pending calls are rejected with ECANCELED. Idempotent. */
  async close(): Promise<void> {
    if (this.#ended === undefined) this.#end('closed');
    // A program may call this during an event, which has to end first.
    await Promise.resolve();
    await this.native.close();
  }

  /** Handles `count` events of the native device. */
  onEvents(count: number): void {
    const incoming = this.#incoming;
    for (let event = 0; event < count; event++) {
      if (this.#ended !== undefined) return;
      const base = event * Incoming.Words;
      switch (incoming[base + Incoming.Kind]) {
        case EventKind.Message:
          if (incoming[base + Incoming.Type] === MessageType.Request)
            this.#dispatcher.dispatch(base);
          else this.#onNotice(base);
          break;
        case EventKind.Call:
          this.#onCall(base);
          break;
        case EventKind.Control:
          this.#controls.onEvent(incoming, base);
          break;
        case EventKind.Lane:
          this.#onLane(base);
          break;
        case EventKind.Lost:
          this.#end('lost');
          this.#listener.onLost?.(this);
          return;
      }
    }
    this.requests.retry();
    this.#replies.retryAll();
  }

  #onCall(base: number): void {
    const incoming = this.#incoming;
    const calls = this.#calls;
    const userData = incoming[base + Incoming.UserData] as number;
    const slot = calls.find(userData);
    if (slot === -1) return;
    const status = (incoming[base + Incoming.Status] as number) | 0;
    const method = calls.methods[slot] as ContractMethod;
    if (status !== 0 && status !== Status.noEntry) {
      this.#checkAlive(calls.routes[slot] as Route);
      const why = status === Status.access ? REVOKED : undefined;
      calls.reject(slot, callError(codeOfStatus(status), method, why));
      return;
    }
    let value: unknown;
    try {
      if (status === 0 && method.streamToken !== -1) value = this.#data.bytes(base);
      else value = this.#data.decode(base, status === 0 ? method.outputParcel : undefined);
    } catch (error) {
      calls.reject(slot, callError(decodingErrorCode(error), method, (error as Error).message));
      return;
    }
    // ENOENT stands for MT_FAILED_REPLY: the service has refused the call, or its method has
    // thrown.
    const code = incoming[base + Incoming.Code] as number;
    const words = this.#data.objects(base);
    if (words !== undefined) {
      this.requests.resultFiles.get(userData)?.push(...this.#data.files(words));
    }
    if (status === 0) {
      calls.resolve(slot, value);
      return;
    }
    const error = fromWireError(value, code, method);
    if (isShutdown(error) && this.requests.queue.shutDown(slot)) return;
    calls.reject(slot, error);
  }

  /** Forgets the service of a route if it has ended, so that the next call looks it up. */
  #checkAlive(route: Route): void {
    if (route.startResolving === undefined || route.handle === 0 || route.deathNotified) return;
    if (livingTask(this.native, route) !== undefined) return;
    route.deathNotified = true;
    if (route.onDeath !== undefined) queueMicrotask(route.onDeath);
    if (route.state === RouteState.Resolving) return;
    route.forget();
    // Requests that were not sent yet may reach the next service with this name.
    if (route.waiting.length > 0) this.requests.queue.resolve(route);
  }

  /** The domain sends a death notice shortly before it marks the task dead. */
  #checkAliveLater(route: Route): void {
    for (const delayMs of NOTICE_CHECKS_MS) {
      setTimeout(() => {
        if (this.alive) this.#checkAlive(route);
      }, delayMs).unref();
    }
  }

  #onNotice(base: number): void {
    if (this.#incoming[base + Incoming.Type] !== MessageType.DeathNotice) return;
    const handle = this.#incoming[base + Incoming.Token] as number;
    for (const route of this.routes) {
      if (route.handle !== handle) continue;
      this.#checkAlive(route);
      if (!route.deathNotified) this.#checkAliveLater(route);
    }
    this.#listener.onServiceDeath?.(handle);
  }

  #onLane(base: number): void {
    const handle = this.#incoming[base + Incoming.Value0] as number;
    const status = (this.#incoming[base + Incoming.Status] as number) | 0;
    for (const route of this.routes) {
      // The event contains the task of the ServiceManager, but routes know it as handle 0.
      if (route.handle === handle || route.handle === 0)
        this.requests.queue.laneEvent(route, status);
    }
    this.#replies.retry(handle);
  }

  #expire(slot: number): void {
    const calls = this.#calls;
    const method = calls.methods[slot] as ContractMethod;
    const route = calls.routes[slot] as Route;
    if (calls.sent[slot] === 1) this.native.cancel(calls.callIds[slot] as number);
    const after = `no answer within ${calls.timeouts[slot]} ms`;
    const why =
      calls.sent[slot] !== 1
        ? 'it was never sent: the service has no room, or its lookup is still in progress'
        : this.native.hasAccess(route.handle)
          ? 'the service is busy or slow; raise timeoutMs if that is expected'
          : REVOKED;
    calls.reject(slot, callError('ETIME', method, `${after}; ${why}`));
    this.requests.queue.expired(route);
  }

  #end(how: 'lost' | 'closed'): void {
    this.#ended = how;
    this.requests.stop();
    this.#replies.stop();
    const code = how === 'lost' ? 'ENODEV' : 'ECANCELED';
    this.#calls.rejectAll((_route, method) => callError(code, method));
    for (const route of this.routes) {
      route.waiting.length = 0;
      route.forget();
    }
    this.#controls.rejectAll((operation) => this.#endError(operation));
    this.hosts.clear();
    this.#watch.cancelAll(this.#endError('The service'));
  }

  #endError(what: string): LiteIpcError {
    return this.#ended === 'lost'
      ? new LiteIpcError('ENODEV', `${what}: the domain has ended (ENODEV)`)
      : new LiteIpcError('ECANCELED', `${what}: the device was closed by this program (ECANCELED)`);
  }
}
