/**
 * Turns calls into requests. Usually that is one native call in the turn of the caller. A request
 * that has to wait is queued (send-queue.ts).
 */
import type { NativeDevice } from '../../types/native.js';
import type { CallOptions } from '../contract/call-options.js';
import { Aborts, onAbort } from './abort.js';
import type { CallTable } from './call-table.js';
import { encodingErrorText, type Encoder } from '../wire/codec.js';
import type { ContractMethod } from '../contract/method-table.js';
import { abortError, asError, callError, LiteIpcError } from '../common/errors.js';
import { FilesToSend, type ReceivedFile } from '../native/files.js';
import { packMessage, type Attachments, type PackedMessage } from '../attachments/outgoing.js';
import { Outgoing } from '../native/layout.js';
import { encodeMetadata } from '../wire/metadata.js';
import type { ObjectsToSend } from '../native/message-objects.js';
import { SendQueue, mayResend } from './send-queue.js';
import { RouteState, type Route, type WaitingRequest } from './route.js';
import { Cookie } from '../wire/header.js';

/** Options of a send: those of the program, and callbacks for other parts of LiteIPC. */
export interface SendOptions extends CallOptions {
  /**
   * Makes the call abortable. Receives at once the `userData` of the call, which is also the token
   * of the message.
   */
  readonly onNamed?: ((userData: number) => void) | undefined;
  /**
   * Called whenever the request was sent, with its route. A request is sent again if the first
   * service has not begun the call.
   */
  readonly onSent?: ((route: Route) => void) | undefined;
}

/** Longest deadline that a message carries, ms. Only the caller enforces a longer one. */
const DEADLINE_MAX_MS = 0x7fff_ffff;

const resolved: Promise<void> = Promise.resolve();

/** Returns the message in the encoder as a request that can be queued, without objects. */
function encodedRequest(
  userData: number,
  method: ContractMethod,
  encoder: Encoder,
  cookie: number,
  onSent: WaitingRequest['onSent'],
): WaitingRequest {
  const since = performance.now();
  return {
    userData,
    method,
    data: encoder.copy(),
    cookie,
    objects: undefined,
    refused: 0,
    since,
    onSent,
  };
}

/**
 * Closes the objects of a message when its call has ended, because it may never have been sent.
 */
function closeWith(promise: Promise<unknown>, objects: ObjectsToSend): void {
  const close = (): void => objects.close();
  promise.then(close, close);
}

/** Sends the requests of one connection. */
export class Requests {
  /** Receives the files of results, by the `userData` of the call. */
  readonly resultFiles = new Map<number, ReceivedFile[]>();
  readonly queue: SendQueue;
  /** Encodes the items of streams, too. Any code may use it between two sends. */
  readonly encoder: Encoder<Attachments>;
  /** Maximum size of the data of a message, bytes. */
  readonly dataLimit: number;
  readonly #outgoing: Uint32Array;
  readonly #aborts: Aborts;

  constructor(
    private readonly native: NativeDevice,
    private readonly calls: CallTable,
    encoder: Encoder<Attachments>,
  ) {
    this.encoder = encoder;
    this.#outgoing = native.outgoing;
    this.dataLimit = native.dataLimit;
    this.queue = new SendQueue(native, calls);
    this.#aborts = new Aborts(native);
  }

  /**
   * Sends a request, now or as soon as its route allows. The promise settles with the answer. For
   * a one-way method it resolves when the message was sent.
   */
  send(
    route: Route,
    method: ContractMethod,
    input: unknown,
    timeoutMs: number,
    options?: SendOptions,
  ): Promise<unknown> {
    const signal = options?.signal;
    if (signal?.aborted === true) return Promise.reject(abortError(method, signal.reason));
    if (options?.files !== undefined) {
      let files: FilesToSend | undefined;
      try {
        files = filesOf(options, method);
      } catch (error) {
        return Promise.reject(asError(error));
      }
      if (files !== undefined) {
        const promise = this.#send(route, method, input, timeoutMs, options, files);
        closeWith(promise, files);
        return promise;
      }
    }
    return this.#send(route, method, input, timeoutMs, options);
  }

