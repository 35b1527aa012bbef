/** Dispatches requests from the event to the implementation: route, authorize, decode, run. */
import type { NativeDevice } from '../../types/native.js';
import type { Caller } from '../../types/wire.js';
import { Callers } from '../common/caller.js';
import { LiteIpcError, callError } from '../common/errors.js';
import type { ContractMethod } from '../contract/method-table.js';
import { isStreaming } from '../contract/methods.js';
import { Incoming, MessageFlag } from '../native/layout.js';
import type { CallWatch } from '../service/call-watch.js';
import { CONTROL_CODE, isControlCode } from '../service/control.js';
import type { ServiceHost } from '../service/host.js';
import { IncomingCall } from '../service/incoming-call.js';
import type { Replies } from '../service/replies.js';
import { ServiceStream } from '../service/stream.js';
import { ABORT_CODE, Cookie, isStreamCode } from '../wire/header.js';
import { noMetadata, type CallMetadata } from '../contract/metadata.js';
import { decodingErrorCode, type IncomingData } from './incoming-message.js';
import { StreamDispatcher } from './stream-dispatcher.js';

/** Dispatches the requests of one connection. `base` is the index of an event's first word. */
export class RequestDispatcher {
  readonly #incoming: Uint32Array;
  readonly #streams: StreamDispatcher;
  readonly #callers = new Callers();

  // State of the request in progress. Fields pass several values from one step to the next without
  // an allocation per request.
  #host!: ServiceHost;
  #index = 0;
  #caller!: Caller;
  #method!: ContractMethod;
  #input: unknown;
  #metadata: CallMetadata = noMetadata;

  constructor(
    private readonly native: NativeDevice,
    private readonly hosts: ReadonlyMap<number, ServiceHost>,
    private readonly data: IncomingData,
    private readonly watch: CallWatch<IncomingCall>,
    private readonly replies: Replies,
  ) {
    this.#incoming = native.incoming;
    this.#streams = new StreamDispatcher(native, data, watch, replies);
  }

  /** Dispatches a request. A step returns false if it has finished or refused the request. */
  dispatch(base: number): void {
    if (this.#route(base) && this.#authorize(base) && this.#decode(base)) this.#run(base);
  }

  /** Finds the host and the number of the method. Passes aborts and stream requests on. */
  #route(base: number): boolean {
    const incoming = this.#incoming;
    const code = incoming[base + Incoming.Code] as number;
    const oneway = incoming[base + Incoming.Flag] === MessageFlag.OneWay;
    const served = this.hosts.get(incoming[base + Incoming.Task] as number);
    const control = isControlCode(code) && !oneway ? served?.control : undefined;
    const host = control ?? served;
    // The data has been copied out of the pool, and a one-way message needs no reply.
    if (oneway || host === undefined) this.native.free(incoming[base + Incoming.Request] as number);
    if (host === undefined) return false;
    if (code === ABORT_CODE && oneway) {
      const callerTask = incoming[base + Incoming.TaskId] as number;
      this.watch.abort(callerTask, incoming[base + Incoming.Token] as number);
      return false;
    }
    if (isStreamCode(code)) {
      this.#streams.take(host, base);
      return false;
    }
    this.#host = host;
    this.#index = control === undefined ? code : code - CONTROL_CODE;
    return true;
  }

  /** Identifies the caller, and checks the access rules of a restricted service. */
  #authorize(base: number): boolean {
    const incoming = this.#incoming;
    this.#caller = this.#callers.of(
      incoming[base + Incoming.TaskId] as number,
      incoming[base + Incoming.TaskGeneration] as number,
      incoming[base + Incoming.ProcessId] as number,
      incoming[base + Incoming.Pid] as number,
      incoming[base + Incoming.Uid] as number,
      incoming[base + Incoming.Gid] as number,
    );
    const { access } = this.#host;
    if (access?.restricted !== true) return true;
    const about = this.#host.referenceAt(this.#index);
    const size = incoming[base + Incoming.DataSize] as number;
    const refusal = access.check(this.#caller, this.#index, size, about);
    if (refusal === undefined) return true;
    const oneway = incoming[base + Incoming.Flag] === MessageFlag.OneWay;
    const isQuiet = oneway && !access.shouldReport(this.#caller, refusal.code);
    return this.#refuse(base, refusal, isQuiet);
  }

  /** Finds the method, and decodes its input and metadata. */
  #decode(base: number): boolean {
    const incoming = this.#incoming;
    const oneway = incoming[base + Incoming.Flag] === MessageFlag.OneWay;
    const cookie = incoming[base + Incoming.Cookie] as number;
    const method = this.#host.methodAt(this.#index);
    const isKind =
      method?.oneway === oneway && ((cookie & Cookie.Abortable) !== 0 || !isStreaming(method.kind));
    if (method === undefined || !isKind) {
      const text = 'not in this contract, or of another kind; use the same contract on both sides';
      const about = this.#host.referenceAt(this.#index);
      return this.#refuse(base, new LiteIpcError('EPROTO', text, about));
    }
    this.#method = method;
    this.#metadata = noMetadata;
    try {
      // A C program sends only parcels and empty messages, and may set the cookie to any value.
      if ((cookie & Cookie.Metadata) !== 0 && method.inputParcel === undefined) {
        this.#metadata = this.data.takeMetadata(base);
      }
      this.#input = this.data.decode(base, method.inputParcel);
    } catch (error) {
      const text = `input: ${(error as Error).message}`;
      return this.#refuse(base, new LiteIpcError(decodingErrorCode(error), text, method));
    }
    return true;
  }

  /** Makes the call object, and runs the implementation. */
  #run(base: number): void {
    const incoming = this.#incoming;
    const host = this.#host;
    const method = this.#method;
    const input = this.#input;
    // The implementation owns the input: a field must not retain it.
    this.#input = undefined;
    const isAbortable =
      !method.oneway && ((incoming[base + Incoming.Cookie] as number) & Cookie.Abortable) !== 0;
    const call = new IncomingCall(
      incoming[base + Incoming.Task] as number,
      incoming[base + Incoming.Request] as number,
      this.#caller,
      incoming[base + Incoming.TaskGeneration] as number,
      method,
      isAbortable ? (incoming[base + Incoming.Token] as number) : -1,
      this.watch,
      this.#metadata,
      incoming[base + Incoming.DeadlineMs] as number,
      incoming[base + Incoming.TimestampLow] as number,
      incoming[base + Incoming.TimestampHigh] as number,
    );
    const words = this.data.objects(base);
    if (words !== undefined) call.files = this.data.files(words);
    if (isStreaming(method.kind)) call.stream = new ServiceStream(this.replies, call);
    if (host.access?.restricted === true) host.access.enter(call);
    host.run(this.replies, method, input, call);
  }

  /** Refuses the request; returns false. A quiet refusal is counted and not reported. */
  #refuse(base: number, reason: LiteIpcError, isQuiet = false): false {
    const incoming = this.#incoming;
    const host = this.#host;
    host.counts.refused++;
    if (isQuiet) return false;
    const about = { service: reason.service ?? '', method: reason.method ?? '' };
    const error = callError(reason.code, about, reason.message, reason.retryAfterMs);
    if (incoming[base + Incoming.Flag] === MessageFlag.OneWay) {
      host.report(error, about);
    } else {
      const task = incoming[base + Incoming.Task] as number;
      const request = incoming[base + Incoming.Request] as number;
      const callerTask = incoming[base + Incoming.TaskId] as number;
      this.replies.sendRefusal({ task, request, callerTask }, error);
    }
    return false;
  }
}
