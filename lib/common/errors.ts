/**
 * The error doctrine: one class, told apart by `code`; a message names the service, the method and
 * the remedy. An exception of an implementation is a {@link RemoteError}, so that its code is never
 * taken for one of LiteIPC's own. Wrong argument types from the program itself are a plain
 * TypeError.
 */
import { constants } from 'node:os';

/** Which method of which service an error or an event is about. */
export interface ServiceReference {
  readonly service: string;
  readonly method: string;
}

/**
 * Why LiteIPC failed.
 *
 * - `ENOENT` no such service is registered
 * - `EPIPE` the service died before it answered
 * - `ETIME` no answer in time
 * - `EACCES` the policy or the domain refuses
 * - `ENOMEM` the receiver's pool is full; nothing was sent
 * - `ENODEV` no such domain is running, or it went away
 * - `EEXIST` a live service has the name
 * - `EINVAL` an argument, an input or an output is not what the contract says
 * - `EMSGSIZE` larger than a message may be
 * - `EPROTO` the two sides have different contracts, or the data is not readable
 * - `EBUSY` the service runs as many calls as it may, and its queue is full
 * - `EDQUOT` the caller's user has used up a quota of the policy; {@link LiteIpcError.retryAfterMs}
 * - `ESHUTDOWN` the service is being taken back and has not begun the call
 * - `EOVERFLOW` a subscriber to an event fell behind
 * - `EAGAIN` the domain's or the user's share is used up
 * - `EADDRINUSE` a domain of this name is running
 * - `EPERM` the domain's directory is not safe, or this is root and the domain another user's
 * - `ECANCELED` the device was closed by this program
 * - `ABORT_ERR` the caller's own signal aborted the call; the error's name is `AbortError`
 * - `EREMOTE` an implementation threw an error without a code ({@link RemoteError} only)
 */
export type LiteIpcErrorCode =
  | 'ENOENT'
  | 'EPIPE'
  | 'ETIME'
  | 'EACCES'
  | 'ENOMEM'
  | 'ENODEV'
  | 'EEXIST'
  | 'EINVAL'
  | 'EMSGSIZE'
  | 'EPROTO'
  | 'EBUSY'
  | 'ESHUTDOWN'
  | 'EDQUOT'
  | 'EOVERFLOW'
  | 'EAGAIN'
  | 'EADDRINUSE'
  | 'EPERM'
  | 'ECANCELED'
  | 'ABORT_ERR'
  | 'EREMOTE'
  | (string & {});

/** Everything that LiteIPC throws or rejects with, except TypeErrors for wrong argument types. */
export class LiteIpcError extends Error {
  /** What a program decides by. */
  readonly code: LiteIpcErrorCode;
  /** Name of the service that it is about, if any. */
  readonly service: string | undefined;
  /** Name of the method that it is about, if any. */
  readonly method: string | undefined;
  /** Of EDQUOT: ms after which the same would be let through, if nothing else is sent meanwhile. */
  declare readonly retryAfterMs?: number;

  constructor(
    code: LiteIpcErrorCode,
    message: string,
    about: {
      service?: string;
      method?: string;
      cause?: unknown;
      retryAfterMs?: number | undefined;
    } = {},
  ) {
    super(message, 'cause' in about ? { cause: about.cause } : undefined);
    this.code = code;
    this.service = about.service;
    this.method = about.method;
    if (about.retryAfterMs !== undefined) this.retryAfterMs = about.retryAfterMs;
  }

  static {
    this.prototype.name = 'LiteIpcError';
  }
}

/**
 * An error that reaches the caller as LiteIPC's own and not as an exception of the implementation.
 * For the parts of LiteIPC that are themselves services, and for what fails a contract.
 */
export class Refusal extends LiteIpcError {}

const errnoNames = new Map<number, string>(
  Object.entries(constants.errno).map(([name, value]) => [value, name]),
);
// Two names for one number on Linux: the common one wins.
errnoNames.set(constants.errno.EAGAIN, 'EAGAIN');

/** Name of a negative errno, e.g. `EACCES`. */
export function codeOfStatus(status: number): LiteIpcErrorCode {
  return errnoNames.get(-status) ?? `E${-status}`;
}

/** The negative errno of a name. */
export const Status = {
  noEntry: -constants.errno.ENOENT,
  noDevice: -constants.errno.ENODEV,
  noMemory: -constants.errno.ENOMEM,
  noProcess: -constants.errno.ESRCH,
  access: -constants.errno.EACCES,
  invalid: -constants.errno.EINVAL,
  messageSize: -constants.errno.EMSGSIZE,
  brokenPipe: -constants.errno.EPIPE,
  inProgress: -constants.errno.EINPROGRESS,
  again: -constants.errno.EAGAIN,
} as const;

const explanations: Readonly<Record<string, string>> = {
  ENOENT: 'the service does not exist any more; the next call looks it up again',
  EPIPE: 'the service died before it answered; the next call looks it up again',
  EACCES: 'this process has no right to call it; the ServiceManager gives it by its policy',
  ENOMEM:
    "the service's pool is full of messages from this process; nothing was sent: call again when it " +
    'has caught up, keep fewer calls in flight, or open its device with a larger poolSize',
  ENODEV:
    'the domain is gone; the device reconnects by itself, what was in flight is not sent again',
  ECANCELED: 'the device was closed by this program',
  EINVAL: 'the domain refused the message',
};

/** The error of a call that ended with `code` without an answer. */
export function callError(
  code: LiteIpcErrorCode,
  about: ServiceReference,
  explanation?: string,
  retryAfterMs?: number,
): LiteIpcError {
  const text = explanation ?? explanations[code] ?? 'the call failed';
  const { service, method } = about;
  const details = { service, method, retryAfterMs };
  return new LiteIpcError(code, `${service}.${method}: ${text} (${code})`, details);
}

/** Like {@link callError}, but as an error with which LiteIPC answers a call. */
export function callRefusal(
  code: LiteIpcErrorCode,
  about: ServiceReference,
  explanation: string,
  details: { readonly cause?: unknown; readonly retryAfterMs?: number | undefined } = {},
): Refusal {
  const { service, method } = about;
  const text = `${service}.${method}: ${explanation} (${code})`;
  return new Refusal(code, text, { service, method, ...details });
}

/** The error of a call that its own signal has aborted, named as the platform names such errors. */
export function abortError(about: ServiceReference, reason: unknown): LiteIpcError {
  const text = `${about.service}.${about.method}: aborted by its signal (ABORT_ERR)`;
  const error = new LiteIpcError('ABORT_ERR', text, { ...about, cause: reason });
  Object.defineProperty(error, 'name', {
    value: 'AbortError',
    configurable: true,
    enumerable: false,
    writable: true,
  });
  return error;
}

/** What was thrown, as an error: JavaScript can throw anything. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/**
 * Whether a service has refused a call because it is being taken back: then it has not begun it.
 */
export function isShutdown(error: Error): boolean {
  return (
    error instanceof LiteIpcError && error.code === 'ESHUTDOWN' && error.name === 'LiteIpcError'
  );
}
