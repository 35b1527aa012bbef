/**
 * Implements the caller's side of a stream. The opening call is an ordinary call, which is
 * answered when the stream has ended. Further requests belong to it: each PULL fetches one batch
 * of items, and each PUSH sends one batch of the caller's items.
 */
import { checkCallOptions, type CallOptions } from '../contract/call-options.js';
import type { ContractMethod } from '../contract/method-table.js';
import { LiteIpcError, abortError, asError, callError } from '../common/errors.js';
import { ItemReader } from '../streams/reader.js';
import { ItemSource, checkItems, encodeItem } from '../streams/writer.js';
import type { Requests } from './requests.js';
import { Route } from './route.js';
import { StreamHandle, failedStream } from './stream-handle.js';
import { BatchFlag, BatchReader, endBatch, failedBatch, STREAM_WINDOW } from '../streams/batch.js';
import {
  RemoteError,
  toWireError,
  withSendableProperties,
  withoutProperties,
} from '../wire/remote-error.js';
import { StreamCode } from '../wire/header.js';

/** The connection and the route of a stream. */
export interface StreamPlace {
  readonly requests: Requests;
  /** The route of the opening call. */
  readonly route: Route;
  /** All routes of the connection, which receive its lane events. */
  readonly routes: Set<Route>;
}

const nothing = new Uint8Array(0);
const ignore = (): void => undefined;
/**
 * Maximum size of the error that ends the caller's items, bytes. Its text has at most 4000
 * characters.
 */
const ERROR_MAX = 32 * 1024;

/**
 * Codes after which the stream cannot be used: it has ended, the service has ended, or the right
 * to call was revoked.
 */
const meansOver: ReadonlySet<string> = new Set([
  ...['ECANCELED', 'EACCES', 'EPIPE', 'EINVAL', 'ENOENT', 'ESRCH', 'ENODEV'],
]);

/** Returns the method of a request that belongs to the stream with this token. */
function sideMethod(method: ContractMethod, code: number, streamToken: number): ContractMethod {
  const { service, method: name, kind } = method;
  return {
    service,
    method: name,
    index: code,
    kind,
    oneway: code === StreamCode.Push,
    input: undefined,
    output: undefined,
    itemInput: undefined,
    itemOutput: undefined,
    inputParcel: undefined,
    outputParcel: undefined,
    streamToken,
  };
}

/**
 * An `OpenStream` implements a {@link ClientStream} and does not refer to it, so that an unused
 * stream object can be collected.
 */
class OpenStream {
  readonly reader: ItemReader;
  readonly opened: Promise<void>;
  /** The answer to the opening call. Settles when the stream has ended. */
  readonly result: Promise<unknown>;
  #token = -1;
  /** The `userData` of the unanswered PULL and READY requests. */
  readonly #asked = new Set<number>();
  readonly #source: ItemSource | undefined;
  #sentBatches = 0;
  #takenBatches = 0;
  #ended = false;
  #constructed = false;
  #sentBy: Route | undefined;
  /** The route of all requests except the opening call. */
  #side: Route | undefined;
  /** Number of PUSH requests that have not been sent yet. */
  #pushing = 0;
  #resolveOpened: () => void = ignore;
  #rejectOpened: (error: Error) => void = ignore;

