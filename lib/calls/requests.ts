/**
 * Makes requests of calls. The usual path is one native call from the caller's own tick; what has
 * to wait does so in the queue (request-queue.ts).
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
import { RequestQueue, mayResend } from './send-queue.js';
import { RouteState, type Route, type WaitingRequest } from './route.js';
import { Cookie } from '../wire/header.js';

/** What LiteIPC itself may say of a call besides the program. */
export interface SendOptions extends CallOptions {
  /**
   * Makes the call abortable, and is told at once by what number: its `userData`, and the message's
   * token.
   */
  readonly onNamed?: ((userData: number) => void) | undefined;
  /** Told whenever it was sent, and by which route: again if who got it first has not begun it. */
  readonly onSent?: ((route: Route) => void) | undefined;
}

/** Latest deadline that is told to the service, ms; a later one is this side's affair alone. */
const DEADLINE_MAX_MS = 0x7fff_ffff;

const sentAtOnce: Promise<void> = Promise.resolve();

/** A request as it is kept, without files; the encoder has its data. */
function keptRequest(
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

/** Closes what goes beside a message when its call has ended: perhaps it was never sent. */
function closeWith(promise: Promise<unknown>, objects: ObjectsToSend): void {
  const close = (): void => {
    objects.close();
  };
  promise.then(close, close);
}

/** The requests of one connection. */
export class Requests {
  /** Where to put the files of a result, by the call's `userData`. */
  readonly resultFiles = new Map<number, ReceivedFile[]>();
  readonly queue: RequestQueue;
  /** For the items of streams; anyone may use it between two sends. */
  readonly encoder: Encoder<Attachments>;
  /** Most data of a message, bytes. */
  readonly dataLimit: number;
  readonly #native: NativeDevice;
  readonly #calls: CallTable;
  readonly #outgoing: Uint32Array;
  readonly #aborts: Aborts;

  constructor(native: NativeDevice, calls: CallTable, encoder: Encoder<Attachments>) {
    this.#native = native;
    this.#calls = calls;
    this.encoder = encoder;
    this.#outgoing = native.outgoing;
    this.dataLimit = native.dataLimit;
    this.queue = new RequestQueue(native, calls);
    this.#aborts = new Aborts(native);
  }

  /**
   * Sends a request, now or as soon as its route allows. The promise settles with the answer; of a
   * one-way method as soon as the message was sent.
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
      if (status === 0) return sentAtOnce;
    }
    const calls = this.#calls;
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
          calls.kept[slot] = keptRequest(userData, method, encoder, cookie, options?.onSent);
        }
        options?.onSent?.(route);
        return promise;
      }
    }
    const kept = keptRequest(userData, method, encoder, cookie, options?.onSent);
    const request = { ...kept, objects };
    if (packed?.ready === undefined) this.queue.enqueue(route, request);
    else this.#enqueueWhen(packed.ready, request);
    return promise;
  }

  /**
   * What the message that was encoded last becomes if it has attachments or is too large for one.
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

  /** Meanwhile later requests of the route are sent before it. */
  #enqueueWhen(ready: Promise<void>, request: WaitingRequest): void {
    ready.then(
      () => {
        const slot = this.#calls.find(request.userData);
        if (slot !== -1) this.queue.enqueue(this.#calls.routes[slot] as Route, request);
      },
      (error: unknown) => {
        const slot = this.#calls.find(request.userData);
        if (slot !== -1) this.#calls.reject(slot, encodingError(error, request.method));
      },
    );
  }

  /** Gives up an abortable call, if it is in flight, and tells the service. */
  abort(userData: number, reason: unknown, error?: Error): void {
    const calls = this.#calls;
    const slot = calls.find(userData);
    if (slot === -1) return;
    if (calls.sent[slot] === 1) this.#aborts.send(calls.routes[slot] as Route, userData);
    this.forget(userData, error ?? abortError(calls.methods[slot] as ContractMethod, reason));
  }

  /** Gives up a call, if it is in flight, without telling the service. */
  forget(userData: number, error: Error): void {
    const calls = this.#calls;
    const slot = calls.find(userData);
    if (slot === -1) return;
    const route = calls.routes[slot] as Route;
    if (calls.sent[slot] === 1) this.#native.cancel(calls.callIds[slot] as number);
    calls.reject(slot, error);
    this.queue.expired(route);
  }

  /** After each batch of events: perhaps there is room now. */
  retry(): void {
    this.#aborts.retry();
    this.queue.retryRoom();
  }

  /** The connection has ended. */
  stop(): void {
    this.queue.stop();
    this.#aborts.stop();
  }

  /** Gives a call up when its signal says so, as long as it is in flight. */
  #obey(signal: AbortSignal, promise: Promise<unknown>, userData: number): void {
    const forget = onAbort(signal, () => {
      this.abort(userData, signal.reason);
    });
    promise.then(forget, forget);
  }

  #expectFiles(files: ReceivedFile[], promise: Promise<unknown>, userData: number): void {
    this.resultFiles.set(userData, files);
    const forget = (): void => {
      // The slot may have its next call already, but that has another number.
      this.resultFiles.delete(userData);
    };
    promise.then(forget, forget);
  }
}

/** An error that names the method, made from whatever the encoder threw. */
function encodingError(error: unknown, method: ContractMethod): Error {
  if (!(error instanceof LiteIpcError) || error.method !== undefined) return asError(error);
  return callError(error.code, method, encodingErrorText('input', error));
}

/**
 * Copies the files of a call. Throws as {@link FilesToSend.from}, and for a method that cannot
 * carry any.
 */
function filesOf(options: CallOptions, method: ContractMethod): FilesToSend | undefined {
  const { files } = options;
  if (files === undefined || files.length === 0) return undefined;
  if (method.inputParcel !== undefined) {
    throw callError('EINVAL', method, 'files cannot travel with an input in a parcel format');
  }
  return FilesToSend.from(files, method);
}
