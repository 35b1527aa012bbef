/** Implements the call object that an implementation receives for one request. */
import type { Caller } from '../../types/wire.js';
import { LiteIpcError, callError } from '../common/errors.js';
import type { CallContext } from '../contract/call-context.js';
import type { CallMetadata } from '../contract/metadata.js';
import type { ContractMethod } from '../contract/method-table.js';
import { FilesToSend, type FileSource, type ReceivedFile } from '../native/files.js';
import type { CallWatch, WatchedCall } from './call-watch.js';
import type { PendingRequest } from './replies.js';
import type { ServiceStream } from './stream.js';

const noFiles: readonly ReceivedFile[] = Object.freeze([]);

/** A request from its arrival until it was answered or discarded. */
export class IncomingCall implements CallContext, PendingRequest, WatchedCall {
  /** Reason for which the caller no longer waits for the answer. */
  cancelled: LiteIpcError | undefined = undefined;
  /** Called once when the call is cancelled, after its signal was aborted. */
  onCancelled: (() => void) | undefined = undefined;
  /** Called once when the call ends. */
  onEnded: (() => void) | undefined = undefined;
  /** True if the call was answered or discarded. */
  ended = false;
  watched = false;
  revocations = 0;
  /** True if the caller has received an error although the implementation still runs. */
  answered = false;

  /** Files for the result. */
  attached: FilesToSend | undefined = undefined;
  files: readonly ReceivedFile[] = noFiles;
  /** The stream that this call opens, if any. */
  stream: ServiceStream | undefined = undefined;

  #controller: AbortController | undefined = undefined;

  /**
   * `task` received the request; `request` is its `Incoming.Request`. The timestamp says when it
   * was sent, in ns of CLOCK_MONOTONIC, as low and high word. `token` is the number by which the
   * caller may abort the call, else -1.
   */
  constructor(
    readonly task: number,
    readonly request: number,
    readonly caller: Caller,
    readonly callerGeneration: number,
    readonly method: ContractMethod,
    readonly token: number,
    readonly watch: CallWatch<IncomingCall>,
    readonly metadata: CallMetadata,
    private readonly deadlineMs: number,
    private readonly timestampLow: number,
    private readonly timestampHigh: number,
  ) {
    if (token !== -1) watch.add(this);
  }

  get callerTask(): number {
    return this.caller.taskId;
  }

  // Computed on demand: most implementations never read it.
  get deadline(): number {
    if (this.deadlineMs === 0) return Infinity;
    const sentAtNs = (BigInt(this.timestampHigh) << 32n) | BigInt(this.timestampLow);
    const agoMs = Number(process.hrtime.bigint() - sentAtNs) / 1e6;
    return performance.now() - agoMs + this.deadlineMs;
  }

  get remainingMs(): number {
    return Math.max(this.deadline - performance.now(), 0);
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.cancelled !== undefined) this.#controller.abort(this.cancelled);
      else this.watch.add(this);
    }
    return this.#controller.signal;
  }

  attach(file: FileSource): void {
    const { method } = this;
    if (method.oneway || method.outputParcel !== undefined) {
      const why = method.oneway ? 'a one-way method has no answer' : 'its answer is a parcel';
      throw callError('EINVAL', method, `${why}, so it carries no files`);
    }
    if (this.ended) throw callError('EINVAL', method, 'the call has been answered');
    this.attached ??= new FilesToSend();
    this.attached.add(file, { service: method.service, method: method.method });
  }

  /** Aborts the signal and the stream, because the caller no longer waits for the answer. */
  cancel(reason: LiteIpcError): void {
    if (this.ended || this.cancelled !== undefined) return;
    this.cancelled = reason;
    if (this.watched) this.watch.remove(this);
    this.#controller?.abort(reason);
    this.stream?.stop(reason);
    this.onCancelled?.();
  }

  /** Ends the call, because it was answered or discarded. Closes its stream and its files. */
  end(): void {
    this.ended = true;
    this.stream?.close();
    if (this.files !== noFiles) for (const file of this.files) file.callEnded();
    if (this.watched) this.watch.remove(this);
    if (this.onEnded === undefined) return;
    this.onEnded();
    this.onEnded = undefined;
  }
}

/** Returns the call of a context that an implementation received. Throws a TypeError for others. */
export function incomingOf(call: CallContext): IncomingCall {
  if (call instanceof IncomingCall) return call;
  throw new TypeError('Expected the context that this implementation was given');
}
