/**
 * One life of a device: from the moment it is open in a domain until it is closed or the domain is
 * gone. Takes the native events apart and gives each to whom it concerns.
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

/** What the owner of a connection is told. */
export interface ConnectionListener {
  /** The domain is gone: every call has been rejected, the connection is of no more use. */
  onLost?(connection: Connection): void;
  /** A service to which this process had the right has ended. */
  onServiceDeath?(handle: number): void;
}

const REVOKED = 'the right to call it was taken away meanwhile';

/** Supplies what a connection uses and does not make itself. */
export interface ConnectionParts {
  /** Most bytes of one message in memory of its own. */
  readonly messageLimit: number;
  /** Makes the object that the connection's references belong to. */
  readonly makeReferences: (connection: Connection) => ReferenceHome;
  /** Offers a stream as a service of the connection. The stream is locked from now on. */
  readonly offerStream: (connection: Connection, source: ReadableStream) => Promise<StreamOffer>;
}

/** An open device. */
export class Connection {
  readonly native: NativeDevice;
  readonly requests: Requests;
  readonly references: ReferenceHome;
  /** Services by the task that receives for them. */
  readonly hosts = new Map<number, ServiceHost>();
  /** Every route that has been resolved or fixed here. */
  readonly routes = new Set<Route>();

  /** Calls of the ServiceManager that it holds: not the program's. */
  heldLookups = 0;

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

  /** Use `openConnection`. */
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
    this.#calls = new CallTable((slot) => {
      this.#expire(slot);
    });
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

  /** False once the domain is gone or the connection was closed. */
  get alive(): boolean {
    return this.#ended === undefined;
  }

  /** Calls of the program that have not ended. */
  get pendingCalls(): number {
    return Math.max(this.#calls.pending - this.heldLookups, 0);
  }

  /** A control request. Rejects with a LiteIpcError of the domain's errno. */
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
   * Makes the call task receive the process's death notices, once per connection. Needs a
   * ServiceManager; if there is none yet, the next call tries again.
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

  /** A service is not served any more: its calls that are not answered yet are given up. */
  endService(task: number): void {
    this.hosts.delete(task);
    const text = 'The service was taken back by its program (ECANCELED)';
    this.#watch.cancelAll(new LiteIpcError('ECANCELED', text), task);
  }

  /**
   * The rules of a service are others now: its calls in flight that they do not admit are given up.
   */
  refuseCalls(task: number, access: ReceiverAccess): void {
    for (const call of this.#watch.callsOf(task)) {
      const host = this.hosts.get(task);
      // The manager's messages come to the same task, and not as calls of the service.
      if (host?.methodAt(call.method.index) !== call.method) continue;
      const error = access.refusalOf(call);
      if (error !== undefined) host.refuse(this.#replies, call, error);
    }
  }

  /** Whether all answers that a service has given have been sent. */
  isAnswered(task: number): boolean {
    return !this.#replies.hasWaiting(task);
  }

  /** Closes the device. Pending calls reject with ECANCELED. Idempotent. */
  async close(): Promise<void> {
    if (this.#ended === undefined) this.#end('closed');
    // Not within an event: a program may close in one.
    await Promise.resolve();
    await this.native.close();
  }

  /** Takes `count` events from the native side. */
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
      this.#checkLife(calls.routes[slot] as Route);
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
    // ENOENT is MT_FAILED_REPLY: the service has answered that it did not do it.
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

  /** Is what the route leads to gone? Then the next call looks the name up again. */
  #checkLife(route: Route): void {
    if (route.startResolving === undefined || route.handle === 0 || route.deathTold) return;
    if (livingTask(this.native, route) !== undefined) return;
    route.deathTold = true;
    if (route.onDeath !== undefined) queueMicrotask(route.onDeath);
    if (route.state === RouteState.Resolving) return;
    route.forget();
    // What was not sent yet may go to whoever has the name next.
    if (route.waiting.length > 0) this.requests.queue.resolve(route);
  }

  #onNotice(base: number): void {
    if (this.#incoming[base + Incoming.Type] !== MessageType.DeathNotice) return;
    const handle = this.#incoming[base + Incoming.Token] as number;
    for (const route of this.routes) {
      if (route.handle === handle) this.#checkLife(route);
    }
    this.#listener.onServiceDeath?.(handle);
  }

  #onLane(base: number): void {
    const handle = this.#incoming[base + Incoming.Value0] as number;
    const status = (this.#incoming[base + Incoming.Status] as number) | 0;
    for (const route of this.routes) {
      // The event names the ServiceManager by its task; routes know it as handle 0.
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
        ? 'it was never sent: the service has no room or is still being looked up'
        : this.native.hasAccess(route.handle)
          ? 'the service is busy or needs longer; raise timeoutMs if it may'
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
      ? new LiteIpcError('ENODEV', `${what}: the domain is gone (ENODEV)`)
      : new LiteIpcError('ECANCELED', `${what}: the device was closed by this program (ECANCELED)`);
  }
}
