/**
 * One request on its way through a service: what the implementation learns, and what LiteIPC keeps
 * of it.
 */
import type { Caller } from '../../types/wire.js';
import type { CallWatch } from './call-watch.js';
import type { CallContext } from '../contract/call-context.js';
import type { CallMetadata } from '../contract/metadata.js';
import type { ContractMethod } from '../contract/method-table.js';
import { LiteIpcError } from '../common/errors.js';
import { FilesToSend, type FileSource, type ReceivedFile } from '../native/files.js';
import type { PendingRequest } from './replies.js';
import type { ServiceStream } from './stream.js';

const noFiles: readonly ReceivedFile[] = Object.freeze([]);

/** A request that is being answered. */
export class IncomingCall implements CallContext, PendingRequest {
  /** Why nobody waits for the answer any more. */
  givenUp: LiteIpcError | undefined = undefined;
  /** Called once when it is given up, after its signal. */
  onGivenUp: (() => void) | undefined = undefined;
  /** Called once when it ends. */
  onEnded: (() => void) | undefined = undefined;
  /** Answered, or in another way done with. */
  ended = false;
  /** Whether the watch knows it. */
  watched = false;
  /** `NativeDevice.revocations` of its task, since it is watched. */
  revocations = 0;
  /** Whether the caller has been told already that it gets no answer. */
  answered = false;

  /** Files for the result. */
  attached: FilesToSend | undefined = undefined;
  files: readonly ReceivedFile[] = noFiles;
  /** Of a call that opens a stream. */
  stream: ServiceStream | undefined = undefined;

  #controller: AbortController | undefined = undefined;

  /**
   * `task` received it, `request` is its `Incoming.Request`; the timestamp is when it was sent,
   * CLOCK_MONOTONIC ns, low and high word. `token` is the caller's own name of a call that it may
   * abort by its signal, else -1.
   */
  constructor(
    readonly task: number,
    readonly request: number,
    readonly caller: Caller,
    readonly callerGeneration: number,
    readonly method: ContractMethod,
    readonly token: number,
    readonly watch: CallWatch,
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

  // Computed when asked for: most implementations never ask.
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
      if (this.givenUp !== undefined) this.#controller.abort(this.givenUp);
      else this.watch.add(this);
    }
    return this.#controller.signal;
  }

  attach(file: FileSource): void {
    const { method } = this;
    const about = { service: method.service, method: method.method };
    if (method.oneway || method.outputParcel !== undefined) {
      const why = method.oneway ? 'a one-way method has no answer' : 'its answer is a parcel';
      throw new LiteIpcError(
        'EINVAL',
        `${about.service}.${about.method}: ${why}, so it carries no files (EINVAL)`,
        about,
      );
    }
    if (this.ended) {
      throw new LiteIpcError(
        'EINVAL',
        `${about.service}.${about.method}: the call has been answered (EINVAL)`,
        about,
      );
    }
    this.attached ??= new FilesToSend();
    this.attached.add(file, about);
  }

  /** Nobody waits for the answer any more. */
  giveUp(reason: LiteIpcError): void {
    if (this.ended || this.givenUp !== undefined) return;
    this.givenUp = reason;
    if (this.watched) this.watch.remove(this);
    this.#controller?.abort(reason);
    this.stream?.stop(reason);
    this.onGivenUp?.();
  }

  /** It has been answered, or in another way done with. */
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

/** What LiteIPC knows of a call whose context an implementation was given. */
export function incomingOf(call: CallContext): IncomingCall {
  if (call instanceof IncomingCall) return call;
  throw new TypeError('Expected the context that this implementation was given');
}