  constructor(
    private readonly place: StreamPlace,
    private readonly method: ContractMethod,
    input: unknown,
    private items: unknown,
    options: CallOptions | undefined,
  ) {
    const { requests, route } = place;
    const about = { service: method.service, method: method.method };
    this.reader = new ItemReader({
      about,
      what: 'output',
      schema: undefined,
      onTaken: () => this.#pull(),
      onLeft: (error) => this.abort(error),
    });
    this.opened = new Promise((resolve, reject) => {
      this.#resolveOpened = resolve;
      this.#rejectOpened = reject;
    });
    this.opened.catch(ignore);

    const timeoutMs = options?.timeoutMs ?? Infinity;
    this.result = requests.send(route, method, input, timeoutMs, {
      ...options,
      onNamed: (token) => {
        this.#token = token;
      },
      onSent: (sentBy) => this.#begin(sentBy),
    });
    this.result.then(
      () => this.#end(),
      (error: unknown) => this.#end(asError(error)),
    );
    const takesItems = method.kind === 'sink' || method.kind === 'duplex';
    if (takesItems) {
      this.#source = new ItemSource({
        about,
        what: 'input',
        schema: undefined,
        encoder: requests.encoder,
        dataLimit: requests.dataLimit,
        send: (batch) => {
          this.#sentBatches++;
          this.#push(batch);
        },
      });
    }
    this.#constructed = true;
    if (this.#sentBy !== undefined) this.#begin(this.#sentBy);
  }

  /**
   * Begins the stream after the opening call was sent. Later requests go to the same task, even if
   * another task takes over the name.
   */
  #begin(sentBy: Route): void {
    this.#sentBy = sentBy;
    // The opening call may be sent during the constructor.
    if (!this.#constructed || this.#ended) return;
    this.#forgetAsked();
    this.#dropRoute();
    const side = new Route(sentBy.service, sentBy.task, undefined);
    side.handle = sentBy.handle;
    side.generation = sentBy.generation;
    side.waitsForRoom = true;
    this.#side = side;
    this.place.routes.add(side);
    const { kind } = this.method;
    if (this.#source !== undefined) this.#sendItems(this.#source, this.items);
    if (kind !== 'sink') for (let count = 0; count < STREAM_WINDOW; count++) this.#pull();
    if (this.#source !== undefined) this.#askTaken();
  }

  #forgetAsked(): void {
    const over = callError('ECANCELED', this.method, 'the stream has ended');
    for (const userData of [...this.#asked]) this.place.requests.forget(userData, over);
  }

  #dropRoute(): void {
    if (this.#side !== undefined && this.#pushing === 0) this.place.routes.delete(this.#side);
  }

  /** Ends the stream at both sides. */
  abort(reason: unknown): void {
    if (this.#ended) return;
    if (this.#token !== -1) this.place.requests.abort(this.#token, reason);
    this.#end(abortError(this.method, reason));
  }

  /** Ends this side. The reader gets `error` after the items that have arrived. */
  #end(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    const isOwn =
      error instanceof LiteIpcError && (error.code === 'ABORT_ERR' || error.code === 'ETIME');
    if (error === undefined) {
      this.#resolveOpened();
      this.reader.end();
    } else {
      this.#rejectOpened(error);
      // A caller that aborts does not want the items that have arrived.
      if (isOwn && !(error instanceof RemoteError)) this.reader.fail(error);
      else this.reader.end(error);
    }
    this.#source?.stop();
    this.#forgetAsked();
    this.#dropRoute();
  }

  /** Ends the stream at both sides with an error of this side. */
  #fail(error: Error): void {
    if (this.#ended) return;
    this.#end(error);
    this.place.requests.abort(this.#token, error, error);
  }

  /** Handles the failure of a PULL, READY or PUSH. */
  #sideFailed(error: unknown): void {
    // The opening call ends, too, and its error is more precise.
    if (error instanceof LiteIpcError && meansOver.has(error.code)) return;
    this.#fail(asError(error));
  }

  #pull(): void {
    this.#ask(StreamCode.Pull, (bytes) => {
      this.#resolveOpened();
      const batch = new BatchReader(bytes);
      // The answer to the opening call ends the stream.
      if ((batch.flags & BatchFlag.End) === 0) this.reader.add(batch);
    });
  }

  #askTaken(): void {
    this.#ask(StreamCode.Ready, (bytes) => {
      if (bytes.length !== 5)
        throw callError('EPROTO', this.method, 'the answer to READY cannot be decoded');
      const isEnough = bytes[0] !== 0;
      if (isEnough) {
        this.#source?.stop();
        return;
      }
      this.#takenBatches = Buffer.from(bytes).readUInt32LE(1);
      this.#giveCredit();
      this.#askTaken();
    });
  }

  #giveCredit(): void {
    const source = this.#source;
    if (source === undefined) return;
    const unread = (this.#sentBatches - this.#takenBatches) >>> 0;
    for (let count = unread + source.credits; count < STREAM_WINDOW; count++) source.credit();
  }

  /** Sends a PULL or READY, and passes its answer to `onAnswer`. */
  #ask(code: number, onAnswer: (bytes: Uint8Array) => void): void {
    const route = this.#side;
    if (this.#ended || route === undefined) return;
    const { requests } = this.place;
    const method = sideMethod(this.method, code, this.#token);
    let number = -1;
    const answer = requests.send(route, method, nothing, Infinity, {
      onNamed: (userData) => {
        number = userData;
        this.#asked.add(userData);
      },
    });
    answer
      .then((bytes) => {
        this.#asked.delete(number);
        if (!this.#ended) onAnswer(bytes as Uint8Array);
      })
      .catch((error: unknown) => {
        this.#asked.delete(number);
        this.#sideFailed(error);
      });
  }

  #push(batch: Uint8Array): void {
    const route = this.#side;
    if (this.#ended || route === undefined) return;
    const { requests } = this.place;
    const method = sideMethod(this.method, StreamCode.Push, this.#token);
    this.#pushing++;
    requests
      .send(route, method, batch, Infinity)
      .catch((error: unknown) => this.#sideFailed(error))
      .finally(() => {
        this.#pushing--;
        if (this.#ended) this.#dropRoute();
      });
  }

  #sendItems(source: ItemSource, items: unknown): void {
    source.run(items).then(
      () => this.#push(endBatch),
      (error: unknown) => this.#itemsFailed(asError(error)),
    );
    this.#giveCredit();
  }

  /**
   * Handles an error that the caller's items have thrown: the service receives a copy, the caller
   * receives the error itself.
   */
  #itemsFailed(error: Error): void {
    if (this.#ended) return;
    this.#push(failedBatch(this.#encodeError(error)));
    this.#end(error);
    this.place.requests.forget(this.#token, error);
  }

  #encodeError(error: Error): { readonly data: Uint8Array; readonly encoding: 0 | 1 } {
    const { encoder, dataLimit } = this.place.requests;
    const wire = toWireError(error);
    for (const form of [wire, withSendableProperties(wire), withoutProperties(wire)]) {
      try {
        encodeItem(encoder, form, Math.min(ERROR_MAX, dataLimit - 16), 'error', this.method);
        break;
      } catch {
        // The next form has fewer properties.
      }
    }
    return { data: encoder.copy(), encoding: encoder.encoding };
  }
}

/**
 * Returns the function of a client object for a streaming method. `place` returns the current
 * route, or throws a LiteIpcError. Wrong arguments throw a TypeError at once. Any other error ends
 * the stream.
 */
export function streamCaller(
  method: ContractMethod,
  place: () => StreamPlace,
): (...args: unknown[]) => unknown {
  const { kind } = method;
  return (...args) => {
    const takesItems = kind === 'sink' || kind === 'duplex';
    const options = kind === 'event' ? args[0] : args[1];
    const input = kind === 'stream' ? args[0] : undefined;
    try {
      if (options !== undefined) checkCallOptions(options, method);
      const items = takesItems ? args[0] : undefined;
      if (takesItems) checkItems(items, `the input of ${method.service}.${method.method}`);
      const stream = new OpenStream(place(), method, input, items, options);
      // A separate promise, so that an unhandled rejection is reported as usual.
      if (kind === 'sink') return stream.result.then((value) => value);
      return new StreamHandle(stream);
    } catch (error) {
      if (kind === 'sink') return Promise.reject(asError(error));
      if (!(error instanceof LiteIpcError)) throw error;
      return failedStream(error);
    }
  };
}