  #send(
    route: Route,
    method: ContractMethod,
    input: unknown,
    timeoutMs: number,
    options: SendOptions | undefined,
    files?: FilesToSend,
  ): Promise<unknown> {
    const signal = options?.signal;
    const encoder = this.encoder;
    let cookie: number;
    let packed: PackedMessage | undefined;
    try {
      const metadata =
        options?.metadata === undefined
          ? undefined
          : encodeMetadata(encoder, options.metadata, method);
      if (method.streamToken === -1) encoder.encodeWithAttachments(input, method.inputParcel);
      else encoder.setData(input as Uint8Array, 0);
      packed = this.#pack(method, files, metadata?.length ?? 0);
      cookie = encoder.encoding | (packed?.cookie ?? 0);
      if (metadata !== undefined) {
        encoder.append(metadata);
        cookie |= Cookie.Metadata;
      }
    } catch (error) {
      return Promise.reject(encodingError(error, method));
    }
    const objects = packed?.objects ?? files;

    if (method.oneway && route.state === RouteState.Ready && packed?.ready === undefined) {
      const status = this.queue.transmit(route, method, encoder, cookie, 0, 0, objects);
      if (status === 0) return resolved;
    }
    const calls = this.calls;
    let slot: number;
    try {
      slot = calls.take(route, method, timeoutMs);
    } catch (error) {
      packed?.objects.close();
      return Promise.reject(asError(error));
    }
    const promise = calls.promise();
    if (packed !== undefined) closeWith(promise, packed.objects);
    const userData = calls.userData(slot);
    if (signal !== undefined) {
      this.#obey(signal, promise, userData);
      if (!method.oneway) cookie |= Cookie.Abortable;
    }
    if (options?.onNamed !== undefined) {
      if (method.streamToken === -1) cookie |= Cookie.Abortable;
      options.onNamed(userData);
    }
    if (options?.resultFiles !== undefined) {
      this.#expectFiles(options.resultFiles, promise, userData);
    }
    if (route.state === RouteState.Ready && !method.oneway && packed?.ready === undefined) {
      const remainingMs =
        timeoutMs === Infinity ? 0 : Math.min(Math.ceil(timeoutMs), DEADLINE_MAX_MS);
      const status = this.queue.transmit(
        route,
        method,
        encoder,
        cookie,
        userData,
        remainingMs,
        objects,
      );
      if (status === 0) {
        calls.markSent(slot, this.#outgoing[Outgoing.CallId] as number);
        if (mayResend(route, method, objects)) {
          calls.resendable[slot] = encodedRequest(
            userData,
            method,
            encoder,
            cookie,
            options?.onSent,
          );
        }
        options?.onSent?.(route);
        return promise;
      }
    }
    const sent = encodedRequest(userData, method, encoder, cookie, options?.onSent);
    const request = { ...sent, objects };
    if (packed?.ready === undefined) this.queue.enqueue(route, request);
    else this.#enqueueWhen(packed.ready, request);
    return promise;
  }

  /**
   * Completes the message that was encoded last, if it has attachments or is too large. Returns
   * undefined for any other message. Throws a LiteIpcError with EMSGSIZE for a large parcel.
   */
  #pack(
    method: ContractMethod,
    files: FilesToSend | undefined,
    behind: number,
  ): PackedMessage | undefined {
    const encoder = this.encoder;
    const size = encoder.size + behind + (files?.size ?? 0);
    if (encoder.attachments === undefined && size <= this.dataLimit) return undefined;
    if (method.inputParcel !== undefined) {
      const text = `the parcel takes ${size} bytes, a message at most ${this.dataLimit}; send it in parts`;
      throw new LiteIpcError('EMSGSIZE', text);
    }
    return packMessage(encoder, files, behind);
  }

  /**
   * Queues the request when its objects are ready. Later requests of the route may overtake it.
   */
  #enqueueWhen(ready: Promise<void>, request: WaitingRequest): void {
    ready.then(
      () => {
        const slot = this.calls.find(request.userData);
        if (slot !== -1) this.queue.enqueue(this.calls.routes[slot] as Route, request);
      },
      (error: unknown) => {
        const slot = this.calls.find(request.userData);
        if (slot !== -1) this.calls.reject(slot, encodingError(error, request.method));
      },
    );
  }

  /** Cancels an abortable call that is in flight, and notifies the service. */
  abort(userData: number, reason: unknown, error?: Error): void {
    const calls = this.calls;
    const slot = calls.find(userData);
    if (slot === -1) return;
    if (calls.sent[slot] === 1) this.#aborts.send(calls.routes[slot] as Route, userData);
    this.forget(userData, error ?? abortError(calls.methods[slot] as ContractMethod, reason));
  }

  /** Cancels a call that is in flight, without notifying the service. */
  forget(userData: number, error: Error): void {
    const calls = this.calls;
    const slot = calls.find(userData);
    if (slot === -1) return;
    const route = calls.routes[slot] as Route;
    if (calls.sent[slot] === 1) this.native.cancel(calls.callIds[slot] as number);
    calls.reject(slot, error);
    this.queue.expired(route);
  }

  /** Retries what waits for room. Called after each batch of events. */
  retry(): void {
    this.#aborts.retry();
    this.queue.retryRoom();
  }

  /** Stops all retries: the connection has ended. */
  stop(): void {
    this.queue.stop();
    this.#aborts.stop();
  }

  /** Cancels the call when its signal is aborted. */
  #obey(signal: AbortSignal, promise: Promise<unknown>, userData: number): void {
    const forget = onAbort(signal, () => this.abort(userData, signal.reason));
    promise.then(forget, forget);
  }

  #expectFiles(files: ReceivedFile[], promise: Promise<unknown>, userData: number): void {
    this.resultFiles.set(userData, files);
    const forget = (): void => {
      // The next call may have the slot already, but it has another `userData`.
      this.resultFiles.delete(userData);
    };
    promise.then(forget, forget);
  }
}

/** Adds the name of the method to an error of the encoder. */
function encodingError(error: unknown, method: ContractMethod): Error {
  if (!(error instanceof LiteIpcError) || error.method !== undefined) return asError(error);
  return callError(error.code, method, encodingErrorText('input', error));
}

/**
 * Duplicates the files of a call. Throws as {@link FilesToSend.from} does, and EINVAL for a method
 * whose input is a parcel.
 */
function filesOf(options: CallOptions, method: ContractMethod): FilesToSend | undefined {
  const { files } = options;
  if (files === undefined || files.length === 0) return undefined;
  if (method.inputParcel !== undefined) {
    throw callError('EINVAL', method, 'files cannot travel with an input in a parcel format');
  }
  return FilesToSend.from(files, method);
}
